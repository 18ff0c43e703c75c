"""The states of the app that are stored as text: their steps, and the keys that show them at every size."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

from textual.pilot import Pilot

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import Doubtful, Refused
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.turns import turn
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.dialogs import Question
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.spending.limit_dialogs import RaiseLimit
from tests.engine.fakes import FakeApi, Script, says, worker
from tests.ui.fake_money import FakeLedger, charge
from tests.ui.fakes import LOCAL, Desktop, answers, launch, summary
from tests.ui.screens import preview_files
from tests.ui.screens.spending_samples import some
from tests.ui.screens.test_budgets import history
from tests.ui.screens.test_data import OUTPUT, given
from tests.ui.screens.test_queue import queue_up, running
from tests.wire.recordings import DONE, sse

Steps = Callable[[Desktop, Pilot[None]], Awaitable[None]]


class Kind(Enum):
    """The shown kind, which decides the required content."""

    WORK = "the transcript and the prompt"
    PAGE = "a full page with a footer of its own"
    DIALOG = "a question or a list over the rest"


class State(NamedTuple):
    """`steps` reach it once; `show` and `leave` are pressed before and after each picture."""

    name: str
    desktop: Callable[[], Desktop]
    steps: Steps
    show: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    kind: Kind = Kind.WORK


# -- an answer with everything ------------------------------------------------------------
REPORT = """\
## Heat pumps in cold towns

A heat pump **moves** heat instead of making it [1], so one unit of current gives about three of heat.

| City | Winter average | Heat per unit of current |
|---|---:|---:|
| Oslo | -3.5 °C | 2.6 |
| Graz | 0.2 °C | 3.1 |
| Lyon | 4.9 °C | 3.7 |

- Below -15 °C most models need a second heater [2].
- The report is in `report.md`, the figures are in `towns.csv`.

