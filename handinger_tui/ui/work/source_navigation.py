"""Ways between the sources of a session and the places in its answers that mention them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.core.citations import Mention
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.panels.sources import SourcesPanel

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.core.evidence import Source
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.panels import Sidebar
    from handinger_tui.ui.panels.panel import ShowMention
    from handinger_tui.ui.sessions.controller import SessionController
    from handinger_tui.ui.transcript.transcript import Transcript

NumberedMention = tuple[Mention, int, int]
"""A mention, the number of its source, and its index among the mentions of that source."""


class SourceNavigation:
    """Navigates by the mentions of sources, in the order of the transcript."""

    def __init__(
        self,
        controller: SessionController,
        interaction: Interaction,
        transcript: Transcript,
        sidebar: Sidebar,
        show_panel: Callable[[str], None],
    ) -> None:
        self._controller = controller
        self._interaction = interaction
        self._transcript = transcript
        self._sidebar = sidebar
        self._panel = sidebar.panel(SourcesPanel)
        self._show_panel = show_panel

    def update_panel(self) -> SourcesPanel:
        """The sources panel, which numbers the sources, updated even if it is hidden."""
        self._panel.show(self._controller.session)
        return self._panel

    def show_mention(self, request: ShowMention) -> None:
        """Show the mention that the panel asks for."""
        source = request.source
        if request.places:
            self._point(source, request.places[request.at])
        else:
            title = clean_line(source.part.title or source.host, 60)
            self._interaction.say(f"No answer mentions source {source.number}, {title}.")

    def go_to_mention(self, by: int) -> None:
        """Go `by` mentions on from the highlighted one; without a highlight, to one at the cursor."""
        mentions = self._list_mentions()
        index = self._next_index(mentions, by)
        if index is None:
            self._interaction.say("No sources are mentioned." if not mentions else "No more mentions.")
            return
        mention, number, _ = mentions[index]
        self._point(self._source(number), mention)

    def show_source(self) -> None:
        """Show the source of the highlighted mention; without one, the first one mentioned at the cursor."""
        mentions = self._list_mentions()
        index = _index_of(mentions, self._transcript.highlight.mention)
        if index is None:
            index = _index_in_part(mentions, self._transcript.cursor.part)
        if index is None:
            self._interaction.say("No source is mentioned here. Press m to go to the next mention.")
            return
        mention, number, at = mentions[index]
        self._show_panel("sources")
        self._panel.go_to(number, at)
        self._point(self._source(number), mention)

    def _point(self, source: Source, mention: Mention) -> None:
        if self._sidebar.peek():
            # The transcript has its height after the next layout.
            self._transcript.call_after_refresh(self._highlight, source, mention)
        else:
            self._highlight(source, mention)

    def _highlight(self, source: Source, mention: Mention) -> None:
        if not self._transcript.highlight.show(mention, source.key if source.part.url else ""):
            self._interaction.say("That mention is not on the screen.", "warning")

    def _source(self, number: int) -> Source:
        return next(source for source in self._panel.sources if source.number == number)

    def _list_mentions(self) -> list[NumberedMention]:
        """All mentions of sources in the order of the transcript."""
        turns = {turn.turn_id: at for at, turn in enumerate(self._controller.session.turns)}
        mentions = [
            (mention, number, at)
            for number, places in self.update_panel().rows.mentions.items()
            for at, mention in enumerate(places)
            if mention.turn_id in turns
        ]
        mentions.sort(key=lambda item: (turns[item[0].turn_id], item[0].position, item[0].start, item[1]))
        return mentions

    def _next_index(self, mentions: list[NumberedMention], by: int) -> int | None:
        """The index in `mentions` to go to; None when there is no further mention."""
        highlighted, part = self._transcript.highlight.mention, self._transcript.cursor.part
        index = _index_of(mentions, highlighted)
        if index is not None:
            index += by
            # A place that mentions two sources is listed twice and counts as one stop.
            while 0 <= index < len(mentions) and mentions[index][0] == highlighted:
                index += by
        elif part is not None:
            index = _index_in_part(mentions, part)
        else:
            index = len(mentions) - 1 if by < 0 else 0
        return index if index is not None and 0 <= index < len(mentions) else None


def _index_of(mentions: list[NumberedMention], mention: Mention | None) -> int | None:
    return next((index for index, item in enumerate(mentions) if item[0] == mention), None)


def _index_in_part(mentions: list[NumberedMention], part: tuple[str, int] | None) -> int | None:
    """The index of the first mention in a part, given as turn id and position in the turn."""
    places = [(mention.turn_id, mention.position) for mention, _, _ in mentions]
    return next((index for index, place in enumerate(places) if place == part), None)
