"""The preview page: shows one file of any kind. A thread reads the file; Esc stops that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.errors import HandingerError, LinkExpired
from handinger_tui.core.formatting import size
from handinger_tui.core.preview.pictures import Picture
from handinger_tui.core.preview.tables import TableModel
from handinger_tui.core.preview.tree import Node
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.ui.background import CancelToken, run_in_thread
from handinger_tui.ui.dialogs.confirm import Ask
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages import FooterScreen
from handinger_tui.ui.pages.page_view import PageView, PictureView, TextView
from handinger_tui.ui.pages.preview_load import MOST, Body, Loaded, Subject, load
from handinger_tui.ui.panels.files import file_name
from handinger_tui.ui.panels.panel import OpenLink
from handinger_tui.ui.widgets.data_views import TableView, TreeView
from handinger_tui.ui.widgets.frame import FooterLine, StaticReflow
from handinger_tui.ui.widgets.virtual_list import VirtualList
from handinger_tui.ui.work.changes import ThrottledTimer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.turns.turn import FilePart
    from handinger_tui.ui.work.evidence_actions import FileActions

_PROGRESS_PER_S: Final = 10
CANNOT_SHOW: Final = "Cannot preview this file ({name}). Press d to save it."


View = PageView | PictureView | TableView | TreeView
VIEWS: Final[tuple[tuple[type[Any], type[View]], ...]] = (
    (TextView, PageView),
    (Picture, PictureView),
    (TableModel, TableView),
    (Node, TreeView),
)
"""The view class of each body type."""


def view_of(body: Body) -> View:
    """Create the widget that can `show` this body."""
    return next(view for kind, view in VIEWS if isinstance(body, kind))()


def head_lines(part: FilePart, beside: Sequence[str], loaded: Loaded | None, facet: int) -> list[Content]:
    """Return the head lines: the name followed by `beside`; kind, extent and views; one line per note.

    With `loaded` None only the facts reported by the worker are shown.
    """
    more = "".join(f"   {word}" for word in beside)
    name = Content.assemble((file_name(part), "bold"), (more, "$text-muted"))
    if loaded is None:
        summary = " · ".join(fact for fact in (clean_line(part.media_type, 60), size(part.size)) if fact)
        return [name, Content.styled(summary, "$text-muted")]
    notes = [Content.styled(f"! {note}", "$text-warning") for note in loaded.notes]
    return [name, _summary(loaded, facet), *notes]


def _summary(loaded: Loaded, facet: int) -> Content:
    pieces = [piece for piece in (loaded.what, loaded.counted, size(loaded.size)) if piece]
    line = Content.styled(" · ".join(pieces), "$text-muted")
    if len(loaded.facets) == 1:
        return line
    names = [
        (f" {one.name} ", "reverse" if at == facet else "$text-muted") for at, one in enumerate(loaded.facets)
    ]
    return Content.assemble(line, "   ", *names)


class PreviewScreen(FooterScreen):
    """Shows the files of a session one at a time, each with one or more views (`facets`)."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PREVIEW, Where.SCREEN)

    def __init__(self, parts: Sequence[FilePart], index: int, file_actions: FileActions) -> None:
        super().__init__()
        self._parts = parts
        self._index = index
        self._file_actions = file_actions
        self.loaded: Loaded | None = None
        """The loaded file; None while it is loading and after it failed."""
        self._facet = 0
        self._progress_text = self._drawn_progress = ""
        self._timer: ThrottledTimer | None = None
        self._from_disk = False
        self.expired = False
        """Whether the link of the file was refused and may be renewed."""

    def compose(self) -> ComposeResult:
        """Lay out the head, the file, the foot with the value at the cursor, and the footer."""
        with Vertical(id="preview"):
            yield StaticReflow(id="preview-head")
            yield Vertical(id="preview-body")
            yield Static(id="preview-foot")
            yield FooterLine()

    def on_mount(self) -> None:
        """Start loading, and the timer that shows its progress."""
        self._timer = ThrottledTimer(self, _PROGRESS_PER_S, self._show_progress)
        self._start_loading()

    @property
    def part(self) -> FilePart:
        """The file that is shown."""
        return self._parts[self._index]

    # -- loading -----------------------------------------------------------------------
    def _start_loading(self, *, renew: bool = False) -> None:
        self.loaded, self._facet, self.expired, self._from_disk = None, 0, False, False
        self._progress_text = self._drawn_progress = ""
        self.query_one("#preview-foot", Static).update("")
        self._draw_head()
        if self._timer is not None:
            self._timer.start()
        self._load(self.part, renew=renew)

    @work(group="load", exclusive=True)
    async def _load(self, part: FilePart, *, renew: bool) -> None:
        """Fetch, parse and show a file.

        Another file, or closing, cancels that; the thread then stops at its next step.
        """
        token = CancelToken()
        try:
            await self._show_message("Loading…")
            fetched = await self._file_actions.fetch(part, MOST, self._report_fetch, renew=renew)
            self._progress_text, self._from_disk = "reading", fetched.saved
            subject = Subject(
                part.filename or "", part.media_type, fetched.data, fetched.complete, fetched.total
            )
            self.loaded = await run_in_thread(lambda: load(subject, token, self._set_progress))
            await self._show()
        except LinkExpired as problem:
            self.expired = self._file_actions.renewable
            hint = "Press r to read the worker again and renew the link (free)." if self.expired else ""
            await self._show_message(
                f"The link was refused. It may have expired. {problem.summary}\n\n{hint}"
            )
        except HandingerError as problem:
            await self._show_message(problem.text)
        except Exception as problem:  # noqa: BLE001 - a file from outside must not end the program
            await self._show_message(CANNOT_SHOW.format(name=type(problem).__name__))
        finally:
            token.stop()
            # A cancelled load may end after the next one has started: it must not stop the timer of that one.
            if part is self.part and self._timer is not None:
                self._progress_text = ""
                self._timer.stop()
                self.refresh_bindings()

    def _report_fetch(self, received: int, total: int | None) -> None:
        share = f" · {min(100, received * 100 // total)}% of {size(total)}" if total else ""
        self._set_progress(f"{size(received)}{share}")

    def _set_progress(self, text: str) -> None:
        """Set the progress text, which the next tick shows. Also called from a thread."""
        self._progress_text = text

    def _show_progress(self) -> None:
        if self._progress_text and self._progress_text != self._drawn_progress:
            self._drawn_progress = self._progress_text
            for message in self.query("#preview-words").results(Static):
                message.update(Content(f"Loading… {self._progress_text}\n\nPress Esc to stop."))

    async def _show_message(self, text: str) -> None:
        """Show a message in place of the file."""
        # Otherwise the next tick would overwrite the message with the progress.
        self._progress_text = ""
        body = self.query_one("#preview-body")
        await body.remove_children()
        await body.mount(Static(Content(clean(text)), id="preview-words"))

    # -- showing -----------------------------------------------------------------------
    async def _show(self) -> None:
        """Show the loaded file in the chosen view."""
        loaded = self.loaded
        if loaded is None:
            return
        self._draw_head()
        foot = self.query_one("#preview-foot", Static)
        foot.update("…")
        content = await run_in_thread(loaded.facets[self._facet].make)
        body = self.query_one("#preview-body")
        await body.remove_children()
        view = view_of(content)
        await body.mount(view)
        # `view_of` chose a view that takes this type of content.
        view.show(content)  # type: ignore[arg-type]
        view.focus()
        if not isinstance(view, VirtualList):
            foot.update("")

    def _draw_head(self) -> None:
        position = f"{self._index + 1} of {len(self._parts)}" if len(self._parts) > 1 else ""
        notes = [position, "saved copy" if self._from_disk else ""]
        lines = head_lines(self.part, [note for note in notes if note], self.loaded, self._facet)
        self.query_one("#preview-head", StaticReflow).put(
            lambda width: [wrapped for line in lines for wrapped in line.wrap(width)]
        )

    @on(VirtualList.Moved)
    def _handle_cursor_move(self, event: VirtualList.Moved) -> None:
        # At most two lines of the foot.
        text = clean_line(event.view.rows.full_text(event.view.cursor), max(20, 2 * self.size.width - 8))
        self.query_one("#preview-foot", Static).update(Content(text))

    @on(OpenLink)
    def _open_link(self, event: OpenLink) -> None:
        interaction = self._file_actions.interaction
        interaction.run(interaction.open_link(event.url, event.shown))

    # -- search ------------------------------------------------------------------------
    @on(PageView.MatchChanged)
    def _show_search_state(self, event: PageView.MatchChanged) -> None:
        self.query_one("#preview-foot", Static).update(Content(clean_line(event.status, 200)))

    @on(PageView.SearchRequested)
    def _start_search(self, event: PageView.SearchRequested) -> None:
        self._search(event.view)

    @work(group="find", exclusive=True)
    async def _search(self, view: PageView) -> None:
        text = await self.app.push_screen_wait(Ask("Find in this text", view.search_text))
        if text and view.is_attached:
            await view.find(text)

    # -- keys --------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action does something now; the footer shows only those."""
        match action:
            case "facet":
                return self.loaded is not None and len(self.loaded.facets) > 1
            case "file":
                return len(self._parts) > 1
            case "again":
                return self.loaded is None and not self._progress_text
            case _:
                return True

    def action_facet(self) -> None:
        """Show the next view of the same file."""
        if self.loaded is not None:
            self._facet = (self._facet + 1) % len(self.loaded.facets)
            self._show_facet()

    @work(group="load", exclusive=True)
    async def _show_facet(self) -> None:
        try:
            await self._show()
        except Exception as problem:  # noqa: BLE001 - a file from outside must not end the program
            await self._show_message(CANNOT_SHOW.format(name=type(problem).__name__))

    def action_file(self, by: int) -> None:
        """Show the file `by` steps on, wrapping around."""
        self._index = (self._index + by) % len(self._parts)
        self._start_loading()

    def action_again(self) -> None:
        """Load the file again, with a renewed link if the old one was refused."""
        self._start_loading(renew=self.expired)

    def action_save(self, where: str = "") -> None:
        """Download the file; with `where` "asked", into a folder that the person is asked for."""
        saving = (
            self._file_actions.save_into(self.part)
            if where == "asked"
            else self._file_actions.save([self.part])
        )
        self._file_actions.interaction.run(saving)

    def action_open(self) -> None:
        """Open the file with the system program for it."""
        self._file_actions.interaction.run(self._file_actions.open(self.part))
