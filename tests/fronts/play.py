"""Plays one journey through one front, in a world of its own."""

from __future__ import annotations

import asyncio

from tests.fronts.fronts import FRONTS, NotHere
from tests.fronts.journeys import JOURNEYS
from tests.fronts.world import world


def play(front: str, journey: str) -> None:
    """Raises AssertionError where it goes wrong, and NotHere where it makes no sense."""
    go, how = JOURNEYS[journey]

    async def lead() -> NotHere | None:
        async with FRONTS[front].opened(here) as program:
            try:
                await go(program)
            except NotHere as reason:
                # Not through the client of the front, which would put it into a group of errors.
                return reason
        return None

    with world(how) as here:
        reason = asyncio.run(lead())
    if reason is not None:
        raise reason
