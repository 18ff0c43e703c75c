"""A laptop that slept: the turn is settled immediately, and nothing is sent again."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest

from handinger_tui.core.errors import StreamLost
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext
from handinger_tui.engine.tasks import Ticks
from handinger_tui.engine.turn_run import sleep_guard
from tests.engine.fakes import PLACE, FakeApi, FakeClock, FakeIds, FakeLog, says, worker


@dataclass
class SleepyClock(FakeClock):
    """The wall clock jumps once; the monotonic one does not."""

    jump_s: float = 7200.0
    slept: bool = False
    lag: float = 0.0

    def monotonic(self) -> float:
        return self.seconds - self.lag

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if not self.slept:
            self.slept = True
            self.seconds += self.jump_s
            self.lag += self.jump_s


def guard(clock: FakeClock) -> AbstractAsyncContextManager[None]:
    return sleep_guard(Ticks(clock, 1.0))


async def test_a_stream_is_lost_immediately_after_sleep() -> None:
    with pytest.raises(StreamLost, match="Back after 2 h"):
        async with guard(SleepyClock()):
            await asyncio.Event().wait()


async def test_an_adjusted_clock_is_not_sleep() -> None:
    clock = SleepyClock(jump_s=3.0)
    began = clock.seconds
    async with guard(clock):
        for _ in range(50):
            await asyncio.sleep(0)
    assert clock.slept
    assert clock.seconds - began > 5


async def test_other_timeouts_are_unchanged() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), guard(FakeClock()):
            await asyncio.Event().wait()


async def test_a_turn_is_settled_by_a_read_after_sleep() -> None:
    api = FakeApi(
        starts=[[*says("one ", end=False), asyncio.Event()]],
        workers=[worker("", prompt="earlier"), worker("one two", prompt="hello")],
    )
    engine = Engine(
        api,
        FakeLog(),
        SleepyClock(),
        FakeIds(),
        RetryPolicy(money_interval=None),
        context=ServiceContext(PLACE),
    )
    session = engine.new_session(PLACE, "w1")
    await engine.actor(session.session_id).send("hello")
    turn = (await engine.actor(session.session_id).settled()).turns[0]
    assert (turn.status, turn.text, turn.recovered) == (TurnStatus.COMPLETED, "one two", True)
    assert len(api.posts) == 1
