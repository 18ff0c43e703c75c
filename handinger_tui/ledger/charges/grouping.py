"""Queries of charges: rows, exact sums over turns with their gaps, groups, and the typical cost of a turn."""

from __future__ import annotations

import sqlite3

# It imports asyncio, which the reading of costs without a thread does not need.
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.decimals import EXACT, INT64_MAX
from handinger_tui.core.figures import Costs, Usage
from handinger_tui.core.money.attribution import AmountBasis
from handinger_tui.core.money.reconciliation import Restatement, suspense_buckets
from handinger_tui.core.money.spending import (
    Bucket,
    ChargeFilter,
    GroupBy,
    SpendingSums,
    TurnCharge,
    account_name,
    sum_buckets,
)
from handinger_tui.core.money.typical_cost import Spread, TypicalCost, expected
from handinger_tui.core.periods import midnight_ms, week_days, week_name
from handinger_tui.core.tags import NO_LABELS, NO_TAG_RULES, TagRules
from handinger_tui.core.turns.turn import FREE, LIVE, NO_DAY, REFUSED, Trigger
from handinger_tui.ledger.charges.entries import (
    AMOUNT_COLUMNS,
    BIT,
    COST_BITS,
    COST_COLUMNS,
    COUNTS,
    DECIMALS,
    SUMMED,
    Cells,
    amount_in,
    condition_cells,
    rises,
)
from handinger_tui.ledger.labels import CHOSEN, Labeler
from handinger_tui.ledger.sql import (
    Cell,
    Row,
    int_or_none,
    int_or_zero,
    listed,
    pack,
    scaled,
    split,
    status_of,
    trigger_of,
    unpack,
    unpack_optional,
)

_FIRST_MS: Final = -62_000_000_000_000
_LAST_MS: Final = 253_000_000_000_000
"""Times in the years 5 and 9987: a time outside this range is clamped to it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


EVERYTHING: Final = ChargeFilter()


class Day(Struct, frozen=True):
    """A local day from `start_ms` (included) to `end_ms` (excluded); `name` is like "2026-11-25"."""

    name: str
    start_ms: int
    end_ms: int


def day_at(at_ms: int, zone: tzinfo | None) -> Day:
    """The local day of a time. `zone` None: the zone of the machine. A day may have 23 or 25 hours."""
    clamped = timedelta(milliseconds=min(max(at_ms, _FIRST_MS), _LAST_MS))
    day = (_EPOCH + clamped).astimezone(zone).date()
    start, end = midnight_ms(day, zone), midnight_ms(day + timedelta(days=1), zone)
    return Day(day.isoformat(), start, max(end, at_ms + 1))


_CONDITIONS: Final = {
    "since_ms": "at_ms >= :since_ms",
    "until_ms": f"at_ms < :until_ms AND at_ms > {NO_DAY}",
    "turn_id": "turn_id = :turn_id",
    "session_id": "session_id = :session_id",
    "worker_id": "worker_id = :worker_id",
    "budget": "budget = :budget",
    "simulated": "simulated = :simulated",
    "profile": "profile = :profile",
}


def condition(which: ChargeFilter, *more: str, by_time: bool = False) -> tuple[str, Cells]:
    """The WHERE clause over `turn_totals` ("" for all) and its parameters. `more`: further conditions.

    `by_time` makes the query planner use the index of times, for queries that go day by day. Where `which`
    depends on tags or projects, `labels.choose` comes before the query.
    """
    parameters = condition_cells(which, _CONDITIONS)
    # SQLite uses no index for a column with a unary plus before it.
    prefixes = {name: "+" if by_time and not name.endswith("_ms") else "" for name in parameters}
    terms = [prefixes[name] + _CONDITIONS[name] for name in parameters]
    terms += [CHOSEN.format("session_id")] if which.by_labels else []
    terms += more
    return ("WHERE " + " AND ".join(terms) if terms else ""), parameters


def gaps(name: str) -> str:
    """SQL for how many turns of a group lack a final value of one number; NULL over no turns.

    A second column has how many of these have a value so far.
    """
    is_missing = f"(1 - (reported >> {BIT[name]} & 1))"
    return f"SUM({is_missing}) AS {name}_gaps, SUM({is_missing} AND {name} IS NOT NULL) AS {name}_open"


UNSETTLED: Final = """
    MAX(confirmed IS NULL AND (usd_pico IS NOT NULL OR micro_credits IS NOT NULL)) AS unsettled
