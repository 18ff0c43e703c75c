"""The files panel: the files that the worker created and their downloads, to preview, save and open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct
from rich.cells import cell_len
from textual import events
from textual.content import Content

from handinger_tui.core.evidence import ListedFile, file_name, listed_files
from handinger_tui.core.formatting import fitting, size
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import FilePart
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, parts_of
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.panel import (
    FAINT,
    GOOD,
    MARK,
    STRONG,
    FileAction,
    FileRequest,
    Key,
    Panel,
    PanelEntry,
    TurnMemo,
    cut_left,
    with_right,
)
from handinger_tui.ui.widgets.virtual_list import ItemRows


class DownloadState(Struct, frozen=True):
    """A download in progress: bytes received, and the total in bytes, None when it is unknown."""

    got: int = 0
    total: int | None = None

    @property
    def progress_text(self) -> str:
        """Progress for people: "saving 40% of 2.0 MB", "saving 12.0 kB", "saving …"."""
        if self.total:
            return f"saving {min(100, self.got * 100 // self.total)}% of {size(self.total)}"
        return f"saving {size(self.got)}" if self.got else "saving …"


class Downloads:
    """Downloads, saved paths and measured sizes by file URL, for one session or many.

    `changed` is called after each change.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._states: dict[str, DownloadState] = {}
        self._paths: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def mark_saving(self, part: FilePart, got: int = 0, total: int | None = None) -> None:
        """`got` bytes of `total`, or of the reported size when `total` is None, have arrived."""
        self._states[part.url] = DownloadState(got, total if total is not None else part.size)
        self._changed()

    def mark_saved(self, part: FilePart, path: str) -> None:
        """The file is saved at `path`."""
        state = self._states.pop(part.url, None)
        self._paths[part.url] = path
        if state is not None and state.got:
            self._sizes[part.url] = state.got
        self._changed()

    def mark_not_saved(self, part: FilePart) -> None:
        """The download of `part` ended without a file; the path of an earlier copy is kept."""
        self._states.pop(part.url, None)
        self._changed()

    def mark_size(self, part: FilePart, size: int) -> None:
        """A preview measured the size in bytes."""
        self._sizes[part.url] = size
        self._changed()

    def state(self, part: FilePart) -> DownloadState | None:
        """The state of the running download; None when none is running."""
        return self._states.get(part.url)

    def size(self, part: FilePart) -> int | None:
        """The size in bytes: as the service reported it, else as this program measured it."""
        return part.size if part.size is not None else self._sizes.get(part.url)

    def path(self, part: FilePart) -> str | None:
        """Where this program saved the file since it started; None when it did not."""
        return self._paths.get(part.url)


# -- the panel -----------------------------------------------------------------------------
class FileRows(ItemRows[ListedFile]):
    """Files with type, size and turn, and the state of their downloads."""

    item_height = 3
    cursor_height = 2
    message = "No files yet. Files the worker creates appear here."
    loaded = False

    def __init__(self, downloads: Downloads) -> None:
        self.downloads = downloads
        self.turn_id: str | None = None
        """The turn whose files are new."""

    def is_new(self, item: ListedFile) -> bool:
        """Whether the turn in view created the newest version of the file."""
        return item.turn_id == self.turn_id

    def position_of(self, url: str) -> int | None:
        """The position of the file with this URL."""
        return next((at for at, item in enumerate(self.items) if item.part.url == url), None)

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """Row 0: name. Row 1: size, type, turn, "new" or "changed". Row 2: download state or saved path."""
        entry = self.items[at]
        if row == 0:
            return Content.styled(file_name(entry.part), "bold" if here else STRONG)
        if row == 1:
            change = Content.styled(self._change(entry), MARK)
            content = with_right(self._facts(entry, width), change, width)
            return Content(content.plain) if here else content
        return self._download_line(entry.part, width)

    def _facts(self, entry: ListedFile, width: int) -> Content:
        """Size, type and turn. Where they do not fit, the type is shortened, then omitted."""
        kind = clean_line(entry.part.media_type, 300)
        size_text, turn = size(self.downloads.size(entry.part)), f"turn {entry.turn}"
        room = width - len(self._change(entry)) - 1
        choices = [_joined(size_text, name, turn) for name in (kind, short_type(kind), "")]
        return Content.styled(fitting(choices, room, cell_len), FAINT)

    def _change(self, entry: ListedFile) -> str:
        if entry.changed:
            return "changed"
        return "new" if self.is_new(entry) else ""

    def _download_line(self, part: FilePart, width: int) -> Content:
        state, path = self.downloads.state(part), self.downloads.path(part)
        if state is not None:
            return Content.styled(state.progress_text, MARK)
        if path is None:
            return Content("")
        label = Content.styled("✓ saved ", GOOD)
        return Content.assemble(label, (cut_left(clean_line(path), width - label.cell_length), FAINT))

    def summary(self, width: int) -> str:
        """The number of files: "12 · 3 new"."""
        new = sum(map(self.is_new, self.items))
        return (f"{self.count:,}" + (f" · {new:,} new" if new else "")) if self.items else ""

    def tooltip(self, at: int) -> Content:
        """The full name and facts, and the full path once the file is saved."""
        item = self.items[at]
        path = self.downloads.path(item.part)
        changed = " · replaces a file of an earlier turn" if item.changed else ""
        size_text = size(self.downloads.size(item.part))
        facts = _joined(size_text, clean_line(item.part.media_type, 300), f"turn {item.turn}{changed}")
        lines = [file_name(item.part), facts]
        return Content("\n".join([*lines, f"saved {clean_line(path)}"] if path else lines))


