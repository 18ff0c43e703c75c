"""How many readings a service gets, and whose worker is read next.

Values in, values out. Times are Unix milliseconds: after a sleep of the machine more is due, in one order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

LONGEST_PAUSE_MS: Final = 60_000
"""The most that a service is left alone, whatever it asks for."""
FIRST_PAUSE_MS: Final = 2_000
"""After the first failure; doubled with each further one."""


class Urgency(IntEnum):
    """Why a worker is to be read."""

    END = 0
    """Its stream brought the end of the answer."""
    STATE = 1
    """It runs, as far as is known."""
    FIGURES = 2
    """A stream shows its state, but not what it costs."""
    LATE = 3
    """It has ended, and its amount is not settled."""


class Place(IntEnum):
    """Where a run stands on the screen."""

    FRONT = 0
    """Its session is open, or its row is selected."""
    VISIBLE = 1
    HIDDEN = 2


Places = Mapping[str, Place]
"""By worker; those that are left out are hidden."""

_PATIENCE_MS: Final = {
    (Urgency.STATE, Place.VISIBLE): 1_000,
    (Urgency.STATE, Place.HIDDEN): 5_000,
    (Urgency.FIGURES, Place.FRONT): 2_000,
    (Urgency.FIGURES, Place.VISIBLE): 30_000,
    (Urgency.FIGURES, Place.HIDDEN): 240_000,
    (Urgency.LATE, Place.FRONT): 30_000,
    (Urgency.LATE, Place.VISIBLE): 60_000,
    (Urgency.LATE, Place.HIDDEN): 240_000,
}
"""Where more is wanted than the service allows, each waits in proportion to this, and none for ever."""


class Allowance(Struct, frozen=True):
    """The readings that a service still gets: `per_s` in the long run, at most `most` at once."""

    per_s: float
    most: int
    at_ms: int
    count: float = 0
    """Below 0 where readings that could not wait were more."""
    paused_ms: int = 0
    """Until when the service is left alone."""
    failures: int = 0

    @classmethod
    def full(cls, per_s: float, most: int, now_ms: int) -> Allowance:
        """That of a service that was not read yet."""
        return cls(per_s, most, now_ms, most)

    def at(self, now_ms: int) -> Allowance:
        """The allowance at a later time; a clock that was set back changes nothing."""
        grown = self.count + max(0, now_ms - self.at_ms) / 1000 * self.per_s
        return replace(self, count=min(self.most, grown), at_ms=now_ms)

    def after_reading(self, now_ms: int) -> Allowance:
        """After one reading. The debt is bounded, so that the others are not kept back for long."""
        now = self.at(now_ms)
        return replace(now, count=max(-self.most, now.count - 1))

    def wait_ms(self, now_ms: int) -> int:
        """Milliseconds until the next reading that can wait."""
        missing = 1 - self.at(now_ms).count
        until_free = max(0, -int(-missing * 1000 // self.per_s))
        return max(until_free, self.pause_ms(now_ms))

    def pause_ms(self, now_ms: int) -> int:
        """Milliseconds for which the service is left alone."""
        return max(0, min(self.paused_ms - now_ms, LONGEST_PAUSE_MS))

    def answered(self) -> Allowance:
        """After an answer."""
        return replace(self, failures=0)

    def failed(self, now_ms: int, retry_after_s: float | None) -> Allowance:
        """After a server error, or a refusal because of too many requests."""
        pause = FIRST_PAUSE_MS * 2.0 ** min(self.failures, 10)
        pause_ms = int(min(max(pause, (retry_after_s or 0) * 1000), LONGEST_PAUSE_MS))
        return replace(self, failures=self.failures + 1, paused_ms=max(self.paused_ms, now_ms + pause_ms))


class Ask(Struct, frozen=True):
    """Somebody waits since `since_ms` to read a worker."""

    worker_id: str
    urgency: Urgency
    since_ms: int


def next_ask(
    asks: Iterable[Ask], places: Places, reading: Collection[str], now_ms: int, *, after_front: bool
) -> Ask | None:
    """Who reads next; None where nobody waits whose worker is not being read already.

    First comes the state of what is in front, then what has ended, then what has waited for longest by its
    patience. `after_front`: the one before was in front, which is read again and again: now others are first.
    """

    def order(ask: Ask) -> tuple[bool, bool, float]:
        place = places.get(ask.worker_id, Place.HIDDEN)
        patience = _PATIENCE_MS.get((ask.urgency, place), 1)
        is_in_front = place is Place.FRONT and ask.urgency <= Urgency.STATE
        return is_in_front is after_front, ask.urgency is not Urgency.END, (ask.since_ms - now_ms) / patience

    return min((ask for ask in asks if ask.worker_id not in reading), key=order, default=None)


# -- runs that nobody watches ---------------------------------------------------------------------
class Unwatched(Struct, frozen=True):
    """A run that nothing follows. `read_ms`: when it was last read, or when it began."""

    session_id: str
    worker_id: str
    began_ms: int
    read_ms: int


VISIBLE_MS: Final = 10_000
LONGEST_MS: Final = 120_000
AGING: Final = 20
"""A run that is not in sight is read when it is older by this part of its age."""


def due_ms(run: Unwatched, place: Place, now_ms: int, front_ms: int) -> int:
    """When it is to be read. `front_ms`: the interval of one that is in front."""
    if place is Place.FRONT:
        return run.read_ms + front_ms
    if place is Place.VISIBLE:
        return run.read_ms + VISIBLE_MS
    age_ms = max(0, now_ms - run.began_ms)
    return run.read_ms + max(VISIBLE_MS, min(age_ms // AGING, LONGEST_MS))


def by_importance(runs: Iterable[Unwatched], places: Places) -> list[Unwatched]:
    """What is in front first, then what is visible, then what began last."""
    return sorted(runs, key=lambda run: (places.get(run.worker_id, Place.HIDDEN), -run.began_ms))
