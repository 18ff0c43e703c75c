"""Tunes the garbage collector, and imports in a thread what the first answer needs."""

from __future__ import annotations

import asyncio
import gc
from typing import Final

THRESHOLDS: Final = (2_000, 40, 25)
"""Thresholds of the garbage collector for its three generations.

A collection of 2,000 young objects takes 3 ms, and one of 20,000 would take 30 ms; a paint or a key waits for
it. The second generation is collected while the app is idle (`tidy`), or after 20 turns without a pause,
for about 10 ms. The oldest one, with cycles that ended after they were promoted, is collected about every 500
turns.
"""
MIN_YOUNG_COLLECTIONS: Final = 10
"""Collections of the youngest generation after which `tidy` collects the second one, in about 6 ms.

Doing it after every turn is too often: objects that the next turn replaces would be promoted to the oldest
generation and stay.
"""


def collect_from_now_on() -> None:
    """Enable the collector after the first frame, with all imported objects excluded.

    The garbage of the start is collected first: 1 MB that would otherwise never be used again.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


async def warm() -> None:
    """Import the Markdown parser in a thread, then exclude all imported objects from collection."""
    await asyncio.to_thread(_load)
    # Collections over the imported modules would be the longest pauses.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def _load() -> None:
    from handinger_tui.ui.transcript.markdown.document import warm_up  # noqa: PLC0415 - not before the first frame

    warm_up()


def tidy() -> bool:
    """Collect the second generation; called while the app is idle. False when it is not worth it yet."""
    is_due = gc.get_count()[1] >= MIN_YOUNG_COLLECTIONS
    if is_due:
        gc.collect(1)
    return is_due
