"""Modal dialogs over the work screen: their base class, and those that ask one question.

They return the answer and change nothing themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from handinger_tui.core.acts import Moot
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.transcript.selection import one_selection

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from textual.notifications import SeverityLevel

LONG_BODY: Final = 600
"""Length in characters from which a text may not fit the screen and gets the focus for scrolling."""
LOOK_EVERY_S: Final = 0.1
"""Seconds between two looks at whether the words of a question are still true."""
HINT: Final = Content.styled("Enter to confirm · Esc to cancel", "$text-muted")
MAX_NOTICE_CHARS: Final = 400
"""Longest notification, in characters."""
Answer = TypeVar("Answer")


class Modal(ModalScreen[Answer]):
    """A screen over others that closes once, with an answer; it may run work that fails.

    Textual's `dismiss` closes the top screen each time it is called: the second of two clicks, or a request
    that ends below another dialog, would close another screen or end the program.
    """

    validate_selections = one_selection
    _is_dismissed = False
    waiting_answer: tuple[Answer | None, ...] = ()
    """The answer that waits until the screen above is closed."""

    @work(group="do")
    async def do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Await a coroutine and show its error."""
        try:
            await coroutine
        except HandingerError as problem:
            self.say(problem.text, failed=True)

    def say(self, text: str, *, failed: bool = False) -> None:
        """Show a notification. The text is never parsed as markup."""
        severity: SeverityLevel = "error" if failed else "information"
        self.notify(clean_line(text, MAX_NOTICE_CHARS), severity=severity, markup=False)

    async def keep_typed(self) -> str:
        """Called before the program ends: store what is typed here, or return what the prompt should keep."""
        return ""

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        """Close with an answer, once; below another screen, as soon as that is closed."""
        if self._is_dismissed or not self.is_active:
            self.waiting_answer = self.waiting_answer or (result,)
            return AwaitComplete()
        self._is_dismissed = True
        # Textual would end the work of the screen only after its widgets are removed.
        self.app.workers.cancel_node(self)
        closed = super().dismiss(result)
        below = self.app.screen
        if isinstance(below, Modal) and below.waiting_answer:
            below.dismiss(below.waiting_answer[0])
        return closed


def show_focus(screen: Screen[Any]) -> None:
    """Scroll to what has the focus, once a smaller screen is laid out."""
    if screen.focused is not None:
        screen.call_after_refresh(screen.focused.scroll_visible, animate=False)


