"""Commands on the sessions of the local history, which need no network."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from msgspec.structs import asdict

from handinger_tui.cli.args import add_json_option, add_session_argument, parse_integer
from handinger_tui.cli.commands import Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.load_settings import settings_for, valid_settings
from handinger_tui.cli.local_files import default_paths, new_file, read_file, save_new_file
from handinger_tui.cli.output import PIPED, can_ask, is_confirmed, output_width, put, put_result, say
from handinger_tui.cli.session_choice import (
    load_unique,
    session_ids,
    unique_session_id,
)
from handinger_tui.cli.tables import list_text
from handinger_tui.core.citations import Mentions, mentions, unmentioned
from handinger_tui.core.columns import Align, Column, Row
from handinger_tui.core.decimals import json_amount
from handinger_tui.core.documents import About, Amount, Document, Millis, Origin, Part
from handinger_tui.core.errors import HandingerError, SettingsError
from handinger_tui.core.evidence import Source, canonical_url, sources_of, title_of, unicode_host
from handinger_tui.core.export.exporters import (
    SESSION_EXPORTERS,
    SOURCE_EXPORTERS,
    about_part,
    find_exporter,
    origin_part,
    shown_session,
)
from handinger_tui.core.export.session_document import USUAL, Contents, about_facts, session_document
from handinger_tui.core.export.session_file import MOST_MB, most_bytes, read_session
from handinger_tui.core.formatting import ago, plural, size, spaced, wrapped_text
from handinger_tui.core.jsontext import dump
from handinger_tui.core.safety import clean, clean_line, one_word
from handinger_tui.core.search import HELP, SearchHit, parse_query
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.core.tags import NO_TAG_RULES, Labels, TagRules, labels_text, tag_names
from handinger_tui.core.turns.session import LOCAL, Session, SessionSummary, ids_of, with_queue
from handinger_tui.core.turns.turn import WITHDRAWN, Trigger, Turn, TurnStatus, outcome_object
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.settings.table import days_of

Value = TypeVar("Value")

SESSIONS: Final = "Manage the local history of sessions."
_ARGUMENTS: Final = {
    "id": "a session or worker (a unique prefix is enough)",
    "query": f"in quotes. {HELP}",
    "title": "the new title, in quotes",
    "tag": "words without spaces; none: only show the tags",
}
_DAY_MS: Final = 86_400_000
_MIN_ID: Final = 12
_MOST_ROWS: Final = 500
"""Sessions in a table; JSON has all."""
_ACTIONS: Final = (
    ("list", "list sessions, newest first (default)", ()),
    ("show", "show a session as text", ("id",)),
    ("search", "find sessions by what was asked, answered, cited or done", ("query",)),
    ("rename", "rename a session", ("id", "title")),
    ("tag", "tag a session, or show its tags", ("id", "tag")),
    ("untag", "remove tags from a session", ("id", "tag")),
    ("rm", "delete a session from this computer only", ("id",)),
    ("compact", "make the history smaller, and old turns searchable", ()),
)
"""Name, help and arguments of each action."""
_TAGGING: Final = ("tag", "untag")


class SessionItem(Part, frozen=True):
    """A session. Unknown money is null; `un…_turns` count the turns without figures."""

    session_id: str
    worker_id: str | None
    task_id: str | None
    title: str
    about: About
    created_ms: Millis
    updated_ms: Millis
    turns: int
    last_status: TurnStatus | None
    cost_usd: Amount | None
    credits: Amount | None
    unpriced_turns: int
    uncredited_turns: int
    doubtful: bool
    """Whether an amount depends on what the worker's figures mean."""
    unread: bool
    simulated: bool
    lineage: Origin | None
    trigger: Trigger
    tags: list[str]
    project: str | None
    imported_turns: int


class SessionList(Document, frozen=True, tag="handinger-tui/sessions/1"):
    """What `sessions list` prints: all sessions, newest first."""

    sessions: list[SessionItem]


