"""Reflow: a text of many lines that is laid out anew for the width it gets."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

Lines = Callable[[int], list[Content]]
"""The lines for a width in cells."""


class StaticReflow(Static):
    """As high as its lines; `put` gives it others."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._make: Lines | None = None
        self._made: tuple[int, list[Content]] | None = None

    def put(self, make: Lines) -> None:
        """Show these lines from now on."""
        self._make, self._made = make, None
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's shape
        """As many lines as there are at `width`."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The lines for the present width."""
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        if self._make is None or width <= 0:
            return []
        if self._made is None or self._made[0] != width:
            self._made = width, self._make(width)
        return self._made[1]
