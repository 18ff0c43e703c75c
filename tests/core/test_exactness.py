"""From the worker's JSON to the sums: exact, independent of order, and unknown never becomes zero.

Random sequences of snapshots as text (members missing, null, of a wrong type,
falling, huge, of 17 digits) go through the whole core; beside it the same text
is read here with fractions, by the rules of docs/money.md alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from handinger_tui.core.amounts import Total, total
from handinger_tui.core.jsontext import as_object, parse_exact
from handinger_tui.core.money.attribution import AmountBasis, session_money
from handinger_tui.core.stream import snapshot_of
from handinger_tui.core.turns.turn import FREE, Turn, TurnRequest, TurnStatus

USAGE = ("costUsd", "credits", "inputTokens", "totalTokens", "steps")
COSTS = ("modelCostUsd", "toolCostUsd", "sandboxCostUsd", "internalCostUsd")
WHOLE = {"inputTokens", "totalTokens", "steps"}
Numbers = dict[str, Fraction]


@dataclass(frozen=True)
class SampleTurn:
    """One sample turn: the texts of the readings before and after it, None if there was none."""

    before: str | None
    after: str | None
    status: TurnStatus


# -- samples --------------------------------------------------------------------------
WIDE = Context(prec=500)
SEVENTEEN = st.builds(
    lambda digits, places: Decimal(digits).scaleb(places),
    st.integers(10**16, 10**17 - 1),
    st.integers(-20, 28),
)
EDGES = ["0", "0.1", "0.2", "1e-7", "0.30000000000000004", "1e-20", "1e45", "123456789012345678901234567890"]
AMOUNTS = SEVENTEEN | SEVENTEEN | st.sampled_from([Decimal(edge) for edge in EDGES])
ODD = st.sampled_from(["null", '"0.5"', "true", "-1", "1e75", "NaN", "Infinity", "[]", "{}"])
STATUSES = [*[TurnStatus.COMPLETED] * 4, *[TurnStatus.FAILED] * 2, TurnStatus.REJECTED]
SPELLINGS = st.sampled_from(["{:f}", "{:E}"])


@st.composite
def chats(draw: st.DrawFn, *, falling: bool | None = None) -> list[SampleTurn]:
    """Some turns of a worker. It counts totals, or each turn by itself when `falling`."""
    by_itself = draw(st.booleans()) if falling is None else falling
    level = dict.fromkeys((*USAGE, *COSTS), Decimal(0))
    turns = []
    for number in range(draw(st.integers(1, 5))):
        before = draw(looks(level)) if number and not by_itself else None
        for name in level:
            step = draw(st.integers(0, 10**20).map(Decimal) if name in WHOLE else AMOUNTS)
            level[name] = step if by_itself else WIDE.add(level[name], step)
        after = draw(looks(level))
        status = draw(st.sampled_from(STATUSES))
        turns.append(SampleTurn(before, after, status))
    return turns


def looks(level: dict[str, Decimal]) -> st.SearchStrategy[str | None]:
    """Most readings succeed."""
    return st.integers(0, 4).flatmap(lambda chance: reports(level) if chance else st.none())


@st.composite
def reports(draw: st.DrawFn, level: dict[str, Decimal]) -> str:
    """A Worker as JSON text; some members are missing or odd, and its decimals are spelled in two ways."""
    shown = dict(level)
    groups = []
    for group, names in (("usage", USAGE), ("costs", COSTS)):
        members = []
        for name in names:
            kind = draw(st.integers(0, 19))
            if kind == 19:
                continue
            spelled = draw(ODD) if kind == 18 else draw(SPELLINGS).format(shown[name])
            members.append(f'"{name}": {spelled}')
        groups.append(f'"{group}": {{{", ".join(members)}}}')
    return f'{{"object": "worker", "status": "completed", "running": false, {", ".join(groups)}}}'


def session_turns(samples: list[SampleTurn]) -> list[Turn]:
    """The same turns through the core: text, JSON, snapshot, turn."""
    turns = []
    for number, one in enumerate(samples):
        before, after = (
            None if text is None else snapshot_of(as_object(parse_exact(text)))
            for text in (one.before, one.after)
        )
        request = TurnRequest(f"turn_{number}", "hi", number, target_id="wrk_1" if number else None)
        worker = None if one.status in FREE and not number else "wrk_1"
        turns.append(Turn(request, status=one.status, before=before, snapshot=after, worker_id=worker))
    return turns


# -- the rules in fractions --------------------------------------------------------------
def numbers(text: str | None) -> Numbers:
    """The reported numbers of a worker, without missing ones."""
    if text is None:
        return {}
    wire: dict[str, Any] = json.loads(
        text, parse_float=Fraction, parse_int=Fraction, parse_constant=lambda _name: None
    )
    values = {}
    for name, value in (wire["usage"] | wire["costs"]).items():
        fits = isinstance(value, Fraction) and 0 <= value < 10**60
        if fits and (name not in WHOLE or value.denominator == 1):
            values[name] = value
    return values


def usd_of(amounts: Numbers) -> Fraction | None:
    if "costUsd" in amounts:
        return amounts["costUsd"]
    return sum((amounts[name] for name in COSTS), Fraction(0)) if set(COSTS) <= amounts.keys() else None


def alone(samples: list[SampleTurn], at: int) -> Numbers | None:
    """The cost of one turn, member by member; None if its neighbors may have a share."""
    if samples[at].status in FREE:
        return dict.fromkeys((*USAGE, *COSTS), Fraction(0))
    after, start = numbers(samples[at].after), numbers(samples[at].before)
    if at == 0:
        start = dict.fromkeys((*USAGE, *COSTS), Fraction(0))
    if not {*USAGE, *COSTS} <= after.keys() & start.keys():
        return None
    return {name: after[name] - start[name] for name in after}


# -- the properties ----------------------------------------------------------------------
careful = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def fraction(value: Decimal | int | None) -> Fraction | None:
    return None if value is None else Fraction(value)


@careful
@given(chats(falling=False))
def test_every_turn_that_was_read_in_full_is_exact(samples: list[SampleTurn]) -> None:
    money = session_money(session_turns(samples))
    for at, one in enumerate(money.turns):
        wanted = alone(samples, at)
        if wanted is not None:
            assert fraction(one.usd) == usd_of(wanted)
            assert fraction(one.usage.credits) == wanted["credits"]
            assert fraction(one.usage.total_tokens) == wanted["totalTokens"]
    for summed, values in (
        (money.usd, [one.usd for one in money.turns]),
        (money.credits, [one.usage.credits for one in money.turns]),
    ):
        amounts = [Fraction(value) for value in values if value is not None]
        assert fraction(summed.value) == (sum(amounts, Fraction(0)) if amounts else None)
        assert summed.missing_turns >= len(values) - len(amounts)


@careful
@given(chats(), st.data())
def test_order_and_grouping_do_not_matter(samples: list[SampleTurn], data: st.DataObject) -> None:
    values = [one.usd for one in session_money(session_turns(samples)).turns]
    summed = total(values)
    mixed = data.draw(st.permutations(values))
    assert total(mixed) == summed
    cut = data.draw(st.integers(0, len(mixed)))
    each = [Total(value, int(value is None)) for value in mixed]
    groups = [reduce(add, part, Total(None)) for part in (each[:cut], each[cut:])]
    regrouped = reduce(add, groups, Total(None))
    assert fraction(regrouped.value) == fraction(summed.value)
    assert regrouped.missing_turns == summed.missing_turns


@careful
@given(chats(falling=False), st.integers(0, 5))
def test_a_turn_without_any_number_is_unknown_and_not_zero(samples: list[SampleTurn], at: int) -> None:
    assume(at < len(samples))
    silent = '{"object": "worker", "status": "completed", "running": false, "usage": null, "costs": {}}'
    ends = [
        SampleTurn(one.before, silent, TurnStatus.COMPLETED) if n == at else one
        for n, one in enumerate(samples)
    ]
    ends = [SampleTurn(None, one.after, one.status) if n == at + 1 else one for n, one in enumerate(ends)]
    money = session_money(session_turns(ends))
    silent_turn = money.turns[at]
    # Otherwise a later reading may show its cost.
    if at == len(ends) - 1:
        assert (silent_turn.usd, silent_turn.usage.credits, silent_turn.usage.total_tokens) == (None,) * 3
        assert money.usd.missing_turns >= 1


@given(st.integers(1, 6), st.sampled_from([TurnStatus.COMPLETED, TurnStatus.FAILED, TurnStatus.UNKNOWN]))
def test_a_worker_that_reports_nothing_has_no_total(turns: int, status: TurnStatus) -> None:
    money = session_money(session_turns([SampleTurn(None, None, status)] * turns))
    for summed in (money.usd, money.credits):
        assert (summed.value, summed.missing_turns) == (None, turns)


@careful
@given(chats(), st.integers(1, 5))
def test_the_surrounding_precision_does_not_matter(samples: list[SampleTurn], digits: int) -> None:
    turns = session_turns(samples)
    usual = session_money(turns)
    with localcontext(Context(prec=digits)):
        assert session_money(turns) == usual


@careful
@given(chats(falling=False))
def test_a_worker_with_growing_figures_is_read_as_totals(samples: list[SampleTurn]) -> None:
    assert session_money(session_turns(samples)).reading is not AmountBasis.PER_TURN


@pytest.mark.parametrize(
    "digits", ["0.12345678901234567", "0.30000000000000004", "12345678901234567", "1e-17"]
)
def test_seventeen_digits_survive(digits: str) -> None:
    text = f'{{"object": "worker", "running": false, "usage": {{"costUsd": {digits}}}}}'
    (money,) = session_money(session_turns([SampleTurn(None, text, TurnStatus.COMPLETED)])).turns
    assert fraction(money.usd) == Fraction(digits)
