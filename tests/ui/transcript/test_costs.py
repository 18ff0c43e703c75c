"""The cost of streaming, counted: parsed characters for each piece of text, and paints of the scroll bar."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt
from textual.scrollbar import ScrollBar

from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.transcript.document import LiveMarkdown
from handinger_tui.ui.work.paint_scheduler import PAINTS_PER_S
from tests.ui.pilot import running
from tests.ui.transcript.screen import Stage, grown, session, text_part, turn

SHAPES = {
    "prose": "A sentence of *some* words with `code`, and another one that is longer.\n\n",
    "list": "- an item with **bold** words and a few more of them\n",
    "table": "| city | 12.5 | +3 % | a remark on it |\n",
    "fence": "    total += row['weight'] * 2  # both sides\n",
}
HEADS = {"table": "| name | price | change | remark |\n|---|---:|---:|---|\n", "fence": "```python\n"}
LINES = 2_000
PIECE = 40


@pytest.mark.parametrize("shape", SHAPES)
def test_a_piece_of_text_costs_the_same_early_and_late(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEADS.get(shape, "") + SHAPES[shape] * LINES
    parsed: list[int] = []
    parse = MarkdownIt.parse

    def counted(parser: MarkdownIt, source: str, *args: object) -> object:
        parsed.append(len(source))
        return parse(parser, source, *args)  # type: ignore[arg-type]  # whatever it is given

    monkeypatch.setattr(MarkdownIt, "parse", counted)
    live = LiveMarkdown(80)

    def cost(start: int) -> tuple[int, int]:
        """Characters and parses for 50 pieces from `start` on."""
        live.update(text[:start], done=False)
        parsed.clear()
        for end in range(start, start + 50 * PIECE, PIECE):
            live.update(text[:end], done=False)
        return sum(parsed), len(parsed)

    early, parses = cost(8_000)
    late, later = cost(len(text) - 60 * PIECE)
    assert late <= 1.3 * early + 200
    assert max(parses, later) <= 3 * 50


async def test_the_bar_is_painted_less_often_than_the_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    painted: list[object] = []
    render = ScrollBar.render

    def counted(bar: ScrollBar) -> object:
        painted.append(bar)
        return render(bar)

    text = "".join(f"Paragraph {n} of it.\n\n" for n in range(300))
    shown = session(turn(1, text_part(text, open_=True), status=TurnStatus.ACCEPTED))
    app = Stage(shown)
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        monkeypatch.setattr(ScrollBar, "render", counted)
        for n in range(60):
            text += f"Another paragraph, number {n}.\n\n"
            shown = grown(shown, text_part(text, open_=True))
            app.transcript.show(shown)
            await pilot.pause()
        bar = app.transcript.vertical_scrollbar
        assert len(painted) <= 12
        # The position for a drag of the bar is exact nevertheless.
        assert bar.position == app.transcript.scroll_y
        assert bar.window_virtual_size == app.transcript.virtual_size.height


def test_the_screen_paints_at_most_thirty_times_a_second() -> None:
    assert PAINTS_PER_S <= 30
