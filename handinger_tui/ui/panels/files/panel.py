"""The files panel: the files that the worker created, to preview, save and open."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.formatting import size
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FilePart, Turn
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.files.index import Downloads, FileIndex, Listed
from handinger_tui.ui.panels.list_panel import (
    FAINT,
    MARK,
    STRONG,
    Items,
    ListPanel,
    one_line,
    turn_in_view,
    with_right,
)
from handinger_tui.ui.panels.messages import CopyFile, OpenFile, PreviewFile, SaveFiles, SaveInto
from handinger_tui.ui.panels.panel import PanelEntry
from handinger_tui.ui.panels.usage.totals import Key, TurnMemo

GOOD: Final = ".panel--good"
_FILE_ACTIONS: Final = ("preview", "save", "save_into", "open", "copy")
"""Actions on the file under the cursor."""


class FilesPanel(ListPanel[Listed]):
    """Files with type, size and turn.

    The panel posts messages and does no work itself; the screen reports results with the `mark_…` methods.
    """

    name_of_panel = "files"
    LINES = 3
    BORDER_TITLE = "Files"
    EMPTY = "No files yet. Files that the worker makes will be listed here."
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.FILES)

    def __init__(self) -> None:
        super().__init__()
        self._files = TurnMemo(_key, FileIndex())
        self._downloads = Downloads()

    def select(self, session: Session) -> Items[Listed]:
        """Every file of the session, and the turn whose files are new."""
        turn = turn_in_view(session)
        return Items(self._files(session), turn.turn_id if turn else None)

    # -- called by the screen ---------------------------------------------------------
    def mark_saving(self, part: FilePart) -> None:
        """Show that the download of `part` started."""
        self._downloads.begin(part)
        self.refresh()

    def mark_progress(self, part: FilePart, got: int, total: int | None) -> None:
        """Show the progress of a download, in bytes."""
        self._downloads.update(part, got, total)
        self.refresh()

    def mark_saved(self, part: FilePart, path: str) -> None:
        """Show that the file is saved at `path`."""
        self._downloads.end(part, path)
        self.refresh()

    def mark_size(self, part: FilePart, size: int) -> None:
        """Show the size in bytes that a preview measured."""
        self._downloads.set_size(part, size)
        self.refresh()

    def mark_left(self, part: FilePart) -> None:
        """Clear a download that is still marked as running; called when the screen stops saving `part`."""
        if self._downloads.state(part) is not None:
            self.mark_not_saved(part)

    def mark_not_saved(self, part: FilePart) -> None:
        """Show that the download failed; the path of an earlier copy is kept."""
        self._downloads.end(part, None)
        self.refresh()

    # -- lines --------------------------------------------------------------------------
    def key_of(self, item: Listed) -> Hashable:
        """The URL: it identifies a file across selections."""
        return item.part.url

    def turn_of(self, item: Listed) -> str:
        """The turn that created the newest version of the file."""
        return item.turn_id

    def item_line(self, at: int, row: int, width: int) -> Content:
        """Row 0: name. Row 1: size, type, turn, "new" or "changed". Row 2: download state or saved path."""
        entry = self.items[at]
        if row == 0:
            return Content.styled(file_name(entry.part), STRONG).truncate(width, ellipsis=True)
        if row == 1:
            return with_right(self._facts(entry, width), Content.styled(self._change(entry), MARK), width)
        return self._download_line(entry.part, width)

    def _facts(self, entry: Listed, width: int) -> Content:
        """Size, type and turn. Where they do not fit, the type is shortened, then left out."""
        kind = one_line(entry.part.media_type) or "type not reported"
        size_text, turn = size(self._downloads.size(entry.part)), f"turn {entry.turn}"
        room = width - len(self._change(entry)) - 1
        candidates = (" · ".join((size_text, name, turn)) for name in (kind, short_type(kind)))
        text = next((text for text in candidates if cell_len(text) <= room), f"{size_text} · {turn}")
        return Content.styled(text, FAINT)

    def _change(self, entry: Listed) -> str:
        if entry.changed:
            return "changed"
        return "new" if self.is_new(entry) else ""

    def _download_line(self, part: FilePart, width: int) -> Content:
        state, path = self._downloads.state(part), self._downloads.path(part)
        if state is not None:
            return Content.styled(state.progress_text, MARK)
        if path is None:
            return Content("")
        label = Content.assemble(("✓ saved ", GOOD))
        return Content.assemble(label, (end_of(clean_line(path), width - label.cell_length), FAINT))

    def details(self, item: Listed) -> Content:
        """The full name and facts, and the full path once the file is saved."""
        path = self._downloads.path(item.part)
        changed = " · an earlier turn made another one" if item.changed else ""
        size_text = size(self._downloads.size(item.part))
        facts = f"{size_text} · {one_line(item.part.media_type)} · turn {item.turn}{changed}"
        lines = [file_name(item.part), facts]
        return Content("\n".join([*lines, f"saved {clean_line(path)}"] if path else lines))

    # -- keys and mouse --------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer file actions only when the list has a file."""
        if action in (*_FILE_ACTIONS, "save_all"):
            return True if self.items else None
        return super().check_action(action, parameters)

    def path_of(self, part: FilePart) -> str | None:
        """Where this program saved the file since it started; None when it did not."""
        return self._downloads.path(part)

    def action_preview(self) -> None:
        """Ask the screen to show the file under the cursor."""
        if self.current is not None:
            self.post_message(PreviewFile(self.current.part))

    def action_save(self) -> None:
        """Ask the screen to save the file under the cursor."""
        if self.current is not None and self._downloads.state(self.current.part) is None:
            self.post_message(SaveFiles([self.current.part]))

    def action_save_into(self) -> None:
        """Ask the screen to save the file under the cursor into a folder that the user chooses."""
        if self.current is not None and self._downloads.state(self.current.part) is None:
            self.post_message(SaveInto(self.current.part))

    def action_save_all(self) -> None:
        """Ask the screen to save every new file that is neither saved nor being saved."""
        new = [entry.part for entry in self.items if self.is_new(entry)]
        downloads = self._downloads
        unsaved = [part for part in new if downloads.state(part) is None and downloads.path(part) is None]
        if unsaved:
            self.post_message(SaveFiles(unsaved))
        elif self.items:
            text = "All new files are saved already." if new else "The last turn made no files."
            self.notify(text, markup=False)

    def action_open(self) -> None:
        """Ask the screen to open the file under the cursor with the system's program for it."""
        if self.current is not None:
            self.post_message(OpenFile(self.current.part))

    def action_copy(self) -> None:
        """Ask the screen to copy the path or URL of the file under the cursor."""
        if self.current is not None:
            self.post_message(CopyFile(self.current.part))

    def on_click(self, event: events.Click) -> None:
        """A click selects a file; a double click previews it."""
        at = self.item_at(event)
        if at is None:
            return
        self.move_to(at)
        if event.chain == 2:
            self.action_preview()


def file_name(part: FilePart) -> str:
    """The file name to show: cleaned, on one line, never empty."""
    return one_line(part.filename or "") or "file without a name"


def short_type(media_type: str) -> str:
    """The subtype of a media type, without "x-" and "vnd.": "text/csv" → "csv"."""
    last = media_type.partition(";")[0].rpartition("/")[2]
    return last.removeprefix("x-").removeprefix("vnd.") or media_type


def end_of(path: str, width: int) -> str:
    """The end of a path in `width` cells: the name matters more than the folder."""
    if Content(path).cell_length <= width:
        return path
    tail = path[-max(1, width - 1) :]
    while tail and Content(tail).cell_length > width - 1:
        tail = tail[1:]
    return "…" + tail


def _key(turn: Turn) -> Key:
    """The memo key of a turn: everything that `FileIndex` reads of it."""
    streamed = tuple(part for part in turn.parts if isinstance(part, FilePart))
    return streamed, turn.snapshot and turn.snapshot.files, turn.before and turn.before.files


FILES: Final = PanelEntry("files", FilesPanel)
