"""Costs rows: a history opened for one look at its charges, without a thread and without a copy per row.

Everything one `CostRows` tells is from one moment, however long reading takes and
whoever writes meanwhile.
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

Cells = tuple[str | bytes | int | None, ...]

COLUMNS: Final = (
    *("turn_id", "session_id", "status", "budget", "at_ms", "told"),
    *("usd_pico", "micro_credits", "total_tokens"),
)
"""Of `CostRows.rows`. Ids and texts are as stored: `rows.unpack` reads them."""

HEAD: Final = ("turn_id", "session_id", "worker_id", "status", "budget", "started_by", "reading", "final")
"""Of `CostRows.records`, before the two texts."""
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
"""Members of the second text of `CostRows.records`."""
FIRST: Final = tuple(_FIRST)
"""Members of the first one."""


@dataclass(frozen=True, slots=True)
class Form:
    """How records are written: `named` as members of JSON, else as fields of CSV."""

    named: bool

    @property
    def null(self) -> str:
        """What stands for unknown."""
        return "null" if self.named else ""

    def pattern(self, members: Iterable[str]) -> str:
        """One %s per member."""
        return ",".join(f'"{member}":%s' if self.named else "%s" for member in members)

    def written(self, column: str) -> str:
        """SQL for one number: money as decimal text, exactly; credits and counts as numbers."""
        places = PLACES.get(column)
        if not places:
            return f"ifnull({column}, '{self.null}')"
        quote = '"' if self.named and column.endswith("_pico") else ""
        return f"ifnull('{quote}' || {_decimal(column, places)} || '{quote}', '{self.null}')"


def _decimal(column: str, places: int) -> str:
    unit = 10**places
    digits = f"rtrim(printf('%d.%0{places}d', abs({column} / {unit}), abs({column} % {unit})), '0')"
    # printf writes NULL as 0: no branch takes it, so that unknown never becomes zero.
    return (
        f"CASE WHEN {column} % {unit} = 0 THEN {column} / {unit}"
        f" WHEN {column} > 0 THEN {digits} WHEN {column} < 0 THEN '-' || {digits} END"
    )


class CostRows:
    """The charges of a history at one moment. Every method raises LedgerError."""

    def __init__(self, connection: sqlite3.Connection, problem: str | None) -> None:
        self._connection = connection
        self.problem = problem
        """One line for the person, where the history had to be mended."""

    def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        """Groups of turns: days in order of time, everything else the dearest first, unknown last."""
        with translated(reading=True):
            return buckets(self._connection, by, which)

    def any(self, which: ChargeFilter) -> bool:
        """Some turn is among those."""
        where, cells = condition(which)
        with translated(reading=True):
            found = self._connection.execute(f"SELECT 1 FROM turn_totals {where} LIMIT 1", cells)  # noqa: S608  # constants
            return found.fetchone() is not None

    def ids(self, column: str, prefix: str) -> list[str]:
        """The ids that a prefix names; an exact one wins alone. `column`: "worker_id" or "session_id"."""
        with translated(reading=True):
            found = self._connection.execute(
                f"SELECT DISTINCT {column} FROM turn_totals WHERE substr({column}, 1, ?) = ?",  # noqa: S608  # a name of ours
                (len(prefix), pack(prefix)),
            )
            ids = [unpack(row[0]) for row in found]
        return [prefix] if prefix in ids else sorted(ids)

    def rows(self, which: ChargeFilter) -> Iterator[Cells]:
        """One tuple of `COLUMNS` per turn, the newest first."""
        return self._each(", ".join(COLUMNS), which)

    def records(self, which: ChargeFilter, form: Form) -> Iterator[Cells]:
        """One tuple per turn, the newest first: `HEAD`, then `FIRST` and `SECOND` as texts of that form.

        The database writes the numbers: it takes a fifth of the time that they would take here.
        """
        first = f"printf('{form.pattern(FIRST)}', {', '.join(map(form.written, _FIRST.values()))})"
        second = f"printf('{form.pattern(SECOND)}', {', '.join(map(form.written, SECOND))})"
        return self._each(f"{', '.join(HEAD)}, {first}, {second}", which)

    def _each(self, columns: str, which: ChargeFilter) -> Iterator[Cells]:
        where, cells = condition(which, by_time=True)
        sql = f"SELECT {columns} FROM turn_totals {where} ORDER BY at_ms DESC, place DESC"  # noqa: S608  # constants
        with translated(reading=True):
            cursor = self._connection.cursor()
            cursor.row_factory = None
            # Not the cursor itself: left half read, it would be closed after its connection.
            yield from iter(cursor.execute(sql, cells).fetchone, None)

    def titles(self) -> dict[str | bytes, str]:
        """The titles of the sessions that are still known, by their id as stored."""
        with translated(reading=True):
            found = self._connection.execute("SELECT session_id, title FROM sessions WHERE title <> ''")
            return {row[0]: unpack(row[1]) for row in found}

    def newest_session(self, worker_id: str) -> Session | None:
        """The session here that a worker was last used in, with its turns; None when there is none."""
        with translated(reading=True):
            row = self._connection.execute(
                "SELECT session_id FROM sessions WHERE worker_id = ?"
                " ORDER BY updated_ms DESC, rowid DESC LIMIT 1",
                (pack(worker_id),),
            ).fetchone()
        return None if row is None else self.session(unpack(row[0]))

    def session(self, session_id: str) -> Session | None:
        """A session with its turns; None when it was deleted."""
        # Folding frames, 20 ms: only for this.
        from handinger_tui.ledger import turns  # noqa: PLC0415 - see above

        with translated(reading=True):
            return turns.load(self._connection, session_id, ())

    def gauges(
        self, session: Session | None, configured: Sequence[Limit], since_ms: int, *, simulated: bool
    ) -> tuple[Gauge, ...]:
        """The limits that count for a session (None: for any), and their spending from `since_ms` on."""
        # Needed for text alone.
        from handinger_tui.ledger.limits import LimitUsage  # noqa: PLC0415 - see above

        def in_force(typed: TypedLimits) -> tuple[Limit, ...]:
            kept = [limit for limit in configured if (limit.scope, limit.unit) not in typed.lifted]
            return effective((*typed.limits, *kept))

        with translated(reading=True):
            return LimitUsage().gauges(
                self._connection, session or Session("", 0), since_ms, simulated=simulated, in_force=in_force
            )


@contextmanager
def opened(path: Path) -> Iterator[CostRows]:
    """Open the history for reading; an empty one where there is none yet.

    Raises:
        LedgerError
    """
    patience = LockPatience(PATIENCE_S)
    source = patience.run(partial(open_to_read, path, patience.attempt_s))
    with closing(source.connection):
        # A damaged text must not hide the others: there is no second attempt in the middle of a page.
        source.connection.text_factory = readable
        with translated(reading=True):
            source.connection.execute("BEGIN")
        yield CostRows(source.connection, source.problem)
