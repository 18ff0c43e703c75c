"""NO_COLOR: no cell has a color, and other marks replace colors."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.color import Color

from handinger_tui.ui.themes import DARK, plain_style
from tests.ui.fakes import Desktop, answers
from tests.ui.pilot import strips_of


def styles(desktop: Desktop) -> list[tuple[str, Style]]:
    strips = strips_of(desktop.app.screen)
    return [(segment.text, segment.style) for strip in strips for segment in strip if segment.style]


@pytest.mark.parametrize("theme", ["0;15", "15;0"])
async def test_no_cell_has_a_color(monkeypatch: pytest.MonkeyPatch, theme: str) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLORFGBG", theme)
    desktop = Desktop(api=answers("# Title\n\n`code` and [a link](https://a.test)\n\n```python\nx = 1\n```"))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        drawn = styles(desktop)
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "Sessions")
        drawn += styles(desktop)
        for text, style in drawn:
            for color in (style.color, style.bgcolor):
                assert color is None or color.is_default, (text, style)
        assert any(style.reverse for _, style in drawn), "the selected session"
        assert any(style.dim for _, style in drawn), "faint text"
        assert any(style.bold for _, style in drawn), "titles"


def test_colors_are_replaced_by_other_marks() -> None:
    colors = DARK
    base = Color.parse(colors.background or "")

    def plain(color: str | None, background: str | None = None) -> Style:
        return plain_style(Style(color=color, bgcolor=background), base)

    assert not plain(colors.foreground).dim
    assert plain(colors.variables["text-muted"]).dim
    assert not plain(colors.error).dim, "an error is not faint"
    for name in ("block-cursor-background", "input-selection-background"):
        assert plain(colors.foreground, colors.variables[name]).reverse, name
    for raised in (colors.surface, colors.panel):
        assert not plain(colors.foreground, raised).reverse
    assert not plain_style(Style(bgcolor=colors.primary, reverse=True), base).reverse, "twice is not at all"


def test_what_a_click_means_stays() -> None:
    style = Style(color="red") + Style.from_meta({"@click": "x"})
    assert plain_style(style, Color.parse("#000000")).meta == {"@click": "x"}
