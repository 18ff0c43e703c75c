"""Budget comparison: one worker or all, with gaps, advice, forecast and limits."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import LedgerError
from handinger_tui.core.figures import Usage
from handinger_tui.core.money.budget_levels import compare
from handinger_tui.core.money.forecast import Forecast
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.spending.budgets import Comparison, budget_lines
from tests.ui.fakes import NOW_MS, Desktop, answers, charge
from tests.ui.panels.stage import BAD
from tests.ui.panels.test_panels import PAYLOADS, text_of_payload

if TYPE_CHECKING:
    from handinger_tui.core.money.spending import TurnCharge

DAY_MS = 86_400_000
NO_FORECAST = Forecast(Total(Decimal(0)), None, None, None, 0, "No forecast yet.")


def spent(budget: str, count: int, usd: str | None, **members: Any) -> list[TurnCharge]:
    """`count` turns at one level, two on every day back from today."""
    return [
        charge(
            f"{budget}-{members.get('worker_id', 'w1')}-{at}",
            usd,
            budget=budget,
            at_ms=NOW_MS - at // 2 * DAY_MS - at,
            **{"elapsed_ms": 60_000, "sources": 4, "usage": Usage(steps=3), **members},
        )
        for at in range(count)
    ]


def history() -> list[TurnCharge]:
    return [
        *spent("low", 12, "0.01"),
        *spent("high", 10, "0.09", elapsed_ms=300_000, sources=9),
        *spent("high", 2, None, status=TurnStatus.FAILED, worker_id="w1"),
        *spent("standard", 3, "0.02", worker_id="w2"),
    ]


async def opened(desktop: Desktop, pilot: Any, *, turns: bool = True) -> None:
    if turns:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
    await desktop.send(pilot, "/budgets")
    await desktop.shows(pilot, "Budget comparison", "This month")


async def test_all_workers_are_one_key_away() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.ledger.charges = history()
    async with desktop.running(120, 40) as pilot:
        await opened(desktop, pilot)
        assert "this worker" in desktop.text()
        assert "standard" not in desktop.text().split("Advice")[0]
        await pilot.press("a")
        await desktop.shows(pilot, "all workers", "standard")
        await pilot.press("a")
        await desktop.until(pilot, lambda: "all workers" not in desktop.text())
        await pilot.press("q")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)


async def test_advice_and_forecast_and_days_to_a_limit() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.ledger.charges = history()
    desktop.limits.limit(Scope.WORKER, "5")
    desktop.limits.spend(Scope.WORKER, "1")
    async with desktop.running(120, 40) as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "So far, low costs a median", "by month end", "($")
        await desktop.shows(
            pilot, "the daily average of the last", "limit of $5.00 will be reached in about "
        )
        await desktop.shows(pilot, "Cost unknown: 2 turns at high.")


async def test_without_a_worker_all_turns_are_shown_and_an_empty_page_explains_itself() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await opened(desktop, pilot, turns=False)
        await desktop.shows(pilot, "No finished turns yet.", "No forecast yet")
        await pilot.press("a")
        await desktop.until(pilot, lambda: "has no worker." in desktop.notices())


async def test_where_messages_go_to_tasks_the_page_says_so() -> None:
    desktop = Desktop(generation="tasks")
    async with desktop.running() as pilot:
        await opened(desktop, pilot, turns=False)
        await desktop.shows(pilot, "all tasks", "No finished turns yet.")
        await pilot.press("a")
        await desktop.until(pilot, lambda: "has no task. Showing all tasks." in desktop.notices())
        assert "orker" not in desktop.text()
        await pilot.press("escape")
        await desktop.send(pilot, "/attach")
        await desktop.until(pilot, lambda: "has no task. Use /attach ID" in desktop.notices())


async def test_a_worker_without_history_points_to_the_others() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.ledger.charges = spent("low", 3, "0.01", worker_id="w2")
    async with desktop.running() as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "No finished turns of this worker yet.", "Press a for all workers")
        await pilot.press("a")
        await desktop.shows(pilot, "all workers", "Not enough data")


async def test_simulated_money_is_separate_and_marked() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.ledger.charges = spent("low", 3, "0.01")
    desktop.ledger.simulated = True
    async with desktop.running() as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "this worker · simulated money")


async def test_an_unreadable_history_is_reported() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        desktop.ledger.fails = LedgerError("Cannot read the history.", "Look at the disk.")
        await desktop.send(pilot, "/budgets")
        await desktop.shows(pilot, "Cannot read the history. Look at the disk.")


def text(*charges: TurnCharge, width: int = 72) -> str:
    shown = Comparison(compare(charges), NO_FORECAST)
    return "\n".join(line.plain for line in budget_lines(shown, width))


def test_unreported_figures_are_never_zero() -> None:
    shown = text(*spent("low", 6, None, elapsed_ms=None, sources=None, usage=Usage()))
    assert "0" not in next(line for line in shown.splitlines() if line.startswith("low")).replace(" 0%", "")
    assert "Cost unknown: 6 turns at low." in shown
    assert "Sources unknown: 6 turns at low." in shown


@pytest.mark.parametrize("width", [30, 40, 60, 72])
def test_a_row_stays_one_row_on_the_narrowest_screen(width: int) -> None:
    shown = text(*spent("low", 6, "0.02"), *spent("high", 6, "0.09"), width=width).splitlines()
    table = shown[: shown.index("")]
    assert [line.split()[0] for line in table[1:]] == ["low", "90th", "high", "90th"]
    assert max(map(len, table)) <= width
    assert "cost" in table[0]


def test_a_few_turns_have_no_ninetieth_percentile() -> None:
    shown = text(*spent("low", 4, "0.01"))
    assert "90th percentile (needs 5 turns)." in shown


def test_credits_are_compared_where_no_cost_is_reported() -> None:
    charges = [replace(one, credits=Decimal(8), final=True) for one in spent("low", 5, None)]
    assert "credits" in text(*charges).splitlines()[0]
    usd = text(*spent("low", 5, "0.01")).splitlines()[0]
    assert "cost" in usd
    assert "credits" not in usd


def test_levels_that_do_not_differ_clearly_give_no_advice() -> None:
    shown = text(*spent("low", 9, "0.02"), *spent("high", 9, "0.02"))
    assert "No clear difference between levels so far." in shown


@pytest.mark.parametrize("width", [40, 68, 98, 200])
def test_sentences_fit_the_page(width: int) -> None:
    shown = Comparison(compare(history()), NO_FORECAST, limits=("A limit " * 30,))
    table = 68
    for line in budget_lines(shown, width):
        assert line.cell_length <= max(width, table), line.plain


def test_a_hostile_level_is_harmless() -> None:
    for payload in PAYLOADS:
        shown = text(*spent(text_of_payload(payload)[:2000], 3, "0.01"), *spent("low", 3, None))
        for line in shown.splitlines():
            assert not BAD.search(line), (payload["id"], ascii(line))


def test_a_month_in_credits_shows_its_unit() -> None:
    in_credits = replace(NO_FORECAST, spent=Total(Decimal(12), 1), unit=Unit.CREDITS)
    shown = "\n".join(line.plain for line in budget_lines(Comparison((), in_credits), 72))
    assert "Spent: 12 credits + 1 unknown" in shown
