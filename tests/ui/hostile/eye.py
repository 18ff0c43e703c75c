"""Eye: inspects complete screens with hostile texts, and the actions of the app."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from textual.dom import DOMNode
from textual.pilot import Pilot
from textual.strip import Strip

from handinger_tui.core.safety import ALWAYS_REMOVED, STRAY_JOINER, stripped
from tests.chaos.hostile import CONTROL
from tests.ui.pilot import strips_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.ui.fakes import Desktop

MARK: Final = re.compile(r"K(\d{3})")


@dataclass
class Eye:
    """Inspects one app; records which texts and widgets were visible."""

    desktop: Desktop
    pilot: Pilot[None]
    texts: set[int] = field(default_factory=set)
    kinds: set[type] = field(default_factory=set)
    looks: int = 0

    async def look(self) -> None:
        """Let the app paint, then inspect the complete screen."""
        await self.pilot.pause()
        app = self.desktop.app
        assert app.is_running
        for widget in app.screen.walk_children(DOMNode, with_self=True):
            self.kinds.update(type(widget).__mro__)
        strips = strips_of(app.screen)
        for strip in strips:
            # Textual draws nothing over the last column of some lines, and never more.
            assert strip.cell_length <= app.size.width, strip.text
        self.check(strips)

    def check(self, strips: Sequence[Strip]) -> None:
        """Lines of a screen or of a widget."""
        self.looks += 1
        for strip in strips:
            text = strip.text
            self.texts.update(map(int, MARK.findall(text)))
            assert not CONTROL.search(text.replace("\t", "\x01")), ascii(text)
            assert not ALWAYS_REMOVED.search(text), ascii(text)
            assert stripped(text) == text, ascii(text)
            assert not STRAY_JOINER.search(text), ascii(text)
            for segment in strip:
                if segment.style is not None:
                    assert segment.style.link is None, text
                    check_action(segment.style.meta.get("@click"))

    def nothing_happened(self) -> None:
        """No text triggered an action of the app."""
        assert self.desktop.opened == []
        assert self.desktop.files.saved == []
        assert self.desktop.files.opened == []
        assert self.desktop.written == []
        assert self.desktop.api.posts == []


def check_action(action: object) -> None:
    """Only actions that are ours, with text as their argument."""
    assert action is None or (isinstance(action, tuple) and action[0] == "link"), action
