"""Search in the prompt history, newest first, filtered while typing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.ui.keys import Where, bindings

MAX_ROWS = 200
"""Most rows listed at once; typing filters all messages."""


class HistorySearch(ModalScreen[str]):
    """Lists earlier messages. The result is the chosen text, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG, Where.HISTORY)

    def __init__(self, past: Sequence[str]) -> None:
        super().__init__()
        self._past = list(dict.fromkeys(reversed(past)))
        self._rows: list[str] = []

    def compose(self) -> ComposeResult:
        """Lay out the filter above the list."""
        with Vertical(id="picker"):
            yield Static(Content.styled("Messages sent before", "bold"), classes="dialog-title")
            yield Input(placeholder="type to filter")
            yield OptionList(id="rows")
            yield Static(Content.styled("Enter puts it into the prompt · Esc closes", "$text-muted"))

    @on(Input.Changed)
    def _fill(self) -> None:
        query = self.query_one(Input).value.lower()
        self._rows = [text for text in self._past if query in text.lower()][:MAX_ROWS]
        options = self.query_one("#rows", OptionList)
        options.clear_options()
        if not self._rows:
            options.add_option(Option(Content.styled("No message fits.", "$text-muted"), disabled=True))
            return
        options.add_options(Option(Content(clean_line(text, 300))) for text in self._rows)
        options.highlighted = 0

    def on_mount(self) -> None:
        """List all messages before anything is typed."""
        self._fill()

    def action_move(self, by: int) -> None:
        """Move the highlight; the focus stays in the filter."""
        options = self.query_one("#rows", OptionList)
        if by > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    @on(Input.Submitted)
    def _submit(self) -> None:
        index = self.query_one("#rows", OptionList).highlighted
        if self._rows and index is not None:
            self.dismiss(self._rows[index])

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._rows[event.option_index])

    def action_close(self) -> None:
        """Close without a choice."""
        self.dismiss(None)
