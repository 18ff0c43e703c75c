"""A text area in which a long pasted text is folded into one chip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult, Location, Selection

from handinger_tui.core.prompts.attachments import fold, folds_in, refolded, renumbered
from handinger_tui.core.prompts.drafts import Draft

_REMOVED_KEYS: Final = ("f6", "f7")
"""Keys with which Textual selects the line or all the text; the next letter would replace it."""


class PastedTextArea(TextArea, inherit_bindings=False):
    """A text area with chips for pasted texts. The cursor is never inside a chip; edits never split one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        one for one in TextArea.BINDINGS if not (isinstance(one, Binding) and one.key in _REMOVED_KEYS)
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        self.pasted: list[str] = []
        """The pasted texts by number, from 1. None is ever removed: undo and history may restore its chip."""
        self._has_styles = False
        """The colors of the style sheet were read since the last change."""
        super().__init__(id=id, compact=True, highlight_cursor_line=False, show_line_numbers=False)

    def on_key(self, event: Key) -> None:
        """Handle editing keys in the order in which they were typed among the letters."""
        act = _EDITING_KEYS.get(event.key)
        if act is not None:
            event.stop()
            event.prevent_default()
            act(self)

    def notify_style_update(self) -> None:
        """Read the colors again after a change of theme, focus or style sheet."""
        self._has_styles = False
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Render like `TextArea`, but without reading all colors from the style sheet for every letter."""
        if self._has_styles:
            return ScrollView.render_lines(self, crop)
        self._has_styles = True
        return super().render_lines(crop)

    # -- chips ---------------------------------------------------------------------------------
    def fold_in(self, text: str) -> None:
        """Put a chip for `text` in place of the selection."""
        self.pasted.append(text)
        chip = fold(text, len(self.pasted))
        result = self.replace(chip, *self.selection, maintain_selection_offset=False)
        self.move_cursor(result.end_location)

    def unfold(self, number: int) -> None:
        """Replace chip `number` with its text."""
        for one in folds_in(self.text, self.pasted):
            if one.number == number:
                self.replace_span(one.start, one.end, self.pasted[number - 1])
                return

    def drop(self, number: int) -> None:
        """Remove chip `number`."""
        for one in folds_in(self.text, self.pasted):
            if one.number == number:
                self.replace_span(one.start, one.end, "")
                return

    def replace_span(self, start: int, end: int, text: str) -> None:
        """Replace `self.text[start:end]` and move the cursor after it."""
        ends = (_location(self.text, start), _location(self.text, end))
        result = self.replace(text, *ends, maintain_selection_offset=False)
        self.move_cursor(result.end_location)

    def import_draft(self, draft: Draft) -> str:
        """Add the folded texts of a draft to this box; the text of the draft with their new numbers."""
        count = len(self.pasted)
        text = renumbered(draft.text, draft.pasted, lambda number: count + number)
        self.pasted.extend(draft.pasted)
        return refolded(text, self.pasted)

    # -- chips are never split -------------------------------------------------------------
    def edit(self, edit: Edit) -> EditResult:
        """Extend an edit that touches a part of a chip to the whole chip."""
        if edit.top != edit.bottom:
            top = self._outside_chip(edit.top, forward=False)
            bottom = self._outside_chip(edit.bottom, forward=True)
            if (top, bottom) != (edit.top, edit.bottom):
                edit = replace(edit, from_location=top, to_location=bottom)
        return super().edit(edit)

    def validate_selection(self, selection: Selection) -> Selection:
        """Move the cursor past a chip in one step."""
        if not self.pasted:
            return selection
        forward = selection.end > self.selection.end
        end = self._outside_chip(selection.end, forward=forward)
        start = end if selection.is_empty else self._outside_chip(selection.start, forward=not forward)
        return Selection(start, end)

    def _outside_chip(self, at: Location, *, forward: bool) -> Location:
        """`at`, or the end (`forward`) or start of the chip around it."""
        row, column = at
        if not self.pasted or row >= self.document.line_count:
            return at
        for one in folds_in(self.document.get_line(row), self.pasted):
            if one.start < column < one.end:
                return row, one.end if forward else one.start
        return at


# Textual resolves these keys only after they have bubbled to the app, after letters and Enter of the
# same burst: the text would be sent without the correction.
_EDITING_KEYS: Final[Mapping[str, Callable[[PastedTextArea], None]]] = {
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
