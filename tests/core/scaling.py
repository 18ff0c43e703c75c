"""Does the work grow linearly with its input? Prints a table; 1 when some work does not.

python -m tests.core.scaling [--quick] [WORDS]

Each line does the same work with n, 2n and 4n things, in CPU seconds of this process (the best of several
tries), and fails when a doubling takes more than 2.3 times as long. WORDS choose lines by their names.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from handinger_tui.core.citations import mentions
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.dialects import StreamDecoder
from handinger_tui.core.export.exporters import SESSION_EXPORTERS
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.events import Ended, Event, Read, Sent
from handinger_tui.core.money.timeline import Timeline
from handinger_tui.core.read_aloud import Reading, paragraphs
from handinger_tui.core.search import parse_query, snippet_of
from handinger_tui.core.stream import Frame, Framing, SourcePart, WorkerBody, body_of
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Rope, TextPart, Turn, TurnRequest
from handinger_tui.engine.settling import adopted_turns
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.ui.transcript.document import ALL, LiveMarkdown, load_parser, render
from handinger_tui.ui.transcript.layout import TranscriptLayout
from tests.core.test_reducer import KINDS, frames
from tests.engine.fakes import FakeIds
from tests.engine.test_adopt import scheduled
from tests.ledger.samples import answered, turn_request

if TYPE_CHECKING:
    from collections.abc import Iterator


MOST: Final = 2.3
"""The greatest factor of work for a doubled input."""
TRIES: Final = 3
WIDTH: Final = 100
DELTA: Final = 4_000
"""Characters that arrive together while an answer grows."""


class Work(NamedTuple):
    """One line of the table: `prepare(n)` makes the input, which is not measured, and returns the work.

    `figure` is what is compared: CPU seconds, or the number that the work returns, such as bytes.
    """

    name: str
    number: int
    prepare: Callable[[int], Callable[[], object]]
    figure: str = "s"


# -- folding and painting ----------------------------------------------------------------
def streamed(kind: str, number: int) -> list[Frame]:
    return frames([event for at in range(number) for event in KINDS[kind](at)])


def folding(kind: str) -> Callable[[int], Callable[[], object]]:
    def prepare(number: int) -> Callable[[], object]:
        stream = streamed(kind, number)
        return lambda: fold(TurnRequest("turn_1", "", 0), stream)

    return prepare


def folding_input(number: int) -> Callable[[], object]:
    """One call with a long input."""
    start = {"type": "tool-input-start", "toolCallId": "c", "toolName": "write"}
    delta = {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": "x" * 20}
    stream = frames([start, *[delta] * number])
    return lambda: fold(TurnRequest("turn_1", "", 0), stream)


def approval(at: int) -> list[dict[str, Any]]:
    call = {"type": "tool-input-start", "toolCallId": f"c{at}", "toolName": "write"}
    return [call, {"type": "tool-approval-response", "approvalId": f"a{at}", "approved": True}]


FLOODS: Final[dict[str, Callable[[int], list[dict[str, Any]]]]] = {
    "approvals": approval,
    "errors": lambda _at: [{"type": "error", "errorText": "x"}],
    "metadata": lambda at: [{"type": "message-metadata", "messageMetadata": {"a": {f"k{at}": at}}}],
    "resets": lambda at: [{"type": "data-x", "data": at}, {"type": "start-step"}, {"type": "reset-step"}],
}


def folding_flood(kind: str) -> Callable[[int], Callable[[], object]]:
    def prepare(number: int) -> Callable[[], object]:
        stream = frames([event for at in range(number) for event in FLOODS[kind](at)])
        return lambda: fold(TurnRequest("turn_1", "", 0), stream)

    return prepare


def citing(number: int) -> Callable[[], object]:
    """Turns with a source each, and a citation mark that is the number of one."""
    parts = [
        (SourcePart(f"s{at}", f"https://example.com/{at}"), TextPart(Rope() + "As [1]."))
        for at in range(number)
    ]
    turns = tuple(Turn(TurnRequest(f"turn_{at}", "", 0), parts=own) for at, own in enumerate(parts))
    return lambda: mentions(Session("ses_1", 0, turns=turns))


def searching(number: int) -> Callable[[], object]:
    """A snippet at the end of a long text, whose words differ from their folded ones."""
    query = parse_query("nadel 東京", datetime.now(UTC))
    text = "größer Nadel 東京 " * number
    return lambda: snippet_of(query, [("answer", text)])


def reading_line(number: int) -> Callable[[], object]:
    """A line of a text body that does not end."""
    pieces = [Frame(at, at, Framing.TEXT, "x" * 200) for at in range(number)]

    def work() -> None:
        decoder = StreamDecoder("ai4")
        for piece in pieces:
            decoder.decode(piece)

    return work


def laying_out(kind: str) -> Callable[[int], Callable[[], object]]:
    def prepare(number: int) -> Callable[[], object]:
        turn = fold(TurnRequest("turn_1", "", 0), streamed(kind, number))
        return lambda: laid_out(turn)

    return prepare


def laid_out(turn: Turn) -> TranscriptLayout:
    layout = TranscriptLayout(lambda _session, _turn: "")
    layout.reset(WIDTH)
    layout.show(Session("ses_1", 0, turns=(turn,)))
    layout.measure(0, ALL)
    return layout


# -- Markdown ----------------------------------------------------------------------------
def references(number: int) -> str:
    uses = "\n\n".join(f"See [the page {at}][r{at}] for more." for at in range(number))
    return uses + "\n\n" + "\n".join(f"[r{at}]: https://example.com/{at}" for at in range(number)) + "\n"


def uses_behind(number: int) -> str:
    return "".join(f"[r{at}]: https://example.com/{at}\n\nSee [r{at}].\n\n" for at in range(number))


def short_definitions(number: int) -> str:
    return "".join(f"[a{at}]: b\n" for at in range(number))


def table(number: int) -> str:
    return "| a | b |\n|---|---|\n" + "".join(f"| row {at} | {at * 7} |\n" for at in range(number))


def table_before(number: int) -> str:
    return table(100) + "\n" + short_definitions(number)


def at_once(text_of: Callable[[int], str]) -> Callable[[int], Callable[[], object]]:
    def prepare(number: int) -> Callable[[], object]:
        text = text_of(number)
        return lambda: render(text, WIDTH)

    return prepare


def growing(text_of: Callable[[int], str]) -> Callable[[int], Callable[[], object]]:
    def prepare(number: int) -> Callable[[], object]:
        text = text_of(number)

        def work() -> None:
            live = LiveMarkdown(WIDTH)
            for end in range(DELTA, len(text), DELTA):
                live.update(text[:end], done=False)
            live.update(text, done=True)
            if live.definitions:
                live.with_references().update(text, done=True)

        return work

    return prepare


def code(number: int) -> str:
    return "```py\n" + "".join(f"print({at})\n" for at in range(number)) + "```\n"


def one_paragraph(number: int) -> str:
    return "".join(f"Line {at} of it.\n" for at in range(number))


def reading_aloud(text_of: Callable[[int], str]) -> Callable[[int], Callable[[], object]]:
    """An answer in plain mode that grows."""

    def prepare(number: int) -> Callable[[], object]:
        text = text_of(number)

        def work() -> None:
            reading = Reading()
            for end in range(DELTA, len(text), DELTA):
                reading, _ = paragraphs(text[:end], reading, is_complete=False)
            paragraphs(text, reading, is_complete=True)

        return work

    return prepare


# -- runs of a schedule ------------------------------------------------------------------
def adopting(number: int) -> Callable[[], object]:
    body = body_of(scheduled(number))
    return lambda: stored_bytes(body_turns=number, body=body)


def stored_bytes(body_turns: int, body: WorkerBody) -> int:
    async def store(path: Path) -> None:
        ledger = Ledger(path)
        await ledger.start()
        session = Session("ses_1", 0, "w1")
        turns = adopted_turns(session, body, 0, FakeIds())
        assert len(turns) == body_turns
        await ledger.adopt(session, turns)
        await ledger.aclose()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history.db")
        asyncio.run(store(path))
        return path.stat().st_size


# -- turns of one worker that overlap ----------------------------------------------------
TOGETHER: Final = 8
"""Turns that run simultaneously."""


def overlapping(number: int, *, every: int = 1) -> Callable[[], object]:
    """The cost is in one of `every` so many readings."""
    events: list[Event] = [Read([Decimal(0)], busy=False, prompts=0)]
    for at in range(number):
        cost = None if (at + 1) % every else Decimal(at + 1) / 10
        events += [Sent(at), Read([cost], busy=True, prompts=at + 1)]
        events += [Ended(at - TOGETHER)] if at >= TOGETHER else []

    def work() -> None:
        timeline = Timeline([Decimal(0)])
        with localcontext(EXACT):
            for event in events:
                timeline.take(event)
            timeline.results()

    return work


def growing_session(number: int) -> Callable[[], object]:
    """The money of a session after each of its turns, which are read again while the next ones run."""
    turns = []
    for at in range(number):
        request = turn_request(f"turn_{at}", f"prompt {at}", target_id="wrk_1", created_ms=at * 10_000)
        moments = (one._replace(at_ms=at * 10_000 + one.seq * 4_000) for one in answered(usd=(at + 1) * 0.25))
        turns.append(fold(request, moments))

    def work() -> None:
        index = MoneyIndex()
        for at in range(number):
            index(turns[: at + 1])

    return work


# -- exports -----------------------------------------------------------------------------
def many_turns(number: int) -> Session:
    turns = []
    for at in range(number):
        request = turn_request(f"turn_{at}", f"prompt {at}", target_id="wrk_1", created_ms=at * 10_000)
        frames = answered(usd=(at + 1) * 0.25, text="An answer.\n\n" * 20)
        turns.append(fold(request, [one._replace(at_ms=one.at_ms + at * 10_000) for one in frames]))
    return Session("ses_1", 0, "wrk_1", turns=tuple(turns))


def exporting(form: str) -> Callable[[int], Callable[[], object]]:
    exporter = next(one for one in SESSION_EXPORTERS if one.name == form)

    def prepare(number: int) -> Callable[[], object]:
        session = many_turns(number)
        return lambda: exporter.text(session)

    return prepare


WORKS: Final = (
    *(Work(f"fold {kind}", 25_000, folding(kind)) for kind in ("texts", "data", "steps", "starts")),
    Work("fold calls", 10_000, folding("calls")),
    Work("fold one input", 20_000, folding_input),
    Work("citations", 1_000, citing),
    Work("search, matches at the end", 10_000, searching),
    Work("read a line that does not end", 50_000, reading_line),
    *(Work(f"fold {kind}", 10_000, folding_flood(kind)) for kind in FLOODS),
    Work("lay out texts", 5_000, laying_out("texts")),
    Work("lay out calls", 2_500, laying_out("calls")),
    Work("references at once", 5_000, at_once(references)),
    Work("references growing", 5_000, growing(references)),
    Work("references each in front", 5_000, at_once(uses_behind)),
    Work("references each in front, growing", 5_000, growing(uses_behind)),
    Work("definitions", 12_500, at_once(short_definitions)),
    Work("definitions growing", 12_500, growing(short_definitions)),
    Work("definitions behind a table, growing", 12_500, growing(table_before)),
    Work("table at once", 12_500, at_once(table)),
    Work("table growing", 12_500, growing(table)),
    Work("read aloud a table, growing", 12_500, reading_aloud(table)),
    Work("read aloud code, growing", 12_500, reading_aloud(code)),
    Work("read aloud a paragraph, growing", 12_500, reading_aloud(one_paragraph)),
    Work("turns that overlap", 2_000, overlapping),
    Work("turns that overlap, read late", 2_000, lambda number: overlapping(number, every=number)),
    Work("turns that overlap, session grows", 100, growing_session),
    Work("adopted runs", 225, adopting),
    Work("adopted runs, size", 225, adopting, "B"),
    *(Work(f"export {one.name}", 500, exporting(one.name)) for one in SESSION_EXPORTERS),
)


# -- the table ---------------------------------------------------------------------------
def figure_of(work: Work, number: int, tries: int) -> float:
    """The minimum of CPU seconds over several tries, or the number that the work returns."""
    run = work.prepare(number)
    best = float("inf")
    for _ in range(tries):
        # As in the app: earlier objects are not collected again.
        gc.collect()
        gc.freeze()
        began = time.process_time()
        result = run()
        spent = time.process_time() - began
        if work.figure != "s":
            assert isinstance(result, int)
            return float(result)
        best = min(best, spent)
    return best


def measured(work: Work, *, scale: float, tries: int) -> list[float]:
    number = max(1, int(work.number * scale))
    return [figure_of(work, number * times, tries) for times in (1, 2, 4)]


def ratios(figures: list[float]) -> list[float]:
    return [after / before for before, after in itertools.pairwise(figures)]


def lines(words: list[str], *, scale: float, tries: int) -> Iterator[tuple[str, bool]]:
    for work in WORKS:
        if not all(word in work.name for word in words):
            continue
        figures = measured(work, scale=scale, tries=tries)
        grown = ratios(figures)
        # The times of small inputs are too short for an exact comparison of each doubling.
        linear = max(grown) <= MOST if scale == 1.0 else figures[2] <= figures[0] * MOST**2
        shown = "".join(f"{one:12.3f}" if work.figure == "s" else f"{one:12,.0f}" for one in figures)
        numbers = f"{max(1, int(work.number * scale)) * 4:9,}"
        marks = "  ".join(f"{one:.2f}" for one in grown)
        yield (
            f"{work.name:36}{numbers}{shown} {work.figure}  {marks}{'' if linear else '  NOT LINEAR'}",
            linear,
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.core.scaling", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="a fifth of the size, one try")
    parser.add_argument("words", nargs="*", help="only lines with all these words")
    given = parser.parse_args()
    load_parser()
    print(f"{'':36}{'4n':>9}{'n':>12}{'2n':>12}{'4n':>12}    2n/n  4n/2n")
    failed = 0
    for line, linear in lines(
        given.words, scale=0.2 if given.quick else 1.0, tries=1 if given.quick else TRIES
    ):
        print(line, flush=True)
        failed += not linear
    print(f"{failed} not linear")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
