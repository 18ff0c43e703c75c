"""Citing: the ways between a source and the places in the answers that name it."""

from __future__ import annotations

from textual import on

from handinger_tui.core.evidence import Source
from handinger_tui.core.mentions import Mention
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.sources import copy_sources, export_sources
from handinger_tui.ui.panels.sources_messages import CopyFootnotes, ExportSources, ShowMention
from handinger_tui.ui.screens.frontage import Frontage

Named = tuple[Mention, int, int]
"""A mention, the number of its source, and which of the source's mentions it is."""


class Citing(Frontage):
    """From the panel to the transcript and back. What is copied or saved goes the way of the command."""

    # -- wishes of the panel -------------------------------------------------------------------
    @on(ShowMention)
    def _mention(self, event: ShowMention) -> None:
        if not event.places:
            title = clean_line(event.source.part.title or event.source.host, 60)
            self.stage.say(f"No answer names source {event.source.number}, {title}.")
        else:
            self._point(event.source, event.places[event.at])

    @on(CopyFootnotes)
    def _footnotes(self, event: CopyFootnotes) -> None:
        copy_sources(self.stage, self.at_work.session, event.sources)

    @on(ExportSources)
    def _export(self, event: ExportSources) -> None:
        self.do(export_sources(self.stage, self.at_work, event.sources))

    def _point(self, source: Source, mention: Mention) -> None:
        if not self.transcript.point(mention, source.key if source.part.url else ""):
            self.stage.say("That place is not on the screen.", "warning")

    # -- keys of the transcript ----------------------------------------------------------------
    def action_mention(self, by: int) -> None:
        """To the next place that names a source, or the one before; at first to one at the cursor."""
        named = self._named()
        at = self._next(named, by)
        if at is None:
            self.stage.say("No answer names a source." if not named else "No further place names a source.")
            return
        mention, number, _ = named[at]
        self._point(self._source(number), mention)

    def _source(self, number: int) -> Source:
        return next(one for one in self.side.sources.sources if one.number == number)

    def action_source(self) -> None:
        """To the source that the marked place names; without one, the first that is named at the cursor."""
        named = self._named()
        here, spoken = self.transcript.pointed, self.transcript.spoken_at_cursor
        found = _first(named, here)
        found = _first_in(named, spoken) if found is None else found
        if found is None:
            self.stage.say("No source is named here. m goes to the next place that names one.")
            return
        mention, number, at = named[found]
        self.show_panel("sources")
        self.side.sources.go_to(number, at)
        self._point(self._source(number), mention)

    def _named(self) -> list[Named]:
        """All mentions in the order of the transcript."""
        session, panel = self.at_work.session, self.stage.sources()
        turns = {turn.turn_id: at for at, turn in enumerate(session.turns)}
        named = [
            (mention, number, at)
            for number, places in panel.found.items()
            for at, mention in enumerate(places)
            if mention.turn_id in turns
        ]
        named.sort(key=lambda one: (turns[one[0].turn_id], one[0].position, one[0].start, one[1]))
        return named

    def _next(self, named: list[Named], by: int) -> int | None:
        """The position in `named` to go to; None where there is none."""
        here, spoken = self.transcript.pointed, self.transcript.spoken_at_cursor
        at = _first(named, here)
        if at is not None:
            at += by
            # Two sources that one place names are one place.
            while 0 <= at < len(named) and named[at][0] == here:
                at += by
        elif spoken is not None:
            at = next(
                (at for at, one in enumerate(named) if (one[0].turn_id, one[0].position) == spoken), None
            )
        else:
            at = len(named) - 1 if by < 0 else 0
        return at if at is not None and 0 <= at < len(named) else None


def _first(named: list[Named], mention: Mention | None) -> int | None:
    return next((at for at, one in enumerate(named) if one[0] == mention), None)


def _first_in(named: list[Named], part: tuple[str, int] | None) -> int | None:
    """The first one in a part of a turn."""
    return next((at for at, one in enumerate(named) if (one[0].turn_id, one[0].position) == part), None)
