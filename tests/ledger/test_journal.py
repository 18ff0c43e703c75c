"""The journal: its changes add up to every sum of `costs`, and each entry says why it was made."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.core.money.reconciliation import suspense_buckets
from handinger_tui.core.money.spending import SUMS, ChargeFilter, GroupBy, sum_buckets
from handinger_tui.core.tags import NO_TAG_RULES
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import put_turn
from handinger_tui.ledger.charges.entries import CARRIED, SUMMED, rises
from handinger_tui.ledger.charges.grouping import buckets
from handinger_tui.ledger.charges.journal import journal
from handinger_tui.ledger.cost_rows import opened as cost_rows
from handinger_tui.ledger.database_file import charges_before
from handinger_tui.ledger.labels import choose
from handinger_tui.ledger.migrations import MIGRATIONS, begin_at
from tests.ledger.raw_rows import DAY_MS, NOON_MS, cells, put
from tests.ledger.samples import answered, opened, play, session, turn_request
from tests.money.simulated_places import journal_sums

if TYPE_CHECKING:
    from handinger_tui.core.money.journal import JournalEntry

NAMES: Final = ("a", "b")
STATUSES: Final = ("completed", "failed", "running", "unknown", "rejected", "not_sent", "queued")


def random_history(seed: int) -> sqlite3.Connection:
    """A history of random rows: corrections, retractions, refusals, returns to the queue, suspense."""
    random = Random(seed)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    begin_at(connection, len(MIGRATIONS))
    for turn in range(random.randint(1, 6)):
        members = {
            "session_id": f"ses_{random.choice(NAMES)}",
            "worker_id": f"wrk_{random.choice(NAMES)}",
            "budget": random.choice((None, "high")),
            "profile": random.choice((None, "work")),
        }
        begun_ms, sums = NOON_MS + random.randint(0, 3) * DAY_MS, dict.fromkeys(SUMMED, 0)
        for at in range(random.randint(1, 5)):
            changes: dict[str, int | None] = {
                name: random.choice((None, random.randint(-9, 9**15))) for name in SUMMED
            }
            if at and random.random() < 0.2:
                name = random.choice(SUMMED)
                changes |= {name: -sums[name], "retracted": 1 << SUMMED.index(name)}
            sums = {name: sums[name] + (changes[name] or 0) for name in SUMMED}
            kind = "correction" if at else "charge"
            when = {"at_ms": begun_ms + at, "status": random.choice(STATUSES)}
            put(connection, cells(f"turn_{turn}", kind, **members, **when, **changes))
    for _ in range(random.randint(0, 4)):
        where = (
            "https://one.example",
            f"wrk_{random.choice(NAMES)}",
            NOON_MS + random.randint(0, 3) * DAY_MS,
        )
        amounts = [random.choice((None, random.randint(-9, 9**15))) for _ in SUMMED]
        if amounts[0] is None:
            # The cost is the sum of its categories, unless one of these is unknown.
            amounts[SUMMED.index("model_pico")] = None
        row = (*where, where[-1], *amounts, "[]", 0)
        names = ("base_url", "worker_id", "seen_ms", "at_ms", *SUMMED, "refused", "doubtful")
        marks = ", ".join("?" * len(names))
        connection.execute(f"INSERT INTO suspense ({', '.join(names)}) VALUES ({marks})", row)  # noqa: S608  # names of the tests
    connection.execute("INSERT INTO tags VALUES ('session', 'ses_a', 'tea'), ('worker', 'wrk_b', 'tea')")
    connection.execute("INSERT INTO projects VALUES ('ses_b', 'garden')")
    return connection


FILTERS: Final = (
    ChargeFilter(),
    *(ChargeFilter(since_ms=NOON_MS + day * DAY_MS) for day in range(4)),
    *(ChargeFilter(until_ms=NOON_MS + day * DAY_MS) for day in range(4)),
    *(ChargeFilter(session_id=f"ses_{name}") for name in NAMES),
    *(ChargeFilter(worker_id=f"wrk_{name}") for name in NAMES),
    ChargeFilter(turn_id="turn_0"),
    ChargeFilter(budget="high"),
    ChargeFilter(profile="work"),
    ChargeFilter(simulated=False),
    ChargeFilter(simulated=True),
    ChargeFilter(tag="tea"),
    ChargeFilter(project="garden"),
    ChargeFilter(since_ms=NOON_MS + 1, worker_id="wrk_a", budget="high", tag="tea"),
)


def faults(connection: sqlite3.Connection, which: ChargeFilter) -> str:
    """By what the journal of a filter differs from its sums."""
    choose(connection, NO_TAG_RULES, which.admits)
    groups = buckets(connection, GroupBy.DAY, which)
    total = sum_buckets([*groups, *suspense_buckets(rises(connection, which))])
    right = {name: getattr(total, name).value or Decimal(0) for name in SUMS}
    written = journal_sums(journal(connection, which, NO_TAG_RULES))
    return "" if written == right else f"{which}: {written} instead of {right}"


def test_the_changes_add_up_to_the_sums_for_every_filter() -> None:
    wrong = []
    for seed in range(25):
        with closing(random_history(seed)) as now:
            wrong += [(seed, fault) for which in FILTERS if (fault := faults(now, which))]
            if seed % 5 == 0:
                with closing(charges_before(now, NOON_MS + DAY_MS)) as then:
                    wrong += [
                        (seed, f"as of: {fault}") for which in FILTERS if (fault := faults(then, which))
                    ]
    assert not wrong


def test_a_sum_whose_entries_are_lost_is_carried() -> None:
    with closing(random_history(0)) as connection:
        put(connection, cells("turn_x", usd_pico=5 * 10**11))
        connection.execute("DROP TRIGGER charges_are_kept")
        connection.execute("DELETE FROM charges WHERE turn_id = 'turn_x'")
        entries = [*journal(connection, ChargeFilter(turn_id="turn_x"), NO_TAG_RULES)]
        assert [(one.kind, one.cost_usd, one.reason) for one in entries] == [("carried", "0.5", CARRIED)]


async def test_each_entry_says_why_and_names_the_readings(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with opened(path) as ledger:
        now = await play(ledger, session(), turn_request(), answered("0.5"))
        later = replace(fold(turn_request(), answered("0.75")), ended_ms=300_000_000)
        await ledger.close_turn(put_turn(now, later), "turn_1")
        worker = now.turns[0].target
        assert worker is not None
        await ledger.rulings.set_basis(now.base_url, worker, "per_turn", 400_000_000)
    with cost_rows(path) as rows:
        entries: list[JournalEntry] = [*rows.journal(ChargeFilter())]
    assert [(one.cost_usd, one.reason, one.state) for one in entries] == [
        (None, "the turn started", "open"),
        ("0.5", "the turn was read", "provisional"),
        ("0.25", "the worker reported more", "provisional"),
    ]
    *_, last = entries
    assert last.after is not None
    assert (last.after.cost_usd, last.after.credits, last.host) == ("0.75", "8", "")
