"""During streams, dialogs, clicks and resizes every letter arrives in order, and nothing is sent."""

from __future__ import annotations

import pytest

from tests.ui.typing.journey import journey

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_every_letter_arrives_in_order_and_nothing_is_sent_unasked(seed: int) -> None:
    await journey(seed, steps=30)
