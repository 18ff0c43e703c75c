"""The preview page: shows one file of any kind.

A thread converts the bytes of the file to what the page shows; all its texts are clean. Esc stops the thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.errors import HandingerError, LinkExpired
from handinger_tui.core.evidence import file_name
from handinger_tui.core.formatting import plural, size
from handinger_tui.core.previews.files import (
    SNIFFED_BYTES,
    Picture,
    PreviewKind,
    Shape,
    TextModel,
    check_picture,
    read_text,
    sniff,
)
from handinger_tui.core.previews.tables import TableModel, TableReader, table_of_value
from handinger_tui.core.previews.trees import Node, tree_of_json
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.ui.background import CancelToken, run_in_thread
from handinger_tui.ui.dialogs import TextQuestion
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages import Page
from handinger_tui.ui.pages.page_view import (
    PageView,
    PictureView,
    TextView,
    code_rows_of,
    markdown_rows,
    message_rows,
    plain_rows,
)
from handinger_tui.ui.transcript.code import MAX_HIGHLIGHTED, MAX_LINE
from handinger_tui.ui.transcript.selection import SelectableRows
from handinger_tui.ui.widgets.frame import FooterLine, StaticReflow
from handinger_tui.ui.widgets.tables_and_trees import TableView, TreeView
from handinger_tui.ui.widgets.throttled_timer import ThrottledTimer
from handinger_tui.ui.widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from handinger_tui.core.stream import FilePart
    from handinger_tui.ui.panels.file_actions import FileActions

# -- loading -------------------------------------------------------------------------------------
MAX_BYTES: Final = 8 << 20
"""Maximum number of bytes of a file that are read for a preview."""
LONGEST_MARKDOWN: Final = 300_000
"""Maximum number of characters laid out as Markdown: about two seconds."""

Body = TextView | TableModel | Node | Picture
"""What a view shows: text rows, a table, a tree or a picture."""


class Subject(Struct, frozen=True):
    """A file to preview. `complete`: `data` is all of it; `total` is the file size, None if unknown."""

    name: str
    media_type: str
    data: bytes
    complete: bool
    total: int | None = None


class Facet(Struct, frozen=True):
    """One view of a file: "tree", "table", "source"."""

    name: str
    make: Callable[[], Body]
    """Creates the body; may take long."""


class Loaded(Struct, frozen=True):
    """A loaded preview.

    `what` is the kind ("CSV table"), `counted` its extent ("1,200 rows × 8 columns"). `notes` say what is
    missing or unusual, and why.
    """

    what: str
    counted: str
    notes: tuple[str, ...]
    facets: tuple[Facet, ...]
    size: int | None = None
    """Size of the complete file in bytes, None if unknown."""


class LoadTask(Struct, frozen=True):
    """A file being loaded. `report_progress` receives a short text; `cancel_token` stops the work."""

    subject: Subject
    kind: PreviewKind
    cancel_token: CancelToken
    report_progress: Callable[[str], None]


def load(subject: Subject, cancel_token: CancelToken, report_progress: Callable[[str], None]) -> Loaded:
    """Load the preview of a file.

    What cannot be shown is replaced by a message.

    Raises:
        Stopped: `cancel_token` was stopped; nothing else is raised.
    """
    kind = sniff(subject.name, subject.media_type, subject.data[:SNIFFED_BYTES])
    notes: tuple[str, ...] = () if subject.complete else (_cut_note(subject),)
    notes += (kind.note,) if kind.note else ()
    cancel_token.check()
    loaded = KINDS[kind.shape](LoadTask(subject, kind, cancel_token, report_progress))
    total = len(subject.data) if subject.complete else subject.total
    return replace(loaded, notes=(*notes, *loaded.notes), size=total)


def _cut_note(subject: Subject) -> str:
    of = f" of {size(subject.total)}" if subject.total is not None else ""
    return f"only the first {size(len(subject.data))}{of}"


def _empty(_task: LoadTask) -> Loaded:
    return Loaded("empty file", "", (), (_message("The file is empty."),))


def _table(task: LoadTask) -> Loaded:
    delimiter = "\t" if task.kind.shape is Shape.TSV else None
    reader = TableReader(task.subject.data, delimiter, complete=task.subject.complete)
    while reader.step():
        task.cancel_token.check()
        task.report_progress(f"reading the table · {plural(reader.total, 'row')}")
    model = reader.model()
    what = f"{task.kind.shape.upper()} table"
    return Loaded(what, model.counted, model.notes, (Facet("table", lambda: model), _source(task)))


def _json(task: LoadTask) -> Loaded:
    notes: tuple[str, ...] = ("truncated JSON, shown as text",)
    if task.subject.complete:
        task.report_progress("reading the document")
        tree = tree_of_json(task.subject.data, pause=task.cancel_token.check)
        if (root := tree.root) is not None:
            return _json_tree(task, root, tree.notes)
        notes = tree.notes
    source = _code(task)
    return replace(source, what="JSON", notes=(*notes, *source.notes))


def _json_tree(task: LoadTask, root: Node, notes: tuple[str, ...]) -> Loaded:
    facets = [Facet("tree", lambda: root)]
    # A cheap check: a list that begins with an object or a list.
    if isinstance(root.value, list) and root.value and isinstance(root.value[0], dict | list):
        facets.append(Facet("table", lambda: table_of_value(root.value) or message_rows("Not a table.")))
    extent = root.text if root.children else root.kind
    return Loaded("JSON", extent, notes, (*facets, _source(task, "json")))


def _image(task: LoadTask) -> Loaded:
    image = check_picture(task.subject.data, task.kind.detail, complete=task.subject.complete)
    picture = image.picture
    facet = _message(f"{image.why[:1].upper()}{image.why[1:]}.")
    if picture is not None:
        facet = Facet("picture", lambda: picture)
    return Loaded(image.what, image.counted, (), (facet,))


def _binary(task: LoadTask) -> Loaded:
    return Loaded(task.kind.detail or "binary data", "", (), (_message("Save it to open it."),))


def _text(task: LoadTask) -> Loaded:
    model = read_text(task.subject.data, complete=task.subject.complete)
    return Loaded("text", _extent(model), model.notes, (Facet("text", lambda: _view(model)),))


def _markdown(task: LoadTask) -> Loaded:
    model = read_text(task.subject.data, complete=task.subject.complete)
    text, notes = model.text, model.notes
    if len(text) > LONGEST_MARKDOWN:
        notes += (f"longer than {LONGEST_MARKDOWN:,} characters, shown as source",)
        return Loaded("Markdown", _extent(model), notes, (_source(task),))
    return Loaded("Markdown", _extent(model), notes, (Facet("page", lambda: _page(model)), _source(task)))


def _code(task: LoadTask) -> Loaded:
    language = "json" if task.kind.shape is Shape.JSON else task.kind.detail
    model = read_text(task.subject.data, complete=task.subject.complete)
    notes = model.notes
    if language and (len(model.text) > MAX_HIGHLIGHTED or max(map(len, model.lines), default=0) > MAX_LINE):
        notes += ("too long to highlight",)
    facet = Facet("code", lambda: _view(model, language))
    return Loaded(f"{language} source" if language else "source", _extent(model), notes, (facet,))


def _extent(model: TextModel) -> str:
    return model.counted if model.encoding in ("UTF-8", "") else f"{model.counted} · {model.encoding}"


def _source(task: LoadTask, language: str = "") -> Facet:
    """Return the view of the unformatted file text."""
    subject = task.subject
    return Facet("source", lambda: _view(read_text(subject.data, complete=subject.complete), language))


def _view(model: TextModel, language: str = "") -> TextView:
    rows = code_rows_of(model.lines, language) if language else plain_rows(model.lines)
    return replace(rows, is_cut=model.is_cut)


def _page(model: TextModel) -> TextView:
    return replace(markdown_rows(model.text), is_cut=model.is_cut)


def _message(text: str) -> Facet:
    return Facet("words", lambda: message_rows(text))


KINDS: Final[Mapping[Shape, Callable[[LoadTask], Loaded]]] = {
    Shape.EMPTY: _empty,
    Shape.TEXT: _text,
    Shape.MARKDOWN: _markdown,
    Shape.CODE: _code,
    Shape.JSON: _json,
    Shape.CSV: _table,
    Shape.TSV: _table,
    Shape.IMAGE: _image,
    Shape.BINARY: _binary,
}


# -- the page ------------------------------------------------------------------------------------
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


def head_lines(part: FilePart, notes: Sequence[str], loaded: Loaded | None, facet: int) -> list[Content]:
    """Return the head lines: name and `notes`; kind, extent and views; a line per note of the content.

    With `loaded` None only the facts reported by the worker are shown.
    """
    more = "".join(f"   {word}" for word in notes)
    name = Content.assemble((file_name(part), "bold"), (more, "$text-muted"))
    if loaded is None:
        summary = " · ".join(fact for fact in (clean_line(part.media_type, 60), size(part.size)) if fact)
        return [name, Content.styled(summary, "$text-muted")]
    warnings = [Content.styled(f"! {note}", "$text-warning") for note in loaded.notes]
    return [name, _summary(loaded, facet), *warnings]


def _summary(loaded: Loaded, facet: int) -> Content:
    pieces = [piece for piece in (loaded.what, loaded.counted, size(loaded.size)) if piece]
    line = Content.styled(" · ".join(pieces), "$text-muted")
    if len(loaded.facets) == 1:
        return line
    names = [
        (f" {one.name} ", "reverse" if at == facet else "$text-muted") for at, one in enumerate(loaded.facets)
    ]
    return Content.assemble(line, "   ", *names)


class PreviewScreen(Page):
    """Shows the files of a session one at a time, each with one or more views (`facets`)."""

    NAME = "preview"
    BINDINGS = bindings(Where.PREVIEW, Where.SCREEN)

    def __init__(self, parts: Sequence[FilePart], index: int, file_actions: FileActions) -> None:
        super().__init__()
        self._parts = parts
        self._index = index
        self._file_actions = file_actions
        self._worker_id = file_actions.worker_id
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
            yield StaticReflow(id="preview-head", classes="page-head")
            yield Vertical(id="preview-body")
            yield Static(id="preview-foot", classes="page-bottom")
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

        def report(progress: str) -> None:
            # The next tick shows it. Called from a thread.
            self._progress_text = progress

        try:
            await self._show_message("Loading…")
            fetched = await self._file_actions.fetch(
                part, MAX_BYTES, self._report_fetch, self._worker_id if renew else None
            )
            self._progress_text, self._from_disk = "reading", fetched.saved
            subject = Subject(
                part.filename or "", part.media_type, fetched.data, fetched.complete, fetched.total
            )
            self.loaded = await run_in_thread(lambda: load(subject, token, report))
            await self._show()
        except LinkExpired as problem:
            self.expired = self._worker_id is not None
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
        self._progress_text = f"{size(received)}{share}"

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
        self.query_one("#preview-head", StaticReflow).put_wrapped(lines)

    @on(VirtualList.Moved)
    def _handle_cursor_move(self, event: VirtualList.Moved) -> None:
        # At most two lines of the foot.
        text = clean_line(event.view.rows.full_text(event.view.cursor), max(20, 2 * self.size.width - 8))
        self.query_one("#preview-foot", Static).update(Content(text))

    @on(SelectableRows.LinkClicked)
    def _open_link(self, event: SelectableRows.LinkClicked) -> None:
        self._file_actions.interaction.run(self._file_actions.open_link(event.href, event.shown))

    # -- search ------------------------------------------------------------------------
    @on(PageView.MatchChanged)
    def _show_search_state(self, event: PageView.MatchChanged) -> None:
        self.query_one("#preview-foot", Static).update(Content(clean_line(event.status, 200)))

    @on(PageView.SearchRequested)
    @work(group="find", exclusive=True)
    async def _search(self, event: PageView.SearchRequested) -> None:
        view = event.view
        text = await self.app.push_screen_wait(TextQuestion("Find in this text", view.search_text))
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

    def action_save(self) -> None:
        self._file_actions.interaction.run(self._file_actions.save([self.part]))

    def action_save_into(self) -> None:
        """Ask for a folder and download the file into it."""
        self._file_actions.interaction.run(self._file_actions.save_into(self.part))

    def action_open(self) -> None:
        """Open the file with the system program for it."""
        self._file_actions.interaction.run(self._file_actions.open(self.part))
