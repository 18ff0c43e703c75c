"""The find bar: one row above the prompt that searches the transcript while it is typed into."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.keys import Where, bindings

if TYPE_CHECKING:
    from handinger_tui.ui.transcript.navigation import TranscriptSearch

SLICE_S: Final = 0.05
"""Seconds of counting after which the number so far is shown."""


class FindBar(Horizontal):
    """The field and the number of the match; Enter goes to the next one."""

    BINDINGS = bindings(Where.FIND)

    def __init__(self, search: TranscriptSearch, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.field = Input(placeholder="Find in this session", compact=True)
        self._search = search
        self._count = Static(id="find-count")
        self._searched = ""
        """The text that is searched."""
        self._is_counting = False
        self._steps: list[int] = []
        """Steps to be taken once the matches are counted: until then the first match is unknown."""

    def compose(self) -> ComposeResult:
        """The field, and the count at the right."""
        yield self.field
        yield self._count

    def open(self) -> None:
        """Show the bar with the text of the last search, selected."""
        self.display = True
        self.field.select_all()
        self._find()

    def close(self) -> None:
        """Hide the bar; the text is kept."""
        self.display = False

    @on(Input.Changed)
    def _find_typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.field.value != self._searched:
            self._find()

    def _find(self) -> None:
        self._searched = self.field.value
        self._steps.clear()
        self._search.start(self._searched)
        self._is_counting = True
        self._count_on()

    def follow(self) -> None:
        """Count the matches in what was added to the session."""
        if self.display and not self._is_counting and self._search.counting() is not None:
            self._is_counting = True
            self._count_on()

    @work(exclusive=True, group="counting")
    async def _count_on(self) -> None:
        # In a thread: a long session must not delay keys.
        while (counting := self._search.counting()) is not None:
            self._search.add(await run_in_thread(partial(counting, SLICE_S)))
            self._show_count()
        self._is_counting = False
        for by in self._steps:
            self._search.step(by)
        self._steps.clear()
        self._show_count()

    def action_step(self, by: int) -> None:
        """Go to the next match below (1) or above (-1)."""
        if self.field.value != self._searched:
            self._find()
        if self._is_counting:
            self._steps.append(by)
        else:
            self._search.step(by)
            self._show_count()

    def _show_count(self) -> None:
        number, total = self._search.number, self._search.total
        if self._is_counting:
            text = f"{total:,}+ matches" if total else ""
        elif total:
            text = f"{number:,} of {total:,}"
        else:
            text = "no matches" if self._search.active else ""
        self._count.update(Content.styled(text, "$text-muted"))
