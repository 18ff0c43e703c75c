"""Only changed lines are drawn again, and the result equals a complete drawing."""

from __future__ import annotations

from random import Random

import pytest
from rich.segment import Segment
from textual.app import App
from textual.content import Content
from textual.geometry import Region

from handinger_tui.ui.widgets.virtual_list import ListRows, VirtualList
from tests.ui.panels.stage import Stage, count_drawn
from tests.ui.pilot import running, strips_of

STYLES = ("", "bold", "underline")


class Words(ListRows):
    """(text, style) lines, one of them `marked`."""

    def __init__(self) -> None:
        self.lines: tuple[tuple[str, str], ...] = ()
        self.marked = -1

    @property
    def count(self) -> int:
        return len(self.lines)

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        text, style = self.lines[at]
        return Content.styled(text, "bold reverse" if at == self.marked else style)


class WordList(VirtualList[Words]):
    """A list of words."""

    def __init__(self) -> None:
        super().__init__(Words())

    def tell(self, *lines: tuple[str, str]) -> None:
        """Other lines."""
        self.rows.lines = lines
        self.update()


def looks(app: App[None]) -> list[list[Segment]]:
    """The complete screen, with its colors."""
    return [list(Segment.simplify(strip)) for strip in strips_of(app.screen)]


async def test_one_changed_line_is_one_drawn_line(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = WordList()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        panel.tell(("one", ""), ("two", ""), ("three", ""))
        await pilot.pause()
        drawn = count_drawn(panel, monkeypatch)
        panel.tell(("one", ""), ("TWO", ""), ("three", ""))
        await pilot.pause()
        assert drawn == [1]
        # The same words in another color are another line.
        panel.tell(("one", ""), ("TWO", ""), ("three", "bold"))
        await pilot.pause()
        assert drawn == [1, 2]
        panel.tell(*panel.rows.lines)
        await pilot.pause()
        assert drawn == [1, 2]


async def test_only_a_list_that_does_not_fit_lays_out_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = WordList()
    async with running(Stage(panel), size=(34, 12)) as pilot:
        await pilot.pause()
        layouts, refresh = [], panel.refresh

        def count_layouts(*regions: Region, layout: bool = False, **how: bool) -> WordList:
            layouts.append(layout)
            return refresh(*regions, layout=layout, **how)

        monkeypatch.setattr(panel, "refresh", count_layouts)
        panel.tell(("one", ""))
        panel.tell(("one", ""), ("two", ""))
        await pilot.pause()
        assert layouts
        assert not any(layouts)
        assert not panel.show_vertical_scrollbar
        panel.tell(*[("line", "")] * 20)
        await pilot.pause()
        assert panel.show_vertical_scrollbar
        panel.tell(("one", ""))
        await pilot.pause()
        assert not panel.show_vertical_scrollbar


@pytest.mark.parametrize("seed", range(4))
async def test_rows_that_are_not_redrawn_are_correct(seed: int) -> None:
    dice, panel = Random(seed), WordList()
    app = Stage(panel)
    async with running(app, size=(34, 12)) as pilot:
        for _ in range(40):
            lines = list(panel.rows.lines)
            match dice.randrange(7):
                case 0:
                    lines.append((f"line {dice.randrange(99)}", ""))
                case 1:
                    del lines[dice.randrange(len(lines) + 1) :]
                case 2:
                    panel.scroll_to(y=dice.randrange(9), animate=False, immediate=True)
                case 3:
                    panel.rows.marked = dice.randrange(12)
                    panel.refresh()
                case 4:
                    lines.insert(0, ("new at the top", dice.choice(STYLES)))
                case _ if lines:
                    at = dice.randrange(len(lines))
                    lines[at] = (f"word {dice.randrange(4)} " * dice.randint(1, 9), dice.choice(STYLES))
                case _:
                    lines = [(f"row {number}", "") for number in range(9)]
            panel.tell(*lines)
            if dice.random() < 0.7:
                await pilot.pause()
        await pilot.pause()
        shown = looks(app)
        panel.refresh()
        await pilot.pause()
        assert shown == looks(app)
