"""A file of the first version, with data, becomes one of the second."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import LedgerError
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.money.spending import ChargeFilter, GroupBy, SpendingSums
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import put_turn
from handinger_tui.core.turns.turn import StartPolicy, Trigger, TurnStatus
from handinger_tui.ledger.migrations import MIGRATIONS, begin_at
from tests.ledger.charge_rows import charges, spent
from tests.ledger.raw_rows import cells, old_file, put
from tests.ledger.samples import WORKER, answered, look, opened, play, session, turn_request

NEW = ("base_url", "started_by")


def old(turn_id: str, kind: str = "charge", **members: object) -> dict[str, object]:
    return {name: value for name, value in cells(turn_id, kind, **members).items() if name not in NEW}


def create_old_history(path: Path) -> None:
    file = old_file(path)
    for name, url in (("ses_1", "https://one.example"), ("ses_2", "local")):
        file.execute(
            "INSERT INTO sessions"
            " (session_id, generation, base_url, worker_id, title, created_ms, updated_ms)"
            " VALUES (?, 'workers', ?, ?, 'a title', 1, 2)",
            (name, url, WORKER),
        )
    file.execute(
        "INSERT INTO turns (turn_id, session_id, prompt, created_ms, attachments, status, run, settled_ms)"
        " VALUES ('t1', 'ses_1', 'hello', 5, '[]', 'completed', 'r', 9)"
    )
    put(
        file,
        old("t1", at_ms=10, usd_pico=500, final=0, status="unknown"),
        old("t2", at_ms=20, session_id="ses_2", usd_pico=7, micro_credits=3),
        old("t1", "correction", at_ms=30, usd_pico=-100, micro_credits=9, steps=4),
        old("t3", at_ms=40, session_id="deleted", worker_id=None, budget=None, final=0),
    )
    file.close()


def test_a_new_history_of_any_version_is_what_its_migrations_make() -> None:
    with closing(sqlite3.connect(":memory:")) as migrated:
        migrated.create_function("asked_key", 1, str)
        for version, statements in enumerate(MIGRATIONS, 1):
            for statement in statements:
                migrated.execute(statement)
            with closing(sqlite3.connect(":memory:")) as new:
                begin_at(new, version)
                assert new.execute("PRAGMA user_version").fetchone() == (version,)
                assert list(new.iterdump()) == list(migrated.iterdump())


async def test_totals_are_computed_from_the_existing_charges(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    create_old_history(path)
    async with opened(path) as ledger:
        assert ledger.problem is None
        third, second, first = await ledger.charges.turn_charges()
        assert (first.turn_id, first.at_ms, first.status, first.corrections) == (
            "t1",
            10,
            TurnStatus.COMPLETED,
            1,
        )
        assert (first.usd, first.credits) == (Decimal("4E-10"), Decimal("0.000009"))
        assert (first.usage.steps, first.usage.input_tokens, first.final) == (4, None, True)
        assert (first.base_url, first.trigger, first.title) == (
            "https://one.example",
            Trigger.UNKNOWN,
            "a title",
        )
        assert (first.sources, first.elapsed_ms) == (None, None)
        assert second.base_url == "local"
        assert (third.base_url, third.usd, third.final, third.title) == ("", None, False, "")
        assert await spent(ledger, ChargeFilter(simulated=True)) == SpendingSums(
            1, Total(Decimal("7E-12")), Total(Decimal("0.000003"))
        )
        assert await spent(ledger, ChargeFilter(simulated=False)) == SpendingSums(
            2, Total(Decimal("4E-10"), 1), Total(Decimal("0.000009"), 1)
        )
        assert [row.base_url for row in await charges(ledger)] == ["", "", "", ""]


async def test_an_old_session_can_be_continued(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    create_old_history(path)
    async with opened(path) as ledger:
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.turns[0].request.trigger is Trigger.UNKNOWN
        new = turn_request("t9", target_id=WORKER, trigger=Trigger.APP)
        await play(ledger, loaded, new, answered("0.5"))
        again = await ledger.load("ses_1")
        assert again is not None
        assert [turn.request.trigger for turn in again.turns] == [Trigger.UNKNOWN, Trigger.APP]
        groups = {bucket.key: bucket.turns for bucket in await ledger.charges.buckets(GroupBy.TRIGGER)}
        assert groups == {"app": 1, "unknown": 3}
    assert look(path, "SELECT name FROM sqlite_schema WHERE type = 'view'") == []


async def test_charges_of_a_running_program_of_the_first_version_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    create_old_history(path)
    async with opened(path) as ledger:
        await ledger.database.run(lambda db: put(db, old("t4", session_id="ses_2", usd_pico=1)))
        (bucket,) = await ledger.charges.buckets(GroupBy.TURN, ChargeFilter(simulated=True, since_ms=30))
        assert (bucket.key, bucket.usd.value) == ("t4", Decimal("1E-12"))


async def test_renamed_columns_keep_every_figure(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        begin_at(file, 23)
        put(
            file,
            cells("t1", at_ms=10, usd_pico=500, final=1, status="completed"),
            cells("t2", at_ms=20, usd_pico=7, micro_credits=3, final=1, status="failed"),
            cells("t3", at_ms=40, final=0, status="unknown"),
        )
        file.execute("INSERT INTO remote_turns VALUES ('', 'wrk_1', 'a key', 0, NULL, 't1')")
        before = sorted(map(tuple, file.execute("SELECT * FROM turn_totals")))
        reported = sorted(map(tuple, file.execute("SELECT turn_id, told FROM turn_totals")))
        remote = list(map(tuple, file.execute("SELECT * FROM remote_turns")))
    assert len({bits for _turn_id, bits in reported}) > 1
    async with opened(path) as ledger:
        assert ledger.problem is None
        await ledger.database.run(lambda db: put(db, cells("t4", usd_pico=1, final=1, status="completed")))
    # Columns of later versions come last.
    after = sorted(
        row[: len(before[0])] for row in look(path, "SELECT * FROM turn_totals") if "t4" not in row
    )
    assert (after, look(path, "SELECT * FROM remote_turns")) == (before, remote)
    assert sorted(look(path, "SELECT turn_id, reported FROM turn_totals WHERE turn_id <> 't4'")) == reported
    assert look(path, "SELECT usd_pico FROM turn_totals WHERE turn_id = 't4'") == [(1,)]


async def test_a_running_program_whose_columns_are_renamed_starts_and_closes_nothing(tmp_path: Path) -> None:
    """As one of the version before does, once this one has opened its history."""
    path, frames = tmp_path / "h.db", answered("0.75")
    following = turn_request("turn_2", target_id=WORKER)
    async with opened(path) as ledger:
        now = await play(ledger, session(), turn_request(), answered("0.5"))
        await ledger.limits.set_limit(now, Scope.DAY, Unit.USD, Decimal(5))
        await ledger.open_turn(now, following, start=StartPolicy.UNMEASURED)
        with closing(sqlite3.connect(path, isolation_level=None)) as newer:
            newer.execute("ALTER TABLE turn_totals RENAME COLUMN reported TO another_name")
            newer.execute("ALTER TABLE remote_turns RENAME COLUMN prompt_key TO another_key")
        for one in frames:
            ledger.append("turn_2", one)
        now = put_turn(now, fold(following, frames))
        with pytest.raises(LedgerError):
            await ledger.close_turn(now, "turn_2")
        for start in StartPolicy:
            with pytest.raises(LedgerError):
                await ledger.open_turn(now, turn_request("turn_3", target_id=WORKER), start=start)
        with pytest.raises(LedgerError):
            await ledger.limits.gauges(now)
    with closing(sqlite3.connect(path, isolation_level=None)) as newer:
        newer.execute("ALTER TABLE turn_totals RENAME COLUMN another_name TO reported")
        newer.execute("ALTER TABLE remote_turns RENAME COLUMN another_key TO prompt_key")
    # The answer that came meanwhile is stored, for the newer program to settle.
    async with opened(path) as ledger:
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert [turn.turn_id for turn in loaded.turns] == ["turn_1", "turn_2"]
        assert loaded.turns[1].answer == "an answer"
        assert [
            turn_id for turn_id, settled in look(path, "SELECT turn_id, settled_ms FROM turns") if not settled
        ]
