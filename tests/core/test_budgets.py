"""The comparison of budget levels, and the sentence about them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.figures import NO_COSTS, Usage
from handinger_tui.core.money.budget_levels import ENOUGH_TO_ADVISE, BudgetRow, advice, compare
from handinger_tui.core.money.spending import TurnCharge
from handinger_tui.core.money.typical_cost import Spread
from handinger_tui.core.turns.session import LOCAL
from handinger_tui.core.turns.turn import FREE, LIVE, Trigger, TurnStatus

DONE = TurnStatus.COMPLETED


def charge(
    usd: str | None = None,
    budget: str | None = "standard",
    *,
    status: TurnStatus = DONE,
    final: bool = True,
    sources: int | None = None,
    credits_used: str | None = None,
    base_url: str = "https://example.test",
    steps: int | None = None,
    elapsed_ms: int | None = None,
) -> TurnCharge:
    return TurnCharge(
        turn_id="turn_1",
        session_id="ses_1",
        worker_id="wrk_1",
        base_url=base_url,
        at_ms=0,
        status=status,
        budget=budget,
        trigger=Trigger.APP,
        final=final,
        corrections=0,
        usd=None if usd is None else Decimal(usd),
        credits=None if credits_used is None else Decimal(credits_used),
        usage=Usage(steps=steps),
        costs=NO_COSTS,
        sources=sources,
        elapsed_ms=elapsed_ms,
    )


def many(
    usd: str, budget: str, count: int = ENOUGH_TO_ADVISE, sources: int | None = None
) -> list[TurnCharge]:
    return [charge(usd, budget, sources=sources) for _ in range(count)]


def test_without_charges_there_is_no_row() -> None:
    assert compare([]) == ()
    assert advice(()) is None


def test_levels_come_in_their_order_and_an_unnamed_one_is_standard() -> None:
    names = ["zeta", "unlimited", "high", None, "alpha", "low", "standard", ""]
    rows = compare(charge(budget=name) for name in names)
    assert [row.budget for row in rows] == ["low", "standard", "high", "unlimited", "alpha", "zeta"]
    assert [row.turns for row in rows] == [1, 3, 1, 1, 1, 1]


def test_turns_of_other_clients_have_no_level_and_give_no_advice() -> None:
    charges = [replace(charge("9", None), trigger=Trigger.ELSEWHERE) for _ in range(ENOUGH_TO_ADVISE)]
    rows = compare([*charges, *many("0.01", "low")])
    assert [(row.budget, row.turns) for row in rows] == [("low", 8), ("", 8)]
    assert advice(rows) is None


@pytest.mark.parametrize("status", sorted(FREE | LIVE))
def test_unstarted_and_running_turns_do_not_count(status: TurnStatus) -> None:
    assert compare([charge("0", status=status)]) == ()


def test_unknown_figures_stay_out_of_the_spreads() -> None:
    (row,) = compare([charge("0.5", steps=3), charge(None), charge("9", final=False, steps=99)])
    assert row.turns == 3
    assert row.usd == Spread(1, 2, *[Decimal("0.5")] * 5)
    assert row.steps == Spread(1, 2, *[Decimal(3)] * 5)
    assert row.credits == Spread(unknown=3)


def test_time_and_sources_are_those_of_final_turns() -> None:
    ends = [TurnStatus.COMPLETED, TurnStatus.FAILED, TurnStatus.RUNNING, TurnStatus.UNKNOWN]
    (row,) = compare(charge(status=status, sources=2, elapsed_ms=1000) for status in ends)
    assert (row.elapsed_ms.counted, row.sources.counted) == (2, 2)
    assert row.incomplete == 3


def test_simulated_and_real_money_are_never_mixed() -> None:
    pretend = charge("9", base_url=LOCAL)
    assert compare([pretend])[0].usd.most == 9
    (row,) = compare([pretend, charge("0.5")])
    assert (row.turns, row.usd.most) == (1, Decimal("0.5"))


@pytest.mark.parametrize(
    ("turns", "incomplete", "percent"),
    [(0, 0, None), (3, 0, 0), (3, 3, 100), (3, 1, 33), (3, 2, 67), (1000, 1, 1), (1000, 999, 99), (8, 1, 13)],
)
def test_the_share_is_0_or_100_only_when_it_truly_is(
    turns: int, incomplete: int, percent: int | None
) -> None:
    row = BudgetRow("low", turns, incomplete, *[Spread()] * 5)
    assert row.share_incomplete == percent


def test_the_sentence_names_its_numbers() -> None:
    rows = compare([*many("0.04", "standard", 12, sources=6), *many("0.11", "high", 9, sources=7)])
    assert advice(rows) == (
        "So far, standard costs a median of $0.04 (12 turns) and high $0.11 (9 turns). "
        "Standard had about as many sources (6 vs. 7) and no more incomplete turns."
    )


def test_the_sentence_names_the_disadvantage_of_the_cheaper_level() -> None:
    cut = [charge("0.04", "low", status=TurnStatus.INCOMPLETE, sources=1) for _ in range(2)]
    rows = compare([*many("0.04", "low", 8, sources=1), *cut, *many("0.11", "high", 9, sources=12)])
    text = advice(rows) or ""
    assert "fewer sources (1 vs. 12)" in text
    assert "and more incomplete turns (20% vs. 0%)" in text


def test_credits_are_compared_if_no_dollars_are_reported() -> None:
    rows = compare(
        charge(None, budget, credits_used=amount)
        for budget, amount in (("low", "2"), ("high", "9"))
        for _ in range(ENOUGH_TO_ADVISE)
    )
    assert (advice(rows) or "").startswith(
        "So far, low costs a median of 2 credits (8 turns) and high 9 credits"
    )


def test_too_few_turns_give_no_advice() -> None:
    few = many("0.04", "standard", ENOUGH_TO_ADVISE - 1)
    assert advice(compare([*few, *many("0.11", "high")])) is None
    unknown = [charge(None, "standard") for _ in range(20)]
    assert advice(compare([*few, *unknown, *many("0.11", "high")])) is None


def test_no_clear_difference_gives_no_advice() -> None:
    assert advice(compare([*many("0.10", "standard"), *many("0.11", "high")])) is None
    assert advice(compare([*many("0", "standard"), *many("0", "high")])) is None
    wide = [charge(usd, "standard") for usd in ("0.01", "0.9") for _ in range(ENOUGH_TO_ADVISE)]
    assert advice(compare([*wide, *many("0.8", "high")])) is None


def test_a_hostile_budget_name_is_cleaned() -> None:
    text = advice(compare([*many("0.04", "lo\x1b]0;x\x07\nw"), *many("0.11", "high")]))
    assert text is not None
    assert text.isprintable()


@given(
    st.lists(
        st.tuples(
            st.none() | st.decimals(min_value=0, max_value=100, places=6),
            st.sampled_from(["low", "standard", "high", None]),
            st.sampled_from(TurnStatus),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_every_turn_is_in_one_row_even_with_an_unknown_cost(
    turns: list[tuple[Decimal | None, str | None, TurnStatus, bool]],
) -> None:
    charges = [
        charge(None if usd is None else str(usd), level, status=status, final=final)
        for usd, level, status, final in turns
    ]
    rows = compare(charges)
    counted = [own for own in charges if own.status not in FREE | LIVE]
    assert sum(row.turns for row in rows) == len(counted)
    for row in rows:
        assert row.usd.counted + row.usd.unknown == row.turns
    final = [own.usd for own in counted if own.final and own.usd is not None]
    assert max((row.usd.most for row in rows if row.usd.most is not None), default=None) == max(
        final, default=None
    )
    text = advice(rows)
    assert text is None or (text.count(". ") == 0 and text.endswith("."))
