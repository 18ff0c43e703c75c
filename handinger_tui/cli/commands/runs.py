"""`handinger-tui runs`: the runs board as text or JSON, read from the local history. No key, no network."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.cli import signals
from handinger_tui.cli.args import add_json_option
from handinger_tui.cli.commands import Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.load_settings import limit_rules, valid_settings
from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.output import LEAST_WIDTH, PIPED, output_width, put, say, window_size
from handinger_tui.core.columns import Column, Row, clip, text_lines
from handinger_tui.core.formatting import local_time, wrapped_text
from handinger_tui.core.jsontext import as_object, dump
from handinger_tui.core.runs import (
    COLUMNS,
    Board,
    Entry,
    PlannedRun,
    Section,
    board_object,
    board_row,
    section_of,
)
from handinger_tui.core.safety import clean_json, clean_line
from handinger_tui.ledger.ledger import FileAccess, Ledger

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

DESCRIPTION: Final = "Show the runs that this computer knows: what needs you, what runs, what each costs."
SCOPE: Final = "Known on this computer. Runs of other keys and computers are not listed."
EVERY_S: Final = 1.0
"""Seconds between two looks at the history with `--watch`."""
_HOME: Final = "\x1b[H"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"
"""Never at the first line: tmux would keep a copy of each picture above the screen."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--attention", action="store_true", help="only what needs you")
    parser.add_argument("--watch", action="store_true", help="follow changes until interrupted")
    add_json_option(parser, "JSON on stdout; with --watch one object per line")


def run(args: argparse.Namespace) -> int:
    """Print the board, again and again with `--watch`. Raises LedgerError."""
    return signals.run(lambda: _run(args))


async def _run(args: argparse.Namespace) -> int:
    ledger = Ledger(default_paths().database, access=FileAccess.READ)
    rules = ledger.limits.rules = limit_rules(valid_settings(), _now_ms)
    ledger.apply(rules.tag_rules)
    await ledger.start()
    try:
        if ledger.problem:
            say(ledger.problem)
        # Without cursor movement there is nothing to draw over.
        is_drawn = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not args.json
        before: dict[str, str] = {}
        if args.watch and is_drawn:
            # What is on the screen moves up, where it can be read later.
            sys.stdout.write("\n" * window_size().lines)
        while True:
            board = await ledger.runs.board()
            now_ms = _now_ms()
            entries = _chosen(board, now_ms, attention=args.attention)
            if args.json or (args.watch and not is_drawn):
                before = _append(board, entries, now_ms, before, as_json=args.json)
            elif args.watch:
                width, height = window_size()
                _draw(board_text(board, entries, now_ms, max(LEAST_WIDTH, width), height - 1), width)
            else:
                put(board_text(board, entries, now_ms, output_width(PIPED)))
            sys.stdout.flush()
            if not args.watch:
                return Exit.OK
            await asyncio.sleep(EVERY_S)
    finally:
        await ledger.aclose()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _chosen(board: Board, now_ms: int, *, attention: bool) -> list[Entry]:
    entries = board.entries(now_ms)
    wanted = (Section.NEEDS,) if attention else tuple(Section)
    return [entry for entry in entries if section_of(entry, now_ms) in wanted]


def _draw(picture: str, width: int) -> None:
    """Put a picture over the one before."""
    sys.stdout.write(_HOME)
    for line in picture.split("\n"):
        # Cleared first: behind a full line it would clear the last letter.
        sys.stdout.write(_CLEAR_LINE)
        put(clip(line, width))
    sys.stdout.write(_CLEAR_BELOW)


def board_text(
    board: Board, entries: Sequence[Entry], now_ms: int, width: int, height: int | None = None
) -> str:
    """The counts, the table, and the reasons with their acts. In a `height` the last rows give way."""
    columns = (*COLUMNS, Column("ID", ids=True))
    rows = [_with_id(entry, now_ms) for entry in entries]
    titles = {entry.key: clean_line(entry.title, 60) or "Untitled" for entry in entries}
    needs = [
        f"! {titles.get(need.key, need.reason)}: {need.text} {need.shell_act}" for need in board.needs(now_ms)
    ]
    head, below = (
        [line for text in texts for line in wrapped_text(text, width)]
        for texts in ([board.head(now_ms)], [*needs, SCOPE])
    )
    # Without rows the counts say all.
    table = text_lines(columns, rows, width) if rows else []
    over = 0 if height is None else len(head) + len(table) + len(below) - height
    if rows and over > 0:
        left_out = min(len(rows), over + 1)
        table[-left_out:] = [f"{left_out:,} more: handinger-tui runs"]
    return "\n".join([*head, *table, *below][:height])


def _with_id(entry: Entry, now_ms: int) -> Row:
    row = board_row(entry, now_ms)
    own = entry.schedule_id if isinstance(entry, PlannedRun) else entry.session_id
    return replace(row, cells=(*row.cells, clean_line(own, 80)))


def _append(
    board: Board, entries: Sequence[Entry], now_ms: int, before: dict[str, str], *, as_json: bool
) -> dict[str, str]:
    """Print what changed since `before`: a JSON object, or a line for each row; returns what was printed."""
    if as_json:
        value = as_object(clean_json(board_object(board, entries, now_ms)))
        # The time alone is no change.
        state = dump({name: one for name, one in value.items() if name != "at"})
        if state != before.get("json"):
            put(dump(value))
        return {"json": state}
    time_of_day = f"{local_time(now_ms):%H:%M:%S}"
    lines: dict[str, str] = {}
    for entry in entries:
        # Ages and the last event change all the time; what they say is in the picture, not in the log.
        cells = board_row(entry, now_ms).cells
        lines[entry.key] = " · ".join(filter(None, (*cells[1:4], cells[7])))
    lines[""] = board.head(now_ms)
    for key, line in lines.items():
        if before.get(key) != line:
            put(f"{time_of_day} {line}")
    for key in before.keys() - lines.keys():
        put(f"{time_of_day} quiet now: {before[key]}")
    return lines


EXAMPLES: Final = (
    "runs --watch",
    "runs --attention --json",
)
COMMANDS: Final = {"runs": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES)}
