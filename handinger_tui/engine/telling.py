"""Telling: listeners hear of a turn at once, or once for everything that one read brought."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from handinger_tui.core.fold import Fold
from handinger_tui.core.turn import Turn


class Telling:
    """Publishes the newest value of a fold."""

    def __init__(self, fold: Fold, publish: Callable[[Turn], None]) -> None:
        self._fold = fold
        self._publish = publish
        self._due: asyncio.Handle | None = None

    def now(self) -> None:
        """Publish."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._publish(self._fold.turn)

    def soon(self) -> None:
        """Publish as soon as the loop is free: what is there to be read is taken without giving way.

        A turn value for each of a thousand deltas a second would be looked at by nobody.
        """
        if self._due is None:
            self._due = asyncio.get_running_loop().call_soon(self.now)
