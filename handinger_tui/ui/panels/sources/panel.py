"""The sources panel: the pages and documents that the worker read, by title and actual host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType

from handinger_tui.core.evidence.citations import Mention
from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.panel import (
    CopyFootnotes,
    CopyLink,
    ExportSources,
    OpenLink,
    Panel,
    PanelEntry,
    ShowMention,
    turn_in_view,
)
from handinger_tui.ui.panels.sources.rows import SourceCatalog, SourceRows, grouped_by_host, grouped_by_turn


class SourcesPanel(Panel[SourceRows]):
    """Numbered sources, grouped by turn or by host."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sources--group", "sources--odd"}
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PANEL, Where.SOURCES)
    BORDER_TITLE = "Sources"

    def __init__(self) -> None:
        self._catalog = SourceCatalog()
        super().__init__(SourceRows((), self._catalog.facts), id="panel-sources", classes="panel")
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
        self._session, before, turn = session, self.rows, turn_in_view(session)
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
        rows = SourceRows(groups, facts)
        rows.last_mention = before.last_mention
        rows.set_view(*view)
        self._replace_rows(rows)

    def _replace_rows(self, rows: SourceRows) -> None:
        """Keep the cursor and what is in sight where they are; at rest new sources come into sight."""
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
            return True if self.current is not None and self.current.part.url else None
        if action in ("mention", "group", "request_all"):
            return True if self.rows.count else None
        return super().check_action(action, parameters)

    def action_request(self, name: str) -> None:
        """Ask the screen to open or copy ("open", "copy") the URL of the source under the cursor."""
        source = self.current
        if source is not None and source.part.url:
            url = source.part.url
            self.post_message(
                CopyLink(url) if name == "copy" else OpenLink(url, self.rows.facts(source).title)
            )

    def action_request_all(self, name: str) -> None:
        """Ask the screen to copy all sources as footnotes ("footnotes"), or to save them ("export")."""
        self.post_message((CopyFootnotes if name == "footnotes" else ExportSources)(self.sources))

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
