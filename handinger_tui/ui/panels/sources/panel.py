"""The sources panel: the pages and documents that the worker read, by title and actual host."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message

from handinger_tui.core.evidence.citations import Mention, MentionIndex, Mentions, unmentioned
from handinger_tui.core.evidence.sources_and_files import Source, SourceIndex, source_key
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.list_panel import Items, ListPanel, turn_in_view
from handinger_tui.ui.panels.messages import CopyLink, OpenLink
from handinger_tui.ui.panels.panel import PanelEntry
from handinger_tui.ui.panels.sources.facts import (
    SourceFactCache,
    SourceItems,
    grouped_by_host,
    grouped_by_turn,
    lay_out,
)
from handinger_tui.ui.panels.sources.lines import (
    count_words,
    details_text,
    heading_line,
    marks_line,
    mention_words,
    place_line,
    title_line,
)


class ShowMention(Message):
    """Show mention number `at` of `places`, all mentions of `source` in the answers; there may be none."""

    def __init__(self, source: Source, places: Sequence[Mention], at: int) -> None:
        super().__init__()
        self.source = source
        self.places = places
        self.at = at


class CopyFootnotes(Message):
    """Copy these sources to the clipboard as footnotes."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self.sources = sources


class ExportSources(Message):
    """Save these sources in a format that the user chooses."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self.sources = sources


NO_MENTIONS: Final[Mentions] = {}
BATCH: Final = 200
"""New sources whose facts are computed in one step: about 10 ms."""


class SourcesList(ListPanel[Source]):
    """Numbered sources, grouped by turn or by host."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sources--group", "sources--odd"}
    name_of_panel = "sources"
    GROUND = 3
    BORDER_TITLE = "Sources"
    EMPTY = "No sources yet. Pages and documents that the worker uses will be listed here."

    def __init__(self) -> None:
        super().__init__()
        self._session: Session | None = None
        self._hosts = False
        self._index, self._mentions, self._facts = SourceIndex(), MentionIndex(), SourceFactCache()
        self._sources: tuple[Source, ...] | None = None
        self._grouped = SourceItems()
        """The sources in the current grouping, without mentions."""
        self._last_mention: tuple[int, int] | None = None
        """Source number and position of the mention that was shown last."""
        self._newest: Session | None = None
        """The session to show once the steps have run."""
        self._steps: Iterator[None] | None = None
        """Running preparation of many new sources; None when there is none."""

    # -- what is shown --------------------------------------------------------------
    @property
    def sources(self) -> tuple[Source, ...]:
        """All sources, in order of their numbers."""
        return self._sources or ()

    @property
    def mentions(self) -> Mentions:
        """The mentions of each source in the answers, by source number."""
        return self._selection.mentions if isinstance(self._selection, SourceItems) else {}

    def show_soon(self, session: Session) -> None:
        """Show the session; many new sources are prepared in steps between which keys are handled."""
        self._newest = session
        if self._steps is not None:
            return
        if len(self._index.unread(session)) <= BATCH:
            self.show(session)
        else:
            self._steps = self._prepare(session)
            self._run_step()

    def _run_step(self) -> None:
        """Run one step and schedule the next; after the last one show the newest session."""
        for _step in self._steps or ():
            self.call_later(self._run_step)
            return
        self._steps = None
        if self._newest is not None:
            self.show_soon(self._newest)

    def _prepare(self, session: Session) -> Iterator[None]:
        """Fill the caches of URLs and facts in steps; nothing on the screen changes."""
        for count, part in enumerate(self._index.unread(session)):
            source_key(part)
            if count % BATCH == BATCH - 1:
                yield
        yield
        self._set_session(session)
        for count, source in enumerate(self._index(session)):
            self._facts(source)
            if count % BATCH == BATCH - 1:
                yield

    def _set_session(self, session: Session) -> None:
        """Drop what belongs to another session, whose numbers denote other sources."""
        if self._session is None or self._session.session_id != session.session_id:
            self._facts.clear()
            self._last_mention = None
        self._session = session

    def show(self, session: Session) -> None:
        """Show the newest session; visible sources keep their place on the screen when others come above."""
        self._set_session(session)
        anchor, top = self._anchor(), self.scroll_offset.y
        super().show(session)
        at = None if anchor is None else self._grouped.layout.position_of(anchor[0])
        if anchor is not None and at is not None:
            self._scroll_top_to(top + self.lines_of(at).start - anchor[1])

    def _scroll_top_to(self, y: int) -> None:
        if y != self.scroll_offset.y:
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def _anchor(self) -> tuple[int, int] | None:
        """Number and line of the source that must not move; None at the top, where new sources appear."""
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if not self.items or (self._is_untouched and top == 0):
            return None
        cursor_line = self.lines_of(self._cursor).start
        visible = (self.place_of(y) for y in range(top, top + height))
        first = next((place[0] for place in visible if place is not None), self._cursor)
        at = self._cursor if self.has_focus and top <= cursor_line < top + height else first
        return self.items[at].number, self.lines_of(at).start

    @property
    def _is_untouched(self) -> bool:
        """The cursor is on the first source and the panel has no focus."""
        return not self.has_focus and self._cursor == 0

    def select(self, session: Session) -> SourceItems:
        """Every distinct source of the session, the turn whose sources are new, and all mentions."""
        sources = self._index(session)
        if self._sources is not sources or self._grouped.hosts is not self._hosts:
            facts = self._facts
            groups = grouped_by_host(sources, facts) if self._hosts else grouped_by_turn(session, sources)
            layout = lay_out(groups, facts)
            self._sources = sources
            self._grouped = SourceItems(layout.sources(), None, layout, {}, self._hosts)
        turn = turn_in_view(session)
        # Without sources there are no mentions, and the answers (millions of characters) are not scanned.
        mentions = self._mentions(session, sources) if sources else NO_MENTIONS
        return SourceItems(
            self._grouped.items,
            turn.turn_id if turn else None,
            self._grouped.layout,
            mentions,
            self._hosts,
        )

    def changed(self, before: Items[Source] | None, now: Items[Source]) -> None:
        """Keep the cursor on its source and update the count in the border."""
        number = before.items[self._cursor].number if before and self._cursor < len(before.items) else None
        if not self._is_untouched and number is not None:
            self._cursor = self._grouped.layout.position_of(number) or 0
        elif self._cursor >= len(now.items):
            self._cursor = 0
        self._update_count()
        self._hovered = self.tooltip = None
        self.refresh_bindings()

    def _update_count(self) -> None:
        selection = self._selection
        if not isinstance(selection, SourceItems) or not selection.items:
            self.border_subtitle = None
            return
        new = sum(map(self.is_new, selection.items))
        silent = unmentioned(selection.items, selection.mentions)
        room = max(0, self.outer_size.width - 6)
        self.border_subtitle = Content(count_words(len(selection.items), new, silent, room))

    def on_resize(self, event: events.Resize) -> None:
        """Fit the text of the border and keep the cursor visible."""
        super().on_resize(event)
        self._update_count()
        if self.has_focus and self.items:
            self.move_to(self._cursor)

    def key_of(self, item: Source) -> Hashable:
        """The number of the source, which never changes within a session."""
        return item.number

    def turn_of(self, item: Source) -> str:
        """The turn that named it first."""
        return item.turn_id

    # -- lines --------------------------------------------------------------------------
    def lines_of(self, at: int) -> range:
        """The two or three lines of source `at`."""
        return self._grouped.layout.lines_of(at)

    def span_of(self, at: int) -> range:
        """The lines of source `at`, with the heading when it is the first of its group."""
        lines, heading = self.lines_of(at), self._grouped.layout.heading_over(at)
        return range(heading, lines.stop) if heading == lines.start - 1 else lines

    def place_of(self, y: int) -> tuple[int, int] | None:
        """(source, row within it) at line `y`; None at a heading."""
        return self._grouped.layout.place_of(y)

    def line(self, y: int, width: int) -> Content:
        """A heading, or a line of a source."""
        group = self._grouped.layout.heading_at(y)
        return super().line(y, width) if group is None else heading_line(group, width)

    def item_line(self, at: int, row: int, width: int) -> Content:
        """Row 0: number and title. Row 1: host, mentions, "new". Row 2: warnings about the address."""
        source = self.items[at]
        facts, digits = self._facts(source), self._grouped.layout.digits
        if row == 0:
            return title_line(source, facts, digits, width)
        if row == 2:
            return marks_line(facts, digits, width)
        last = self._last_mention
        position = last[1] if last is not None and last[0] == source.number else None
        mentions = mention_words(len(self.mentions.get(source.number, ())), position)
        return place_line(facts, mentions, digits, width, new=self.is_new(source))

    def details(self, item: Source) -> Content:
        """The full title and address, warnings, and the number of mentions."""
        return details_text(item, self._facts(item), len(self.mentions.get(item.number, ())))

    # -- called by the screen -------------------------------------------------------------
    def group_by(self, *, hosts: bool) -> None:
        """Group by host or by turn. The cursor stays on its source."""
        if self._hosts is not hosts and self._session is not None:
            current = self.current
            self._hosts = hosts
            self.show(self._session)
            self.go_to(current.number if current is not None else 0)

    def go_to(self, number: int, mention: int | None = None) -> None:
        """Move the cursor to a source; `mention`: the position of the mention on the screen now."""
        at = self._grouped.layout.position_of(number)
        if at is not None:
            self._last_mention = self._last_mention if mention is None else (number, mention)
            self.move_to(at)
            self.refresh()


