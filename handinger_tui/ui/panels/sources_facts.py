"""Facts of a source as they are shown: title, place, and what makes its address worth a second look."""

from __future__ import annotations

from handinger_tui.core.evidence import Source
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety import clean_line, contradicted, host_of
from handinger_tui.core.turn import SourcePart
from handinger_tui.ui.panels.listing import one_line


@dataclass(frozen=True, slots=True)
class Facts:
    """All clean and in one line. `host` is in ASCII, "" without one; `place` is never empty."""

    title: str
    host: str
    place: str
    marks: tuple[str, ...]


class FactBook:
    """The facts of each source, made once: judging thousands of addresses takes longer than a paint may."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[SourcePart, Facts]] = {}

    def __call__(self, source: Source) -> Facts:
        """The facts of a source; the very same while its part is the same."""
        held = self._kept.get(source.number)
        if held is None or held[0] is not source.part:
            held = self._kept[source.number] = (source.part, facts_of(source))
        return held[1]

    def clear(self) -> None:
        """Another session: numbers mean something else."""
        self._kept.clear()


def facts_of(source: Source) -> Facts:
    """The facts of one source."""
    title, host, marks = title_of(source.part), source.host, source.marks
    # As `judge_link` has it: opening asks for the same reason.
    claimed = contradicted(title, host) if host and "not opened" not in marks else None
    if claimed is not None:
        marks = (f"title says {clean_line(claimed, 80)}", *marks)
    return Facts(title, host, host or place_of(source.part), marks)


def title_of(part: SourcePart) -> str:
    """The title to show: cleaned, in one line, and never empty."""
    named = (part.title, part.filename, part.url, part.source_id)
    return next((text for name in named if name and (text := one_line(name))), "untitled")


def place_of(part: SourcePart) -> str:
    """Where it really lies: the host in ASCII, or what kind of document it is."""
    if part.url:
        return host_of(part.url) or "no web address"
    kind = one_line(part.filename or part.media_type or "")
    return f"document · {kind}" if kind else "document"