"""
"""SQL for whether a later reading may change an amount of a group."""


DOUBTS: Final = "MAX(doubtful) AS usd_pico_doubtful, MAX(credits_doubtful) AS micro_credits_doubtful"
"""SQL for whether an amount in a sum is doubtful."""
CERTAINTY: Final = f"{DOUBTS}, {UNSETTLED}"
"""SQL for both."""
_SUMS_OF_SPENT: Final = (
    ", ".join(f"{split(name)}, {gaps(name)}" for name in ("usd_pico", "micro_credits")) + f", {CERTAINTY}"
)


def spent(connection: sqlite3.Connection, which: ChargeFilter) -> SpendingSums:
    """Exact sums over turns, and what no turn explains.

    A turn counts at the time of its first charge, with all its corrections; suspense at that of the reading
    that showed it.
    """
    where, cells = condition(which)
    sql = f"SELECT COUNT(*) AS turns, {_SUMS_OF_SPENT} FROM turn_totals {where}"
    row = connection.execute(sql, cells).fetchone()
    unexplained = sum_buckets(suspense_buckets(rises(connection, which)))
    usd, credited = _total(row, "usd_pico"), _total(row, "micro_credits")
    return SpendingSums(row["turns"], usd + unexplained.usd, credited + unexplained.credits)


def _total(row: Row, name: str) -> Total:
    if not row["turns"]:
        return Total(Decimal(0))
    value = scaled(row[f"{name}_high"], row[f"{name}_low"], DECIMALS[name])
    if value is None and not row[f"{name}_gaps"]:
        # Every turn was free.
        return Total(Decimal(0))
    return Total(
        value,
        row[f"{name}_gaps"],
        bool(row[f"{name}_doubtful"]),
        row[f"{name}_open"],
        value is not None and bool(row["unsettled"]),
    )


_SCALES: Final = tuple(DECIMALS[name] for name in SUMMED)
_ALL_REPORTED: Final = sum(1 << BIT[name] for name in SUMMED)

_HEAD: Final = f"""
    COUNT(*) AS turns, SUM(incomplete) AS incomplete, MIN(NULLIF(at_ms, {NO_DAY})) AS first_ms,
    MAX(NULLIF(at_ms, {NO_DAY})) AS last_ms,
    SUM(reported <> {_ALL_REPORTED}) AS gappy, {DOUBTS}, SUM(status IN ({listed(REFUSED)})) AS free,
    {UNSETTLED}