class SourcesPanel(SourcesList):
    """The list with its keys. Actions are messages to the screen, which checks addresses."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.SOURCES)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer open and copy only for a source with a URL, the other actions only when there is a source."""
        if action in ("open", "copy"):
            return True if self.current is not None and self.current.part.url else None
        if action in ("mention", "group", "footnotes", "export"):
            return True if self.items else None
        return super().check_action(action, parameters)

    def action_open(self) -> None:
        """Ask the screen to open the source under the cursor."""
        source = self.current
        if source is not None and source.part.url:
            self.post_message(OpenLink(source.part.url, self._facts(source).title))

    def action_copy(self) -> None:
        """Ask the screen to copy the URL of the source under the cursor."""
        source = self.current
        if source is not None and source.part.url:
            self.post_message(CopyLink(source.part.url))

    def action_mention(self, by: int) -> None:
        """Ask the screen to show the next (1) or previous (-1) mention in the answers, in a cycle."""
        source = self.current
        if source is None:
            return
        places: tuple[Mention, ...] = self.mentions.get(source.number, ())
        if not places:
            self.post_message(ShowMention(source, (), 0))
            return
        previous = self._last_mention
        has_previous = previous is not None and previous[0] == source.number
        last = previous[1] if previous is not None and has_previous else (-1 if by > 0 else 0)
        at = (last + by) % len(places)
        self._last_mention = (source.number, at)
        self.refresh()
        self.post_message(ShowMention(source, places, at))

    def action_group(self) -> None:
        """Toggle between groups by turn and by host."""
        self.group_by(hosts=not self._hosts)

    def action_footnotes(self) -> None:
        """Ask the screen to copy all sources as footnotes."""
        self.post_message(CopyFootnotes(self.sources))

    def action_export(self) -> None:
        """Ask the screen to save all sources."""
        self.post_message(ExportSources(self.sources))

    def on_click(self, event: events.Click) -> None:
        """Open the clicked source."""
        at = self.item_at(event)
        if at is not None:
            self.move_to(at)
            self.action_open()


SOURCES: Final = PanelEntry("sources", SourcesPanel)
