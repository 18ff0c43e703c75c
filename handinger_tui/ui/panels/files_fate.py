"""What became of files on this machine: on their way, saved, and where."""

from __future__ import annotations

from handinger_tui.core.record import dataclass
from handinger_tui.core.turn import FilePart
from handinger_tui.core.words import size


@dataclass(frozen=True, slots=True)
class Way:
    """Bytes so far, and in all where that is known."""

    got: int = 0
    total: int | None = None

    @property
    def told(self) -> str:
        """For people: "saving 40 % of 2.0 MB", "saving 12.0 kB", "saving …"."""
        if self.total:
            return f"saving {min(100, self.got * 100 // self.total)} % of {size(self.total)}"
        return f"saving {size(self.got)}" if self.got else "saving …"


class Fates:
    """By address: files of one session or of many."""

    def __init__(self) -> None:
        self._ways: dict[str, Way] = {}
        self._paths: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def begin(self, part: FilePart) -> None:
        """Its download began."""
        self._ways[part.url] = Way(0, part.size)

    def move(self, part: FilePart, got: int, total: int | None) -> None:
        """Its download went on."""
        self._ways[part.url] = Way(got, total if total is not None else part.size)

    def end(self, part: FilePart, path: str | None) -> None:
        """It lies at `path` now; None: it failed, and an earlier copy stays known."""
        way = self._ways.pop(part.url, None)
        if path is not None:
            self._paths[part.url] = path
            if way is not None and way.got:
                self._sizes[part.url] = way.got

    def way(self, part: FilePart) -> Way | None:
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
