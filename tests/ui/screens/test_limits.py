"""Limits: set by command, one warning each, spending of other programs;
the chip and the text of `unlimited`.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Unit
from handinger_tui.core.money.limits import Gauge, LimitOrigin, Scope
from handinger_tui.core.money.reconciliation import Restatement
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import StartPolicy
from handinger_tui.engine.session_actor import SessionActor
from handinger_tui.ui.spending.limit_changes import LimitChange, NotAnAmount, parse_limit_change
from handinger_tui.ui.work import screen
from handinger_tui.ui.work.paint_scheduler import PaintScheduler
from tests.ui.fake_money import NOW_MS
from tests.ui.fakes import LOCAL, REMOTE, Desktop, answers, charge

USD, CREDITS = Unit.USD, Unit.CREDITS


# -- what is typed -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("day 5", LimitChange(Scope.DAY, USD, Decimal(5))),
        ("turn 0.50", LimitChange(Scope.TURN, USD, Decimal("0.50"))),
        ("Session 20 Credits", LimitChange(Scope.SESSION, CREDITS, Decimal(20))),
        ("worker $3", LimitChange(Scope.WORKER, USD, Decimal(3))),
        ("worker $ .25", LimitChange(Scope.WORKER, USD, Decimal("0.25"))),
        ("day 0.000000000001", LimitChange(Scope.DAY, USD, Decimal("1E-12"))),
        ("day 0.000001 credits", LimitChange(Scope.DAY, CREDITS, Decimal("0.000001"))),
        ("day\t5", LimitChange(Scope.DAY, USD, Decimal(5))),
        ("day off", LimitChange(Scope.DAY, None, None)),
        ("day off credits", LimitChange(Scope.DAY, CREDITS, None)),
    ],
)
def test_a_limit_is_read_exactly(text: str, change: LimitChange) -> None:
    assert parse_limit_change(text) == change


REFUSED = [
    "day",
    "year 5",
    "day 0",
    "day 0.00",
    "day -5",
    "day five",
    "day 1e3",
    "day 0,50",
    "day 1,000",
    "day NaN",
    "day inf",
    "day ٣",
    "day 0.0000000000001",
    "day 0.0000001 credits",
    "day 99999999999999999999",
    "day $5 credits",
    "day 5 euros",
    "day off please",
    "5",
]


@pytest.mark.parametrize("text", REFUSED)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(NotAnAmount):
        parse_limit_change(text)


# -- the command ---------------------------------------------------------------------------
async def test_limits_are_set_for_every_scope_and_unit() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/limit worker 3")
        await desktop.until(pilot, lambda: "No worker yet." in desktop.notices())
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        desktop.limits.spend(Scope.DAY, "1")
        for change in ("day 5", "turn 0.50", "session 20 credits", "worker $3"):
            await desktop.send(pilot, f"/limit {change}")
        await desktop.until(pilot, lambda: "Worker limit set to $3.00 (0% used)." in desktop.notices())
        assert "Daily limit set to $5.00 (20% used)." in desktop.notices()
        assert "Session limit set to 20 credits" in desktop.notices()
    assert desktop.limits.sets == [
        (Scope.DAY, USD, Decimal(5)),
        (Scope.TURN, USD, Decimal("0.5")),
        (Scope.SESSION, CREDITS, Decimal(20)),
        (Scope.WORKER, USD, Decimal(3)),
    ]
    assert [request.prompt for request in desktop.api.posts] == ["Hi"]


@pytest.mark.parametrize(("never", "says"), [(True, "Use /limit day AMOUNT credits, or set"), (False, "")])
async def test_a_limit_that_cannot_be_enforced_says_so_when_it_is_set(
    monkeypatch: pytest.MonkeyPatch, *, never: bool, says: str
) -> None:
    desktop = Desktop()
    count = desktop.limits.gauges

    async def gauges(session: Session) -> tuple[Gauge, ...]:
        counted = await count(session)
        return tuple(replace(one, reported=False, never_reported=never) for one in counted)

    monkeypatch.setattr(desktop.limits, "gauges", gauges)
    async with desktop.running(100, 30) as pilot:
        await desktop.send(pilot, "/limit day 5")
        await desktop.until(
            pilot, lambda: "so the daily limit of $5.00 cannot be enforced" in desktop.notices()
        )
        assert says in desktop.notices()
        assert "% used" not in desktop.notices()


@pytest.mark.parametrize(("in_credits", "amount"), [(True, "100 credits"), (False, "5")])
async def test_the_first_screen_names_a_limit_that_its_service_can_keep(
    *, in_credits: bool, amount: str
) -> None:
    desktop = Desktop(badge=replace(REMOTE, in_credits=in_credits))
    async with desktop.running(100, 30) as pilot:
        await desktop.shows(pilot, f"/limit day {amount} refuses new messages above")


async def test_an_invalid_amount_sets_nothing_and_shows_an_example() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/limit day 0,50")
        await desktop.until(pilot, lambda: "“0,50” is not an amount" in desktop.notices())
        assert "/limit turn 0.50" in desktop.notices()
        await desktop.send(pilot, "/limit year 5")
        await desktop.until(pilot, lambda: "Unknown limit year" in desktop.notices())
    assert desktop.limits.sets == []


async def test_a_limit_is_removed_and_the_remaining_one_is_named() -> None:
    desktop = Desktop()
    desktop.limits.limit(Scope.TURN, "2")
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/limit day off")
        await desktop.until(pilot, lambda: "There was no daily limit." in desktop.notices())
        await desktop.send(pilot, "/limit day 5")
        await desktop.send(pilot, "/limit day off")
        await desktop.until(pilot, lambda: "The daily limit was removed." in desktop.notices())
        await desktop.send(pilot, "/limit turn 3")
        await desktop.until(pilot, lambda: "Turn limit set to $3.00" in desktop.notices())
        await desktop.send(pilot, "/limit turn off")
        await desktop.until(pilot, lambda: "The turn limit was removed." in desktop.notices())
        desktop.limits.limit(Scope.TURN, "1", origin=LimitOrigin.FLAG)
        await desktop.send(pilot, "/limit turn off")
        await desktop.until(
            pilot,
            lambda: "Still in force: the turn limit from the command line ($1.00)." in desktop.notices(),
        )


async def test_a_command_line_limit_overrides_a_stored_one() -> None:
    desktop = Desktop()
    desktop.limits.limit(Scope.DAY, "1", origin=LimitOrigin.FLAG)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/limit day 5")
        await desktop.until(
            pilot,
            lambda: "but the daily limit from the command line ($1.00) overrides it" in desktop.notices(),
        )


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_page_shows_every_limit_and_accepts_a_new_one(size: tuple[int, int]) -> None:
    desktop = Desktop()
    desktop.limits.limit(Scope.DAY, "5")
    desktop.limits.spend(Scope.DAY, "4.25", missing=2)
    desktop.limits.limit(Scope.SESSION, "20", CREDITS, LimitOrigin.TYPED)
    desktop.limits.spend(Scope.SESSION, None, CREDITS)
    desktop.limits.limit(Scope.TURN, "1", origin=LimitOrigin.TYPED)
    desktop.limits.spend(Scope.TURN, "1.50")
    async with desktop.running(*size) as pilot:
        await desktop.send(pilot, "/limit")
        await desktop.shows(pilot, "■ Turn", "━ reached", "$1.50 of $1.00 (150%)")
        await desktop.shows(pilot, "● Session ····", "unknown of 20 credits")
        await desktop.shows(
            pilot, "▲ Day", "┄ near · from the config file", "$4.25 + 2 unknown of $5.00 (85%)"
        )
        await desktop.shows(pilot, "session 20 credits", "blocks new messages at 100%", "For example: day 5")
        await pilot.press(*"day five", "enter")
        await desktop.shows(pilot, "“five” is not an amount")
        await pilot.press(*["backspace"] * 4, *"9", "enter")
        await desktop.until(pilot, lambda: "Daily limit set to $9.00 (47% used)." in desktop.notices())
        await desktop.send(pilot, "/limit")
        await desktop.shows(pilot, "Limits")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "● Day" not in desktop.text())
    assert desktop.limits.sets == [(Scope.DAY, USD, Decimal(9))]


async def test_every_limit_is_visible_on_a_small_screen() -> None:
    desktop = Desktop()
    for scope in Scope:
        for unit in Unit:
            desktop.limits.limit(scope, "5", unit)
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "/limit")
        await desktop.shows(pilot, "Turn", "For example: day 5")
        assert "╰" in desktop.text_of("#typed"), "the field is not cut off"
        assert "Day" not in desktop.text_of("#limit-meters")
        await pilot.press(*["down"] * 4)
        await desktop.until(pilot, lambda: "Day" in desktop.text_of("#limit-meters"))
        await pilot.press("pageup")
        await desktop.until(pilot, lambda: "Turn" in desktop.text_of("#limit-meters"))
        await pilot.press(*"day x", "enter")
        await desktop.shows(pilot, "is not an amount")


async def test_the_page_without_limits_explains_itself() -> None:
    desktop = Desktop(badge=LOCAL)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/limit")
        await desktop.shows(pilot, "No limits set", "simulated")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "No limits set" not in desktop.text())


# -- restatements --------------------------------------------------------------------------
async def test_a_restatement_is_reported_once_in_its_session() -> None:
    desktop = Desktop(api=answers("Hello", "Again"))
    async with desktop.running() as pilot:
        for text in ("Hi", "And now?"):
            await desktop.send(pilot, text)
            await desktop.until(
                pilot, lambda: bool(desktop.session.turns) and not desktop.session.turns[-1].live
            )
        await desktop.until(pilot, lambda: len(desktop.session.turns) == 2)
        first, newest = (turn.turn_id for turn in desktop.session.turns)
        one = Restatement(
            *(7, first, desktop.session.session_id, "wrk_1", NOW_MS),
            *(Decimal("0.1"), Decimal("0.3"), None, None),
            new_basis=False,
        )
        desktop.ledger.restatements += [
            one,
            replace(one, number=8, turn_id=newest),
            replace(one, number=9, session_id="ses_other"),
        ]
        desktop.ledger.write()
        await desktop.until(pilot, lambda: "Corrected 7: turn 1 $0.10 → $0.30" in desktop.notices())
        assert "amounts changed" not in desktop.notices()


# -- warnings ------------------------------------------------------------------------------
async def test_each_limit_warns_once_at_80_and_once_at_100_percent_and_again_after_a_raise() -> None:
    desktop = Desktop()
    desktop.limits.limit(Scope.DAY, "5")
    near, reached = "Daily limit near", "Daily limit reached"
    async with desktop.running() as pilot:

        async def spent(amount: str, mark: str) -> None:
            desktop.limits.spend(Scope.DAY, amount)
            await desktop.work.controller.engine.actor(desktop.session.session_id).recount()
            await desktop.until(pilot, lambda: mark in desktop.text().splitlines()[0])

        await spent("3.99", "work")
        assert near not in desktop.notices()
        await spent("4", "▲ daily limit 80%")
        await spent("4.5", "▲ daily limit 90%")
        assert desktop.notices().count(near) == 1
        await spent("5", "■ daily limit reached")
        await spent("6", "■ daily limit reached")
        assert desktop.notices().count(reached) == 1
        assert "blocked until you raise it" in desktop.notices()
        await desktop.send(pilot, "/limit day 7")
        await desktop.until(pilot, lambda: "Daily limit set to $7.00 (85% used)." in desktop.notices())
        await desktop.shows(pilot, "▲ daily limit 85%")
        assert desktop.notices().count(near) == 1, "what was set tells it already"
        await desktop.send(pilot, "/limit day 6")
        await desktop.until(pilot, lambda: desktop.notices().count(reached) == 2)
        await spent("6.5", "■ daily limit reached")
        assert desktop.notices().count(reached) == 2
        assert not any(word in desktop.notices().lower() for word in ("stopped", "cancel"))


async def test_a_changed_limit_is_reported_by_the_command_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen may be painted between the change of the limit and the answer of the command."""
    desktop = Desktop()
    desktop.limits.spend(Scope.DAY, "6")
    async with desktop.running() as pilot:
        change = SessionActor.recount

        async def painted(actor: SessionActor) -> tuple[Gauge, ...]:
            gauges = await change(actor)
            desktop.work.scheduler.request(at_once=True)
            await desktop.shows(pilot, "■ daily limit reached")
            return gauges

        monkeypatch.setattr(SessionActor, "recount", painted)
        await desktop.send(pilot, "/limit day 6")
        await desktop.until(pilot, lambda: "Daily limit reached" in desktop.notices())
        await desktop.settle(pilot)
        assert desktop.notices().count("Daily limit reached") == 1


