"""The run of one turn: send it once, and settle how it ended.

One user action is one POST. Whatever goes wrong after that is settled by reading the worker
(GET), never by sending again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import (
    ApiError,
    BrokenContract,
    Doubtful,
    HandingerError,
    LedgerError,
    Refused,
    ServerFault,
    StreamLost,
    Unreachable,
)
from handinger_tui.core.stream import Marker, ReadReason, Snapshot
from handinger_tui.core.turns.turn import UNDECIDED, Fault, Kind, TurnStatus
from handinger_tui.core.turns.worker_reconciliation import times_asked
from handinger_tui.engine.recovery import Recovery, read_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from handinger_tui.engine.turn_record import RunDeps, TurnRecord

UNANSWERED = "handinger-tui quit before the service answered."
FOLLOW_S: Final = 0.25
"""Seconds between two reads of what another program stores of a turn."""


class TurnRun:
    """Sends or watches one turn; runs one of its two bodies, `send` or `watch`, once."""

    def __init__(self, record: TurnRecord, deps: RunDeps) -> None:
        self.record = record
        self._deps = deps
        self._api = deps.api

    async def send(self) -> None:
        """Send the turn, read the answer and settle it."""
        await self._guarded(self._send)

    async def watch(self) -> None:
        """Watch a turn that may be running, with GETs only.

        While another running program works on it, this one shows what that one stores. A turn has one
        writer: two streams of one answer could not be told apart.
        """
        record = self.record
        record.departed = record.is_ours
        await self._guarded(self._watch)

    async def _watch(self) -> None:
        record = self.record
        while not record.is_ours:
            await self._deps.clock.sleep(FOLLOW_S)
            with suppress(LedgerError):
                await self._follow()
        record.take_stored(())
        if not record.turn.live and record.turn.status not in UNDECIDED:
            return
        record.note(Marker.WATCHING)
        doubt = None if record.accepted else Doubtful(Kind.NETWORK, UNANSWERED)
        await self._recover(doubt, accepted=record.accepted)

    async def _guarded(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run `body`; whatever it raises, the turn ends with a status."""
        money = asyncio.create_task(self._watch_money(), name=f"money:{self.record.turn_id}")
        try:
            async with asyncio.timeout(self._deps.policy.max_wait):
                await body()
        except TimeoutError:
            self.record.leave()
        except asyncio.CancelledError:
            self.record.leave()
        except Exception as problem:  # noqa: BLE001 - a defect of ours must not leave the turn without a status
            self.record.leave(problem)
        finally:
            money.cancel()
            await asyncio.wait({money})

    async def _recover(self, doubt: ApiError | None, *, accepted: bool) -> None:
        await Recovery(self.record, self._deps, doubt, accepted=accepted).run()

    async def _send(self) -> None:
        record = self.record
        await self._read_before()
        worker_id = record.order.worker_id
        begun = self._api.new_target(record.turn_id) if worker_id is None else None
        record.note(Marker.SENDING, worker_id=worker_id, **({} if begun is None else {"begun": begun}))
        await self._deps.log.flush()
        try:
            async with self._api.start_turn(record.order, self._depart) as reply:
                await read_reply(record, reply, self._deps)
        except Unreachable as trouble:
            record.settle(TurnStatus.NOT_SENT, trouble.fault())
        except Refused as refusal:
            await self._read_after_refusal()
            record.settle(TurnStatus.REJECTED, refusal.fault())
        except (Doubtful, ServerFault) as doubt:
            await self._recover(doubt, accepted=False)
        except BrokenContract as doubt:
            record.note_cut(doubt)
            accepted = record.turn.message_id is not None or record.misdirected
            await self._recover(doubt, accepted=accepted)
        except StreamLost as doubt:
            record.note_cut(doubt)
            await self._recover(doubt, accepted=True)
        except HandingerError as problem:
            # An error on our side before anything was sent: an unreadable attachment, a bad setting.
            fault = Fault(Kind.SETTINGS, problem.summary, may_have_been_charged=False)
            record.settle(TurnStatus.NOT_SENT, fault)
        else:
            await self._recover(None, accepted=True)

    async def _follow(self) -> None:
        """Take what another program has stored; the turn becomes ours once that program is over or done."""
        record, log = self.record, self._deps.log
        is_free = await log.claim(record.turn_id)
        record.take_stored(await log.frames(record.turn_id, record.next_seq))
        record.is_ours = record.departed = is_free

    def _depart(self) -> None:
        self.record.departed = True

    async def _read_before(self) -> None:
        """Read the worker before the POST. Free and optional: an error or a timeout is ignored."""
        record = self.record
        if record.order.worker_id is None:
            return
        try:
            async with asyncio.timeout(self._deps.policy.before_timeout):
                body = await self._api.read_worker(record.order.worker_id)
        except (ApiError, TimeoutError):
            return
        if body.wire:
            record.feed_worker(body, ReadReason.BEFORE, messages=False)
            record.note(Marker.ASKED, times=times_asked(body.snapshot, record.order.prompt))

    async def _read_after_refusal(self) -> None:
        """Read the worker again: its figures may have risen all the same. Optional, as the reading before."""
        record = self.record
        if record.order.worker_id is None or record.turn.before is None:
            return
        with suppress(ApiError, TimeoutError):
            async with asyncio.timeout(self._deps.policy.before_timeout):
                body = await self._api.read_worker(record.order.worker_id)
            record.feed_worker(body, ReadReason.MONEY, messages=False)

    async def _watch_money(self) -> None:
        """Poll usage and costs while the stream runs; slow down while they do not change."""
        record, policy = self.record, self._deps.policy
        shortest = policy.money_interval
        interval = shortest
        while shortest is not None and interval is not None:
            await self._deps.clock.sleep(interval)
            interval = min(interval * 1.5, max(shortest, policy.poll_interval_max))
            if record.worker_id is None or not self._may_read_money:
                continue
            with suppress(ApiError):
                body = await self._api.read_worker(record.worker_id)
                # The stream may have ended during the read: then the worker is read again to settle the turn.
                if not self._may_read_money:
                    continue
                before = record.turn.snapshot
                record.feed_worker(body, ReadReason.MONEY, messages=False)
                if _figures_differ(before, record.turn.snapshot):
                    interval = shortest

    @property
    def _may_read_money(self) -> bool:
        return self.record.is_ours and self.record.turn.status is TurnStatus.ACCEPTED


