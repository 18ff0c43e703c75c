"""The prompt: the text area for messages, its history and folded pasted texts, and the lines around it.

It knows nothing of sessions and turns.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key, Paste
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static, TextArea
from textual.widgets.text_area import Edit, EditResult, Location, Selection, TextAreaTheme

from handinger_tui.core.formatting import duration
from handinger_tui.core.prompts import (
    Draft,
    chip_text,
    chips_in,
    collapse_pastes,
    is_long_paste,
    pasted_paths,
    renumbered,
)
from handinger_tui.core.safety import clean
from handinger_tui.ui.keys import CUTTING_KEYS, EDITING_KEYS, Where, bindings

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.ui.widgets.status_text import Advice


class Sight:
    """Since when the terminal shows the newest content of a widget: a busy machine paints late."""

    def __init__(self, widget: Widget, painted: Callable[[float], None] = lambda _at: None) -> None:
        """`painted` is called with the time of the first frame that has it."""
        self._widget = widget
        self.painted = painted
        self.since = -math.inf
        """Monotonic; infinite until the frame is rendered that is about to be written."""

    def renew(self) -> None:
        """What the widget shows from the next frame on is new."""
        self.since = math.inf
        self._widget.refresh()

    def rendered(self) -> None:
        """The widget was rendered for a frame. Behind another screen it is not read."""
        if self.since == math.inf and self._widget.app.screen is self._widget.screen:
            self.since = monotonic()
            self.painted(self.since)


class PastedTexts:
    """The long pasted texts, for each of which a chip stands in the prompt."""

    def __init__(self) -> None:
        self.texts: Final[list[str]] = []
        """By number, from 1. None is ever removed: undo and history may restore its chip."""

    def add(self, text: str) -> str:
        """Add a text; return its chip."""
        self.texts.append(text)
        return chip_text(text, len(self.texts))

    def add_draft(self, draft: Draft) -> str:
        """Add the texts of a draft; return the text of the draft with their new numbers."""
        count = len(self.texts)
        text = renumbered(draft.text, draft.pasted, lambda number: count + number)
        self.texts.extend(draft.pasted)
        return collapse_pastes(text, self.texts)

    def outside(self, line: str, column: int, *, forward: bool) -> int:
        """Return `column`, or the end (`forward`) or start of the chip around it."""
        for chip in chips_in(line, self.texts):
            if chip.start < column < chip.end:
                return chip.end if forward else chip.start
        return column


class PromptHistory:
    """The earlier messages, and the position of the prompt among them."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        """Oldest first."""
        self._at: int | None = None
        """Position of the message in the prompt; None: its text is not from the history."""
        self._unsent_text = ""
        """The text typed before walking into the history."""
        self.unsaved: list[str] = []
        """Texts that were typed and not sent, and are not on disk yet."""
        self.changed: Callable[[], None] = lambda: None
        """Called when there are other unsaved texts."""

    def add(self, *texts: str, older: bool = False, sent: bool = False) -> None:
        """Add texts, the newest last; `older`: before the present ones; `sent`: they are stored as turns."""
        newer: list[str] = []
        if older:
            newer, self.texts = self.texts, newer
        elif not sent:
            self._keep(*texts)
        for text in (*texts, *newer):
            if text.strip() and (not self.texts or self.texts[-1] != text):
                self.texts.append(text)
        self.leave()

    def _keep(self, *texts: str) -> None:
        self.unsaved += [text for text in texts if text.strip() and text not in self.texts]
        self.changed()

    def leave(self) -> None:
        """Return to the end of the history."""
        self._at = None

    @property
    def current(self) -> str | None:
        """The message of the history that is in the prompt; None outside the history."""
        return None if self._at is None else self.texts[self._at]

    def step(self, by: int, text: str) -> str | None:
        """Move by `by` messages from the prompt's `text`, which is kept at the end of the history.

        Returns the new text of the prompt, None at either end.
        """
        end = len(self.texts)
        target = (end if self._at is None else self._at) + by
        if not 0 <= target <= end:
            return None
        if self._at is None:
            self._unsent_text = text
            self._keep(text)
        self._at = None if target == end else target
        return self._unsent_text if target == end else self.texts[target]


_FORWARD_CUTS: Final = ("delete_to_end_of_line", "delete_word_right")
"""Actions that cut the text after the cursor."""
_REMOVED_KEYS: Final = ("f6", "f7")
"""Keys with which Textual selects the line or all the text; the next letter would replace it."""


def _after_typed_keys(action: Callable[[PromptBox], object]) -> Callable[[PromptBox], None]:
    """Queue an action behind the letters that were typed before it and still wait in the box.

    Textual runs actions at the app, ahead of that queue: a burst of keys would send half a message.
    """

    @wraps(action)
    def queue(box: PromptBox) -> None:
        box.call_later(action, box)

    return queue


class PromptTheme(TextAreaTheme):
    """Computes its styles when those of the prompt change.

    `TextAreaTheme` computes them at every paint, which takes 0.3 ms of a key.
    """

    _computed_for = -1

    def apply_css(self, text_area: TextArea) -> None:
        """Compute the styles, unless they are those of the same `style_version`."""
        version = text_area.style_version if isinstance(text_area, PromptBox) else 0
        if self._computed_for != version:
            self._computed_for = version
            super().apply_css(text_area)


class PromptBox(TextArea, inherit_bindings=False):
    """A text area that grows to ten lines. The screen clears it once the text is stored or sent.

    A long pasted text is folded into a chip: the cursor is never inside a chip, and edits never split one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(one for one in TextArea.BINDINGS if not (isinstance(one, Binding) and one.key in _REMOVED_KEYS)),
        *bindings(Where.PROMPT, Where.REPLAY),
    ]

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

    class FirstScreenEntered(Message):
        """Down in an empty prompt of a session without turns: choose from the first screen."""

    class Dropped(Message):
        """The pasted `text`, which is in the box, may be the paths of files dropped on the terminal."""

        def __init__(self, paths: tuple[str, ...], text: str) -> None:
            super().__init__()
            self.paths = paths
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:
        self.pasted = PastedTexts()
        self.message_history = PromptHistory()
        self.sight = Sight(self)
        self.style_version = 0
        """How often the styles have changed, as by another theme of the app or by the focus."""
        super().__init__(id=id, compact=True, highlight_cursor_line=False, show_line_numbers=False)
        self.register_theme(PromptTheme("prompt"))
        self.theme = "prompt"
        # A blinking cursor would repaint an idle screen twice a second.
        self.cursor_blink = False
        self.placeholder = "Ask a worker…   / for commands"
        self.offering = False
        """Suggestions are shown."""
        self.choosing = False
        """Enter accepts the marked suggestion."""
        self.busy = False
        """A turn runs: Tab queues."""
        self.replays = False
        """A replay is shown: Enter sends nothing."""
        self.ideas = True
        """Tab on an empty prompt inserts an idea."""
        self.waiting = False
        """Messages are queued."""
        self.entered: Callable[[], None] = lambda: None
        """Called at Enter, or Tab while a turn runs: another session may be shown a moment later."""
        self.before_typing: Callable[[float], None] = lambda _pressed_at: None
        """Called with the time of a key, or of a paste (monotonic), before its text is typed."""
        self._kill_buffer = ""
        """The text to yank: all that consecutive cutting keys removed."""
        self._last_key_cut = False
        self._has_chord_begun = False
        """Ctrl+X was pressed with nothing selected: Ctrl+E after it opens the editor."""
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
        self.message_history.leave()

    @property
    def walking(self) -> bool:
        """Whether the box contains a message of the history, unchanged."""
        return self.text == self.message_history.current

    def remove_pasted(self, pasted: str) -> None:
        """Remove a text that was just pasted; attachments replace it."""
        at = self.text.rfind(pasted)
        if at >= 0:
            self._replace_span(at, at + len(pasted), "")

    def replace_chip(self, number: int, text: str) -> None:
        """Put `text` in place of the chip of pasted text `number`."""
        for chip in chips_in(self.text, self.pasted.texts):
            if chip.number == number:
                self._replace_span(chip.start, chip.end, text)
                return

    def _replace_span(self, start: int, end: int, text: str) -> None:
        before = self.text
        self.put_between(text, _location(before, start), _location(before, end))

    def put_between(self, text: str, start: Location, end: Location) -> None:
        """Replace the text between two locations and move the cursor behind the new one."""
        result = self.replace(text, start, end, maintain_selection_offset=False)
        self.move_cursor(result.end_location)

    # -- keys and pastes -------------------------------------------------------------------
    def on_paste(self, event: Paste) -> None:
        """Clean a pasted text, which is untrusted; fold a long one; report paths of dropped files."""
        self.before_typing(event.time)
        paths = pasted_paths(event.text)
        event.text = clean(event.text)
        if paths:
            # After the text area has inserted the text, which it does after this handler.
            self.call_later(self.post_message, self.Dropped(paths, event.text))
        elif is_long_paste(event.text):
            event.prevent_default()
            self.put_between(self.pasted.add(event.text), *self.selection)
            self.focus()

    def on_key(self, event: Key) -> None:
        """Handle editing and cutting keys in the order in which they were typed among the letters."""
        if event.is_printable:
            self.before_typing(event.time)
        chord = self._has_chord_begun
        self._has_chord_begun = event.key == "ctrl+x" and self.selection.is_empty
        if self._has_chord_begun or (chord and event.key == "ctrl+e"):
            event.stop()
            event.prevent_default()
            if chord and not self._has_chord_begun:
                self.call_later(self.run_action, "screen.command('editor')")
            return
        # Textual resolves these keys only after they have bubbled to the app, after letters and Enter of the
        # same burst: the text would be sent without the correction.
        cut, edit = CUTTING_KEYS.get(event.key), EDITING_KEYS.get(event.key)
        if cut or edit:
            event.stop()
            event.prevent_default()
        if cut:
            self._cut(cut)
            return
        self._last_key_cut = False
        if edit:
            getattr(self, f"action_{edit}")()

    def _cut(self, action: str) -> None:
        before, self._removed_text = self.text, ""
        getattr(self, f"action_{action}")()
        if not self._removed_text:
            return
        buffer, removed = self._kill_buffer if self._last_key_cut else "", self._removed_text
        self._kill_buffer = buffer + removed if action in _FORWARD_CUTS else removed + buffer
        self._last_key_cut = True
        if not self.text:
            self.message_history.add(before)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render for a frame."""
        lines = super().render_lines(crop)
        self.sight.rendered()
        return lines

    # -- chips are never split -------------------------------------------------------------
    def edit(self, edit: Edit) -> EditResult:
        """Extend an edit that touches a part of a chip to the whole chip."""
        if edit.top != edit.bottom:
            top = self._outside_chip(edit.top, forward=False)
            bottom = self._outside_chip(edit.bottom, forward=True)
            if (top, bottom) != (edit.top, edit.bottom):
                edit = replace(edit, from_location=top, to_location=bottom)
        result = super().edit(edit)
        self._removed_text = result.replaced_text
        return result

    def validate_selection(self, selection: Selection) -> Selection:
        """Move the cursor past a chip in one step."""
        if not self.pasted.texts:
            return selection
        forward = selection.end > self.selection.end
        end = self._outside_chip(selection.end, forward=forward)
        start = end if selection.is_empty else self._outside_chip(selection.start, forward=not forward)
        return Selection(start, end)

    def _outside_chip(self, at: Location, *, forward: bool) -> Location:
        row, column = at
        if not self.pasted.texts or row >= self.document.line_count:
            return at
        return row, self.pasted.outside(self.document.get_line(row), column, forward=forward)

    # -- actions of the key table --------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer Tab either as "queue" or as "complete", and Enter as "send" or as "run"."""
        queues = self.busy and not self.offering
        # Tab belongs to the prompt even when it does nothing: it must not move the focus.
        offers = {"queue": queues, "complete": not queues, "run": self.replays, "send": not self.replays}
        offers["runs"] = not self.text
        return offers.get(action, True)

    @_after_typed_keys
    def action_send(self) -> None:
        """Send the text, or break the line after a backslash."""
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if column == len(line) and line.endswith("\\"):
            self.replace("\n", (row, column - 1), (row, column))
        elif self.choosing:
            self.post_message(self.Completing(entered=True))
        else:
            self.entered()

    # The name of Enter in a replay, which runs commands and sends nothing.
    action_run = action_send

    @_after_typed_keys
    async def action_help(self) -> None:
        """Open the help from an empty prompt; else insert "?"."""
        if self.text:
            self.replace("?", *self.selection)
        else:
            await self.run_action("screen.command('help')")

    @_after_typed_keys
    async def action_follow(self) -> None:
        """Scroll the transcript to its end from an empty prompt; else move to the end of the line."""
        if self.text:
            self.action_cursor_line_end()
        else:
            await self.run_action("screen.key('end')")

    @_after_typed_keys
    async def action_runs(self) -> None:
        """Open the runs board from an empty prompt; behind letters that were just typed, move the cursor."""
        if self.text:
            self.action_cursor_left()
        else:
            await self.run_action("screen.command('runs')")

    def notify_style_update(self) -> None:
        """Count the change; Textual calls this when the style sheet was applied to the prompt."""
        super().notify_style_update()
        self.style_version += 1

    def on_resize(self) -> None:
        """Keep the cursor in sight where the box has become lower."""
        self.call_after_refresh(self.scroll_cursor_visible)

    @_after_typed_keys
    def action_newline(self) -> None:
        self.insert("\n")
        self.scroll_cursor_visible()

    @_after_typed_keys
    def action_queue(self) -> None:
        """Queue the text for the next turn."""
        if self.text.strip():
            self.entered()

    @_after_typed_keys
    def action_complete(self) -> None:
        """Complete the typed text; on an empty prompt insert an idea."""
        if self.offering or (self.ideas and not self.text):
            self.post_message(self.Completing())

    @_after_typed_keys
    def action_older(self) -> None:
        """Previous text of the history from the first line; else a line up."""
        if self.offering:
            self.post_message(self.Marked(-1))
        elif not self.navigator.is_first_wrapped_line(self.cursor_location):
            self.action_cursor_up()
        elif self.waiting and not self.text:
            self.post_message(self.QueueEntered())
        else:
            self._walk_history(-1)

    @_after_typed_keys
    def action_newer(self) -> None:
        """Next text of the history from the last line; else a line down."""
        if self.offering:
            self.post_message(self.Marked(1))
        elif not self.navigator.is_last_wrapped_line(self.cursor_location):
            self.action_cursor_down()
        elif self.ideas and not self.text:
            self.post_message(self.FirstScreenEntered())
        else:
            self._walk_history(1)

    def _walk_history(self, by: int) -> None:
        text = self.message_history.step(by, self.text)
        if text is not None:
            self.put(text)

    @_after_typed_keys
    def action_yank(self) -> None:
        """Insert the text that was cut last."""
        self._last_key_cut = False
        self.put_between(self._kill_buffer, *self.selection)

    @_after_typed_keys
    def action_undo(self) -> None:
        """Undo the last change."""
        _apply_safely(self, self.undo)

    @_after_typed_keys
    def action_redo(self) -> None:
        """Redo the last change that was undone."""
        _apply_safely(self, self.redo)


