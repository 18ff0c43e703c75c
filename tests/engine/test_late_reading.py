"""After the end of a turn its worker is read again: costs reported late belong to that turn."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.errors import Refused
from handinger_tui.core.money.attribution import session_money
from handinger_tui.core.turns.turn import ErrorKind, TurnStatus
from handinger_tui.engine.ports import RetryPolicy
from tests.engine.fakes import FakeApi, Rig, StillClock, rig, says, worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.core.turns.session import Session

LATE = RetryPolicy(money_interval=None, late_reads=(5.0, 25.0))
START = worker("", messages=[], usage={"costUsd": 0})


def priced(usd: float) -> str:
    return worker("a1", prompt="q1", usage={"costUsd": usd})


async def until(box: Rig, holds: Callable[[Session], bool]) -> Session:
    """Wait for a value of the session."""
    changed = asyncio.Event()
    box.engine.subscribe(lambda _: changed.set())
    async with asyncio.timeout(5):
        while not holds(box.engine.session(box.session_id)):
            changed.clear()
            await changed.wait()
    return await box.settled()


def usd(session: Session) -> Decimal | None:
    return session_money(session.turns).turns[-1].usd


async def test_costs_reported_after_the_end_belong_to_the_turn() -> None:
    box = rig(
        FakeApi(starts=[says("a1")], workers=[START, priced(0.10), priced(0.10), priced(0.25)]), policy=LATE
    )
    await box.engine.actor(box.session_id).send("q1")
    session = await until(box, lambda session: usd(session) == Decimal("0.25"))
    # Read before, after, and twice late; the first late reading brought nothing and is not stored.
    assert box.api.reads == 4
    assert box.log.closed.count(session.turns[0].turn_id) == 2


async def test_a_refused_turn_does_not_claim_to_be_free_after_the_figures_rose() -> None:
    refused = Refused(ErrorKind.PAYMENT, "402")
    box = rig(
        FakeApi(
            starts=[refused], workers=[worker("", usage={"costUsd": 1}), worker("", usage={"costUsd": 1.06})]
        ),
        policy=LATE,
    )
    await box.engine.actor(box.session_id).send("q1")
    session = await until(
        box, lambda session: bool(session.turns and session_money(session.turns).turns[0].grew)
    )
    assert session.turns[0].status is TurnStatus.REJECTED
    assert usd(session) == Decimal(0)


async def test_closing_reads_the_worker_immediately() -> None:
    box = rig(
        FakeApi(starts=[says("a1")], workers=[START, priced(0.10), priced(0.25)]),
        policy=LATE,
        clock=StillClock(),
    )
    actor = box.engine.actor(box.session_id)
    await actor.send("q1")
    assert usd(await box.settled()) == Decimal("0.10")
    await actor.late.read_now()
    assert usd(box.engine.session(box.session_id)) == Decimal("0.25")
    await actor.late.read_now()
    assert box.api.reads == 3


@pytest.mark.parametrize("policy", [RetryPolicy(money_interval=None)])
async def test_a_command_without_a_screen_does_not_wait(policy: RetryPolicy) -> None:
    box = rig(FakeApi(starts=[says("a1")], workers=[START, priced(0.10), priced(0.25)]), policy=policy)
    await box.engine.actor(box.session_id).send("q1")
    await box.settled()
    await asyncio.sleep(0)
    assert box.api.reads == 2
