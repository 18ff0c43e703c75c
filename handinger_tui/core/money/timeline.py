"""The timeline of one worker: what its readings mean, and which amount belongs to which turn.

Events are added in order of receipt, and amounts can be read at any time. Every meter (one figure of a
reading) is judged separately. `docs/money.md` has the rules. Strangers are messages that others sent to the
worker: another key or person, a schedule, an email.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from decimal import Decimal
from itertools import chain, compress, count
from operator import ne
from types import MappingProxyType
from typing import Final, NamedTuple

from msgspec.structs import replace

from handinger_tui.core.money.basis import NO_EVIDENCE, Basis
from handinger_tui.core.money.events import Amount, Ended, Event, Key, Read, Sent
from handinger_tui.core.money.other_messages import OtherMessages
from handinger_tui.core.money.shares import Shared, Shares
from handinger_tui.core.turns.turn import EARLY_MS, LATE_MS, SETTLE_MS


class TimelineRulings(NamedTuple):
    """What the person decided about a worker.

    `basis`: of all meters; None: the readings decide. `owners`: the turn that owns a rise without an
    explanation, by the time of the reading that showed the rise.
    """

    basis: Basis | None = None
    owners: Mapping[int, Key] = MappingProxyType({})


NO_RULINGS: Final = TimelineRulings()


class Entry(NamedTuple):
    """What one turn used, by one meter.

    `amount`: what is entered for the turn; None: unknown. `most`: its maximum if it shares an amount with
    `others` other runs, or with earlier costs (`others` 0); None: it shares none. `doubtful`: the amount
    depends on the basis of the meter, which is undecided. `open`: a part of the amount is still unknown.
    """

    amount: Amount | None = None
    most: Amount | None = None
    others: int = 0
    doubtful: bool = False
    open: bool = False


class Suspense(NamedTuple):
    """A rise that no turn of ours explains.

    `last`: the newest turn before it. `refused`: our turns that were refused in its window. `strangers`: how
    many messages of others arrived in it, None if unknown. `at_ms`: the time of the reading that showed it.
    """

    amount: Amount
    last: Key | None
    refused: tuple[Key, ...]
    strangers: int | None
    at_ms: int


class _Window(NamedTuple):
    """The time between two readings of the worker.

    `turns`: our turns under way in it, in order of sending. `strangers`: how many messages of others arrived
    in it; a minimum unless `counted` at its end. `unread`: a turn began in it without a reading just before,
    so that it may include older costs. `before`: turns whose late costs may be in it, since the worker was
    not read between their end and the message that was adopted in it. `refused`: turns that were refused in
    it. `at_ms`: the time of the reading at its end.
    """

    turns: tuple[Key, ...] = ()
    strangers: int = 0
    counted: bool = True
    unread: bool = False
    before: tuple[Key, ...] = ()
    refused: tuple[Key, ...] = ()
    at_ms: int = 0


def _joined(*windows: _Window) -> _Window:
    """Consecutive windows as one."""
    turns = tuple(dict.fromkeys(chain.from_iterable(window.turns for window in windows)))
    before = tuple(dict.fromkeys(chain.from_iterable(window.before for window in windows)))
    refused = tuple(chain.from_iterable(window.refused for window in windows))
    # A later count of messages also covers earlier windows without a count.
    strangers, last = sum(window.strangers for window in windows), windows[-1]
    is_unread = any(one.unread for one in windows)
    return _Window(turns, strangers, last.counted, is_unread, before, refused, last.at_ms)


class _Fall(NamedTuple):
    """A value below the level, not yet explained.

    `window`: the time before it; `since`: the time after it in which it was read again. `idle`: no turn of
    ours was under way in `window`. `may_lag`: it may come from a replica that lags behind, or the service may
    be out of order. `shows`: it is evidence that the meter counts per turn; `was_read`: the worker was read
    before that turn. `started`: the number of the turn in which it fell; `start`: the level when that was
    sent. `seen`: the value was read before. `later`: another value below the level, read after it, and the
    time before that.
    """

    value: Amount
    window: _Window
    idle: bool
    may_lag: bool
    shows: bool
    was_read: bool
    started: int
    start: Amount
    seen: bool
    since: _Window = _Window()
    later: tuple[Amount, _Window] | None = None

    @property
    def windows(self) -> tuple[_Window, ...]:
        """All times since the value before the fall."""
        return self.window, self.since, *([] if self.later is None else [self.later[1]])


RECENT_VALUES: Final = 8
"""How many earlier values are kept, to recognize those of a lagging replica."""
ROUNDING_SHARE: Final = Decimal("1e-9")
"""A fall by at most this share of the value is rounding."""
ROUNDING_UNITS: Final = 100
"""A fall by one unit of the last printed digit is rounding if the value has at least this many units."""
CORRECTION_SHARE: Final = 2
"""A meter that fell to at least 1/2 of its level was corrected; one that fell further was reset."""


def is_rounding(level: Amount, value: Amount) -> bool:
    """Whether `level` and the lower `value` are the same number with different rounding."""
    fall = level - value
    if fall <= level * ROUNDING_SHARE:
        return True
    finest = min(_exponent(level), _exponent(value))
    unit = Decimal(1).scaleb(finest)
    return finest < 0 and fall <= unit and unit * ROUNDING_UNITS <= level


def _is_equal(one: Amount | None, other: Amount | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other or is_rounding(max(one, other), min(one, other))


def _exponent(number: Amount) -> int:
    exponent = number.as_tuple().exponent if isinstance(number, Decimal) else 0
    return exponent if isinstance(exponent, int) else 0


class _Meter:
    """One meter: the level up to which rises are entered, the entries, and the evidence for its basis.

    Entries for both bases are kept, so that a decision needs no second pass.
    """

    zero_at = 0
    """The number of the turn in which zero was read below an earlier value."""

    def __init__(self, zero: Amount) -> None:
        self.zero = zero
        self.level: Amount | None = None
        self.first = zero
        """The first value of the current segment; a reset starts a new segment."""
        self.closed = zero
        """The sum of the rises of all earlier segments."""
        self.base = zero
        """The value at the first reading: what the worker had used before."""
        self.recent: tuple[Amount, ...] = ()
        self.fall: _Fall | None = None
        self.read_at = 0
        """The number of the newest reading of the worker with this meter."""
        self.values = 0
        """How many readings had this meter."""
        self.lifetime: dict[Key, Amount] = {}
        """The rises entered for each turn, for LIFETIME."""
        self.shares = Shares(zero)
        self.suspense: list[Suspense] = []
        self.partial: set[Key] = set()
        """Turns that ran before the first reading of a segment: that part of their amount is unknown."""
        # Refused turns in whose window the meter rose.
        self.refused: set[Key] = set()
        self.unconfirmed: frozenset[Key] = frozenset()
        """Turns since whose last value the worker was never idle: their amount may still grow."""
        self.per_turn: dict[Key, Amount] = {}
        """The last value of each turn, for PER_TURN."""
        self.overwritten: set[Key] = set()
        """Turns whose final value may be missing because another turn began, for PER_TURN."""
        self.start = zero
        """The level when the oldest turn under way was sent."""
        self.started = 0
        """The number of that turn."""
        self.is_open = False
        """The next value is evidence: no value of the newest turn was."""
        self.was_read = False
        """The worker was read just before that turn."""
        self.evidence = NO_EVIDENCE
        # Adopted turns whose messages were counted as those of others, as was a rise that may be theirs.
        self.recounted: frozenset[Key] = frozenset()
        # The value at the newest reading, if the worker was idle.
        self.idle_value: Amount | None = None
        # The time in which the meter stood still, since it rose or the worker was idle.
        self.standstill: _Window | None = None
        # How many messages of others have all of their costs in the level, and how many are in a share.
        self.settled = self.shared_with = 0

    def copy(self) -> _Meter:
        """An independent copy."""
        other = _Meter.__new__(_Meter)
        other.__dict__.update(self.__dict__)
        other.lifetime, other.per_turn = self.lifetime.copy(), self.per_turn.copy()
        other.shares, other.suspense = self.shares.copy(), self.suspense.copy()
        other.partial, other.refused = self.partial.copy(), self.refused.copy()
        other.overwritten = self.overwritten.copy()
        return other

    # -- events ------------------------------------------------------------------------
    def recount(self, turns: Collection[Key]) -> None:
        """Turns were adopted, whose messages were counted as those of others before."""
        if self.suspense or self.shares.strangers:
            self.recounted = self.recounted.union(turns)

    def read(self, value: Amount, timeline: Timeline, *, busy: bool) -> None:
        """Process a value of the newest reading."""
        level = self.level
        self.values += 1
        if not value and busy and level is not None:
            # A turn runs, and the service has counted nothing yet.
            self.zero_at = timeline.starts if level else 0
            for turn in timeline.under_way if not level else ():
                self.lifetime.setdefault(turn, self.zero)
                self.per_turn.setdefault(turn, self.zero)
            return
        window = timeline.window_since(self.read_at)
        if self.read_at + 1 != timeline.readings:
            timeline.touched.update(window.turns, window.refused)
        self.read_at = timeline.readings
        if timeline.read_turn is not None:
            self._describe(timeline.read_turn, value, may_be_others=timeline.may_be_others)
        timeline.touched |= self.unconfirmed
        self.unconfirmed = self.unconfirmed.union(window.turns) if busy else frozenset()
        if self.started != timeline.starts:
            # There was no reading since the turn was sent, so the level is still that of that time.
            self.started, self.start = timeline.starts, level or self.zero
            # A level of zero is no evidence: no value is below it.
            self.is_open = timeline.shows and bool(level)
            self.was_read = not window.unread
        if busy and self.zero_at == timeline.starts and timeline.shows:
            self.evidence = replace(self.evidence, began_at_zero=True)
        if level is None:
            self.partial.update(window.turns)
            self.level = self.first = self.base = value
        elif self.fall is not None:
            self._settle_fall(self.fall, value, window, timeline, busy=busy)
        else:
            self._compare(value, window, timeline, busy=busy)
        if value != level:
            self.recent = (*self.recent[1 - RECENT_VALUES :], value)
        self._settle_strangers(value, level, timeline, busy=busy)

    def _describe(self, turn: Key, value: Amount, *, may_be_others: bool) -> None:
        """Note a value of `turn`, for PER_TURN. `may_be_others`: another one may be that of a later turn."""
        if may_be_others and turn in self.per_turn and self.per_turn[turn] != value:
            self.overwritten.add(turn)
        else:
            self.per_turn[turn] = value

    def _settle_strangers(
        self, value: Amount, level: Amount | None, timeline: Timeline, *, busy: bool
    ) -> None:
        """Note whose costs can no longer come: a meter may stand still while the worker is busy.

        Whoever came stays a possible owner of every rise until the worker is idle and the meter has risen, or
        stands still.
        """
        if not busy and (level is None or value > level or value == self.idle_value):
            self.settled = timeline.others.came
        self.idle_value = None if busy else value
        if not busy:
            self.standstill = None

    def _compare(self, value: Amount, window: _Window, timeline: Timeline, *, busy: bool) -> None:
        """Process a value that follows the level."""
        level = self.level or self.zero
        if value < level and not is_rounding(level, value):
            # Zero may be the answer of a service that is out of order.
            may_lag = not window.turns or not value or value in self.recent or value >= self.start > 0
            is_idle, is_seen = not window.turns, bool(value) and value in self.recent
            shows = self.is_open and bool(value)
            self.fall = _Fall(
                value, window, is_idle, may_lag, shows, self.was_read, self.started, self.start, is_seen
            )
            return
        if self.is_open and window.turns and value > self.start:
            self.evidence, self.is_open = self.evidence.rose(self.start, value, busy=busy), False
        self._enter(max(value, level), window, timeline)

    def _settle_fall(
        self, fall: _Fall, value: Amount, window: _Window, timeline: Timeline, *, busy: bool
    ) -> None:
        """Decide by the next value whether a fall came from a lagging replica or was a reset."""
        level = self.level or self.zero
        for earlier in fall.windows:
            timeline.touched.update(earlier.turns, earlier.refused)
        if value == fall.value and fall.later is None:
            self.fall = fall._replace(since=_joined(fall.since, window))
            if value and not fall.idle and not window.turns:
                # The same value after the end of the turn does not come from a lagging replica.
                self._reset(self.fall, timeline)
        elif value >= level or is_rounding(level, value):
            self.fall = None
            if fall.idle and not fall.seen and value > level:
                # A reset may be hidden by what these turns used.
                self.partial.update(window.turns)
            elif not fall.idle and not fall.seen and value > fall.value < fall.start and fall.value:
                # The value is new, and small enough to be that of the turn alone.
                self._fell(fall)
            self._compare(value, _joined(*fall.windows, window), timeline, busy=busy)
        elif busy and fall.later is None and min(value, fall.value) >= self.start:
            # Readings of two programs may be delayed.
            self.fall = fall._replace(later=(value, window))
        else:
            self._reset(fall, timeline)
            if fall.later is not None:
                self._compare(*fall.later, timeline, busy=True)
            if self.fall is None:
                self._compare(value, window, timeline, busy=busy)
            else:
                self._settle_fall(self.fall, value, window, timeline, busy=busy)

    def _reset(self, fall: _Fall, timeline: Timeline) -> None:
        """Start a new segment after a fall: at zero if the meter restarted inside a turn, else at its value.

        A fall inside a turn that leaves most of the value is not a restart. Then the figures of the turn were
        corrected, or earlier ones, which makes the amount of the turn unknown.
        """
        level, window = self.level or self.zero, fall.window
        self.fall, self.recent = None, (fall.value,)
        if not fall.idle:
            self._fell(fall)
        elif window.counted and not window.strangers:
            self.evidence = self.evidence.was_reset_idle()
        is_kept = not fall.idle and fall.value * CORRECTION_SHARE >= level
        is_corrected = is_kept and fall.value >= fall.start and not (window.strangers or window.refused)
        if is_corrected and self.lifetime.get(window.turns[0]) == level - fall.start:
            # The complete rise since the turn was sent belongs to this turn.
            self.lifetime[window.turns[0]] -= level - fall.value
            self.level = fall.value
            self.start = fall.start if fall.started == self.started else fall.value
        else:
            self.closed = self.closed + level - self.first
            self.level = self.first = fall.value if fall.idle or is_kept else self.zero
            self.start = fall.value
            self.partial.update(window.turns)
            if not fall.idle:
                self._enter(fall.value, window, timeline)
        self._enter(self.level, fall.since, timeline)

    def _fell(self, fall: _Fall) -> None:
        """Note a value below that before the turn as evidence, once in each turn."""
        if fall.shows:
            self.evidence = self.evidence.fell(was_read=fall.was_read)
        if fall.started == self.started:
            self.is_open = False

    def _enter(self, value: Amount, window: _Window, timeline: Timeline) -> None:
        """Enter the rise from the level to `value`: for its owner or possible owners, or as suspense."""
        rise = value - (self.level or self.zero)
        self.level = value
        if self.standstill is not None:
            window = _joined(self.standstill, window)
            timeline.touched.update(window.turns, window.refused)
        self.standstill = None if rise else window
        turns, strangers = window.turns, max(window.strangers, timeline.others.came - self.settled)
        is_in_doubt = timeline.in_doubt.issuperset(turns)
        if turns and (window.before or window.unread or is_in_doubt):
            # What the turn before it took late may be in the rise, too.
            before = window.before
            if window.unread or is_in_doubt:
                before += timeline.owners_before((*before, *turns), settled=is_in_doubt)
            turns = tuple(dict.fromkeys((*before, *turns)))
            timeline.touched.update(turns)
        for turn in set(turns).difference(self.lifetime):
            self.lifetime[turn] = self.zero
        if not rise:
            return
        last = timeline.last
        self.refused.update(window.refused)
        if len(turns) == 1 and not strangers and not window.unread and not window.refused:
            self.lifetime[turns[0]] += rise
        elif turns:
            # Each of them is counted once, also where the meter rises several times.
            new = min(strangers, timeline.others.came - self.shared_with)
            self.shared_with = timeline.others.came
            self.shares.add(rise, turns, new + len(window.refused))
        elif (
            last is not None
            and window.counted
            and not (strangers or window.refused or timeline.others.since_end)
        ):
            # A rise without a new message belongs to the last one, which came in the time of this turn.
            owners = timeline.late_owners
            timeline.touched.update(owners)
            timeline.stillness.add(timeline.final.intersection(owners))
            during = timeline.others.since(last)
            if during or len(owners) > 1:
                new = min(during, timeline.others.came - self.shared_with)
                self.shared_with = timeline.others.came
                self.shares.add(rise, owners, new)
            else:
                self.lifetime[last] = self.lifetime.get(last, self.zero) + rise
        else:
            came = max(strangers, timeline.others.since(last)) if window.counted else None
            self.suspense.append(Suspense(rise, last, window.refused, came, window.at_ms))

    # -- results -----------------------------------------------------------------------
    def result(self, timeline: Timeline, worker_rulings: TimelineRulings = NO_RULINGS) -> MeterResult:
        """What the meter shows now. A fall in the newest reading is a reset, unless a replica may lag."""
        waiting = () if self.fall is None else _joined(*self.fall.windows).turns
        if self.fall is not None and not self.fall.may_lag and self.fall.later is None:
            other = self.copy()
            other._reset(self.fall, timeline)
            return other.result(timeline, worker_rulings)._replace(waiting=frozenset(waiting))
        is_reported = self.level is not None and self.read_at
        total = self.closed + (self.level or self.zero) - self.first if is_reported else None
        own, suspense = self._assigned(worker_rulings.owners)
        recounted = self.recounted.difference(worker_rulings.owners.values())
        shown = self.evidence.decided
        by_turn = (worker_rulings.basis or self.evidence.leans) is Basis.PER_TURN
        return MeterResult(
            worker_rulings.basis or shown, by_turn, own, self.shares, self.per_turn, self.overwritten,
            self.partial | recounted, self.unconfirmed, self.refused, frozenset(waiting), suspense, total,
            shown, worker_rulings.basis is not None, self.values, self.base, recounted,
        )  # fmt: skip

    def _assigned(self, owners: Mapping[int, Key]) -> tuple[dict[Key, Amount], list[Suspense]]:
        """The amounts of the turns, including rises that the person assigned to them; and the other rises.

        A rise is not added to an unknown amount, nor to a turn that was refused outside of its window.
        """
        if not owners or not self.suspense:
            return self.lifetime, self.suspense
        own, others = self.lifetime.copy(), []
        for rise in self.suspense:
            owner = owners.get(rise.at_ms, "")
            if owner in rise.refused or (owner in self.lifetime and owner not in self.partial):
                own[owner] = own.get(owner, self.zero) + rise.amount
            else:
                others.append(rise)
        return own, others


NOT_SHARED: Final = Shared()


class MeterResult(NamedTuple):
    """What one meter shows; other members are described at `_Meter`.

    `shown`: the basis by its `values` readings. `basis` is the same, unless the person set another.
    `by_turn`: amounts are those of each turn alone; where the basis is undecided, because that fits better.
    `lifetime`, `shared`: amounts per turn for LIFETIME; `per_turn`: for PER_TURN. `waiting`: turns during
    which the meter fell for a reason that is not known yet. `total`: the sum of all rises, which equals the
    entered amounts plus `suspense`.
    """

    basis: Basis
    by_turn: bool
    lifetime: dict[Key, Amount]
    shared: Shares
    per_turn: dict[Key, Amount]
    overwritten: set[Key]
    partial: set[Key]
    unconfirmed: frozenset[Key]
    refused: set[Key]
    waiting: frozenset[Key]
    suspense: list[Suspense]
    total: Amount | None
    shown: Basis
    set_by_person: bool
    values: int
    base: Amount
    recounted: frozenset[Key]

    @property
    def of_worker(self) -> Amount | None:
        """What the worker has used in total, also for others; None if nothing was reported."""
        if self.by_turn:
            return sum(self.per_turn.values(), type(self.base)(0))
        return None if self.total is None else self.base + self.total

    @property
    def amounts(self) -> dict[Key, Amount]:
        """The amounts by turn; for turns in `exceptions`, `entry` has more."""
        return self.per_turn if self.by_turn else self.lifetime

    @property
    def exceptions(self) -> set[Key]:
        """Turns whose `entry` has more than an amount."""
        if self.basis is Basis.PER_TURN:
            return self.overwritten.union(self.unconfirmed)
        if self.by_turn:
            # Each amount may be another one by the other meaning.
            return self.overwritten.union(self.unconfirmed, self.per_turn, self.lifetime)
        exceptions = self.partial.union(self.waiting, self.shared, self.unconfirmed)
        if self.basis is Basis.UNDECIDED:
            exceptions.update(self.overwritten)
            # Compared in C: a long session has many turns, of which few differ.
            per_turn = map(self.per_turn.get, self.lifetime)
            exceptions.update(compress(self.lifetime, map(ne, self.lifetime.values(), per_turn)))
        return exceptions

    def entry(self, turn: Key) -> Entry:
        """What the turn used."""
        per_turn, is_open = self.per_turn.get(turn), turn in self.unconfirmed
        if self.by_turn:
            is_other = turn in self.partial or turn in self.shared or self.lifetime.get(turn) != per_turn
            is_doubtful = self.basis is Basis.UNDECIDED and per_turn is not None and is_other
            return Entry(per_turn, doubtful=is_doubtful, open=is_open or turn in self.overwritten)
        own, shared = self.lifetime.get(turn), self.shared.get(turn, NOT_SHARED)
        is_partial = turn in self.partial
        if own is None or (is_partial and not own and not shared.part):
            return Entry()
        most = own + shared.part
        # The per-turn value of an overwritten turn may be too small, so an equal one proves nothing.
        is_other = turn in self.overwritten or per_turn != most
        return Entry(
            own + shared.entered,
            most if shared.part else None,
            shared.others,
            self.basis is Basis.UNDECIDED and is_other,
            is_open or is_partial or turn in self.waiting,
        )


class Stillness:
    """Since when the figures of an idle worker stand still, and which amounts that has confirmed.

    `standing`: the meters that have to stand still.
    """

    def __init__(self, standing: Sequence[int]) -> None:
        self._standing = standing
        self._first: Read | None = None
        """The first of the newest readings with the same figures; None: the worker may be at work."""
        self._since_ms = self._newest_ms = 0
        self.pending: set[Key] = set()
        """Turns behind whose end the figures have not yet stood still for `SETTLE_MS`."""
        self.unproven: set[Key] = set()
        """The same for `LATE_MS`: a cost of zero is no late one."""

    def copy(self) -> Stillness:
        """An independent copy."""
        other = copy(self)
        other.pending, other.unproven = self.pending.copy(), self.unproven.copy()
        return other

    def read(self, read: Read, at_ms: int) -> set[Key]:
        """Process a reading of the idle worker; returns the turns that it confirms or proves.

        Nothing here goes through those that are done: a long session has thousands.
        """
        self._newest_ms = at_ms
        done: set[Key] = set()
        if self._first is None or not self._is_same(self._first, read):
            self._first, self._since_ms = read, at_ms
        elif at_ms - self._since_ms >= SETTLE_MS:
            done, self.pending = self.pending, set()
            if at_ms - self._since_ms >= LATE_MS:
                done |= self.unproven
                self.unproven = set()
        return done

    def add(self, turns: Collection[Key]) -> None:
        """Turns have ended, or the amounts of some that had ended have changed."""
        self.pending.update(turns)
        self.unproven.update(turns)

    def end(self) -> None:
        """The worker works, or may."""
        self._first = None

    def begin_again(self) -> None:
        """A turn has ended: only what stands still from now on confirms its amount."""
        self._since_ms = self._newest_ms

    def _is_same(self, one: Read, other: Read) -> bool:
        has_more = one.prompts is not None and other.prompts is not None and one.prompts != other.prompts
        return not has_more and all(_is_equal(one.meters[at], other.meters[at]) for at in self._standing)


class Timeline:
    """All readings of one worker. Call `take` with events in order of receipt, `results` at any time.

    The caller sets a decimal context that does not round (`amounts.EXACT`).
    """

    def __init__(self, zeros: Sequence[Amount], standing: Sequence[int] | None = None) -> None:
        """`zeros`: for each meter its zero, int or Decimal. `standing`: see `Stillness`; None: all meters."""
        self._meters = [_Meter(zero) for zero in zeros]
        self.stillness = Stillness(range(len(zeros)) if standing is None else standing)
        self.under_way: dict[Key, bool] = {}
        """Our turns under way, in order of sending. True: no longer watched, until the worker is idle."""
        self._unconfirmed: set[Key] = set()
        """Turns that have ended, without an idle reading since."""
        self.last: Key | None = None
        """Of the turns that have ended the one that was sent last: a crash may delay the end of another."""
        self.arrived: Key | None = None
        """The same of those that are known to have arrived."""
        self._numbers: dict[Key, int] = {}
        """The numbers of these two and of turns under way, in order of sending."""
        self.final: set[Key] = set()
        """Turns that have ended, with an idle reading since."""
        self.unrepeated: dict[Key, int] = {}
        """The part of `final` without an idle reading after that at their end, by the number of that one.

        It has to come `EARLY_MS` later, or to be the one before another turn, to which later costs belong.
        """
        self.in_doubt: set[Key] = set()
        """Turns that may not have arrived."""
        self.readings = 0
        self.read_turn: Key | None = None
        """The turn that the newest reading describes if the meters count per turn."""
        self.starts, self.shows = 0, False
        """How many turns were sent while none was under way, and whether that is so of the newest one."""
        self.touched: set[Key] = set()
        """Turns whose amounts may have changed; the owner of the timeline clears it."""
        self._windows: list[_Window] = []
        """The window before each reading."""
        # The window since the newest reading.
        self._window = _Window(counted=False)
        # The turn that was sent last, of those that are known to have arrived, and the number of messages of
        # others at that time.
        self._newest: tuple[Key, int | None] | None = None
        # A message was sent after that turn, and may have arrived.
        self._may_be_next = False
        # Turns adopted since the newest reading, with `Sent.last`. The next one may show that they are older.
        self._adopted: dict[Key, bool] = {}
        self.may_be_others = False
        """The newest reading does not say whether it describes `read_turn`, or that message."""
        self._is_fresh = True
        """The newest reading was not stale."""
        self._is_idle = False
        """The worker was idle at the newest reading, and no turn was sent since."""
        self.others = OtherMessages()

    def copy(self) -> Timeline:
        """An independent copy."""
        other = Timeline(())
        other.__dict__.update(self.__dict__)
        other._meters = [meter.copy() for meter in self._meters]
        other._windows, other.under_way = self._windows.copy(), self.under_way.copy()
        other.final, other.touched = self.final.copy(), self.touched.copy()
        other.unrepeated, other.in_doubt = self.unrepeated.copy(), self.in_doubt.copy()
        other.stillness, other.others = self.stillness.copy(), self.others.copy()
        other._unconfirmed = self._unconfirmed.copy()
        return other

    def take(self, event: Event, at_ms: int = 0) -> None:
        """Process the next event, received at `at_ms`."""
        if isinstance(event, Read):
            self._read(event, at_ms)
        elif isinstance(event, Sent):
            self._begin(event)
        else:
            self._end(event)

    def results(self, worker_rulings: TimelineRulings = NO_RULINGS) -> list[MeterResult]:
        """What each meter shows by all readings so far and the decisions of the person."""
        return [meter.result(self, worker_rulings) for meter in self._meters]

    def window_since(self, reading: int) -> _Window:
        """The time between an earlier reading and the newest one, for a meter that only these two had.

        For this meter, a turn that began after the first reading in between has no reading just before.
        """
        if reading + 1 == len(self._windows):
            return self._windows[reading]
        joined = _joined(*self._windows[reading:])
        is_first = len(joined.turns) == len(self._windows[reading].turns)
        return joined if is_first else joined._replace(unread=True)

    @property
    def _reported(self) -> list[_Meter]:
        return [meter for meter in self._meters if meter.values]

    def owners_before(self, turns: Sequence[Key], *, settled: bool) -> tuple[Key, ...]:
        """Of `late_owners` those that are none of `turns`. `settled`: also if their amounts are settled."""
        others = [turn for turn in self.late_owners if turn not in turns]
        return tuple(turn for turn in others if settled or not self.is_confirmed(turn))

    def is_confirmed(self, turn: Key, *, at_zero: bool = False) -> bool:
        """Whether the figures have stood still since the end of a turn; `at_zero`: its cost is zero."""
        still = self.stillness
        return turn in self.final and turn not in (still.unproven if at_zero else still.pending)

    @property
    def late_owners(self) -> tuple[Key, ...]:
        """The turns whose late costs may come now: the last one, and the last one that arrived.

        A rise is entered for the latter.
        """
        owners = (self.last,) if self.last == self.arrived else (self.last, self.arrived)
        return tuple(turn for turn in owners if turn is not None)

    def _begin(self, sent: Sent) -> None:
        if not sent.adopted:
            self._place_adopted(self.others.count)
        if sent.refused:
            self._refuse(sent.turn)
            return
        window = self._window
        if self.others.begin(sent):
            self._start_at_zero()
        is_read_before = sent.read_before and self._is_fresh
        is_unread = window.unread or not (is_read_before or sent.creates)
        # The reading that brings an adopted message is the first one since the end of the turn before it.
        before = self.owners_before((), settled=False) if sent.adopted and not window.turns else window.before
        self._window = window._replace(turns=(*window.turns, sent.turn), unread=is_unread, before=before)
        may_be_lost = not (sent.counted or sent.creates)
        self.shows = not (self.under_way or may_be_lost)
        if is_read_before and self._windows:
            self._repeat(self._windows[-1].at_ms)
        if not self.under_way:
            self.starts += 1
        self.under_way[sent.turn] = self._is_idle = False
        self._numbers = {**self._numbers, sent.turn: max(self._numbers.values(), default=0) + 1}
        self.stillness.end()
        if not sent.counted:
            self.in_doubt.add(sent.turn)
        # Figures of each turn are those of the turn before one that may be lost, until they change.
        self._may_be_next = may_be_lost or (self._may_be_next and not sent.last)
        if sent.adopted:
            self._adopted = {**self._adopted, sent.turn: sent.last}
        elif not may_be_lost:
            self._describe_next(sent.turn, self.others.count)

    def _start_at_zero(self) -> None:
        for meter in self._meters:
            if meter.level is None:
                meter.level, meter.recent = meter.zero, (meter.zero,)

    def _refuse(self, turn: Key) -> None:
        self._window = self._window._replace(refused=(*self._window.refused, turn))
        self.touched.add(turn)
        if self._newest is not None and self._newest[0] not in self.under_way:
            # Later figures may belong to the refused turn.
            self._overwrite(self._newest[0])
            self._newest = None

    def _describe_next(self, turn: Key, strangers: int | None) -> None:
        """From now on, figures of each turn are those of `turn`."""
        if self._newest is not None:
            self._overwrite(self._newest[0])
        self._newest = turn, strangers

    def _place_adopted(
        self,
        strangers: int | None,
        recounted: Collection[Key] = (),
        *,
        settled: bool = False,
        behind: bool = False,
    ) -> None:
        """Take the messages of adopted turns for the newest ones, unless that of another turn is.

        So it is if the worker had a later one than each of them when they were adopted; if they were counted
        as those of others, `strangers` in all, of which none came after that of the newest turn; or if that
        has not arrived yet (`behind`). `settled`: of none of the others can costs still come.
        """
        adopted, self._adopted = self._adopted, {}
        if not adopted:
            return
        is_counted = adopted.keys() <= {*recounted}
        is_before = is_counted and self._newest is not None and self._newest[1] == strangers is not None
        if any(adopted.values()) and not (is_before or behind):
            for turn in sorted(adopted, key=adopted.__getitem__):
                self._describe_next(turn, strangers)
                if turn not in self.under_way:
                    self._note_end(turn)
            return
        # They are not the last ones, to which late costs belong.
        lowest = min(self._numbers.values(), default=0) - len(adopted)
        self._numbers = {**self._numbers, **dict(zip(adopted, count(lowest), strict=False))}
        self.shows = False
        later = tuple(turn for turn in self._window.turns if turn not in adopted)
        if is_counted and settled:
            self._window = self._window._replace(turns=later)
            for meter in self._reported:
                meter.lifetime = dict.fromkeys(adopted, meter.zero) | meter.lifetime
        elif not later:
            self._window = self._window._replace(unread=True)

    def _read(self, read: Read, at_ms: int) -> None:
        strangers = self.others.count
        settled = bool(self._adopted) and all(meter.settled == self.others.came for meter in self._reported)
        came, lacks_ours, is_stale, recounted = self.others.read(read, ours_run=bool(self.under_way))
        behind = bool(self._adopted) and lacks_ours and not self.under_way.keys() <= self._adopted.keys()
        self._place_adopted(strangers, recounted, settled=settled, behind=behind)
        self._is_fresh = not is_stale
        for meter in self._meters if recounted else ():
            meter.recount(recounted)
        self.touched.update(recounted)
        if self._newest is not None and self._newest[1] is not None:
            # What was adopted until that turn is no message of others any more.
            self._newest = self._newest[0], self._newest[1] - len(recounted)
        if is_stale:
            return
        window = self._window._replace(strangers=came or 0, counted=came is not None, at_ms=at_ms)
        self._windows.append(window)
        self.touched.update(window.turns, window.refused)
        self._choose_read_turn(read.prompts)
        if behind:
            self.read_turn = None
        if self.read_turn is not None:
            self.touched.add(self.read_turn)
        self.readings += 1
        for meter, value in zip(self._meters, read.meters, strict=True):
            if value is not None:
                meter.read(value, self, busy=read.busy)
        # A reading without one of our messages may be older than it seems.
        self._window = window if lacks_ours else _Window(tuple(self.under_way), counted=False)
        self._is_idle = not read.busy
        if read.busy:
            self.stillness.end()
        else:
            self.touched |= self.stillness.read(read, at_ms)
            self._repeat(at_ms - EARLY_MS)
            for turn in [*compress(self.under_way, self.under_way.values())]:
                self._leave(turn)
            self._set_final(self._unconfirmed)
            self._unconfirmed.clear()

    def _choose_read_turn(self, prompts: int | None) -> None:
        self.read_turn, before = self._newest or (None, None)
        is_counted = prompts is not None and before is not None and self.others.count is not None
        self.may_be_others = self._may_be_next and not is_counted
        if self.read_turn is not None and is_counted and (self.others.count or 0) > (before or 0):
            self._overwrite(self.read_turn)
            self.read_turn = None
        if self._newest is not None and before is None:
            # From this reading on it is known how many came.
            self._newest = self._newest[0], self.others.count

    def _overwrite(self, turn: Key) -> None:
        """Mark a turn: from now on, per-turn figures belong to another one."""
        for meter in self._meters:
            if turn not in self.final or turn in meter.unconfirmed:
                meter.overwritten.add(turn)
                self.touched.add(turn)

    def _end(self, ended: Ended) -> None:
        if ended.turn in self.under_way:
            self.under_way[ended.turn] = True
            if self._is_idle or not ended.left_running:
                self._leave(ended.turn)

    def _leave(self, turn: Key) -> None:
        del self.under_way[turn]
        if turn not in self._adopted:
            self._note_end(turn)
        kept = {turn, *self._adopted, *self.late_owners, *self.under_way}
        self.others.end(kept)
        self._numbers = {key: number for key, number in self._numbers.items() if key in kept}
        self.touched.add(turn)
        if not self._is_idle:
            self._unconfirmed.add(turn)
            return
        self._set_final({turn})
        self.stillness.begin_again()
        # It ran before the newest reading, not after it.
        turns = self._window.turns
        if turn in turns:
            at = turns.index(turn)
            self._window = self._window._replace(turns=(*turns[:at], *turns[at + 1 :]))

    def _note_end(self, turn: Key) -> None:
        self.last = self._later(self.last, turn)
        self.arrived = self.arrived if turn in self.in_doubt else self._later(self.arrived, turn)

    def _later(self, one: Key | None, other: Key) -> Key:
        """The one of two turns that was sent later."""
        return other if one is None or self._numbers[one] < self._numbers[other] else one

    def _repeat(self, latest_ms: int) -> None:
        """Note turns that ended at an earlier reading than the newest one, at `latest_ms` at the latest."""
        ends, newest = self.unrepeated, len(self._windows) - 1
        repeated = {key for key, at in ends.items() if at < newest and self._windows[at].at_ms <= latest_ms}
        self.touched |= repeated
        self.unrepeated = {key: at for key, at in ends.items() if key not in repeated}

    def _set_final(self, turns: set[Key]) -> None:
        self.stillness.add(turns - self.final)
        self.final |= turns
        self.unrepeated |= dict.fromkeys(turns, len(self._windows) - 1)
        self.touched |= turns
