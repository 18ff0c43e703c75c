"""The find bar: one row above the prompt that searches the transcript while it is typed into."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static

from handinger_tui.ui.dialogs.confirm import OrderedInput
from handinger_tui.ui.keys import Where, bindings

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.navigation import TranscriptSearch

PAUSE_S: Final = 0.1
"""Seconds without typing after which a long session is searched."""


class FindBar(Horizontal):
    """The field and the number of the match; Enter goes to the next one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.FIND)

    def __init__(self, search: TranscriptSearch, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.field = OrderedInput(placeholder="Find in this session", compact=True)
        self._search = search
        self._count = Static(id="find-count")
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The field, and the count at the right."""
        yield self.field
        yield self._count

    @property
    def is_settled(self) -> bool:
        """Whether the count belongs to the text, and not to what was typed just before."""
        return self._timer is None

    def open(self) -> None:
        """Show the bar with the text of the last search, selected."""
        self.display = True
        self.field.select_all()
        self._find()

    def close(self) -> None:
        """Hide the bar; the text is kept."""
        self.display = False

    @on(Input.Changed)
    def _find_soon(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE_S, self._find)

    def _find(self) -> None:
        if self.display:
            self._search.find(self.field.value)
            self._show_count()

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_step(1)

    def action_step(self, by: int) -> None:
        """Go to the next match below (1) or above (-1)."""
        if self._timer is not None:
            # Typed just now, and not searched yet.
            self._timer.stop()
            self._timer = None
            self._find()
        else:
            self._search.step(by)
            self._show_count()

    def _show_count(self) -> None:
        self._timer = None
        number, count = self._search.position
        text = f"{number}/{count}" if count else ("no matches" if self.field.value.strip() else "")
        self._count.update(Content.styled(text, "$text-muted"))
