"""Dialogs that ask one question each. They return the answer and change nothing themselves."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from handinger_tui.core.safety.cleaning import clean, clean_line
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.widgets.ordered_input import OrderedInput

LONG_BODY: Final = 600
"""Length in characters from which a text may not fit the screen and gets the focus for scrolling."""


class Confirm(ModalScreen[bool]):
    """A yes-or-no question.

    With `typed`, that word must be typed for a yes. The safe answer has the focus.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG, Where.QUESTION)

    def __init__(self, title: str, body: str, *, yes: str, no: str, typed: str = "") -> None:
        super().__init__()
        self._title, self._body = title, body
        self._yes, self._no, self._typed = yes, no, typed

    def compose(self) -> ComposeResult:
        """Lay out the title, the text, the field for the word if there is one, and two buttons."""
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean_line(self._title), "bold"), classes="dialog-title")
            # A long text can be focused, so that the keyboard can scroll it, too.
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
        """Focus the safe answer, so that an accidental Enter says no."""
        self.query_one("#typed" if self._typed else "#no").focus()

    @on(Input.Changed)
    def _check_word(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.strip().lower() != self._typed

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        if event.value.strip().lower() == self._typed:
            self.dismiss(True)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_other(self) -> None:
        """Focus the other button."""
        self.focus_next(Button)

    def action_close(self) -> None:
        """Answer no."""
        self.dismiss(False)


class Ask(ModalScreen[str]):
    """Asks for one line of text. The result is None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG)

    def __init__(self, title: str, value: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._title, self._value, self._placeholder = title, value, placeholder

    def compose(self) -> ComposeResult:
        """Lay out the title, the field and a hint."""
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean_line(self._title), "bold"), classes="dialog-title")
            yield OrderedInput(clean_line(self._value), placeholder=clean_line(self._placeholder))
            yield Static(
                Content.styled("Enter takes it · Esc leaves it", "$text-muted"), classes="dialog-hint"
            )

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class Choice(ModalScreen[str]):
    """Asks to choose one of `rows`, each a name and its text. The result is the name, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG)

    def __init__(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title, self._rows = title, rows

    def compose(self) -> ComposeResult:
        """Lay out the title, the rows and a hint."""
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean_line(self._title), "bold"), classes="dialog-title")
            yield OptionList(*(Option(Content(clean_line(text))) for _, text in self._rows), id="choices")
            yield Static(
                Content.styled("Enter takes it · Esc leaves it", "$text-muted"), classes="dialog-hint"
            )

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._rows[event.option_index][0])

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class Notice(ModalScreen[None]):
    """Shows a text. Enter or Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG)

    def __init__(self, title: str, body: str) -> None:
        super().__init__()
        self._title, self._body = title, body

    def compose(self) -> ComposeResult:
        """Lay out the title, the text and a button."""
        with Vertical(classes="dialog"):
            yield Static(Content.styled(clean_line(self._title), "bold"), classes="dialog-title")
            yield Static(Content(clean(self._body)), classes="dialog-body")
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content("Close"), id="close", compact=True)

    @on(Button.Pressed)
    def _press(self) -> None:
        self.dismiss()

    def action_close(self) -> None:
        """Close the notice."""
        self.dismiss()


class Problem(ModalScreen[bool]):
    """Shows why the app could not connect and what to do. The result is True to try again."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PROBLEM)

    def __init__(self, summary: str, hint: str) -> None:
        super().__init__()
        self._summary, self._hint = summary, hint

    def compose(self) -> ComposeResult:
        """Lay out the error, the hint and two buttons."""
        with Vertical(classes="dialog -problem"):
            yield Static(Content.styled("Handinger cannot start", "bold $error"), classes="dialog-title")
            yield Static(Content(clean(self._summary)), classes="dialog-body")
            if self._hint:
                yield Static(Content.styled(clean(self._hint), "$text-muted"), classes="dialog-body")
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content("Try again"), id="again", compact=True)
                yield Button(Content("Leave"), id="leave", compact=True)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "again")

    def action_close(self) -> None:
        """Leave the program."""
        self.dismiss(False)


RESEND_WORD: Final = "again"
"""The word that must be typed to send a message again."""
MAY_RUN_TWICE: Final = (
    "It is not known whether this message arrived. Sent again, it may run and cost a second time."
)
WATCH_FIRST: Final = (
    "Watching is free: it asks the worker, and shows the answer if the message arrived after all."
)
NO_WORKER: Final = (
    "It was to start a new worker whose id never came back, so it cannot be watched: "
    "look at the dashboard of the service first."
)


class ResendChoice(Enum):
    """The answer to the question whether to send a message again."""

    WATCH = auto()
    SEND = auto()
    LEAVE = auto()


class SendAgain(ModalScreen[ResendChoice]):
    """Asks whether to resend a message of unknown delivery. Enter is free; resending needs a typed word."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG)

    def __init__(self, *, watchable: bool, about: str = "") -> None:
        """`watchable`: the session has a worker whose answer can be watched.

        `about`: the title of the session, "" when it is the one on the screen.
        """
        super().__init__()
        self._about = f"Session: “{about}”\n\n" if about else ""
        self._default = ResendChoice.WATCH if watchable else ResendChoice.LEAVE

    def compose(self) -> ComposeResult:
        """Lay out the title, the text, the field for the word, and the buttons, the free choice first."""
        watchable = self._default is ResendChoice.WATCH
        with Vertical(classes="dialog"):
            yield Static(Content.styled("Send it a second time?", "bold"), classes="dialog-title")
            yield Static(
                Content(f"{self._about}{MAY_RUN_TWICE}\n\n{WATCH_FIRST if watchable else NO_WORKER}"),
                classes="dialog-body",
            )
            yield OrderedInput(
                placeholder=f"Enter {self._default_text}; type {RESEND_WORD} to send it again", id="typed"
            )
            with Horizontal(classes="dialog-buttons"):
                if watchable:
                    yield Button(Content("Watch it (free)"), id="watch", compact=True)
                yield Button(Content("Leave it"), id="leave", compact=True)
                yield Button(Content("Send again"), id="send", compact=True, disabled=True)

    @property
    def _default_text(self) -> str:
        return "watches" if self._default is ResendChoice.WATCH else "leaves it"

    def on_mount(self) -> None:
        """Focus the field for the word."""
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _check_word(self, event: Input.Changed) -> None:
        self.query_one("#send", Button).disabled = event.value.strip().lower() != RESEND_WORD

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        word = event.value.strip().lower()
        if word in ("", RESEND_WORD):
            self.dismiss(ResendChoice.SEND if word else self._default)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        self.dismiss(ResendChoice[(event.button.id or "leave").upper()])

    def action_close(self) -> None:
        """Leave the message as it is."""
        self.dismiss(ResendChoice.LEAVE)
