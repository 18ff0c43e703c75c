"""The sources panel: the pages and documents that the worker read, by title and actual host."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Final

from msgspec import Struct
from textual import events
from textual.content import Content

from handinger_tui.core.citations import Mention, MentionIndex, Mentions, unmentioned
from handinger_tui.core.evidence import Source, SourceIndex, source_key, title_of, unicode_host
from handinger_tui.core.formatting import fitting, plural
from handinger_tui.core.safety import clean_line, contradicted, host_of
from handinger_tui.core.stream import SourcePart
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.panel import (
    FAINT,
    MARK,
    STRONG,
    CopyLink,
    OpenLink,
    Panel,
    PanelEntry,
    ShowMention,
    SourcesAction,
    SourcesRequest,
    cut_left,
    with_right,
)
from handinger_tui.ui.widgets.virtual_list import ItemRows

BATCH: Final = 200
"""New sources whose facts are computed in one step: about 10 ms."""
NO_MENTIONS: Final[Mentions] = {}


class SourceFacts(Struct, frozen=True):
    """What is shown of one source, each cleaned and on one line.

    `host` is ASCII, "" without one. `place` is the host or the kind of document, never empty. `path` is what
    follows the host, "" without one. `marks` are warnings about the address.
    """

    title: str
    host: str
    place: str
    path: str
    marks: tuple[str, ...]


class SourceCatalog:
    """The sources of one session at a time."""

    def __init__(self) -> None:
        self._session_id: str | None = None
        self._index, self._mentions = SourceIndex(), MentionIndex()
        self._facts: dict[int, tuple[SourcePart, SourceFacts]] = {}

    def set_session(self, session: Session) -> bool:
        """Drop the facts of another session, whose numbers denote other sources; return whether it is new."""
        other = self._session_id != session.session_id
        if other:
            self._session_id = session.session_id
            self._facts.clear()
        return other

    def sources(self, session: Session) -> tuple[Source, ...]:
        """Every distinct source, in order of the numbers; the same object until there are new ones."""
        return self._index(session)

    def mentions(self, session: Session, sources: tuple[Source, ...]) -> Mentions:
        """The mentions in the answers by source number; without sources the answers are not scanned."""
        return self._mentions(session, sources) if sources else NO_MENTIONS

    def facts(self, source: Source) -> SourceFacts:
        """The facts of a source, cached: checking thousands of URLs takes longer than a paint may."""
        cached = self._facts.get(source.number)
        if cached is None or cached[0] is not source.part:
            cached = self._facts[source.number] = (source.part, facts_of(source))
        return cached[1]

    def needs_steps(self, session: Session) -> bool:
        """Whether so many sources are new that they should be prepared in steps."""
        return len(self._index.new_sources(session)) > BATCH

    def prepare(self, session: Session) -> Iterator[None]:
        """Compute URLs and facts in steps of `BATCH` sources."""
        for count, part in enumerate(self._index.new_sources(session)):
            source_key(part)
            if count % BATCH == BATCH - 1:
                yield
        yield
        self.set_session(session)
        for count, source in enumerate(self._index(session)):
            self.facts(source)
            if count % BATCH == BATCH - 1:
                yield


def facts_of(source: Source) -> SourceFacts:
    """Compute the facts of one source."""
    title, host, marks = title_of(source.part), source.host, source.marks
    # The same rule as in `judge_link`, which asks before opening such a link.
    claimed = contradicted(title, host) if host and "not opened" not in marks else None
    if claimed is not None:
        marks = (f"title says {clean_line(claimed, 80)}", *marks)
    path = clean_line((source.part.url or "").partition("://")[2].partition("/")[2], 300) if host else ""
    return SourceFacts(title, host, host or place_of(source.part), f"/{path}" if path else "", marks)


def place_of(part: SourcePart) -> str:
    """The host of the URL in ASCII, or the kind of document."""
    if part.url:
        return host_of(part.url) or "no web address"
    kind = clean_line(part.filename or part.media_type or "", 300)
    return f"document · {kind}" if kind else "document"


# -- groups and lines ----------------------------------------------------------------------
GROUP: Final = ".sources--group"
ODD: Final = ".sources--odd"
ODD_SIGN: Final = "▲"
"""Marks what is unusual about an address, so that it is recognizable without color."""
HOSTLESS: Final = "Without a web address"
FactsOf = Callable[[Source], SourceFacts]


class Group(Struct, frozen=True):
    """Sources under one heading; `title` is cleaned."""

    title: str
    sources: tuple[Source, ...]


def grouped_by_turn(session: Session, sources: Sequence[Source]) -> list[Group]:
    """Group by the turn that named a source first; the newest turn comes first, to keep it visible."""
    by_turn: dict[str, list[Source]] = {}
    for source in sources:
        by_turn.setdefault(source.turn_id, []).append(source)
    return [
        Group(
            f"Turn {at} · {clean_line(turn.request.prompt, 300) or 'no text'}", tuple(by_turn[turn.turn_id])
        )
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


class SourceRows(ItemRows[Source]):
    """Groups of sources. A source takes two lines, or three when its address has warnings."""

    cursor_height = 3
    message = "No sources yet. Pages the worker cites appear here."
    loaded = False

    def __init__(self, groups: Iterable[Group], facts: FactsOf, *, by_host: bool = False) -> None:
        self._groups = tuple(groups)
        self._by_host = by_host
        self.facts = facts
        self.items = tuple(source for group in self._groups for source in group.sources)
        """All sources, in the order shown."""
        self.turn_id: str | None = None
        """The turn whose sources are new."""
        self.mentions: Mentions = NO_MENTIONS
        """The mentions of each source in the answers, by source number."""
        self._new_count = self._silent_count = 0
        self.last_mention: tuple[int, int] | None = None
        """Source number and position of the mention that was shown last."""
        self._digits = len(str(max((source.number for source in self.items), default=0)))
        self._positions = {source.number: at for at, source in enumerate(self.items)}
        self._starts: list[int] = []
        """The first line of each source."""
        self._headings: list[int] = []
        """The line of each heading."""
        y = 0
        for group in self._groups:
            self._headings.append(y)
            y += 1
            for source in group.sources:
                self._starts.append(y)
                y += 3 if self.facts(source).marks else 2
        self._height = y

    def set_view(self, turn_id: str | None, mentions: Mentions) -> None:
        """Set the turn whose sources are new, and all mentions."""
        self.loaded, self.turn_id, self.mentions = True, turn_id, mentions
        self._new_count = sum(map(self.is_new, self.items))
        self._silent_count = unmentioned(self.items, mentions)

    def summary(self, width: int) -> str:
        """How many sources there are, how many are new, and how many the answers do not mention."""
        return count_words(self.count, self._new_count, self._silent_count, width) if self.count else ""

    def anchor(self, visible: range, cursor: int, *, drawn: bool) -> tuple[int, int]:
        """Number and line of the source that should not move when others come above it.

        The one under the cursor, if it is `drawn` on one of the `visible` lines, else the first visible one.
        """
        at = cursor
        if not drawn or self._starts[cursor] not in visible:
            places = map(self.place_of, visible)
            at = next((place[0] for place in places if place is not None), cursor)
        return self.items[at].number, self._starts[at]

    def is_new(self, source: Source) -> bool:
        """Whether the turn in view named the source first."""
        return source.turn_id == self.turn_id

    def position_of(self, number: int) -> int | None:
        """The position of the source with this number, in the order shown."""
        return self._positions.get(number)

    def lines_of(self, at: int) -> range:
        return range(self._starts[at], self._starts[at] + (3 if self.facts(self.items[at]).marks else 2))

    def lines_to_show(self, at: int) -> range:
        """The lines of source `at`, with the heading when it is the first of its group."""
        lines = self.lines_of(at)
        return range(lines.start - 1, lines.stop) if self._heading_at(lines.start - 1) else lines

    def line_count(self, width: int) -> int:
        """The number of lines of all groups."""
        return self._height or super().line_count(width)

    def place_of(self, y: int) -> tuple[int, int] | None:
        """(source, row within it) at line `y`; None at a heading and outside the list."""
        at = bisect_right(self._starts, y) - 1
        return (at, y - self._starts[at]) if at >= 0 and y in self.lines_of(at) else None

    def _heading_at(self, y: int) -> Group | None:
        at = bisect_right(self._headings, y) - 1
        return self._groups[at] if at >= 0 and self._headings[at] == y else None

    def other_line(self, y: int, width: int) -> Content:
        """The heading of a group of sources, with their number."""
        group = self._heading_at(y)
        if group is None:
            return super().other_line(y, width)
        count = Content.styled(f"{len(group.sources):,}", FAINT)
        return with_right(Content.styled(group.title, GROUP), count, width)

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """Row 0: number and title. Row 1: host, mentions, "new". Row 2: warnings about the address."""
        source = self.items[at]
        facts = self.facts(source)
        if row == 0:
            number = Content.styled(f"{source.number:>{self._digits}} ", FAINT)
            content = Content.assemble(number, (facts.title, STRONG)).truncate(width, ellipsis=True)
            return Content.styled(content.plain, "bold") if here else content
        indent, room = " " * (self._digits + 1), width - self._digits - 1
        if row == 2:
            marks = Content.styled(f"{ODD_SIGN} {' · '.join(facts.marks)}", ODD)
            content = Content.assemble(indent, marks).truncate(width, ellipsis=True)
        else:
            content = Content.assemble(indent, self._place_line(source, facts, room))
        return Content(content.plain) if here else content

    def _place_line(self, source: Source, facts: SourceFacts, width: int) -> Content:
        """The place and how often it is mentioned, in the longest text that leaves the place uncut."""
        # The heading of a group of one host names it.
        place = facts.path if self._by_host and facts.host else facts.place
        badge = " new" if self.is_new(source) else ""
        last = self.last_mention
        position = last[1] if last is not None and last[0] == source.number else None
        mentions = mention_words(len(self.mentions.get(source.number, ())), position)
        fitting = (text for text in mentions if len(place) + 1 + len(text) + len(badge) <= width)
        right = Content.assemble((next(fitting, mentions[-1]), FAINT), (badge, MARK))
        return with_right(Content.styled(cut_left(place, width - right.cell_length - 1), FAINT), right, width)

    def tooltip(self, at: int) -> Content:
        """The full title and address, warnings, and the number of mentions."""
        source = self.items[at]
        facts, mentions = self.facts(source), len(self.mentions.get(source.number, ()))
        lines = [f"{source.number}. {facts.title}", clean_line(source.part.url or "", 1000) or facts.place]
        unicode = unicode_host(facts.host)
        if unicode != facts.host:
            lines.append(f"{facts.host} is written {unicode}")
        if facts.marks:
            lines.append(f"{ODD_SIGN} {' · '.join(facts.marks)}")
        lines.append(f"mentioned {plural(mentions, 'time')}" if mentions else "not mentioned in the answer")
        return Content("\n".join(lines))


def mention_words(count: int, at: int | None) -> tuple[str, ...]:
    """Texts for `count` mentions, the longest first; `at`: the position of the mention on the screen now."""
    if at is not None:
        return (f"{at + 1} of {count}", f"{at + 1}/{count}")
    return (f"{count:,}×",) if count else ("not mentioned", "0×")


def count_words(total: int, new: int, silent: int, width: int) -> str:
    """The text of the border: the longest that fits `width`.

    `silent`: how many sources the answer does not mention.
    """
    new_text = f" · {new:,} new" if new else ""
    if not silent:
        return f"{total:,}{new_text}"
    candidates = (
        f"{total:,}{new_text} · {silent:,} not mentioned",
        f"{total:,}{new_text} · {silent:,} unmentioned",
        f"{total:,} · {silent:,} unmentioned",
    )
    return fitting(candidates, width)


# -- the panel -----------------------------------------------------------------------------
class SourcesPanel(Panel[SourceRows]):
    """Numbered sources, grouped by turn or by host."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sources--group", "sources--odd"}
    BINDINGS = bindings(Where.PANELS, Where.PANEL, Where.SOURCES)
    BORDER_TITLE = "Sources"

    def __init__(self) -> None:
        self._catalog = SourceCatalog()
        super().__init__(SourceRows((), self._catalog.facts), id="panel-sources")
        self._session: Session | None = None
        self._by_host = self._shown_by_host = False
        self.sources: tuple[Source, ...] = ()
        """All sources, in order of their numbers."""
        self._newest: Session | None = None
        """The session to show once the steps have run."""
        self._steps: Iterator[None] | None = None
        """Running preparation of many new sources; None when there is none."""

    @property
    def current(self) -> Source | None:
        """The source under the cursor; None in an empty list."""
        return self.rows.item(self.cursor)

    # -- what is shown --------------------------------------------------------------
    def show_soon(self, session: Session) -> None:
        """Show the session; many new sources are prepared in steps between which keys are handled."""
        self._newest = session
        if self._steps is not None:
            return
        if self._catalog.needs_steps(session):
            self._steps = self._catalog.prepare(session)
            self._run_step()
        else:
            self.show(session)

    def _run_step(self) -> None:
        """Run one step and schedule the next; after the last one show the newest session."""
        for _step in self._steps or ():
            self.call_later(self._run_step)
            return
        self._steps = None
        if self._newest is not None:
            self.show_soon(self._newest)

    def show(self, session: Session) -> None:
        """Show the newest session; visible sources keep their place on the screen when others come above."""
        if self._catalog.set_session(session):
            self.rows.last_mention = None
        self._session, before, turn = session, self.rows, session.in_view
        sources = self._catalog.sources(session)
        view = turn.turn_id if turn else None, self._catalog.mentions(session, sources)
        if sources is self.sources and self._by_host is self._shown_by_host and before.loaded:
            if view != (before.turn_id, before.mentions):
                before.set_view(*view)
                self.update()
            return
        self.sources, self._shown_by_host = sources, self._by_host
        facts = self._catalog.facts
        groups = grouped_by_host(sources, facts) if self._by_host else grouped_by_turn(session, sources)
        rows = SourceRows(groups, facts, by_host=self._by_host)
        rows.last_mention = before.last_mention
        rows.set_view(*view)
        self._replace_rows(rows)

    def _replace_rows(self, rows: SourceRows) -> None:
        """Keep the cursor and visible sources where they are; an untouched list shows new ones."""
        before, top, current = self.rows, self.scroll_offset.y, self.current
        untouched = not self.has_focus and self.cursor == 0
        anchor = None
        if before.count and not (untouched and top == 0):
            visible = range(top, top + self.scrollable_content_region.height)
            anchor = before.anchor(visible, self.cursor, drawn=self.has_focus)
        self.rows = rows
        if current is not None and not untouched:
            self.cursor = rows.position_of(current.number) or 0
        elif self.cursor >= rows.count:
            self.cursor = 0
        self._hovered = self.tooltip = None
        self.refresh_bindings()
        self.update()
        at = None if anchor is None else rows.position_of(anchor[0])
        y = top if anchor is None or at is None else top + rows.lines_of(at).start - anchor[1]
        if anchor is not None and y != self.scroll_offset.y:
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    # -- called by the screen -------------------------------------------------------------
    def action_group(self, *, hosts: bool | None = None) -> None:
        """Group by host or by turn; None: in the other way. The cursor stays on its source."""
        hosts = not self._by_host if hosts is None else hosts
        if self._by_host is not hosts and self._session is not None:
            current, self._by_host = self.current, hosts
            self.show(self._session)
            self.go_to(current.number if current is not None else 0)

    def go_to(self, number: int, mention: int | None = None) -> None:
        """Move the cursor to a source; `mention`: the position of the mention on the screen now."""
        at = self.rows.position_of(number)
        if at is not None:
            if mention is not None:
                self.rows.last_mention = (number, mention)
            self.move_to(at)

    # -- keys and mouse -------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer open and copy only for a source with a URL, the other actions only when there is a source."""
        if action == "request":
            return bool(self.current.part.url) or None if self.current is not None else False
        if action in ("mention", "group", "request_all"):
            return bool(self.rows.count)
        return super().check_action(action, parameters)

    def action_request(self, name: str) -> None:
        """Ask the screen to open or copy ("open", "copy") the URL of the source under the cursor."""
        source = self.current
        if source is not None and source.part.url:
            url = source.part.url
            self.post_message(
                CopyLink(url) if name == "copy" else OpenLink(url, self.rows.facts(source).title)
            )

    def action_request_all(self, name: SourcesAction) -> None:
        """Ask the screen to do `name` with all sources of the list."""
        self.post_message(SourcesRequest(name, self.sources))

    def action_mention(self, by: int) -> None:
        """Ask the screen to show the next (1) or previous (-1) mention in the answers, in a cycle."""
        source = self.current
        if source is None:
            return
        places: tuple[Mention, ...] = self.rows.mentions.get(source.number, ())
        if not places:
            self.post_message(ShowMention(source, (), 0))
            return
        previous = self.rows.last_mention
        if previous is not None and previous[0] == source.number:
            at = (previous[1] + by) % len(places)
        else:
            at = 0 if by > 0 else len(places) - 1
        self.rows.last_mention = (source.number, at)
        self.update()
        self.post_message(ShowMention(source, places, at))

    def on_click(self, event: events.Click) -> None:
        """Open the clicked source."""
        at = self.item_at(event)
        if at is not None:
            self.move_to(at)
            self.action_request("open")


SOURCES: Final = PanelEntry("sources", SourcesPanel)
