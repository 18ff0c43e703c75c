"""One POST that answers when the turn is over, minutes later, and the reading of its task in the meantime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.api import errors
from handinger_tui.api.response import HttpReply, ResponseLimits
from handinger_tui.api.tasks.reading import TaskReading, answer_object, worker_object
from handinger_tui.core.errors import ApiError, StreamLost
from handinger_tui.core.jsontext import NotJson, as_object, dump, parse_exact
from handinger_tui.core.stream.frames import Framing, RawFrame, StreamRoute

GRACE_S: Final = 5.0
"""Seconds that the response may take after the task has ended."""
SLOWEST: Final = 5
"""The longest interval of readings, as a multiple of the shortest."""


class Answered(Struct, frozen=True):
    """A response to the POST. `trouble`: why its body is incomplete; None: it is complete."""

    reply: HttpReply
    frames: list[RawFrame]
    trouble: ApiError | None = None


class TaskStart(Struct, frozen=True):
    """The turn that a POST starts. `turns`: how many the task had before; `was_running`: at that time.

    `is_new`: the task begins with this turn, so that its mere existence shows that the request arrived.
    """

    task_id: str
    prompt: str
    is_new: bool
    turns: int = 0
    was_running: bool = False
    template: str | None = None
    """The stored worker that a new task names."""

    def lists(self, reading: TaskReading) -> bool:
        """Whether the turn is among the turns of a reading."""
        return len(reading.turns) > self.turns

    def is_in(self, reading: TaskReading) -> bool:
        """Whether a reading shows that the service has the turn."""
        has_begun = reading.running is True and not self.was_running
        return self.is_new or self.lists(reading) or has_begun

    def is_over(self, reading: TaskReading) -> bool:
        """Whether a reading shows that the turn has ended."""
        return reading.running is False and self.lists(reading)


class PendingPost:
    """The POST of a turn, and the readings of its task until it is answered."""

    def __init__(
        self,
        start: TaskStart,
        send: Callable[[Callable[[], None]], Coroutine[None, None, Answered]],
        read: Callable[[], Awaitable[TaskReading]],
        limits: ResponseLimits,
        poll_s: float,
    ) -> None:
        """`send(departed)` makes the POST; it begins at once. `read`: one reading of the task."""
        self.start = start
        self._read = read
        self._limits = limits
        self._poll_s = self._interval = poll_s
        self._loop = asyncio.get_running_loop()
        self._left_at: float | None = None
        """When the first byte of the request may have left (loop time)."""
        self._post = asyncio.create_task(send(self._depart), name=f"post:{start.task_id}")

    def _depart(self) -> None:
        self._left_at = self._loop.time()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TaskReply]:
        """Wait until the service has the turn, or has answered. Leaving the block closes the connection.

        Raises:
            ApiError: that of the POST; Doubtful where neither happens in time.
        """
        try:
            reading = await self._accepted()
            answered = None if reading is not None else self._post.result()
            yield TaskReply(self, answered, reading)
        finally:
            self._post.cancel()
            await asyncio.wait({self._post})
            if not self._post.cancelled():
                self._post.exception()

    async def _accepted(self) -> TaskReading | None:
        """The first reading that shows the turn; None once the POST has ended."""
        patience_s = self._limits.first_byte_timeout_no_stream
        while not await self._pause():
            if self._left_at is None:
                continue
            reading = await self._look()
            if reading is not None and self.start.is_in(reading):
                return reading
            if self._loop.time() - self._left_at >= patience_s and not self._post.done():
                raise errors.response_timeout(patience_s)
        return None

    async def progress(self, reading: TaskReading) -> AsyncGenerator[TaskReading, None]:
        """The readings of the running turn, until the POST has ended, or the task has and is given time."""
        newest: TaskReading | None = reading
        alive_at = self._loop.time()
        while not self._post.done():
            if newest is not None:
                alive_at = self._loop.time()
                yield newest
                if self.start.is_over(newest):
                    await asyncio.wait({self._post}, timeout=GRACE_S)
                    return
            elif self._loop.time() - alive_at >= self._limits.idle_timeout:
                raise errors.idle_timeout(self._limits.idle_timeout)
            newest = None if await self._pause() else await self._look()

    def answer(self) -> Answered | None:
        """The response; None where there is none although the task has ended.

        Raises:
            StreamLost: the POST failed, even if it was refused: the service has the turn, readings decide.
        """
        if not self._post.done():
            return None
        try:
            answered = self._post.result()
        except ApiError as trouble:
            raise _loss(trouble) from None
        return answered if answered.trouble is None else replace(answered, trouble=_loss(answered.trouble))

    async def _pause(self) -> bool:
        """Wait until the next reading is due; True when the POST has ended."""
        await asyncio.wait({self._post}, timeout=self._interval)
        self._interval = min(self._interval * 1.5, self._poll_s * SLOWEST)
        return self._post.done()

    async def _look(self) -> TaskReading | None:
        """One reading; None where it failed, or the POST ended first."""
        reading = asyncio.ensure_future(self._read())
        try:
            await asyncio.wait({self._post, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Also on cancellation: no other task awaits the reading.
            reading.cancel()
            await asyncio.wait({reading})
            if not reading.cancelled():
                reading.exception()
        if reading.cancelled():
            return None
        try:
            return reading.result()
        except ApiError:
            return None


def _loss(trouble: ApiError) -> StreamLost:
    if isinstance(trouble, StreamLost):
        return trouble
    return StreamLost(trouble.kind, trouble.summary, trouble.hint, http_status=trouble.http_status)


class TaskReply:
    """Implements `engine.ports.Reply`: the response to the POST, after what the task showed before it."""

    via = StreamRoute.POST
    encoding = ""
    dropped = 0

    def __init__(self, pending: PendingPost, answered: Answered | None, reading: TaskReading | None) -> None:
        self.http_status = 202 if answered is None else answered.reply.http_status
        self.content_type = "application/json" if answered is None else answered.reply.content_type
        self.worker_id: str | None = pending.start.task_id
        self._pending = pending
        self._answered = answered
        self._reading = reading

    async def pieces(self) -> AsyncGenerator[RawFrame, None]:
        """The growing answer as the task shows it, then the response.

        Raises:
            StreamLost: the POST broke off, or the task could not be read for too long.
            BrokenContract, Refused: see `HttpReply.pieces`.
        """
        start, answered = self._pending.start, self._answered
        if self._reading is not None:
            shown = ""
            async for reading in self._pending.progress(self._reading):
                waits = not start.lists(reading) and reading.running is not False
                text = dump(worker_object(reading, start.prompt if waits else None))
                if text != shown:
                    shown = text
                    yield RawFrame(Framing.JSON, text)
            answered = self._pending.answer()
        for frame in () if answered is None else answered.frames:
            if frame.framing is Framing.JSON:
                yield RawFrame(Framing.JSON, answer_text(start.task_id, frame.data))
            elif self._reading is None:
                yield frame
        if answered is not None and answered.trouble is not None:
            raise answered.trouble


def answer_text(task_id: str, text: str) -> str:
    """The Worker of a response, as that of the task."""
    try:
        return dump(answer_object(task_id, as_object(parse_exact(text))))
    except NotJson:
        return text