"""
_QUICK: Final = f"{_HEAD}, {', '.join(f'0 AS {name}_high, SUM({name}) AS {name}_low' for name in SUMMED)}"
_SAFE: Final = f"{_HEAD}, {', '.join(map(split, SUMMED))}"
"""The same sums in a form that cannot overflow; it takes twice as long."""
_PLACES_OF_SUMS: Final = range(10, 10 + 2 * len(SUMMED), 2)
"""Indexes of the sums (high, low) in a row that holds a key, `_HEAD` and the sums."""
_GAPS: Final = f"{', '.join(map(gaps, SUMMED))}, SUM(reported & {COST_BITS} <> {COST_BITS}) AS unsplit"
_KEYS: Final = {
    GroupBy.TURN: "turn_id",
    GroupBy.SESSION: "session_id",
    # The bare column, NULL for a turn without a worker: SQLite groups along its index without sorting.
    GroupBy.WORKER: "worker_id",
    GroupBy.BUDGET: "COALESCE(budget, '')",
    GroupBy.PROFILE: "COALESCE(profile, '')",
    GroupBy.TRIGGER: f"COALESCE(started_by, '{Trigger.UNKNOWN}')",
    # As bytes: a damaged name must not fail the query.
    GroupBy.ACCOUNT: "CAST(COALESCE(profile, '') || char(10) || base_url AS BLOB)",
}
_TITLES: Final = {
    GroupBy.SESSION: "SELECT session_id, title FROM sessions",
    GroupBy.TURN: "SELECT t.turn_id, s.title FROM turn_totals t JOIN sessions s USING (session_id)",
}
_NO_MONEY: Final = Decimal(0)
_NO_TITLES: Final[Mapping[str | bytes | None, str]] = {}
_UNSPLIT: Final = 2 * len(SUMMED)
"""Index of `unsplit` in a row of `_GAPS`."""
_NO_GAPS: Final = (0,) * (_UNSPLIT + 1)
_CERTAIN: Final = (False,) * (len(SUMMED) - 2)
_IN_ORDER: Final = itemgetter(
    *map(SUMMED.index, ("usd_pico", "micro_credits", *COST_COLUMNS, "total_tokens"))
)
"""The sums in the order of a `Bucket`."""


def buckets(
    connection: sqlite3.Connection,
    by: GroupBy,
    which: ChargeFilter,
    zone: tzinfo | None = None,
    rules: TagRules = NO_TAG_RULES,
) -> list[Bucket]:
    """Groups of turns: periods in order of time, other groups by cost, highest first, unknown costs last.

    `zone` None: the zone of the machine. `rules`: for groups by tag or project. A session with several tags
    is in several groups.
    """
    if by is GroupBy.DAY:
        return list(_days(connection, which, zone))
    if by is GroupBy.WEEK:
        weeks = _merged((_week_of(day.key), day) for day in _days(connection, which, zone))
        titles = (" to ".join(map(str, week_days(week.key))) if week.key else "" for week in weeks)
        return [replace(week, title=title) for week, title in zip(weeks, titles, strict=True)]
    if by is GroupBy.MONTH:
        return _merged((one.key[:-3], one) for one in _days(connection, which, zone))
    if by in (GroupBy.TAG, GroupBy.PROJECT):
        return sorted(_merged(_labeled(connection, by, which, rules)), key=_by_cost)
    groups = _grouped(connection, by, which)
    if by is GroupBy.ACCOUNT:
        groups = _merged((account_name(*one.key.split("\n", 1)), one) for one in groups)
    return sorted(groups, key=_by_cost)


def _week_of(day: str) -> str:
    return week_name(date.fromisoformat(day)) if day else ""


def _merged(parts: Iterable[tuple[str, Bucket]]) -> list[Bucket]:
    """The sums of groups with the same new key, in order of their first part."""
    groups: dict[str, Bucket] = {}
    for key, part in parts:
        groups[key] = groups.get(key, Bucket(key)).merged(replace(part, title=""))
    return [*groups.values()]


def _labeled(
    connection: sqlite3.Connection, by: GroupBy, which: ChargeFilter, rules: TagRules
) -> Iterator[tuple[str, Bucket]]:
    """Each session with its project, or with each of its tags."""
    labels = {unpack(session): own for session, own in Labeler(connection, rules).all()}
    for session in _grouped(connection, GroupBy.SESSION, which):
        own = labels.get(session.key, NO_LABELS)
        keys = (own.tags or ("",)) if by is GroupBy.TAG else (own.project,)
        yield from ((key, session) for key in keys)


def _by_cost(bucket: Bucket) -> tuple[bool, Decimal, str]:
    """Sort key: highest cost first, unknown costs last."""
    usd = bucket.usd.value
    return (True, _NO_MONEY, bucket.key) if usd is None else (False, usd.copy_negate(), bucket.key)


def _grouped(connection: sqlite3.Connection, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
    titles = {row[0]: unpack(row[1]) for row in connection.execute(_TITLES[by])} if by in _TITLES else {}
    return _grouped_by(connection, _KEYS[by], which, titles=titles)


def _grouped_by(
    connection: sqlite3.Connection,
    key: str,
    which: ChargeFilter,
    *more: str,
    titles: Mapping[str | bytes | None, str] = _NO_TITLES,
) -> list[Bucket]:
    """A group for each value of `key`, which is SQL. `more`: further conditions."""
    where, cells = condition(which, *more)
    rows = _summed(connection, f"SELECT {key} AS key, %s FROM turn_totals {where} GROUP BY {key}", cells)
    gappy: dict[str | bytes | None, Sequence[int]] = {}
    if any(row["gappy"] for row in rows):
        # In a query of its own: turns with gaps are few, and there is an index of them.
        where, cells = condition(which, *more, f"reported <> {_ALL_REPORTED}")
        sql = f"SELECT {_GAPS}, {key} AS key FROM turn_totals {where} GROUP BY {key}"
        gappy = {row["key"]: row for row in connection.execute(sql, cells)}
    return [
        _bucket(unpack(row[0] or ""), row, gappy.get(row[0], _NO_GAPS), titles.get(row[0], ""))
        for row in rows
    ]


def _summed(connection: sqlite3.Connection, sql: str, cells: Cells) -> list[sqlite3.Row]:
    """The rows of `sql`, with the sums in place of its %s: exact for amounts of any size."""
    try:
        return connection.execute(sql % _QUICK, cells).fetchall()
    except sqlite3.OperationalError:
        # An overflow has no error code of its own; any other error is raised again by the second query.
        return connection.execute(sql % _SAFE, cells).fetchall()


def _days(connection: sqlite3.Connection, which: ChargeFilter, zone: tzinfo | None) -> Iterator[Bucket]:
    """One group per local day, along the index of times; days are exact at clock changes of `zone`.

    The first one, with the key "", has the turns without a known day; they are in no period.
    """
    if which.since_ms is None and which.until_ms is None:
        yield from _grouped_by(connection, "''", which, f"at_ms = {NO_DAY}")
    # The planner uses one lower bound with the index: it has to be the one that moves from day to day.
    # A damaged time belongs to no day.
    in_span = "at_ms >= :start AND at_ms < :end AND typeof(at_ms) = 'integer'"
    within, cells = condition(replace(which, since_ms=None, until_ms=None), in_span, by_time=True)
    next_one = f"SELECT at_ms FROM turn_totals {within} ORDER BY at_ms LIMIT 1"
    sums = f"SELECT NULL, %s FROM turn_totals {within}"
    missing = f"SELECT {_GAPS} FROM turn_totals {within} AND reported <> {_ALL_REPORTED}"
    start = -INT64_MAX if which.since_ms is None else which.since_ms
    end = INT64_MAX if which.until_ms is None else which.until_ms
    while row := connection.execute(next_one, cells | {"start": start, "end": end}).fetchone():
        day = day_at(row["at_ms"], zone)
        span = cells | {"start": row["at_ms"], "end": min(day.end_ms, end)}
        (summed,) = _summed(connection, sums, span)
        gappy: Sequence[int] = connection.execute(missing, span).fetchone() if summed["gappy"] else _NO_GAPS
        yield _bucket(day.name, summed, gappy)
        start = day.end_ms


def undated(connection: sqlite3.Connection, which: ChargeFilter) -> Bucket:
    """The sum of the turns without a known day, whatever the period of `which`."""
    which = replace(which, since_ms=None, until_ms=None)
    return sum_buckets(_grouped_by(connection, "''", which, f"at_ms = {NO_DAY}"))


def _bucket(key: str, row: sqlite3.Row, missing: Sequence[int], title: str = "") -> Bucket:
    """The value of a row that holds a key, `_HEAD` and the sums, read by position: faster for many rows."""
    doubts, unsettled = (bool(row[6]), bool(row[7]), *_CERTAIN), bool(row[9])
    sums = [
        Total(value, gaps_of_it, doubt, open_of_it, unsettled and value is not None)
        for at, places, gaps_of_it, open_of_it, doubt in zip(
            _PLACES_OF_SUMS, _SCALES, missing[:_UNSPLIT:2], missing[1:_UNSPLIT:2], doubts, strict=True
        )
        for value in (scaled(row[at], row[at + 1], places),)
    ]
    first_ms, last_ms = int_or_none(row[3]), int_or_none(row[4])
    ends: Any = (first_ms, last_ms, title, (), missing[_UNSPLIT], int_or_zero(row[8]))
    return Bucket(key, row[1], row[2], *_IN_ORDER(sums), *ends)


PROMPT: Final = "(SELECT substr(prompt, 1, 200) FROM turns WHERE turns.turn_id = t.turn_id) AS prompt"
"""SQL for the beginning of the message of a turn `t`; NULL when it was deleted."""


CLOSED: Final = """
    (NOT t.simulated AND EXISTS (SELECT 1 FROM closings k WHERE t.at_ms >= k.start_ms AND t.at_ms < k.end_ms
       AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.session_id = t.session_id AND c.turn_id = t.turn_id
                          AND c.id > k.charge))) AS closed
