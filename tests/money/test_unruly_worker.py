"""A worker with several bad habits at once: what is stated as exact is exact, and so are sums at any time."""

from __future__ import annotations

import pytest

from tests.money.unruly_worker import UnrulyWorker, is_decidable, verdict

HISTORIES = 1000


@pytest.mark.parametrize("first", range(0, HISTORIES, 250))
def test_what_is_stated_as_exact_is_exact(first: int) -> None:
    workers = {seed: UnrulyWorker(seed) for seed in range(first, first + 250)}
    verdicts = {seed: verdict(worker) for seed, worker in workers.items()}
    wrong = {seed: one.wrong for seed, one in verdicts.items() if one.wrong}
    assert not {seed: what for seed, what in wrong.items() if is_decidable(workers[seed])}
    assert not [what for all_of_one in wrong.values() for what in all_of_one if "entered of" in what]
    # By chance the readings of another cause are the same; a program that marked everything would not help.
    assert len(wrong) <= len(workers) * 0.02
    exact, turns = (sum(getattr(one, name) for one in verdicts.values()) for name in ("exact", "turns"))
    # Eight turns at most do not always decide what the figures mean.
    assert exact >= turns * 0.5
