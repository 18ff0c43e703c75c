"""`handinger-tui sources ID`: lists the sources of a session from the local history, without network."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.options import add_json_option, add_session_argument
from handinger_tui.cli.output import Exit, put, put_result
from handinger_tui.cli.session_choice import load_session
from handinger_tui.core.citations import Mentions, mentions, unmentioned
from handinger_tui.core.evidence import Source, canonical_url, sources_of, title_of, unicode_host
from handinger_tui.core.export.exporters import SOURCE_EXPORTERS
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean_json

if TYPE_CHECKING:
    import argparse

    from handinger_tui.core.jsontext import Json, JsonObject
    from handinger_tui.core.turns.session import Session

DESCRIPTION: Final = "List or export the sources of a session (no key or network needed)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_session_argument(parser)
    form = parser.add_mutually_exclusive_group()
    add_json_option(form)
    names = [exporter.name for exporter in SOURCE_EXPORTERS]
    form.add_argument("--format", choices=names, help="print in this format")


def run(args: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        SettingsError: no session, or more than one, matches the id.
        LedgerError
    """
    session = asyncio.run(load_session(args.id))
    sources = sources_of(session)
    if args.format is not None:
        exporter = next(candidate for candidate in SOURCE_EXPORTERS if candidate.name == args.format)
        put(exporter.text(sources, session), end="")
        return Exit.OK
    citations = mentions(session, sources)
    value = sources_object(session, sources, citations)
    put_result(args, value, _sources_text(session, sources, citations))
    return Exit.OK


def sources_object(session: Session, sources: tuple[Source, ...], citations: Mentions) -> JsonObject:
    """Return all sources as JSON.

    `turn` counts from 1, `new` marks sources of the newest turn, `mentions` counts mentions in answers.
    """
    turns = _turn_numbers(session)
    return {
        "session_id": session.session_id,
        "worker_id": session.worker_id,
        "sources": [
            _source_object(source, turns, len(citations.get(source.number, ()))) for source in sources
        ],
        "unmentioned": unmentioned(sources, citations),
    }


def _turn_numbers(session: Session) -> dict[str, int]:
    return {turn.turn_id: at for at, turn in enumerate(session.turns, 1)}


def _source_object(source: Source, turns: dict[str, int], mention_count: int) -> Json:
    part = source.part
    return clean_json(
        {
            "number": source.number,
            "id": part.source_id,
            "title": part.title,
            "url": part.url,
            "canonical_url": canonical_url(part.url) if part.url else None,
            "host": source.host or None,
            "marks": list(source.marks),
            "turn_id": source.turn_id,
            "turn": turns[source.turn_id],
            "new": turns[source.turn_id] == len(turns),
            "mentions": mention_count,
        }
    )


def _sources_text(session: Session, sources: tuple[Source, ...], citations: Mentions) -> str:
    if not sources:
        return "No sources in this session."
    width = len(str(sources[-1].number))
    turns = _turn_numbers(session)
    lines = []
    for source in sources:
        mention_count = len(citations.get(source.number, ()))
        lines.append(f"{source.number:>{width}}  {title_of(source.part)}")
        lines.append(" " * (width + 2) + _details(source, turns, mention_count))
    unmentioned_count = unmentioned(sources, citations)
    return "\n".join([*lines, "", f"{plural(len(sources), 'source')}, {unmentioned_count:,} never mentioned"])


def _details(source: Source, turns: dict[str, int], mention_count: int) -> str:
    """Return host, turn, marks and mentions as one line."""
    unicode_name = unicode_host(source.host)
    place = source.host or ("no web address" if source.part.url else "document")
    turn = turns[source.turn_id]
    pieces = [place if unicode_name == source.host else f"{place} ({unicode_name})", f"turn {turn}"]
    pieces += ["new"] if turn == len(turns) else []
    pieces += [f"! {', '.join(source.marks)}"] if source.marks else []
    pieces.append(f"mentioned {plural(mention_count, 'time')}" if mention_count else "never mentioned")
    return " · ".join(pieces)
