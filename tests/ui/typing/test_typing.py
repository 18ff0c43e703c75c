"""During streams, dialogs, clicks and resizes every letter arrives in order, and nothing is sent."""

from __future__ import annotations

import pytest

from tests.ui.typing.journey import journey
from tests.ui.typing.monkey import monkey


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_every_letter_arrives_in_order_and_nothing_is_sent_unasked(seed: int) -> None:
    await journey(seed, steps=30)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_whatever_is_pressed_nothing_crashes_nothing_is_sent_unasked_and_no_word_is_lost(
    seed: int,
) -> None:
    await monkey(seed, steps=40)
