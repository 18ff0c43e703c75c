"""Random damage to histories: `python -m tests.ledger.damage --histories 200 --seed 0`.

In each damaged history the program must start and list what is readable, and the saved rows must be at least
those that SQLite reads, row by row. In the saved history the doctor finds nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from handinger_tui.core.errors import Damaged, LedgerError
from handinger_tui.ledger.charges.proof import flaws
from handinger_tui.ledger.database_file import SMALL_BYTES
from handinger_tui.ledger.ledger import FileAccess
from handinger_tui.ledger.repair import DERIVED, ERRORS, TOTALS, damaged_file, repair
from handinger_tui.ledger.sql import unpack
from tests.ledger.samples import answered, opened, play, session, turn_request

PAGE: Final = 4096
KINDS: Final = ("flips", "page", "pages", "cut", "header", "zeroed log", "flipped log")
PROBED: Final = 600
"""Row ids that the plain read tries one by one."""


_created: dict[tuple[int, int], bytes] = {}


def _created_again(path: Path, size: tuple[int, int]) -> bool:
    """Write the same history again, where there was one of this size."""
    if size in _created:
        path.write_bytes(_created[size])
    return size in _created


def _remember(path: Path, size: tuple[int, int]) -> None:
    _created[size] = path.read_bytes()


async def create_history(path: Path, sessions: int = 4, turns: int = 5) -> None:
    """A history of some sessions, with a limit; closed cleanly. It is made once, and copied from then on."""
    if _created_again(path, (sessions, turns)):
        return
    async with opened(path) as ledger:
        for at in range(sessions):
            now = session(f"ses_{at}", title=f"title {at}")
            for turn in range(turns):
                text = f"answer {at} {turn} " * (40 * (turn + 1))
                request = turn_request(
                    f"turn_{at}_{turn}", f"prompt {at} {turn}", created_ms=at * 100_000 + turn
                )
                now = await play(ledger, now, request, answered(usd=turn + 1, text=text))
    _remember(path, (sessions, turns))


def damaged(path: Path, kind: str, seed: int) -> None:
    """Damage the file, or its log, in one of `KINDS`."""
    dice = random.Random(f"{kind}{seed}")
    if kind.endswith("log"):
        _damage_log(path, dice, zeroed=kind.startswith("zeroed"))
        return
    content = bytearray(path.read_bytes())
    pages = len(content) // PAGE
    match kind:
        case "flips":
            for _ in range(dice.randint(1, 60)):
                content[dice.randrange(100, len(content))] ^= 1 << dice.randrange(8)
        case "page" | "pages":
            for at in dice.sample(range(1, pages), 1 if kind == "page" else pages // 4):
                content[at * PAGE : (at + 1) * PAGE] = dice.randbytes(PAGE)
        case "cut":
            del content[dice.randrange(PAGE, len(content)) :]
        case _:
            content[: dice.choice((16, 24, 100))] = bytes(16)
    path.write_bytes(content)


def lose(path: Path, *tables: str, pages: int = 0) -> None:
    """Make tables unreadable, and cut the last pages off; what that is does not depend on the schema."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        roots = [connection.execute(query, (table,)).fetchone()[0] for table in tables]
    content = bytearray(path.read_bytes())
    for root in roots:
        content[(root - 1) * PAGE : root * PAGE] = bytes(PAGE)
    path.write_bytes(content[: len(content) - pages * PAGE])


def damage_large(path: Path) -> None:
    """Make the file large, and damage an index of the charges, which no query of costs needs."""
    with closing(sqlite3.connect(path)) as connection, connection:
        large = ("turn_0_0", 10_000, 1, "text", "", "x" * 2 * SMALL_BYTES)
        connection.execute(
            "INSERT INTO frames (turn_id, seq, at_ms, framing, event, data) VALUES (?, ?, ?, ?, ?, ?)", large
        )
        index = "SELECT rootpage FROM sqlite_schema WHERE name = 'charges_by_time'"
        (root,) = connection.execute(index).fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(bytes(PAGE))


def _damage_log(path: Path, dice: random.Random, *, zeroed: bool) -> None:
    """Leave a write-ahead log as after a crash, and damage it."""
    log = path.with_name(path.name + "-wal")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("UPDATE sessions SET title = title || ' more'")
            for file in (path, log):
                shutil.copyfile(file, copy.with_name(file.name))
        shutil.copyfile(copy, path)
        content = bytearray(copy.with_name(log.name).read_bytes())
    if zeroed:
        begin = dice.randrange(len(content))
        content[begin:] = bytes(len(content) - begin)
    else:
        for _ in range(20):
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    log.write_bytes(content)


# -- what SQLite reads -------------------------------------------------------------------
def tables_of(connection: sqlite3.Connection) -> list[str]:
    names = connection.execute("PRAGMA table_list").fetchall()
    return [
        name
        for schema, name, kind, *_ in names
        if schema == "main" and kind == "table" and not name.startswith("sqlite_") and name != DERIVED
    ]


