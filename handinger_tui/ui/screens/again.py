"""Again: the question before a message whose fate is unknown leaves a second time."""

from __future__ import annotations

from enum import Enum, auto
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from handinger_tui.ui.screens.dialogs import CLOSE
from handinger_tui.ui.widgets.field import Field

WORD: Final = "again"
TWICE: Final = "It is not known whether this message arrived. Sent again, it may run and cost a second time."
WATCH_FIRST: Final = (
    "Watching is free: it asks the worker, and shows the answer if the message arrived after all."
)
NO_WORKER: Final = (
    "It was to start a new worker whose id never came back, so it cannot be watched: "
    "look at the dashboard of the service first."
)


class Choice(Enum):
    """What the person wants."""

    WATCH = auto()
    SEND = auto()
    LEAVE = auto()


class SendAgain(ModalScreen[Choice]):
    """Enter takes the free way; sending has to be spelled out."""

    BINDINGS: ClassVar[list[BindingType]] = CLOSE

    def __init__(self, *, watchable: bool, about: str = "") -> None:
        """`watchable`: there is a worker to ask.

        `about`: the title of the session, where another one is on the screen.
        """
        super().__init__()
        self._about = f"Session: “{about}”\n\n" if about else ""
        self._default = Choice.WATCH if watchable else Choice.LEAVE

    def compose(self) -> ComposeResult:
        """Title, text, the free way first, then the field for the word."""
        watchable = self._default is Choice.WATCH
        with Vertical(classes="dialog"):
            yield Static(Content.styled("Send it a second time?", "bold"), classes="dialog-title")
            yield Static(
                Content(f"{self._about}{TWICE}\n\n{WATCH_FIRST if watchable else NO_WORKER}"),
                classes="dialog-body",
            )
            yield Field(placeholder=f"Enter {self._deed}; type {WORD} to send it again", id="typed")
            with Horizontal(classes="dialog-buttons"):
                if watchable:
                    yield Button(Content("Watch it (free)"), id="watch", compact=True)
                yield Button(Content("Leave it"), id="leave", compact=True)
                yield Button(Content("Send again"), id="send", compact=True, disabled=True)

    @property
    def _deed(self) -> str:
        return "watches" if self._default is Choice.WATCH else "leaves it"

    def on_mount(self) -> None:
        """The word can be typed at once."""
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _spelled(self, event: Input.Changed) -> None:
        self.query_one("#send", Button).disabled = event.value.strip().lower() != WORD

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        word = event.value.strip().lower()
        if word in ("", WORD):
            self.dismiss(Choice.SEND if word else self._default)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(Choice[(event.button.id or "leave").upper()])

    def action_close(self) -> None:
        """Nothing is done."""
        self.dismiss(Choice.LEAVE)