"""
"""SQL for whether a statement closed the month of a turn `t`, and nothing became known of it since."""


# -- turn by turn ------------------------------------------------------------------------
def turn_charges(
    connection: sqlite3.Connection, which: ChargeFilter, limit: int, offset: int
) -> list[TurnCharge]:
    """Turns with their present cost, newest turn first."""
    where, cells = condition(which)
    page = f"SELECT * FROM turn_totals {where} ORDER BY at_ms DESC, place DESC LIMIT :limit OFFSET :offset"
    sql = (
        f"SELECT t.*, s.title, {PROMPT} FROM ({page}) t LEFT JOIN sessions s USING (session_id)"
        " ORDER BY t.at_ms DESC, t.place DESC"
    )
    rows = connection.execute(sql, cells | {"limit": limit, "offset": offset})
    return [turn_charge(row) for row in rows]


def turn_charge(row: Row) -> TurnCharge:
    """The value of a row of `turn_totals` with the title of its session."""
    usd, credited, *costs = (amount_in(row, name) for name in AMOUNT_COLUMNS)
    if row["status"] in FREE:
        # The row leaves out zeros, so that they are in no sum.
        usd, credited = usd or _NO_MONEY, credited or _NO_MONEY
    return TurnCharge(
        turn_id=unpack(row["turn_id"]),
        session_id=unpack(row["session_id"]),
        worker_id=unpack_optional(row["worker_id"]),
        base_url=unpack(row["base_url"]),
        at_ms=int_or_zero(row["at_ms"]),
        status=status_of(row["status"]),
        budget=unpack_optional(row["budget"]),
        trigger=trigger_of(row["started_by"]),
        final=bool(row["final"]),
        confirmed=bool(row["confirmed"]),
        corrections=int_or_zero(row["corrections"]),
        usd=usd,
        credits=credited,
        usage=Usage(**{name: int_or_none(row[name]) for name in COUNTS}, credits=credited, cost_usd=usd),
        costs=Costs(*costs),
        sources=int_or_none(row["sources"]),
        elapsed_ms=int_or_none(row["elapsed_ms"]),
        title=unpack(row["title"] or ""),
        prompt=unpack(row["prompt"] or ""),
        most_usd=amount_in(row, "most_pico"),
        most_credits=amount_in(row, "most_micro"),
        doubtful=bool(row["doubtful"]),
        credits_doubtful=bool(row["credits_doubtful"]),
    )


# -- final amounts that changed ------------------------------------------------------------
_SUMS_BEFORE: Final = ", ".join(split(name, "before") for name in ("usd_pico", "micro_credits"))
_CHANGES: Final = " OR ".join(f"COALESCE(c.{name}, 0) <> 0" for name in AMOUNT_COLUMNS)
# `corrections` does not count the first amount, so most turns are omitted at once. With one MAX in the
# query, `before.reading` is that of the row with the greatest id.
_RESTATEMENTS: Final = f"""
    SELECT c.id, c.turn_id, c.session_id, c.worker_id, c.at_ms, c.usd_pico, c.micro_credits, c.reading,
           c.reason, c.retracted, MAX(before.id), before.reading AS old_reading, {_SUMS_BEFORE}
      FROM (SELECT session_id, turn_id, status FROM turn_totals {{where}}) t
      JOIN charges c ON c.session_id = t.session_id AND c.turn_id = t.turn_id AND c.kind = 'correction'
      JOIN charges before
        ON before.session_id = c.session_id AND before.turn_id = c.turn_id AND before.id < c.id
     WHERE c.id > :after AND ({_CHANGES})
     GROUP BY c.id HAVING SUM(before.final) OR (c.reason IS NOT NULL AND t.status NOT IN ({listed(LIVE)}))
     ORDER BY c.id
