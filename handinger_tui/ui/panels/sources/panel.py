"""Sources: what the worker read, by title and by the host it really lies on."""

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
    """Show place `at` of all `places` where the answer speaks of `source`; there may be none."""

    def __init__(self, source: Source, places: Sequence[Mention], at: int) -> None:
        super().__init__()
        self.source = source
        self.places = places
        self.at = at


class CopyFootnotes(Message):
    """Put these sources on the clipboard as footnotes."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self.sources = sources


class ExportSources(Message):
    """Save these sources in a form to be chosen."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self.sources = sources


NOTHING: Final[Mentions] = {}
AT_ONCE: Final = 200
"""New sources that are judged in one go: about 10 ms."""


class SourcesList(ListPanel[Source]):
    """Numbered sources in groups, under turns or hosts."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sources--group", "sources--odd"}
    name_of_panel = "sources"
    GROUND = 3
    BORDER_TITLE = "Sources"
    EMPTY = "No sources yet. Pages and documents that the worker uses will be listed here."

    def __init__(self) -> None:
        super().__init__()
        self._session: Session | None = None
        self._hosts = False
        self._index, self._heard, self._facts = SourceIndex(), MentionIndex(), SourceFactCache()
        self._sources: tuple[Source, ...] | None = None
        self._laid = SourceItems()
        self._walk: tuple[int, int] | None = None
        """The number whose mentions are walked through, and which of them was shown last."""
        self._newest: Session | None = None
        self._steps: Iterator[None] | None = None

    # -- what is shown --------------------------------------------------------------
    @property
    def sources(self) -> tuple[Source, ...]:
        """All of them, in order of their numbers."""
        return self._sources or ()

    @property
    def found(self) -> Mentions:
        """Where the answers speak of them, by number."""
        return self._shown.found if isinstance(self._shown, SourceItems) else {}

    def show_soon(self, session: Session) -> None:
        """A flood of new sources is judged in steps between which keys are read, and shown at the end."""
        self._newest = session
        if self._steps is not None:
            return
        if len(self._index.unread(session)) <= AT_ONCE:
            self.show(session)
        else:
            self._steps = self._judged(session)
            self._go_on()

    def _go_on(self) -> None:
        for _step in self._steps or ():
            self.call_later(self._go_on)
            return
        self._steps = None
        if self._newest is not None:
            self.show_soon(self._newest)

    def _judged(self, session: Session) -> Iterator[None]:
        """Fill what remembers addresses and facts; nothing that is shown changes."""
        for count, part in enumerate(self._index.unread(session)):
            source_key(part)
            if count % AT_ONCE == AT_ONCE - 1:
                yield
        yield
        self._meet(session)
        for count, source in enumerate(self._index(session)):
            self._facts(source)
            if count % AT_ONCE == AT_ONCE - 1:
                yield

    def _meet(self, session: Session) -> None:
        """Numbers of another session mean something else."""
        if self._session is None or self._session.session_id != session.session_id:
            self._facts.clear()
            self._walk = None
        self._session = session

    def show(self, session: Session) -> None:
        """Take the newest session. What is in sight stays where it is while others come above it."""
        self._meet(session)
        held, top = self._anchor(), self.scroll_offset.y
        super().show(session)
        at = None if held is None else self._laid.layout.position_of(held[0])
        if held is not None and at is not None:
            self._keep(top + self.lines_of(at).start - held[1])

    def _keep(self, y: int) -> None:
        if y != self.scroll_offset.y:
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def _anchor(self) -> tuple[int, int] | None:
        """Number and line of what must not move; None at the top, where the newest are looked for."""
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if not self.items or (self._resting and top == 0):
            return None
        here = self.lines_of(self._cursor).start
        seen = (self.place_of(y) for y in range(top, top + height))
        first = next((place[0] for place in seen if place is not None), self._cursor)
        at = self._cursor if self.has_focus and top <= here < top + height else first
        return self.items[at].number, self.lines_of(at).start

    @property
    def _resting(self) -> bool:
        """Nobody has moved the cursor from the first source, nor is about to."""
        return not self.has_focus and self._cursor == 0

    def select(self, session: Session) -> SourceItems:
        """Every distinct source of the session, whose sources are new, and where they are mentioned."""
        sources = self._index(session)
        if self._sources is not sources or self._laid.hosts is not self._hosts:
            facts = self._facts
            groups = grouped_by_host(sources, facts) if self._hosts else grouped_by_turn(session, sources)
            layout = lay_out(groups, facts)
            self._sources, self._laid = sources, SourceItems(layout.sources(), None, layout, {}, self._hosts)
        turn = turn_in_view(session)
        # Without sources nothing is named, and millions of characters need not be read for it.
        found = self._heard(session, sources) if sources else NOTHING
        return SourceItems(
            self._laid.items, turn.turn_id if turn else None, self._laid.layout, found, self._hosts
        )

    def changed(self, before: Items[Source] | None, now: Items[Source]) -> None:
        """Keep the cursor on its source; count what there is."""
        held = before.items[self._cursor].number if before and self._cursor < len(before.items) else None
        if not self._resting and held is not None:
            self._cursor = self._laid.layout.position_of(held) or 0
        elif self._cursor >= len(now.items):
            self._cursor = 0
        self._count()
        self._hovered = self.tooltip = None
        self.refresh_bindings()

    def _count(self) -> None:
        shown = self._shown
        if not isinstance(shown, SourceItems) or not shown.items:
            self.border_subtitle = None
            return
        new = sum(map(self.is_new, shown.items))
        silent = unmentioned(shown.items, shown.found)
        room = max(0, self.outer_size.width - 6)
        self.border_subtitle = Content(count_words(len(shown.items), new, silent, room))

    def on_resize(self, event: events.Resize) -> None:
        """As many words in the border as fit, and the cursor in sight."""
        super().on_resize(event)
        self._count()
        if self.has_focus and self.items:
            self.move_to(self._cursor)

    def key_of(self, item: Source) -> Hashable:
        """The number stays with the source."""
        return item.number

    def turn_of(self, item: Source) -> str:
        """The turn that named it first."""
        return item.turn_id

    # -- lines --------------------------------------------------------------------------
    def lines_of(self, at: int) -> range:
        """Two lines or three."""
        return self._laid.layout.lines_of(at)

    def span_of(self, at: int) -> range:
        """The first one of a group brings its heading along."""
        lines, heading = self.lines_of(at), self._laid.layout.heading_over(at)
        return range(heading, lines.stop) if heading == lines.start - 1 else lines

    def place_of(self, y: int) -> tuple[int, int] | None:
        """The source at a line; None at a heading."""
        return self._laid.layout.place_of(y)

    def line(self, y: int, width: int) -> Content:
        """A heading, or a line of a source."""
        group = self._laid.layout.heading_at(y)
        return super().line(y, width) if group is None else heading_line(group, width)

    def item_line(self, at: int, row: int, width: int) -> Content:
        """Number and title; host, mentions, whether it is new; what is unusual about the address."""
        source = self.items[at]
        facts, digits = self._facts(source), self._laid.layout.digits
        if row == 0:
            return title_line(source, facts, digits, width)
        if row == 2:
            return marks_line(facts, digits, width)
        walked = self._walk[1] if self._walk is not None and self._walk[0] == source.number else None
        said = mention_words(len(self.found.get(source.number, ())), walked)
        return place_line(facts, said, digits, width, new=self.is_new(source))

    def details(self, item: Source) -> Content:
        """The whole title, the whole address, and what there is to say about them."""
        return details_text(item, self._facts(item), len(self.found.get(item.number, ())))

    # -- told by the screen ---------------------------------------------------------------
    def group_by(self, *, hosts: bool) -> None:
        """Under hosts, or under turns. The cursor stays on its source."""
        if self._hosts is not hosts and self._session is not None:
            held = self.current
            self._hosts = hosts
            self.show(self._session)
            self.go_to(held.number if held is not None else 0)

    def go_to(self, number: int, mention: int | None = None) -> None:
        """Put the cursor on a source; `mention`: the place that is shown just now."""
        at = self._laid.layout.position_of(number)
        if at is not None:
            self._walk = self._walk if mention is None else (number, mention)
            self.move_to(at)
            self.refresh()


class SourcesPanel(SourcesList):
    """The list with its keys. What they do is asked of the screen, which judges addresses."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.SOURCES)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a source with an address can be opened or copied; without one there is nothing to do."""
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
        """Ask the screen to copy its address."""
        source = self.current
        if source is not None and source.part.url:
            self.post_message(CopyLink(source.part.url))

    def action_mention(self, by: int) -> None:
        """Ask the screen to show where the answer names it; from the last place back to the first."""
        source = self.current
        if source is None:
            return
        places: tuple[Mention, ...] = self.found.get(source.number, ())
        if not places:
            self.post_message(ShowMention(source, (), 0))
            return
        walked = self._walk is not None and self._walk[0] == source.number
        last = self._walk[1] if walked and self._walk is not None else (-1 if by > 0 else 0)
        at = (last + by) % len(places)
        self._walk = (source.number, at)
        self.refresh()
        self.post_message(ShowMention(source, places, at))

    def action_group(self) -> None:
        """By host, or by turn again."""
        self.group_by(hosts=not self._hosts)

    def action_footnotes(self) -> None:
        """Ask the screen to copy all of them as footnotes."""
        self.post_message(CopyFootnotes(self.sources))

    def action_export(self) -> None:
        """Ask the screen to save all of them."""
        self.post_message(ExportSources(self.sources))

    def on_click(self, event: events.Click) -> None:
        """A click on a source opens it."""
        at = self.item_at(event)
        if at is not None:
            self.move_to(at)
            self.action_open()


SOURCES: Final = PanelEntry("sources", "Sources", "f3", "Pages and documents the worker used", SourcesPanel)
