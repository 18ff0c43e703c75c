"""Statements of random histories, each checked by the program that is written beside it.

`python -m tests.money.statements --histories 1000` plays so many histories of the simulated truth, one of
each way of reporting in turn, with two programs and a person who decides; `--lives N` so many lives. Their
months are closed, each statement is recomputed, and a byte of it is changed.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from handinger_tui.core.prices import NO_PRICES
from handinger_tui.core.tags import NO_TAG_RULES
from handinger_tui.ledger.charges.statements import Closing, Terms, close_month
from tests.ledger.samples import opened as opened_ledger
from tests.money.ledger_histories import Played, steps_of
from tests.money.service import Lens, history
from tests.money.simulation import Life

CHECKER: Final[Any] = import_module("handinger_tui.cli.check_statement")
PROGRAM: Final = Path(CHECKER.__file__).read_bytes()
TERMS: Final = Terms(NO_TAG_RULES, NO_PRICES, NO_PRICES, PROGRAM)
FUTURE_MS: Final = 4_000_000_000_000


def months(connection: sqlite3.Connection) -> list[str]:
    """The months with turns, in order."""
    rows = connection.execute("SELECT DISTINCT at_ms FROM turn_totals WHERE at_ms > 0 ORDER BY at_ms")
    return [*dict.fromkeys(f"{datetime.fromtimestamp(row[0] / 1000, UTC):%Y-%m}" for row in rows)]


def statements_of(path: Path) -> list[Closing]:
    """Close every month of a history."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        return [close_month(connection, month, FUTURE_MS, TERMS) for month in months(connection)]


def checked(closed: Closing) -> tuple[list[str], dict[str, Any]]:
    """What the checker says of it."""
    problems, counts = CHECKER.check(closed.bundle, closed.page, PROGRAM, closed.hash)
    return problems, counts


def notices_a_byte(closed: Closing, random: Random) -> bool:
    """Whether the checker finds one changed byte, in any of the three files."""
    files = [bytearray(one) for one in (closed.bundle, closed.page, PROGRAM)]
    data = random.choice(files)
    at = random.randrange(len(data))
    data[at] ^= random.randrange(1, 256)
    return bool(CHECKER.check(*map(bytes, files))[0])


class _Entered(Played):
    """Only what is entered; the places are compared elsewhere."""

    async def play(self) -> None:
        for at_ms, turn in steps_of(self.history):
            await self._enter(turn)
            if self.random.random() < 0.3:
                await self._rule(at_ms + 1)


async def enter_history(seed: int, path: Path) -> None:
    """Write a random history to a file."""
    sample = history(seed, lens=[*Lens][seed % len(Lens)])
    async with opened_ledger(path) as one, opened_ledger(path) as other:
        await _Entered((one, other), path, sample, seed).play()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=0)
    parser.add_argument("--lives", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    sums: Counter[str] = Counter()
    random = Random(options.first)
    for at in range(options.histories + options.lives):
        seed = options.first + at
        with TemporaryDirectory() as folder:
            path = Path(folder, "history.db")
            if at < options.histories:
                asyncio.run(enter_history(seed, path))
            else:
                Life(seed, path, tasks=bool(seed % 2)).faults()
            for closed in statements_of(path):
                problems, counts = checked(closed)
                sums["statements"] += 1
                sums["wrong"] += bool(problems)
                sums["bytes"] += 1
                sums["not noticed"] += not notices_a_byte(closed, random)
                for name in ("alone", "together", "named"):
                    sums[name] += counts.get(name, 0)
                for problem in problems:
                    print(f"{seed}, {closed.month}: {problem}", flush=True)
    print(dict(sums))


if __name__ == "__main__":
    main()
