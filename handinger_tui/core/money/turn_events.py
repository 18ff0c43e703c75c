"""The turns of a worker, and what the person ruled, as its events in order of receipt."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import chain, compress, islice, repeat, zip_longest
from itertools import count as numbers
from operator import attrgetter, ne
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.decimals import INT64_MAX, decimal_text
from handinger_tui.core.figures import FIGURES, amount, count, numbers_of
from handinger_tui.core.jsontext import Json, NotJson, as_list, dump, parse
from handinger_tui.core.money.basis import Basis
from handinger_tui.core.money.events import Amount, Ended, Event, Key, Read, Sent
from handinger_tui.core.money.timeline import TimelineRulings
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import OtherTurn, Ruling, identical_prefix
from handinger_tui.core.turns.turn import FREE, LIVE, REFUSED, UNDECIDED, FigureRead, Turn, TurnStatus

AUTO: Final = "auto"
"""The meaning in a ruling that removes a pin: the readings decide again."""
BASES: Final = {str(basis): basis for basis in (Basis.LIFETIME, Basis.PER_TURN)}


def rulings_by(rulings: Sequence[Ruling], keys: Mapping[str, Key]) -> dict[str | None, TimelineRulings]:
    """The decisions in force for each worker. `keys`: turn id → key on the timelines."""
    bases: dict[str, Basis | None] = {}
    owners: dict[str, dict[int, Key]] = {}
    for ruling in rulings:
        if ruling.basis is not None:
            bases[ruling.worker_id] = BASES.get(ruling.basis)
        elif ruling.seen_ms is not None:
            of_worker = owners.setdefault(ruling.worker_id, {})
            of_worker.pop(ruling.seen_ms, None)
            if ruling.turn_id is not None and ruling.turn_id in keys:
                of_worker[ruling.seen_ms] = keys[ruling.turn_id]
    return {
        worker: TimelineRulings(bases.get(worker), owners.get(worker, {})) for worker in {*bases, *owners}
    }


def timeline_of(turn: Turn) -> str | None:
    """The key of the timeline of a turn: its worker.

    Imported turns have separate timelines: what a file says about a worker must not change an amount of this
    history.
    """
    worker = turn.target
    return worker if not turn.imported else f"{IMPORTED}{worker or ''}"


IMPORTED: Final = "\0imported "
"""The prefix of the timelines of imported turns. A service with ids that begin so hides costs of its own,
which it could also leave out."""


def is_of_file(timeline: str | None) -> bool:
    """Whether the key is that of a timeline of imported turns."""
    return timeline is not None and timeline.startswith(IMPORTED)


def newest_timeline(turns: Sequence[Turn]) -> str | None:
    """The key of the timeline of the newest turn that has a worker."""
    return next((timeline_of(turn) for turn in reversed(turns) if turn.target is not None), None)


class TimedEvent(NamedTuple):
    """An event and the time of its receipt in Unix milliseconds."""

    at_ms: int
    event: Event


def events_of_turn(turn: Turn, key: Key, *, creates: bool) -> list[TimedEvent]:
    """The events of a turn on the timeline of its worker, in order of receipt. `creates`: see `Sent`."""
    events: list[TimedEvent] = []

    def add(at_ms: int | None, event: Event) -> None:
        latest = events[-1].at_ms if events else turn.request.created_ms
        events.append(TimedEvent(latest if at_ms is None else max(at_ms, latest), event))

    read_before = turn.before is not None and (turn.before.usage.reported or turn.before.costs.reported)
    if turn.before is not None and read_before:
        add(turn.before_ms, _read(_figures_of(turn.before, 0)))
    reads = turn.reads or only_read(turn)
    if turn.status is TurnStatus.QUEUED and not reads:
        return events
    if turn.status in REFUSED:
        add(turn.sent_ms, Sent(key, refused=True))
    elif turn.status is not TurnStatus.NOT_SENT:
        # A turn that another program sent needs no reading before it.
        is_counted = turn.status is not TurnStatus.UNKNOWN
        # Earlier versions did not note when a turn was sent, but read the worker before it.
        is_adopted = turn.sent_ms is None and turn.before is None
        is_read = read_before or is_adopted
        add(turn.sent_ms, Sent(key, creates, is_read, False, is_counted, is_adopted, turn.was_last))
    ended_ms = None if turn.status in LIVE or turn.status in FREE else turn.ended_ms
    for read in reads:
        if ended_ms is not None and read.at_ms > ended_ms:
            add(ended_ms, Ended(key, turn.status in UNDECIDED))
            ended_ms = None
        add(read.at_ms, _read(read))
    if turn.status not in LIVE and turn.status not in FREE:
        add(ended_ms, Ended(key, turn.status in UNDECIDED))
    return events


def _figures_of(snapshot: Snapshot, at_ms: int) -> FigureRead:
    return FigureRead(at_ms, snapshot.usage, snapshot.costs, snapshot.busy, snapshot.prompts)


def only_read(turn: Turn) -> tuple[FigureRead, ...]:
    """The newest snapshot as the only reading, for a turn without stored readings."""
    if turn.snapshot is None:
        return ()
    moments = (turn.read_ms, turn.ended_ms, turn.sent_ms, turn.request.created_ms)
    read = _figures_of(turn.snapshot, next(moment for moment in moments if moment is not None))
    return (read,) if read.reported else ()


def _read(read: FigureRead) -> Read:
    return Read(numbers_of(read.usage, read.costs), read.busy, read.prompts)


# -- in order of receipt -----------------------------------------------------------------
class Scan(Struct, frozen=True):
    """The state after some turns that is needed for the events of the next one.

    `workers`: of turns that may have spent. `started_ms`: when the newest turn began. `ended_ms`: the latest
    end.
    """

    workers: frozenset[str | None] = frozenset()
    started_ms: int | None = None
    ended_ms: int | None = None


class WorkerEvent(NamedTuple):
    """An event on the timeline of a worker. `turn_id`: the turn for which it was received.

    `place`: the position of a turn of this session.
    """

    at_ms: int
    worker_id: str | None
    event: Event
    turn_id: str
    place: int = 0


_Placed = tuple[WorkerEvent, ...]
_BY_TIME: Final = attrgetter("at_ms")
_IN_ORDER: Final = attrgetter("at_ms", "place")
"""Within a millisecond in the order of the session."""


class EventOrder:
    """The events of the turns of a growing session, in order of receipt; `update` tells what has changed.

    Only the events of turns from the first changed one on are made again, and only what comes after the
    earliest event that they had or have is put in order again.
    """

    def __init__(self) -> None:
        self.events: list[WorkerEvent] = []
        self.newest: _Placed = ()
        """Those of the newest turn that has any."""
        self._turns: tuple[Turn, ...] = ()
        self._of_turn: list[_Placed] = []
        self._scans: list[Scan] = [Scan()]
        """The state before each turn, and that after all."""

    def update(self, turns: Sequence[Turn]) -> tuple[int, set[int]]:
        """Take the turns as they are now.

        Returns how many events at the front are the same, and the positions of turns with other events.
        """
        front = identical_prefix(self._turns, turns)
        old = self._of_turn[front:]
        del self._of_turn[front:], self._scans[front + 1 :]
        for at in range(front, len(turns)):
            placed, scan = _placed(turns, at, self._scans[at])
            self._of_turn.append(placed)
            self._scans.append(scan)
        self._turns = tuple(turns)
        self.newest = next((placed for placed in reversed(self._of_turn) if placed), ())
        pairs = enumerate(zip_longest(old, self._of_turn[front:], fillvalue=()), front)
        changed = {at: (before, now) for at, (before, now) in pairs if before != now}
        moments = [_first_difference(before, now) for before, now in changed.values()]
        if not moments:
            return len(self.events), set()
        cut_ms = min(moments)
        same = bisect_left(self.events, cut_ms, key=_BY_TIME)
        tail = [one for one in self.events[same:] if one.place not in changed]
        tail += [one for _, now in changed.values() for one in now if one.at_ms >= cut_ms]
        self.events[same:] = sorted(tail, key=_IN_ORDER)
        return same, {*changed}


def _first_difference(before: _Placed, now: _Placed) -> int:
    """The time of the first event that only one of both has."""
    at = equal_prefix(before, now)
    return min(one.at_ms for one in (*before[at : at + 1], *now[at : at + 1]))


def equal_prefix(old: Sequence[object], new: Sequence[object]) -> int:
    """The length of the common prefix of equal items; see also `identical_prefix`."""
    return next(compress(numbers(), map(ne, old, new)), min(len(old), len(new)))


def _placed(turns: Sequence[Turn], at: int, scan: Scan) -> tuple[_Placed, Scan]:
    """The events of one turn, and the state after it. `scan`: that before it."""
    turn = turns[at]
    worker = timeline_of(turn)
    if not turn.imported and at and turns[at - 1].imported:
        # The times in a file are not those of our clock.
        scan = replace(scan, started_ms=None)
    events = events_of_turn(turn, at, creates=creates_worker(turn, scan.workers))
    if turn.status not in FREE and worker not in scan.workers:
        scan = replace(scan, workers=scan.workers | {worker})
    if not events:
        return (), scan
    start_ms = events[0].at_ms
    late_ms = 0
    if scan.started_ms is not None and start_ms < scan.started_ms:
        # The clock went back: the order of the turns in the session is the right one, and this one began
        # after what is known of the others.
        ends = (scan.started_ms, scan.ended_ms)
        late_ms = 1 + max(moment for moment in ends if moment is not None) - start_ms
    placed = tuple(
        WorkerEvent(timed.at_ms + late_ms, worker, timed.event, turn.turn_id, at) for timed in events
    )
    ended_ms = placed[-1].at_ms if scan.ended_ms is None else max(scan.ended_ms, placed[-1].at_ms)
    return placed, replace(scan, started_ms=start_ms + late_ms, ended_ms=ended_ms)


def events_with_others(own: Iterable[WorkerEvent], others: Sequence[OtherTurn]) -> list[WorkerEvent]:
    """The events of all turns of a session and of those of other sessions, in order of receipt."""
    elsewhere = {other.turn_id for other in others}
    events = [placed for placed in own if placed.turn_id not in elsewhere]
    added = [
        WorkerEvent(timed.at_ms, other.worker_id, timed.event, other.turn_id)
        for other in others
        for timed in events_of_other(other)
    ]
    # A worker is created once. Two with the same id are different ones, whose figures cannot be combined.
    doubled = _created(events) & _created(added)
    events += [placed for placed in added if placed.worker_id not in doubled]
    # Every program must compute the same order, also within a millisecond. Then the turn that began first
    # comes first, as in its session; of two, the one that was adopted, whose message was there before.
    began_ms: dict[str, int] = {}
    sent: set[str] = set()
    for one in events:
        began_ms[one.turn_id] = min(one.at_ms, began_ms.get(one.turn_id, one.at_ms))
        if isinstance(one.event, Sent) and not one.event.adopted:
            sent.add(one.turn_id)
    events.sort(key=lambda one: (one.at_ms, began_ms[one.turn_id], one.turn_id in sent, one.turn_id))
    return events


def _created(events: Sequence[WorkerEvent]) -> set[str | None]:
    return {one.worker_id for one in events if isinstance(one.event, Sent) and one.event.creates}


def creates_worker(turn: Turn, timelines: Iterable[str | None]) -> bool:
    """Whether the turn creates its worker. One queued without a worker may get that of an earlier turn.

    `timelines`: those of the earlier turns of its session, without those that cost nothing (`FREE`).
    """
    if turn.request.target_id is not None:
        return False
    own = timeline_of(turn)
    earlier = [one for one in timelines if is_of_file(one) == is_of_file(own)]
    return not earlier or (turn.worker_id is not None and own not in earlier)


# -- turns of other sessions ---------------------------------------------------------------
def events_text(turn: Turn, *, creates: bool) -> str:
    """The events of a turn as JSON, for other sessions with the same worker."""
    events = events_of_turn(turn, "", creates=creates)
    # Figures of this turn alone are on no timeline, but a copy that lacks the newest of them is an older one.
    own = [[moment, "own"] for moment in turn.own_reads[-1:]]
    return dump([*([timed.at_ms, *_written(timed.event)] for timed in events), *own])


def sent_text(at_ms: int) -> str:
    """The events of a turn that is being sent, as `events_text`."""
    return dump([[at_ms, *_written(Sent(""))]])


_TIMES: Final = re.compile(r'\[(-?[0-9]+),"(?:sent|read|ended|own)"')
_NEVER_STARTED: Final = re.compile('"sent",(?:true|false),(?:true|false),true,')
_FOREVER_MS: Final = INT64_MAX
"""Newer than all: that a turn never started is final, although the doubt before it had a later end."""


def newest_ms(text: object) -> int:
    """The time of the newest event in the result of `events_text`; 0 without events."""
    events = str(text)
    if _NEVER_STARTED.search(events):
        return _FOREVER_MS
    return max(map(int, _TIMES.findall(events)), default=0)


def newest_event_ms(turn: Turn) -> int:
    """The time of the newest event of a turn; 0 without events."""
    if turn.status in FREE:
        return _FOREVER_MS
    events = events_of_turn(turn, "", creates=False)
    return max((*turn.own_reads[-1:], *(timed.at_ms for timed in events)), default=0)


def _written(event: Event) -> list[Json]:
    if isinstance(event, Read):
        figures = (decimal_text(one) if isinstance(one, Decimal) else one for one in event.meters)
        return ["read", event.busy, event.prompts, [*figures]]
    if isinstance(event, Sent):
        # As earlier versions wrote it where it is the last one.
        adopted = [True, *([] if event.last else [False])] if event.adopted else []
        return ["sent", event.creates, event.read_before, event.refused, event.counted, *adopted]
    return ["ended", event.left_running]


# Cached: the same turns are processed at each reading of a session.
@lru_cache(maxsize=1024)
def events_of_other(other: OtherTurn) -> tuple[TimedEvent, ...]:
    """The events of a turn of another session. Damaged ones are omitted."""
    try:
        rows = as_list(parse(other.events))
    except NotJson:
        return ()
    events = [_read_back(row, other.turn_id) for row in rows if isinstance(row, list)]
    return tuple(event for event in events if event is not None)


def has_ended(other: OtherTurn) -> bool:
    """Whether the end of a turn is stored."""
    events = [timed.event for timed in events_of_other(other)]
    return any(isinstance(one, Ended) or (isinstance(one, Sent) and one.refused) for one in events)


def _read_back(row: list[Json], key: Key) -> TimedEvent | None:
    match row:
        case [int(at_ms), "read", bool(busy), prompts, list(figures)]:
            # A reading has no number for a figure that is newer than itself.
            numbers = islice(chain(figures, repeat(None)), len(FIGURES))
            meters = tuple(map(_figure, numbers))
            return TimedEvent(at_ms, Read(meters, busy, count(prompts)))
        case [int(at_ms), "sent", bool(creates), bool(read_before), bool(refused), bool(counted), *adopted]:
            is_adopted, is_last = adopted[:1] == [True], adopted[1:] != [False]
            return TimedEvent(at_ms, Sent(key, creates, read_before, refused, counted, is_adopted, is_last))
        case [int(at_ms), "ended", bool(left_running)]:
            return TimedEvent(at_ms, Ended(key, left_running))
        case _:
            return None


def _figure(stored: Json) -> Amount | None:
    """A stored figure; None if it is damaged."""
    try:
        return amount(Decimal(stored)) if isinstance(stored, str) else count(stored)
    except InvalidOperation:
        return None
