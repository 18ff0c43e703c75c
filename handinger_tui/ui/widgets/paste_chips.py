"""Folding: a text box in which a big pasted text is one sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.events import Event, Key
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult, Location, Selection

from handinger_tui.core.prompts.attachments import fold, folds_in, refolded, renumbered
from handinger_tui.core.prompts.drafts import Draft
from handinger_tui.ui.terminal.immediate_paint import ImmediatePaint

_SELECTS: Final = ("f6", "f7")
"""Keys of Textual that select all that was typed, for the next letter to replace it."""


class PastedTextArea(TextArea, inherit_bindings=False):
    """Its text holds chips for pasted texts. The cursor never stands in one, no edit leaves half of one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        one for one in TextArea.BINDINGS if not (isinstance(one, Binding) and one.key in _SELECTS)
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        self.pasted: list[str] = []
        """The texts by number, from 1. None is ever taken away: undo and history may bring it back."""
        self._styled = False
        self._at_once = ImmediatePaint(self)
        super().__init__(id=id, compact=True, highlight_cursor_line=False, show_line_numbers=False)

    # -- painting ------------------------------------------------------------------------------
    async def on_event(self, event: Event) -> None:
        """What a key did is shown before others hear of it."""
        await super().on_event(event)
        if isinstance(event, Key) and self.is_attached:
            self._at_once.paint()

    def on_key(self, event: Key) -> None:
        """Corrections act among the letters, in the order in which they were typed."""
        act = _CORRECTIONS.get(event.key)
        if act is not None:
            event.stop()
            event.prevent_default()
            act(self)

    def notify_style_update(self) -> None:
        """Theme, focus or style sheet: colours are read again."""
        self._styled = False
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """As Textual's, which would read all colours from the style sheet again with every letter."""
        if self._styled:
            return ScrollView.render_lines(self, crop)
        self._styled = True
        return super().render_lines(crop)

    # -- chips ---------------------------------------------------------------------------------
    def fold_in(self, text: str) -> None:
        """Put a chip for `text` in place of the selection."""
        self.pasted.append(text)
        chip = fold(text, len(self.pasted))
        done = self.replace(chip, *self.selection, maintain_selection_offset=False)
        self.move_cursor(done.end_location)

    def unfold(self, number: int) -> None:
        """Put the text in place of its chip."""
        for one in folds_in(self.text, self.pasted):
            if one.number == number:
                self.replace_span(one.start, one.end, self.pasted[number - 1])
                return

    def drop(self, number: int) -> None:
        """Take a chip out."""
        for one in folds_in(self.text, self.pasted):
            if one.number == number:
                self.replace_span(one.start, one.end, "")
                return

    def replace_span(self, start: int, end: int, text: str) -> None:
        """Replace `self.text[start:end]` and stand behind it."""
        ends = (_location(self.text, start), _location(self.text, end))
        done = self.replace(text, *ends, maintain_selection_offset=False)
        self.move_cursor(done.end_location)

    def taken_in(self, draft: Draft) -> str:
        """The text of a draft, its folded texts being ours from now on."""
        known = len(self.pasted)
        text = renumbered(draft.text, draft.pasted, lambda number: known + number)
        self.pasted.extend(draft.pasted)
        return refolded(text, self.pasted)

    # -- chips are whole -------------------------------------------------------------------
    def edit(self, edit: Edit) -> EditResult:
        """No edit takes a part of a chip: it takes all of it."""
        if edit.top != edit.bottom:
            top, bottom = self._around(edit.top, forward=False), self._around(edit.bottom, forward=True)
            if (top, bottom) != (edit.top, edit.bottom):
                edit = replace(edit, from_location=top, to_location=bottom)
        return super().edit(edit)

    def validate_selection(self, selection: Selection) -> Selection:
        """The cursor goes past a chip in one step."""
        if not self.pasted:
            return selection
        forward = selection.end > self.selection.end
        end = self._around(selection.end, forward=forward)
        start = end if selection.is_empty else self._around(selection.start, forward=not forward)
        return Selection(start, end)

    def _around(self, at: Location, *, forward: bool) -> Location:
        """`at`, or the end of the chip it lies in."""
        row, column = at
        if not self.pasted or row >= self.document.line_count:
            return at
        for one in folds_in(self.document.get_line(row), self.pasted):
            if one.start < column < one.end:
                return row, one.end if forward else one.start
        return at


# Textual looks these up when they have climbed to the app, behind letters and Enter of the same burst:
# what was corrected would be sent as it was before.
_CORRECTIONS: Final[Mapping[str, Callable[[PastedTextArea], None]]] = {
    "backspace": lambda box: box.action_delete_left(),
    "delete": lambda box: box.action_delete_right(),
    "left": lambda box: box.action_cursor_left(),
    "right": lambda box: box.action_cursor_right(),
    **dict.fromkeys(("ctrl+left", "alt+left", "alt+b"), lambda box: box.action_cursor_word_left()),
    **dict.fromkeys(("ctrl+right", "alt+right", "alt+f"), lambda box: box.action_cursor_word_right()),
    **dict.fromkeys(("home", "ctrl+a"), lambda box: box.action_cursor_line_start()),
    "ctrl+e": lambda box: box.action_cursor_line_end(),
}


def _location(text: str, index: int) -> Location:
    before = text[:index]
    return before.count("\n"), index - before.rfind("\n") - 1
