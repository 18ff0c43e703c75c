"""At once: a letter is painted before anything else that follows from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Final

from textual.widget import Widget

from handinger_tui.ui.terminal.diff_app import CHECKS_PER_S

APART_S: Final = 1 / CHECKS_PER_S
"""A burst of keys is painted no more often than anything else."""

give_way: Callable[[], None] = getattr(os, "sched_yield", lambda: None)
"""Let whoever reads the terminal have this processor now; Windows has no such call.

A reader that a write woke often waits on the writer's processor, until the writer sleeps: with all that
follows from a letter still to do, it showed one letter in four more than a millisecond late.
"""


class ImmediatePaint:
    """Paints one widget without waiting.

    Textual does so once all messages behind a key have been where they go, through three more queues and
    a timer: half of the time until a letter stands on the screen.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget: Final = widget
        self._last = -APART_S

    def paint(self) -> None:
        """Paint what changed, unless more than painting is due: then Textual does all of it, in its order."""
        widget = self._widget
        if not widget._repaint_required or widget._layout_required or widget._scroll_required:
            return
        screen, now = widget.screen, monotonic()
        if now - self._last < APART_S or not screen.is_current or widget.app._batch_count:
            return
        if screen._layout_required or screen._scroll_required:
            return
        self._last = now
        widget._repaint_required = False
        screen._dirty_widgets.add(widget)
        screen._on_timer_update()
        give_way()
