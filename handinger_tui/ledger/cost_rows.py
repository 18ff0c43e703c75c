"""Cost rows: a history opened to read its charges once, without a thread.

All results of one `CostRows` are from one read transaction: they show the same state, however long the
reading takes and whatever other processes write.
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

from handinger_tui.core.documents import members
from handinger_tui.core.money.report_forms import ReportRows
from handinger_tui.core.money.report_json import group_of
from handinger_tui.core.money.spending import GroupBy
from handinger_tui.core.tags import NO_LABELS, NO_TAG_RULES
from handinger_tui.ledger import turns as turn_store
from handinger_tui.ledger.charges.grouping import CLOSED, PROMPT, buckets, condition, turn_charge
from handinger_tui.ledger.charges.journal import journal
from handinger_tui.ledger.charges.limits import LimitRules
from handinger_tui.ledger.charges.reports import read_report
from handinger_tui.ledger.charges.turn_records import turn_record
from handinger_tui.ledger.corrections import recompute
from handinger_tui.ledger.database_file import charges_before
from handinger_tui.ledger.labels import Labeler, choose
from handinger_tui.ledger.repair import open_or_salvage
from handinger_tui.ledger.sql import LOCK_WAIT_S, LockRetries, Row, pack, readable, translated, unpack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from handinger_tui.core.jsontext import JsonObject
    from handinger_tui.core.money.journal import JournalEntry
    from handinger_tui.core.money.report import Report, Selection
    from handinger_tui.core.money.spending import Bucket, ChargeFilter, TurnCharge
    from handinger_tui.core.tags import Labels, TagRules

PAGE: Final = 500
"""Number of rows that are read at a time."""


class CostRows:
    """The charges of a history in one read transaction. Every method raises LedgerError."""

    def __init__(self, connection: sqlite3.Connection, problem: str | None, tag_rules: TagRules) -> None:
        self._connection = connection
        self._tag_rules = tag_rules
        self.problem = problem
        """One line for the user about a problem with the history; None when there is none."""

    def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        """Groups of turns: periods in order of time, other groups by cost, highest first, unknown last."""
        with translated(reading=True):
            return buckets(self._connection, by, which, rules=self._tag_rules)

    def report(self, selection: Selection, rules: LimitRules) -> Report:
        """The report of a selection, with the limits of the newest session of its worker, or of its own."""
        which = selection.which
        newest = None if which.worker_id is None else self._newest_session(which.worker_id)
        session_id = newest or which.session_id
        with translated(reading=True):
            session = turn_store.load(self._connection, session_id, ()) if session_id else None
            choose(self._connection, self._tag_rules, which.admits)
            return read_report(self._connection, selection, rules, session)

    def rows(self, report: Report) -> ReportRows:
        """The rows of a report for its forms, each read when a form asks for it."""
        which = report.selection.which
        return ReportRows(
            partial(self._records, report),
            partial(self.turn_charges, which),
            partial(self.buckets, GroupBy.TURN, which),
            partial(self.journal, which),
        )

    def _records(self, report: Report) -> Iterator[JsonObject]:
        """The groups as JSON; turns and sessions with their tags and their project."""
        by = report.selection.by
        if by is GroupBy.TURN:
            titles, of_turns = self.titles(), self.labels()
            for row in self.turns(report.selection.which, f"{PROMPT}, {CLOSED}"):
                yield turn_record(row, titles, of_turns)
            return
        is_labeled = by is GroupBy.SESSION
        labels = {unpack(session): own for session, own in self.labels().items()} if is_labeled else {}
        for bucket in report.groups or ():
            group = members(group_of(bucket))
            if is_labeled:
                own = labels.get(bucket.key, NO_LABELS)
                group |= {"tags": [*own.tags], "project": own.project or None}
            yield group

    def journal(self, which: ChargeFilter) -> Iterator[JournalEntry]:
        """The entries of what `which` selects. `choose` comes before."""
        with translated(reading=True):
            yield from journal(self._connection, which, self._tag_rules)

    def choose(self, which: ChargeFilter) -> None:
        """Choose the sessions with the tag and project of `which`, for all queries that depend on them."""
        with translated(reading=True):
            choose(self._connection, self._tag_rules, which.admits)

    def labels(self) -> dict[str | bytes, Labels]:
        """Tags and project of each session, by the session id as stored."""
        with translated(reading=True):
            return dict(Labeler(self._connection, self._tag_rules).all())

    def any(self, which: ChargeFilter) -> bool:
        """Whether any turn matches `which`."""
        where, cells = condition(which)
        with translated(reading=True):
            rows = self._connection.execute(f"SELECT 1 FROM turn_totals {where} LIMIT 1", cells)
            return rows.fetchone() is not None

    def ids(self, column: str, prefix: str) -> list[str]:
        """The ids that begin with `prefix`; an exact one wins. `column`: "worker_id" or "session_id"."""
        with translated(reading=True):
            rows = self._connection.execute(
                f"SELECT DISTINCT {column} FROM turn_totals WHERE substr({column}, 1, ?) = ?",
                (len(prefix), pack(prefix)),
            )
            ids = [unpack(row[0]) for row in rows]
        return [prefix] if prefix in ids else sorted(ids)

    def base_url(self, worker_id: str) -> str:
        """The service of a worker, by its newest turn; "" where it has none."""
        query = "SELECT base_url FROM turn_totals WHERE worker_id = ? ORDER BY at_ms DESC LIMIT 1"
        with translated(reading=True):
            row = self._connection.execute(query, (pack(worker_id),)).fetchone()
        return "" if row is None else unpack(row["base_url"])

    def turns(self, which: ChargeFilter, more: str = "") -> Iterator[Row]:
        """The rows of `turn_totals`, newest turn first. Texts are as stored: decode with `sql.unpack`.

        `more`: SQL of more columns.
        """
        where, cells = condition(which, by_time=True)
        columns = f"t.*, {more}" if more else "t.*"
        sql = f"SELECT {columns} FROM turn_totals t {where} ORDER BY at_ms DESC, place DESC"
        with translated(reading=True):
            cursor = self._connection.execute(sql, cells)
            names = [column[0] for column in cursor.description]
            # Not the cursor itself: one that is not read to its end would be closed after its connection.
            for row in chain.from_iterable(iter(partial(cursor.fetchmany, PAGE), [])):
                # A `sqlite3.Row` searches for a column each time that it is read by name.
                yield dict(zip(names, row, strict=True))

    def turn_charges(self, which: ChargeFilter) -> Iterator[TurnCharge]:
        """The turns with their cost, newest first."""
        titles = self.titles()
        for row in self.turns(which, PROMPT):
            yield turn_charge({**row, "title": titles.get(row["session_id"], "")})

    def titles(self) -> dict[str | bytes, str]:
        """The titles of the stored sessions, by the session id as stored."""
        with translated(reading=True):
            rows = self._connection.execute("SELECT session_id, title FROM sessions WHERE title <> ''")
            return {row[0]: unpack(row[1]) for row in rows}

    def _newest_session(self, worker_id: str) -> str | None:
        """The id of the stored session that last used a worker; None when there is none."""
        with translated(reading=True):
            row = self._connection.execute(
                "SELECT session_id FROM sessions WHERE worker_id = ?"
                " ORDER BY updated_ms DESC, rowid DESC LIMIT 1",
                (pack(worker_id),),
            ).fetchone()
        return None if row is None else unpack(row[0])


@contextmanager
def opened(path: Path, as_of_ms: int | None = None, tag_rules: TagRules = NO_TAG_RULES) -> Iterator[CostRows]:
    """Open the history for reading; it is empty where there is no file yet.

    `as_of_ms`: read a copy in memory with only the charges from before this time. `tag_rules`: assign tags
    and projects.

    Raises:
        LedgerError
    """
    lock_retries = LockRetries(LOCK_WAIT_S)
    source = lock_retries.run(partial(open_or_salvage, path, lock_retries.attempt_s, check=True))
    connection = source.connection
    if not connection.execute("PRAGMA query_only").fetchone()[0]:
        # It was migrated just now.
        recompute(connection, time.time_ns() // 1_000_000)
    if as_of_ms is not None:
        with closing(source.connection), translated(reading=True):
            connection = charges_before(source.connection, as_of_ms)
    with closing(connection):
        # A damaged text must not hide the others: a query that is half read cannot be repeated.
        connection.text_factory = readable
        with translated(reading=True):
            connection.execute("BEGIN")
        yield CostRows(connection, source.problem, tag_rules)