def _joined(*facts: str) -> str:
    return " · ".join(fact for fact in facts if fact)


class FilesPanel(Panel[FileRows]):
    """The files of the session. The screen records their downloads in `downloads`."""

    BORDER_TITLE = "Files"
    BINDINGS = bindings(Where.PANELS, Where.PANEL, Where.FILES)

    def __init__(self) -> None:
        self.downloads = Downloads(self.update)
        super().__init__(FileRows(self.downloads), id="panel-files")
        self._files = TurnMemo(_key, listed_files)

    def show(self, session: Session) -> None:
        """Show every file of the session; the cursor stays on its file."""
        rows, turn = self.rows, session.in_view
        files, turn_id = self._files(session), turn.turn_id if turn else None
        if rows.loaded and (files, turn_id) == (rows.items, rows.turn_id):
            return
        current = self.current
        rows.loaded, rows.items, rows.turn_id = True, files, turn_id
        self.cursor = (current and rows.position_of(current.part.url)) or 0
        self._hovered = self.tooltip = None
        self.refresh_bindings()
        self.update()

    @property
    def current(self) -> ListedFile | None:
        """The file under the cursor; None in an empty list."""
        return self.rows.item(self.cursor)

    # -- keys and mouse --------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer file actions only when the list has a file."""
        if action in ("request", "save_all"):
            return bool(self.rows.count)
        return super().check_action(action, parameters)

    def action_request(self, name: FileAction) -> None:
        """Post a `FileRequest` about the file. One that is being saved is not saved again."""
        part = self.current.part if self.current is not None else None
        is_saving = part is not None and self.downloads.state(part) is not None
        if part is not None and not (is_saving and name in ("save", "save_into")):
            self.post_message(FileRequest(name, [part]))

    def action_save_all(self) -> None:
        """Ask the screen to save every new file that is neither saved nor being saved."""
        new = [entry.part for entry in self.rows.items if self.rows.is_new(entry)]
        downloads = self.downloads
        unsaved = [part for part in new if downloads.state(part) is None and downloads.path(part) is None]
        if unsaved:
            self.post_message(FileRequest("save", unsaved))
        elif self.rows.items:
            text = "All new files are already saved." if new else "The last turn created no files."
            self.notify(text, markup=False)

    def on_click(self, event: events.Click) -> None:
        """A click selects a file; a double click previews it."""
        at = self.item_at(event)
        if at is None:
            return
        self.move_to(at)
        if event.chain == 2:
            self.action_request("preview")


def short_type(media_type: str) -> str:
    """The subtype of a media type, without "x-" and "vnd.": "text/csv" → "csv"."""
    last = media_type.partition(";")[0].rpartition("/")[2]
    return last.removeprefix("x-").removeprefix("vnd.") or media_type


def _key(turn: Turn) -> Key:
    """The memo key of a turn: everything that `listed_files` reads of it."""
    streamed = tuple(parts_of(turn.parts, FilePart))
    return streamed, turn.snapshot and turn.snapshot.files, turn.before and turn.before.files


FILES: Final = PanelEntry("files", FilesPanel)
