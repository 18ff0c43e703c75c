"""Facts of a source as they are shown, and sources in groups by turn or by host."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final

from handinger_tui.core.evidence.citations import Mentions
from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line, contradicted, host_of
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import SourcePart
from handinger_tui.ui.panels.list_panel import Items, one_line


@dataclass(frozen=True, slots=True)
class Facts:
    """All clean and in one line. `host` is in ASCII, "" without one; `place` is never empty."""

    title: str
    host: str
    place: str
    marks: tuple[str, ...]


class SourceFactCache:
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


HOSTLESS: Final = "Without a web address"
FactsOf = Callable[[Source], Facts]


@dataclass(frozen=True, slots=True)
class Group:
    """Sources under one heading; `title` is clean."""

    title: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Groups one below the other, each under a heading of one line.

    `starts` and `heights` are those of all sources in the order shown,
    `headings` the lines of the headings. `positions` tells where a number stands,
    `digits` how long the longest number is.
    """

    groups: tuple[Group, ...] = ()
    starts: tuple[int, ...] = ()
    heights: tuple[int, ...] = ()
    headings: tuple[int, ...] = ()
    positions: Mapping[int, int] = field(default_factory=dict, compare=False)
    digits: int = 1

    def sources(self) -> tuple[Source, ...]:
        """All of them, in the order shown."""
        return tuple(source for group in self.groups for source in group.sources)

    def position_of(self, number: int) -> int | None:
        """Where the source with this number stands in that order."""
        return self.positions.get(number)

    @property
    def height(self) -> int:
        """All lines."""
        return self.starts[-1] + self.heights[-1] if self.starts else 0

    def lines_of(self, at: int) -> range:
        """The lines of source `at`."""
        return range(self.starts[at], self.starts[at] + self.heights[at])

    def place_of(self, y: int) -> tuple[int, int] | None:
        """The source at a line and the line within it; None at a heading, and outside."""
        at = bisect_right(self.starts, y) - 1
        row = y - self.starts[at] if at >= 0 else -1
        return (at, row) if 0 <= row < self.heights[at] else None

    def heading_at(self, y: int) -> Group | None:
        """The group whose heading is line `y`."""
        at = bisect_right(self.headings, y) - 1
        return self.groups[at] if at >= 0 and self.headings[at] == y else None

    def heading_over(self, at: int) -> int:
        """The line of the heading that source `at` stands under."""
        return self.headings[bisect_right(self.headings, self.starts[at]) - 1]


@dataclass(frozen=True, slots=True)
class SourceItems(Items[Source]):
    """What the panel shows. `items` are in the order shown, `found` is by number."""

    layout: Layout = Layout()
    found: Mentions = field(default_factory=dict)
    hosts: bool = False


def lay_out(groups: Iterable[Group], facts: FactsOf) -> Layout:
    """Where everything stands: a source has two lines, and a third one where its address is unusual."""
    kept = tuple(groups)
    starts: list[int] = []
    heights: list[int] = []
    headings: list[int] = []
    positions: dict[int, int] = {}
    y = 0
    for group in kept:
        headings.append(y)
        y += 1
        for source in group.sources:
            height = 3 if facts(source).marks else 2
            positions[source.number] = len(starts)
            starts.append(y)
            heights.append(height)
            y += height
    digits = len(str(max(positions, default=0)))
    return Layout(kept, tuple(starts), tuple(heights), tuple(headings), positions, digits)


def grouped_by_turn(session: Session, sources: Sequence[Source]) -> list[Group]:
    """Under the turn that named them first; the newest turn comes first, so that what is new is in sight."""
    found: dict[str, list[Source]] = {}
    for source in sources:
        found.setdefault(source.turn_id, []).append(source)
    return [
        Group(f"Turn {at} · {one_line(turn.order.prompt) or 'no text'}", tuple(found[turn.turn_id]))
        for at, turn in reversed([*enumerate(session.turns, 1)])
        if turn.turn_id in found
    ]


def grouped_by_host(sources: Sequence[Source], facts: FactsOf) -> list[Group]:
    """Under the host that they lie on, in order of appearance; what lies on none comes last."""
    found: dict[str, list[Source]] = {}
    for source in sources:
        found.setdefault(facts(source).host, []).append(source)
    hostless = found.pop("", [])
    groups = [Group(host, tuple(members)) for host, members in found.items()]
    return [*groups, Group(HOSTLESS, tuple(hostless))] if hostless else groups
