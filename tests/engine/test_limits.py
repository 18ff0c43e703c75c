"""Limits in the engine: nothing is sent once one is used up, and a running turn is counted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.core.acts import Hold, HoldReason
from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import LedgerError
from handinger_tui.core.money.attribution import session_money
from handinger_tui.core.money.limits import (
    Gauge,
    GaugeState,
    Limit,
    LimitReached,
    LimitReserved,
    LimitUnmeasured,
    Scope,
)
from handinger_tui.core.turns.turn import ErrorKind, Fault, StartPolicy, TurnStatus
from handinger_tui.engine.ports import RetryPolicy
from tests.engine.fakes import FakeApi, FakeReply, Rig, Script, StillClock, rig, says, worker
from tests.wire.recordings import DONE, sse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.turns.session import Session

START = worker("", usage={"costUsd": 0})


@dataclass
class SessionLimit:
    """One limit over the session, counted as the ledger would."""

    amount: Decimal = Decimal(1)
    reads: int = 0
    fails: LedgerError | None = None
    states: list[GaugeState] = field(default_factory=list)

    async def gauges(self, session: Session) -> Sequence[Gauge]:
        self.reads += 1
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails
        gauge = Gauge(Limit(Scope.SESSION, Unit.USD, self.amount), session_money(session.turns).usd)
        self.states.append(gauge.state)
        return [gauge]


def priced(text: str, prompt: str, usd: float, *, busy: bool = False) -> str:
    """The worker after the turns "q1" … `prompt`: it lists all messages, as a service does."""
    number = int(prompt.removeprefix("q"))
    messages = []
    for at in range(1, number + 1):
        answer = text if at == number else f"a{at}"
        messages.append({"id": f"u{at}", "role": "user", "parts": [{"type": "text", "text": f"q{at}"}]})
        if answer:
            messages.append(
                {"id": f"a{at}", "role": "assistant", "parts": [{"type": "text", "text": answer}]}
            )
    return worker(text, busy=busy, usage={"costUsd": usd}, messages=messages)


def box_with(limits: SessionLimit, *costs: float, policy: RetryPolicy | None = None) -> Rig:
    """A worker whose total after each turn "q1", "q2" … is the next of `costs`."""
    starts = [says(f"a{at}") for at in range(1, len(costs) + 1)]
    workers = [START]
    for at, usd in enumerate(costs, 1):
        body = priced(f"a{at}", f"q{at}", usd)
        workers += [body, body]
    return rig(FakeApi(starts=list(starts), workers=list(workers)), limits=limits, policy=policy)


async def test_below_the_limit_everything_is_sent() -> None:
    limits = SessionLimit()
    box = box_with(limits, 0.5, 0.9)
    for at in (1, 2):
        await box.engine.actor(box.session_id).send(f"q{at}")
        await box.settled()
    assert len(box.api.posts) == 2
    (gauge,) = box.engine.actor(box.session_id).gauges
    assert (gauge.spent.value, gauge.state) == (Decimal("0.9"), GaugeState.NEAR)


async def test_at_the_limit_nothing_is_sent_or_stored_until_it_is_raised() -> None:
    limits = SessionLimit()
    box = box_with(limits, 1.0, 1.2)
    await box.engine.actor(box.session_id).send("q1")
    await box.settled()
    with pytest.raises(LimitReached, match="Session limit reached"):
        await box.engine.actor(box.session_id).send("q2")
    assert (len(box.api.posts), len(box.log.requests)) == (1, 1)
    limits.amount = Decimal(2)
    assert await box.engine.actor(box.session_id).resume() is None
    await box.engine.actor(box.session_id).send("q2")
    await box.settled()
    assert len(box.api.posts) == 2


async def test_a_reached_limit_holds_the_queue_until_it_is_raised() -> None:
    limits, gate = SessionLimit(), asyncio.Event()
    first: Script = [*says("a1", end=False), gate, *says("")[3:]]
    api = FakeApi(
        starts=[first, says("a2")], workers=[START, priced("a1", "q1", 1.5), priced("a2", "q2", 1.6)]
    )
    box = rig(api, limits=limits)
    await box.engine.actor(box.session_id).send("q1")
    queued = await box.engine.actor(box.session_id).send("q2")
    gate.set()
    session = await box.settled()
    held = box.engine.actor(box.session_id).queue.hold
    assert held is not None
    assert held.gauge is not None
    assert (held.reason, held.gauge.state) == (HoldReason.LIMIT, GaugeState.REACHED)
    assert (session.turns[-1].turn_id, session.turns[-1].status) == (queued, TurnStatus.QUEUED)
    assert len(api.posts) == 1
    # Not raised far enough: the hold stays.
    limits.amount = Decimal("1.5")
    assert await box.engine.actor(box.session_id).resume() is not None
    assert len(api.posts) == 1
    limits.amount = Decimal(9)
    assert await box.engine.actor(box.session_id).resume() is None
    session = await box.settled()
    assert session.turns[-1].status is TurnStatus.COMPLETED
    assert (len(api.posts), box.engine.actor(box.session_id).queue.hold) == (2, None)


async def test_a_held_message_can_be_withdrawn() -> None:
    limits, gate = SessionLimit(Decimal("0.1")), asyncio.Event()
    first: Script = [*says("a1", end=False), gate, *says("")[3:]]
    api = FakeApi(starts=[first], workers=[START, priced("a1", "q1", 1.5)])
    box = rig(api, limits=limits)
    await box.engine.actor(box.session_id).send("q1")
    queued = await box.engine.actor(box.session_id).send("q2")
    gate.set()
    await box.settled()
    assert await box.engine.actor(box.session_id).withdraw(queued) == "q2"
    assert len(api.posts) == 1


async def test_a_running_turn_is_recorded_and_counted() -> None:
    limits, gate = SessionLimit(), asyncio.Event()
    script: Script = [
        sse(type="start", messageId="m"),
        gate,
        sse(type="finish", finishReason="stop"),
        DONE,
    ]
    growing = [priced("", "q1", usd, busy=True) for usd in (0.1, 0.85, 1.1)]
    api = FakeApi(starts=[script], workers=[START, *growing, priced("a", "q1", 1.2)])
    # There is no poll interval: the limit alone causes polls.
    box = rig(api, limits=limits, policy=RetryPolicy(money_interval=None))
    states: list[GaugeState] = []

    def changed(_session_id: str) -> None:
        for gauge in box.engine.actor(box.session_id).gauges:
            states.append(gauge.state)
            if gauge.state is GaugeState.REACHED:
                gate.set()

    box.engine.subscribe(changed)
    await box.engine.actor(box.session_id).send("q1")
    session = await box.settled()
    assert list(dict.fromkeys(states)) == [GaugeState.BELOW, GaugeState.NEAR, GaugeState.REACHED]
    assert any(turn.live for kept in box.log.charged for turn in kept.turns)
    assert session.turns[-1].status is TurnStatus.COMPLETED


async def test_without_a_limit_there_are_no_polls_during_the_stream() -> None:
    gate = asyncio.Event()
    script: Script = [
        sse(type="start", messageId="m"),
        gate,
        sse(type="finish", finishReason="stop"),
        DONE,
    ]
    api = FakeApi(starts=[script], workers=[START, priced("a", "q1", 1.2)])
    box = rig(api, clock=StillClock())
    await box.engine.actor(box.session_id).send("q1")
    for _ in range(50):
        await asyncio.sleep(0)
    assert api.reads == 1
    gate.set()
    await box.settled()


async def test_a_message_stored_as_unsent_is_kept_and_never_sent() -> None:
    box = box_with(SessionLimit())
    why = Fault(ErrorKind.COST_LIMIT, "The limit is reached.", may_have_been_charged=False)
    turn_id = await box.engine.actor(box.session_id).store_unsent("q1", "high", (), why)
    (turn,) = box.engine.session(box.session_id).turns
    assert (turn.turn_id, turn.status, turn.posts) == (turn_id, TurnStatus.NOT_SENT, 0)
    assert turn.fault is not None
    assert turn.fault.kind is ErrorKind.COST_LIMIT
    assert box.api.posts == []


async def test_limits_that_cannot_be_read_send_nothing() -> None:
    limits = SessionLimit(fails=LedgerError("Cannot read the history."))
    box = box_with(limits, 0.1)
    with pytest.raises(LedgerError):
        await box.engine.actor(box.session_id).send("q1")
    assert (box.api.posts, box.log.requests) == ([], {})


async def test_closing_keeps_the_messages_of_a_held_queue() -> None:
    limits, gate = SessionLimit(Decimal("0.1")), asyncio.Event()
    first: Script = [*says("a1", end=False), gate, *says("")[3:]]
    api = FakeApi(starts=[FakeReply(first)], workers=[START, priced("a1", "q1", 1.5)])
    box = rig(api, limits=limits)
    await box.engine.actor(box.session_id).send("q1")
    queued = await box.engine.actor(box.session_id).send("q2")
    gate.set()
    await box.settled()
    await box.engine.aclose()
    assert queued not in box.log.closed
    assert json.loads(box.log.stored[queued][-1].data if box.log.stored[queued] else "{}") == {}


# -- what other turns have reserved ----------------------------------------------------------
DAY = Limit(Scope.DAY, Unit.USD, Decimal(2))
IN_THE_WAY = Gauge(DAY, Total(Decimal(1)), running=1, unmeasured=1)


def reserved_rig(*replies: Script) -> Rig:
    """A worker on a history whose limits leave nothing free."""
    box = rig(FakeApi(starts=[*replies], workers=[worker("x")]))
    box.log.forbids = LimitUnmeasured(IN_THE_WAY)
    return box


async def test_nothing_is_sent_when_another_turn_has_reserved_the_remainder() -> None:
    box = reserved_rig(says("a1"))
    actor = box.engine.actor(box.session_id)
    with pytest.raises(LimitUnmeasured, match="1 running turn has no cost history"):
        await actor.send("q1")
    assert (box.api.posts, box.log.requests, box.engine.session(box.session_id).turns) == ([], {}, ())
    await actor.send("q1", start=StartPolicy.UNMEASURED)
    await box.settled()
    assert len(box.api.posts) == 1


async def test_a_queued_message_reserves_when_it_is_sent() -> None:
    gate = asyncio.Event()
    box = rig(
        FakeApi(starts=[[*says("a1", end=False), gate, *says("")[3:]], says("a2")], workers=[worker("x")])
    )
    actor = box.engine.actor(box.session_id)
    first = await actor.send("q1")
    queued = await actor.send("q2")
    assert box.log.started == [first]
    gate.set()
    await box.settled()
    assert box.log.started == [first, queued]


async def test_the_queue_waits_for_a_decision_when_nothing_is_free() -> None:
    gate = asyncio.Event()
    box = rig(
        FakeApi(starts=[[*says("a1", end=False), gate, *says("")[3:]], says("a2")], workers=[worker("x")])
    )
    actor = box.engine.actor(box.session_id)
    await actor.send("q1")
    queued = await actor.send("q2")
    box.log.forbids = LimitUnmeasured(IN_THE_WAY)
    gate.set()
    session = await box.settled()
    assert (session.turns[-1].turn_id, session.turns[-1].status) == (queued, TurnStatus.QUEUED)
    hold = actor.queue.hold
    assert hold is not None
    assert (hold.reason, hold.gauge) == (HoldReason.UNMEASURED, IN_THE_WAY)
    assert (await actor.resume()) == hold
    assert len(box.api.posts) == 1
    assert await actor.resume(StartPolicy.UNMEASURED) is None
    await box.settled()
    assert len(box.api.posts) == 2


async def test_too_small_a_remainder_holds_the_queue_like_a_reached_limit() -> None:
    gate = asyncio.Event()
    box = rig(FakeApi(starts=[[*says("a1", end=False), gate, *says("")[3:]]], workers=[worker("x")]))
    actor = box.engine.actor(box.session_id)
    await actor.send("q1")
    await actor.send("q2")
    gauge = Gauge(DAY, Total(Decimal(1)), Decimal("0.8"), running=1)
    box.log.forbids = LimitReserved(gauge, Decimal("0.5"))
    gate.set()
    await box.settled()
    hold = actor.queue.hold
    assert hold is not None
    assert (hold.reason, hold.gauge) == (HoldReason.LIMIT, gauge)
    # Accepting that a limit may be exceeded does not raise it.
    assert await actor.resume(StartPolicy.UNMEASURED) == hold


async def test_a_message_stopped_while_it_is_stored_gives_its_reservation_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box = rig(FakeApi(starts=[says("a1")], workers=[worker("x")]))
    actor = box.engine.actor(box.session_id)
    opening = box.log.open_turn

    async def open_turn(*what: Any) -> None:
        await opening(*what)
        actor.queue.stop(Hold(HoldReason.DETACHED))

    monkeypatch.setattr(box.log, "open_turn", open_turn)
    turn_id = await actor.send("q1")
    await box.settled()
    assert (box.api.posts, box.log.released) == ([], [turn_id])
