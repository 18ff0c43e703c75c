"""`handinger-tui sessions`: lists and edits the local history, without network."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.options import Parser, add_json_option
from handinger_tui.cli.output import Exit, put, say
from handinger_tui.cli.session_choice import unique_session_id
from handinger_tui.core.amounts import Total, credits_words, decimal_text, total_text
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.export.exporters import turn_objects
from handinger_tui.core.formatting import ago, plural
from handinger_tui.core.jsontext import Json, JsonObject, dump
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.receipts.facts import receipt_line
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.ledger.ledger import FileAccess, Ledger

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session, SessionSummary

DESCRIPTION: Final = "Manage the local history of sessions."
_ARGUMENTS: Final = {
    "id": "a session or worker (a unique prefix is enough)",
    "text": "words to search for, in quotes",
    "title": "the new title, in quotes",
}
_ACTIONS: Final = (
    ("list", "newest first (default)", ()),
    ("show", "one session as text", ("id",)),
    ("search", "find sessions by words in prompts or answers", ("text",)),
    ("rename", "rename a session", ("id", "title")),
    ("rm", "delete a session from this computer only", ("id",)),
)
"""Name, help and arguments of each action."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_json_option(parser)
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", parser_class=Parser, help="what to do (default: list)"
    )
    for name, words, arguments in _ACTIONS:
        action = actions.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        for argument in arguments:
            action.add_argument(argument, metavar=argument.upper(), help=_ARGUMENTS[argument])
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="JSON on stdout")


def run(args: argparse.Namespace) -> int:
    """Run the action and return its exit code."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    action = args.action or "list"
    access = FileAccess.WRITE if action in ("rename", "rm") else FileAccess.READ
    ledger = Ledger(default_paths().database, access=access)
    await ledger.start()
    try:
        if ledger.problem and not args.json:
            say(ledger.problem)
        if action in ("list", "search"):
            history = ledger.history
            summaries = await (history.search(args.text) if action == "search" else history.sessions(500))
            put(_list_json(summaries) if args.json else _list_text(summaries))
        elif action == "show":
            session = await ledger.load(await unique_session_id(ledger, args.id))
            if session is None:
                raise SettingsError(f"Session not found: {args.id}.", "See: handinger-tui sessions")
            put(_show_json(session) if args.json else _show_text(session))
        else:
            session_id = await unique_session_id(ledger, args.id)
            if action == "rename":
                await ledger.history.rename(session_id, args.title)
            else:
                await ledger.history.delete(session_id)
            put(dump({"session_id": session_id, "done": action}) if args.json else f"{action}: {session_id}")
    finally:
        await ledger.aclose()
    return Exit.OK


def summary_object(summary: SessionSummary) -> JsonObject:
    """Return a session as JSON. Unknown money is null; `un…_turns` count the turns without figures."""
    return {
        "session_id": summary.session_id,
        "worker_id": summary.worker_id,
        "title": clean_line(summary.title),
        "created_ms": summary.created_ms,
        "updated_ms": summary.updated_ms,
        "turns": summary.turns,
        "last_status": None if summary.last_status is None else str(summary.last_status),
        "cost_usd": None if summary.cost_usd is None else decimal_text(summary.cost_usd),
        "credits": None if summary.credits is None else decimal_text(summary.credits),
        "unpriced_turns": summary.unpriced,
        "uncredited_turns": summary.uncredited,
        "unread": summary.unread,
    }


def _list_json(summaries: list[SessionSummary]) -> str:
    return dump({"sessions": [summary_object(summary) for summary in summaries]})


def _list_text(summaries: list[SessionSummary]) -> str:
    if not summaries:
        return "No sessions yet. Start one: handinger-tui"
    now = time.time_ns() // 1_000_000
    return "\n".join(_summary_text(summary, now) for summary in summaries)


def _summary_text(summary: SessionSummary, now: int) -> str:
    cost = total_text(Total(summary.cost_usd, summary.unpriced))
    money = [cost if summary.cost_usd is not None else f"cost {cost}"]
    if summary.credits is not None:
        money.append(total_text(Total(summary.credits, summary.uncredited), credits_words))
    details = " · ".join((plural(summary.turns, "turn"), *money, str(summary.last_status or "empty")))
    mark = "*" if summary.unread else " "
    when = f"{ago(summary.updated_ms, now):>9}"
    return f"{mark}{summary.session_id}  {when}  {clean_line(summary.title, 50)}\n    {details}"


def _show_json(session: Session) -> str:
    turns: list[Json] = [*turn_objects(session)]
    identity: JsonObject = {"session_id": session.session_id, "worker_id": session.worker_id}
    return dump({**identity, "title": clean_line(session.title), "turns": turns})


def _show_text(session: Session) -> str:
    title = clean_line(session.title) or "untitled"
    money = MoneyIndex()
    blocks = [f"{title}\nsession {session.session_id} · worker {session.worker_id}"]
    for turn in session.turns:
        answer = clean(turn.text).rstrip() or f"({turn.status})"
        receipt = receipt_line(session, turn, money)
        blocks.append(f"> {clean(turn.order.prompt).rstrip()}\n\n{answer}\n\n{receipt}".rstrip())
    return "\n\n".join(blocks)