def plain(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = bytes
    return connection


def rows_of(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """Every row of every table."""
    with closing(plain(path)) as connection:
        connection.text_factory = str
        names = tables_of(connection)
        connection.text_factory = bytes
        return {name: set(connection.execute(f"SELECT * FROM {name}")) for name in names}  # noqa: S608  # names of our schema


def readable_rows(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """The rows of a plain read: each table from both ends, and each row id by itself."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        for file in (path, path.with_name(path.name + "-wal")):
            if file.exists():
                shutil.copyfile(file, copy.with_name(file.name))
        rows: dict[str, set[tuple[object, ...]]] = {}
        with closing(plain(copy)) as connection:
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            try:
                names = tables_of(connection)
            except ERRORS:
                return rows
            connection.text_factory = bytes
            for name in names:
                rows[name] = set(_rows(connection, name))
    return rows


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    result: list[tuple[object, ...]] = []
    select = f"SELECT * FROM {table}"  # noqa: S608  # names of our schema
    for sql in (select, f"{select} ORDER BY rowid", f"{select} ORDER BY rowid DESC"):
        with suppress(*ERRORS):
            for row in connection.execute(sql):
                result.append(row)  # noqa: PERF402  # what comes before an error counts
    for number in range(PROBED):
        with suppress(*ERRORS):
            result += connection.execute(f"{select} WHERE rowid = ?", (number,)).fetchall()
    return result


# -- the promise -------------------------------------------------------------------------
async def listed(path: Path) -> tuple[set[str], bool]:
    """The sessions that a read-only command lists and opens; and whether damage was noticed."""
    async with opened(path, access=FileAccess.READ) as ledger:
        ids = {one.session_id for one in await ledger.history.sessions(-1)}
        for session_id in ids:
            await ledger.load(session_id)
        await ledger.charges.turn_charges()
        return ids, ledger.problem is not None


async def open_all(path: Path) -> None:
    """Start like the app, and open every session."""
    async with opened(path) as ledger:
        await ledger.unsettled()
        for summary in await ledger.history.sessions(-1):
            await ledger.load(summary.session_id)


def check(path: Path) -> str:
    """List, open, repair and start with a damaged history. Returns the outcome, for statistics.

    Raises:
        AssertionError: a row that SQLite can read is missing.
    """
    before, readable = path.read_bytes(), readable_rows(path)
    try:
        ids, is_damaged = asyncio.run(listed(path))
        saved = repair(path)
    except Damaged:
        assert not any(readable.values())
        return "nothing readable"
    missing = {unpack(row[0]) for row in readable.get("sessions", ())} - ids
    assert not missing, f"not listed: {missing}"
    assert path.read_bytes() == before
    assert saved.path is not None
    repaired = rows_of(saved.path)
    tables = {table.name: table for table in saved.tables}
    for table, rows in readable.items():
        # Totals are derived from the charges, if all charges are saved.
        if table in tables and not (table == TOTALS and tables["charges"].lost == 0):
            lacking = len(rows - repaired[table])
            assert lacking <= tables[table].refused, f"{table} lacks {lacking} rows"
    asyncio.run(open_all(saved.path))
    with closing(sqlite3.connect(saved.path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        assert (flaws(connection), damaged_file(saved.path) == saved.path) == ([], False)
    with suppress(LedgerError):
        # Damage in a large file may be noticed only while it is read.
        asyncio.run(open_all(path))
    return "what can be read" if is_damaged else "all of it"


def play_all(histories: int, seed: int) -> int:
    """Damage this many histories; 1 when a promise does not hold."""
    counts: Counter[str] = Counter()
    failed, slowest = 0, (0.0, 0)
    with tempfile.TemporaryDirectory() as folder:
        complete = Path(folder, "whole.db")
        asyncio.run(create_history(complete))
        for at in range(seed, seed + histories):
            kind = KINDS[at % len(KINDS)]
            place = Path(folder, str(at))
            place.mkdir()
            path = Path(shutil.copyfile(complete, place / "history.db"))
            damaged(path, kind, at)
            began = time.process_time()
            try:
                counts[f"{kind}: {check(path)}"] += 1
            except (AssertionError, LedgerError, ValueError, TypeError, sqlite3.Error) as problem:
                failed += 1
                print(f"{kind}, seed {at}: {type(problem).__name__}: {problem}")
            slowest = max(slowest, (time.process_time() - began, at))
            shutil.rmtree(place)
    for outcome, count in sorted(counts.items()):
        print(f"{count:6} {outcome}")
    print(f"{histories} histories, {failed} failed; the slowest: seed {slowest[1]}, {slowest[0]:.1f} s")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger.damage", allow_abbrev=False)
    parser.add_argument("--histories", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    given = parser.parse_args()
    return play_all(given.histories, given.seed)


if __name__ == "__main__":
    sys.exit(main())
