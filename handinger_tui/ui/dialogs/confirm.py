"""Dialogs: one question each. They return the answer and change nothing themselves."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from handinger_tui.core.safety.cleaning import clean, clean_line
from handinger_tui.ui.widgets.ordered_input import OrderedInput

LONG_BODY: Final = 600
"""Characters of a text that may need to be scrolled."""
CLOSE: list[BindingType] = [
    Binding("escape", "close", "Close", tooltip="Close without a change", id="dialog.close")
]


class Confirm(ModalScreen[bool]):
    """A yes-or-no question. With `typed`, yes must be spelled out. The safe answer has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *CLOSE,
        Binding("left,right", "other", "Choose", show=False, id="dialog.other", tooltip="The other answer"),
    ]

    def __init__(self, title: str, body: str, *, yes: str, no: str, typed: str = "") -> None:
        super().__init__()
        self._title, self._body = title, body
        self._yes, self._no, self._typed = yes, no, typed

    def compose(self) -> ComposeResult:
        """Title, text, perhaps a field, two buttons."""
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean_line(self._title), "bold"), classes="dialog-title")
            # By key, too, where there is more than a screen has room for.
            with VerticalScroll(classes="dialog-text", can_focus=len(self._body) > LONG_BODY):
                yield Static(Content(clean(self._body)), classes="dialog-body")
            if self._typed:
                yield OrderedInput(placeholder=f"type {self._typed} to confirm", id="typed")
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content(clean_line(self._no)), id="no", compact=True)
                yield Button(
                    Content(clean_line(self._yes)), id="yes", compact=True, disabled=bool(self._typed)
                )

    def on_mount(self) -> None:
        """A slip of the finger must not say yes."""
        self.query_one("#typed" if self._typed else "#no").focus()

    @on(Input.Changed)
    def _spelled(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.strip().lower() != self._typed

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if event.value.strip().lower() == self._typed:
            self.dismiss(True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_other(self) -> None:
        """Between the two buttons."""
        self.focus_next(Button)

    def action_close(self) -> None:
        """Esc is no."""
        self.dismiss(False)


class Ask(ModalScreen[str]):
    """One line of text; None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = CLOSE

    def __init__(self, title: str, value: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._title, self._value, self._placeholder = title, value, placeholder

    def compose(self) -> ComposeResult:
        """Title and field."""
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean_line(self._title), "bold"), classes="dialog-title")
            yield OrderedInput(clean_line(self._value), placeholder=clean_line(self._placeholder))
            yield Static(
                Content.styled("Enter takes it · Esc leaves it", "$text-muted"), classes="dialog-hint"
            )

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_close(self) -> None:
        """Nothing is taken."""
        self.dismiss(None)


class Choice(ModalScreen[str]):
    """One of a few rows (name, text): the name, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = CLOSE

    def __init__(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title, self._rows = title, rows

    def compose(self) -> ComposeResult:
        """Title and rows."""
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean_line(self._title), "bold"), classes="dialog-title")
            yield OptionList(*(Option(Content(clean_line(text))) for _, text in self._rows), id="choices")
            yield Static(
                Content.styled("Enter takes it · Esc leaves it", "$text-muted"), classes="dialog-hint"
            )

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._rows[event.option_index][0])

    def action_close(self) -> None:
        """Nothing is taken."""
        self.dismiss(None)


class Notice(ModalScreen[None]):
    """Lines to read, closed by Enter or Esc."""

    BINDINGS: ClassVar[list[BindingType]] = CLOSE

    def __init__(self, title: str, body: str) -> None:
        super().__init__()
        self._title, self._body = title, body

    def compose(self) -> ComposeResult:
        """Title, text, button."""
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean_line(self._title), "bold"), classes="dialog-title")
            yield Static(Content(clean(self._body)), classes="dialog-body")
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content("Close"), id="close", compact=True)

    @on(Button.Pressed)
    def _pressed(self) -> None:
        self.dismiss()

    def action_close(self) -> None:
        """Read."""
        self.dismiss()


class Problem(ModalScreen[bool]):
    """The start did not succeed: what happened and what to do. True: try again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Leave", tooltip="Leave the program", id="problem.leave")
    ]

    def __init__(self, summary: str, hint: str) -> None:
        super().__init__()
        self._summary, self._hint = summary, hint

    def compose(self) -> ComposeResult:
        """What happened, what to do, two buttons."""
        with Vertical(classes="dialog -problem"):
            yield Static(Content.styled("Handinger cannot start", "bold $error"), classes="dialog-title")
            yield Static(Content(clean(self._summary)), classes="dialog-body")
            if self._hint:
                yield Static(Content.styled(clean(self._hint), "$text-muted"), classes="dialog-body")
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content("Try again"), id="again", compact=True)
                yield Button(Content("Leave"), id="leave", compact=True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "again")

    def action_close(self) -> None:
        """Leave."""
        self.dismiss(False)


WORD: Final = "again"
TWICE: Final = "It is not known whether this message arrived. Sent again, it may run and cost a second time."
WATCH_FIRST: Final = (
    "Watching is free: it asks the worker, and shows the answer if the message arrived after all."
)
NO_WORKER: Final = (
    "It was to start a new worker whose id never came back, so it cannot be watched: "
    "look at the dashboard of the service first."
)


class ResendChoice(Enum):
    """What the person wants."""

    WATCH = auto()
    SEND = auto()
    LEAVE = auto()


class SendAgain(ModalScreen[ResendChoice]):
    """Enter takes the free way; sending has to be spelled out."""

    BINDINGS: ClassVar[list[BindingType]] = CLOSE

    def __init__(self, *, watchable: bool, about: str = "") -> None:
        """`watchable`: there is a worker to ask.

        `about`: the title of the session, where another one is on the screen.
        """
        super().__init__()
        self._about = f"Session: “{about}”\n\n" if about else ""
        self._default = ResendChoice.WATCH if watchable else ResendChoice.LEAVE

    def compose(self) -> ComposeResult:
        """Title, text, the free way first, then the field for the word."""
        watchable = self._default is ResendChoice.WATCH
        with Vertical(classes="dialog"):
            yield Static(Content.styled("Send it a second time?", "bold"), classes="dialog-title")
            yield Static(
                Content(f"{self._about}{TWICE}\n\n{WATCH_FIRST if watchable else NO_WORKER}"),
                classes="dialog-body",
            )
            yield OrderedInput(placeholder=f"Enter {self._deed}; type {WORD} to send it again", id="typed")
            with Horizontal(classes="dialog-buttons"):
                if watchable:
                    yield Button(Content("Watch it (free)"), id="watch", compact=True)
                yield Button(Content("Leave it"), id="leave", compact=True)
                yield Button(Content("Send again"), id="send", compact=True, disabled=True)

    @property
    def _deed(self) -> str:
        return "watches" if self._default is ResendChoice.WATCH else "leaves it"

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
            self.dismiss(ResendChoice.SEND if word else self._default)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(ResendChoice[(event.button.id or "leave").upper()])

    def action_close(self) -> None:
        """Nothing is done."""
        self.dismiss(ResendChoice.LEAVE)
