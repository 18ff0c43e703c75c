"""The files of a session: which turn created each, and the state of its download on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import compress
from urllib.parse import urlsplit

from handinger_tui.core.evidence.sources_and_files import files_of_turn
from handinger_tui.core.formatting import size
from handinger_tui.core.turns.session import PerTurn, Session
from handinger_tui.core.turns.turn import FilePart, Turn


@dataclass(frozen=True, slots=True)
class DownloadState:
    """A download in progress: bytes received, and the total in bytes, None when it is not known."""

    got: int = 0
    total: int | None = None

    @property
    def progress_text(self) -> str:
        """Progress for people: "saving 40 % of 2.0 MB", "saving 12.0 kB", "saving …"."""
        if self.total:
            return f"saving {min(100, self.got * 100 // self.total)} % of {size(self.total)}"
        return f"saving {size(self.got)}" if self.got else "saving …"


class Downloads:
    """Downloads, saved paths and known sizes by file URL, for one session or many.

    `changed` is called after each change.
    """

    def __init__(self, changed: Callable[[], object]) -> None:
        self._changed = changed
        self._states: dict[str, DownloadState] = {}
        self._paths: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def mark_saving(self, part: FilePart) -> None:
        """The download of `part` started."""
        self.mark_progress(part, 0, None)

    def mark_progress(self, part: FilePart, got: int, total: int | None) -> None:
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
        """No download of `part` is running any more; the path of an earlier copy is kept."""
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


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of the panel. `turn` counts from 1; `changed`: an earlier turn created a different version."""

    part: FilePart
    turn_id: str
    turn: int
    changed: bool = False


@dataclass(slots=True)
class _LastVersion:
    """The newest file so far under a name or a path."""

    turn: int
    part: FilePart


def listed_files(session: Session) -> tuple[Listed, ...]:
    """Every file of the session once per URL, the newest last."""
    return FileIndex()(session)


class FileIndex:
    """`listed_files` for a growing session: turns that did not change are not scanned again."""

    def __init__(self) -> None:
        self._files_of = PerTurn(files_of_turn)

    def __call__(self, session: Session) -> tuple[Listed, ...]:
        """The files of `session`, the newest last."""
        files = self._files_of(session.turns)
        numbered = enumerate(zip(session.turns, files, strict=True), 1)
        return _list_files(compress(numbered, files))


def _list_files(turns: Iterable[tuple[int, tuple[Turn, tuple[FilePart, ...]]]]) -> tuple[Listed, ...]:
    """One entry per URL, the newest last, from (turn number, (turn, its files))."""
    by_url: dict[str, Listed] = {}
    last_versions: dict[tuple[str, str], _LastVersion] = {}
    for number, (turn, parts) in turns:
        for part in parts:
            identities = _identities(part)
            known = [last_versions[key] for key in identities if key in last_versions]
            changed = any(last.turn < number and _differs(last.part, part) for last in known)
            # Removed first, so that the file moves to the end.
            by_url.pop(part.url, None)
            by_url[part.url] = Listed(part, turn.turn_id, number, changed)
            for key in identities:
                last_versions[key] = _LastVersion(number, part)
    return tuple(by_url.values())


def _identities(part: FilePart) -> list[tuple[str, str]]:
    """What makes two files versions of the same one: the file name, or host and path of the URL."""
    location = _location(part.url)
    named = [("name", part.filename)] if part.filename else []
    return [*named, *([("location", location)] if location else [])]


def _location(url: str) -> str:
    """Host and path of `url`; the query of a signed URL differs each time. "" for a `data:` URL."""
    if url[:5].lower() == "data:":
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.netloc}{parts.path}"


def _differs(old: FilePart, new: FilePart) -> bool:
    """Whether two versions differ in URL or size. A URL that was only signed again is the same file."""
    if None not in (old.size, new.size) and old.size != new.size:
        return True
    if old.url == new.url:
        return False
    signed_again = _location(old.url) == _location(new.url) != "" and None not in (old.size, new.size)
    return not signed_again


def matching_files(files: tuple[Listed, ...], wanted: str) -> list[Listed]:
    """Files matching `wanted`: a number (from 1, as listed), a name, or an unambiguous prefix of a name.

    Of several files with that name the newest is returned.
    """
    text = wanted.strip()
    exact = [file for file in files if file.part.filename == text]
    if exact:
        return exact[-1:]
    if text.isascii() and text.isdecimal():
        number = int(text[:9])
        return list(files[number - 1 : number]) if number else []
    prefixed = [file for file in files if (file.part.filename or "").casefold().startswith(text.casefold())]
    names = {file.part.filename for file in prefixed}
    return prefixed[-1:] if text and len(names) == 1 else []
