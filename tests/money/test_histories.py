"""Random histories of a worker with known costs: the amounts are exact if possible, otherwise marked."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.money.oracle import exact_turns, faults
from tests.money.service import Lens, history

HISTORIES = 500


@pytest.mark.parametrize("first", range(0, HISTORIES, 50))
def test_no_amount_is_too_much_and_nothing_is_lost(first: int) -> None:
    wrong = {seed: faults(history(seed)) for seed in range(first, first + 50)}
    assert not {seed: what for seed, what in wrong.items() if what}


def test_most_amounts_are_exact() -> None:
    """A program that marks every amount would pass the test above."""
    exact: Counter[Lens] = Counter()
    turns: Counter[Lens] = Counter()
    for seed in range(HISTORIES):
        sample = history(seed)
        good, _, count = exact_turns(sample)
        exact[sample.lens] += good
        turns[sample.lens] += count
    assert {lens: exact[lens] / turns[lens] for lens in Lens if exact[lens] < turns[lens] / 2} == {}
