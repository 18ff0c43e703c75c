"""Rules: the sheet, read once for the same colours."""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet


class Rules(Stylesheet):
    """Reads all sources again only for other variables.

    Textual does so whenever a theme is set, even the one of the start: 40 ms before the first frame.
    A source that is added makes the sheet be read by itself, that source alone.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._known = variables
        self._old = False

    def set_variables(self, variables: dict[str, str]) -> None:
        """The colours and sizes that sources name."""
        if variables != self._known:
            self._known, self._old = variables, True
            super().set_variables(variables)

    def reparse(self) -> None:
        """Read all again, if that makes a difference."""
        if self._old:
            super().reparse()
            self._old = False