class Match(Part, frozen=True):
    """The newest match of a session; ids and `number` are null where its title matches."""

    turn_id: str | None
    number: int | None
    turns: int
    """How many turns match."""
    where: str
    snippet: str
    marks: list[tuple[int, int]]
    """Start and end of each match in the snippet."""


class HitItem(SessionItem, frozen=True):
    """A session that matches."""

    match: Match


class HitList(Document, frozen=True, tag="handinger-tui/session-search/1"):
    """What `sessions search` prints; of `unprepared_turns` only prompts and answers were searched."""

    sessions: list[HitItem]
    unprepared_turns: int


class SessionChange(Document, frozen=True, tag="handinger-tui/session-change/1"):
    """What `sessions rename` and `rm` did: the action, or null for nothing."""

    session_id: str
    done: str | None


class TagList(Document, frozen=True, tag="handinger-tui/session-tags/1"):
    """What `sessions tag` and `untag` print: the tags as they are then."""

    session_id: str
    tags: list[str]
    tags_of_worker: list[str]
    tags_by_rule: list[str]
    project: str | None


class Compaction(Document, frozen=True, tag="handinger-tui/compaction/1"):
    """What `sessions compact` did."""

    bytes_before: int
    bytes: int
    turns: int
    dropped_turns: int
    """Turns whose single deltas were removed."""


def _add_sessions_arguments(parser: argparse.ArgumentParser) -> None:
    add_json_option(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", help="what to do (default: list)")
    for name, words, arguments in _ACTIONS:
        action = actions.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        for argument in arguments:
            nargs = "*" if argument == "tag" else None
            action.add_argument(argument, metavar=argument.upper(), help=_ARGUMENTS[argument], nargs=nargs)
        if name in _TAGGING:
            action.add_argument("--worker", action="store_true", help="apply to all sessions of its worker")
        if name == "rm":
            action.add_argument("-y", "--yes", action="store_true", help="delete without asking")
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="JSON on stdout")


def _run_sessions(args: argparse.Namespace) -> int:
    if args.action == "compact":
        return _compact(args)
    if args.action != "rm":
        return asyncio.run(_run(args))
    # Asked outside the event loop: inside it, Ctrl+C would not end the reading of an answer.
    summary, queued = asyncio.run(_with_history(FileAccess.READ, lambda ledger: _deletable(ledger, args.id)))
    done = "rm" if args.yes or _is_deletion_confirmed(summary, queued) else None
    if done:
        delete = partial(_delete, session_id=summary.session_id)
        asyncio.run(_with_history(FileAccess.WRITE, delete, NO_TAG_RULES))
    name = _name(summary.title, summary.session_id)
    text = f"Deleted {name}." if done else "Nothing was deleted."
    put_result(args, SessionChange(session_id=summary.session_id, done=done), text)
    return Exit.OK


async def _deletable(ledger: Ledger, prefix: str) -> tuple[SessionSummary, int]:
    """The session to delete, and how many of its messages were not sent.

    Raises:
        HandingerError: its worker is still running, and only its end tells what it costs.
    """
    summary = await _summary_of(ledger, prefix)
    session = await ledger.load(summary.session_id)
    turns = () if session is None else session.turns
    running = [
        turn for turn in turns if turn.status is TurnStatus.RUNNING or (turn.live and not _waits(turn))
    ]
    # The local worker ended with its program.
    if running and summary.base_url != LOCAL:
        watch = f" attach {one_word(running[-1].target or '')}" if running[-1].target else ""
        raise HandingerError(
            "Its worker is still running and may keep charging. Nothing was deleted.",
            f"Watch it to its end, then delete it: handinger-tui{watch}",
        )
    return summary, sum(map(_waits, turns))


def _waits(turn: Turn) -> bool:
    return turn.status is TurnStatus.QUEUED


