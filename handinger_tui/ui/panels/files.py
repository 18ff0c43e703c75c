"""Files: what the worker made, to be saved."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content

from handinger_tui.core.evidence import FileEntry, files_of
from handinger_tui.core.safety import clean_line
from handinger_tui.core.session import Session
from handinger_tui.core.turn import FilePart, Turn
from handinger_tui.core.words import size
from handinger_tui.ui.panels.listing import (
    FAINT,
    MARK,
    STRONG,
    Items,
    Listing,
    one_line,
    turn_in_view,
    with_right,
)
from handinger_tui.ui.panels.memo import Key, Memo
from handinger_tui.ui.panels.messages import SaveFile
from handinger_tui.ui.panels.panel import PanelEntry

GOOD: Final = ".panel--good"


class FilesPanel(Listing[FileEntry]):
    """Files with size and kind. Saving is asked of the screen, which tells back with `mark_…`."""

    name_of_panel = "files"
    LINES = 3
    BORDER_TITLE = "Files"
    EMPTY = "No files yet. Files that the worker makes will be listed here."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s,enter", "save", "Save", key_display="s", tooltip="Save the file", id="files.save"),
        Binding("a", "save_all", "Save all new", tooltip="Save the new files", id="files.save_all"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._files = Memo(_key, files_of)
        self._saving: set[str] = set()
        self._saved: dict[str, str] = {}

    def select(self, session: Session) -> Items[FileEntry]:
        """Every file of the session, and whose files are new."""
        turn = turn_in_view(session)
        return Items(self._files(session), turn.turn_id if turn else None)

    # -- told by the screen -----------------------------------------------------------
    def mark_saving(self, part: FilePart) -> None:
        """The download began."""
        self._saving.add(part.url)
        self.refresh()

    def mark_saved(self, part: FilePart, path: str) -> None:
        """The file lies at `path` now."""
        self._saving.discard(part.url)
        self._saved[part.url] = path
        self.refresh()

    def mark_not_saved(self, part: FilePart) -> None:
        """The download failed; an earlier copy stays known."""
        self._saving.discard(part.url)
        self.refresh()

    # -- lines --------------------------------------------------------------------------
    def key_of(self, item: FileEntry) -> Hashable:
        """A file is the same under the same address."""
        return item.part.url

    def turn_of(self, item: FileEntry) -> str:
        """The turn that made it last."""
        return item.turn_id

    def item_line(self, at: int, row: int, width: int) -> Content:
        """Name; size, kind and whether it is new; where it was saved."""
        entry = self.items[at]
        if row == 0:
            return Content.styled(file_name(entry.part), STRONG).truncate(width, ellipsis=True)
        if row == 1:
            kind = one_line(entry.part.media_type) or "type not reported"
            left = Content.styled(f"{size(entry.part.size)} · {kind}", FAINT)
            return with_right(left, Content.styled("new" if self.is_new(entry) else "", MARK), width)
        return self._fate(entry.part, width)

    def _fate(self, part: FilePart, width: int) -> Content:
        if part.url in self._saving:
            return Content.styled("saving …", MARK)
        path = self._saved.get(part.url)
        if path is None:
            return Content("")
        told = Content.assemble(("✓ saved ", GOOD))
        return Content.assemble(told, (end_of(clean_line(path), width - told.cell_length), FAINT))

    def details(self, item: FileEntry) -> Content:
        """The whole name, and the whole path once it was saved."""
        path = self._saved.get(item.part.url)
        lines = [file_name(item.part), f"{size(item.part.size)} · {one_line(item.part.media_type)}"]
        return Content("\n".join([*lines, f"saved {clean_line(path)}"] if path else lines))

    # -- keys and mouse --------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a file there is nothing to save."""
        if action in ("save", "save_all"):
            return True if self.items else None
        return super().check_action(action, parameters)

    def action_save(self) -> None:
        """Ask the screen to save the file under the cursor."""
        if self.current is not None and self.current.part.url not in self._saving:
            self.post_message(SaveFile(self.current.part))

    def action_save_all(self) -> None:
        """Ask the screen to save every new file that is not saved yet."""
        for entry in self.items:
            handled = entry.part.url in self._saving or entry.part.url in self._saved
            if self.is_new(entry) and not handled:
                self.post_message(SaveFile(entry.part))

    def on_click(self, event: events.Click) -> None:
        """A click chooses a file; a second one saves it."""
        at = self.item_at(event)
        if at is None:
            return
        self.move_to(at)
        if event.chain == 2:
            self.action_save()


def file_name(part: FilePart) -> str:
    """The name to show: cleaned, in one line, and never empty."""
    return one_line(part.filename or "") or "file without a name"


def end_of(path: str, width: int) -> str:
    """The last part of a path that fits: where a file lies matters less than its name."""
    if Content(path).cell_length <= width:
        return path
    kept = path[-max(1, width - 1) :]
    while kept and Content(kept).cell_length > width - 1:
        kept = kept[1:]
    return "…" + kept


def _key(turn: Turn) -> Key:
    """Everything of a turn that `files_of` looks at."""
    streamed = tuple(part for part in turn.parts if isinstance(part, FilePart))
    return streamed, turn.snapshot and turn.snapshot.files, turn.before and turn.before.files


FILES: Final = PanelEntry("files", "Files", "f4", "Files that the worker made", FilesPanel)