class Dialog(Modal[Answer]):
    """A box with a title over the screen. Esc closes it without an answer."""

    BINDINGS = bindings(Where.DIALOG)
    BOX_CLASSES: ClassVar[str] = "dialog"
    INTERRUPTS: ClassVar[bool] = False
    """Whether it may come up while a message is typed."""
    _typed = ""
    """The word that is to be typed for the last answer."""
    words: Callable[[], str | Moot] | None = None
    """What a question about something that may change says by now."""
    _words_shown: str | Moot = ""
    """What it says on the screen."""

    class TextLeft(Message):
        """A message was typed into a field for an amount or a word that came up meanwhile."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, title: str | Content) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-wide")]
        self._title = title if isinstance(title, Content) else Content.styled(clean_line(title), "bold")

    def on_mount(self) -> None:
        """Keep the words of the question true."""
        if self.words is not None:
            self._keep_true()
            self.set_interval(LOOK_EVERY_S, self._keep_true)

    def _keep_true(self) -> bool:
        """Say what is so by now; True where that is what the person could read.

        A question that is moot stays, for its Enter may be under way, with nothing but a button to close it.
        """
        now = self._words_shown if self.words is None else self.words()
        buttons = self.query(Button)
        if now == self._words_shown or not buttons:
            return True
        self._words_shown = now
        text = now.why if isinstance(now, Moot) else now
        bodies, fields = self.query(".dialog-body"), self.query(Input)
        bodies.first(Static).update(Content(clean(text)))
        for field in fields:
            # The word was typed for the words before; another text is a message for the prompt.
            if self._typed.startswith(field.value.strip().lower()):
                field.clear()
        if isinstance(now, Moot):
            for widget in (*bodies[1:], *fields, *buttons[1:]):
                widget.display = False
            buttons.first().label = "Close"
        self.set_focus(next((field for field in fields if field.display), buttons.first()))
        return False

    def on_resize(self) -> None:
        """Keep the focus visible on a smaller screen."""
        show_focus(self)

    def compose(self) -> ComposeResult:
        """Lay out the title and the body."""
        with Vertical(classes=self.BOX_CLASSES):
            yield Static(self._title, classes="dialog-title")
            yield from self.compose_body()

    def compose_body(self) -> ComposeResult:
        """The widgets below the title."""
        raise NotImplementedError

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        """Close with an answer. A text in the field that is none was typed for the prompt.

        An answer to other words than those of now is none: the question stays, with the new ones.
        """
        if result and not self._keep_true():
            return AwaitComplete()
        if isinstance(self._words_shown, Moot):
            result = None
        if text := self._message_typed():
            self.app.post_message(self.TextLeft(text))
            self.query_one("#typed", Input).clear()
        return super().dismiss(result)

    def _message_typed(self) -> str:
        """The text in the field, where it is meant for the prompt; "" for none."""
        texts = [field.value.strip() for field in self.query("#typed").results(Input)]
        text = "".join(texts) if self.INTERRUPTS else ""
        return "" if not any(map(str.isalpha, text)) or self._typed.startswith(text.lower()) else text

    async def keep_typed(self) -> str:
        """A message that was typed into the field belongs to the prompt."""
        return self._message_typed()

    def action_close(self) -> None:
        """Close without an answer."""
        self.dismiss()


def button(name: str, label: str, *, disabled: bool = False) -> Button:
    """A button of a dialog."""
    return Button(Content(clean_line(label)), id=name, compact=True, disabled=disabled)


class Question(Dialog[Answer]):
    """A text above buttons, each of which has its answer. The first, the safe one, has the focus.

    With `typed`, that word must be typed for the last answer. A `placeholder` replaces the one that
    names the word; it says that Enter in the empty field gives the first answer.
    """

    BINDINGS = bindings(Where.QUESTION)
    INTERRUPTS = True

    class LetterTyped(Message):
        """A letter without a meaning here: the person was typing a message when the question came up."""

        def __init__(self, letter: str) -> None:
            super().__init__()
            self.letter = letter

    def __init__(
        self,
        title: str | Content,
        body: str | Content,
        answers: Sequence[tuple[str, Answer]],
        *,
        typed: str = "",
        placeholder: str = "",
    ) -> None:
        super().__init__(title)
        self._body = body if isinstance(body, Content) else Content(clean(body))
        self._answers, self._typed, self._placeholder = answers, typed, placeholder

    def compose_body(self) -> ComposeResult:
        """The text, the field for the word if there is one, and the buttons."""
        # A long text can be focused, so that the keyboard can scroll it, too.
        with VerticalScroll(classes="dialog-text", can_focus=len(self._body) > LONG_BODY):
            yield Static(self._body, classes="dialog-body")
        if self._typed:
            yield Input(placeholder=self._placeholder or f"Type {self._typed} to confirm", id="typed")
        with Horizontal(classes="dialog-buttons"):
            for at, (label, _) in enumerate(self._answers):
                needs_word = bool(self._typed) and at == len(self._answers) - 1
                yield button(f"answer-{at}", label, disabled=needs_word)

    def on_mount(self) -> None:
        """Focus the safe answer, or the field: an accidental Enter changes nothing."""
        self.set_focus(self.query_one("#typed" if self._typed else "#answer-0"))

    def on_key(self, event: Key) -> None:
        """Pass letters on that nothing here has used."""
        if event.character is not None and event.is_printable and event.key not in self.active_bindings:
            event.stop()
            self.post_message(self.LetterTyped(event.character))

    def _is_word(self, text: str) -> bool:
        return text.strip().lower() == self._typed

    @on(Input.Changed)
    def _check_word(self, event: Input.Changed) -> None:
        self.query(Button).last().disabled = not self._is_word(event.value)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        if self._is_word(event.value):
            self.dismiss(self._answers[-1][1])
        elif self._placeholder and not event.value.strip():
            self.dismiss(self._answers[0][1])

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        at = list(self.query(Button)).index(event.button)
        self.dismiss(self._answers[at][1])

    def action_other(self) -> None:
        """Focus the other button."""
        self.focus_next(Button)


def yes_or_no(
    title: str, body: str | Callable[[], str | Moot], *, yes: str, no: str, typed: str = ""
) -> Question[bool]:
    """A question whose answer is True for `yes`. A function says what its words are by now."""
    question = Question(title, body if isinstance(body, str) else "", [(no, False), (yes, True)], typed=typed)
    question.words = None if isinstance(body, str) else body
    return question


class TextQuestion(Dialog[str]):
    """Asks for one line of text. The result is None when closed."""

    def __init__(self, title: str, value: str = "", placeholder: str = "") -> None:
        super().__init__(title)
        self._value, self._placeholder = value, placeholder

    def compose_body(self) -> ComposeResult:
        """The field and a hint."""
        yield Input(clean_line(self._value), placeholder=clean_line(self._placeholder))
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


class ConnectionProblem(Question[bool], inherit_bindings=False):
    """Shows why the app could not connect and what to do. The result is True to try again."""

    BINDINGS = bindings(Where.PROBLEM)
    BOX_CLASSES = "dialog -problem"

    def __init__(self, summary: str, hint: str) -> None:
        body = Content.assemble(clean(summary), (f"\n\n{clean(hint)}" if hint else "", "$text-muted"))
        title = Content.styled("Cannot start handinger-tui", "bold $error")
        super().__init__(title, body, [("Try again", True), ("Quit", False)])
