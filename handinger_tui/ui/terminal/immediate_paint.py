"""Immediate paint: paint a typed letter before anything else that follows from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Final

from textual.widget import Widget

from handinger_tui.ui.terminal.diff_app import CHECKS_PER_S

MIN_INTERVAL_S: Final = 1 / CHECKS_PER_S
"""Minimum number of seconds between two immediate paints, which limits the paints of a burst of keys."""

yield_processor: Callable[[], None] = getattr(os, "sched_yield", lambda: None)
"""Yield the processor to the terminal emulator; does nothing on Windows, which has no such call.

The process that a write wakes often waits on the processor of the writer until that sleeps. Without yielding
it showed one letter in four more than a millisecond late.
"""


class ImmediatePaint:
    """Paints one widget without waiting.

    Textual paints only after all messages that follow from a key have been handled, which takes three more
    queues and a timer.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget: Final = widget
        self._last = -MIN_INTERVAL_S

    def paint(self) -> None:
        """Paint the changes, unless layout or scrolling is due as well, which is left to Textual."""
        widget = self._widget
        if not widget._repaint_required or widget._layout_required or widget._scroll_required:
            return
        screen, now = widget.screen, monotonic()
        if now - self._last < MIN_INTERVAL_S or not screen.is_current or widget.app._batch_count:
            return
        if screen._layout_required or screen._scroll_required:
            return
        self._last = now
        widget._repaint_required = False
        screen._dirty_widgets.add(widget)
        screen._on_timer_update()
        yield_processor()
