"""The files panel: the files that the worker created, to preview, save and open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message

from handinger_tui.core.formatting import size
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FilePart, Turn
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.lists.virtual_list import ListRows
from handinger_tui.ui.panels.files.index import Downloads, FileIndex, Listed
from handinger_tui.ui.panels.panel import (
    FAINT,
    GOOD,
    MARK,
    STRONG,
    CopyFile,
    Key,
    OpenFile,
    Panel,
    PanelEntry,
    PreviewFile,
    SaveFiles,
    SaveInto,
    TurnMemo,
    cut_left,
    one_line,
    turn_in_view,
    with_right,
)

REQUESTS: Final[Mapping[str, Callable[[FilePart], Message]]] = {
    "preview": PreviewFile,
    "save": lambda part: SaveFiles([part]),
    "save_into": SaveInto,
    "open": OpenFile,
    "copy": CopyFile,
}
"""What may be asked of the screen, for one file."""


class FileRows(ListRows):
    """Files with type, size and turn, and the state of their downloads."""

    item_height = 3
    cursor_height = 2
    message = "No files yet. Files that the worker makes will be listed here."
    loaded = False

    def __init__(self, downloads: Downloads) -> None:
        self.downloads = downloads
        self.items: tuple[Listed, ...] = ()
        self.turn_id: str | None = None
        """The turn whose files are new."""

    @property
    def count(self) -> int:
        """The number of files."""
        return len(self.items)

    def is_new(self, item: Listed) -> bool:
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

    def _facts(self, entry: Listed, width: int) -> Content:
        """Size, type and turn. Where they do not fit, the type is shortened, then left out."""
        kind = one_line(entry.part.media_type) or "type not reported"
        size_text, turn = size(self.downloads.size(entry.part)), f"turn {entry.turn}"
        room = width - len(self._change(entry)) - 1
        candidates = (" · ".join((size_text, name, turn)) for name in (kind, short_type(kind)))
        text = next((text for text in candidates if cell_len(text) <= room), f"{size_text} · {turn}")
        return Content.styled(text, FAINT)

    def _change(self, entry: Listed) -> str:
        if entry.changed:
            return "changed"
        return "new" if self.is_new(entry) else ""

    def _download_line(self, part: FilePart, width: int) -> Content:
        state, path = self.downloads.state(part), self.downloads.path(part)
        if state is not None:
            return Content.styled(state.progress_text, MARK)
        if path is None:
            return Content("")
        label = Content.assemble(("✓ saved ", GOOD))
        return Content.assemble(label, (cut_left(clean_line(path), width - label.cell_length), FAINT))

    def summary(self, width: int) -> str:
        """The number of files: "12 · 3 new"."""
        new = sum(map(self.is_new, self.items))
        return (f"{self.count:,}" + (f" · {new:,} new" if new else "")) if self.items else ""

    def tooltip(self, at: int) -> Content:
        """The full name and facts, and the full path once the file is saved."""
        item = self.items[at]
        path = self.downloads.path(item.part)
        changed = " · an earlier turn made another one" if item.changed else ""
        size_text = size(self.downloads.size(item.part))
        facts = f"{size_text} · {one_line(item.part.media_type)} · turn {item.turn}{changed}"
        lines = [file_name(item.part), facts]
        return Content("\n".join([*lines, f"saved {clean_line(path)}"] if path else lines))


class FilesPanel(Panel[FileRows]):
    """The files of the session. The screen reports to `downloads` what becomes of them."""

    BORDER_TITLE = "Files"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PANEL, Where.FILES)

    def __init__(self) -> None:
        self.downloads = Downloads(self.update)
        super().__init__(FileRows(self.downloads), id="panel-files", classes="panel")
        self._files = TurnMemo(_key, FileIndex())

    def show(self, session: Session) -> None:
        """Show every file of the session; the cursor stays on its file."""
        rows, turn = self.rows, turn_in_view(session)
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
    def current(self) -> Listed | None:
        """The file under the cursor; None in an empty list."""
        return self.rows.items[self.cursor] if self.rows.count else None

    # -- keys and mouse --------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer file actions only when the list has a file."""
        if action in ("request", "save_all"):
            return True if self.rows.count else None
        return super().check_action(action, parameters)

    def action_request(self, name: str) -> None:
        """Ask the screen for one of `REQUESTS`. A file that is being saved is not saved again."""
        part = self.current.part if self.current is not None else None
        is_saving = part is not None and self.downloads.state(part) is not None
        if part is not None and not (is_saving and name in ("save", "save_into")):
            self.post_message(REQUESTS[name](part))

    def action_save_all(self) -> None:
        """Ask the screen to save every new file that is neither saved nor being saved."""
        new = [entry.part for entry in self.rows.items if self.rows.is_new(entry)]
        downloads = self.downloads
        unsaved = [part for part in new if downloads.state(part) is None and downloads.path(part) is None]
        if unsaved:
            self.post_message(SaveFiles(unsaved))
        elif self.rows.items:
            text = "All new files are saved already." if new else "The last turn made no files."
            self.notify(text, markup=False)

    def on_click(self, event: events.Click) -> None:
        """A click selects a file; a double click previews it."""
        at = self.item_at(event)
        if at is None:
            return
        self.move_to(at)
        if event.chain == 2:
            self.action_request("preview")


def file_name(part: FilePart) -> str:
    """The file name to show: cleaned, on one line, never empty."""
    return one_line(part.filename or "") or "file without a name"


def short_type(media_type: str) -> str:
    """The subtype of a media type, without "x-" and "vnd.": "text/csv" → "csv"."""
    last = media_type.partition(";")[0].rpartition("/")[2]
    return last.removeprefix("x-").removeprefix("vnd.") or media_type


def _key(turn: Turn) -> Key:
    """The memo key of a turn: everything that `FileIndex` reads of it."""
    streamed = tuple(part for part in turn.parts if isinstance(part, FilePart))
    return streamed, turn.snapshot and turn.snapshot.files, turn.before and turn.before.files


FILES: Final = PanelEntry("files", FilesPanel)