async def _delete(ledger: Ledger, session_id: str) -> None:
    """Withdraw what was not sent, so that no total counts it, and delete the session.

    Raises:
        HandingerError: another program works on the session; nothing was deleted.
    """
    session = await ledger.load(session_id)
    for turn in [] if session is None else filter(_waits, session.turns):
        if not await ledger.claim(turn.turn_id):
            raise HandingerError("Another program works on this session. Nothing was deleted.")
        frames = await ledger.frames(turn.turn_id)
        end = dump(outcome_object(TurnStatus.NOT_SENT, WITHDRAWN))
        now_ms = int(time.time() * 1000)
        ledger.append(turn.turn_id, Frame(len(frames), now_ms, Framing.NOTE, end, Marker.SETTLED))
        await ledger.flush()
        withdrawn = await ledger.load(session_id)
        if withdrawn is not None:
            await ledger.close_turn(withdrawn, turn.turn_id)
    await ledger.history.delete(session_id)
    await ledger.history.shrink()


def _compact(args: argparse.Namespace) -> int:
    path = default_paths().database
    # Settings that cannot be read remove nothing: they end the command.
    days = days_of(settings_for(argparse.Namespace()).keep_frames)
    before_ms = 0 if days is None else int(time.time() * 1000) - days * _DAY_MS
    before = _bytes_of(path)

    async def work(ledger: Ledger) -> tuple[int, int]:
        return await ledger.history.compact(before_ms), await ledger.history.count_turns()

    dropped, turns = asyncio.run(_with_history(FileAccess.WRITE, work))
    after = _bytes_of(path)
    figures = Compaction(bytes_before=before, bytes=after, turns=turns, dropped_turns=dropped)
    each = f" (from {size(before // turns)} to {size(after // turns)} a turn)" if turns else ""
    lines = [f"The history went from {size(before)} to {size(after)}{each}."]
    if dropped:
        old = f"{plural(dropped, 'turn')} older than {plural(days or 0, 'day')}"
        lines.append(f"The single deltas of {old} were removed (keep_frames).")
    put_result(args, figures, "\n".join(lines))
    return Exit.OK


def _bytes_of(path: Path) -> int:
    """The size of the history and its write-ahead log."""
    names = (path, path.with_name(f"{path.name}-wal"))
    return sum(one.stat().st_size for one in names if one.exists())


async def _with_history(
    access: FileAccess, work: Callable[[Ledger], Awaitable[Value]], rules: TagRules | None = None
) -> Value:
    """What `work` returns; `rules` of tags: by default those of the settings."""
    ledger = Ledger(default_paths().database, access=access)
    if rules is None:
        settings = valid_settings()
        rules = NO_TAG_RULES if settings is None else settings.tag_rules
    ledger.apply(rules)
    await ledger.start()
    try:
        value = await work(ledger)
        # Damage is discovered while the history is read.
        if ledger.problem:
            say(ledger.problem)
        return value
    finally:
        await ledger.aclose()


def newest_sessions(most: int) -> list[SessionSummary]:
    """The newest sessions; none without a history. Raises LedgerError."""
    if not default_paths().database.exists():
        return []

    async def work(ledger: Ledger) -> list[SessionSummary]:
        return await ledger.history.sessions(most)

    return asyncio.run(_with_history(FileAccess.READ, work))


async def _summary_of(ledger: Ledger, prefix: str) -> SessionSummary:
    session_id = await unique_session_id(ledger, prefix)
    summaries = await ledger.history.sessions(-1)
    summary = next((one for one in summaries if one.session_id == session_id), None)
    if summary is None:
        # Another process has deleted it in between.
        raise SettingsError(f"Session not found: {clean(prefix)}.", "See: handinger-tui sessions")
    return summary


def _is_deletion_confirmed(summary: SessionSummary, queued: int) -> bool:
    """Raises SettingsError: there is no terminal to ask on."""
    if not can_ask():
        raise SettingsError(
            "Nothing was deleted: deleting a session needs a confirmation.",
            f"To delete it: handinger-tui sessions rm {summary.session_id} --yes",
        )
    name = _name(summary.title, summary.session_id)
    kept = (
        "Nothing was charged for it here."
        if summary.only_imported
        else f"Its costs ({_cost_text(summary)}) stay in the history."
    )
    messages = f"{plural(queued, 'message')} of it {'was' if queued == 1 else 'were'} not sent"
    withdrawn = f"\n{messages}, and will not be." if queued else ""
    return is_confirmed(
        f"Delete {name} with {plural(summary.turns, 'turn')} from this computer?"
        f"\n{kept} The worker is not affected.{withdrawn}\nDelete?"
    )


