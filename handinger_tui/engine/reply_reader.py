"""Reading of a reply to its end; it stops when the machine slept, or when its worker ended silently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Final

from handinger_tui.core.errors import ApiError, BrokenContract, StreamLost
from handinger_tui.core.formatting import duration
from handinger_tui.core.stream.frames import Marker
from handinger_tui.core.stream.worker_snapshot import ANOTHER_WORKER, names_another
from handinger_tui.core.turns.turn import Kind, Turn
from handinger_tui.core.turns.worker_reconciliation import WorkerObservation, observe
from handinger_tui.engine.ports import Clock, Reply, WorkerApi
from handinger_tui.engine.turn_record import RunDeps, TurnRecord

CLOCK_CHECK_S: Final = 1.0
"""Seconds between two comparisons of the wall clock with the monotonic clock."""
SLEPT_S: Final = 5.0
"""A gap in seconds above which the machine slept; a smaller one is a correction of the wall clock."""


@asynccontextmanager
async def _ended_by(
    reason: Callable[[], Coroutine[None, None, StreamLost]], name: str
) -> AsyncIterator[None]:
    """Run the body, and `reason` beside it in a task: the body ends at once with the error that it returns.

    Raises:
        StreamLost: as `reason` returned it.
    """
    lost: StreamLost | None = None

    async def watch(limit: asyncio.Timeout) -> None:
        nonlocal lost
        lost = await reason()
        limit.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as limit:
            watcher = asyncio.create_task(watch(limit), name=name)
            try:
                yield
            finally:
                watcher.cancel()
    except TimeoutError:
        if lost is None:
            raise
        raise lost from None


def sleep_guard(clock: Clock) -> AbstractAsyncContextManager[None]:
    """Run the body; end it at once when the machine has slept in between.

    Raises:
        StreamLost: the machine slept; the state of the turn has to be read again.
    """

    async def slept() -> StreamLost:
        wall, steady = clock.now_ms(), clock.monotonic()
        while True:
            await clock.sleep(CLOCK_CHECK_S)
            gap = (clock.now_ms() - wall) / 1000 - (clock.monotonic() - steady)
            wall, steady = clock.now_ms(), clock.monotonic()
            if gap > SLEPT_S:
                return StreamLost(Kind.NETWORK, f"Back after {duration(int(gap * 1000))}. Checking…")

    return _ended_by(slept, "sleep-watch")


CHECK_EVERY_S: Final = 1.0
"""Seconds between two checks for new content of the stream."""
QUIET_S: Final = 30.0
"""Seconds without new content after which the worker is read."""


async def read_reply(record: TurnRecord, reply: Reply, deps: RunDeps) -> None:
    """Read a reply of an accepted turn to its end, store its frames, and watch that its worker still runs.

    Raises:
        StreamLost: it broke off, or stayed silent while its worker had ended or could not be read. The
            frames until then are stored.
        BrokenContract
    """

    async def worker_is_over() -> StreamLost:
        await _until_over(record, deps)
        return StreamLost(Kind.IDLE_TIMEOUT, "The stream stayed open but sent nothing more.")

    async with _ended_by(worker_is_over, "stream-watch"):
        await _read_frames(record, reply, deps.clock)


async def _read_frames(record: TurnRecord, reply: Reply, clock: Clock) -> None:
    record.note(
        Marker.OPENED,
        via=reply.via,
        status=reply.http_status,
        content_type=reply.content_type,
        encoding=reply.encoding,
        worker_id=reply.worker_id,
    )
    await record.commit_worker()
    # `aclosing` closes the generator in this task, also on cancellation.
    async with sleep_guard(clock), aclosing(reply.pieces()) as pieces:
        async for piece in pieces:
            record.feed_raw(piece)
            if record.misdirected:
                raise BrokenContract(Kind.UNEXPECTED_CONTENT, ANOTHER_WORKER)
            await record.commit_worker()
    record.note(Marker.CLOSED, clean=True)


async def _until_over(record: TurnRecord, deps: RunDeps) -> None:
    """Return once the stream is silent and the worker does not report that it runs.

    A worker that cannot be read counts as running until the recovery window is over.
    """
    clock, window = deps.clock, deps.policy.recovery_window
    # A window of 0 means no recovery after a doubt; it must not make every stream count as silent.
    quiet_s = min(QUIET_S, window) or QUIET_S
    content = _content(record.turn)
    quiet_since = alive_at = clock.monotonic()
    while True:
        await clock.sleep(min(CHECK_EVERY_S, quiet_s))
        now = clock.monotonic()
        if _content(record.turn) != content:
            content = _content(record.turn)
            quiet_since = alive_at = now
        elif now - quiet_since >= quiet_s:
            is_running = await _is_worker_running(record, deps.api)
            quiet_since = clock.monotonic()
            if is_running:
                alive_at = quiet_since
            elif is_running is False or quiet_since - alive_at >= window:
                return


def _content(turn: Turn) -> tuple[object, ...]:
    """The members of a turn that a stream changes; those set by reads of the worker are left out."""
    return turn.parts, turn.activity, turn.metadata, turn.finished


async def _is_worker_running(record: TurnRecord, api: WorkerApi) -> bool | None:
    """Whether the worker reports that it runs; None where it could not be read."""
    try:
        body = await api.read_worker(record.worker_id or "")
    except ApiError:
        return None
    if body.snapshot.silent or names_another(body.snapshot.worker_id, record.worker_id):
        return None
    return observe(record.turn, body.snapshot, accepted=True) is WorkerObservation.BUSY
