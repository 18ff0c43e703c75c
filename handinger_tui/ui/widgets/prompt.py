"""Prompt: the box a message is typed into. It knows its text and the texts before it, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple

from textual.binding import BindingType
from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

from handinger_tui.core.prompts.attachments import is_big, pasted_paths
from handinger_tui.core.safety.cleaning import clean
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.widgets.paste_chips import PastedTextArea


class Cut(NamedTuple):
    """How a key cuts; `forward`: what it takes stood behind the cursor."""

    act: Callable[[TextArea], None]
    forward: bool = False


_WORD_LEFT: Final = Cut(TextArea.action_delete_word_left)
_CUTS: Final[Mapping[str, Cut]] = {
    "ctrl+w": _WORD_LEFT,
    "ctrl+backspace": _WORD_LEFT,
    "alt+backspace": _WORD_LEFT,
    "ctrl+u": Cut(TextArea.action_delete_to_start_of_line),
    "ctrl+k": Cut(TextArea.action_delete_to_end_of_line, forward=True),
    "alt+d": Cut(TextArea.action_delete_word_right, forward=True),
}


class PromptBox(PastedTextArea):
    """Grows to ten lines. Emptying it is the screen's business, once the text is safe elsewhere."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PROMPT)

    class Submitted(Message):
        """Enter, or Tab while a turn runs. `target`: what the screen showed at that moment."""

        def __init__(self, text: str, target: object = None) -> None:
            super().__init__()
            self.text = text
            self.target = target

    class Marked(Message):
        """Up or Down while completions are offered: mark the next one."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Completing(Message):
        """Tab, or Enter while names are offered: complete what is typed."""

        def __init__(self, *, entered: bool = False) -> None:
            super().__init__()
            self.entered = entered

    class QueueEntered(Message):
        """Up in an empty prompt while messages are queued: to the newest of them."""

    class Dropped(Message):
        """What was pasted, and stands in the box as `text`, may be files dropped on the terminal."""

        def __init__(self, paths: tuple[str, ...], text: str) -> None:
            super().__init__()
            self.paths = paths
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        # A blinking cursor would repaint an idle screen twice a second.
        self.cursor_blink = False
        self.placeholder = "Ask a worker…   / for commands"
        self.offering = False
        """Completions are shown."""
        self.choosing = False
        """Enter takes the marked one."""
        self.busy = False
        """A turn runs: Tab queues."""
        self.ideas = True
        """Tab on an empty prompt brings an idea."""
        self.waiting = False
        """Messages are queued."""
        self.target: Callable[[], object] = lambda: None
        """What a message is submitted with: where it goes, as the screen shows it now."""
        self._past: list[str] = []
        self._at: int | None = None
        self._kept = ""
        self._cut = ""
        """What yanking brings back: all that was cut by keys without another in between."""
        self._cutting = False
        self._taken = ""

    # -- text ----------------------------------------------------------------------------
    def put(self, text: str) -> None:
        """Replace the text and stand at its end."""
        self.text = text
        self.move_cursor(self.document.end)

    def let_go(self, sent: str) -> None:
        """`sent` is safe elsewhere: drop it, keep what was typed meanwhile."""
        if self.text.startswith(sent):
            self.put(self.text[len(sent) :])
        self._at = None

    def take_out(self, pasted: str) -> None:
        """Other things take the place of a text that was just pasted."""
        at = self.text.rfind(pasted)
        if at >= 0:
            self.replace_span(at, at + len(pasted), "")

    def remember(self, *texts: str, older: bool = False) -> None:
        """Add to the history, newest last; `older`: all of them were sent before those known here."""
        known: list[str] = []
        if older:
            known, self._past = self._past, known
        for text in (*texts, *known):
            if text.strip() and (not self._past or self._past[-1] != text):
                self._past.append(text)
        self._at = None

    @property
    def walking(self) -> bool:
        """An older message stands in the box, unchanged."""
        return self._at is not None and self.text == self._past[self._at]

    @property
    def past(self) -> Sequence[str]:
        """The history, oldest first."""
        return self._past

    def on_paste(self, event: Paste) -> None:
        """Pasted text comes from outside: only what a person can see goes in."""
        paths = pasted_paths(event.text)
        event.text = clean(event.text)
        if paths:
            # Behind the text, which the editor puts in after this.
            self.call_later(self.post_message, self.Dropped(paths, event.text))
        elif is_big(event.text):
            event.prevent_default()
            self.fold_in(event.text)
            self.focus()

    # -- cutting -----------------------------------------------------------------------------
    def on_key(self, event: Key) -> None:
        """Cut among the letters, in the order in which they were typed."""
        cut = _CUTS.get(event.key)
        if cut is None:
            self._cutting = False
            return
        event.stop()
        event.prevent_default()
        before, self._taken = self.text, ""
        cut.act(self)
        if not self._taken:
            return
        if not self._cutting:
            self._cut = ""
        self._cut = self._cut + self._taken if cut.forward else self._taken + self._cut
        self._cutting = True
        if not self.text:
            self.remember(before)

    def edit(self, edit: Edit) -> EditResult:
        """Know what was taken out."""
        done = super().edit(edit)
        self._taken = done.replaced_text
        return done

    def action_yank(self) -> None:
        """Put in what was cut last."""
        self.call_later(self._yank)

    def _yank(self) -> None:
        self._cutting = False
        done = self.replace(self._cut, *self.selection, maintain_selection_offset=False)
        self.move_cursor(done.end_location)

    def action_undo(self) -> None:
        """Take the last change back."""
        self.call_later(self._go_back, self.undo)

    def action_redo(self) -> None:
        """Make the change again that was taken back."""
        self.call_later(self._go_back, self.redo)

    def _go_back(self, change: Callable[[], None]) -> None:
        # Textual measures the new text with the old cursor, which may stand on a line that has gone.
        text, before = self.text, self.selection
        self.move_cursor((0, 0))
        change()
        if self.text == text:
            self.selection = before

    # -- actions of the key table --------------------------------------------------------
    def check_action(
        self,
        action: str,
        parameters: tuple[object, ...],  # noqa: ARG002 - Textual's shape
    ) -> bool | None:
        """Keys that work only now and then are shown only then, and typed through otherwise."""
        if action == "queue":
            return self.busy and not self.offering
        if action == "complete":
            # It is the prompt's own key also where it does nothing: the focus stays.
            return not self.check_action("queue", ())
        return True

    # Textual runs these at the app, ahead of the letters that were typed before and still wait in
    # the queue of the box: each one is queued behind them, or a burst would send half a message.
    def action_send(self) -> None:
        """Send, or break the line after a backslash."""
        self.call_later(self._send)

    def _send(self) -> None:
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if column == len(line) and line.endswith("\\"):
            self.replace("\n", (row, column - 1), (row, column))
            return
        if self.choosing:
            self.post_message(self.Completing(entered=True))
        else:
            self.submit()

    def submit(self) -> None:
        """Hand the text over, with where it goes: another session may be on the screen when it arrives."""
        self.post_message(self.Submitted(self.text, self.target()))

    def action_help(self) -> None:
        """The help from an empty prompt; else the sign itself."""
        self.call_later(self._help)

    async def _help(self) -> None:
        if self.text:
            self.replace("?", *self.selection)
        else:
            await self.run_action("screen.command('help')")

    def action_follow(self) -> None:
        """Follow the end of the transcript from an empty prompt; else to the end of the line."""
        self.call_later(self._follow)

    async def _follow(self) -> None:
        if self.text:
            self.action_cursor_line_end()
        else:
            await self.run_action("screen.scroll('end')")

    def action_newline(self) -> None:
        """Break the line."""
        self.call_later(self._break_line)

    def _break_line(self) -> None:
        self.insert("\n")
        self.scroll_cursor_visible()

    def action_queue(self) -> None:
        """Queue the text for the next turn."""
        self.call_later(self._queue)

    def _queue(self) -> None:
        if self.text.strip():
            self.submit()

    def action_complete(self) -> None:
        """Complete what is typed; on an empty prompt bring an idea."""
        self.call_later(self._complete)

    def _complete(self) -> None:
        if self.offering or (self.ideas and not self.text):
            self.post_message(self.Completing())

    def action_older(self) -> None:
        """The text before, from the first line; else a line up."""
        self.call_later(self._older)

    def _older(self) -> None:
        if self.offering:
            self.post_message(self.Marked(-1))
        elif not self.navigator.is_first_wrapped_line(self.cursor_location):
            self.action_cursor_up()
        elif self.waiting and not self.text:
            self.post_message(self.QueueEntered())
        else:
            self._step(-1)

    def action_newer(self) -> None:
        """The text after, from the last line; else a line down."""
        self.call_later(self._newer)

    def _newer(self) -> None:
        if self.offering:
            self.post_message(self.Marked(1))
        elif not self.navigator.is_last_wrapped_line(self.cursor_location):
            self.action_cursor_down()
        else:
            self._step(1)

    def _step(self, by: int) -> None:
        """Walk through the history; the text being written waits at its end."""
        at = len(self._past) if self._at is None else self._at
        wanted = at + by
        if not 0 <= wanted <= len(self._past):
            return
        if self._at is None:
            self._kept = self.text
        newest = wanted == len(self._past)
        self._at = None if newest else wanted
        self.put(self._kept if newest else self._past[wanted])
