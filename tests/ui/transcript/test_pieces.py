"""A very long turn is laid out in pieces, between which keys are handled,
with the same result as in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from handinger_tui.core.turns.fold import Fold, fold
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnRequest
from handinger_tui.ui.transcript import document
from handinger_tui.ui.transcript.blocks import parse
from handinger_tui.ui.transcript.document import ALL
from handinger_tui.ui.transcript.layout import AT_ONCE, KEPT_BLOCKS, ReadingPosition, TranscriptLayout
from tests.core.scaling import references, streamed, table
from tests.core.test_reducer import frames
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import Desktop
from tests.ui.transcript.test_markdown import looks

ORDER: Final = TurnRequest("turn_1", "go", 0)


def texted(text: str) -> list[dict[str, Any]]:
    pieces = [text[at : at + 500] for at in range(0, len(text), 500)]
    deltas: list[dict[str, Any]] = [{"type": "text-delta", "id": "t", "delta": piece} for piece in pieces]
    return [{"type": "text-start", "id": "t"}, *deltas, {"type": "text-end", "id": "t"}]


TURNS: Final[dict[str, Callable[[], Turn]]] = {
    "references": lambda: fold(ORDER, frames(texted(references(700)))),
    "a table": lambda: fold(ORDER, frames(texted(table(2_500)))),
    "calls": lambda: fold(ORDER, streamed("calls", 1_500)),
    "texts": lambda: fold(ORDER, streamed("texts", 1_500)),
}


def shown(turn: Turn) -> TranscriptLayout:
    layout = TranscriptLayout(lambda _session, _turn: "")
    layout.reset(80)
    layout.show(Session("ses_1", 0, turns=(turn,)))
    layout.measure(0)
    return layout


def look(layout: TranscriptLayout) -> list[object]:
    return [(block.gap, block.height, looks(block.buffer.rows)) for block in layout.turns[0].blocks]


@pytest.mark.parametrize("name", TURNS)
def test_pieces_give_the_same_rows_as_one_step(name: str) -> None:
    at_once, pieces = shown(TURNS[name]()), shown(TURNS[name]())
    at_once.measure(0, ALL)
    assert pieces.unfinished
    steps = 0
    while pieces.unfinished:
        pieces.lay_out_more()
        steps += 1
    assert steps > 1
    assert look(pieces) == look(at_once)
    assert pieces.height == at_once.height


@pytest.mark.parametrize("name", ["references", "a table"])
def test_no_piece_parses_much_more_than_its_characters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = [0]

    def counting(text: str, **options: bool) -> object:
        parsed[-1] += len(text)
        return parse(text, **options)

    monkeypatch.setattr(document, "parse", counting)
    layout = shown(TURNS[name]())
    while layout.unfinished:
        parsed.append(0)
        layout.lay_out_more()
    assert max(parsed) < 4 * AT_ONCE


def test_the_end_of_a_text_with_references_is_laid_out_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, all of it was laid out again at its end: for 20,000 references a key waited for 6 seconds."""
    folding = Fold(ORDER)
    stream = frames([*texted(references(700)), {"type": "finish"}])
    layout = TranscriptLayout(lambda _session, _turn: "")
    layout.reset(80)
    for frame in stream[:-2]:
        folding.take(frame)
        layout.show(Session("ses_1", 0, turns=(folding.turn,)))
        layout.measure(0)
    parsed: list[int] = []

    def counting(text: str, **options: bool) -> object:
        parsed.append(len(text))
        return parse(text, **options)

    monkeypatch.setattr(document, "parse", counting)
    for frame in stream[-2:]:
        folding.take(frame)
    layout.show(Session("ses_1", 0, turns=(folding.turn,)))
    assert sum(parsed) < 4 * AT_ONCE
    before = layout.height
    while layout.unfinished:
        assert layout.height >= before
        layout.lay_out_more()
    at_once = shown(folding.turn)
    at_once.measure(0, ALL)
    assert look(layout) == look(at_once)


def test_unchanged_parts_are_not_visited_again() -> None:
    folding = Fold(ORDER)
    stream = streamed("calls", 300)
    layout = TranscriptLayout(lambda _session, _turn: "")
    layout.reset(80)
    visited: list[int] = []
    for frame in stream:
        folding.take(frame)
        layout.show(Session("ses_1", 0, turns=(folding.turn,)))
        layout.measure(0)
        before = layout.turns[0].blocks
        layout.refill(0)
        same = sum(old is new for old, new in zip(before, layout.turns[0].blocks, strict=True))
        visited.append(len(before) - same)
    assert max(visited) <= 1


def test_rows_of_many_blocks_are_laid_out_again_when_they_come_into_sight() -> None:
    layout = shown(TURNS["calls"]())
    while layout.unfinished:
        layout.lay_out_more()
    blocks = layout.turns[0].blocks
    assert sum(block.rows is not None for block in blocks) <= KEPT_BLOCKS
    assert blocks[1].rows is None
    place = layout.place_at(layout.top_of(0, 1))
    assert place is not None
    assert (place.at, place.row, place.is_empty) == (1, 0, False)
    assert place.block.buffer.height == place.block.row_height == 1


def test_a_place_beyond_the_first_piece_is_kept() -> None:
    layout = shown(TURNS["a table"]())
    row = layout.row_of(ReadingPosition(0, 1, 2_000))
    assert layout.reading_position(row) == ReadingPosition(0, 1, 2_000)


def test_a_row_of_references_that_resolve_late_stays_in_place() -> None:
    layout = shown(TURNS["references"]())
    heights = []
    while layout.unfinished:
        heights.append(layout.height)
        layout.lay_out_more()
    assert heights == sorted(heights)


async def test_the_app_shows_all_of_a_very_long_answer() -> None:
    text = references(400) + "\n\nThe [last one][r7] of all.\n"
    desktop = Desktop(api=FakeApi(starts=[says(text)], workers=[worker(text, prompt="go")]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "go")
        layout = desktop.work.transcript.transcript_layout
        await desktop.until(pilot, lambda: not desktop.session.busy and not layout.unfinished)
        await desktop.shows(pilot, "The last one of all.")
