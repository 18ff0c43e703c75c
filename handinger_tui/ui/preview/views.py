"""Views: one widget per kind of body. They draw only what is in sight, and let others lay out."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rich.style import Style
from textual import events, work
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from handinger_tui.core.preview.tables import TableModel
from handinger_tui.core.preview.tree import Node
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.lists.table_view import TableView
from handinger_tui.ui.lists.tree_view import TreeView
from handinger_tui.ui.lists.virtual_list import copy_from
from handinger_tui.ui.panels.messages import OpenLink
from handinger_tui.ui.preview.finding import Found, find
from handinger_tui.ui.preview.load import Body
from handinger_tui.ui.preview.pictures import Picture, PictureView
from handinger_tui.ui.preview.rows import RowsFor, plain_rows
from handinger_tui.ui.transcript.layout import Paints, RowBuffer
from handinger_tui.ui.transcript.overlays import over, with_selection
from handinger_tui.ui.transcript.painting import MARGIN, Palette
from handinger_tui.ui.transcript.rows.row import COMPONENTS


class PageView(ScrollView, can_focus=True):
    """Rows of a text, code or Markdown, laid out apart for each width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PAGE)

    def __init__(self) -> None:
        super().__init__(classes="page-view")
        self._rows: RowsFor | None = None
        self._sheet: RowBuffer | None = None
        self._paints: Paints | None = None
        self._found: Found | None = None

    class ToFind(Message):
        """A person wants to find something in the text."""

        def __init__(self, view: PageView) -> None:
            super().__init__()
            self.view = view

    class Stands(Message):
        """The search stands somewhere else; `told` says where, "" once it is over."""

        def __init__(self, told: str) -> None:
            super().__init__()
            self.told = told

    def show(self, rows: RowsFor) -> None:
        """Another text."""
        self._rows, self._sheet, self._found = rows, None, None
        self._lay_out()

    @work(group="layout", exclusive=True)
    async def _lay_out(self) -> None:
        rows, width = self._rows, self.scrollable_content_region.width
        if rows is None or width <= 0:
            return
        try:
            sheet = await run_in_thread(lambda: rows.sheet(width))
        except Exception:  # noqa: BLE001 - a text from outside must not end the program
            plain = plain_rows(rows.source.split("\n"))
            sheet = await run_in_thread(lambda: plain.sheet(width))
        found = self._found
        if found is not None:
            # Another width may have other rows.
            text, at = found.text, found.at
            found = await run_in_thread(lambda: find(sheet.rows, text))
            found.step(at)
        self._sheet, self._paints, self._found = sheet, Paints(Palette(self), width), found
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
        strip, selection = self._with_matches(self._line(at), at), self.text_selection
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

    def _with_matches(self, strip: Strip, at: int) -> Strip:
        sheet, paints, found = self._sheet, self._paints, self._found
        if found is None or sheet is None or paints is None or at >= sheet.height:
            return strip
        for number, y, left, right in found.spans(sheet, paints.width, sheet.row_at(at)):
            if y == at:
                name = "match-here" if number == found.at else "match"
                strip = over(strip, left, right, paints.palette.row(name).rich_style)
        return strip

    # -- finding ---------------------------------------------------------------------------
    @property
    def sought(self) -> str:
        """What was looked for last."""
        return self._found.text if self._found is not None else ""

    async def find(self, text: str) -> None:
        """Mark every place where `text` stands, and go to the first from here on."""
        sheet = self._sheet
        if sheet is None:
            return
        found = await run_in_thread(lambda: find(sheet.rows, text))
        if sheet is not self._sheet:
            # Laid out anew meanwhile.
            await self.find(text)
            return
        found.begin_at(sheet.row_at(self.scroll_offset.y))
        self._found = found
        self._stand()

    def _stand(self) -> None:
        found, sheet, paints = self._found, self._sheet, self._paints
        if found is None or sheet is None or paints is None:
            return
        if found.places:
            row = found.places[found.at].row
            spans = found.spans(sheet, paints.width, row)
            y = next((span.y for span in spans if span.number == found.at), sheet.start_of(row))
            if not self.scroll_offset.y <= y < self.scroll_offset.y + self.scrollable_content_region.height:
                self.scroll_to(y=max(0, y - self.scrollable_content_region.height // 3), animate=False)
        self.post_message(self.Stands(found.told))
        self.refresh()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's shape
        """Without a search these keys are those of the screen."""
        return self._found is not None if action in ("step", "end_find") else True

    def action_find(self) -> None:
        """Whoever shows this view asks for the text."""
        self.post_message(self.ToFind(self))

    def action_step(self, by: int) -> None:
        """Another match."""
        if self._found is not None:
            self._found.step(by)
            self._stand()

    def action_end_find(self) -> None:
        """No marks any more."""
        self._found = None
        self.post_message(self.Stands(""))
        self.refresh()
        self.refresh_bindings()

    # -- selecting -------------------------------------------------------------------------
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