async def _run(args: argparse.Namespace) -> int:
    action = args.action or "list"
    is_change = action == "rename" or (action in _TAGGING and args.tag)
    access = FileAccess.WRITE if is_change else FileAccess.READ

    async def work(ledger: Ledger) -> None:
        history = ledger.history
        if action == "list":
            summaries = await history.sessions(-1 if args.json else _MOST_ROWS)
            put_result(
                args, SessionList(sessions=[*map(_item, summaries)]), _list_text(summaries[:_MOST_ROWS])
            )
            if (hidden := await history.count() - len(summaries)) > 0:
                older = plural(hidden, "older session")
                say(f"{older} not listed. Use: handinger-tui sessions search, or --json")
        elif action == "search":
            hits = await history.search(parse_query(args.query, datetime.now().astimezone()))
            unprepared = await history.unprepared()
            value = HitList(sessions=[*map(_hit, hits)], unprepared_turns=unprepared)
            put_result(args, value, _hits_text(hits))
            if unprepared and not args.json:
                say(
                    f"Of {plural(unprepared, 'turn')} of an earlier version, only prompts and answers were"
                    " searched.\nTo search sources, files and tool calls, too: handinger-tui sessions compact"
                )
        elif action == "show":
            session = await load_unique(ledger, args.id)
            if args.json:
                put_result(args, shown_session(session), "")
            else:
                put(_show_text(session))
        elif action in _TAGGING:
            await _tag(ledger, args)
        else:
            session_id = await unique_session_id(ledger, args.id)
            await history.rename(session_id, args.title)
            put_result(args, SessionChange(session_id=session_id, done=action), f"Renamed {session_id}.")

    await _with_history(access, work)
    return Exit.OK


async def _tag(ledger: Ledger, args: argparse.Namespace) -> None:
    """Change the tags of a session or worker, and print those of the session as they are then."""
    history, names = ledger.history, tag_names(args.tag)
    add, remove = (names, []) if args.action == "tag" else ([], names)
    if args.worker:
        ids = await session_ids(ledger, args.id)
        rows = [row for row in await history.sessions(-1) if row.session_id in ids]
        workers = {worker for row in rows if (worker := row.stored_worker_id or row.worker_id) is not None}
        if len(workers) != 1:
            raise SettingsError(
                f"{clean(args.id)} matches {plural(len(workers), 'worker')}.", "Type more of the id."
            )
        kind, whose, session_id = "worker", workers.pop(), rows[0].session_id
    else:
        session_id = await unique_session_id(ledger, args.id)
        kind, whose = "session", session_id
    if names:
        await history.tag(kind, whose, add, remove)
    labels = await history.labels(session_id)
    value = TagList(
        session_id=session_id,
        tags=[*labels.tags],
        tags_of_worker=[*labels.worker],
        tags_by_rule=[*labels.rules],
        project=labels.project or None,
    )
    text = labels_text(labels, remove)
    width = output_width(PIPED)
    put_result(args, value, "\n".join(wrapped_text(text, width, break_words=False)))


def _item(summary: SessionSummary) -> SessionItem:
    ids = ids_of(summary, summary.worker_id)
    return SessionItem(
        session_id=summary.session_id,
        worker_id=ids.worker_id,
        task_id=ids.task_id,
        title=clean_line(summary.title),
        about=about_part(summary.about),
        created_ms=summary.created_ms,
        updated_ms=summary.updated_ms,
        turns=summary.turns,
        last_status=summary.last_status,
        cost_usd=json_amount(summary.usd.value),
        credits=json_amount(summary.credits.value),
        unpriced_turns=summary.usd.missing_turns,
        uncredited_turns=summary.credits.missing_turns,
        doubtful=summary.usd.doubtful or summary.credits.doubtful,
        unread=summary.unread,
        simulated=summary.base_url == LOCAL,
        lineage=origin_part(summary.lineage),
        trigger=summary.trigger,
        tags=[*summary.tags],
        project=summary.project or None,
        imported_turns=summary.imported,
    )


