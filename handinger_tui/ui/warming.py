"""Warming: what the first answer needs is loaded in a thread, once the screen stands and is connected."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Final

from handinger_tui.ui.transcript.markdown import warm_up

THRESHOLDS: Final = (20_000, 20, 100)
"""For the collector of cycles: with Python's own a paint waits 19 ms for it now and then."""
PAUSE_S: Final = 0.02
"""Between two languages: the thread and the screen share one interpreter."""


async def warm() -> None:
    """Load parser and lexers (0.1 s of work), then keep the collector away from all that was loaded."""
    await asyncio.to_thread(warm_up, lambda: time.sleep(PAUSE_S))
    # The longest pauses were its walks over the modules that were imported.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
