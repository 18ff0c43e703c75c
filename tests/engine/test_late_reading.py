"""After the end of a turn its worker is read again: costs reported late belong to that turn."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.errors import NoSuchSession, Refused, ServerFault
from handinger_tui.core.jsontext import dump
from handinger_tui.core.money.attribution import session_money
from handinger_tui.core.stream import Frame, Framing, Marker, RawFrame
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import ErrorKind, TurnRequest, TurnStatus, outcome_object
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.read_gate import AT_ONCE
from handinger_tui.engine.session_actor import ServiceContext
from tests.engine.fakes import PLACE, FakeApi, FakeClock, FakeIds, FakeLog, Rig, StillClock, rig, says, worker

if TYPE_CHECKING:
    from collections.abc import Callable

LATE = RetryPolicy(money_interval=None, late_reads=(5.0, 25.0))
START = worker("", messages=[], usage={"costUsd": 0})


def priced(usd: float) -> str:
    return worker("a1", prompt="q1", usage={"costUsd": usd})


async def until(box: Rig, holds: Callable[[Session], bool]) -> Session:
    """Wait for a value of the session."""
    changed = asyncio.Event()
    box.engine.subscribe(lambda _: changed.set())
    async with asyncio.timeout(60):
        while not holds(box.engine.session(box.session_id)):
            changed.clear()
            await changed.wait()
    return await box.settled()


def task(*amounts: int, busy: bool = False) -> str:
    """A task whose first turn had the prompt "q1" and the first of these amounts, and so on."""
    messages = [
        {"id": f"{role}{at}", "role": role, "parts": [{"type": "text", "text": f"{text}{at}"}], **figures}
        for at, amount in enumerate(amounts, 1)
        for role, text, figures in (("user", "q", {}), ("assistant", "a", {"usage": {"credits": amount}}))
    ]
    return worker(f"a{len(amounts)}", busy=busy, messages=messages, totals={"credits": sum(amounts)})


def spent(session: Session) -> list[tuple[Decimal | None, bool]]:
    """The credits of each turn, and whether they are final."""
    return [(money.usage.credits, money.final) for money in session_money(session.turns).turns]


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


async def test_a_cost_of_zero_is_not_final_before_a_late_reading_shows_it_again() -> None:
    free = priced(0)
    box = rig(FakeApi(starts=[says("a1")], workers=[START, free, free, free]), policy=LATE)
    seen: list[tuple[int, bool]] = []
    box.engine.subscribe(lambda event: seen.append(_zero_in(box.engine.session(box.session_id))))
    await box.engine.actor(box.session_id).send("q1")
    session = await until(box, lambda session: _zero_in(session) == (2, True))
    assert (1, False) in seen
    assert usd(session) == 0
    assert box.log.closed.count(session.turns[0].turn_id) == 2


def _zero_in(session: Session) -> tuple[int, bool]:
    """How many readings the newest turn has, and whether its amount is final."""
    turns = session.turns
    return (len(turns[-1].reads), session_money(turns).turns[-1].final) if turns else (0, False)


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


async def test_credits_of_a_task_reported_late_belong_to_the_turn() -> None:
    box = rig(FakeApi(starts=[says("a1")], workers=[task(), task(1), task(1), task(3)]), policy=LATE)
    await box.engine.actor(box.session_id).send("q1")
    await until(box, lambda session: spent(session) == [(Decimal(3), True)])
    assert box.api.reads == 4


async def test_a_reading_after_a_later_turn_brings_the_credits_of_earlier_ones() -> None:
    # After each turn the service still shows an older state, or an amount that is not complete.
    readings = [task(), task(), task(), task(3, 1), task(3, 1), task(3, 2, 5)]
    box = rig(FakeApi(starts=[says(f"a{at}") for at in (1, 2, 3)], workers=[*readings]))
    actor = box.engine.actor(box.session_id)
    for prompt in ("q1", "q2", "q3"):
        await actor.send(prompt)
        await box.settled()
    session = actor.session
    assert spent(session) == [(Decimal(3), True), (Decimal(2), True), (Decimal(5), True)]
    closed = [box.log.closed.count(turn.turn_id) for turn in session.turns]
    # Nothing is stored again of a turn about which there is nothing new.
    await actor.refresh()
    assert [box.log.closed.count(turn.turn_id) for turn in session.turns][:2] == closed[:2]


async def test_credits_read_while_a_turn_runs_are_not_final_after_its_end() -> None:
    running, answer = RawFrame(Framing.JSON, task(2, busy=True)), RawFrame(Framing.JSON, worker("a1"))
    fault = ServerFault(ErrorKind.SERVER, "500")
    box = rig(FakeApi(starts=[[running, answer]], workers=[task(), fault]))
    await box.engine.actor(box.session_id).send("q1")
    session = await box.settled()
    assert session.turns[0].status is TurnStatus.COMPLETED
    assert spent(session) == [(Decimal(2), False)]


class DueLog(FakeLog):
    """A log in which the workers of all sessions are due."""

    def __init__(self, sessions: int) -> None:
        super().__init__()
        self.tried: list[tuple[str, bool]] = []
        end = dump(outcome_object(TurnStatus.COMPLETED, None))
        for name in (f"ses_{at}" for at in range(sessions)):
            self.sessions[name] = Session(name, 1, "w1", base_url=PLACE)
            request = TurnRequest(f"turn_{name}", "q1", 1, "w1")
            self.home[name] = [request.turn_id]
            self.requests[request.turn_id] = request
            self.stored[request.turn_id] = [Frame(0, 2, Framing.NOTE, end, Marker.SETTLED)]
            self.closed.append(request.turn_id)

    async def sessions_to_read(self, due_ms: int | None, recent_ms: int | None = None) -> list[Session]:
        return [*self.sessions.values()]

    async def note_late_read(self, session_id: str, at_ms: int, *, answered: bool) -> None:
        self.tried.append((session_id, answered))


@pytest.mark.parametrize("everything", [False, True])
async def test_some_workers_are_read_at_once_and_their_sessions_are_closed_again(*, everything: bool) -> None:
    log, api = DueLog(AT_ONCE + 5), FakeApi(workers=[priced(0.5)])
    engine = Engine(api, log, FakeClock(), FakeIds(), LATE, context=ServiceContext(PLACE))
    shown = await engine.open("ses_0")
    read = await engine.settle_open_turns(5, everything=everything)
    count = AT_ONCE + 5 * everything
    assert (len(read), api.reads) == (count, count)
    snapshots = [one.turns[0].snapshot for one in read]
    assert {one and one.cost_usd for one in snapshots} == {Decimal("0.5")}
    assert log.tried[:2] == [("ses_0", False), ("ses_0", True)]
    # That on the screen stays.
    assert engine.session("ses_0") is not shown
    with pytest.raises(NoSuchSession):
        engine.session("ses_1")


async def test_a_worker_that_does_not_answer_is_tried_again() -> None:
    log, trouble = DueLog(2), ServerFault(ErrorKind.SERVER, "The service failed.")
    api = FakeApi(workers=[trouble, Refused(ErrorKind.NOT_FOUND, "Not found.", http_status=404)])
    engine = Engine(api, log, FakeClock(), FakeIds(), LATE, context=ServiceContext(PLACE))
    await engine.settle_open_turns(5)
    assert log.tried == [("ses_0", False), ("ses_1", False), ("ses_1", True)]


async def test_a_session_that_is_deleted_while_others_are_read_is_passed_over() -> None:
    """The app reads sessions in the background while the person deletes them."""
    log, api = DueLog(3), FakeApi(workers=[priced(0.5)])
    engine = Engine(api, log, FakeClock(), FakeIds(), LATE, context=ServiceContext(PLACE))

    def delete(_session_id: str) -> None:
        log.sessions.pop("ses_1", None)

    engine.subscribe(delete)
    read = await engine.settle_open_turns(5)
    assert [one.session_id for one in read] == ["ses_0", "ses_2"]


async def test_a_session_is_deleted_while_it_is_read() -> None:
    log, api = DueLog(1), FakeApi(workers=[priced(0.5)])
    engine = Engine(api, log, FakeClock(), FakeIds(), LATE, context=ServiceContext(PLACE))
    deleting: list[asyncio.Task[None]] = []

    async def remove() -> None:
        log.sessions.clear()

    def delete(session_id: str) -> None:
        unsubscribe()
        deleting.append(asyncio.ensure_future(engine.delete(session_id, remove)))

    unsubscribe = engine.subscribe(delete)
    await engine.settle_open_turns(5)
    await asyncio.gather(*deleting)
    assert deleting


async def test_a_session_that_a_person_opens_while_it_is_opened_for_a_reading_stays_open() -> None:
    log, api = DueLog(1), FakeApi(workers=[priced(0.5)])
    engine = Engine(api, log, FakeClock(), FakeIds(), LATE, context=ServiceContext(PLACE))
    load, loads, both = log.load, 0, asyncio.Event()

    async def load_slowly(session_id: str) -> Session | None:
        nonlocal loads
        loads += 1
        both.set() if loads == 2 else await both.wait()
        return await load(session_id)

    log.load = load_slowly  # type: ignore[method-assign] # both load it at once
    await asyncio.gather(engine.settle_open_turns(5), engine.open("ses_0"))
    assert engine.session("ses_0").turns
