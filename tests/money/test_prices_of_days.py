"""Credits at the price of their day, and totals in another currency."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Unit
from handinger_tui.core.money.limits import Limit, Scope
from handinger_tui.core.money.report import Report, Selection
from handinger_tui.core.money.report_forms import FORMS
from handinger_tui.core.money.spending import GroupBy
from handinger_tui.core.prices import NO_PRICES, Prices
from handinger_tui.core.tags import NO_TAG_RULES
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import NO_DAY
from handinger_tui.ledger.charges.limits import LimitRules, LimitUsage, periods_at
from handinger_tui.ledger.charges.statements import Terms, close_month
from handinger_tui.ledger.cost_rows import CostRows
from handinger_tui.ledger.migrations import MIGRATIONS, begin_at
from tests.ledger.raw_rows import DAY_MS, NOON_MS, cells, put
from tests.money.statements import FUTURE_MS, PROGRAM

PRICES = Prices((("", Decimal("0.01")), ("2025-11-26", Decimal("0.02"))))
EUROS = Prices((("", Decimal("0.9")), ("2025-11-26", Decimal("0.8"))), "EUR")


def history(*turns: tuple[int, dict[str, Any]]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    begin_at(connection, len(MIGRATIONS))
    for at, (at_ms, amounts) in enumerate(turns):
        put(connection, cells(f"turn_{at}", at_ms=at_ms, confirmed=1, **amounts))
    return connection


CREDITS = ((NOON_MS, {"micro_credits": 100_000_000}), (NOON_MS + DAY_MS, {"micro_credits": 50_000_000}))


def report_of(connection: sqlite3.Connection, prices: Prices, currency: Prices = NO_PRICES) -> Report:
    rules = LimitRules(prices=prices, now_ms=lambda: NOON_MS + DAY_MS)
    report = CostRows(connection, None, NO_TAG_RULES).report(Selection(GroupBy.MONTH), rules)
    return replace(report, currency=currency)


def written(connection: sqlite3.Connection, report: Report, form: str) -> str:
    rows = CostRows(connection, None, NO_TAG_RULES).rows(report)
    return "".join(FORMS[form](report, rows, 100))


def test_each_turn_costs_what_a_credit_cost_on_its_day() -> None:
    with closing(history(*CREDITS)) as connection:
        report = report_of(connection, PRICES, EUROS)
        # 100 credits at 0.01 and 50 at 0.02; a dollar was 0.90 and 0.80 euros.
        assert (report.priced, report.in_currency) == (Decimal(2), Decimal("1.7"))
        text = written(connection, report, "txt")
        assert "150 credits: about $2.00 at your prices of a credit (0.01, 0.02 from 2025-11-26)." in text
        assert "In your currency: about 1.70 EUR (a dollar is 0.9 EUR, 0.8 EUR from 2025-11-26)." in text
        document = written(connection, report, "json")
        assert '"total_usd_at_your_price":"2"' in document
        assert '"total_in_currency":{"currency":"EUR","amount":"1.7"}' in document
        assert '"credit_usd":"0.02"' in document


def test_a_price_that_came_later_changes_nothing_before_it() -> None:
    with closing(history(*CREDITS[:1])) as connection:
        report = report_of(connection, PRICES)
        assert "100 credits: about $1.00 at your price of $0.01 a credit." in written(
            connection, report, "txt"
        )
        later = replace(PRICES, steps=(*PRICES.steps, ("2030-01-01", Decimal(9))))
        assert report_of(connection, later).priced == report.priced


def test_what_has_no_price_makes_the_sum_unknown_and_leaves_a_gap_in_limits() -> None:
    only_later = Prices((("2025-11-26", Decimal("0.02")),))
    undated = (NO_DAY, {"micro_credits": 7_000_000})
    for turns, prices in ((CREDITS, only_later), ((*CREDITS, undated), PRICES)):
        with closing(history(*turns)) as connection:
            report = report_of(connection, prices, EUROS)
            assert report.priced is report.in_currency is None
            assert "price" not in written(connection, report, "txt")
    with closing(history(*CREDITS)) as connection:
        assert _spent(connection, only_later) == (Decimal(1), 1)
        assert _spent(connection, PRICES) == (Decimal(2), 0)


def _spent(connection: sqlite3.Connection, prices: Prices) -> tuple[Decimal | None, int]:
    """What a limit of the month in USD counts, and its gaps."""
    now_ms = NOON_MS + DAY_MS
    limit = Limit(Scope.MONTH, Unit.USD, Decimal(100))
    rules = LimitRules([limit], prices=prices, now_ms=lambda: now_ms)
    (gauge,) = LimitUsage().gauges(connection, Session("", 0), periods_at(now_ms, None), rules)
    return gauge.spent.value, gauge.spent.missing_turns


def test_an_amount_in_usd_is_never_priced_again() -> None:
    both = (NOON_MS, {"usd_pico": 3 * 10**12, "micro_credits": 5_000_000})
    with closing(history(both)) as connection:
        report = report_of(connection, PRICES, EUROS)
        assert report.in_currency == Decimal("2.7")
        assert '"total_usd_at_your_price":null' in written(connection, report, "json")


@pytest.mark.parametrize(("prices", "shown"), [(PRICES, True), (NO_PRICES, False)])
def test_a_statement_has_the_prices_that_were_in_force(prices: Prices, *, shown: bool) -> None:
    with closing(history(*CREDITS)) as connection:
        closed = close_month(connection, "2025-11", FUTURE_MS, Terms(NO_TAG_RULES, prices, EUROS, PROGRAM))
    assert (b"about $2.00" in closed.page, b"about 1.70 EUR" in closed.page) == (shown, shown)
    assert (b'"credit_usd":"0.01, 0.02 from 2025-11-26"' in closed.bundle) is shown
