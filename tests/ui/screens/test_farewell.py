"""The text on the terminal after quitting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.errors import Locked
from handinger_tui.core.money.session_cost import cost_of_session
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy
from handinger_tui.core.turns.turn import TurnRequest, TurnStatus
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.sessions import farewell as leaving
from tests.engine.fakes import FakeApi, FakeReply, Script, says, worker
from tests.ui.fakes import LOCAL, NOW_MS, PRICED, Desktop, FakeLedger, answers, charge, launch
from tests.ui.panels.stage import reading, session, turn
from tests.ui.screens.test_running_turns import BUSY, Past
from tests.ui.screens.test_sending import held


async def test_nothing_is_printed_after_an_unused_session() -> None:
    desktop = Desktop()
    async with desktop.running():
        assert desktop.app.farewell == []


async def test_the_session_its_worker_and_its_money() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        assert desktop.app.farewell == [
            f"Resume this session:  handinger-tui --resume {desktop.session.session_id}",
            "Its worker:           handinger-tui --worker w1",
            "Cost:                 $0.0123 so far · 8 credits · 1 turn",
        ]


async def test_the_local_worker_is_not_named_since_it_ends_with_the_program() -> None:
    script, _gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", busy=True)]), badge=LOCAL)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Half")
        farewell = "\n".join(desktop.app.farewell)
        assert "--resume" in farewell
        assert "· simulated" in farewell
        assert "w1" not in farewell
        assert "still running" not in farewell


async def test_every_running_turn_is_named_including_hidden_ones() -> None:
    one, _ = held("Half")
    other, _ = held("Part")
    starts: list[Script] = [one, other]
    desktop = Desktop(api=FakeApi(starts=[*starts], workers=[worker("", busy=True)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "First")
        await desktop.shows(pilot, "Half")
        await pilot.press("ctrl+n")
        await desktop.shows(pilot, "New session")
        await desktop.send(pilot, "Second")
        await desktop.shows(pilot, "Part")
        assert desktop.app.farewell[-3:] == [
            "2 still running: they may keep charging. Watch them:",
            "  handinger-tui attach w1",
            "  handinger-tui attach w1",
        ]
    # The engine has detached from both by now: the text stays true.
    assert desktop.app.farewell[-3].startswith("2 still running")


async def test_a_running_turn_of_an_earlier_program_is_listed_again() -> None:
    past = Past()
    await past.leave()
    desktop = past.next(FakeApi(starts=[says("Hello")], workers=[BUSY]), Opening.FRESH)
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "Still running: “" in desktop.notices())
        assert desktop.app.farewell == [
            "1 still running: it may keep charging. Watch it: handinger-tui attach w1"
        ]


async def test_a_running_turn_is_listed_with_its_cost_so_far() -> None:
    past = Past()
    await past.leave()
    priced = worker("Half", prompt="Do it", busy=True, usage={"costUsd": 0.5, "credits": 12})
    desktop = past.next(FakeApi(workers=[priced]), Opening.LAST)
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: desktop.session.turns and desktop.session.turns[0].snapshot)
        assert "Cost:                 $0.50 so far · 12 credits · 1 turn" in desktop.app.farewell


async def test_a_cost_with_a_gap_is_marked() -> None:
    silent = worker("", messages=None)
    api = FakeApi(
        starts=[says("One"), says("Two", message_id="b")],
        workers=[worker("", messages=None, **PRICED), silent],
    )
    desktop = Desktop(api=api, launch=launch(Opening.FRESH))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "First")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "Second")
        await desktop.until(pilot, lambda: len(desktop.session.turns) == 2 and not desktop.session.busy)
        assert "$0.0123 so far + 1 unknown · 8 credits · 2 turns" in desktop.app.farewell[2]


def test_a_queued_message_is_not_a_gap() -> None:
    waits = turn(1, status=TurnStatus.QUEUED, seconds=None)
    assert (
        cost_of_session(session(turn(0, after=reading("0.02", credit="1")), waits))
        == "$0.02 so far · 1 credit · 1 turn"
    )


def test_imported_turns_are_named_without_a_cost() -> None:
    own = turn(1, before=reading("0.02", credit="1"), after=reading("0.05", credit="3"))
    came = turn(0, after=reading("0.02", credit="1"))
    came = replace(came, request=replace(came.request, imported_ms=1))
    assert cost_of_session(session(came)) == "1 turn imported, not charged here"
    assert cost_of_session(session(came, own)) == (
        "about $0.03 so far · about 2 credits · 1 turn · 1 turn imported, not charged here"
    )


def test_credits_have_gaps_of_their_own() -> None:
    turns = [turn(0, after=reading("0.02", credit="8")), turn(1, after=reading("0.01"))]
    assert cost_of_session(session(*turns)) == "about $0.03 so far · 8 credits + 1 unknown · 2 turns"
    day = Bucket("2026-11-25", 3, usd=Total(Decimal(2)), credits=Total(Decimal(4), 2))
    assert day.cost() == "$2.00 · 4 credits + 2 unknown · 3 turns"


DAY_MS = 86_400_000


async def test_the_day_is_the_sum_of_all_sessions_with_gaps_and_without_yesterday() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.ledger.charges += [
        charge("a", "0.25"),
        charge("b", "1.10", session_id="another"),
        charge("c"),
        charge("d", "50", at_ms=NOW_MS - DAY_MS),
    ]
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await pilot.press("ctrl+d")
        await desktop.until(pilot, lambda: desktop.work.controller.day)
        assert "Today:                $1.35 + 1 unknown · 3 turns" in desktop.app.farewell
    # The partial cost of the turns was written before the sum.
    assert desktop.log.charged


async def test_simulated_money_of_the_day_is_marked() -> None:
    desktop = Desktop(api=answers("Hello"), badge=LOCAL)
    desktop.ledger.charges.append(charge("a", "0.25"))
    async with desktop.running() as pilot:
        await pilot.press("ctrl+d")
        await desktop.until(pilot, lambda: desktop.work.controller.day)
        assert desktop.app.farewell == ["Today:                $0.25 · 1 turn · simulated"]


async def test_a_day_without_any_figure_is_not_zero() -> None:
    desktop = Desktop()
    desktop.ledger.charges.append(charge("a"))
    async with desktop.running() as pilot:
        await pilot.press("ctrl+d")
        await desktop.until(pilot, lambda: desktop.work.controller.day)
        assert desktop.app.farewell == ["Today:                cost unknown · 1 turn"]


class SlowLedger(FakeLedger):
    """Never answers."""

    async def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        await asyncio.Event().wait()
        return []


@pytest.mark.parametrize("trouble", ["slow", "locked"])
async def test_leaving_waits_for_no_figure(monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    monkeypatch.setattr(leaving, "DAY_TIMEOUT_S", 0.05)
    ledger = SlowLedger() if trouble == "slow" else FakeLedger(fails=Locked("Held by another program."))
    desktop = Desktop(api=answers("Hello"), ledger=ledger)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await pilot.press("ctrl+d")
        await desktop.until(pilot, lambda: desktop.app._exit)
        assert len(desktop.app.farewell) == 3


async def test_a_word_that_quits_has_a_hint_even_during_a_turn() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Half", "Type ahead: Enter queues it")
        desktop.work.prompt.put("exit")
        await desktop.shows(pilot, "Enter to quit")
        assert "Enter queues" not in desktop.text()
        desktop.work.prompt.put("exit the building")
        await desktop.until(pilot, lambda: "Enter to quit" not in desktop.text())
        gate.set()


class NoConnection(FakeApi):
    """A service to which no connection opens, `failing` times."""

    failing = 1

    @asynccontextmanager
    async def start_turn(
        self, request: TurnRequest, departed: Callable[[], None] = lambda: None
    ) -> AsyncIterator[FakeReply]:
        if self.failing:
            self.failing -= 1
            await asyncio.Event().wait()
        async with super().start_turn(request, departed) as reply:
            yield reply


@pytest.mark.parametrize("later", [0, leaving.MAX_LISTED])
async def test_a_message_that_the_end_of_the_program_stopped_is_named(later: int) -> None:
    """Also behind newer sessions without one."""
    desktop = Desktop(api=NoConnection(starts=[says("More")] * later, workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: bool(desktop.session.turns))
        stopped, actor = desktop.session.session_id, desktop.work.controller.shown
        for _ in range(later):
            await pilot.press("ctrl+n")
            await desktop.until(pilot, lambda: not desktop.session.turns)
            desktop.clock.seconds += 1
            await desktop.send(pilot, "Hello")
            await desktop.shows(pilot, "✓ completed")
        await leaving.read_day(desktop.work.controller)
        actor.stop()
        await actor.settled()
        assert actor.session.turns[-1].status is TurnStatus.NOT_SENT
        named = f"kept for /retry in handinger-tui --resume {stopped}"
        assert f"Not sent:             1 message, {named}" in desktop.app.farewell
