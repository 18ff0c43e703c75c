"""Cost rows: a history opened to read its charges once, without a thread and without an object per row.

All results of one `CostRows` are from one read transaction: they show the same state, however long the
reading takes and whatever other processes write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handinger_tui.core.money.limits import Gauge, Limit, effective
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy
from handinger_tui.core.turns.session import Session
from handinger_tui.ledger.grouping import PLACES, buckets, condition
from handinger_tui.ledger.opening import open_to_read, translated
from handinger_tui.ledger.process_locks import LockPatience
from handinger_tui.ledger.rows import pack, readable, unpack

if TYPE_CHECKING:
    from handinger_tui.ledger.limits import TypedLimits

PATIENCE_S: Final = 5.0
"""Seconds to wait for a lock of another process."""

Cells = tuple[str | bytes | int | None, ...]

COLUMNS: Final = (
    *("turn_id", "session_id", "status", "budget", "at_ms", "told"),
    *("usd_pico", "micro_credits", "total_tokens"),
)
"""The columns of `CostRows.rows`. Ids and texts are as stored: decode them with `rows.unpack`."""

HEAD: Final = ("turn_id", "session_id", "worker_id", "status", "budget", "started_by", "reading", "final")
"""The columns of `CostRows.records` before the two formatted texts."""
_FIRST: Final = {
    "turns": "1",
    "incomplete": "incomplete",
    "cost_usd": "usd_pico",
    "credits": "micro_credits",
    "tokens": "total_tokens",
    "model_usd": "model_pico",
    "tool_usd": "tool_pico",
    "sandbox_usd": "sandbox_pico",
    "internal_usd": "internal_pico",
    "unpriced_turns": "1 - (told & 1)",
    "uncredited_turns": "1 - (told >> 1 & 1)",
    "uncounted_turns": "1 - (told >> 6 & 1)",
    "unsplit_turns": "told >> 2 & 15 <> 15",
    "first_ms": "at_ms",
    "last_ms": "at_ms",
}
SECOND: Final = (
    *("corrections", "at_ms"),
    *("input_tokens", "output_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("total_tokens", "steps", "duration_ms", "sources", "elapsed_ms"),
)
"""The members of the second text of `CostRows.records`."""
FIRST: Final = tuple(_FIRST)
"""The members of the first text of `CostRows.records`."""


@dataclass(frozen=True, slots=True)
class Form:
    """How records are formatted: `named` as members of a JSON object, else as fields of CSV."""

    named: bool

    @property
    def null(self) -> str:
        """The text for an unknown value."""
        return "null" if self.named else ""

    def pattern(self, members: Iterable[str]) -> str:
        """A printf pattern with one %s per member."""
        return ",".join(f'"{member}":%s' if self.named else "%s" for member in members)

    def sql_of(self, column: str) -> str:
        """SQL that formats one number exactly: money as decimal text, credits and counts as numbers."""
        places = PLACES.get(column)
        if not places:
            return f"ifnull({column}, '{self.null}')"
        quote = '"' if self.named and column.endswith("_pico") else ""
        return f"ifnull('{quote}' || {_decimal(column, places)} || '{quote}', '{self.null}')"


def _decimal(column: str, places: int) -> str:
    unit = 10**places
    digits = f"rtrim(printf('%d.%0{places}d', abs({column} / {unit}), abs({column} % {unit})), '0')"
    # printf formats NULL as 0. NULL matches no branch here, so that unknown never becomes zero.
    return (
        f"CASE WHEN {column} % {unit} = 0 THEN {column} / {unit}"
        f" WHEN {column} > 0 THEN {digits} WHEN {column} < 0 THEN '-' || {digits} END"
    )


class CostRows:
    """The charges of a history in one read transaction. Every method raises LedgerError."""

    def __init__(self, connection: sqlite3.Connection, problem: str | None) -> None:
        self._connection = connection
        self.problem = problem
        """One line for the user about a problem with the history; None when there is none."""

    def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        """Groups of turns: days in order of time, other groups by cost, highest first, unknown last."""
        with translated(reading=True):
            return buckets(self._connection, by, which)

    def any(self, which: ChargeFilter) -> bool:
        """Whether any turn matches `which`."""
        where, cells = condition(which)
        with translated(reading=True):
            rows = self._connection.execute(f"SELECT 1 FROM turn_totals {where} LIMIT 1", cells)  # noqa: S608  # constants
            return rows.fetchone() is not None

    def ids(self, column: str, prefix: str) -> list[str]:
        """The ids that begin with `prefix`; an exact one wins. `column`: "worker_id" or "session_id"."""
        with translated(reading=True):
            rows = self._connection.execute(
                f"SELECT DISTINCT {column} FROM turn_totals WHERE substr({column}, 1, ?) = ?",  # noqa: S608  # a name of ours
                (len(prefix), pack(prefix)),
            )
            ids = [unpack(row[0]) for row in rows]
        return [prefix] if prefix in ids else sorted(ids)

    def rows(self, which: ChargeFilter) -> Iterator[Cells]:
        """One tuple of `COLUMNS` per turn, newest first."""
        return self._each(", ".join(COLUMNS), which)

    def records(self, which: ChargeFilter, form: Form) -> Iterator[Cells]:
        """One tuple per turn, newest first: `HEAD`, then `FIRST` and `SECOND` as one text each, in that form.

        The database formats the numbers: it takes a fifth of the time that Python would.
        """
        first = f"printf('{form.pattern(FIRST)}', {', '.join(map(form.sql_of, _FIRST.values()))})"
        second = f"printf('{form.pattern(SECOND)}', {', '.join(map(form.sql_of, SECOND))})"
        return self._each(f"{', '.join(HEAD)}, {first}, {second}", which)

    def _each(self, columns: str, which: ChargeFilter) -> Iterator[Cells]:
        where, cells = condition(which, by_time=True)
        sql = f"SELECT {columns} FROM turn_totals {where} ORDER BY at_ms DESC, place DESC"  # noqa: S608  # constants
        with translated(reading=True):
            cursor = self._connection.cursor()
            cursor.row_factory = None
            # Not the cursor itself: one that is not read to its end would be closed after its connection.
            yield from iter(cursor.execute(sql, cells).fetchone, None)

    def titles(self) -> dict[str | bytes, str]:
        """The titles of the stored sessions, by the session id as stored."""
        with translated(reading=True):
            rows = self._connection.execute("SELECT session_id, title FROM sessions WHERE title <> ''")
            return {row[0]: unpack(row[1]) for row in rows}

    def newest_session(self, worker_id: str) -> Session | None:
        """The stored session that last used a worker, with its turns; None when there is none."""
        with translated(reading=True):
            row = self._connection.execute(
                "SELECT session_id FROM sessions WHERE worker_id = ?"
                " ORDER BY updated_ms DESC, rowid DESC LIMIT 1",
                (pack(worker_id),),
            ).fetchone()
        return None if row is None else self.session(unpack(row[0]))

    def session(self, session_id: str) -> Session | None:
        """A session with its turns; None when it is not stored."""
        from handinger_tui.ledger import turns  # noqa: PLC0415 - its import takes 20 ms, needed only here

        with translated(reading=True):
            return turns.load(self._connection, session_id, ())

    def gauges(
        self, session: Session | None, configured: Sequence[Limit], since_ms: int, *, simulated: bool
    ) -> tuple[Gauge, ...]:
        """A gauge for each limit of a session (None: of any session); the day begins at `since_ms`."""
        from handinger_tui.ledger.limits import LimitUsage  # noqa: PLC0415 - needed only for text output

        def in_force(typed: TypedLimits) -> tuple[Limit, ...]:
            remaining = [limit for limit in configured if (limit.scope, limit.unit) not in typed.lifted]
            return effective((*typed.limits, *remaining))

        with translated(reading=True):
            return LimitUsage().gauges(
                self._connection, session or Session("", 0), since_ms, simulated=simulated, in_force=in_force
            )


@contextmanager
def opened(path: Path) -> Iterator[CostRows]:
    """Open the history for reading; it is empty where there is no file yet.

    Raises:
        LedgerError
    """
    patience = LockPatience(PATIENCE_S)
    source = patience.run(partial(open_to_read, path, patience.attempt_s))
    with closing(source.connection):
        # A damaged text must not hide the others: a query that is half read cannot be repeated.
        source.connection.text_factory = readable
        with translated(reading=True):
            source.connection.execute("BEGIN")
        yield CostRows(source.connection, source.problem)
