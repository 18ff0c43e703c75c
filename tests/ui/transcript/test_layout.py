"""The layout alone, without a widget: the laid-out turns, their positions, and changed rows."""

from __future__ import annotations

from msgspec.structs import replace

from handinger_tui.core.turns.session import put_turn
from handinger_tui.core.turns.turn import ToolPart, ToolState, Turn, TurnStatus
from handinger_tui.ui.transcript.layout import TranscriptLayout
from tests.ui.transcript.screen import grown, session, text_part, turn


def laid_out(*turns: Turn, width: int = 60) -> TranscriptLayout:
    layout = TranscriptLayout(lambda _session, turn: "" if turn.live else "receipt")
    layout.reset(width)
    layout.show(session(*turns))
    layout.measure_end(20)
    layout.take_change()
    return layout


def test_only_what_is_in_sight_is_laid_out_and_the_end_is_exact() -> None:
    layout = laid_out(*(turn(n, text_part("- item\n" * 30)) for n in range(50)))
    assert [at for at, one in enumerate(layout.turns) if one.blocks] == [49]
    assert layout.measure_view(10_000, 20) == layout.height - 20


def test_scrolling_up_into_an_estimated_turn_keeps_the_rows_in_sight() -> None:
    layout = laid_out(*(turn(n, text_part("- item\n" * 30 + f"end {n}")) for n in range(5)))
    y = layout.measure_view(layout.start(4) + 1, 20)
    place = layout.place_at(y)
    y = layout.measure_view(y - 3, 20)
    assert layout.turns[3].blocks
    assert layout.place_at(y + 3) == place


def test_growing_text_changes_only_the_rows_from_its_last_block_on() -> None:
    text = "".join(f"Paragraph {n}.\n\n" for n in range(40))
    live = turn(1, text_part(text, open_=True), status=TurnStatus.ACCEPTED)
    layout = laid_out(live)
    end = layout.height
    assert layout.session is not None
    layout.show(grown(layout.session, text_part(text + "One more", open_=True)))
    changed = layout.take_change()
    assert changed is not None
    assert end - 6 < changed < layout.height
    assert layout.take_change() is None


def test_the_same_turns_change_nothing() -> None:
    layout = laid_out(turn(1, text_part("A text.")))
    filled = layout.filled
    assert layout.session is not None
    layout.show(session(*layout.session.turns))
    assert layout.take_change() is None
    assert layout.filled == filled


def test_a_reading_position_survives_another_width() -> None:
    text = "".join(f"Marker {n} " + "many words " * 20 + "\n\n" for n in range(30))
    layout = laid_out(turn(1, text_part(text)))
    place = layout.place_at(50)
    assert place is not None
    shown = layout.session
    assert shown is not None
    position = layout.reading_position(50)
    layout.reset(120)
    layout.show(shown)
    other = layout.place_at(layout.row_of(position))
    assert other is not None
    assert other.block.buffer.row_at(other.row) == place.block.buffer.row_at(place.row)


def test_folding_changes_the_height_of_one_turn() -> None:
    call = ToolPart("c", "search", ToolState.OUTPUT_AVAILABLE, input={"q": "bees"}, output={"hits": [1, 2]})
    layout = laid_out(turn(1, call, text_part("Done.")))
    height = layout.height
    layout.toggle_fold(0, 1)
    assert layout.height > height
    assert layout.take_change() == layout.start(0) + layout.turns[0].starts[1]
    layout.toggle_fold(0, 1)
    assert layout.height == height


def test_a_receipt_follows_the_readings_of_another_turn() -> None:
    receipts = {"turn-1": "cost 1", "turn-2": "cost 2"}
    layout = TranscriptLayout(lambda _session, turn: receipts[turn.turn_id])
    layout.reset(60)
    first, second = turn(1, text_part("One")), turn(2, text_part("Two"), status=TurnStatus.ACCEPTED)
    shown = session(first, second)
    layout.show(shown)
    layout.measure_end(20)
    receipts["turn-1"] = "cost 3"
    layout.show(put_turn(shown, replace(second, status=TurnStatus.COMPLETED)))
    assert layout.turns[0].receipt == "cost 3"
