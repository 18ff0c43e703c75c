"""The database of a team: two tables, `shared_limits` and `shared_entries`, on a PostgreSQL server.

An entry says what a turn counts for in one scope ("day 2026-12-01", in UTC). Entries are summed whenever a
turn starts: no counter is kept that could differ from them. A start locks the rows of its limits, in the
order of their names, so that of several starts each sees what those before it have reserved.

Each write of a turn has a version that grows, and the newest one wins, whichever arrives last: a COMMIT
whose answer was lost can be repeated or taken back.

Every call opens a connection of its own and blocks for `DEADLINE_S` at most, so it belongs into a thread.
psycopg is imported with the first one.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from threading import Timer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from handinger_tui.core.errors import SharedUnreachable
from handinger_tui.core.safety import Secret, clean_line, is_loopback

if TYPE_CHECKING:
    import psycopg

DEADLINE_S: Final = 10.0
"""Within this time a call has ended, also where the server does not answer any more."""
CONNECT_S: Final = 4
STATEMENT_MS: Final = 8000
"""How long a statement may take, most of which is waiting for the lock of a limit."""
LAPSES: Final = timedelta(days=1)
"""After this time without news a reservation counts as a turn of unknown cost."""
CLOCKS_MAY_DIFFER: Final = timedelta(minutes=15)
"""The day of a turn is that of its own computer."""
EXTRA: Final = "pip install 'handinger-tui[shared]'"
SET_ONE: Final = "handinger-tui costs --shared-limit 'day 5'"
PROJECT: Final = "project "
"""Before the name of a project, in the names of limits and scopes."""

Connection = Any
"""A connection of psycopg, whose types would have to be imported."""


class EntryState(StrEnum):
    """What the amount of an entry is."""

    RESERVED = "reserved"
    """What the turn will probably cost; it is under way."""
    UNKNOWN = "unknown"
    """The same, of a turn that has ended or of which nothing was heard for a long time."""
    SETTLED = "settled"
    """What it cost."""
    RELEASED = "released"
    """Nothing: it was not sent, or was free."""


class TurnState(Struct, frozen=True):
    """A turn as its own history knows it. None as an amount: not known, so all that is left of a limit."""

    turn_id: str
    scopes: tuple[str, ...]
    account: str
    budget: str
    version: int
    state: EntryState
    pico: int | None
    micro: int | None


class StoredLimit(Struct, frozen=True):
    """A limit of the team. `name`: "day", "week", "month" or "project NAME"; None: none in that unit."""

    name: str
    pico: int | None
    micro: int | None


class ScopeSum(Struct, frozen=True):
    """What is settled in a scope: the sums, of how many entries, and how many have no amount."""

    pico: int = 0
    micro: int = 0
    turns: int = 0
    no_pico: int = 0
    no_micro: int = 0


class OpenEntry(Struct, frozen=True):
    """An entry that is not settled."""

    scope: str
    is_running: bool
    budget: str
    pico: int | None
    micro: int | None


class SharedState(Struct, frozen=True):
    """What a start has to know. `earlier`: amounts of settled turns, by budget, the newest first."""

    limits: tuple[StoredLimit, ...]
    sums: dict[str, ScopeSum]
    entries: tuple[OpenEntry, ...]
    earlier: dict[str, list[tuple[int | None, int | None]]]


class SpenderRow(Struct, frozen=True):
    """What one computer and account took in a scope."""

    scope: str
    host: str
    account: str
    turns: int
    pico: Decimal | None
    micro: Decimal | None
    open_turns: int
    """Turns that are under way or of unknown cost."""


class Overview(Struct, frozen=True):
    """The limits of a team with their scopes at a moment, and who spent what in these."""

    scopes: tuple[str, ...]
    state: SharedState
    rows: tuple[SpenderRow, ...]


_SETTINGS: Final = f"""
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {STATEMENT_MS}
"""
_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS shared_limits (
        scope text PRIMARY KEY,
        pico bigint CHECK (pico > 0),
        micro bigint CHECK (micro > 0)
    );
    CREATE TABLE IF NOT EXISTS shared_entries (
        turn_id text NOT NULL,
        scope text NOT NULL,
        pico bigint,
        micro bigint,
        state text NOT NULL CHECK (state IN ('reserved', 'unknown', 'settled', 'released')),
        host text NOT NULL,
        account text NOT NULL,
        budget text NOT NULL,
        expires timestamptz NOT NULL,
        version bigint NOT NULL,
        PRIMARY KEY (turn_id, scope)
    );
    CREATE INDEX IF NOT EXISTS shared_entries_in_scope ON shared_entries (scope, state)
"""
_LOCK: Final = "SELECT scope, pico, micro FROM shared_limits WHERE scope = ANY(%s) ORDER BY scope FOR UPDATE"
_PUT: Final = """
    INSERT INTO shared_entries
        (turn_id, scope, pico, micro, state, host, account, budget, expires, version)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, now() + %s, %s)
    ON CONFLICT (turn_id, scope) DO UPDATE SET
        pico = EXCLUDED.pico, micro = EXCLUDED.micro, state = EXCLUDED.state, host = EXCLUDED.host,
        account = EXCLUDED.account, budget = EXCLUDED.budget, expires = EXCLUDED.expires,
        version = EXCLUDED.version
    WHERE shared_entries.version < EXCLUDED.version
"""
# One statement, so that an entry which is settled in this moment is in one of both parts.
_SPENT: Final = """
    SELECT scope, 'settled', '', COALESCE(SUM(pico), 0), COALESCE(SUM(micro), 0), COUNT(*),
           COUNT(*) FILTER (WHERE pico IS NULL), COUNT(*) FILTER (WHERE micro IS NULL)
      FROM shared_entries WHERE scope = ANY(%(scopes)s) AND state = 'settled' GROUP BY scope
    UNION ALL
    SELECT scope, CASE WHEN state = 'reserved' AND expires > now() THEN 'reserved' ELSE 'unknown' END,
           budget, pico, micro, 1, 0, 0
      FROM shared_entries WHERE scope = ANY(%(scopes)s) AND state IN ('reserved', 'unknown')
"""
# A turn has one entry for its month.
_EARLIER: Final = """
    SELECT pico, micro FROM shared_entries
     WHERE state = 'settled' AND budget = %s AND scope LIKE 'month %%' ORDER BY expires DESC LIMIT 100
"""
_WHO: Final = """
    SELECT scope, host, account, COUNT(*), SUM(pico) FILTER (WHERE state = 'settled'),
           SUM(micro) FILTER (WHERE state = 'settled'), COUNT(*) FILTER (WHERE state <> 'settled')
      FROM shared_entries WHERE scope = ANY(%s) AND state <> 'released'
     GROUP BY scope, host, account ORDER BY scope, SUM(pico) DESC NULLS LAST, host, account
"""
_SET: Final = {
    unit: f"""
    INSERT INTO shared_limits (scope, {unit}) VALUES (%s, %s)
    ON CONFLICT (scope) DO UPDATE SET {unit} = EXCLUDED.{unit}
    """
    for unit in ("pico", "micro")
}


