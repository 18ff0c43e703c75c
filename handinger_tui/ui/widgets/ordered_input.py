"""An input line in which editing keys and letters take effect in the order they were typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from textual import events
from textual.widgets import Input

_EDITING_KEYS: Final[dict[str, Callable[[Input], None]]] = {
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
    """An `Input` that handles editing keys itself.

    Textual resolves such keys only after they have bubbled to the screen. Letters that follow them in
    a burst, or while the screen is slow, would take effect first, and a typed amount would change.
    """

    async def on_key(self, event: events.Key) -> None:
        """Run the action of an editing key or Enter at once."""
        act = _EDITING_KEYS.get(event.key)
        if act is None and event.key != "enter":
            return
        event.stop()
        event.prevent_default()
        if act is not None:
            act(self)
        else:
            await self.action_submit()
