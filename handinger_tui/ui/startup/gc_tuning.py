"""Warming: what the first answer needs is loaded in a thread, once the screen stands and is connected."""

from __future__ import annotations

import asyncio
import gc
from typing import Final

THRESHOLDS: Final = (2_000, 200, 1_000)
"""For the collector of cycles. A walk over 2,000 young objects takes 3 ms, and one over 20,000 would take 30:
a paint or a letter waits for it. Those that outlived a walk are walked at rest (`tidy`)."""
YOUNG: Final = 10
"""Walks over the youngest objects after which those that outlived them are walked at rest, in about 6 ms.

By itself the collector would do so after 200, about 200 turns, for 100 ms in the middle of an answer. After
every turn would be too often: what the next turn replaces would then outlive two walks, and stay.
"""


def collect_from_now_on() -> None:
    """The screen stands: the collector works again, but for now not on what was imported."""
    gc.freeze()
    gc.enable()


async def warm() -> None:
    """Load the parser, then keep the collector away from all that was loaded."""
    await asyncio.to_thread(_load)
    # The longest pauses were its walks over the modules that were imported.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def _load() -> None:
    from handinger_tui.ui.transcript.markdown.document import warm_up  # noqa: PLC0415 - not before the first frame

    warm_up()


def tidy() -> bool:
    """Collect cycles, for a time when nobody types and nothing streams. False when that is not worth it."""
    worth = gc.get_count()[1] >= YOUNG
    if worth:
        gc.collect(1)
    return worth
