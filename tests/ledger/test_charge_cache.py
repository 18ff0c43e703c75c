"""Only the new charges of a session are compared with the record, and failed ones do not count as written."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.core.figures import Usage
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import Turn, TurnRequest, TurnStatus
from handinger_tui.ledger import turns as writes
from handinger_tui.ledger.charges.entries import CACHED_SESSIONS, ChargeCache, write_charges
from handinger_tui.ledger.charges.grouping import spent
from handinger_tui.ledger.database_file import open_database
from handinger_tui.ledger.sql import transaction
from tests.ledger.samples import session

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

LOOK = "SELECT * FROM turn_totals WHERE turn_id"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_database(tmp_path / "h.db", 1.0).connection
    yield connection
    connection.close()


def ended(number: int, usd: str | None = None) -> Turn:
    """A turn after which the worker reports this total; by default a cent per turn.

    The worker was read before it, so that no late cost of an earlier turn can be in its own.
    """

    def read(total: Decimal) -> Snapshot:
        return Snapshot("wrk_1", "completed", usage=Usage(cost_usd=total))

    before, total = Decimal(number - 1) / 100, Decimal(number) / 100 if usd is None else Decimal(usd)
    what = TurnRequest(f"turn_{number}", "hello", number, target_id="wrk_1" if number > 1 else None)
    return Turn(
        what,
        status=TurnStatus.COMPLETED,
        worker_id="wrk_1",
        before=read(before) if number > 1 else None,
        sent_ms=number,
        snapshot=read(total),
        ended_ms=number,
    )


def long(turns: int) -> Session:
    now = session()
    for number in range(1, turns + 1):
        now = put_turn(now, ended(number))
    return now


def looks(connection: sqlite3.Connection, now: Session, compared: ChargeCache) -> int:
    """Charge the session; returns how many turns of the record were read for it."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    writes.charge(connection, now, compared)
    connection.set_trace_callback(None)
    return sum(one.startswith(LOOK) for one in statements)


def _write_and_fail(connection: sqlite3.Connection, now: Session, compared: ChargeCache) -> None:
    with transaction(connection):
        write_charges(connection, now, compared)
        raise RuntimeError


def usd(connection: sqlite3.Connection) -> Decimal | None:
    return spent(connection, ChargeFilter()).usd.value


def test_the_compared_charges_do_not_grow_with_the_session(database: sqlite3.Connection) -> None:
    now, compared = long(60), ChargeCache()
    assert looks(database, now, compared) == 2 * 60
    # They are read back once.
    assert looks(database, now, compared) == 60
    assert looks(database, now, compared) == 0
    now = put_turn(now, ended(61))
    assert looks(database, now, compared) == 2
    assert looks(database, now, compared) == 1
    assert looks(database, now, compared) == 0
    assert usd(database) == Decimal("0.61")


def test_a_decreasing_reading_changes_no_earlier_turn(database: sqlite3.Connection) -> None:
    now, compared = long(20), ChargeCache()
    for _ in range(2):
        writes.charge(database, now, compared)
    assert usd(database) == Decimal("0.20")
    now = put_turn(now, ended(21, "0.001"))
    writes.charge(database, now, compared)
    assert usd(database) == Decimal("0.201")


def test_rolled_back_charges_are_written_the_next_time(database: sqlite3.Connection) -> None:
    now, compared = long(3), ChargeCache()
    for _ in range(2):
        writes.charge(database, now, compared)
    now = put_turn(now, ended(4))
    with pytest.raises(RuntimeError):
        _write_and_fail(database, now, compared)
    assert usd(database) == Decimal("0.03")
    writes.charge(database, now, compared)
    assert usd(database) == Decimal("0.04")


def test_another_database_holds_none_of_it(database: sqlite3.Connection, tmp_path: Path) -> None:
    now, compared = long(3), ChargeCache()
    for _ in range(2):
        writes.charge(database, now, compared)
    other = open_database(tmp_path / "other.db", 1.0).connection
    writes.charge(other, now, compared)
    assert usd(other) == Decimal("0.03")
    other.close()


def test_only_some_sessions_are_remembered(database: sqlite3.Connection) -> None:
    compared = ChargeCache()
    entries = []
    for number in range(CACHED_SESSIONS + 1):
        own = replace(long(1), session_id=f"ses_{number}")
        turn = replace(own.turns[0], request=replace(own.turns[0].request, turn_id=f"turn_of_{number}"))
        own = replace(own, turns=(turn,))
        for _ in range(2):
            writes.charge(database, own, compared)
        entries.append((own, compared.of(database, own)))
    *_, (newest, of_newest) = entries
    (oldest, of_oldest), *_ = entries
    assert compared.of(database, newest) is of_newest
    assert compared.of(database, oldest) is not of_oldest
    assert usd(database) == Decimal("0.01") * (CACHED_SESSIONS + 1)