"""
_BASES: Final = frozenset((AmountBasis.TOTAL, AmountBasis.PER_TURN))


def restatements(connection: sqlite3.Connection, which: ChargeFilter, after: int = 0) -> list[Restatement]:
    """The restatements of turns that match `which`, with numbers above `after`, oldest first."""
    where, cells = condition(which, "corrections > 0")
    query = _RESTATEMENTS.format(where=where)
    return [_restatement(row) for row in connection.execute(query, {**cells, "after": after})]


def _restatement(row: Row) -> Restatement:
    old_usd, new_usd = _amounts(row, "usd_pico")
    old_credits, new_credits = _amounts(row, "micro_credits")
    bases = {reading_of(row["old_reading"]), reading_of(row["reading"])}
    return Restatement(
        number=row["id"],
        turn_id=unpack(row["turn_id"]),
        session_id=unpack(row["session_id"]),
        worker_id=unpack_optional(row["worker_id"]),
        at_ms=row["at_ms"],
        old_usd=old_usd,
        new_usd=new_usd,
        old_credits=old_credits,
        new_credits=new_credits,
        new_basis=bases == _BASES,
        ruling=unpack_optional(row["reason"]),
    )


def _amounts(row: Row, name: str) -> tuple[Decimal | None, Decimal | None]:
    """The amount before and after the correction, whose row holds the difference."""
    old = scaled(row[f"{name}_high"], row[f"{name}_low"], DECIMALS[name])
    change = amount_in(row, name)
    if int_or_zero(row["retracted"]) >> BIT[name] & 1:
        return old, None
    return old, old if change is None else change if old is None else EXACT.add(old, change)


# -- what a turn usually costs ---------------------------------------------------------------
SAMPLED_TURNS: Final = 100
"""Maximum number of ended turns, the newest, from which the typical cost is computed."""
_ENDED_TURNS: Final = f"""
      FROM turn_totals
     WHERE budget = :budget AND simulated = :simulated AND turn_id <> :without
       AND status NOT IN ({listed(FREE | LIVE)})