_COLUMNS: Final = (
    Column("  Title", least=24),
    Column("Status"),
    Column("Turns", Align.RIGHT, rank=1),
    Column("Cost", Align.POINT),
    Column("Credits", Align.POINT, rank=2),
    Column("Tags", rank=4),
    Column("Updated", Align.RIGHT),
    Column("ID", ids=True),
)


def _list_text(summaries: Sequence[SessionSummary]) -> str:
    """A table; on a terminal it has the width of that, and ids are cut to unique prefixes."""
    now, ids = time.time_ns() // 1_000_000, [one.session_id for one in summaries]
    columns = [one for one in _COLUMNS if one.head != "Tags" or any(row.tags for row in summaries)]
    rows = []
    for one, shown_id in zip(summaries, _unique_prefixes(ids) if sys.stdout.isatty() else ids, strict=True):
        cells = {
            "  Title": f"{'*' if one.unread else ' '} {_title(one)}",
            "Status": with_queue(spaced(str(one.last_status or "empty")), one.queued),
            "Turns": f"{one.turns:,}",
            "Cost": _cost_text(one),
            "Credits": "" if one.only_imported else one.credits_words,
            "Tags": " ".join(one.tags),
            "Updated": ago(one.updated_ms, now),
            "ID": shown_id,
        }
        rows.append(Row(tuple(cells[column.head] for column in columns)))
    text = list_text(columns, rows, "No sessions yet. Start one: handinger-tui")
    return f"{text}\n* unread" if any(one.unread for one in summaries) else text


def _hit(hit: SearchHit) -> HitItem:
    snippet = hit.snippet
    match = Match(
        turn_id=hit.turn_id,
        number=hit.number,
        turns=hit.turns,
        where=snippet.where,
        snippet=snippet.text,
        marks=[*snippet.marks],
    )
    return HitItem(**asdict(_item(hit.summary)), match=match)


def _hits_text(hits: Sequence[SearchHit]) -> str:
    """Two lines for each session; matches are between brackets."""
    if not hits:
        return "No matches."
    now = time.time_ns() // 1_000_000
    lines = []
    for hit in hits:
        one = hit.summary
        more = f" · {plural(hit.turns, 'turn')} match" if hit.turns > 1 else ""
        place = f" · turn {hit.number} {hit.turn_id}" if hit.turn_id is not None else ""
        lines.append(f"{_title(one)} · {one.session_id}{place} · {ago(one.updated_ms, now)}{more}")
        lines.append(f"  {hit.snippet.where or 'no text'}: {hit.snippet.marked('[', ']')}")
    return "\n".join(lines)


def _unique_prefixes(ids: Sequence[str]) -> list[str]:
    """The ids, each cut to the least length at which all differ."""
    length = next(
        (length for length in range(_MIN_ID, 80) if len({one[:length] for one in ids}) == len(ids)), 80
    )
    return [one[:length] for one in ids]


def _title(summary: SessionSummary) -> str:
    return clean_line(summary.name, 200) or "Untitled"


def _name(title: str, session_id: str) -> str:
    return f"“{clean_line(title, 60) or 'Untitled'}” ({session_id})"


def _cost_text(summary: SessionSummary) -> str:
    if summary.only_imported:
        return "imported"
    cost = summary.usd.words()
    cost = f"{cost} simulated" if summary.base_url == LOCAL and summary.usd.value is not None else cost
    return f"{cost} + imported" if summary.imported else cost


