"""The themes, which one the app starts with, and styles for few colors and for none (NO_COLOR).

Every text color has a contrast of at least 4.5:1 on every background used, 7:1 in the two themes of high
contrast. The colors of `TERMINAL` are the terminal's own sixteen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from handinger_tui.core.safety import clean_line

PREFIX: Final = "handinger-"
"""What the names of themes begin with, as Textual has some of its own. People type them without it."""


class ThemeColors(NamedTuple):
    """The colors of a theme, each with one meaning."""

    text: str
    muted: str
    disabled: str
    background: str
    surface: str
    panel: str
    border: str
    """Borders without the focus, and scroll bars."""
    hover: str
    """A row under the mouse."""
    current_row: str
    """The row of the cursor in a list without the focus."""
    selection: str
    focus: str
    """What has the focus, and keys."""
    heading: str
    link: str
    money: str
    """Amounts and warnings."""
    error: str
    success: str
    scrollbar_hover: str


def _theme(name: str, colors: ThemeColors, *, dark: bool, ansi: bool = False) -> Theme:
    variables = {
        "text-muted": colors.muted,
        "foreground-muted": colors.muted,
        "text-disabled": colors.disabled,
        "border": colors.focus,
        "border-blurred": colors.border,
        "block-cursor-foreground": colors.background,
        "block-cursor-background": colors.focus,
        "block-cursor-blurred-background": colors.current_row,
        "block-hover-background": colors.hover,
        "input-selection-background": colors.selection,
        "screen-selection-background": colors.selection,
        "footer-key-foreground": colors.focus,
        "scrollbar": colors.border,
        "scrollbar-hover": colors.scrollbar_hover,
        "scrollbar-active": colors.focus,
        "scrollbar-corner-color": colors.background,
        "link-color": colors.link,
        "markdown-h1-color": colors.heading,
    }
    for part in ("footer-foreground", "footer-description-foreground"):
        variables[part] = colors.muted
    for part in ("footer", "footer-description", "footer-item", "footer-key"):
        variables[f"{part}-background"] = colors.surface
    for state in ("", "-hover", "-active"):
        variables[f"scrollbar-background{state}"] = colors.background
    if ansi:
        # Textual's own sheets name these for themes of the terminal's colors.
        variables |= {"ansi-background": "ansi_black", "ansi-foreground": "ansi_white"}
    return Theme(
        name=PREFIX + name,
        dark=dark,
        ansi=ansi,
        primary=colors.focus,
        secondary=colors.link,
        accent=colors.money,
        warning=colors.money,
        error=colors.error,
        success=colors.success,
        foreground=colors.text,
        background=colors.background,
        surface=colors.surface,
        panel=colors.panel,
        variables=variables,
    )


DARK: Final = _theme(
    "dark",
    ThemeColors(
        text="#e4e8ee", muted="#9aa6b6", disabled="#97a3b3",
        background="#10141a", surface="#171c24", panel="#1f2630",
        border="#394454", hover="#242d38", current_row="#2a3a3f", selection="#2f5d55",
        focus="#6fd6bb", heading="#dcb8f5",
        link="#93b7ff", money="#f2bd6b", error="#ff8f95", success="#85d996",
        scrollbar_hover="#4d5b6f",
    ),
    dark=True,
)  # fmt: skip
LIGHT: Final = _theme(
    "light",
    ThemeColors(
        text="#20262f", muted="#57606d", disabled="#5a6370",
        background="#fcfbf8", surface="#f4f2ed", panel="#ebe8e1",
        border="#cbc6bb", hover="#e4e0d7", current_row="#d9e6e1", selection="#bfe0d8",
        focus="#0b665a", heading="#6a3593",
        link="#27509f", money="#7c4a03", error="#a61c2b", success="#1d6232",
        scrollbar_hover="#aca697",
    ),
    dark=False,
)  # fmt: skip
MIDNIGHT: Final = _theme(
    "midnight",
    ThemeColors(
        text="#dfe6f5", muted="#9aa8c7", disabled="#909ebf",
        background="#0b1020", surface="#121a30", panel="#1a2340",
        border="#38456b", hover="#212c4d", current_row="#25335a", selection="#2d4a7c",
        focus="#7dcfff", heading="#f2a9d8",
        link="#b4a7ff", money="#ffc777", error="#ff8d94", success="#9ece6a",
        scrollbar_hover="#4c5c8a",
    ),
    dark=True,
)  # fmt: skip
EMBER: Final = _theme(
    "ember",
    ThemeColors(
        text="#ece3d2", muted="#b5a892", disabled="#b0a48e",
        background="#1d1b18", surface="#25221e", panel="#2f2b26",
        border="#574e43", hover="#38332d", current_row="#40392f", selection="#5a4a2f",
        focus="#8fc98a", heading="#dba6c6",
        link="#83b6c9", money="#f0b255", error="#ff8a75", success="#b8c15c",
        scrollbar_hover="#6f6455",
    ),
    dark=True,
)  # fmt: skip
PAPER: Final = _theme(
    "paper",
    ThemeColors(
        text="#2a241b", muted="#5c503e", disabled="#625644",
        background="#f7f0e2", surface="#efe6d4", panel="#e6dbc5",
        border="#c9b99a", hover="#dccfb5", current_row="#d5dcc6", selection="#bcd9cf",
        focus="#0b5a5e", heading="#5f3478",
        link="#2a4a85", money="#6f4000", error="#951c28", success="#2c561c",
        scrollbar_hover="#a8977a",
    ),
    dark=False,
)  # fmt: skip
CONTRAST: Final = _theme(
    "contrast",
    ThemeColors(
        text="#ffffff", muted="#d0d0d0", disabled="#bebebe",
        background="#000000", surface="#0a0a0a", panel="#141414",
        border="#8a8a8a", hover="#262626", current_row="#303030", selection="#00527a",
        focus="#5cffd6", heading="#ffb8ff",
        link="#9fc5ff", money="#ffd75f", error="#ff9c9c", success="#8dff8d",
        scrollbar_hover="#b0b0b0",
    ),
    dark=True,
)  # fmt: skip
CONTRAST_LIGHT: Final = _theme(
    "contrast-light",
    ThemeColors(
        text="#000000", muted="#333333", disabled="#454545",
        background="#ffffff", surface="#f7f7f7", panel="#efefef",
        border="#707070", hover="#e2e2e2", current_row="#d6e6e2", selection="#a8dcd0",
        focus="#00483f", heading="#4c0f75",
        link="#0b2f75", money="#5a3200", error="#7d0010", success="#0d4218",
        scrollbar_hover="#505050",
    ),
    dark=False,
)  # fmt: skip
TERMINAL: Final = _theme(
    "terminal",
    ThemeColors(
        text="ansi_default", muted="ansi_default", disabled="ansi_bright_black",
        background="ansi_default", surface="ansi_default", panel="ansi_default",
        border="ansi_bright_black", hover="ansi_bright_black", current_row="ansi_bright_black",
        selection="ansi_blue",
        focus="ansi_cyan", heading="ansi_magenta",
        link="ansi_bright_blue", money="ansi_yellow", error="ansi_red", success="ansi_green",
        scrollbar_hover="ansi_white",
    ),
    dark=True,
    ansi=True,
)  # fmt: skip

THEMES: Final = (DARK, LIGHT, MIDNIGHT, EMBER, PAPER, CONTRAST, CONTRAST_LIGHT, TERMINAL)
NAMES: Final = tuple(theme.name.removeprefix(PREFIX) for theme in THEMES)
"""The names as people type them."""
_LIGHT_BACKGROUNDS: Final = frozenset({"7", "15"})
"""Background color numbers in COLORFGBG that are light."""


def first_theme(requested: str | None, environ: Mapping[str, str]) -> str:
    """The name of the theme to start with: the requested one, else one for the terminal's background.

    COLORFGBG ("15;0": foreground; background) is set by many terminals and costs no query.
    """
    name = by_name(requested) if requested else None
    return name or (LIGHT.name if has_light_background(environ) else DARK.name)


def has_light_background(environ: Mapping[str, str]) -> bool:
    """Whether COLORFGBG names a light background."""
    return environ.get("COLORFGBG", "").rpartition(";")[2] in _LIGHT_BACKGROUNDS


def by_name(name: str) -> str | None:
    """The full name of a theme, from a short or a full name; None when it is unknown."""
    short = name.lower().removeprefix(PREFIX)
    return PREFIX + short if short in NAMES else None


def unknown_text(name: str) -> str:
    """What to say of a name that no theme has."""
    return f"Unknown theme “{clean_line(name, 20)}”. Choose: {', '.join(NAMES)}."


def short_name(name: str) -> str:
    """The name of a theme as people type it."""
    return name.removeprefix(PREFIX)


REVERSE_FROM: Final = 1.45
"""Contrast of a background with that of the app from which it is drawn reversed: selections and cursors."""
DIM_BELOW: Final = 9.0
"""Contrast of a gray text with its background below which it is drawn dim."""
GRAY_BELOW: Final = 0.3
"""Saturation, 0 to 1, below which a color is gray."""

_DEFAULT_COLORS: Final = Style(color="default", bgcolor="default")
_REVERSED: Final = Style(reverse=True)
_UPRIGHT: Final = Style(reverse=False)
_DIM: Final = Style(dim=True)


class PlainStyles(LineFilter):
    """Removes all colors, so that the terminal's own two colors are used.

    `App.get_line_filters` must always return the same object: strips cache its results.
    """

    def __init__(self, theme: Theme) -> None:
        """`theme`: the one in use; the backgrounds of widgets are compared with its own."""
        super().__init__()
        self._background: Final = Color.parse(theme.background or "black")

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments with plain styles."""
        return [
            Segment(text, style and plain_style(style, self._background), control)
            for text, style, control in segments
        ]


