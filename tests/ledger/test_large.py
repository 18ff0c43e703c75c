"""A record of 30,000 charges answers quickly. Limits are CPU time: a busy machine changes nothing."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from time import process_time
from typing import Any, Final

import pytest

from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.ledger.charges.entries import NUMBERS
from handinger_tui.ledger.ledger import Ledger
from tests.ledger.charge_rows import spent
from tests.ledger.raw_rows import NOON_MS, cells
from tests.ledger.samples import opened

CHARGES: Final = 30_000
WORKERS: Final = 12
PER_SESSION: Final = 100
BOUND_S: Final = 0.2
"""Four times a noticeable delay where a record has three times as many."""


def random_charge(chance: random.Random, number: int) -> dict[str, Any]:
    has_numbers = chance.random() > 0.04
    numbers: dict[str, int | None] = dict.fromkeys(NUMBERS)
    if has_numbers:
        numbers = {name: chance.randrange(10**11) for name in NUMBERS}
    return numbers | cells(
        f"turn_{number}",
        session_id=f"ses_{number // PER_SESSION}",
        worker_id=f"wrk_{number // PER_SESSION % WORKERS}",
        at_ms=NOON_MS + number * 300_000,
        budget=("low", "standard", "high")[number % 3],
        final=int(has_numbers),
    )


def fill(connection: sqlite3.Connection) -> None:
    chance = random.Random(4)
    rows = [random_charge(chance, number) for number in range(CHARGES * 97 // 100)]
    rows += [row | {"kind": "correction", "usd_pico": 5} for row in rows[: CHARGES - len(rows)]]
    names = tuple(rows[0])
    marks = ", ".join(f":{name}" for name in names)
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO charges ({', '.join(names)}) VALUES ({marks})", rows)  # noqa: S608  # names of the tests
    connection.execute("COMMIT")


@pytest.fixture
async def large(tmp_path: Any) -> AsyncIterator[Ledger]:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.database.run(fill)
        yield ledger


async def test_every_query_is_fast(large: Ledger) -> None:
    queries: dict[str, Callable[[], Awaitable[Any]]] = {
        "spent": lambda: spent(large),
        "worker": lambda: large.charges.buckets(GroupBy.WORKER),
        "session": lambda: large.charges.buckets(GroupBy.SESSION),
        "budget": lambda: large.charges.buckets(GroupBy.BUDGET),
        "trigger": lambda: large.charges.buckets(GroupBy.TRIGGER),
        "day": lambda: large.charges.buckets(GroupBy.DAY),
        "days of a worker": lambda: large.charges.buckets(
            GroupBy.DAY, ChargeFilter(worker_id="wrk_3", since_ms=NOON_MS)
        ),
        "turns": large.charges.turn_charges,
        "turns of a worker": lambda: large.charges.turn_charges(ChargeFilter(worker_id="wrk_3")),
        "usual": lambda: large.charges.typical_cost("wrk_3", "high", simulated=False),
        "news": large.charges.news,
    }
    measured = {}
    for name, ask in queries.items():
        attempts = []
        for _ in range(3):
            start = process_time()
            await ask()
            attempts.append(process_time() - start)
        measured[name] = min(attempts)
    print({name: f"{seconds * 1000:.1f} ms" for name, seconds in measured.items()})
    assert {name: seconds for name, seconds in measured.items() if seconds > BOUND_S} == {}
    assert measured["turns"] < BOUND_S / 6
    assert measured["news"] < BOUND_S / 6
