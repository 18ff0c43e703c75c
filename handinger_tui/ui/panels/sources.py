"""Sources: what the worker read, by title and by the host it really lies on, and where the answer says so."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType

from handinger_tui.core.mentions import Mention
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.panels.messages import CopyLink, OpenLink
from handinger_tui.ui.panels.panel import PanelEntry
from handinger_tui.ui.panels.sources_list import SourcesList
from handinger_tui.ui.panels.sources_messages import CopyFootnotes, ExportSources, ShowMention


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