# -- others spend --------------------------------------------------------------------------
async def test_the_spending_of_another_program_appears_within_a_second() -> None:
    desktop = Desktop()
    desktop.limits.limit(Scope.DAY, "5")
    async with desktop.running() as pilot:
        assert "daily limit" not in desktop.text()
        desktop.limits.spend(Scope.DAY, "4.5")
        desktop.ledger.write(charge("theirs", "4.5"))
        looks = desktop.ledger.looks
        await desktop.until(pilot, lambda: "▲ daily limit 90%" in desktop.text())
        assert desktop.ledger.looks <= looks + 1
        await desktop.shows(pilot, "standard · ~$4.50 (other workers)")


async def test_polling_paints_nothing_without_new_charges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "CHECKS_PER_S", 50)
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: desktop.work.scheduler.asleep and desktop.ledger.looks > 2)
        painted: list[object] = []
        monkeypatch.setattr(desktop.app, "_display", lambda _screen, what: painted.append(what))
        reads, queries, looks = desktop.limits.reads, len(desktop.ledger.requests), desktop.ledger.looks
        await desktop.until(pilot, lambda: desktop.ledger.looks > looks + 10)
        assert [what for what in painted if what is not None] == []
        assert (desktop.limits.reads, len(desktop.ledger.requests)) == (reads, queries)
        assert desktop.work.scheduler.asleep


