"""Messages that others sent to a worker (another key or person, a schedule, an email): how many, and when."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from handinger_tui.core.money.events import Key, Read, Sent

REMOVED_AFTER: Final = 3
"""A message that is missing in this many readings in a row was removed."""


class Arrivals(NamedTuple):
    """What a reading shows. `came`: how many messages of others came since the last one; None: unknown.

    `lacks_ours`: one of our messages is missing in it, so that it may be older than it seems. `is_stale`: it
    is older. `recounted`: turns adopted since the last reading that were counted here before.
    """

    came: int | None
    lacks_ours: bool = False
    is_stale: bool = False
    recounted: tuple[Key, ...] = ()


class OtherMessages:
    """Counts the messages of one worker that are not ours."""

    def __init__(self) -> None:
        self.count: int | None = None
        """How many there are; None: unknown."""
        self.came = self._came_idle = 0
        """How many came since the first reading, and until the last reading of the idle worker."""
        self._came_at_end = 0
        """How many had come when a turn ended last."""
        self._came_before: dict[Key, int] = {}
        """How many came before a turn was sent, for turns under way and the last one."""
        self._fewer: tuple[int, ...] = ()
        """Smaller numbers of them in the newest readings of the idle worker."""
        self._own = 0
        """How many messages are ours."""
        self._adopted: tuple[Key, ...] = ()
        """The turns that were adopted since the last reading."""
        self._older = 0
        """How many of them were adopted behind a later message, so that they were counted before."""
        self._run = False
        """At the newest reading the worker was busy, although no turn of ours was under way."""

    def copy(self) -> OtherMessages:
        other = copy(self)
        other._came_before = self._came_before.copy()
        return other

    def begin(self, sent: Sent) -> bool:
        """A turn of ours is sent; whether it creates the worker."""
        creates = sent.creates and not self._own
        self.count = 0 if creates else self.count
        self._came_before[sent.turn] = self.came
        self._own += sent.counted
        if sent.adopted:
            self._adopted = (*self._adopted, sent.turn)
            self._older += not sent.last
        return creates

    def end(self, turns: Collection[Key]) -> None:
        """A turn has ended. `turns`: this one, and those under way; all others are forgotten."""
        self._came_before = {key: came for key, came in self._came_before.items() if key in turns}
        self._came_at_end = self.came

    @property
    def since_end(self) -> int:
        """How many came after the turn that ended last had ended."""
        return self.came - self._came_at_end

    def since(self, turn: Key | None) -> int:
        """How many came after a turn was sent, which is under way or the last one."""
        return 0 if turn is None else self.came - self._came_before.get(turn, self.came)

    def read(self, read: Read, *, ours_run: bool) -> Arrivals:
        """Process a reading, unless it is stale. `ours_run`: a turn of ours is under way."""
        arrivals = self._compared(read)
        if arrivals.is_stale:
            return arrivals._replace(came=None)
        came = arrivals.came
        ran, self._run = self._run, read.busy and not ours_run
        if (ran or self._run) and self.came == self._came_idle:
            came = max(came or 0, 1)
        self.came += came or 0
        self._came_idle = self._came_idle if read.busy else self.came
        return arrivals._replace(came=came)

    def _compared(self, read: Read) -> Arrivals:
        """An idle worker without one of our messages comes from a lagging replica.

        If the message is missing repeatedly, it was removed. One that was adopted may have been counted as
        one of others.
        """
        if read.prompts is None:
            return Arrivals(None)
        before, count = self.count, read.prompts - self._own
        recounted: tuple[Key, ...] = ()
        if before is not None:
            least, most = (max(0, before - one) for one in (len(self._adopted), self._older))
            without = min(before, most, max(least, count))
            recounted, self._adopted, self._older = self._adopted[: before - without], (), 0
            self.count = before = without
        is_fewer = before is not None and count < before
        if not read.busy:
            self._fewer = (*self._fewer[1 - REMOVED_AFTER :], count) if is_fewer else ()
        is_removed = is_fewer and not read.busy and self._fewer == (count,) * REMOVED_AFTER
        if not is_fewer or is_removed:
            self.count = count
        came = None if before is None else max(0, count - before)
        lacks_ours = is_fewer and not is_removed
        return Arrivals(came, lacks_ours, lacks_ours and not read.busy, recounted)
