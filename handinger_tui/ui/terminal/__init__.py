"""Terminal input and output, and the private names of Textual that both use, which are here alone.

`diff_app` is the app that writes only cells that differ from what the terminal shows; `driver` reads and
writes the terminal; `input` makes keys, pastes and reports of what was read; `programs` are those that the
app hands a text to, or lends its terminal.

The classes below are private in Textual; without them Textual's own behavior remains. Other private names:
`App._display`, `App._fatal_error`, `App._background_screens` and `App._check_resize` (with
`App._resize_event`), which `DiffApp` overrides; `App._driver`, which is asked for the background;
`LinuxDriver._file`, which `driver` replaces; `Screen._compositor`, `Compositor._get_renders` and
`Compositor._dirty_regions`, which `ClippedCompositor` replaces or reads; `Screen._select_state` and
`Screen._selecting`, by which a selection goes on while its text scrolls, and stays in one widget;
`textual.content.divide_line`, which `diff_app` replaces so that a unit stays with its number. Each has a
test; `pyproject.toml` bounds Textual to the minor version in which they were tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING


class Missing:
    """Stands for a class that this version of Textual does not have; nothing is an instance of it."""


try:
    from textual._compositor import ChopsUpdate, Compositor, CompositorUpdate, LayoutUpdate
    from textual._xterm_parser import XTermParser
except ImportError:
    if not TYPE_CHECKING:
        ChopsUpdate = Compositor = CompositorUpdate = LayoutUpdate = XTermParser = Missing

__all__ = ["ChopsUpdate", "Compositor", "CompositorUpdate", "LayoutUpdate", "Missing", "XTermParser"]
