"""Key line: the keys that work now, at the foot of a screen.

Textual's `Footer` makes a widget for each key, anew whenever one changes: 25 ms,
several times for each message. This is one widget and one line of text.
"""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget


class Shown(NamedTuple):
    """One key as it is shown; `key` as Textual spells it."""

    key: str
    spoken: str
    label: str
    tooltip: str
    enabled: bool

    @property
    def cells(self) -> int:
        """How wide it is, with the cells around its two words."""
        return cell_len(self.spoken) + cell_len(self.label) + 3


class FooterLine(Widget):
    """Shows the bindings of its screen; a click presses the key."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keyline--key", "keyline--label", "keyline--under"}
    _NONE: Final = -1

    def __init__(self) -> None:
        super().__init__()
        self.keys: tuple[Shown, ...] = ()
        self._under = self._NONE

    def on_mount(self) -> None:
        """Hear of changes."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def on_unmount(self) -> None:
        """Hear no more."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _changed(self, screen: Screen[object]) -> None:
        # While the terminal has no focus, bindings come and go with it.
        if screen.app.app_focus and screen is self.screen:
            self.call_after_refresh(self._look)

    def _look(self) -> None:
        if not self.is_attached:
            return
        found: dict[str, Shown] = {}
        for _node, binding, enabled, tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in found:
                spoken = self.app.get_key_display(binding)
                found[binding.action] = Shown(binding.key, spoken, binding.description, tooltip, enabled)
        keys = tuple(found.values())
        if keys != self.keys:
            self.keys, self._under = keys, self._NONE
            self.refresh()

    def render(self) -> Content:
        """All keys, one after another."""
        key, label = (self.get_visual_style(f"keyline--{name}") for name in ("key", "label"))
        under = self.get_visual_style("keyline--under")
        pieces = []
        for at, one in enumerate(self.keys):
            piece = Content.assemble((f" {one.spoken} ", key), (f"{one.label} ", label))
            if at == self._under:
                piece = piece.stylize(under)
            pieces.append(piece if one.enabled else piece.stylize("dim"))
        return Content("").join(pieces)

    # -- the mouse ------------------------------------------------------------------------------
    def _at(self, x: int) -> int:
        for at, one in enumerate(self.keys):
            if x < one.cells:
                return at
            x -= one.cells
        return self._NONE

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Say what the key under the mouse does."""
        self._point(self._at(event.x))

    def on_leave(self) -> None:
        """The mouse is elsewhere."""
        self._point(self._NONE)

    def _point(self, at: int) -> None:
        if at != self._under:
            self._under = at
            self.tooltip = None if at == self._NONE else self.keys[at].tooltip or None
            self.refresh()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the key."""
        at = self._at(event.x)
        if at == self._NONE:
            return
        if self.keys[at].enabled:
            self.app.simulate_key(self.keys[at].key)
        else:
            self.app.bell()