def limit_name(scope: str) -> str:
    """The limit that counts for a scope: "day" for "day 2026-12-01"; a project is its own."""
    return scope if scope.startswith(PROJECT) else scope.partition(" ")[0]


class SharedServer:
    """The database at a URL. Each method raises SharedUnreachable."""

    def __init__(self, url: Secret, host: str) -> None:
        """`host`: the name under which this computer has its entries."""
        self._url = url
        self.host = clean_line(host, 60).encode("utf-8", "replace").decode()
        parts = urlsplit(url.reveal())
        self._password = unquote(parts.password or "")
        self.place = f"{parts.hostname or ''}:{parts.port or 5432}{parts.path}"
        """Where it is, without user and password."""
        self.key = hashlib.sha256(self.place.encode()).hexdigest()[:16]
        """What tells it from other databases, in the history."""

    def reserve(
        self,
        turn: TurnState,
        at: datetime,
        pending: Sequence[TurnState],
        decide: Callable[[SharedState], TurnState],
    ) -> None:
        """Enter `pending`, and `turn` as `decide` returns it, which raises where a limit forbids it.

        What `decide` raises is raised here, after `pending` was committed.
        """
        refused: Exception | None = None
        with self._transaction() as connection:
            self._check_clock(connection, at)
            self._put(connection, pending)
            limits = _locked(connection, turn.scopes)
            try:
                entry = decide(_state(connection, turn.scopes, limits, turn))
            except Exception as problem:  # noqa: BLE001 - raised below, behind the commit
                refused = problem
            else:
                if self._put(connection, [entry]) != len(entry.scopes):
                    raise SharedUnreachable("another program has entered this turn")
        if refused is not None:
            raise refused

    def put(self, turns: Sequence[TurnState]) -> None:
        """Enter turns as they are now, all or none."""
        with self._transaction() as connection:
            self._put(connection, turns)

    def state(self, turn: TurnState, at: datetime) -> SharedState:
        """What a start of `turn` would see; nothing is written."""
        with self._transaction() as connection:
            self._check_clock(connection, at)
            return _state(connection, turn.scopes, _locked(connection, turn.scopes), turn)

    def overview(self, at: datetime) -> Overview:
        """All limits, and who spent what in the day, week and month of a moment and in projects."""
        with self._transaction() as connection:
            stored = connection.execute("SELECT scope, pico, micro FROM shared_limits ORDER BY scope")
            limits = tuple(StoredLimit(*row) for row in stored)
            projects = [one.name for one in limits if one.name.startswith(PROJECT)]
            scopes = (*scopes_at(at, ""), *projects)
            rows = connection.execute(_WHO, [list(scopes)])
            return Overview(
                scopes,
                _state(connection, scopes, limits),
                tuple(
                    SpenderRow(scope, clean_line(host, 60), clean_line(account, 120), *numbers)
                    for scope, host, account, *numbers in rows
                ),
            )

    def set_limit(self, name: str, unit: str, amount: int | None) -> None:
        """Store a limit for everybody, None lifts it. `unit`: "pico" or "micro". Makes the tables."""
        with self._transaction() as connection:
            connection.execute(_TABLES)
            connection.execute(_SET[unit], [name, amount])
            connection.execute("DELETE FROM shared_limits WHERE pico IS NULL AND micro IS NULL")

    # -- inside ------------------------------------------------------------------------------
    def _put(self, connection: Connection, turns: Sequence[TurnState]) -> int:
        """Enter turns in one order, so that no two programs wait for each other; how many entries are new."""
        rows = [
            (
                *(turn.turn_id, scope, turn.pico, turn.micro, str(turn.state), self.host, turn.account),
                *(turn.budget, LAPSES, turn.version),
            )
            for turn in sorted(turns, key=lambda one: one.turn_id)
            for scope in sorted(turn.scopes)
        ]
        cursor = connection.cursor()
        cursor.executemany(_PUT, rows)
        return int(cursor.rowcount)

    def _check_clock(self, connection: Connection, at: datetime) -> None:
        (now,) = connection.execute("SELECT now()").fetchone()
        if abs(now - at) > CLOCKS_MAY_DIFFER:
            raise SharedUnreachable("the clock of this computer differs from that of the database")

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A transaction in a connection of its own, which is cut after `DEADLINE_S`."""
        try:
            import psycopg  # only with the setting
        except ImportError:
            raise SharedUnreachable("psycopg is not installed", f"Install it: {EXTRA}.") from None
        try:
            with (
                psycopg.connect(
                    with_defaults(self._url.reveal()), connect_timeout=CONNECT_S, prepare_threshold=None
                ) as connection,
                cut_after(DEADLINE_S, connection),
            ):
                # What was committed while a start waited for a lock has to be in its sums.
                connection.execute(_SETTINGS)
                yield connection
                connection.commit()
        except psycopg.errors.UndefinedTable:
            raise SharedUnreachable("it has no tables yet", f"Set a limit: {SET_ONE}.") from None
        except (psycopg.Error, OSError) as problem:
            # Not `from problem`: psycopg may quote the URL.
            raise SharedUnreachable(self._reason(problem)) from None

    def _reason(self, problem: psycopg.Error | OSError) -> str:
        """One line about an error, without the password."""
        text = str(problem).strip() or type(problem).__name__
        if self._password:
            text = text.replace(self._password, "…").replace(self._url.reveal(), "…")
        first = text.splitlines()[0].rpartition("failed: ")[2]
        return f"{clean_line(first, 160).rstrip('.')} ({self.place})"


def with_defaults(url: str) -> str:
    """`url` with an encrypted connection to another machine, unless it says how to connect."""
    parts = urlsplit(url)
    if "sslmode=" in parts.query or is_loopback(parts.hostname or ""):
        return url
    return parts._replace(query="&".join(filter(None, [parts.query, "sslmode=require"]))).geturl()


@contextmanager
def cut_after(seconds: float, connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Cut a connection that is still in use after some time: psycopg waits for an answer without end."""
    with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as wire:

        def cut() -> None:
            with suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

        timer = Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _locked(connection: Connection, scopes: Sequence[str]) -> tuple[StoredLimit, ...]:
    names = sorted(map(limit_name, scopes))
    return tuple(StoredLimit(*row) for row in connection.execute(_LOCK, [names]))


