"""Random histories in which the person pins and assigns: nothing is lost, and all places agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.money.ledger_histories import faults as ledger_faults
from tests.money.rulings import faults
from tests.money.service import history

HISTORIES = 500
IN_EVERY_RUN = 1
IN_A_SOAK = 6
MOVED_FROM_A_TURN_IN_DOUBT = 18
"""Here the running amount of a turn becomes that of another one."""


@pytest.mark.parametrize("first", range(0, HISTORIES, 100))
def test_rulings_move_amounts_and_never_change_the_sum(first: int) -> None:
    wrong = {seed: faults(history(seed), seed) for seed in range(first, first + 100)}
    assert not {seed: what for seed, what in wrong.items() if what}


@pytest.mark.parametrize(
    "seed",
    [
        IN_EVERY_RUN,
        MOVED_FROM_A_TURN_IN_DOUBT,
        *(pytest.param(at, marks=pytest.mark.slow) for at in range(IN_A_SOAK) if at != IN_EVERY_RUN),
    ],
)
async def test_every_place_shows_the_same_sum_at_every_moment(seed: int, tmp_path: Path) -> None:
    wrong, rulings = await ledger_faults(history(seed), seed, tmp_path / "h.db")
    assert wrong == []
    # A history without rulings would pass.
    assert rulings >= 1
