"""The limits of a session as its owner knows them: what is spent, and what that holds."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from handinger_tui.core.acts import Hold, HoldReason
from handinger_tui.core.errors import HandingerError, LedgerError
from handinger_tui.core.money.limits import Gauge, LimitReached
from handinger_tui.core.turns.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from handinger_tui.engine.open_session import OpenSession
    from handinger_tui.engine.ports import LimitReader, TurnHistory


def hold_by(problem: HandingerError) -> Hold:
    """The hold of a queue whose next turn may not start. An unreadable limit counts as a reached one."""
    if not isinstance(problem, LimitReached):
        return Hold(HoldReason.UNREADABLE, detail=problem.summary)
    if problem.may_be_agreed:
        return Hold(HoldReason.UNMEASURED, problem.gauge, problem.gauge.unmeasured_text)
    return Hold(HoldReason.LIMIT, problem.gauge)


def measured_hold(hold: Hold | None, gauges: Sequence[Gauge]) -> Hold | None:
    """What holds a queue by now: a limit that no longer does leaves it to the person to send it."""
    if hold is None or hold.gauge is None:
        return hold
    is_same = hold.gauge.limit in [gauge.limit for gauge in gauges]
    if (reached := Gauge.blocking(gauges)) is not None:
        return hold_by(LimitReached(reached))
    return Hold(HoldReason.LIFTED) if hold.reason is HoldReason.LIMIT or not is_same else hold


class SessionLimits:
    """The newest gauges of a session, each a limit with the amount spent of it; writes what turns cost.

    While a turn runs, its cost is written after each new reading of its worker, one write at a time.
    """

    def __init__(
        self,
        store: OpenSession,
        log: TurnHistory,
        reader: LimitReader | None,
        ends: Callable[[], int],
        post: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        """`ends()`: how many runs of the session have ended. `post(step)` puts a step into its inbox."""
        self._store = store
        self._log = log
        self._reader = reader
        self._ends = ends
        self._post = post
        self._is_due = False
        self._is_posted = False
        self.gauges: tuple[Gauge, ...] = ()
        """Those of the last read; empty when there are no limits, or before the first read."""

    async def read(self) -> tuple[Gauge, ...]:
        """Read the gauges from the ledger, and publish when they differ from the last ones.

        Raises:
            LedgerError
        """
        if self._reader is None:
            return ()
        gauges = tuple(await self._reader.gauges(self._store.value))
        if gauges != self.gauges:
            self.gauges = gauges
            self._store.publish()
        return gauges

    async def check(self) -> None:
        """Read the limits; return only when a message may be sent.

        Raises:
            LimitReached: a limit is used up.
            LedgerError: the limits could not be read.
        """
        while True:
            ends = self._ends()
            reached = Gauge.blocking(await self.read())
            # Where a turn ended in between, its cost may have used a limit up.
            if ends == self._ends():
                break
        if reached is not None:
            raise LimitReached(reached)

    async def hold(self) -> Hold | None:
        """What holds a queue now: a reached limit, or a missing history."""
        try:
            if (missing := self._log.no_history) is not None:
                raise missing
            await self.check()
        except (LedgerError, LimitReached) as problem:
            return hold_by(problem)
        return None

    # -- what a running turn has cost so far ---------------------------------------------
    def observe(self, before: Turn | None, now: Turn, *, running: bool) -> None:
        """Note a change of a turn; while a turn is `running`, its cost is written soon."""
        self._is_due = self._is_due or changes_amounts(before, now)
        if self._is_due and running and not self._is_posted:
            self._is_posted = True
            self._post(self._write)

    def closed(self) -> None:
        """Closing the turn writes its cost: nothing is due."""
        self._is_due = False

    async def count(self) -> None:
        """Write what the turns cost so far, and read the limits again. Raises LedgerError."""
        self._is_due = False
        await self._store.charge()
        await self.read()

    async def _write(self) -> None:
        # What arrives during the write is left to the next one.
        self._is_posted = False
        if self._is_due:
            with suppress(LedgerError):
                await self.count()


def changes_amounts(before: Turn | None, now: Turn) -> bool:
    """Whether a turn has a new reading of its worker, which alone has usage and costs, or is sent now.

    A reading after that may be about the new turn: what an earlier one cost may be in doubt from then on.
    """
    if before is None:
        return now.snapshot is not None
    is_sent = now.sent_ms is not None and before.sent_ms is None
    return is_sent or now.snapshot is not before.snapshot or now.before is not before.before
