"""The prompt: the text area for messages, with its history. It knows nothing of sessions and turns."""

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
    """The action of a cutting key; `forward`: it cuts the text after the cursor."""

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
    """A text area that grows to ten lines. The screen clears it once the text is stored or sent."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PROMPT)

    class Submitted(Message):
        """Enter, or Tab while a turn runs. `target`: where the message goes, as shown at that moment."""

        def __init__(self, text: str, target: object = None) -> None:
            super().__init__()
            self.text = text
            self.target = target

    class Marked(Message):
        """Up or Down while suggestions are shown: move the mark by `by`."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Completing(Message):
        """Tab, or Enter (`entered`) while file names are shown: complete the typed text."""

        def __init__(self, *, entered: bool = False) -> None:
            super().__init__()
            self.entered = entered

    class QueueEntered(Message):
        """Up in an empty prompt while messages are queued: move to the newest of them."""

    class Dropped(Message):
        """The pasted `text`, which is in the box, may be the paths of files dropped on the terminal."""

        def __init__(self, paths: tuple[str, ...], text: str) -> None:
            super().__init__()
            self.paths = paths
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        # A blinking cursor would repaint an idle screen twice a second.
        self.cursor_blink = False
        self.placeholder = "Ask a worker…   / for commands"
        self.offering = False
        """Suggestions are shown."""
        self.choosing = False
        """Enter accepts the marked suggestion."""
        self.busy = False
        """A turn runs: Tab queues."""
        self.ideas = True
        """Tab on an empty prompt inserts an idea."""
        self.waiting = False
        """Messages are queued."""
        self.target: Callable[[], object] = lambda: None
        """Returns the target of a message: where it goes, as the screen shows it now."""
        self._history: list[str] = []
        self._history_at: int | None = None
        """Position in the history of the message in the box; None: the text is not from the history."""
        self._unsent_text = ""
        """The text typed before walking into the history."""
        self._kill_buffer = ""
        """The text to yank: all that consecutive cutting keys removed."""
        self._last_key_cut = False
        self._removed_text = ""
        """The text that the last edit removed."""

    # -- text ----------------------------------------------------------------------------
    def put(self, text: str) -> None:
        """Replace the text and move the cursor to its end."""
        self.text = text
        self.move_cursor(self.document.end)

    def clear_sent(self, sent: str) -> None:
        """Remove the text `sent`, which is stored elsewhere; keep what was typed after it."""
        if self.text.startswith(sent):
            self.put(self.text[len(sent) :])
        self._history_at = None

    def remove_pasted(self, pasted: str) -> None:
        """Remove a text that was just pasted; attachments replace it."""
        at = self.text.rfind(pasted)
        if at >= 0:
            self.replace_span(at, at + len(pasted), "")

    def remember(self, *texts: str, older: bool = False) -> None:
        """Add texts to the history, the newest last; `older`: before the texts that are in it already."""
        newer: list[str] = []
        if older:
            newer, self._history = self._history, newer
        for text in (*texts, *newer):
            if text.strip() and (not self._history or self._history[-1] != text):
                self._history.append(text)
        self._history_at = None

    @property
    def walking(self) -> bool:
        """Whether the box contains a message of the history, unchanged."""
        return self._history_at is not None and self.text == self._history[self._history_at]

    @property
    def past(self) -> Sequence[str]:
        """The history, oldest first."""
        return self._history

    def on_paste(self, event: Paste) -> None:
        """Clean a pasted text, which is untrusted; fold a long one; report paths of dropped files."""
        paths = pasted_paths(event.text)
        event.text = clean(event.text)
        if paths:
            # After the text area has inserted the text, which it does after this handler.
            self.call_later(self.post_message, self.Dropped(paths, event.text))
        elif is_big(event.text):
            event.prevent_default()
            self.fold_in(event.text)
            self.focus()

    # -- cutting -----------------------------------------------------------------------------
    def on_key(self, event: Key) -> None:
        """Handle cutting keys in the order in which they were typed among the letters."""
        cut = _CUTS.get(event.key)
        if cut is None:
            self._last_key_cut = False
            return
        event.stop()
        event.prevent_default()
        before, self._removed_text = self.text, ""
        cut.act(self)
        if not self._removed_text:
            return
        if not self._last_key_cut:
            self._kill_buffer = ""
        buffer, removed = self._kill_buffer, self._removed_text
        self._kill_buffer = buffer + removed if cut.forward else removed + buffer
        self._last_key_cut = True
        if not self.text:
            self.remember(before)

    def edit(self, edit: Edit) -> EditResult:
        """Apply an edit and remember the text that it removed."""
        result = super().edit(edit)
        self._removed_text = result.replaced_text
        return result

    def action_yank(self) -> None:
        """Insert the text that was cut last."""
        self.call_later(self._yank)

    def _yank(self) -> None:
        self._last_key_cut = False
        result = self.replace(self._kill_buffer, *self.selection, maintain_selection_offset=False)
        self.move_cursor(result.end_location)

    def action_undo(self) -> None:
        """Undo the last change."""
        self.call_later(self._apply_safely, self.undo)

    def action_redo(self) -> None:
        """Redo the last change that was undone."""
        self.call_later(self._apply_safely, self.redo)

    def _apply_safely(self, change: Callable[[], None]) -> None:
        # Textual measures the new text with the old cursor, which may be on a line that no longer exists.
        text, before = self.text, self.selection
        self.move_cursor((0, 0))
        change()
        if self.text == text:
            self.selection = before

    # -- actions of the key table --------------------------------------------------------
    def check_action(
        self,
        action: str,
        parameters: tuple[object, ...],  # noqa: ARG002 - Textual's signature
    ) -> bool | None:
        """Offer Tab either as "queue" or as "complete", depending on the state."""
        if action == "queue":
            return self.busy and not self.offering
        if action == "complete":
            # Tab belongs to the prompt even when it does nothing: it must not move the focus.
            return not self.check_action("queue", ())
        return True

    # Textual runs these actions at the app, ahead of letters that were typed before and still wait in
    # the message queue of the box. `call_later` queues each action after them; without it a burst of
    # keys would send half a message.
    def action_send(self) -> None:
        """Send the text, or break the line after a backslash."""
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
        """Post the text with its target: another session may be shown when the message is handled."""
        self.post_message(self.Submitted(self.text, self.target()))

    def action_help(self) -> None:
        """Open the help from an empty prompt; else insert "?"."""
        self.call_later(self._help)

    async def _help(self) -> None:
        if self.text:
            self.replace("?", *self.selection)
        else:
            await self.run_action("screen.command('help')")

    def action_follow(self) -> None:
        """Scroll the transcript to its end from an empty prompt; else move to the end of the line."""
        self.call_later(self._follow)

    async def _follow(self) -> None:
        if self.text:
            self.action_cursor_line_end()
        else:
            await self.run_action("screen.key('end')")

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
        """Complete the typed text; on an empty prompt insert an idea."""
        self.call_later(self._complete)

    def _complete(self) -> None:
        if self.offering or (self.ideas and not self.text):
            self.post_message(self.Completing())

    def action_older(self) -> None:
        """Previous text of the history from the first line; else a line up."""
        self.call_later(self._older)

    def _older(self) -> None:
        if self.offering:
            self.post_message(self.Marked(-1))
        elif not self.navigator.is_first_wrapped_line(self.cursor_location):
            self.action_cursor_up()
        elif self.waiting and not self.text:
            self.post_message(self.QueueEntered())
        else:
            self._walk_history(-1)

    def action_newer(self) -> None:
        """Next text of the history from the last line; else a line down."""
        self.call_later(self._newer)

    def _newer(self) -> None:
        if self.offering:
            self.post_message(self.Marked(1))
        elif not self.navigator.is_last_wrapped_line(self.cursor_location):
            self.action_cursor_down()
        else:
            self._walk_history(1)

    def _walk_history(self, by: int) -> None:
        """Move by `by` texts in the history; the unsent text is kept at its end."""
        at = len(self._history) if self._history_at is None else self._history_at
        target = at + by
        if not 0 <= target <= len(self._history):
            return
        if self._history_at is None:
            self._unsent_text = self.text
        at_end = target == len(self._history)
        self._history_at = None if at_end else target
        self.put(self._unsent_text if at_end else self._history[target])
