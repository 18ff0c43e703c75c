"""A sample of the journeys in every run; `python -m tests.fronts` plays all of them through all fronts."""

from __future__ import annotations

import pytest

from tests.fronts.play import play


@pytest.mark.parametrize(
    "front",
    [pytest.param("headless", marks=pytest.mark.slow), "acp", pytest.param("mcp", marks=pytest.mark.slow)],
)
def test_a_refused_message_is_sent_again(front: str) -> None:
    play(front, "resend")