def _apply_safely(box: PromptBox, change: Callable[[], None]) -> None:
    # Textual measures the new text with the old cursor, which may be on a line that no longer exists.
    text, before = box.text, box.selection
    box.move_cursor((0, 0))
    change()
    if box.text == text:
        box.selection = before


def _location(text: str, index: int) -> Location:
    before = text[:index]
    return before.count("\n"), index - before.rfind("\n") - 1


MUTED: Final = "$text-muted"
ACTING: Final = ("Enter", "Browsing")
"""Beginnings of a line that says what Enter does, which may cost money, or what letters do."""


class Card(Static):
    """Advice on a turn that failed; hidden without one."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.advice: Advice | None = None
        self.display = False
        self._drawn: tuple[Advice, int] | None = None

    def show(self, advice: Advice | None, now_ms: int) -> None:
        """Show `advice`, with a countdown where there is a wait; None hides the card."""
        self.advice = advice
        self.display = advice is not None
        if advice is None:
            self._drawn = None
            return
        wait_s = self.waiting_s(now_ms)
        if self._drawn == (advice, wait_s):
            return
        self._drawn = (advice, wait_s)
        for severity in ("error", "warning", "info"):
            self.set_class(advice.severity == severity, f"-{severity}")
        wait = f"{wait_s} s" if wait_s < 60 else duration(wait_s * 1000)
        action = f"  You can resend in {wait}." if wait_s > 0 else ""
        self.update(Content.assemble(clean(advice.text), (action, "bold")))

    def waiting_s(self, now_ms: int) -> int:
        """Seconds until sending makes sense again, rounded up; 0 when it does."""
        until = self.advice.wait_until_ms if self.advice is not None else None
        return max(0, -(-(until - now_ms) // 1000)) if until is not None else 0


class HintLine(Static):
    """Left: what Enter does now. Right: the cost of the session, while the panels are hidden."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown = "", "", False, MUTED
        self.sight = Sight(self)

    def show(self, left: str, right: str, *, firm: bool = False, style: str = MUTED) -> None:
        """Show both ends of the line. `firm`: where both do not fit, the right one is dropped."""
        shown = clean(left), clean(right), firm, style
        if shown != self._shown:
            self._shown = shown
            self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render for a frame."""
        lines = super().render_lines(crop)
        self.sight.rendered()
        return lines

    def render(self) -> Content:
        """The line for the present width; where both ends do not fit, the left one is cut unless firm.

        Its first part stays where it says what Enter does, or what the letters do.
        """
        (left_text, right_text, firm, style), width = self._shown, self.content_size.width
        pieces = left_text.split(" · ")
        if firm and cell_len(left_text) + cell_len(right_text) + 2 > width:
            while len(pieces) > 1 and cell_len(" · ".join(pieces)) > width:
                # What Enter does is said longest.
                pieces.remove(next((one for one in pieces[::-1] if not one.startswith("Enter")), pieces[-1]))
            return Content.styled(" · ".join(pieces), style).truncate(width, ellipsis=True)
        least = 1 if left_text.startswith(ACTING) else 0
        room = max(0, width - (cell_len(pieces[0]) + 2 if least else 1))
        # An amount is not cut where a shorter text is possible.
        amounts = right_text.split(" · ")
        while amounts and least and cell_len(" · ".join(amounts)) > room:
            amounts.pop()
        right = Content.styled(" · ".join(amounts), "$foreground").truncate(room, ellipsis=True)
        while len(pieces) > least and cell_len(" · ".join(pieces)) > width - right.cell_length - 2:
            pieces.pop()
        left = Content.styled(" · ".join(pieces), style).truncate(width, ellipsis=True)
        return Content.assemble(left, " " * max(1, width - left.cell_length - right.cell_length), right)
