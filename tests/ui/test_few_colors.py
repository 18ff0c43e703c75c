"""Terminals with 16 or 256 colors, and the theme of the terminal's own: every text can be read."""

from __future__ import annotations

import itertools

import pytest
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as TextualColor
from textual.theme import Theme

from handinger_tui.ui.terminal.input import TerminalBackground
from handinger_tui.ui.themes import LEAST_CONTRAST, TERMINAL, THEMES, LegibleStyles, contrast, legible_style
from tests.ui.fakes import Desktop, answers, launch
from tests.ui.pilot import strips_of

XTERM = (
    "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 "
    "7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"
)
VGA = (
    "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa "
    "555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff"
)
PALETTES = [[TextualColor.parse(f"#{one}") for one in palette.split()] for palette in (XTERM, VGA)]

TEXTS = (
    "foreground", "primary", "secondary", "accent", "warning", "error", "success", "background",
    "text-muted", "text-disabled", "text-primary", "text-accent", "text-success", "text-warning",
    "text-error", "markdown-h1-color", "link-color",
)  # fmt: skip
GROUNDS = (
    "background", "surface", "panel", "block-hover-background", "block-cursor-blurred-background",
    "input-selection-background", "primary", "accent", "warning", "error", "secondary",
)  # fmt: skip


def shown(color: Color | None, system: ColorSystem, palette: list[TextualColor], own: int) -> TextualColor:
    if color is None or color.is_default:
        return palette[own]
    number = color.downgrade(system).number
    if number is not None and number < 16:
        return palette[number]
    return TextualColor.from_rich_color(color.downgrade(system))


def least_contrast(style: Style, system: ColorSystem, *, is_light: bool) -> float:
    """The least contrast of text and background in the palettes."""
    text, behind = (style.bgcolor, style.color) if style.reverse else (style.color, style.bgcolor)
    return min(
        contrast(
            shown(text, system, palette, 0 if is_light else 15),
            shown(behind, system, palette, 15 if is_light else 0),
        )
        for palette in PALETTES
    )


@pytest.mark.parametrize("system", [ColorSystem.STANDARD, ColorSystem.EIGHT_BIT])
@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_text_can_be_read_on_every_ground(theme: Theme, system: ColorSystem) -> None:
    colors = {**theme.to_color_system().generate(), **theme.variables}
    mixed = [] if theme.ansi else [colors["foreground"], colors["warning"]]
    blends = [
        TextualColor.parse(colors["background"]).blend(TextualColor.parse(one), part).rich_color
        for one, part in itertools.product(mixed, (0.05, 0.09, 0.35))
    ]
    grounds = [*(TextualColor.parse(colors[name]).rich_color for name in GROUNDS), *blends]
    lights = (False, True) if theme.ansi else (not theme.dark,)
    for text, ground, is_light, reverse in itertools.product(TEXTS, grounds, lights, (False, True)):
        pair = TextualColor.parse(colors[text]).rich_color, ground
        style = Style(color=pair[reverse], bgcolor=pair[not reverse], reverse=reverse)
        legible = legible_style(style, system, is_light=is_light)
        assert least_contrast(legible, system, is_light=is_light) >= LEAST_CONTRAST, (text, ground)


def test_pictures_and_lines_keep_their_colors() -> None:
    style = Style(color="#000000", bgcolor="#010101")
    segments = [Segment("▀ │ ⣿", style), Segment("", None)]
    assert (
        LegibleStyles(ColorSystem.STANDARD, is_light=False).apply(segments, TextualColor(0, 0, 0)) == segments
    )


def texts(desktop: Desktop) -> list[tuple[str, Style]]:
    strips = strips_of(desktop.app.screen)
    return [
        (one.text, one.style)
        for strip in strips
        for one in strip
        if one.style and any(map(str.isalnum, one.text))
    ]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
async def test_a_screen_in_16_colors_can_be_read(monkeypatch: pytest.MonkeyPatch, theme: Theme) -> None:
    monkeypatch.setenv("TERM", "xterm-16color")
    monkeypatch.delenv("COLORTERM", raising=False)
    monkeypatch.setenv("COLORFGBG", "15;0" if theme.dark else "0;15")
    desktop = Desktop(
        launch=launch(theme=theme.name), api=answers("# Title\n\n`code`, [a link](https://a.test)\n\n> quote")
    )
    async with desktop.running(120, 40) as pilot:
        assert desktop.app.console.color_system == "standard"
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        drawn = texts(desktop)
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "Sessions")
        for text, style in (*drawn, *texts(desktop)):
            assert least_contrast(style, ColorSystem.STANDARD, is_light=not theme.dark) >= 3, (text, style)


async def test_the_terminals_own_colors_can_be_read_on_a_light_background(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    desktop = Desktop(launch=launch(theme="terminal"), api=answers("Hello"))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        desktop.app.post_message(TerminalBackground(is_light=True))

        def legible() -> bool:
            return all(
                least_contrast(style, ColorSystem.TRUECOLOR, is_light=True) >= 3
                for _, style in texts(desktop)
            )

        await desktop.until(pilot, legible)
        assert desktop.app.theme == TERMINAL.name