def _show_text(session: Session) -> str:
    document, worker_id = session_document(session, USUAL), clean_line(session.worker_id or "unknown")
    head = [document.title, f"session {session.session_id} · {session.kind} {worker_id}"]
    head += [f"{label}: {value}" for label, value in about_facts(session)]
    blocks = ["\n".join(head)]
    for turn in document.turns:
        texts = [passage.text for passage in turn.passages]
        answer = "\n\n".join(texts or [f"({turn.ending.status})" if turn.ending else ""])
        origin = f"\n({turn.origin})" if turn.origin else ""
        blocks.append(f"> {turn.prompt}{origin}\n\n{answer}\n\n{turn.receipt}".rstrip())
    return "\n\n".join(blocks)


# -- export ------------------------------------------------------------------------------------
EXPORT: Final = "Export a session as a document from the local history (no key or network needed)."


def _add_export_arguments(parser: argparse.ArgumentParser) -> None:
    add_session_argument(parser)
    parser.add_argument(
        "--format",
        choices=[exporter.name for exporter in SESSION_EXPORTERS],
        help=f"format (default: from the name of FILE, else {SESSION_EXPORTERS[0].name})",
    )
    parser.add_argument(
        "--json", dest="format", action="store_const", const="json", help="same as --format json"
    )
    parser.add_argument("--no-costs", action="store_true", help="leave out the receipts and all figures")
    parser.add_argument(
        "--reasoning", action="store_true", help="include the worker's reasoning (JSON always has it)"
    )
    parser.add_argument(
        "--tools", action="store_true", help="include tool calls with input and output (JSON always has them)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of stdout")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def export_session(args: argparse.Namespace) -> int:
    """Print or save the document and return the exit code.

    Raises:
        SettingsError: no session, or more than one, matches the id; the file exists already.
        LocalFileError: the file could not be written.
        LedgerError
    """
    target = None if args.output is None else new_file(args.output, force=args.force)
    exporter = find_exporter(SESSION_EXPORTERS, args.format or args.output or "") or SESSION_EXPORTERS[0]
    frames: dict[str, list[Frame]] = {}

    async def load(ledger: Ledger) -> tuple[Session, Labels]:
        session = await load_unique(ledger, args.id)
        if exporter.has_frames:
            frames.update({turn.turn_id: await ledger.frames(turn.turn_id) for turn in session.turns})
        return session, await ledger.history.labels(session.session_id)

    session, labels = asyncio.run(_with_history(FileAccess.READ, load))
    text = exporter.text(session, Contents(not args.no_costs, args.reasoning, args.tools, labels, frames))
    if target is None:
        put(text, end="")
    else:
        save_new_file(target, text.encode("utf-8", "replace"), force=args.force)
        put(f"Saved to {target}")
    return Exit.OK


# -- import ------------------------------------------------------------------------------------
IMPORT: Final = (
    "Import a session that was exported with: handinger-tui export ID --format json. Its turns are marked as"
    " imported: they are never charged again, and count in no total and no limit (no key or network needed)."
)


def _add_import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the exported JSON file; - reads it from stdin")
    parser.add_argument(
        "--max-mb",
        type=_parse_mb,
        default=MOST_MB,
        metavar="MB",
        help=f"the largest file to read (default: {MOST_MB})",
    )
    add_json_option(parser)


class Imported(Document, frozen=True, tag="handinger-tui/import/1"):
    """What `import` did; `imported` is false where the session was in the history already."""

    session_id: str
    title: str
    turns: int
    imported: bool


def _parse_mb(text: str) -> int:
    return parse_integer(text, "the size must be a number of megabytes from 1", 1, 100_000)


def import_session(args: argparse.Namespace) -> int:
    """Import the file and return the exit code.

    Raises:
        SettingsError: the file is not a session, or cannot be read as one; nothing was stored.
        LocalFileError: the file could not be read.
        LedgerError
    """
    now_ms = time.time_ns() // 1_000_000
    file = read_session(read_file(args.file, most_bytes(args.max_mb) + 1), now_ms, args.max_mb)
    session = file.session
    present = asyncio.run(_with_history(FileAccess.WRITE, lambda ledger: ledger.history.add_imported(file)))
    session_id = present or session.session_id
    name = _name(session.title, session_id)
    turns = len(file.turns) - file.unsent
    others = f", and {plural(file.unsent, 'message')} not sent" if file.unsent else ""
    text = (
        f"Imported {name}: {plural(turns, 'turn')}{others}. Imported turns are not charged here.\n"
        f"Open it: handinger-tui --resume {one_word(session_id)}"
        if present is None
        else f"{name} is already in the history. Nothing was changed.\n"
        f"To import it again, delete it first: handinger-tui sessions rm {one_word(session_id)}"
    )
    value = Imported(
        session_id=session_id,
        title=clean_line(session.title),
        turns=turns,
        imported=present is None,
    )
    put_result(args, value, text)
    return Exit.OK


