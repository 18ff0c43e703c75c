"""The files of a session: which turn made each, and what became of it on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress
from urllib.parse import urlsplit

from handinger_tui.core.evidence.sources_and_files import files_of_turn
from handinger_tui.core.formatting import size
from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import FilePart, Turn


@dataclass(frozen=True, slots=True)
class DownloadState:
    """Bytes so far, and in all where that is known."""

    got: int = 0
    total: int | None = None

    @property
    def told(self) -> str:
        """For people: "saving 40 % of 2.0 MB", "saving 12.0 kB", "saving …"."""
        if self.total:
            return f"saving {min(100, self.got * 100 // self.total)} % of {size(self.total)}"
        return f"saving {size(self.got)}" if self.got else "saving …"


class Downloads:
    """By address: files of one session or of many."""

    def __init__(self) -> None:
        self._ways: dict[str, DownloadState] = {}
        self._paths: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def begin(self, part: FilePart) -> None:
        """Its download began."""
        self._ways[part.url] = DownloadState(0, part.size)

    def move(self, part: FilePart, got: int, total: int | None) -> None:
        """Its download went on."""
        self._ways[part.url] = DownloadState(got, total if total is not None else part.size)

    def end(self, part: FilePart, path: str | None) -> None:
        """It lies at `path` now; None: it failed, and an earlier copy stays known."""
        way = self._ways.pop(part.url, None)
        if path is not None:
            self._paths[part.url] = path
            if way is not None and way.got:
                self._sizes[part.url] = way.got

    def way(self, part: FilePart) -> DownloadState | None:
        """How far it is; None when it is not on its way."""
        return self._ways.get(part.url)

    def sized(self, part: FilePart, size: int) -> None:
        """So large it is: seen while it was looked at."""
        self._sizes[part.url] = size

    def size(self, part: FilePart) -> int | None:
        """Bytes: as the service told, else as they were counted when it came here."""
        return part.size if part.size is not None else self._sizes.get(part.url)

    def path(self, part: FilePart) -> str | None:
        """Where it was saved."""
        return self._paths.get(part.url)


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the panel. `turn` counts from 1; `changed`: an earlier turn made another one like it."""

    part: FilePart
    turn_id: str
    turn: int
    changed: bool = False


@dataclass(slots=True)
class _Seen:
    """The newest file under a name or a path."""

    turn: int
    part: FilePart


def listed_files(session: Session) -> tuple[Listed, ...]:
    """Every file under its address, the newest last: in the order of `core.evidence.files_of`."""
    return FileIndex()(session)


class FileIndex:
    """`listed_files` for a session that grows: a turn that stayed the same is not asked again."""

    def __init__(self) -> None:
        self._turns: tuple[Turn, ...] = ()
        self._made: list[tuple[FilePart, ...]] = []

    def __call__(self, session: Session) -> tuple[Listed, ...]:
        """The files of `session`."""
        front = same_front(self._turns, session.turns)
        self._made[front:] = map(files_of_turn, session.turns[front:])
        self._turns = session.turns
        numbered = enumerate(zip(self._turns, self._made, strict=True), 1)
        return _listed(compress(numbered, self._made))


def _listed(made: Iterable[tuple[int, tuple[Turn, tuple[FilePart, ...]]]]) -> tuple[Listed, ...]:
    found: dict[str, Listed] = {}
    seen: dict[tuple[str, str], _Seen] = {}
    for number, (turn, parts) in made:
        for part in parts:
            marks = _marks(part)
            earlier = [seen[mark] for mark in marks if mark in seen and seen[mark].turn < number]
            changed = any(_differs(one.part, part) for one in earlier)
            found.pop(part.url, None)
            found[part.url] = Listed(part, turn.turn_id, number, changed)
            for mark in marks:
                seen[mark] = _Seen(number, part)
    return tuple(found.values())


def _marks(part: FilePart) -> list[tuple[str, str]]:
    """By what a person takes two files for the same one."""
    place = _place(part.url)
    named = [("name", part.filename)] if part.filename else []
    return [*named, *([("place", place)] if place else [])]


def _place(url: str) -> str:
    """Host and path: the query of a signed address differs each time. "" for a file in the address itself."""
    if url[:5].lower() == "data:":
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.netloc}{parts.path}"


def _differs(old: FilePart, new: FilePart) -> bool:
    """Another address or another size. One that was only signed anew is the same file."""
    if None not in (old.size, new.size) and old.size != new.size:
        return True
    if old.url == new.url:
        return False
    signed = _place(old.url) == _place(new.url) != "" and None not in (old.size, new.size)
    return not signed


def chosen(files: tuple[Listed, ...], wanted: str) -> list[Listed]:
    """Files by number (from 1, as listed), by name, or by the beginning of one name; the newest of a name."""
    text = wanted.strip()
    exact = [file for file in files if file.part.filename == text]
    if exact:
        return exact[-1:]
    if text.isascii() and text.isdecimal():
        number = int(text[:9])
        return list(files[number - 1 : number]) if number else []
    begun = [file for file in files if (file.part.filename or "").casefold().startswith(text.casefold())]
    names = {file.part.filename for file in begun}
    return begun[-1:] if text and len(names) == 1 else []
