"""The limits of a session as its owner knows them: what is spent, and what that holds."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from handinger_tui.core.acts import Hold, HoldReason
from handinger_tui.core.errors import LedgerError
from handinger_tui.core.money.limits import Gauge, LimitReached, LimitUnmeasured
from handinger_tui.core.turns.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from handinger_tui.engine.open_session import OpenSession
    from handinger_tui.engine.ports import LimitReader, TurnHistory


def limit_hold(problem: LimitReached) -> Hold:
    """The hold of a queue whose next turn a limit forbids."""
    if isinstance(problem, LimitUnmeasured):
        return Hold(HoldReason.UNMEASURED, problem.gauge, problem.gauge.unmeasured_text)
    return Hold(HoldReason.LIMIT, problem.gauge)


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
        if (gauge := await self._reached()) is not None:
            raise LimitReached(gauge)

    async def hold(self) -> Hold | None:
        """The hold of a reached limit. An unreadable one counts as reached, as does a missing history."""
        if (missing := self._log.no_history) is not None:
            return Hold(HoldReason.UNREADABLE, detail=missing.summary)
        try:
            reached = await self._reached()
        except LedgerError as problem:
            return Hold(HoldReason.UNREADABLE, detail=problem.summary)
        return None if reached is None else limit_hold(LimitReached(reached))

    async def _reached(self) -> Gauge | None:
        """The limit that is used up. Read again where a turn ended in between: its cost may have used one up.

        Raises:
            LedgerError
        """
        while True:
            ends = self._ends()
            reached = Gauge.blocking(await self.read())
            if ends == self._ends():
                return reached

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