"""
_OWN_AMOUNTS: Final = f"SELECT usd_pico, micro_credits, reported {_ENDED_TURNS} AND shared_with IS NULL"
_SHARED_TURNS: Final = f"SELECT COUNT(*) {_ENDED_TURNS} AND shared_with IS NOT NULL"
"""Turns of whose amounts only a maximum is known."""
_SAMPLE: Final = f" ORDER BY at_ms DESC, place DESC LIMIT {SAMPLED_TURNS}"
_OF_TARGET: Final = " AND worker_id = :worker"
_OF_TEMPLATE: Final = " AND session_id IN (SELECT session_id FROM sessions WHERE template = :worker)"
"""The turns of all sessions with a stored worker."""
_OF_ALL: Final = ""


def typical_cost(
    connection: sqlite3.Connection,
    worker_id: str | None,
    budget: str,
    *,
    simulated: bool,
    without: str = "",
) -> TypicalCost:
    """The cost of the newest ended turns of a worker at a budget; of all workers when it has no such turn.

    `worker_id`: a target, or a stored worker, whose targets all count. `without`: a turn that does not count.
    """
    cells: dict[str, Cell] = {"budget": pack(budget), "simulated": simulated, "without": pack(without)}
    whose = [_OF_ALL]
    if worker_id is not None:
        cells |= {"worker": pack(worker_id)}
        whose = [_OF_TARGET, _OF_TEMPLATE, _OF_ALL]
    for of in whose:
        if rows := connection.execute(_OWN_AMOUNTS + of + _SAMPLE, cells).fetchall():
            usd, credited = _spread(rows, "usd_pico"), _spread(rows, "micro_credits")
            return TypicalCost(budget, usd, credited, of is _OF_ALL)
    for of in whose:
        if shared := connection.execute(_SHARED_TURNS + of, cells).fetchone()[0]:
            return TypicalCost(budget, everywhere=of is _OF_ALL, shared=shared)
    return TypicalCost(budget, everywhere=True)


def _spread(rows: Iterable[Row], name: str) -> Spread:
    """What an amount will be. Where no finished worker reported it, it is not a typical cost."""
    bit = BIT[name]
    return expected(amount_in(row, name) if row["reported"] >> bit & 1 else None for row in rows)


def reading_of(stored: object) -> AmountBasis:
    """How the numbers of a turn were interpreted; NONE where that is damaged."""
    return _READINGS.get(stored, AmountBasis.NONE)


_READINGS: Final[dict[object, AmountBasis]] = {str(one): one for one in AmountBasis}


def session_total(row: Row, name: str, places: int, missing: int) -> Total:
    """The amount of a session in a row of the session list; `missing`: turns without a final one."""
    value = scaled(row[f"{name}_high"], row[f"{name}_low"], places)
    if value is None and not missing and row["charged"]:
        # Every turn was free.
        value = Decimal(0)
    open_turns = min(missing, row[f"{name}_open"])
    return Total(
        value,
        missing,
        bool(row[f"{name}_doubtful"]),
        open_turns,
        value is not None and bool(row["unsettled"]),
    )