@lru_cache(4096)
def plain_style(style: Style, app_background: Color) -> Style:
    """`style` without its colors, on an app with the background `app_background`."""
    behind, text = _color(style.bgcolor) or app_background, _color(style.color)
    plain = style + _DEFAULT_COLORS
    if contrast(behind, app_background) >= REVERSE_FROM:
        plain += _UPRIGHT if style.reverse else _REVERSED
    elif (
        text is not None and contrast(text, behind) < DIM_BELOW and text.hsl.s < GRAY_BELOW and not style.bold
    ):
        plain += _DIM
    return plain


# -- few colors --------------------------------------------------------------------------------
LEAST_CONTRAST: Final = 3.0
"""A text with less contrast among few colors is drawn in black, white or the terminal's own color."""
_LUMINANCES: Final = (
    (0.0, 0.0), (0.09, 0.14), (0.25, 0.44), (0.15, 0.57), (0.03, 0.13), (0.08, 0.21), (0.25, 0.48),
    (0.4, 0.78), (0.09, 0.23), (0.2, 0.28), (0.41, 0.74), (0.78, 0.93), (0.12, 0.33), (0.12, 0.35),
    (0.55, 0.81), (0.83, 1.0),
)  # fmt: skip
"""Lowest and highest luminance of each of sixteen colors: xterm, VGA, GNOME, PuTTY, macOS, Windows."""
_LETTERS: Final = re.compile("[^\\s\u2500-\u259f\u2800-\u28ff]")
"""Anything but lines, blocks and dots, of which pictures and charts consist."""
_BLACK: Final = RichColor.from_ansi(0)
_WHITE: Final = RichColor.from_ansi(15)


