"""The journal, read from charges and suspense: each row with its reason and the readings around it."""

from __future__ import annotations

from bisect import bisect_right
from heapq import merge
from operator import add, attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from handinger_tui.core.decimals import json_amount, scaled_text
from handinger_tui.core.figures import FIGURES, Costs, Usage, cost_of, usage_and_costs
from handinger_tui.core.formatting import time_in_zone
from handinger_tui.core.jsontext import NotJson, as_object, parse
from handinger_tui.core.money.attribution import AmountBasis
from handinger_tui.core.money.events import Read, Sent
from handinger_tui.core.money.journal import (
    EntryFacts,
    JournalEntry,
    JournalReading,
    entry_reason,
)
from handinger_tui.core.money.spending import host_of, stored_state
from handinger_tui.core.money.turn_events import events_of_other
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import NO_LABELS, TagRules
from handinger_tui.core.turns.session import OtherTurn
from handinger_tui.core.turns.turn import NO_DAY
from handinger_tui.ledger.charges.entries import CARRIED, DECIMALS, SUMMED, rise_condition, rises
from handinger_tui.ledger.charges.grouping import PROMPT, condition, reading_of
from handinger_tui.ledger.charges.turn_records import cell_text
from handinger_tui.ledger.labels import Labeler
from handinger_tui.ledger.sql import (
    Row,
    int_or_none,
    int_or_zero,
    status_of,
    trigger_of,
    unpack,
    unpack_optional,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from handinger_tui.core.money.spending import ChargeFilter

_MEMBERS: Final = {figure.column: figure.name.removeprefix("total_") for figure in FIGURES if figure.summed}
"""The changes of an entry, by the columns of the numbers that are summed."""
_TOTALS: Final = ", ".join(f"t.{name} AS {name}_total" for name in SUMMED)
_OF_TURN: Final = ("turn_id", "session_id", "worker_id", "base_url", "profile", "budget", "started_by")
_KEY_TAIL: Final = """
    (SELECT k.key_tail FROM charges k WHERE k.turn_id = t.turn_id AND k.key_tail IS NOT NULL
      ORDER BY k.id DESC LIMIT 1) AS of_key_tail
"""
# What is selected are turns, as in all sums, whatever a row said of its turn when it was written. A turn that
# went back to the queue has rows from before its present start, which are in no sum.
_CHARGES: Final = f"""
    SELECT {", ".join(f"t.{name} AS of_{name}" for name in _OF_TURN)}, t.at_ms AS counted_ms, {_TOTALS},
           {PROMPT}, {_KEY_TAIL}, c.*
      FROM (SELECT * FROM turn_totals {{where}}) t
      LEFT JOIN charges c ON c.turn_id = t.turn_id AND c.id >= t.place
     ORDER BY c.id
"""
_SUSPENSE: Final = f"""
    SELECT s.*, MIN(f.id) AS number, {" OR ".join(f"TOTAL(f.{name})" for name in SUMMED)} AS remains
      FROM (SELECT * FROM suspense {{where}}) s
      JOIN suspense f ON f.base_url = s.base_url AND f.worker_id = s.worker_id AND f.seen_ms = s.seen_ms
     GROUP BY s.id ORDER BY s.id
"""
UNASSIGNED: Final = "unassigned"
_EVENTS: Final = "SELECT turn_id, events FROM worker_turns WHERE base_url = ? AND worker_id = ?"


def journal(connection: sqlite3.Connection, which: ChargeFilter, rules: TagRules) -> Iterator[JournalEntry]:
    """The entries of what `which` selects, in order of time. `labels.choose` comes before.

    Their changes add up to the amounts of the selected turns and suspense, exactly.
    """
    return _Journal(connection, rules).entries(which)


class _Seen(NamedTuple):
    """What the entries of a turn have said so far. `sums`: of their changes; `row`: the newest one."""

    facts: EntryFacts
    at_ms: int
    own: JournalReading | None
    """What the service has reported of this turn alone."""
    sums: list[int]
    row: Row


class _Line(NamedTuple):
    """An entry without what it says of its turn."""

    number: int
    kind: str
    at_ms: int
    reason: str
    before: JournalReading | None = None
    after: JournalReading | None = None


class _Journal:
    def __init__(self, connection: sqlite3.Connection, rules: TagRules) -> None:
        self._connection = connection
        self._labeler = Labeler(connection, rules)
        self._labels = dict(self._labeler.all())
        self._workers: dict[tuple[Any, Any], _WorkerReadings] = {}

    def entries(self, which: ChargeFilter) -> Iterator[JournalEntry]:
        """All entries."""
        yield from merge(self._charges(which), self._suspense(which), key=attrgetter("at_ms"))

    def _readings(self, base_url: Any, worker_id: Any) -> _WorkerReadings:
        key = base_url, worker_id
        if key not in self._workers:
            self._workers[key] = _WorkerReadings(self._connection.execute(_EVENTS, key))
        return self._workers[key]

    # -- charges ---------------------------------------------------------------------------
    def _charges(self, which: ChargeFilter) -> Iterator[JournalEntry]:
        where, cells = condition(which)
        seen: dict[Any, _Seen] = {}
        for row in self._connection.execute(_CHARGES.format(where=where), cells):
            turn, before = row["of_turn_id"], seen.get(row["of_turn_id"])
            changes = [int_or_zero(row[name]) for name in SUMMED]
            sums = changes if before is None else [*map(add, before.sums, changes)]
            facts, at_ms = _facts(row, empty=not any(sums)), int_or_zero(row["at_ms"])
            own = _own_reading(row, at_ms)
            seen[turn] = _Seen(facts, at_ms, own, sums, row)
            if row["id"] is None:
                # Only its sums are left.
                continue
            readings = self._readings(row["of_base_url"], row["of_worker_id"])
            if facts.basis is AmountBasis.PER_TURN and not readings.reads:
                around = None if before is None else before.own, own
            else:
                began_ms = at_ms if before is None else max(before.at_ms, readings.sent_ms.get(turn, 0))
                around = readings.at(min(began_ms, at_ms)), readings.at(at_ms)
            reason = entry_reason(None if before is None else before.facts, facts, changes)
            numbers = {name: int_or_none(row[name]) for name in SUMMED}
            kind = "carried" if facts.ruling == CARRIED else row["kind"]
            yield self._entry(_Line(int(row["id"]), kind, at_ms, reason, *around), numbers, row, facts)
        for one in seen.values():
            totals = (int_or_zero(one.row[f"{name}_total"]) for name in SUMMED)
            lost = {name: total - own for name, total, own in zip(SUMMED, totals, one.sums, strict=True)}
            if any(lost.values()):
                yield self._entry(_Line(0, "carried", one.at_ms, CARRIED), lost, one.row, one.facts)

    def _entry(
        self, line: _Line, numbers: Mapping[str, int | None], row: Row, facts: EntryFacts
    ) -> JournalEntry:
        labels = self._labels.get(row["of_session_id"], NO_LABELS)
        counted_ms = None if row["counted_ms"] == NO_DAY else int_or_zero(row["counted_ms"])
        return JournalEntry(
            number=line.number,
            kind=line.kind,
            time=time_in_zone(line.at_ms),
            at_ms=line.at_ms,
            counted=(time_in_zone(counted_ms) or "")[:10] or None,
            counted_ms=counted_ms,
            turn_id=cell_text(row["of_turn_id"]),
            session_id=cell_text(row["of_session_id"]),
            worker_id=cell_text(row["of_worker_id"]),
            prompt=cell_text(row["prompt"]),
            project=labels.project or None,
            tags=[*labels.tags],
            profile=cell_text(row["of_profile"]),
            key_tail=cell_text(row["of_key_tail"]),
            host=clean_line(host_of(unpack(row["of_base_url"]))),
            budget=cell_text(row["of_budget"]),
            trigger=str(trigger_of(row["of_started_by"])),
            **_amounts(numbers),
            credit_usd=None,
            reason=clean_line(line.reason),
            before=line.before,
            after=line.after,
            state=facts.state,
            shared_with=int_or_none(row["shared_with"]),
            doubtful=bool(row["doubtful"] or row["credits_doubtful"]),
            unassigned=None,
        )

    # -- suspense --------------------------------------------------------------------------
    def _suspense(self, which: ChargeFilter) -> Iterator[JournalEntry]:
        selected = rise_condition(which)
        if selected is None:
            return
        where, cells = selected
        shown = {rise.number for rise in rises(self._connection, which)}
        for row in self._connection.execute(_SUSPENSE.format(where=where), cells):
            if row["remains"] and row["number"] not in shown:
                # A rise in categories alone is in no sum.
                continue
            numbers = {name: int_or_none(row[name]) for name in SUMMED}
            at_ms, seen_ms = int_or_zero(row["at_ms"]), int_or_zero(row["seen_ms"])
            readings = self._readings(row["base_url"], row["worker_id"])
            is_less = any(int_or_zero(number) < 0 for number in numbers.values())
            reason = "a turn explains it now" if is_less else "no turn explains it"
            labels = self._labeler.of_worker(unpack(row["worker_id"]))
            yield JournalEntry(
                number=row["id"],
                kind=UNASSIGNED,
                time=time_in_zone(at_ms),
                at_ms=at_ms,
                counted=(time_in_zone(seen_ms) or "")[:10] or None,
                counted_ms=seen_ms,
                turn_id=None,
                session_id=None,
                worker_id=cell_text(row["worker_id"]),
                prompt=None,
                project=labels.project or None,
                tags=[*labels.tags],
                profile=None,
                key_tail=None,
                host=clean_line(host_of(unpack(row["base_url"]))),
                budget=None,
                trigger=None,
                **_amounts(numbers),
                credit_usd=None,
                reason=reason,
                before=readings.at(seen_ms - 1),
                after=readings.at(seen_ms),
                state=UNASSIGNED,
                shared_with=None,
                doubtful=bool(row["doubtful"]),
                unassigned=row["number"],
            )


class _WorkerReadings:
    """The readings of a worker that any turn on it has stored, in order of time."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.reads: list[JournalReading] = []
        self.sent_ms: dict[Any, int] = {}
        """When each turn was sent."""
        for row in rows:
            for at_ms, event in events_of_other(OtherTurn("", "", unpack(row["events"]))):
                if isinstance(event, Sent):
                    self.sent_ms[row["turn_id"]] = at_ms
                elif isinstance(event, Read) and (read := _reading(at_ms, *usage_and_costs(event.meters))):
                    self.reads.append(read)
        self.reads.sort(key=attrgetter("at_ms"))

    def at(self, at_ms: int) -> JournalReading | None:
        """The newest reading at a time."""
        place = bisect_right(self.reads, at_ms, key=attrgetter("at_ms"))
        return self.reads[place - 1] if place else None


def _reading(at_ms: int, usage: Usage, costs: Costs) -> JournalReading | None:
    """A reading; None where it has none of the figures."""
    usd, credit, tokens = cost_of(usage, costs), usage.credits, usage.total_tokens
    if usd is None and credit is None and tokens is None:
        return None
    return JournalReading(at_ms, json_amount(usd), json_amount(credit), tokens)


def _own_reading(row: Row, at_ms: int) -> JournalReading | None:
    """What a charge says that was reported of the turn alone."""
    try:
        exact = as_object(parse(unpack(row["exact"])))
    except NotJson:
        return None
    usd, credit, tokens = (exact.get(name) for name in ("cost_usd", "credits", "total_tokens"))
    if usd is credit is tokens is None:
        return None
    return JournalReading(
        at_ms,
        usd if isinstance(usd, str) else None,
        credit if isinstance(credit, str) else None,
        int(tokens) if isinstance(tokens, str) and tokens.isdecimal() else None,
    )


def _facts(row: Row, *, empty: bool) -> EntryFacts:
    status = status_of(row["status"])
    state = stored_state(status, final=bool(row["final"]), confirmed=bool(row["confirmed"]))
    return EntryFacts(reading_of(row["reading"]), status, state, unpack_optional(row["reason"]), empty)


def _amounts(numbers: Mapping[str, int | None]) -> dict[str, Any]:
    """The changes of an entry: amounts as text, tokens as a number."""
    return {
        member: number if number is None or not DECIMALS[column] else scaled_text(number, DECIMALS[column])
        for column, member in _MEMBERS.items()
        for number in (numbers[column],)
    }
