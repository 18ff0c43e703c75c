"""Field: a line to type in, where corrections and letters act in the order they were typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual import events
from textual.widgets import Input

_AT_ONCE: Final[dict[str, Callable[[Input], None]]] = {
    "backspace": Input.action_delete_left,
    "ctrl+h": Input.action_delete_left,
    "delete": Input.action_delete_right,
    "ctrl+u": Input.action_delete_left_all,
    "ctrl+w": Input.action_delete_left_word,
    "left": Input.action_cursor_left,
    "right": Input.action_cursor_right,
    "home": Input.action_home,
    "end": Input.action_end,
}


class OrderedInput(Input):
    """A line to type in.

    Textual looks such keys up only when they have climbed to the screen. Letters that come behind them
    in a burst, or while the screen is slow, would go first, and an amount would be another one.
    """

    async def on_key(self, event: events.Key) -> None:
        """What corrects or enters the text does so here and now."""
        act = _AT_ONCE.get(event.key)
        if act is None and event.key != "enter":
            return
        event.stop()
        event.prevent_default()
        if act is not None:
            act(self)
        else:
            await self.action_submit()
