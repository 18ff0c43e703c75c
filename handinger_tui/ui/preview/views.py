"""Views: one widget per kind of body. They draw only what is in sight, and let others lay out."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rich.style import Style
from textual import events, work
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from handinger_tui.core.preview.table import TableModel
from handinger_tui.core.preview.tree import Node
from handinger_tui.ui.apart import apart
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.messages import OpenLink
from handinger_tui.ui.preview.load import Body
from handinger_tui.ui.preview.picture import Picture
from handinger_tui.ui.preview.picture_view import PictureView
from handinger_tui.ui.preview.rows import RowsFor, plain_rows
from handinger_tui.ui.transcript.draw import with_selection
from handinger_tui.ui.transcript.paint import MARGIN, Palette
from handinger_tui.ui.transcript.row import COMPONENTS
from handinger_tui.ui.transcript.sheet import Paints, Sheet
from handinger_tui.ui.widgets.cursor_lines import copy_from
from handinger_tui.ui.widgets.table_view import TableView
from handinger_tui.ui.widgets.tree_view import TreeView


class PageView(ScrollView, can_focus=True):
    """Rows of a text, code or Markdown, laid out apart for each width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PAGE)

    def __init__(self) -> None:
        super().__init__(classes="page-view")
        self._rows: RowsFor | None = None
        self._sheet: Sheet | None = None
        self._paints: Paints | None = None

    def show(self, rows: RowsFor) -> None:
        """Another text."""
        self._rows, self._sheet = rows, None
        self._lay_out()

    @work(group="layout", exclusive=True)
    async def _lay_out(self) -> None:
        rows, width = self._rows, self.scrollable_content_region.width
        if rows is None or width <= 0:
            return
        try:
            sheet = await apart(lambda: rows.sheet(width))
        except Exception:  # noqa: BLE001 - a text from outside must not end the program
            plain = plain_rows(rows.source.split("\n"))
            sheet = await apart(lambda: plain.sheet(width))
        self._sheet, self._paints = sheet, Paints(Palette(self), width)
        self.virtual_size = Size(width, sheet.height)
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Another width is laid out anew; until then the old lines are cut or padded."""
        if self._paints is None or self._paints.width != self.scrollable_content_region.width:
            self._lay_out()

    def notify_style_update(self) -> None:
        """Another theme: the rows stay, their strips are painted anew."""
        super().notify_style_update()
        if self._paints is not None:
            self._paints = Paints(Palette(self), self._paints.width)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line in sight, with what is selected of it."""
        at = y + self.scroll_offset.y
        strip, selection = self._line(at), self.text_selection
        if selection is not None and (span := selection.get_span(at)) is not None:
            # Its background alone: its foreground is transparent, which terminals cannot do.
            ground = self.screen.get_component_rich_style("screen--selection").bgcolor
            strip = with_selection(strip, (max(span[0], MARGIN), span[1]), Style(bgcolor=ground))
        return strip.apply_offsets(0, at)

    def _line(self, at: int) -> Strip:
        width, sheet, paints = self.scrollable_content_region.width, self._sheet, self._paints
        if sheet is None or paints is None or at >= sheet.height:
            return Strip.blank(width, self.visual_style.rich_style)
        return sheet.strip(at, paints).adjust_cell_length(width, self.visual_style.rich_style)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text as it stands on the screen, without the margin."""
        if self._sheet is None:
            return None
        last = self._sheet.height - 1
        start = selection.start.y if selection.start else 0
        end = min(selection.end.y if selection.end else last, last)
        found = []
        for at in range(start, end + 1):
            text = self._line(at).text.rstrip()
            first, stop = selection.get_span(at) or (0, 0)
            found.append(text[max(first, MARGIN) : None if stop == -1 else stop])
        return "\n".join(found), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - the base's
        """Paint the selection."""
        self.refresh()

    def action_link(self, href: str, shown: str = "") -> None:
        """A link was clicked; what becomes of it is not decided here."""
        self.post_message(OpenLink(href, shown))

    def action_copy(self) -> None:
        """The whole text as it is written."""
        if self._rows is not None:
            copy_from(self, self._rows.source, "the text")


View = PageView | PictureView | TableView | TreeView
VIEWS: Final[tuple[tuple[type[Any], type[View]], ...]] = (
    (RowsFor, PageView),
    (Picture, PictureView),
    (TableModel, TableView),
    (Node, TreeView),
)
"""Which widget shows which body."""


def view_of(body: Body) -> View:
    """A new widget that can `show` it."""
    return next(view for kind, view in VIEWS if isinstance(body, kind))()