```python
def heat(current: float, factor: float = 3.1) -> float:
    return current * factor
```
"""
PAGES = (
    ("https://pumps.example/guide/how-heat-pumps-work", "How heat pumps work"),
    ("https://norges-energi.example/cold", "Heat pumps below minus fifteen degrees: a field study"),
    ("https://pumps.example/prices", "Prices of heat pumps in Europe"),
)
FILES = (("report.md", "text/markdown", 2610), ("towns.csv", "text/csv", 431))
USAGE: dict[str, Any] = {
    "usage": {
        "steps": 4, "inputTokens": 7916, "outputTokens": 690, "reasoningTokens": 120, "cacheReadTokens": 2048,
        "totalTokens": 8726, "credits": 38, "costUsd": 0.0377, "durationMs": 68_000,
    },
    "costs": {
        "modelCostUsd": 0.03, "toolCostUsd": 0.005, "sandboxCostUsd": 0.002, "internalCostUsd": 0.0007,
    },
}  # fmt: skip


def research(*, end: bool) -> Script:
    """A stream with reasoning, two tools, sources, files and a long text; without `end` it stays open."""
    script: Script = [sse(type="start", messageId="msg_1"), sse(type="start-step")]
    script += [
        sse(type="reasoning-start", id="r"),
        sse(type="reasoning-delta", id="r", delta="Compare three towns, then write the report."),
        sse(type="reasoning-end", id="r"),
    ]
    tools = (
        ("web_search", {"query": "heat pump cold climate"}, {"results": 3}),
        ("write_file", {"path": "report.md"}, {"path": "report.md", "bytes": 2610}),
    )
    for at, (name, given_to, gave) in enumerate(tools):
        script.append(sse(type="tool-input-available", toolCallId=f"c{at}", toolName=name, input=given_to))
        script.append(sse(type="tool-output-available", toolCallId=f"c{at}", output=gave))
    script += [
        sse(type="source-url", sourceId=f"s{at}", url=url, title=title)
        for at, (url, title) in enumerate(PAGES)
    ]
    script += [sse(type="text-start", id="t"), sse(type="text-delta", id="t", delta=REPORT)]
    if not end:
        return [*script, asyncio.Event()]
    script += [
        sse(type="file", url=f"https://files.example/{name}", mediaType=kind, filename=name, size=size)
        for name, kind, size in FILES
    ]
    return [*script, sse(type="text-end", id="t"), sse(type="finish", finishReason="stop"), DONE]


def researcher(*, end: bool = True) -> Desktop:
    """A worker whose only answer has every kind of part."""
    return Desktop(api=FakeApi(starts=[research(end=end)], workers=[worker("", messages=None, **USAGE)]))


async def ask(desktop: Desktop, pilot: Pilot[None]) -> None:
    """One message, and its complete answer."""
    await desktop.send(pilot, "Compare heat pumps in Oslo, Graz and Lyon")
    await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)


# -- the first screens --------------------------------------------------------------------
async def nothing(_desktop: Desktop, _pilot: Pilot[None]) -> None:
    """The app after its start."""


def connecting() -> Desktop:
    """A service that never answers."""
    return Desktop(gate=asyncio.Event(), launch=launch(local=True))


def listed(**members: object) -> Desktop:
    """A history of three sessions."""
    desktop = Desktop(launch=launch(Opening.FRESH), **members)  # type: ignore[arg-type]  # members under their own names
    desktop.history.rows = [
        summary("heat", unread=True, usd=Total(Decimal("0.0123")), last_status=TurnStatus.COMPLETED),
        summary("pumps", last_status=TurnStatus.RUNNING),
        summary("tea", last_status=TurnStatus.UNKNOWN, usd=Total(Decimal("1.2"), 2)),
    ]
    return desktop


# -- turns --------------------------------------------------------------------------------
async def until_half(desktop: Desktop, pilot: Pilot[None]) -> None:
    """The answer has arrived as far as the gate."""
    await desktop.send(pilot, "Compare heat pumps in Oslo, Graz and Lyon")
    await desktop.until(pilot, lambda: "current * factor" in desktop.session.turns[0].text)
    desktop.now_ms += 65_000
    await desktop.shows(pilot, "1 m 05 s")


async def three_waiting(desktop: Desktop, pilot: Pilot[None]) -> None:
    """Three messages behind a running turn."""
    await queue_up(desktop, pilot, "And in Turku?", "Which one is the cheapest to install?", "Thank you")


async def stopping(desktop: Desktop, pilot: Pilot[None]) -> None:
    """Esc while a turn runs and another one waits."""
    await queue_up(desktop, pilot, "And in Turku?")
    await pilot.press("escape")
    await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))


def lost() -> Desktop:
    """A message of unknown delivery."""
    doubt = Doubtful(turn.ErrorKind.NETWORK, "The connection was lost.")
    return Desktop(api=FakeApi(starts=[doubt], workers=[worker("")]))


def refused() -> Desktop:
    """An answer, then a message that the busy worker refuses."""
    busy = Refused(turn.ErrorKind.CONFLICT, "The worker is busy.", http_status=409)
    return Desktop(
        api=FakeApi(starts=[says("It moves heat."), busy], workers=[worker("", messages=None, **USAGE)])
    )


def broken() -> Desktop:
    """A turn that fails while it runs."""
    script: Script = [*says("It moves", end=False), sse(type="error", errorText="The model is overloaded.")]
    return Desktop(api=FakeApi(starts=[script], workers=[worker("", messages=None, **USAGE)]))


async def ask_and_fail(desktop: Desktop, pilot: Pilot[None]) -> None:
    """One message that fails."""
    await desktop.send(pilot, "What is a heat pump?")
    await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)


async def ask_twice(desktop: Desktop, pilot: Pilot[None]) -> None:
    """A second message after the answer to the first."""
    await ask_and_fail(desktop, pilot)
    await desktop.send(pilot, "And in cold towns?")
    await desktop.until(pilot, lambda: len(desktop.session.turns) == 2 and not desktop.session.busy)


async def edited(desktop: Desktop, pilot: Pilot[None]) -> None:
    """A message that is edited and sent again."""
    await ask_and_fail(desktop, pilot)
    await desktop.send(pilot, "/edit 1")
    await desktop.until(pilot, lambda: desktop.work.prompt.text == "What is a heat pump?")
    await pilot.press("backspace", "space", *"exactly?", "enter")
    await desktop.until(pilot, lambda: len(desktop.session.turns) == 2 and not desktop.session.busy)


async def forked(desktop: Desktop, pilot: Pilot[None]) -> None:
    """The first message to a new worker, which carries the conversation before it."""
    await ask_and_fail(desktop, pilot)
    first = desktop.session.session_id
    await desktop.send(pilot, "/fork")
    await desktop.shows(pilot, "conversation so far 1")
    await pilot.press(*"And now?", "enter")
    await desktop.until(pilot, lambda: desktop.session.session_id != first and desktop.session.turns)
    await desktop.until(pilot, lambda: not desktop.session.busy)


def answers_twice() -> Desktop:
    """Two short answers."""
    return Desktop(api=answers("It moves heat.", "Exactly: it compresses a gas.", "More"))


# -- money --------------------------------------------------------------------------------
def limited() -> Desktop:
    """A day with spending above its limit."""
    desktop = Desktop(api=answers("It moves heat.", "Yes."))
    desktop.limits.limit(Scope.DAY, "5")
    desktop.limits.spend(Scope.DAY, "5.02")
    return desktop


async def held_back(desktop: Desktop, pilot: Pilot[None]) -> None:
    """A message that the limit holds back."""
    await desktop.send(pilot, "What is a heat pump?")
    await desktop.until(pilot, lambda: isinstance(desktop.app.screen, RaiseLimit))
    # On a small terminal the dialog scrolls to its field.
    await desktop.shows(pilot, "Raise limit and send")


async def idle(desktop: Desktop, pilot: Pilot[None]) -> None:
    """The same, once its question is closed."""
    await held_back(desktop, pilot)
    await pilot.press("escape")
    await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)


def bookkept() -> Desktop:
    """A ledger of ten days with two limits, both far from reached."""
    desktop = Desktop(ledger=FakeLedger(some()))
    desktop.limits.limit(Scope.DAY, "5")
    desktop.limits.spend(Scope.DAY, "3.5")
    desktop.limits.limit(Scope.SESSION, "20", Unit.CREDITS)
    desktop.limits.spend(Scope.SESSION, "4", Unit.CREDITS, missing=1)
    return desktop


def with_earlier_turns() -> Desktop:
    """An answer that can be compared with seven before it."""
    desktop = researcher()
    desktop.ledger.charges = [charge(f"t{at}", f"0.0{at}") for at in range(1, 8)]
    return desktop


def with_levels() -> Desktop:
    """Turns at every budget."""
    desktop = Desktop(api=answers("It moves heat."))
    desktop.ledger.charges = history()
    desktop.limits.limit(Scope.DAY, "5")
    return desktop


def opens(*keys: str, word: str, asks: bool = True) -> Steps:
    """Steps: an answer if there is one, then keys; `word` shows that the page is open."""

    async def steps(desktop: Desktop, pilot: Pilot[None]) -> None:
        if asks:
            await ask(desktop, pilot)
        await pilot.press(*keys)
        await desktop.shows(pilot, word)

    return steps


async def charts(desktop: Desktop, pilot: Pilot[None]) -> None:
    """The charts, once the rows are there."""
    await opens("f9", word="›Today", asks=False)(desktop, pilot)
    await opens("c", word="─ charts ─", asks=False)(desktop, pilot)


def commands(text: str, word: str) -> Steps:
    """Steps: an answer, then a command that opens a page."""

    async def steps(desktop: Desktop, pilot: Pilot[None]) -> None:
        await ask(desktop, pilot)
        await desktop.send(pilot, text)
        await desktop.shows(pilot, word)

    return steps


# -- files and data -----------------------------------------------------------------------
def with_file(**files: bytes) -> Callable[[], Desktop]:
    """A worker that made these files."""
    return lambda: preview_files.desktop_with(**files)


async def look(desktop: Desktop, pilot: Pilot[None]) -> None:
    """The preview of the first file."""
    await ask(desktop, pilot)
    await preview_files.shown(desktop, pilot)


def with_data() -> Desktop:
    """An answer with structured output and two other pieces of data."""
    return given(("data-chart", {"kind": "bar", "series": [1, 2.5]}), ("data-odd", "text"), output=OUTPUT)


STATES = (
    State("connecting", connecting, nothing),
    State("welcome", lambda: Desktop(badge=LOCAL), nothing),
    State("welcome-recent", listed, nothing),
    State("running", lambda: researcher(end=False), until_half),
    State("answer", researcher, ask),
    State("usage", researcher, ask, ("f2",), ("escape",)),
    State("sources", researcher, ask, ("f3",), ("escape",)),
    State("files", researcher, ask, ("f4",), ("escape",)),
    State("queue", lambda: running()[0], three_waiting),
    State("refused", refused, ask_twice),
    State("failed", broken, ask_and_fail),
    State("delivery-unknown", lost, ask_and_fail),
    State("limit-reached", limited, idle),
    State("limit-raise", limited, held_back, kind=Kind.DIALOG),
    State("edited", answers_twice, edited),
    State("forked", answers_twice, forked),
    State("stop-watching", lambda: running()[0], stopping, kind=Kind.DIALOG),
    State("sessions", listed, opens("ctrl+s", word="Sessions", asks=False), kind=Kind.PAGE),
    State("help", researcher, opens("f1", word="Help"), kind=Kind.DIALOG),
    State("receipt", with_earlier_turns, opens("ctrl+t", word="1 of 1"), kind=Kind.PAGE),
    State("spending", bookkept, opens("f9", word="›Today", asks=False), kind=Kind.PAGE),
    State("spending-turns", bookkept, opens("f9", "t", word="›Nov 14", asks=False), kind=Kind.PAGE),
    State("spending-charts", bookkept, charts, kind=Kind.PAGE),
    State("budgets", with_levels, commands("/budgets", "Advice"), kind=Kind.PAGE),
    State("preview", with_file(some_csv=preview_files.large_csv(4000)), look, kind=Kind.PAGE),
    State("data-table", with_data, opens("f5", "t", word="3 rows × 2 columns"), kind=Kind.PAGE),
)
