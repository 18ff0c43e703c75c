"""The timeline of one worker: what its readings mean, and which amount belongs to which turn.

Pure and incremental: events are taken in order of receipt, and amounts can be read at any time. Every
meter (one figure of a reading) is judged on its own. `docs/money.md` has the rules.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import accumulate, chain, compress
from types import MappingProxyType
from typing import Final, NamedTuple

Amount = Decimal | int
Key = int | str
"""What identifies a turn: its position in the session, or its id where it belongs to another session."""


class Sent(NamedTuple):
    """The request of a turn may have left. `creates`: it makes a new worker, whose meters begin at zero.

    `looked`: the worker was read just before. `refused`: the service refused the request, or does not
    know of it: the turn costs nothing, but what the worker takes in the same window is doubtful.
    `counted`: its message is among those of the worker, as far as is known.
    """

    turn: Key
    creates: bool = False
    looked: bool = True
    refused: bool = False
    counted: bool = True


class Read(NamedTuple):
    """One reading. `meters`: one figure for each meter, None where it was not reported.

    `prompts`: how many user messages the worker has, None where that is unknown.
    """

    meters: Sequence[Amount | None]
    busy: bool
    prompts: int | None = None


class Ended(NamedTuple):
    """The turn has ended. `left_running`: no longer watched; it is under way until the worker is idle."""

    turn: Key
    left_running: bool = False


Event = Sent | Read | Ended


class Meaning(StrEnum):
    """What a meter counts."""

    LIFETIME = "lifetime"
    """All turns of the worker together."""
    PER_TURN = "per_turn"
    """The last turn alone."""
    UNDECIDED = "undecided"
    """Not enough readings, or contradictory ones. Amounts are computed as for a lifetime meter."""


class Decisions(NamedTuple):
    """What the person decided about a worker.

    `meaning`: that of all meters; None: the readings decide. `owners`: whose a rise is that no turn
    explains, by the time of the reading that showed it.
    """

    meaning: Meaning | None = None
    owners: Mapping[int, Key] = MappingProxyType({})


NO_DECISIONS: Final = Decisions()


class Entry(NamedTuple):
    """What one turn took by one meter.

    `amount` is what is entered for the turn; None: unknown. `most`: what it may have cost at most, where
    it shares an amount with `others` other runs, or with what came before it (`others` 0); None: `amount`
    is its own. `doubtful`: the amount depends on the meaning of the meter, which is not decided. `open`:
    there is more that is unknown yet.
    """

    amount: Amount | None = None
    most: Amount | None = None
    others: int = 0
    doubtful: bool = False
    open: bool = False


class Suspense(NamedTuple):
    """A rise that no turn of ours explains.

    `last`: the newest turn before it. `refused`: turns of ours that were refused in the window.
    `strangers`: how many messages of others came in the window, None where that is unknown.
    `at_ms`: the time of the reading that showed it.
    """

    amount: Amount
    last: Key | None
    refused: tuple[Key, ...]
    strangers: int | None
    at_ms: int


class _Share(NamedTuple):
    """A rise with several possible owners, entered once: for the last of `turns`.

    `strangers`: how many of the owners are not ours.
    """

    amount: Amount
    turns: tuple[Key, ...]
    strangers: int


class _Window(NamedTuple):
    """The time between two readings of the worker.

    `turns`: ours that were under way in it, in order of sending. `strangers`: messages of others that came
    in it; more may have come where they are not `counted` at its end. `unread`: a turn began in it before
    which the worker was not read, so older costs may be in it. `refused`: turns that were refused in it.
    `at_ms`: the time of the reading at its end.
    """

    turns: tuple[Key, ...] = ()
    strangers: int = 0
    counted: bool = True
    unread: bool = False
    refused: tuple[Key, ...] = ()
    at_ms: int = 0


def _joined(*windows: _Window) -> _Window:
    """Windows that follow each other as one."""
    turns = tuple(dict.fromkeys(chain.from_iterable(window.turns for window in windows)))
    refused = tuple(chain.from_iterable(window.refused for window in windows))
    # A later count of messages also covers the time in which they were not counted.
    strangers, last = sum(window.strangers for window in windows), windows[-1]
    return _Window(turns, strangers, last.counted, any(one.unread for one in windows), refused, last.at_ms)


class _Fall(NamedTuple):
    """A value below the level that is not explained yet.

    `window`: the time before it; `since`: the time after it in which it was read again. `idle`: no turn of
    ours was under way in `window`. `may_lag`: it may be the value of a replica that lags behind. `restart`:
    its weight as evidence that the meter counts per turn. `started`: the number of the turn it fell in.
    `start`: the level when that was sent. `seen`: it is an earlier value.
    """

    value: Amount
    window: _Window
    idle: bool
    may_lag: bool
    restart: int
    started: int
    start: Amount
    seen: bool
    since: _Window = _Window()


PERSISTENT: Final = 3
"""So many readings in a row that lack a message show that it was removed."""
RECENT: Final = 8
"""Earlier values that a lagging replica can show again."""
RELATIVE: Final = Decimal("1e-9")
"""A fall by no more than this part of the value is rounding."""
COARSEST: Final = 100
"""A fall by one unit of the last printed digit is rounding where the value has at least so many units."""
RESTART: Final = 3
"""Weight of a restart inside a turn before which the worker was read. Otherwise it weighs 1."""
MARGIN: Final = 2
"""By how much the weight of restarts must exceed that of rises to show a meter that counts per turn."""
CLEAR: Final = 2
"""Weight of readings that show a lifetime meter. Other rises weigh 1: the next turn may have taken more."""
KEPT: Final = 2
"""A meter that fell to at least one part in so many was corrected; to less, it began anew."""
CLOSE: Final = Decimal("1.4")
"""A rise to at most this multiple while a turn runs is clear: its own value would seldom be so close."""


def is_rounding(level: Amount, value: Amount) -> bool:
    """Whether the fall from `level` to `value` is only another rounding of the same number."""
    fall = level - value
    if fall <= level * RELATIVE:
        return True
    finest = min(_exponent(level), _exponent(value))
    unit = Decimal(1).scaleb(finest)
    return finest < 0 and fall <= unit and unit * COARSEST <= level


def _exponent(number: Amount) -> int:
    exponent = number.as_tuple().exponent if isinstance(number, Decimal) else 0
    return exponent if isinstance(exponent, int) else 0


class _Meter:
    """One meter: the level up to which rises are entered, what is entered, and the evidence.

    Both meanings are followed at once, so that a decision needs no second pass.
    """

    def __init__(self, zero: Amount) -> None:
        self.zero = zero
        self.level: Amount | None = None
        self.first = zero
        """The first value of the segment; a reset starts a new one."""
        self.closed = zero
        """The rises of all earlier segments."""
        self.base = zero
        """The value at the first reading: what the worker had used before we knew of it."""
        self.recent: tuple[Amount, ...] = ()
        self.fall: _Fall | None = None
        self.read_at = 0
        """The number of the last reading of the worker that had this meter."""
        self.values = 0
        """How many readings had this meter."""
        self.own: dict[Key, Amount] = {}
        self.shares: list[_Share] = []
        self.suspense: list[Suspense] = []
        self.partly: set[Key] = set()
        """Turns that ran before the first reading of a segment: that part of them is unknown."""
        self.refused: set[Key] = set()
        """Refused turns in whose window the meter rose."""
        self.loose: frozenset[Key] = frozenset()
        """Turns since whose last value the worker was not idle: more may follow."""
        self.alone: dict[Key, Amount] = {}
        """The last value of each turn, for PER_TURN."""
        self.overwritten: set[Key] = set()
        """Turns after whose last value the figures were those of another turn, for PER_TURN."""
        self.start = zero
        """The level when the oldest turn under way was sent."""
        self.started = 0
        """The number of that turn."""
        self.restart = 0
        """What a fall weighs as evidence; 0: nothing that is read now is evidence."""
        self.restarts = self.rises = 0

    def copy(self) -> _Meter:
        """An independent copy."""
        other = _Meter.__new__(_Meter)
        other.__dict__.update(self.__dict__)
        other.own, other.alone = self.own.copy(), self.alone.copy()
        other.shares, other.suspense = self.shares.copy(), self.suspense.copy()
        other.partly, other.refused = self.partly.copy(), self.refused.copy()
        other.overwritten = self.overwritten.copy()
        return other

    # -- events ------------------------------------------------------------------------
    def read(self, value: Amount, timeline: Timeline, *, busy: bool) -> None:
        """Take a value of the newest reading."""
        level = self.level
        self.values += 1
        if not value and busy and level is not None:
            # A turn runs and nothing is counted yet.
            for turn in timeline.under_way if not level else ():
                self.own.setdefault(turn, self.zero)
            return
        window = timeline.window_since(self.read_at)
        if self.read_at + 1 != timeline.readings:
            timeline.touched.update(window.turns, window.refused)
        self.read_at = timeline.readings
        if timeline.alone is not None:
            self.alone[timeline.alone] = value
        timeline.touched |= self.loose
        self.loose = self.loose.union(window.turns) if busy else frozenset()
        if self.started != timeline.starts:
            # No reading since the turn was sent: this is still the level of that time.
            self.started, self.start = timeline.starts, level or self.zero
            # A level of zero shows nothing: every value is above it.
            self.restart = (1 if window.unread else timeline.restart) if level else 0
        if level is None:
            self.partly.update(window.turns)
            self.level = self.first = self.base = value
        elif self.fall is not None:
            self._settle_fall(self.fall, value, window, timeline, busy=busy)
        else:
            self._compare(value, window, timeline, busy=busy)
        if value != level:
            self.recent = (*self.recent[1 - RECENT :], value)

    def _compare(self, value: Amount, window: _Window, timeline: Timeline, *, busy: bool) -> None:
        """Take a value that follows the level."""
        level = self.level or self.zero
        if value < level and not is_rounding(level, value):
            may_lag = not window.turns or value in self.recent or value >= self.start > 0
            is_idle, is_seen = not window.turns, bool(value) and value in self.recent
            self.fall = _Fall(
                value, window, is_idle, may_lag, self.restart, self.started, self.start, is_seen
            )
            return
        if self.restart and window.turns and value > self.start:
            is_clear = busy and value <= self.start * CLOSE
            self.rises += CLEAR if is_clear else 1
            self.restart = 0
        self._enter(max(value, level), window, timeline)

    def _settle_fall(
        self, fall: _Fall, value: Amount, window: _Window, timeline: Timeline, *, busy: bool
    ) -> None:
        """Decide by the next value whether a fall was a lagging replica or a reset."""
        level = self.level or self.zero
        for earlier in (fall.window, fall.since):
            timeline.touched.update(earlier.turns, earlier.refused)
        if value == fall.value:
            self.fall = fall._replace(since=_joined(fall.since, window))
            if not fall.idle and not window.turns:
                # Read again after the turn has ended, it is not a replica that lags for a moment.
                self._reset(self.fall, timeline)
        elif value >= level or is_rounding(level, value):
            self.fall = None
            if fall.idle and not fall.seen and value > level:
                # What they took may have hidden a restart before it.
                self.partly.update(window.turns)
            elif not fall.idle and not fall.seen and value > fall.value < fall.start:
                # No earlier value, and no more than the turn itself can have taken.
                self.restarts, self.restart = self.restarts + fall.restart, 0
            self._compare(value, _joined(fall.window, fall.since, window), timeline, busy=busy)
        else:
            self._reset(fall, timeline)
            self._compare(value, window, timeline, busy=busy)

    def _reset(self, fall: _Fall, timeline: Timeline) -> None:
        """Begin anew after a fall: at zero where the meter restarted inside a turn, else at the value read.

        Inside a turn a fall that leaves most of the value is no restart: the figures of the turn were
        corrected, or earlier ones were, and then nobody knows what the turn took.
        """
        level, window = self.level or self.zero, fall.window
        self.fall, self.recent = None, (fall.value,)
        if not fall.idle:
            self.restarts += fall.restart
        elif window.counted and not window.strangers:
            self.rises += CLEAR
        if fall.started == self.started:
            self.restart = 0
        is_kept = not fall.idle and fall.value * KEPT >= level
        is_corrected = is_kept and fall.value >= fall.start and not (window.strangers or window.refused)
        if is_corrected and self.own.get(window.turns[0]) == level - fall.start:
            # All that it rose by since the turn was sent is of this turn.
            self.own[window.turns[0]] -= level - fall.value
            self.level = fall.value
            self.start = fall.start if fall.started == self.started else fall.value
        else:
            self.closed = self.closed + level - self.first
            self.level = self.first = fall.value if fall.idle or is_kept else self.zero
            self.start = fall.value
            self.partly.update(window.turns)
            if not fall.idle:
                self._enter(fall.value, window, timeline)
        self._enter(self.level, fall.since, timeline)

    def _enter(self, value: Amount, window: _Window, timeline: Timeline) -> None:
        """Enter the rise from the level to `value`: for its owner, its possible owners, or as suspense."""
        rise = value - (self.level or self.zero)
        self.level = value
        turns, strangers = window.turns, window.strangers
        for turn in set(turns).difference(self.own):
            self.own[turn] = self.zero
        if not rise:
            return
        last = timeline.last
        self.refused.update(window.refused)
        if len(turns) == 1 and not strangers and not window.unread and not window.refused:
            self.own[turns[0]] += rise
        elif turns:
            self.shares.append(_Share(rise, turns, strangers + len(window.refused)))
        elif last is not None and window.counted and not strangers and not window.refused:
            # Growth without a new message belongs to the last turn.
            self.own[last] = self.own.get(last, self.zero) + rise
            timeline.touched.add(last)
        else:
            came = strangers if window.counted else None
            self.suspense.append(Suspense(rise, last, window.refused, came, window.at_ms))

    # -- results -----------------------------------------------------------------------
    def result(self, timeline: Timeline, decisions: Decisions = NO_DECISIONS) -> MeterResult:
        """What the meter shows now. A fall at the end is a reset unless it may be a lagging replica."""
        waiting = () if self.fall is None else _joined(self.fall.window, self.fall.since).turns
        if self.fall is not None and not self.fall.may_lag:
            other = self.copy()
            other._reset(self.fall, timeline)
            return other.result(timeline, decisions)._replace(waiting=frozenset(waiting))
        is_reported = self.level is not None and self.read_at
        total = self.closed + (self.level or self.zero) - self.first if is_reported else None
        own, suspense = self._assigned(decisions.owners)
        shown = self._meaning()
        return MeterResult(
            decisions.meaning or shown, own, self._shared(), self.alone, self.overwritten, self.partly,
            self.loose, self.refused, frozenset(waiting), suspense, total, shown,
            decisions.meaning is not None, self.values, self.base,
        )  # fmt: skip

    def _assigned(self, owners: Mapping[int, Key]) -> tuple[dict[Key, Amount], list[Suspense]]:
        """The amounts of the turns with the rises that the person assigned to them, and the other rises.

        A rise cannot be added to an amount that is unknown, nor to a turn that was refused at another time.
        """
        if not owners or not self.suspense:
            return self.own, self.suspense
        own, others = self.own.copy(), []
        for rise in self.suspense:
            owner = owners.get(rise.at_ms, "")
            if owner in rise.refused or (owner in self.own and owner not in self.partly):
                own[owner] = own.get(owner, self.zero) + rise.amount
            else:
                others.append(rise)
        return own, others

    def _meaning(self) -> Meaning:
        if self.restarts >= self.rises + MARGIN:
            return Meaning.PER_TURN
        is_clear = self.rises >= CLEAR and self.rises > self.restarts
        return Meaning.LIFETIME if is_clear else Meaning.UNDECIDED

    def _shared(self) -> dict[Key, Shared]:
        """What each turn shares. The shares of a turn follow each other, from when it was sent to its end."""
        first: dict[Key, int] = {}
        last: dict[Key, int] = {}
        entered: dict[Key, Amount] = {}
        for at, share in enumerate(self.shares):
            last.update(dict.fromkeys(share.turns, at))
            entered[share.turns[-1]] = entered.get(share.turns[-1], self.zero) + share.amount
        for at in range(len(self.shares) - 1, -1, -1):
            first.update(dict.fromkeys(self.shares[at].turns, at))
        amounts = [*accumulate((share.amount for share in self.shares), initial=self.zero)]
        strangers = [*accumulate((share.strangers for share in self.shares), initial=0)]
        begins, ends = sorted(first.values()), sorted(last.values())
        return {
            turn: Shared(
                entered.get(turn, self.zero),
                amounts[end + 1] - amounts[first[turn]],
                # All turns of ours without those that begin later or have ended before, and this one.
                bisect_right(begins, end) - bisect_left(ends, first[turn]) - 1
                + strangers[end + 1] - strangers[first[turn]],
            )
            for turn, end in last.items()
        }  # fmt: skip


class Shared(NamedTuple):
    """The shared amounts of one turn: those entered for it, and all of which it may own a part.

    `others`: how many others may own a part, ours and strangers.
    """

    entered: Amount = 0
    part: Amount = 0
    others: int = 0


NOT_SHARED: Final = Shared()


class MeterResult(NamedTuple):
    """What one meter shows. `total`: the rises of all segments; it equals the entered amounts and `suspense`.

    `base`: what it showed when the worker was read first.

    `own`, `shared`: amounts per turn if it counts the lifetime; `alone`: if it counts per turn, and then
    the value of a turn in `overwritten` may be too small. `partly`: turns that ran before the first
    reading of a segment. `loose`: turns since whose last value the worker was not idle. `refused`: refused
    turns in whose window it rose. `waiting`: turns in whose time it fell for a reason that is unknown yet.
    `shown`: the meaning that the `values` readings show; `meaning` is that unless the person `pinned`
    another one.
    """

    meaning: Meaning
    own: dict[Key, Amount]
    shared: dict[Key, Shared]
    alone: dict[Key, Amount]
    overwritten: set[Key]
    partly: set[Key]
    loose: frozenset[Key]
    refused: set[Key]
    waiting: frozenset[Key]
    suspense: list[Suspense]
    total: Amount | None
    shown: Meaning
    pinned: bool
    values: int
    base: Amount

    @property
    def of_worker(self) -> Amount | None:
        """What the worker took altogether, also for others; None where nothing was reported."""
        if self.meaning is Meaning.PER_TURN:
            return sum(self.alone.values(), type(self.base)(0))
        return None if self.total is None else self.base + self.total

    @property
    def amounts(self) -> dict[Key, Amount]:
        """The amounts of all turns that are in none of `exceptions`."""
        return self.alone if self.meaning is Meaning.PER_TURN else self.own

    @property
    def exceptions(self) -> set[Key]:
        """Turns with a remark beyond an amount."""
        if self.meaning is Meaning.PER_TURN:
            return self.overwritten.union(self.loose)
        exceptions = self.partly.union(self.waiting, self.shared, self.loose)
        if self.meaning is Meaning.UNDECIDED:
            exceptions.update(self.overwritten)
            exceptions.update(turn for turn, own in self.own.items() if self.alone.get(turn) != own)
        return exceptions

    def entry(self, turn: Key) -> Entry:
        """What the turn used."""
        alone, is_open = self.alone.get(turn), turn in self.loose
        if self.meaning is Meaning.PER_TURN:
            return Entry(alone, open=is_open or turn in self.overwritten)
        own, shared = self.own.get(turn), self.shared.get(turn, NOT_SHARED)
        is_partial = turn in self.partly
        if own is None or (is_partial and not own and not shared.part):
            return Entry()
        most = own + shared.part
        # Whether a reading fell into the time of an overwritten turn makes its amount no surer.
        is_other = turn in self.overwritten or alone != most
        return Entry(
            own + shared.entered,
            most if shared.part else None,
            shared.others,
            self.meaning is Meaning.UNDECIDED and is_other,
            is_open or is_partial or turn in self.waiting,
        )


class Timeline:
    """All readings of one worker. `take` events in order of receipt; `results` at any time.

    The caller sets a decimal context that does not round (`amounts.EXACT`).
    """

    def __init__(self, zeros: Sequence[Amount]) -> None:
        """`zeros`: the zero of each meter, whole or decimal."""
        self._meters = [_Meter(zero) for zero in zeros]
        self.under_way: dict[Key, bool] = {}
        """Our turns under way, in order of sending; True: it was left, and the worker was not idle since."""
        self._unconfirmed: set[Key] = set()
        """Turns that have ended, and since whose last reading the worker was not idle."""
        self.last: Key | None = None
        """The turn that ended last."""
        self.final: set[Key] = set()
        """Turns that have ended, and after which the worker was idle."""
        self.readings = 0
        self.alone: Key | None = None
        """The turn that the newest reading is about if the worker reports each turn by itself."""
        self.starts = self.restart = 0
        """How many turns were sent while none was under way, and what a restart in the last one weighs."""
        self.touched: set[Key] = set()
        """Turns whose amounts may have changed; the owner of the timeline clears it."""
        self._windows: list[_Window] = []
        """The window before each reading."""
        self._window = _Window(counted=False)
        """The window since the last reading."""
        self._newest: tuple[Key, int | None] | None = None
        """The turn that was sent last, and the messages of others at that time."""
        self._is_looked = True
        """The last reading was no stale one."""
        self._is_idle = False
        """The worker was idle at the last reading, and no turn was sent since."""
        self._stranger_runs = False
        """At the last reading the worker was busy, although no turn of ours was under way."""
        self._strangers: int | None = None
        """How many messages of the worker are not ours."""
        self._fewer: tuple[int, ...] = ()
        """The number of those messages at the last readings of the idle worker, where it was smaller."""
        self._sent = 0
        self._at_ms = 0
        """The time of the newest event."""

    def copy(self) -> Timeline:
        """An independent copy."""
        other = Timeline(())
        other.__dict__.update(self.__dict__)
        other._meters = [meter.copy() for meter in self._meters]
        other._windows, other.under_way = self._windows.copy(), self.under_way.copy()
        other.final, other.touched = self.final.copy(), self.touched.copy()
        other._unconfirmed = self._unconfirmed.copy()
        return other

    def take(self, event: Event, at_ms: int = 0) -> None:
        """Take the next event, which was received at `at_ms`."""
        self._at_ms = at_ms
        if isinstance(event, Read):
            self._read(event)
        elif isinstance(event, Sent):
            self._begin(event)
        else:
            self._end(event)

    def results(self, decisions: Decisions = NO_DECISIONS) -> list[MeterResult]:
        """What each meter shows by all readings so far, and by what the person decided."""
        return [meter.result(self, decisions) for meter in self._meters]

    def window_since(self, reading: int) -> _Window:
        """The time between an earlier reading and the newest one, for a meter that was read at both only.

        For that meter, no reading was just before a turn that began after the first of the others.
        """
        if reading + 1 == len(self._windows):
            return self._windows[reading]
        joined = _joined(*self._windows[reading:])
        is_first = len(joined.turns) == len(self._windows[reading].turns)
        return joined if is_first else joined._replace(unread=True)

    def _begin(self, sent: Sent) -> None:
        window = self._window
        if sent.refused:
            self._window = window._replace(refused=(*window.refused, sent.turn))
            self.touched.add(sent.turn)
            if self._newest is not None and self._newest[0] not in self.under_way:
                # Later figures may be those of the refused turn.
                self._overwrite(self._newest[0])
                self._newest = None
            return
        if sent.creates and not self._sent:
            self._strangers = 0
            for meter in self._meters:
                if meter.level is None:
                    meter.level, meter.recent = meter.zero, (meter.zero,)
        is_looked = sent.looked and self._is_looked
        is_unread = window.unread or not (is_looked or sent.creates)
        self._window = window._replace(turns=(*window.turns, sent.turn), unread=is_unread)
        self.restart = 0
        if not self.under_way:
            self.starts += 1
            self.restart = RESTART if is_looked else 1
        if self._newest is not None:
            self._overwrite(self._newest[0])
        self.under_way[sent.turn] = self._is_idle = False
        self._newest = sent.turn, self._strangers
        self._sent += sent.counted

    def _read(self, read: Read) -> None:
        came, is_fewer, is_stale = self._count_strangers(read)
        self._is_looked = not is_stale
        if is_stale:
            return
        stranger_ran, self._stranger_runs = self._stranger_runs, read.busy and not self.under_way
        if stranger_ran or self._stranger_runs:
            came = max(came or 0, 1)
        window = self._window._replace(strangers=came or 0, counted=came is not None, at_ms=self._at_ms)
        self._windows.append(window)
        self.touched.update(window.turns, window.refused)
        self._choose_alone(read.prompts)
        if self.alone is not None:
            self.touched.add(self.alone)
        self.readings += 1
        for meter, value in zip(self._meters, read.meters, strict=True):
            if value is not None:
                meter.read(value, self, busy=read.busy)
        # A reading that lacks a message of ours may be older than it seems.
        self._window = window if is_fewer else _Window(tuple(self.under_way), counted=False)
        self._is_idle = not read.busy
        if self._is_idle:
            for turn in [*compress(self.under_way, self.under_way.values())]:
                self._leave(turn)
            self.final |= self._unconfirmed
            self.touched |= self._unconfirmed
            self._unconfirmed.clear()

    def _choose_alone(self, prompts: int | None) -> None:
        self.alone, before = self._newest or (None, None)
        is_counted = prompts is not None and before is not None and self._strangers is not None
        if self.alone is not None and is_counted and (self._strangers or 0) > (before or 0):
            self._overwrite(self.alone)
            self.alone = None

    def _overwrite(self, turn: Key) -> None:
        """The figures are those of another turn from now on."""
        for meter in self._meters:
            if turn not in self.final or turn in meter.loose:
                meter.overwritten.add(turn)
                self.touched.add(turn)

    def _end(self, ended: Ended) -> None:
        if ended.turn in self.under_way:
            self.under_way[ended.turn] = True
            if self._is_idle or not ended.left_running:
                self._leave(ended.turn)

    def _leave(self, turn: Key) -> None:
        del self.under_way[turn]
        self.last = turn
        self.touched.add(turn)
        if not self._is_idle:
            self._unconfirmed.add(turn)
            return
        self.final.add(turn)
        # It ran before the last reading, not after it.
        turns = self._window.turns
        if turn in turns:
            at = turns.index(turn)
            self._window = self._window._replace(turns=(*turns[:at], *turns[at + 1 :]))

    def _count_strangers(self, read: Read) -> tuple[int | None, bool, bool]:
        """How many messages of others came; whether one of ours is missing; whether the reading is stale.

        A count of None is unknown. A worker that is idle and lacks a message of ours is shown by a
        replica that lags behind. Where it lacks it repeatedly, messages were removed.
        """
        if read.prompts is None:
            return None, False, False
        before, count = self._strangers, read.prompts - self._sent
        is_fewer = before is not None and count < before
        if not read.busy:
            self._fewer = (*self._fewer[1 - PERSISTENT :], count) if is_fewer else ()
        is_removed = is_fewer and not read.busy and self._fewer == (count,) * PERSISTENT
        if not is_fewer or is_removed:
            self._strangers = count
        came = None if before is None else max(0, count - before)
        return came, is_fewer and not is_removed, is_fewer and not (read.busy or is_removed)
