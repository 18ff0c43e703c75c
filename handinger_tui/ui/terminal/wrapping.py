"""Where Textual breaks the lines of a text: not between a number and its unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual import content

from handinger_tui.core.formatting import joined

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME: Final = "divide_line"
_divide: Final[Callable[[str, int, bool], list[int]] | None] = getattr(content, _NAME, None)


def _divide_joined(text: str, width: int, fold: bool = True) -> list[int]:
    """The places in `text` at which a line of `width` cells ends."""
    return [] if _divide is None else _divide(joined(text, "-"), width, fold)


def keep_units() -> None:
    """From now on `Content` keeps a number and its unit on one line."""
    if _divide is not None:
        setattr(content, _NAME, _divide_joined)
