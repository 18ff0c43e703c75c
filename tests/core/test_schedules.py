"""Schedules: typed rules, the times of runs, and prices that may be unknown."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from handinger_tui.core.columns import in_order
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.price import Price, runs_text
from handinger_tui.core.money.typical_cost import TypicalCost, spread
from handinger_tui.core.schedules import (
    Added,
    After,
    At,
    Cron,
    Every,
    PricedSchedule,
    Rule,
    Schedule,
    added_text,
    next_runs,
    price_of,
    read_moment,
    read_request,
    request_text,
    rule_text,
    run_text,
    runs_of,
    runs_per_month,
    schedule_row,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
"""A Friday, 13:00 in Berlin."""


def typical(*amounts: str, in_credits: bool = False) -> TypicalCost:
    of = spread(map(Decimal, amounts))
    return TypicalCost("standard", credits=of) if in_credits else TypicalCost("standard", of)


@pytest.mark.parametrize(
    ("text", "rule", "instruction"),
    [
        ("every 1d Report", Every(86_400), "Report"),
        ("every hour  Report  on sales", Every(3600), "Report  on sales"),
        ("every 1d\nReport\non sales", Every(86_400), "Report\non sales"),
        ("in 1h30m x", After(5400), "x"),
        ("IN 90 x", After(90), "x"),
        ("at 2026-12-24 18:30 x", At(datetime(2026, 12, 24, 17, 30, tzinfo=UTC)), "x"),
        ("at 2026-12-24T18:30Z x", At(datetime(2026, 12, 24, 18, 30, tzinfo=UTC)), "x"),
        ("at 2026-12-24T18:30+05:30 x", At(datetime(2026, 12, 24, 13, 0, tzinfo=UTC)), "x"),
        ("at 13:30 x", At(datetime(2026, 11, 27, 12, 30, tzinfo=UTC)), "x"),
        ("at 9:05 x", At(datetime(2026, 11, 28, 8, 5, tzinfo=UTC)), "x"),
        ("cron 0 9 * * 1-5 Report at 9", Cron("0 9 * * 1-5"), "Report at 9"),
        ("cron '0  9 * * MON' Report", Cron("0 9 * * MON"), "Report"),
    ],
)
def test_rules_as_people_type_them(text: str, rule: Rule, instruction: str) -> None:
    assert read_request(text, NOW, BERLIN) == (rule, instruction)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "starts with"),
        ("tomorrow Report", "starts with"),
        ("every 1d", "instruction is missing"),
        ("every 0s x", "1 second to 1 year"),
        ("every 366d x", "1 second to 1 year"),
        ("every 1²d x", "not a duration"),
        ("every x", "not a duration"),
        ("in 999999999w x", "1 second to 1 year"),
        ("at 2026-11-27 12:59 x", "in the past"),
        ("at 2026-12-01 x", "not a date"),
        ("at 25:00 x", "not a date"),
        ("at \u0661\u0660:00 x", "not a date"),
        ("at 9999-12-31T23:59-12:00 x", "not a date"),
        ("cron 0 9 * * Report", "not a cron"),
        ("cron 0 0 30 2 * x", "not a cron"),
        ("cron @daily x", "not a cron"),
    ],
)
def test_invalid_rules_are_refused_before_sending(text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        read_request(text, NOW, BERLIN)


def test_runs_are_computed_in_the_zone_of_the_service_and_shown_in_local_time() -> None:
    def shown(zone: ZoneInfo) -> list[str]:
        runs = next_runs(Cron("0 9 * * 1-5"), NOW, zone)
        return [run_text(run, NOW, BERLIN) for run in runs]

    assert shown(BERLIN)[0] == "Mon Nov 30, 09:00 (in 2 d)"
    assert shown(ZoneInfo("America/New_York"))[0] == "Fri Nov 27, 15:00 (in 2 h)"
    # The clock changes on March 28: in New York it did on March 14.
    march = datetime(2027, 3, 26, 18, tzinfo=UTC)
    runs = next_runs(Cron("0 9 * * *"), march, BERLIN)
    assert [run.astimezone(UTC).hour for run in runs] == [8, 7, 7]


def test_the_time_from_the_service_takes_precedence() -> None:
    first = datetime(2026, 11, 28, 9, tzinfo=UTC)
    every = Schedule("s", "x", rule=Every(3600), next_run=first)
    assert [run.hour for run in runs_of(every, NOW, UTC)] == [9, 10, 11]
    assert runs_of(Schedule("s", "x", rule=Every(3600)), NOW, UTC) == ()
    cron = Schedule("s", "x", rule=Cron("0 9 * * *"), next_run=first)
    assert [run.day for run in runs_of(cron, NOW, UTC)] == [28, 29, 30]
    # The service computes in another zone than the assumed one.
    assert runs_of(cron, NOW, BERLIN) == (first,)
    assert runs_of(Schedule("s", "x", kind="new", next_run=first), NOW, UTC) == (first,)


@pytest.mark.parametrize(
    ("rule", "runs"),
    [
        (Every(86_400), "30 runs a month"),
        (Every(60 * 86_400), "0.5 runs a month"),
        (Cron("*/30 * * * *"), "1,440 runs a month"),
        (Cron("0 9 * * 1-5"), "21 runs a month"),
        (Cron("0 9 1 * *"), "1 run a month"),
        (Cron("0 9 29 2 *"), "<0.1 runs a month"),
    ],
)
def test_runs_of_a_month(rule: Rule, runs: str) -> None:
    number = runs_per_month(rule)
    assert number is not None
    assert runs_text(number) == runs


@pytest.mark.parametrize(
    ("expression", "runs"), [("0 0 30 2 *", 0), ("* * 31 4,6,9,11 *", 0), ("0 0 29 2 */7", 3)]
)
def test_an_expression_that_hardly_ever_or_never_comes_takes_no_time(expression: str, runs: int) -> None:
    """A service may list one that nobody could type here. February 29 is a Sunday every 28 or 40 years."""
    begun = time.process_time()
    assert len(next_runs(Cron(expression), NOW, BERLIN)) == runs
    assert len(runs_of(Schedule("s", "x", rule=Cron(expression)), NOW, BERLIN)) == runs
    assert runs_per_month(Cron(expression)) == 0
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("rule", [After(1), At(NOW), None, Cron("x"), Cron("0" * 10_000)])
def test_a_single_run_and_an_unknown_rule_have_no_month(rule: Rule | None) -> None:
    assert runs_per_month(rule) is None


def test_a_price_is_an_estimate_of_earlier_turns() -> None:
    usual = typical("0.02", "0.04", "0.04", "0.04", "0.09")
    assert price_of(usual, Every(86_400)).tag == "about $0.04 a run, about $1.20 a month"
    assert price_of(usual, After(60)).tag == "about $0.04 once"
    shorts = [price_of(usual, rule).short_tag for rule in (Every(86_400), After(60))]
    assert shorts == ["about $1.20 a month", "about $0.04 once"]
    assert price_of(usual, None).tag == "about $0.04 a run"
    assert (
        price_of(typical("3", in_credits=True), Every(86_400)).tag
        == "about 3 credits a run, about 90 credits a month"
    )
    paid = replace(typical("3", in_credits=True), credit_usd=Decimal("0.01"))
    assert (
        price_of(paid, Every(86_400)).tag == "about 3 credits a run, about 90 credits (about $0.90) a month"
    )
    assert (
        Price.monthly_text([price_of(paid, Every(86_400))] * 2) == "about 180 credits (about $1.80) a month"
    )
    assert price_of(paid, After(1)).tag == "about 3 credits (about $0.03) once"
    sentence = price_of(usual, Every(86_400)).sentences
    assert "(30 runs a month). Budget standard: usually $0.04 (median $0.04, 5 turns)." in sentence


def test_an_unknown_price_stays_unknown() -> None:
    price = price_of(TypicalCost("standard"), Every(86_400))
    assert price.tag == "no cost history yet"
    assert price.sentences == "Cost unknown (30 runs a month): no cost history at standard yet."
    assert price.per_month is None
    gaps = price_of(TypicalCost("standard", spread([None])), Every(86_400))
    assert gaps.tag == "cost unknown"


def test_all_schedules_together() -> None:
    dollars, unknown = price_of(typical("0.04"), Every(86_400)), price_of(TypicalCost("low"), Every(60))
    once = price_of(typical("9"), After(1))
    assert Price.monthly_text([dollars, dollars, once]) == "about $2.40 a month"
    assert Price.monthly_text([dollars, unknown]) == "about $1.20 a month + 1 schedule unknown"
    assert Price.monthly_text([unknown]) == "cost a month: 1 schedule unknown"
    assert Price.monthly_text([once]) == ""
    # The number of its runs is unclear.
    assert (
        Price.monthly_text([dollars, price_of(typical("0.04"), None)])
        == "about $1.20 a month + 1 schedule unknown"
    )
    assert (
        Price.monthly_text([Price(typical("2", in_credits=True), Decimal(2)), dollars])
        == "about $1.20 and about 4 credits a month"
    )


def test_a_run_at_an_unexpected_time_is_reported() -> None:
    at = datetime(2026, 11, 28, 9, tzinfo=UTC)
    added = Added(Schedule("s", "x", rule=Cron("0 9 * * *"), next_run=at))
    assert added_text(added, [at], NOW, UTC) == "Added. Next run: Sat Nov 28, 09:00 (in 21 h)."
    other = added_text(added, [datetime(2026, 11, 28, 8, tzinfo=UTC)], NOW, UTC)
    assert other.endswith("The service chose this time; Sat Nov 28, 08:00 was expected.")
    assert "added once" in added_text(Added(Schedule(), from_list=True), [at], NOW, UTC)


def test_texts_of_the_service_are_cleaned() -> None:
    shown = rule_text(None, "\x1b[31mred\u202e\n")
    assert shown.isprintable()
    assert "\x1b" not in rule_text(Cron("\x1b[2J * * * *"))


@pytest.fixture(params=["the machine", "a zone"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo | None]:
    """Berlin, as the zone of the machine or by its name."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", BERLIN.key)
        time.tzset()
        yield None if request.param == "the machine" else BERLIN
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot be moved to another zone")
@pytest.mark.parametrize(
    ("at", "now", "moment"),
    [
        # Clocks skip 02:00 to 03:00 on 2026-03-29.
        ("2026-03-29 02:30", "2026-03-28T12:00Z", "2026-03-29T01:30Z"),
        ("02:30", "2026-03-28T12:00Z", "2026-03-29T01:30Z"),
        ("02:30", "2026-03-29T12:00Z", "2026-03-30T00:30Z"),
        ("01:30", "2026-03-29T12:00Z", "2026-03-29T23:30Z"),
        # They show 02:00 to 03:00 twice on 2026-10-25.
        ("02:30", "2026-10-24T12:00Z", "2026-10-25T00:30Z"),
        ("02:30", "2026-10-25T12:00Z", "2026-10-26T01:30Z"),
    ],
)
def test_a_time_of_day_where_clocks_change(zone: ZoneInfo | None, at: str, now: str, moment: str) -> None:
    read = read_moment(at, datetime.fromisoformat(now), zone)
    assert read == datetime.fromisoformat(moment)
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "rule",
    [
        Every(90),
        Every(5400),
        Every(86_400),
        Every(1_209_600),
        Cron("0 9 * * 1-5"),
        At(datetime(2026, 12, 1, 8, 30, 5, tzinfo=UTC)),
        # Clocks show 02:30 twice on 2027-10-31.
        At(datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        At(datetime(2027, 10, 31, 1, 30, tzinfo=UTC)),
    ],
)
def test_the_request_of_a_schedule_adds_the_same_one(rule: Rule) -> None:
    text = request_text(Schedule("sch_1", "Report at 9, every day", rule=rule), BERLIN)
    assert read_request(text, NOW, BERLIN) == (rule, "Report at 9, every day")


@pytest.mark.parametrize(
    "one", [Schedule("s", "x"), Schedule("s", "a\nb", rule=Every(60)), Schedule("s", "x", rule=After(9))]
)
def test_a_schedule_that_no_line_says_is_not_edited(one: Schedule) -> None:
    with pytest.raises(SettingsError, match="cannot be edited"):
        request_text(one)


def test_an_unknown_price_stands_there_once() -> None:
    price = price_of(TypicalCost("standard", spread([None])), Every(86_400))
    assert price.sentences == "Cost unknown (30 runs a month): 1 turn at standard."


def test_a_list_of_schedules_is_sorted_by_prices_and_not_by_their_letters() -> None:
    schedules = [Schedule("sch_1", "x", rule=rule) for rule in (After(60), Every(86_400))]
    dear, cheap = (
        price_of(typical(text), one.rule) for text, one in zip(("9", "0.04"), schedules, strict=True)
    )
    unknown = price_of(TypicalCost("standard"), None)
    rows = [schedule_row(PricedSchedule(schedules[0], price), NOW) for price in (unknown, dear, cheap)]
    assert in_order(rows, 2) == [2, 1, 0]
