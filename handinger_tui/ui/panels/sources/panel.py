"""The sources panel: the pages and documents that the worker read, by title and actual host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.evidence.citations import Mention, Mentions, unmentioned
from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.messages import CopyFootnotes, CopyLink, ExportSources, OpenLink, ShowMention
from handinger_tui.ui.panels.panel import Panel, PanelEntry, turn_in_view
from handinger_tui.ui.panels.sources.catalog import SourceCatalog
from handinger_tui.ui.panels.sources.rows import SourceRows, count_words, grouped_by_host, grouped_by_turn


class SourcesPanel(Panel[SourceRows]):
    """Numbered sources, grouped by turn or by host."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sources--group", "sources--odd"}
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PANEL, Where.SOURCES)
    name_of_panel = "sources"
    BORDER_TITLE = "Sources"

    def __init__(self) -> None:
        self._catalog = SourceCatalog()
        super().__init__(SourceRows((), self._catalog.facts))
        self._session: Session | None = None
        self._by_host = False
        self.sources: tuple[Source, ...] = ()
        """All sources, in order of their numbers."""
        self._newest: Session | None = None
        """The session to show once the steps have run."""
        self._steps: Iterator[None] | None = None
        """Running preparation of many new sources; None when there is none."""

    @property
    def mentions(self) -> Mentions:
        """The mentions of each source in the answers, by source number."""
        return self.rows.mentions

    @property
    def current(self) -> Source | None:
        """The source under the cursor; None in an empty list."""
        return self.rows.items[self.cursor] if self.rows.count else None

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
        self._session = session
        sources = self._catalog.sources(session)
        if sources is not self.sources or not self.rows.loaded:
            self.sources = sources
            self._regroup(session)
        turn = turn_in_view(session)
        turn_id, mentions = turn.turn_id if turn else None, self._catalog.mentions(session, sources)
        if (turn_id, mentions) != (self.rows.turn_id, self.rows.mentions):
            self.rows.turn_id, self.rows.mentions = turn_id, mentions
            self._show_changes()

    def _regroup(self, session: Session) -> None:
        """Lay the sources out again; the cursor and what is in sight stay where they are."""
        before, anchor, top = self.rows, self._anchor(), self.scroll_offset.y
        number = self.current.number if self.current is not None and not self._is_untouched else None
        facts = self._catalog.facts
        groups = (
            grouped_by_host(self.sources, facts) if self._by_host else grouped_by_turn(session, self.sources)
        )
        rows = self.rows = SourceRows(groups, facts)
        rows.loaded, rows.turn_id = True, before.turn_id
        rows.mentions, rows.last_mention = before.mentions, before.last_mention
        if number is not None:
            self._cursor = rows.position_of(number) or 0
        elif self.cursor >= rows.count:
            self._cursor = 0
        self._show_changes()
        at = None if anchor is None else rows.position_of(anchor[0])
        if anchor is not None and at is not None:
            self._scroll_top_to(top + rows.lines_of(at).start - anchor[1])

    def _scroll_top_to(self, y: int) -> None:
        if y != self.scroll_offset.y:
            self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def _anchor(self) -> tuple[int, int] | None:
        """Number and line of the source that must not move; None at the top, where new sources appear."""
        top, height, rows = self.scroll_offset.y, self.scrollable_content_region.height, self.rows
        if not rows.count or (self._is_untouched and top == 0):
            return None
        cursor_line = rows.lines_of(self.cursor).start
        visible = (rows.place_of(y) for y in range(top, top + height))
        first = next((place[0] for place in visible if place is not None), self.cursor)
        at = self.cursor if self.has_focus and top <= cursor_line < top + height else first
        return rows.items[at].number, rows.lines_of(at).start

    @property
    def _is_untouched(self) -> bool:
        """The cursor is on the first source and the panel has no focus."""
        return not self.has_focus and self.cursor == 0

    def _show_changes(self) -> None:
        self._update_count()
        self._hovered = self.tooltip = None
        self.refresh_bindings()
        self.update()

    def _update_count(self) -> None:
        rows = self.rows
        if not rows.count:
            self.border_subtitle = None
            return
        new = sum(map(rows.is_new, rows.items))
        silent = unmentioned(rows.items, rows.mentions)
        room = max(0, self.outer_size.width - 6)
        self.border_subtitle = Content(count_words(rows.count, new, silent, room))

    def on_resize(self, event: events.Resize) -> None:
        """Fit the text of the border, too."""
        super().on_resize(event)
        self._update_count()

    # -- called by the screen -------------------------------------------------------------
    def group_by(self, *, hosts: bool) -> None:
        """Group by host or by turn. The cursor stays on its source."""
        if self._by_host is not hosts and self._session is not None:
            current = self.current
            self._by_host = hosts
            self._regroup(self._session)
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
        if action in ("open", "copy"):
            return True if self.current is not None and self.current.part.url else None
        if action in ("mention", "group", "footnotes", "export"):
            return True if self.rows.count else None
        return super().check_action(action, parameters)

    def action_open(self) -> None:
        """Ask the screen to open the source under the cursor."""
        source = self.current
        if source is not None and source.part.url:
            self.post_message(OpenLink(source.part.url, self.rows.facts(source).title))

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
        previous = self.rows.last_mention
        if previous is not None and previous[0] == source.number:
            at = (previous[1] + by) % len(places)
        else:
            at = 0 if by > 0 else len(places) - 1
        self.rows.last_mention = (source.number, at)
        self.update()
        self.post_message(ShowMention(source, places, at))

    def action_group(self) -> None:
        """Toggle between groups by turn and by host."""
        self.group_by(hosts=not self._by_host)

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
