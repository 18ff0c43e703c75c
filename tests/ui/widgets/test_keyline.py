"""The key line: shows the active keys, presses a clicked one, and needs no layout."""

from __future__ import annotations

import pytest
from textual.screen import Screen

from handinger_tui.ui.dialogs.help import HelpScreen
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.widgets.frame import FooterLine
from tests.ui.fakes import Desktop, launch, summary


def place_of(line: FooterLine, label: str) -> int:
    """The column at which a key starts."""
    column = 0
    for key in line.keys:
        if key.label == label:
            return column
        column += key.cells
    raise AssertionError(f"{label} is not shown: {line.keys}")


async def test_a_click_presses_the_key() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Enter Send", "F1 Help")
        line = desktop.work.query_one(FooterLine)
        await pilot.click(line, offset=(place_of(line, "Help") + 1, 0))
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, HelpScreen))


async def test_a_click_on_a_narrow_screen_presses_the_key_that_is_drawn_there() -> None:
    desktop = Desktop(launch=launch(Opening.PICKER))
    desktop.history.rows = [summary("heat"), summary("tea")]
    async with desktop.running(32, 24) as pilot:
        await desktop.shows(pilot, "About h…  ·  unknown", "Esc Close")
        picker = desktop.app.screen
        line = picker.query_one(FooterLine)
        assert len(line.shown) < len(line.keys)
        await pilot.click(line, offset=(line.render_line(0).text.index("Close"), 0))
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        assert desktop.history.deleted == []


async def test_the_tooltip_of_a_key_explains_it() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "F1 Help")
        line = desktop.work.query_one(FooterLine)
        await pilot.hover(line, offset=(place_of(line, "Help") + 1, 0))
        await desktop.until(pilot, lambda: line.tooltip is not None)
        tooltip = next(key.tooltip for key in line.keys if key.label == "Help")
        assert line.tooltip == tooltip
        await pilot.hover(desktop.work.transcript)
        await desktop.until(pilot, lambda: line.tooltip is None)


async def test_a_key_is_complete_or_left_out_at_every_width() -> None:
    desktop = Desktop()
    async with desktop.running(120, 24) as pilot:
        await desktop.shows(pilot, "Enter Send", "^P Commands")
        line = desktop.work.query_one(FooterLine)
        width = 120
        while width >= 20:
            await pilot.resize_terminal(width, 24)
            await desktop.until(pilot, lambda: line.size.width == width)  # noqa: B023 - awaited here
            text = line.render_line(0).text.rstrip()
            shown, names = text.strip().split("  "), [f"{key.key_text} {key.label}" for key in line.keys]
            assert [name for name in names if name in shown] == shown, width
            # The next width with other keys may be that of this text, or one column less.
            width = min(width - 1, len(text))


async def test_typing_lays_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts: list[object] = []
    lay_out = Screen._refresh_layout

    def counted(screen: Screen[object], *args: object, **more: object) -> None:
        layouts.append(screen)
        lay_out(screen, *args, **more)  # type: ignore[arg-type]  # whatever Textual gives

    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: desktop.work.controller.session_id)
        await pilot.press("a")
        await pilot.pause()
        monkeypatch.setattr(Screen, "_refresh_layout", counted)
        await pilot.press(*"bcdefgh")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "abcdefgh")
        await pilot.pause()
        assert layouts == []
