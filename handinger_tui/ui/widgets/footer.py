"""The line of keys that work now, at the foot of a screen.

Textual's `Footer` creates a widget for each key, again whenever one changes, which takes too long
while a turn runs. This is one widget with one line of text.
"""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget


class FooterKey(NamedTuple):
    """One key of the line. `key` is spelled as in Textual, `key_text` as shown."""

    key: str
    key_text: str
    label: str
    tooltip: str
    enabled: bool

    @property
    def cells(self) -> int:
        """Its width, with the spaces around its two words."""
        return cell_len(self.key_text) + cell_len(self.label) + 3


class FooterLine(Widget):
    """Shows the bindings of its screen; a click presses the key."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keyline--key", "keyline--label", "keyline--under"}
    _NONE: Final = -1

    def __init__(self) -> None:
        super().__init__()
        self.keys: tuple[FooterKey, ...] = ()
        self._hovered = self._NONE

    def on_mount(self) -> None:
        """Subscribe to changes of the bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self._handle_bindings_change)

    def on_unmount(self) -> None:
        """Unsubscribe from changes of the bindings."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _handle_bindings_change(self, screen: Screen[object]) -> None:
        # A terminal without focus changes the bindings; the line keeps those of before.
        if screen.app.app_focus and screen is self.screen:
            self.call_after_refresh(self._update_keys)

    def _update_keys(self) -> None:
        # Below a dialog, Textual asks the dialog which actions of this screen work.
        if not self.is_attached or self.screen is not self.app.screen:
            return
        by_action: dict[str, FooterKey] = {}
        for _node, binding, enabled, tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in by_action:
                key_text = self.app.get_key_display(binding)
                key = FooterKey(binding.key, key_text, binding.description, tooltip, enabled)
                by_action[binding.action] = key
        keys = tuple(by_action.values())
        if keys != self.keys:
            self.keys, self._hovered = keys, self._NONE
            self.refresh()

    def render(self) -> Content:
        """The line with all keys."""
        key, label = (self.get_visual_style(f"keyline--{name}") for name in ("key", "label"))
        hover_style = self.get_visual_style("keyline--under")
        pieces = []
        for at, one in enumerate(self.keys):
            piece = Content.assemble((f" {one.key_text} ", key), (f"{one.label} ", label))
            if at == self._hovered:
                piece = piece.stylize(hover_style)
            pieces.append(piece if one.enabled else piece.stylize("dim"))
        return Content("").join(pieces)

    # -- the mouse ------------------------------------------------------------------------------
    def _index_at(self, x: int) -> int:
        """The position of the key in column `x`, `_NONE` where there is none."""
        for at, one in enumerate(self.keys):
            if x < one.cells:
                return at
            x -= one.cells
        return self._NONE

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Highlight the key under the mouse and show its tooltip."""
        self._set_hovered(self._index_at(event.x))

    def on_leave(self) -> None:
        """Remove the highlight and the tooltip."""
        self._set_hovered(self._NONE)

    def _set_hovered(self, at: int) -> None:
        if at != self._hovered:
            self._hovered = at
            self.tooltip = None if at == self._NONE else self.keys[at].tooltip or None
            self.refresh()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the clicked key."""
        at = self._index_at(event.x)
        if at == self._NONE:
            return
        if self.keys[at].enabled:
            self.app.simulate_key(self.keys[at].key)
        else:
            self.app.bell()