class LegibleStyles(LineFilter):
    """Replaces colors of letters that are near their background where a terminal has only few colors.

    `App.get_line_filters` must always return the same object, see `legible_styles`.
    """

    def __init__(self, system: ColorSystem, *, is_light: bool) -> None:
        """`is_light`: the terminal's own background is light."""
        super().__init__()
        self._system: Final = system
        self._is_light: Final = is_light

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments with legible styles."""
        return [
            Segment(text, legible_style(style, self._system, is_light=self._is_light), control)
            if style and _LETTERS.search(text)
            else Segment(text, style, control)
            for text, style, control in segments
        ]


legible_styles: Final = lru_cache(LegibleStyles)
"""The filter with these arguments, always the same object."""


@lru_cache(4096)
def legible_style(style: Style, system: ColorSystem, *, is_light: bool) -> Style:
    """`style` with a text that its background does not swallow in a terminal with these colors."""
    text, behind = (style.bgcolor, style.color) if style.reverse else (style.color, style.bgcolor)
    own = (_LUMINANCES[0], _LUMINANCES[15])
    under = _luminances(behind, system) or own[is_light]
    if _least_contrast(_luminances(text, system) or own[not is_light], under) >= LEAST_CONTRAST:
        return style
    if behind is None or behind.is_default:
        instead = RichColor.default()
    else:
        black, white = (_least_contrast(_LUMINANCES[number], under) for number in (0, 15))
        instead = _WHITE if white > black else _BLACK
    return style + (Style(bgcolor=instead) if style.reverse else Style(color=instead))


def _luminances(color: RichColor | None, system: ColorSystem) -> tuple[float, float] | None:
    """Lowest and highest luminance of a color as a terminal shows it; None for the terminal's own."""
    if color is None or color.is_default:
        return None
    shown = color.downgrade(system)
    if shown.number is not None and shown.number < len(_LUMINANCES):
        return _LUMINANCES[shown.number]
    exact = _luminance(Color.from_rich_color(shown))
    return exact, exact


def _least_contrast(one: tuple[float, float], other: tuple[float, float]) -> float:
    low, high = sorted((one, other))
    return (high[0] + 0.05) / (low[1] + 0.05)


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _color(color: RichColor | None) -> Color | None:
    """A color of Rich as one of Textual; None for none and for the terminal's own."""
    return None if color is None or color.is_default else Color.from_rich_color(color)
