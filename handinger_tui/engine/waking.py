"""Waking: notice that the machine slept, so that a dead connection is not waited for.

While a laptop sleeps the wall clock goes on and the monotonic one stands
still; a gap between them is the only sign there is. No read ends by itself then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from handinger_tui.core.errors import StreamLost
from handinger_tui.core.turn import Kind
from handinger_tui.core.words import duration
from handinger_tui.engine.ports import Clock

LOOK_EVERY_S: Final = 1.0
SLEPT_S: Final = 5.0
"""A gap beyond this was sleep, not a clock being put right."""


@asynccontextmanager
async def awake(clock: Clock) -> AsyncIterator[None]:
    """Run the body; when the machine has slept meanwhile, end it at once.

    Raises:
        StreamLost: the machine slept; what is true now has to be read anew.
    """
    slept = 0.0

    async def watch(limit: asyncio.Timeout) -> None:
        nonlocal slept
        wall, steady = clock.now_ms(), clock.monotonic()
        while not slept:
            await clock.sleep(LOOK_EVERY_S)
            gap = (clock.now_ms() - wall) / 1000 - (clock.monotonic() - steady)
            wall, steady = clock.now_ms(), clock.monotonic()
            if gap > SLEPT_S:
                slept = gap
                limit.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as limit:
            watcher = asyncio.create_task(watch(limit), name="waking")
            try:
                yield
            finally:
                watcher.cancel()
    except TimeoutError:
        if not slept:
            raise
        raise StreamLost(Kind.NETWORK, f"Back after {duration(int(slept * 1000))}; checking.") from None
