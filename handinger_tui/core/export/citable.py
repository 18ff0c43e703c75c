"""Citable: what every form of a source list is made of, cleaned once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo

from handinger_tui.core.addresses import written_url
from handinger_tui.core.evidence import Source
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety import clean_line
from handinger_tui.core.session import Session
from handinger_tui.core.turn import SourcePart

Days = Mapping[str, str]
"""turn_id → the day the worker read its sources, ISO 8601 ("2026-11-25"). One that is missing is not told."""


def read_days(session: Session, zone: tzinfo | None = None) -> dict[str, str]:
    """The day each turn was asked on: when the worker read its sources. Without a zone, the machine's."""
    return {turn.turn_id: _day(turn.order.created_ms, zone) for turn in session.turns}


def _day(at_ms: int, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(at_ms / 1000, zone).astimezone(zone).date().isoformat()


@dataclass(frozen=True, slots=True)
class Citable:
    """One source, all in single lines. `url` as `written_url` has it: None where none may stand."""

    number: int
    title: str
    host: str
    url: str | None
    accessed: str | None


def title_of(part: SourcePart) -> str:
    """The title to show: cleaned, in one line, and never empty."""
    named = (part.title, part.filename, part.url, part.source_id)
    return next((text for name in named if name and (text := clean_line(name, 300))), "untitled")


def citables(sources: Iterable[Source], days: Days) -> Iterator[Citable]:
    """The sources as they are written down."""
    for source in sources:
        url = written_url(source.part.url)
        host = source.host if url is not None else ""
        yield Citable(source.number, title_of(source.part), host, url, days.get(source.turn_id))