async def test_what_another_program_spent_is_read_in_a_pause_of_typing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(screen, "CHECKS_PER_S", 50)
    waits, pause = asyncio.Event(), asyncio.Event()

    async def between_keys(_scheduler: PaintScheduler) -> None:
        waits.set()
        await pause.wait()

    monkeypatch.setattr(PaintScheduler, "between_keys", between_keys)
    desktop = Desktop()
    desktop.limits.limit(Scope.DAY, "5")
    async with desktop.running() as pilot:
        await waits.wait()
        looks = desktop.ledger.looks
        desktop.limits.spend(Scope.DAY, "4.5")
        desktop.ledger.write(charge("theirs", "4.5"))
        await pilot.press("h", "i")
        assert desktop.ledger.looks == looks
        pause.set()
        await desktop.until(pilot, lambda: "▲ daily limit 90%" in desktop.text())


async def test_the_end_of_a_turn_waits_for_no_pause_of_typing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_scheduler: PaintScheduler) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(PaintScheduler, "between_keys", never)
    desktop = Desktop(api=answers("One", "Two"))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: desktop.ledger.looks > 0)
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: desktop.ledger.looks > 1)
        await desktop.send(pilot, "Ho")
        await desktop.until(pilot, lambda: desktop.ledger.looks > 2)