def _figures_differ(before: Snapshot | None, now: Snapshot | None) -> bool:
    """Whether usage or costs differ between two reads."""
    if before is None or now is None:
        return before is not now
    return (before.usage, before.costs) != (now.usage, now.costs)


class RunSlot:
    """The place for the one run of a session."""

    def __init__(self, ended: Callable[[TurnRecord], None]) -> None:
        """`ended(record)` is called at the end of each run, when the slot is free again."""
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self.record: TurnRecord | None = None
        """The turn under way."""
        self.ends = 0
        """How many runs have ended."""
        self.free = asyncio.Event()
        self.free.set()

    @property
    def turn_id(self) -> str:
        """The id of the turn under way; "" when there is none."""
        return "" if self.record is None else self.record.turn_id

    def launch(self, record: TurnRecord, body: Coroutine[None, None, None]) -> None:
        """Run `body`, which writes `record`."""
        self.free.clear()
        self.record = record
        self._task = asyncio.get_running_loop().create_task(body, name=f"turn:{record.turn_id}")
        self._task.add_done_callback(partial(self._done, record))

    def cancel(self) -> None:
        """Stop watching the turn under way."""
        if self._task is not None:
            self._task.cancel()

    async def ending(self) -> None:
        """Wait for the run of a turn of ours that has ended on the screen but not as a task yet."""
        if self.record is not None and self.record.is_ours and not self.record.turn.live:
            await self.free.wait()

    def _done(self, record: TurnRecord, task: asyncio.Task[None]) -> None:
        """Record the end of a run. Without an await, so that no other turn can start in between."""
        problem = None if task.cancelled() else task.exception()
        # Live still, if it was cancelled before its first step or failed before it could settle the turn.
        record.leave_anyway(problem)
        self.record = self._task = None
        self.ends += 1
        self.free.set()
        self._ended(record)
