"""Modal dialogs over the work screen: their base class, and those that ask one question.

They return the answer and change nothing themselves.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from handinger_tui.core.safety import clean, clean_line
from handinger_tui.ui.keys import Where, bindings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EDITING_KEYS: Final[dict[str, Callable[[Input], None]]] = {
    "backspace": Input.action_delete_left,
    "ctrl+h": Input.action_delete_left,
    "delete": Input.action_delete_right,
    "ctrl+u": Input.action_delete_left_all,
    "ctrl+w": Input.action_delete_left_word,
    "left": Input.action_cursor_left,
    "right": Input.action_cursor_right,
    "home": Input.action_home,
    "end": Input.action_end,
}


class OrderedInput(Input):
    """An `Input` that handles editing keys itself.

    Textual resolves such keys only after they have bubbled to the screen. Letters that follow them in
    a burst, or while the screen is slow, would take effect first, and a typed amount would change.
    """

    async def on_key(self, event: events.Key) -> None:
        """Run the action of an editing key or Enter at once."""
        act = _EDITING_KEYS.get(event.key)
        if act is None and event.key != "enter":
            return
        event.stop()
        event.prevent_default()
        if act is not None:
            act(self)
        else:
            await self.action_submit()


LONG_BODY: Final = 600
"""Length in characters from which a text may not fit the screen and gets the focus for scrolling."""
HINT: Final = Content.styled("Enter to confirm · Esc to cancel", "$text-muted")
Answer = TypeVar("Answer")


class Modal(ModalScreen[Answer]):
    """A screen over others that closes once, with an answer.

    Textual's `dismiss` closes the screen on top, whichever it is, as often as it is called: the second of two
    clicks, or a request that ends below another dialog, would close that one or end the program.
    """

    _is_dismissed = False
    waiting_answer: tuple[Answer | None, ...] = ()
    """The answer that waits until the screen above is closed."""

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        """Close with an answer, once; below another screen, as soon as that is closed."""
        if self._is_dismissed or not self.is_active:
            self.waiting_answer = self.waiting_answer or (result,)
            return AwaitComplete()
        self._is_dismissed = True
        # Its work would end with it a moment later, in which its widgets are gone already.
        self.app.workers.cancel_node(self)
        closed = super().dismiss(result)
        below = self.app.screen
        if isinstance(below, Modal) and below.waiting_answer:
            below.dismiss(below.waiting_answer[0])
        return closed


class Dialog(Modal[Answer]):
    """A box with a title over the screen. Esc closes it with the answer `on_close`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG)
    BOX_CLASSES: ClassVar[str] = "dialog"

    def __init__(self, title: str | Content, on_close: Answer | None = None) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-wide")]
        self._title = title if isinstance(title, Content) else Content.styled(clean_line(title), "bold")
        self._on_close = on_close

    def compose(self) -> ComposeResult:
        """Lay out the title and the body."""
        with Vertical(classes=self.BOX_CLASSES):
            yield Static(self._title, classes="dialog-title")
            yield from self.compose_body()

    def compose_body(self) -> ComposeResult:
        """The widgets below the title."""
        raise NotImplementedError

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss(self._on_close)


def button(name: str, label: str, *, disabled: bool = False) -> Button:
    """A button of a dialog."""
    return Button(Content(clean_line(label)), id=name, compact=True, disabled=disabled)


