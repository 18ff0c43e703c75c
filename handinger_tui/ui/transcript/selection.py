"""Selecting rows with the mouse: what is highlighted, and what is copied of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.geometry import Offset
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from handinger_tui.ui.transcript.painting import ASIDE, MARGIN, NO_TEXT, graphemes, over, width_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen
    from textual.widget import Widget

MAX_LEAD: Final = 80
"""Characters of quote bars and indents among which the start of the text is looked for."""


class SelectableRows(ScrollView):
    """A view of rows. A selection that touches it has both ends in it, among the rows that are visible."""

    class LinkClicked(Message):
        """A link was clicked.

        `href` is the unchecked address, `shown` the text that hides it. Check both before opening.
        """

        def __init__(self, href: str, shown: str) -> None:
            super().__init__()
            self.href = href
            self.shown = shown

    def action_link(self, href: str, shown: str = "") -> None:
        """Post `LinkClicked`; the receiver decides whether the link is opened."""
        self.post_message(self.LinkClicked(href, shown))

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw again with the new selection."""
        pinned = _pinned(selection, self) if selection is not None else None
        # Textual leaves an end open where the mouse is not over the text, up to the end of the conversation.
        if pinned is not None and pinned != selection:
            self.screen.selections = {self: pinned}
        self.refresh()


def one_selection(screen: Screen[Any], selections: dict[Widget, Selection]) -> dict[Widget, Selection]:
    """Of these that of the rows which the mouse has touched, else that of the text where it was pressed.

    Textual selects all texts between both ends, of the header and the footer as well.
    """
    state = getattr(screen, "_select_state", None)
    if state is None:
        return selections
    rows = (widget for widget in selections if isinstance(widget, SelectableRows))
    widget = next(rows, state.start.content_widget)
    return {widget: selections[widget]} if widget is not None and widget in selections else {}


def _pinned(selection: Selection, view: SelectableRows) -> Selection:
    """The selection with an open end where the mouse is, or at the edge where it came in."""
    if selection.start is selection.end is None and len(view.screen.selections) == 1:
        # Set by the program or a double click, not by moving the mouse.
        return selection
    region, mouse = view.scrollable_content_region, view.app.mouse_position
    (width, height), (x, y) = region.size, mouse - region.offset
    top, bottom = Offset(0, view.scroll_offset.y), Offset(width, view.scroll_offset.y + height - 1)
    if 0 <= y < height and not region.contains_point(mouse):
        top = bottom = Offset(max(0, min(x, width)), top.y + y)
    start, end = selection
    return Selection(top if start is None else start, bottom if end is None else end)


def with_offsets(strip: Strip, y: int) -> Strip:
    """Let Textual find the character under the mouse in row `y`: the first one of those in one cell."""
    segments: list[Segment] = []
    for segment in strip:
        pieces = [segment.text] if segment.text.isascii() else graphemes(segment.text)
        segments += [Segment(piece, segment.style) for piece in pieces]
    return Strip(segments, strip.cell_length).apply_offsets(0, y)


def with_selection(strip: Strip, y: int, widget: Widget) -> Strip:
    """Highlight what is selected of row `y` of a widget, except its margin."""
    selection = widget.text_selection
    span = selection.get_span(y) if selection is not None else None
    if span is None:
        return strip
    # Its own foreground is transparent, which terminals do not support; other colors do not contrast with it.
    ground = widget.screen.get_component_rich_style("screen--selection").bgcolor
    look = RichStyle(color=widget.visual_style.rich_style.color, bgcolor=ground)
    text = strip.text
    start, end = max(span[0], MARGIN), len(text.rstrip()) if span[1] == -1 else _grapheme_end(text, span[1])
    return over(strip, width_of(text[:start]), width_of(text[:end]), look)


def selected_text(selection: Selection, height: int, line: Callable[[int], Strip]) -> str:
    """Return the selected text of `height` rows as shown on the screen, without margins and wrap marks.

    A line that was wrapped is one line again.
    """
    first = selection.start.y if selection.start else 0
    last = min(selection.end.y if selection.end else height - 1, height - 1)
    lines: list[str] = []
    for y in range(first, last + 1):
        strip = line(y)
        margin, joint = _margin_of(strip)
        start, end = selection.get_span(y) or (0, 0)
        text = _own_text(strip).rstrip()
        text = text[max(start, margin) : None if end == -1 else _grapheme_end(text, end)]
        if joint is not None and lines:
            lines[-1] += joint + text
        else:
            lines.append(text)
    return "\n".join(lines)


def _own_text(strip: Strip) -> str:
    """The text of a line, without what only stands beside it."""
    return "".join(text for text, style, _ in strip if style is None or ASIDE not in style.meta)


def _grapheme_end(text: str, end: int) -> int:
    """The end of the grapheme that character `end` - 1 belongs to: an emoji, a letter with its accents."""
    if text.isascii():
        return end
    at = 0
    for grapheme in graphemes(text):
        if at >= end:
            break
        at += len(grapheme)
    return max(at, end)


def _margin_of(strip: Strip) -> tuple[int, str | None]:
    """The characters before the text of a line, and what joins it to the line above where it continues it."""
    at = 0
    for text, style, _ in strip:
        at += len(text)
        if style is not None and NO_TEXT in style.meta:
            return at, style.meta[NO_TEXT]
        if at > MAX_LEAD:
            break
    return MARGIN, None
