"""Rest: what is done while nobody types and nothing streams, in steps that a key hardly waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual.message_pump import MessagePump

from handinger_tui.ui.screens.pulse import Pulse

BEATS_PER_S: Final = 20
QUIET: Final = 6
"""Beats without a key before something is done: 0.3 s."""


class Rest:
    """Calls `step` until it returns False; what happens meanwhile holds it up, and an answer ends it."""

    def __init__(self, owner: MessagePump, step: Callable[[], bool]) -> None:
        self._step = step
        self._quiet = 0
        self._pulse = Pulse(owner, BEATS_PER_S, self._beat)
        self.streaming = False
        """An answer is coming: there is no rest."""

    @property
    def running(self) -> bool:
        """Something may be left to do."""
        return self._pulse.running

    def hold(self) -> None:
        """A key came: nothing is done until it has been quiet again."""
        self._quiet = 0

    def start(self) -> None:
        """There may be something to do."""
        self._quiet = 0
        if not self.streaming:
            self._pulse.start()

    def _beat(self) -> None:
        self._quiet += 1
        if self.streaming or (self._quiet > QUIET and not self._step()):
            self._pulse.stop()
