"""Limits: their warnings, refusals, and texts."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit, amount_text
from handinger_tui.core.money.limits import (
    STILL,
    Gauge,
    GaugeState,
    Limit,
    LimitOrigin,
    LimitReached,
    LimitReserved,
    LimitUnmeasured,
    Scope,
    check_start,
    effective,
    gauges,
)
from handinger_tui.core.turns.turn import StartPolicy

amounts = st.decimals(min_value=0, max_value=10**12, places=12)


def gauge(
    spent: str | None,
    of: str = "1",
    *,
    missing: int = 0,
    scope: Scope = Scope.SESSION,
    unit: Unit = Unit.USD,
    origin: LimitOrigin = LimitOrigin.TYPED,
) -> Gauge:
    value = None if spent is None else Decimal(spent)
    return Gauge(Limit(scope, unit, Decimal(of), origin), Total(value, missing))


@pytest.mark.parametrize(
    ("spent", "state", "percent"),
    [
        (None, GaugeState.BELOW, None),
        ("0", GaugeState.BELOW, 0),
        ("0.799999999999", GaugeState.BELOW, 79),
        ("0.8", GaugeState.NEAR, 80),
        ("0.999999999999", GaugeState.NEAR, 99),
        ("1", GaugeState.REACHED, 100),
        ("2.345", GaugeState.REACHED, 234),
        ("1e40", GaugeState.REACHED, 10**42),
    ],
)
def test_a_limit_warns_at_80_and_is_reached_at_100(
    spent: str | None, state: GaugeState, percent: int | None
) -> None:
    assert gauge(spent).state is state
    assert gauge(spent).percent == percent


@given(amounts, st.decimals(min_value=Decimal("1e-12"), max_value=10**6, places=12), st.integers(0, 3))
def test_the_percent_and_the_state_agree(spent: Decimal, limit: Decimal, missing: int) -> None:
    if not limit:
        return
    sample = Gauge(Limit(Scope.DAY, Unit.USD, limit), Total(spent, missing))
    assert sample.percent is not None
    assert (sample.percent >= 100) == (sample.state is GaugeState.REACHED) == (spent >= limit)
    assert (sample.percent >= 80) == (sample.state >= GaugeState.NEAR)


@given(amounts, st.integers(1, 5))
def test_gaps_change_the_words_and_not_the_state(spent: Decimal, missing: int) -> None:
    complete, gappy = gauge(str(spent), "5"), gauge(str(spent), "5", missing=missing)
    assert complete.state is gappy.state
    assert "unknown" not in complete.spent_text
    assert f" + {missing} unknown of " in gappy.spent_text


def test_what_is_unknown_alone_uses_up_no_limit() -> None:
    """What it may have used up is a matter of reservations."""
    sample = gauge(None, missing=3)
    assert sample.state is GaugeState.BELOW
    assert Gauge.blocking([sample]) is None
    assert sample.spent_text == "unknown of $1.00"


@pytest.mark.parametrize("order", list(permutations(LimitOrigin)))
def test_a_flag_overrides_a_stored_limit_and_that_a_configured_one(order: tuple[LimitOrigin, ...]) -> None:
    limits = [Limit(Scope.DAY, Unit.USD, Decimal(at), origin) for at, origin in enumerate(order, 1)]
    assert effective(limits) == (limits[order.index(LimitOrigin.FLAG)],)
    others = [limit for limit in limits if limit.origin is not LimitOrigin.FLAG]
    assert effective(others) == (limits[order.index(LimitOrigin.TYPED)],)


def test_scopes_and_units_are_limits_of_their_own_in_a_fixed_order() -> None:
    every = [Limit(scope, unit, Decimal(1)) for scope in Scope for unit in Unit]
    assert effective(reversed(every)) == tuple(every)
    assert effective([]) == ()


def test_unconfigured_limits_do_not_exist() -> None:
    limits = [Limit(Scope.DAY, Unit.USD, Decimal(1)), Limit(Scope.TURN, Unit.CREDITS, Decimal(9))]
    first, second = gauges(limits, {(Scope.DAY, Unit.USD): Total(Decimal("0.5"))})
    assert first.percent == 50
    assert second.spent == Total(None, 1)


def test_the_widest_reached_scope_blocks() -> None:
    turn, day = gauge("1", scope=Scope.TURN), gauge("7", scope=Scope.DAY)
    near = gauge("0.9", scope=Scope.DAY)
    assert Gauge.blocking([day, turn]) is day
    assert Gauge.blocking([turn, near]) is turn
    assert Gauge.blocking([near]) is None
    assert Gauge.blocking([]) is None


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        (gauge("0.85"), "$0.85 of $1.00 (85%)"),
        (gauge("16", "20", unit=Unit.CREDITS), "16 of 20 credits (80%)"),
        (gauge("0", "1", unit=Unit.CREDITS), "0 of 1 credit (0%)"),
        (gauge("0.99999"), "$0.99999 of $1.00 (99%)"),
        (gauge("19.99999", "20", unit=Unit.CREDITS), "19.99999 of 20 credits (99%)"),
        (gauge("0.1", "0.12345"), "$0.10 of $0.12345 (81%)"),
        (gauge("0", "0.0000000000001", unit=Unit.CREDITS), "0 of 0.0000000000001 credits (0%)"),
        (gauge("1e17", "5"), "$100,000,000,000,000,000.00 of $5.00 (>999%)"),
        (gauge("0.85", missing=1), "$0.85 + 1 unknown of $1.00 (85%)"),
        (gauge("0.85", missing=2), "$0.85 + 2 unknown of $1.00 (85%)"),
    ],
)
def test_the_spending_in_words(sample: Gauge, text: str) -> None:
    assert sample.spent_text == text


def test_texts_of_the_two_marks() -> None:
    assert gauge("0.8").near_text == "Session limit near: $0.80 of $1.00 (80%)."
    assert gauge("1", scope=Scope.DAY).reached_text == "Daily limit reached: $1.00 of $1.00 (100%)."
    assert amount_text(Decimal("1.5"), Unit.USD) == "$1.50"


@pytest.mark.parametrize(
    ("limit", "holds"),
    [
        (Limit(Scope.DAY, Unit.USD, Decimal(1), LimitOrigin.FLAG), "--max-cost"),
        (Limit(Scope.DAY, Unit.CREDITS, Decimal(1), LimitOrigin.FLAG), "--max-credits"),
        (Limit(Scope.DAY, Unit.USD, Decimal(1), LimitOrigin.TYPED), "/limit day AMOUNT in the app"),
        (Limit(Scope.TURN, Unit.CREDITS, Decimal(1)), "/limit turn AMOUNT credits"),
    ],
)
def test_the_hint_names_the_next_step(limit: Limit, holds: str) -> None:
    assert holds in limit.raise_hint


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (gauge("0.4", "1"), "$0.60 left"),
        (gauge("4", "20", unit=Unit.CREDITS), "16 credits left"),
        (replace(gauge("4", "20", unit=Unit.CREDITS), approximate=True), "about 16 credits left"),
        (gauge("20", "20", unit=Unit.CREDITS), "none left"),
        (replace(gauge("0", "1"), reported=False), "cannot be enforced"),
    ],
)
def test_what_is_left_in_short_has_its_unit(of: Gauge, text: str) -> None:
    assert of.left_text == text


def test_no_text_claims_that_a_turn_was_stopped() -> None:
    claims = {"stopped", "aborted", "cancelled", "killed"}
    for scope, unit, origin, spent in product(Scope, Unit, LimitOrigin, [None, "0.8", "1", "3"]):
        sample = gauge(spent, scope=scope, unit=unit, origin=origin, missing=spent is None)
        refused = LimitReached(sample)
        for text in (sample.near_text, sample.reached_text, sample.limit.raise_hint, str(refused)):
            assert not claims & set(text.lower().replace(".", "").split()), text
        assert "Nothing was sent." in str(refused)
        assert refused.gauge is sample
    assert "cannot be stopped" in STILL


@pytest.mark.parametrize(
    ("text", "amount"),
    [("5", "5"), ("0.25", "0.25"), ("$3", "3"), (" .5 ", "0.5"), ("1000000", "1000000")],
)
def test_an_amount_as_typed(text: str, amount: str) -> None:
    assert Limit.amount_of(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "-1", "abc", "1e3", "NaN", "inf", "1000000.01", "0.0000000000001", "٣", "1.2.3", "5 USD"),
        *("0,5", "1,000", "1_000"),
    ],
)
def test_invalid_amounts(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        Limit.amount_of(text)


# -- what running turns have reserved --------------------------------------------------------
def in_use(
    spent: str, of: str, reserved: str = "0", running: int = 1, unmeasured: int = 0, **members: Any
) -> Gauge:
    return replace(
        gauge(spent, of, **members), reserved=Decimal(reserved), running=running, unmeasured=unmeasured
    )


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        (in_use("0.9", "2", "0.5", 2), "$0.60 of $2.00 left, 2 running"),
        (in_use("0.9", "2", "5", 2), "none of $2.00 left, 2 running"),
        (in_use("0.9", "2", "0", 1, 1), "none of $2.00 left, 1 running without cost history"),
        (
            in_use("0.9", "2", "0.5", 3, 1),
            "none of $2.00 left, 3 running, 1 of them without cost history",
        ),
        (in_use("4", "20", "6", 1, unit=Unit.CREDITS), "10 of 20 credits left, 1 running"),
        (gauge("0.9", "2"), "$1.10 of $2.00 left"),
        (gauge(None, "2", missing=1), "$2.00 of $2.00 left"),
        (replace(gauge(None, "2", missing=1), reported=False), "a limit of $2.00 cannot be enforced"),
        (replace(in_use("0.9", "2", "0.5", 2), approximate=True), "about $0.60 of $2.00 left, 2 running"),
        (
            replace(in_use("0.9", "2", "0.5", 2), unknown=1, assumed=Decimal("0.2")),
            "$0.40 of $2.00 left, 2 running, 1 of unknown cost",
        ),
        (
            replace(in_use("0.9", "2", running=0, unmeasured=1), unknown=1),
            "none of $2.00 left, 1 of unknown cost without cost history",
        ),
    ],
)
def test_the_free_amount_in_words(sample: Gauge, text: str) -> None:
    assert sample.free_text == text


USUALLY_1 = {Unit.USD: Decimal(1), Unit.CREDITS: None}
UNKNOWN: dict[Unit, Decimal | None] = {Unit.USD: None, Unit.CREDITS: None}


@pytest.mark.parametrize(
    ("sample", "needed", "problem"),
    [
        # Alone, a turn is sent below 100%, despite its possible cost.
        (gauge("1.9", "2"), USUALLY_1, None),
        (gauge("1.9", "2"), UNKNOWN, None),
        (gauge("2", "2"), USUALLY_1, LimitReached),
        # With other running turns it has to fit.
        (in_use("0", "2", "1"), USUALLY_1, None),
        (in_use("0.1", "2", "1"), USUALLY_1, LimitReserved),
        (in_use("0.1", "2", "1"), UNKNOWN, None),
        (in_use("1", "2", "1"), UNKNOWN, LimitReserved),
        (in_use("0", "2", "0", unmeasured=1), USUALLY_1, LimitUnmeasured),
        (replace(gauge("0", "2"), reported=False), USUALLY_1, LimitUnmeasured),
        # An ended turn of unknown cost leaves room as long as what it usually costs does.
        (replace(gauge("0.5", "2", missing=1), unknown=1, assumed=Decimal("1.4")), USUALLY_1, None),
        (
            replace(gauge("0.5", "2", missing=1), unknown=1, assumed=Decimal("1.5")),
            USUALLY_1,
            LimitUnmeasured,
        ),
        (replace(gauge("0.5", "2", missing=1), unknown=1, unmeasured=1), USUALLY_1, LimitUnmeasured),
        (replace(in_use("0", "2", "0.5"), unknown=1, assumed=Decimal(1)), USUALLY_1, LimitReserved),
    ],
)
def test_which_turns_may_start(
    sample: Gauge, needed: dict[Unit, Decimal | None], problem: type[LimitReached] | None
) -> None:
    if problem is None:
        check_start([sample], needed)
        return
    with pytest.raises(LimitReached) as refused:
        check_start([sample], needed)
    assert type(refused.value) is problem
    assert refused.value.gauge is sample


def test_consent_to_exceed_one_limit_keeps_the_others() -> None:
    unknown = replace(in_use("0", "2", "0.5"), unknown=2, assumed=Decimal(9))
    with pytest.raises(LimitUnmeasured, match="cost of 2 earlier turns is unknown"):
        check_start([unknown], USUALLY_1)
    check_start([unknown], USUALLY_1, StartPolicy.UNMEASURED)
    unmeasured = in_use("0", "2", "1.5", 2, 1)
    with pytest.raises(LimitUnmeasured):
        check_start([unmeasured], UNKNOWN)
    check_start([unmeasured], UNKNOWN, StartPolicy.UNMEASURED)
    with pytest.raises(LimitReserved):
        check_start([unmeasured], USUALLY_1, StartPolicy.UNMEASURED)
    with pytest.raises(LimitReached, match="limit reached"):
        check_start([unmeasured, gauge("2", "2")], UNKNOWN, StartPolicy.UNMEASURED)


@given(
    st.lists(st.decimals(min_value=0, max_value=5, places=2), min_size=1, max_size=12),
    st.decimals(min_value=Decimal("0.01"), max_value=10, places=2),
)
def test_successive_turns_never_reserve_more_than_the_limit(wishes: list[Decimal], amount: Decimal) -> None:
    """Except the first one, which may exceed it."""
    started: list[Decimal] = []
    for wish in wishes:
        now = in_use("0", str(amount), str(sum(started, Decimal(0))), len(started))
        try:
            check_start([now], {Unit.USD: wish})
        except LimitReserved:
            assert started
            assert sum(started, wish) > amount or not now.free
        else:
            started.append(wish)
    assert len(started) == 1 or sum(started) <= amount


def test_the_tightest_limit_is_the_one_with_the_smallest_free_share() -> None:
    wide, tight = in_use("1", "100"), in_use("1", "2")
    assert Gauge.tightest([wide, gauge("2", "2", scope=Scope.TURN), tight]) is tight
    assert Gauge.tightest([gauge("2", "2", scope=Scope.TURN)]) is None