async def test_a_turn_that_ends_before_the_first_session_is_there_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A turn that was left running may end while the program still opens another session."""
    desktop = Desktop(api=answers("Hello", "Again"), gate=asyncio.Event())
    ended, begins, controller = asyncio.Event(), asyncio.Event(), desktop.work.controller
    recover = controller.recover

    async def recover_late() -> list[str]:
        session_id = controller.new_session()
        await controller.actor(session_id).send("left", "standard", start=StartPolicy.UNMEASURED)
        desktop.ledger.write(charge("left", "0.1"))
        ended.set()
        await begins.wait()
        return await recover()

    monkeypatch.setattr(controller, "recover", recover_late)
    async with desktop.running() as pilot:
        assert desktop.gate is not None
        desktop.gate.set()
        await ended.wait()
        (left,) = (one for one in desktop.engine.sessions if one.turns)
        await desktop.until(pilot, lambda: not desktop.engine.session(left.session_id).turns[-1].live)
        await desktop.settle(pilot)
        assert not controller.session_id
        begins.set()
        await desktop.until(pilot, lambda: controller.session_id)
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Again")


async def test_a_session_may_be_deleted_while_its_amounts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = Desktop(api=answers("Hello"))
    reads, goes_on, news = asyncio.Event(), asyncio.Event(), desktop.ledger.news

    async def news_later(which: ChargeFilter) -> list[Restatement] | None:
        if desktop.ledger.restatements:
            reads.set()
            await goes_on.wait()
        return await news(which)

    monkeypatch.setattr(desktop.ledger, "news", news_later)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Hello")
        session = desktop.session
        desktop.ledger.restatements.append(
            Restatement(
                *(7, session.turns[-1].turn_id, session.session_id, "wrk_1", NOW_MS),
                *(Decimal("0.3"), Decimal("0.1"), None, None),
                new_basis=False,
            )
        )
        await reads.wait()
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != session.session_id)
        await desktop.work.controller.delete(session.session_id)
        goes_on.set()
        await desktop.until(pilot, lambda: "Corrected 7: turn 1 $0.30 → $0.10" in desktop.notices())


# -- the chip ------------------------------------------------------------------------------
async def test_the_chip_shows_the_typical_cost_of_this_worker_at_this_budget() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.ledger.charges += [
        charge(f"t{at}", f"0.0{at}", worker_id="w1" if at < 6 else "w2") for at in range(1, 9)
    ]
    async with desktop.running() as pilot:
        # A new worker has no history: that of all others is shown, and marked.
        await desktop.shows(pilot, "standard · ~$0.045 (other workers)")
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "standard · ~$0.03 ($0.02–0.04)")
        queries = len(desktop.ledger.requests)
        await desktop.send(pilot, "/help")
        await pilot.press("escape")
        assert len(desktop.ledger.requests) == queries
        await pilot.press("shift+tab")
        await desktop.shows(pilot, "high · no cost history yet")
        assert desktop.ledger.requests[-1] == ("w1", "high")


async def test_the_confirmation_of_unlimited_shows_the_most_expensive_turn() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/budget unlimited")
        await desktop.shows(pilot, "No cost history yet.")
        await pilot.press("escape")
        desktop.ledger.charges += [charge("a", "0.40", budget="high"), charge("b", "0.10")]
        await desktop.send(pilot, "/budget unlimited")
        await desktop.shows(pilot, "No cost history at unlimited yet.", "at high: $0.40")
        await pilot.press("escape")
        desktop.ledger.charges.append(charge("c", "0.25", budget="unlimited"))
        await desktop.send(pilot, "/budget unlimited")
        await desktop.shows(pilot, "Most expensive turn so far at unlimited: $0.25")
        assert "No cost history" not in desktop.text()
        await pilot.press("escape")
        assert desktop.work.controller.budget == "standard"
