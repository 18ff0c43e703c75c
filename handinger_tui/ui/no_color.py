"""Styles without any color (NO_COLOR): reverse and dim say what a background and a faint color say else."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

REVERSE_FROM: Final = 1.45
"""Contrast of a background with that of the app from which it is drawn reversed: selections and cursors."""
DIM_BELOW: Final = 9.0
"""Contrast of a grey text with its background below which it is drawn dim."""
GREY_BELOW: Final = 0.3
"""Saturation, 0 to 1, below which a color is grey."""

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
        text is not None and contrast(text, behind) < DIM_BELOW and text.hsl.s < GREY_BELOW and not style.bold
    ):
        plain += _DIM
    return plain


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
