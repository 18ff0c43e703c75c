"""The facts of a source that are shown, and the layout of sources in groups by turn or by host."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from handinger_tui.core.evidence.citations import Mentions
from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.safety.cleaning import clean_line, contradicted, host_of
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import SourcePart
from handinger_tui.ui.panels.list_panel import Items, one_line


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one source, each cleaned and on one line.

    `host` is ASCII, "" without one. `place` is the host or the kind of document, never empty. `marks`
    are warnings about the address.
    """

    title: str
    host: str
    place: str
    marks: tuple[str, ...]


class SourceFactCache:
    """The facts of each source, computed once: checking thousands of URLs takes longer than a paint may."""

    def __init__(self) -> None:
        self._by_number: dict[int, tuple[SourcePart, Facts]] = {}

    def __call__(self, source: Source) -> Facts:
        """The facts of a source; the same object while its part is the same object."""
        cached = self._by_number.get(source.number)
        if cached is None or cached[0] is not source.part:
            cached = self._by_number[source.number] = (source.part, facts_of(source))
        return cached[1]

    def clear(self) -> None:
        """Forget all facts. Call it for another session, whose numbers denote other sources."""
        self._by_number.clear()


def facts_of(source: Source) -> Facts:
    """Compute the facts of one source."""
    title, host, marks = title_of(source.part), source.host, source.marks
    # The same rule as in `judge_link`, which asks before opening such a link.
    claimed = contradicted(title, host) if host and "not opened" not in marks else None
    if claimed is not None:
        marks = (f"title says {clean_line(claimed, 80)}", *marks)
    return Facts(title, host, host or place_of(source.part), marks)


def title_of(part: SourcePart) -> str:
    """The title to show: cleaned, on one line, never empty."""
    named = (part.title, part.filename, part.url, part.source_id)
    return next((text for name in named if name and (text := one_line(name))), "untitled")


def place_of(part: SourcePart) -> str:
    """The host of the URL in ASCII, or the kind of document."""
    if part.url:
        return host_of(part.url) or "no web address"
    kind = one_line(part.filename or part.media_type or "")
    return f"document · {kind}" if kind else "document"


HOSTLESS: Final = "Without a web address"
FactsOf = Callable[[Source], Facts]


@dataclass(frozen=True, slots=True)
class Group:
    """Sources under one heading; `title` is cleaned."""

    title: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Groups of sources, one below another, each under a heading of one line.

    `starts` and `heights` are the first line and the number of lines of each source, in the order
    shown; `headings` are the lines of the headings. `positions` maps a source number to its position
    in that order; `digits` is the length of the longest number.
    """

    groups: tuple[Group, ...] = ()
    starts: tuple[int, ...] = ()
    heights: tuple[int, ...] = ()
    headings: tuple[int, ...] = ()
    positions: Mapping[int, int] = field(default_factory=dict, compare=False)
    digits: int = 1

    def sources(self) -> tuple[Source, ...]:
        """All sources, in the order shown."""
        return tuple(source for group in self.groups for source in group.sources)

    def position_of(self, number: int) -> int | None:
        """The position of the source with this number, in the order shown."""
        return self.positions.get(number)

    @property
    def height(self) -> int:
        """The number of lines."""
        return self.starts[-1] + self.heights[-1] if self.starts else 0

    def lines_of(self, at: int) -> range:
        """The lines of source `at`."""
        return range(self.starts[at], self.starts[at] + self.heights[at])

    def place_of(self, y: int) -> tuple[int, int] | None:
        """(source position, row within it) at line `y`; None at a heading and outside the list."""
        at = bisect_right(self.starts, y) - 1
        row = y - self.starts[at] if at >= 0 else -1
        return (at, row) if 0 <= row < self.heights[at] else None

    def heading_at(self, y: int) -> Group | None:
        """The group whose heading is line `y`; None where there is no heading."""
        at = bisect_right(self.headings, y) - 1
        return self.groups[at] if at >= 0 and self.headings[at] == y else None

    def heading_over(self, at: int) -> int:
        """The line of the heading above source `at`."""
        return self.headings[bisect_right(self.headings, self.starts[at]) - 1]


@dataclass(frozen=True, slots=True)
class SourceItems(Items[Source]):
    """The selection that the panel shows.

    `items` are in the order shown; `mentions` is by source number; `hosts`: grouped by host.
    """

    layout: Layout = Layout()
    mentions: Mentions = field(default_factory=dict)
    hosts: bool = False


def lay_out(groups: Iterable[Group], facts: FactsOf) -> Layout:
    """Lay out groups: a source takes two lines, or three when its address has warnings."""
    ordered = tuple(groups)
    starts: list[int] = []
    heights: list[int] = []
    headings: list[int] = []
    positions: dict[int, int] = {}
    y = 0
    for group in ordered:
        headings.append(y)
        y += 1
        for source in group.sources:
            height = 3 if facts(source).marks else 2
            positions[source.number] = len(starts)
            starts.append(y)
            heights.append(height)
            y += height
    digits = len(str(max(positions, default=0)))
    return Layout(ordered, tuple(starts), tuple(heights), tuple(headings), positions, digits)


def grouped_by_turn(session: Session, sources: Sequence[Source]) -> list[Group]:
    """Group by the turn that named a source first; the newest turn comes first, to keep it visible."""
    by_turn: dict[str, list[Source]] = {}
    for source in sources:
        by_turn.setdefault(source.turn_id, []).append(source)
    return [
        Group(f"Turn {at} · {one_line(turn.order.prompt) or 'no text'}", tuple(by_turn[turn.turn_id]))
        for at, turn in reversed([*enumerate(session.turns, 1)])
        if turn.turn_id in by_turn
    ]


def grouped_by_host(sources: Sequence[Source], facts: FactsOf) -> list[Group]:
    """Group by host, in order of first appearance; sources without a host come last."""
    by_host: dict[str, list[Source]] = {}
    for source in sources:
        by_host.setdefault(facts(source).host, []).append(source)
    hostless = by_host.pop("", [])
    groups = [Group(host, tuple(members)) for host, members in by_host.items()]
    return [*groups, Group(HOSTLESS, tuple(hostless))] if hostless else groups