# -- sources -----------------------------------------------------------------------------------
SOURCES: Final = "List or export the sources of a session (no key or network needed)."


def _add_sources_arguments(parser: argparse.ArgumentParser) -> None:
    add_session_argument(parser)
    form = parser.add_mutually_exclusive_group()
    add_json_option(form)
    names = [exporter.name for exporter in SOURCE_EXPORTERS]
    form.add_argument("--format", choices=names, help="print in this format")


def show_sources(args: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        SettingsError: no session, or more than one, matches the id.
        LedgerError
    """
    session = asyncio.run(_with_history(FileAccess.READ, lambda ledger: load_unique(ledger, args.id)))
    sources = sources_of(session)
    if args.format is not None:
        exporter = next(candidate for candidate in SOURCE_EXPORTERS if candidate.name == args.format)
        put(exporter.text(sources, session), end="")
        return Exit.OK
    citations = mentions(session, sources)
    value = _source_list(session, sources, citations)
    put_result(args, value, _sources_text(session, sources, citations))
    return Exit.OK


class SourceRow(Part, frozen=True):
    """A source of a session."""

    number: int
    id: str
    title: str | None
    url: str | None
    canonical_url: str | None
    host: str | None
    marks: list[str]
    """What is to be noted about its address."""
    turn_id: str
    turn: int
    """The position of its turn, from 1."""
    new: bool
    """Whether it is of the newest turn."""
    mentions: int
    """Mentions in answers."""


class SourceList(Document, frozen=True, tag="handinger-tui/sources/1"):
    """What `sources` prints; `unmentioned`: how many are never mentioned."""

    session_id: str
    worker_id: str | None
    sources: list[SourceRow]
    unmentioned: int


def _source_list(session: Session, sources: tuple[Source, ...], citations: Mentions) -> SourceList:
    turns = _turn_numbers(session)
    rows = [
        SourceRow(
            number=source.number,
            id=source.part.source_id,
            title=source.part.title,
            url=source.part.url,
            canonical_url=canonical_url(source.part.url) if source.part.url else None,
            host=source.host or None,
            marks=list(source.marks),
            turn_id=source.turn_id,
            turn=turns[source.turn_id],
            new=turns[source.turn_id] == len(turns),
            mentions=len(citations.get(source.number, ())),
        )
        for source in sources
    ]
    return SourceList(
        session_id=session.session_id,
        worker_id=session.worker_id,
        sources=rows,
        unmentioned=unmentioned(sources, citations),
    )


def _turn_numbers(session: Session) -> dict[str, int]:
    return {turn.turn_id: at for at, turn in enumerate(session.turns, 1)}


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


COMMANDS: Final = {
    "sessions": Implementation(
        SESSIONS,
        _add_sessions_arguments,
        _run_sessions,
        (
            "sessions list --json",
            "sessions show 01KB",
            'sessions search "heat pumps tag:acme"',
            'sessions rename 01KB "Heat pumps"',
            "sessions tag 01KB invoices",
            "sessions untag 01KB invoices",
            "sessions rm 01KB",
            "sessions compact",
        ),
    ),
    "export": Implementation(
        EXPORT, _add_export_arguments, export_session, ("export 01KB --format html -o answer.html",)
    ),
    "import": Implementation(IMPORT, _add_import_arguments, import_session, ("import session.json",)),
    "sources": Implementation(
        SOURCES, _add_sources_arguments, show_sources, ("sources 01KB --format footnotes",)
    ),
}
