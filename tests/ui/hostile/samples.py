"""Sessions and charges whose every external text is hostile."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.core.figures import Usage
from handinger_tui.core.stream import CustomPart, FilePart, Frame, Snapshot, SourcePart
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import (
    Attachment,
    DataPart,
    ErrorKind,
    Fault,
    Part,
    ReasoningPart,
    Rope,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    TurnRequest,
    TurnStatus,
)
from tests.engine.fakes import PLACE, FakeLog
from tests.ui.fake_money import NOW_MS, charge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from handinger_tui.core.money.spending import TurnCharge


def parts(text: str) -> Iterator[Part]:
    """A part of every kind, made of the text."""
    yield TextPart(Rope() + text, False)
    yield ReasoningPart(Rope() + text, False)
    yield ToolPart(
        "c", text, ToolState.OUTPUT_ERROR, input={text: [text]}, output={text: text}, error=text, title=text
    )
    yield ToolPart("d", "x", ToolState.OUTPUT_AVAILABLE, input_text=text, output=text)
    yield FilePart("https://f.example/" + text, text, text, 3)
    yield DataPart(text, {text: [text, {text: None}]})
    yield CustomPart(text, {text: text})
    yield SourcePart(text, "https://s.example/" + text, text)
    yield SourcePart("d" + text, None, text, text, text)


def turn(at: int, text: str, **members: object) -> Turn:
    """Turn number `at`, failed, with the text in each of its places."""
    request = TurnRequest(
        f"turn_{at}", text, NOW_MS, target_id=text, attachments=(Attachment(text, text, 3, text),)
    )
    snapshot = Snapshot(
        text,
        usage=Usage(cost_usd=Decimal("0.01")),
        files=(FilePart(text, text, "https://w.example/" + text, 5),),
        sources=(SourcePart(text, "https://w.example/s" + text, text),),
    )
    result = Turn(
        request, status=TurnStatus.FAILED, parts=tuple(parts(text)), worker_id=text, snapshot=snapshot,
        fault=Fault(ErrorKind.SERVER, text, 500), errors=(text,), replaced_text=text, activity=text,
        ended_ms=NOW_MS, finish_reason=text, read_ms=NOW_MS,
    )  # fmt: skip
    return replace(result, **members)


def session(texts: Sequence[str]) -> Session:
    """One turn for each text."""
    turns = tuple(turn(at, text) for at, text in enumerate(texts))
    return Session("ses_h", NOW_MS, worker_id=texts[-1], base_url=PLACE, title=texts[0], turns=turns)


def charges(texts: Sequence[str]) -> list[TurnCharge]:
    """A charge of the ledger for each text."""
    return [
        charge(
            f"t{at}",
            "0.01",
            title=text,
            session_id=text,
            worker_id=text,
            budget=text,
            at_ms=NOW_MS - at * 1000,
        )
        for at, text in enumerate(texts)
    ]


@dataclass
class HostileLog(FakeLog):
    """A log with one more session: the hostile one."""

    hostile: Session | None = None

    async def load(self, session_id: str) -> Session | None:
        return self.hostile if session_id == "ses_h" else await super().load(session_id)

    async def frames(self, turn_id: str, since: int = 0) -> list[Frame]:
        return list(self.stored.get(turn_id, ()))
