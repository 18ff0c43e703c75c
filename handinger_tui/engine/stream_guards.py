"""Guards of a stream: it is left when the machine has slept, or when its worker ended without closing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import ApiError, StreamLost
from handinger_tui.core.formatting import duration
from handinger_tui.core.stream.worker_snapshot import names_another
from handinger_tui.core.turns.turn import Kind, Turn
from handinger_tui.core.turns.worker_reconciliation import WorkerObservation, observe
from handinger_tui.engine.ports import Clock

if TYPE_CHECKING:
    from handinger_tui.engine.ports import Reply
    from handinger_tui.engine.turn_run import TurnRun


LOOK_EVERY_S: Final = 1.0
SLEPT_S: Final = 5.0
"""A gap beyond this was sleep, not a clock being put right."""


@asynccontextmanager
async def sleep_guard(clock: Clock) -> AsyncIterator[None]:
    """Run the body; when the machine has slept meanwhile, end it at once.

    Raises:
        StreamLost: the machine slept; what is true now has to be read anew.
    """
    slept = 0.0

    async def watch(limit: asyncio.Timeout) -> None:
        nonlocal slept
        wall, steady = clock.now_ms(), clock.monotonic()
        while not slept:
            await clock.sleep(LOOK_EVERY_S)
            gap = (clock.now_ms() - wall) / 1000 - (clock.monotonic() - steady)
            wall, steady = clock.now_ms(), clock.monotonic()
            if gap > SLEPT_S:
                slept = gap
                limit.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as limit:
            watcher = asyncio.create_task(watch(limit), name="waking")
            try:
                yield
            finally:
                watcher.cancel()
    except TimeoutError:
        if not slept:
            raise
        raise StreamLost(Kind.NETWORK, f"Back after {duration(int(slept * 1000))}; checking.") from None


CHECK_EVERY_S: Final = 1.0
"""Seconds between two checks of whether the stream has brought anything."""
QUIET_S: Final = 30.0
"""Seconds without anything new after which the worker is read."""


async def take_watched(run: TurnRun, reply: Reply) -> None:
    """Take a whole reply to a turn that the service has accepted.

    Raises:
        StreamLost: it broke off, or brought nothing while its worker had ended or could not be read.
        BrokenContract
    """
    quiet = False

    async def watch(limit: asyncio.Timeout) -> None:
        nonlocal quiet
        await _until_over(run)
        quiet = True
        limit.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as limit:
            watcher = asyncio.create_task(watch(limit), name="stream-watch")
            try:
                await run.take(reply)
            finally:
                watcher.cancel()
    except TimeoutError:
        if not quiet:
            raise
        raise StreamLost(Kind.IDLE_TIMEOUT, "The stream stayed open and brought nothing more.") from None


async def _until_over(run: TurnRun) -> None:
    """Return once the stream brings nothing and the worker does not say that it runs.

    A worker that cannot be read is given the recovery window.
    """
    clock, window = run.clock, run.patience.recovery_window
    # A window of nothing asks for no second chance after a doubt; it makes no stream quiet.
    quiet_s = min(QUIET_S, window) or QUIET_S
    brought = _brought(run.turn)
    quiet_since = alive_at = clock.monotonic()
    while True:
        await clock.sleep(min(CHECK_EVERY_S, quiet_s))
        now = clock.monotonic()
        if _brought(run.turn) != brought:
            brought = _brought(run.turn)
            quiet_since = alive_at = now
        elif now - quiet_since >= quiet_s:
            runs = await _runs(run)
            quiet_since = clock.monotonic()
            if runs:
                alive_at = quiet_since
            elif runs is False or quiet_since - alive_at >= window:
                return


def _brought(turn: Turn) -> tuple[object, ...]:
    """What a stream adds to a turn. Readings of the worker beside it do not count."""
    return turn.parts, turn.activity, turn.metadata, turn.finished


async def _runs(run: TurnRun) -> bool | None:
    """Whether the worker says that it runs; None where it could not be read."""
    try:
        body = await run.api.read_worker(run.worker_id or "")
    except ApiError:
        return None
    if body.snapshot.silent or names_another(body.snapshot.worker_id, run.worker_id):
        return None
    return observe(run.turn, body.snapshot, accepted=True) is WorkerObservation.BUSY
