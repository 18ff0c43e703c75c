"""Files: what the worker made, to be looked at, saved and opened."""

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
_ON_ONE: Final = ("preview", "save", "save_into", "open", "copy")


class FilesPanel(ListPanel[Listed]):
    """Files with kind, size and turn. Everything is asked of the screen, which tells back with `mark_…`."""

    name_of_panel = "files"
    LINES = 3
    BORDER_TITLE = "Files"
    EMPTY = "No files yet. Files that the worker makes will be listed here."
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.FILES)

    def __init__(self) -> None:
        super().__init__()
        self._files = TurnMemo(_key, FileIndex())
        self._fates = Downloads()

    def select(self, session: Session) -> Items[Listed]:
        """Every file of the session, and whose files are new."""
        turn = turn_in_view(session)
        return Items(self._files(session), turn.turn_id if turn else None)

    # -- told by the screen -----------------------------------------------------------
    def mark_saving(self, part: FilePart) -> None:
        """The download began."""
        self._fates.begin(part)
        self.refresh()

    def mark_progress(self, part: FilePart, got: int, total: int | None) -> None:
        """The download went on."""
        self._fates.move(part, got, total)
        self.refresh()

    def mark_saved(self, part: FilePart, path: str) -> None:
        """The file lies at `path` now."""
        self._fates.end(part, path)
        self.refresh()

    def mark_size(self, part: FilePart, size: int) -> None:
        """How large it is was seen."""
        self._fates.sized(part, size)
        self.refresh()

    def mark_left(self, part: FilePart) -> None:
        """Nobody is saving it any more, whatever came of it."""
        if self._fates.way(part) is not None:
            self.mark_not_saved(part)

    def mark_not_saved(self, part: FilePart) -> None:
        """The download failed; an earlier copy stays known."""
        self._fates.end(part, None)
        self.refresh()

    # -- lines --------------------------------------------------------------------------
    def key_of(self, item: Listed) -> Hashable:
        """A file is the same under the same address."""
        return item.part.url

    def turn_of(self, item: Listed) -> str:
        """The turn that made it last."""
        return item.turn_id

    def item_line(self, at: int, row: int, width: int) -> Content:
        """Name; size, kind, turn and whether it is new or changed; where it was saved."""
        entry = self.items[at]
        if row == 0:
            return Content.styled(file_name(entry.part), STRONG).truncate(width, ellipsis=True)
        if row == 1:
            return with_right(self._about(entry, width), Content.styled(self._mark(entry), MARK), width)
        return self._fate(entry.part, width)

    def _about(self, entry: Listed, width: int) -> Content:
        """Its kind gives way where all does not fit: the name mostly says it too."""
        kind = one_line(entry.part.media_type) or "type not reported"
        told, turn = size(self._fates.size(entry.part)), f"turn {entry.turn}"
        room = width - len(self._mark(entry)) - 1
        forms = (" · ".join((told, name, turn)) for name in (kind, short_type(kind)))
        fits = next((form for form in forms if cell_len(form) <= room), f"{told} · {turn}")
        return Content.styled(fits, FAINT)

    def _mark(self, entry: Listed) -> str:
        if entry.changed:
            return "changed"
        return "new" if self.is_new(entry) else ""

    def _fate(self, part: FilePart, width: int) -> Content:
        way, path = self._fates.way(part), self._fates.path(part)
        if way is not None:
            return Content.styled(way.told, MARK)
        if path is None:
            return Content("")
        told = Content.assemble(("✓ saved ", GOOD))
        return Content.assemble(told, (end_of(clean_line(path), width - told.cell_length), FAINT))

    def details(self, item: Listed) -> Content:
        """The whole name, and the whole path once it was saved."""
        path = self._fates.path(item.part)
        changed = " · an earlier turn made another one" if item.changed else ""
        told = size(self._fates.size(item.part))
        about = f"{told} · {one_line(item.part.media_type)} · turn {item.turn}{changed}"
        lines = [file_name(item.part), about]
        return Content("\n".join([*lines, f"saved {clean_line(path)}"] if path else lines))

    # -- keys and mouse --------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a file there is nothing to do."""
        if action in (*_ON_ONE, "save_all"):
            return True if self.items else None
        return super().check_action(action, parameters)

    def path_of(self, part: FilePart) -> str | None:
        """Where a file was saved by this program, since it started."""
        return self._fates.path(part)

    def action_preview(self) -> None:
        """Ask the screen to show the file under the cursor."""
        if self.current is not None:
            self.post_message(PreviewFile(self.current.part))

    def action_save(self) -> None:
        """Ask the screen to save the file under the cursor."""
        if self.current is not None and self._fates.way(self.current.part) is None:
            self.post_message(SaveFiles([self.current.part]))

    def action_save_into(self) -> None:
        """Ask the screen to save the file under the cursor where the person says."""
        if self.current is not None and self._fates.way(self.current.part) is None:
            self.post_message(SaveInto(self.current.part))

    def action_save_all(self) -> None:
        """Ask the screen to save every new file that is not saved yet."""
        news = [entry.part for entry in self.items if self.is_new(entry)]
        wanted = [part for part in news if self._fates.way(part) is None and self._fates.path(part) is None]
        if wanted:
            self.post_message(SaveFiles(wanted))
        elif self.items:
            told = "All new files are saved already." if news else "The last turn made no files."
            self.notify(told, markup=False)

    def action_open(self) -> None:
        """Ask the screen to open the file under the cursor with its program."""
        if self.current is not None:
            self.post_message(OpenFile(self.current.part))

    def action_copy(self) -> None:
        """Ask the screen to copy where the file under the cursor lies."""
        if self.current is not None:
            self.post_message(CopyFile(self.current.part))

    def on_click(self, event: events.Click) -> None:
        """A click chooses a file; a second one shows it."""
        at = self.item_at(event)
        if at is None:
            return
        self.move_to(at)
        if event.chain == 2:
            self.action_preview()


def file_name(part: FilePart) -> str:
    """The name to show: cleaned, in one line, and never empty."""
    return one_line(part.filename or "") or "file without a name"


def short_type(media_type: str) -> str:
    """The part of a media type that tells most: "text/csv" → "csv"."""
    last = media_type.partition(";")[0].rpartition("/")[2]
    return last.removeprefix("x-").removeprefix("vnd.") or media_type


def end_of(path: str, width: int) -> str:
    """The last part of a path that fits: where a file lies matters less than its name."""
    if Content(path).cell_length <= width:
        return path
    kept = path[-max(1, width - 1) :]
    while kept and Content(kept).cell_length > width - 1:
        kept = kept[1:]
    return "…" + kept


def _key(turn: Turn) -> Key:
    """Everything of a turn that `FileIndex` looks at."""
    streamed = tuple(part for part in turn.parts if isinstance(part, FilePart))
    return streamed, turn.snapshot and turn.snapshot.files, turn.before and turn.before.files


FILES: Final = PanelEntry("files", "Files", "f4", "Files that the worker made", FilesPanel)