def _state(
    connection: Connection,
    scopes: Sequence[str],
    limits: tuple[StoredLimit, ...],
    turn: TurnState | None = None,
) -> SharedState:
    """What is spent in some scopes. `turn`: one that is about to start."""
    sums: dict[str, ScopeSum] = {}
    entries: list[OpenEntry] = []
    for scope, state, budget, *numbers in connection.execute(_SPENT, {"scopes": list(scopes)}):
        figures = [None if one is None else int(one) for one in numbers]
        if state == EntryState.SETTLED:
            sums[scope] = ScopeSum(*(one or 0 for one in figures))
        else:
            entries.append(OpenEntry(scope, state == EntryState.RESERVED, budget, figures[0], figures[1]))
    amounts: list[OpenEntry | TurnState] = [*entries, *([] if turn is None else [turn])]
    unmeasured = {one.budget for one in amounts if one.pico is None and one.micro is None}
    earlier = {
        budget: [(pico, micro) for pico, micro in connection.execute(_EARLIER, [budget])]
        for budget in sorted(unmeasured)
    }
    return SharedState(limits, sums, tuple(entries), earlier)


def utc(at_ms: int) -> datetime:
    """A time in milliseconds, as the server has times."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def scopes_at(at: datetime, project: str) -> tuple[str, ...]:
    """The scopes for which a turn counts that starts at `at` in a project ("" for none).

    A day is one of UTC, since a team has several midnights.
    """
    periods = (f"day {at:%Y-%m-%d}", f"week {at:%G-W%V}", f"month {at:%Y-%m}")
    return (*periods, f"{PROJECT}{project}") if project else periods
