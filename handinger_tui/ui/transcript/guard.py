"""The last gate before the terminal: no control or direction character, no unsafe link.

Text is cleaned where it becomes rows; this catches what any other widget, or a
decoder behind the cleaning, lets through (core/safety.py, "two layers").
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from handinger_tui.core.safety import Verdict, judge_link

_BAD: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e001f]"
)
_SPACES: Final = re.compile("[\t\n]")


class ControlFilter(LineFilter):
    """Return it from `App.get_line_filters`, always the same object: strips remember what it gave."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002  # the base's
        """The segments, or cleaned copies. Segments that are terminal codes of Textual pass."""
        if not any(_suspect(segment) for segment in segments):
            return segments
        return [_cleaned(segment) for segment in segments]


def _suspect(segment: Segment) -> bool:
    text, style, control = segment
    if control:
        return False
    return (not text.isprintable() and _BAD.search(text) is not None) or (
        style is not None and style.link is not None and not _safe(style.link)
    )


def _cleaned(segment: Segment) -> Segment:
    text, style, control = segment
    if control:
        return segment
    text = _BAD.sub("", _SPACES.sub(" ", text))
    if style is not None and style.link is not None and not _safe(style.link):
        style = _without_link(style)
    return Segment(text, style)


@lru_cache(1024)
def _safe(link: str) -> bool:
    return judge_link(link).verdict is not Verdict.REFUSE


def _without_link(style: Style) -> Style:
    return style.update_link(None)