class Confirm(Dialog[bool]):
    """A yes-or-no question.

    With `typed`, that word must be typed for a yes. The safe answer has the focus.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.QUESTION)

    def __init__(self, title: str, body: str, *, yes: str, no: str, typed: str = "") -> None:
        super().__init__(title, False)
        self._body, self._yes, self._no, self._typed = body, yes, no, typed

    def compose_body(self) -> ComposeResult:
        """The text, the field for the word if there is one, and two buttons."""
        # A long text can be focused, so that the keyboard can scroll it, too.
        with VerticalScroll(classes="dialog-text", can_focus=len(self._body) > LONG_BODY):
            yield Static(Content(clean(self._body)), classes="dialog-body")
        if self._typed:
            yield OrderedInput(placeholder=f"Type {self._typed} to confirm", id="typed")
        with Horizontal(classes="dialog-buttons"):
            yield button("no", self._no)
            yield button("yes", self._yes, disabled=bool(self._typed))

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


class Ask(Dialog[str]):
    """Asks for one line of text. The result is None when closed."""

    def __init__(self, title: str, value: str = "", placeholder: str = "") -> None:
        super().__init__(title)
        self._value, self._placeholder = value, placeholder

    def compose_body(self) -> ComposeResult:
        """The field and a hint."""
        yield OrderedInput(clean_line(self._value), placeholder=clean_line(self._placeholder))
        yield Static(HINT, classes="dialog-hint")

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


class Choice(Dialog[str]):
    """Asks to choose one of `rows`, each a name and its text. The result is the name, None when closed."""

    def __init__(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__(title)
        self._rows = rows

    def compose_body(self) -> ComposeResult:
        """The rows and a hint."""
        yield OptionList(*(Option(Content(clean_line(text))) for _, text in self._rows), id="choices")
        yield Static(HINT, classes="dialog-hint")

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._rows[event.option_index][0])


class Notice(Dialog[None]):
    """Shows a text. Enter or Esc closes it."""

    def __init__(self, title: str, body: str) -> None:
        super().__init__(title)
        self._body = body

    def compose_body(self) -> ComposeResult:
        """The text and a button."""
        yield Static(Content(clean(self._body)), classes="dialog-body")
        with Horizontal(classes="dialog-buttons"):
            yield button("close", "Close")

    @on(Button.Pressed)
    def _press(self) -> None:
        self.dismiss()


class Problem(Dialog[bool], inherit_bindings=False):
    """Shows why the app could not connect and what to do. The result is True to try again."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PROBLEM)
    BOX_CLASSES = "dialog -problem"

    def __init__(self, summary: str, hint: str) -> None:
        super().__init__(Content.styled("Cannot start handinger-tui", "bold $error"), False)
        self._summary, self._hint = summary, hint

    def compose_body(self) -> ComposeResult:
        """The error, the hint and two buttons."""
        yield Static(Content(clean(self._summary)), classes="dialog-body")
        if self._hint:
            yield Static(Content.styled(clean(self._hint), "$text-muted"), classes="dialog-body")
        with Horizontal(classes="dialog-buttons"):
            yield button("again", "Try again")
            yield button("leave", "Quit")

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "again")


RESEND_WORD: Final = "again"
"""The word that must be typed to send a message again."""
MAY_RUN_TWICE: Final = "This message may have arrived. If you send it again, it may run and charge you twice."
WATCH_FIRST: Final = "Watching is free and shows the answer if the message arrived."
NO_WORKER: Final = (
    "The id of its new worker never came back, so it cannot be watched. Check the dashboard first."
)


class ResendChoice(Enum):
    """The answer to the question whether to send a message again."""

    WATCH = auto()
    SEND = auto()
    LEAVE = auto()


class SendAgain(Dialog[ResendChoice]):
    """Asks whether to resend a message of unknown delivery. Enter is free; resending needs a typed word."""

    def __init__(self, *, watchable: bool, about: str = "") -> None:
        """`watchable`: the session has a worker whose answer can be watched.

        `about`: the title of the session, "" when it is the one on the screen.
        """
        super().__init__("Send again?", ResendChoice.LEAVE)
        self._about = f"Session: “{about}”\n\n" if about else ""
        self._default = ResendChoice.WATCH if watchable else ResendChoice.LEAVE

    def compose_body(self) -> ComposeResult:
        """The text, the field for the word, and the buttons, the free choice first."""
        watchable = self._default is ResendChoice.WATCH
        text = f"{self._about}{MAY_RUN_TWICE}\n\n{WATCH_FIRST if watchable else NO_WORKER}"
        yield Static(Content(text), classes="dialog-body")
        default = "watch" if watchable else "cancel"
        yield OrderedInput(placeholder=f"Enter to {default}; type {RESEND_WORD} to send again", id="typed")
        with Horizontal(classes="dialog-buttons"):
            if watchable:
                yield button("watch", "Watch (free)")
            yield button("leave", "Cancel")
            yield button("send", "Send again", disabled=True)

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
