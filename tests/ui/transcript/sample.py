"""One turn with every kind of part."""

# ruff: noqa: E501  # the answer is one text

from __future__ import annotations

from decimal import Decimal

from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.turn import (
    Attachment,
    DataPart,
    ErrorKind,
    Fault,
    ReasoningPart,
    Rope,
    StepPart,
    ToolPart,
    ToolState,
    Turn,
    TurnRequest,
    TurnStatus,
)
from tests.ui.transcript.screen import text_part

ANSWER = """## Three invoices are late

The export holds **214 invoices**; three are past their date. The largest is *Nordwind GmbH* with `4,180.00 EUR`, see
[the dunning rules](https://example.com/rules?year=2026) and https://docs.example.org/late-fees.

| Invoice | Customer | Days late | Amount |
|:--------|:---------|----------:|-------:|
| 2026-031 | Nordwind GmbH | 41 | 4,180.00 |
| 2026-044 | 東京商事株式会社 | 12 | 960.50 |
| 2026-047 | Café Résumé & Söhne, a customer with quite a long name | 3 | 75.00 |

1. Send a reminder for *2026-031* today.
2. The others can wait:
   - 2026-044 is in dispute
   - 2026-047 was paid on **Monday**

- [x] totals checked
- [ ] reminders sent

```python
from decimal import Decimal

def late(invoices: list[Invoice]) -> Decimal:
    # everything that is past its date
    return sum((i.amount for i in invoices if i.days > 0), Decimal(0))
```

> Fees may be charged from day 30 on.
> Ask first.
"""

COMPLETE = Turn(
    TurnRequest(
        "turn-1",
        "Which invoices in the export are late,\nand what should I do about them?",
        1,
        attachments=(Attachment("/x/invoices.csv", "invoices.csv", 48_200, "text/csv"),),
    ),
    status=TurnStatus.COMPLETED,
    parts=(
        ReasoningPart(
            Rope() + "**Reading the file**\n\nThe columns are clear.\nThree rows are late.", open=False
        ),
        ToolPart(
            "c1",
            "read_file",
            ToolState.OUTPUT_AVAILABLE,
            input={"path": "invoices.csv"},
            output={"rows": 214},
        ),
        ToolPart(
            "c2",
            "web_search",
            ToolState.OUTPUT_AVAILABLE,
            input={"query": "late payment fees EU directive", "limit": 5},
            output={"hits": [{"title": "Late payments", "score": Decimal("0.93")}]},
        ),
        StepPart(),
        ToolPart(
            "c3", "send_mail", ToolState.OUTPUT_ERROR, input={"to": "nordwind"}, error="No mailbox is set up."
        ),
        text_part(ANSWER),
        FilePart(
            "https://files.example.com/f/reminders.pdf?sig=a%2Bb", "application/pdf", "reminders.pdf", 18_240
        ),
        DataPart("data-chart", {"kind": "bar", "series": [4180, 960.5, 75]}),
        SourcePart("s1", "https://example.com/rules", "Dunning rules"),
        SourcePart("s2", "https://docs.example.org/late-fees", "Late fees"),
    ),
)
RECEIPT = "12 s · 3 steps · 8,214 tokens · 8 credits · $0.0123 · standard · 2 sources · 1 file"

FAILED = Turn(
    TurnRequest("turn-2", "Now send the reminders.", 2),
    status=TurnStatus.INCOMPLETE,
    parts=(text_part("I will send the first reminder now. The"),),
    fault=Fault(ErrorKind.NETWORK, "The connection was reset after 39 characters."),
)
LIVE = Turn(
    TurnRequest("turn-3", "Go on.", 3),
    status=TurnStatus.ACCEPTED,
    parts=(
        ReasoningPart(Rope() + "Where was I?\nThe first reminder.", open=True),
        ToolPart("c4", "send_mail", ToolState.INPUT_AVAILABLE, input={"to": "billing@nordwind.example"}),
    ),
    activity="writing the second reminder",
)
