"""The private classes of Textual that this package uses. Without them Textual's own behavior remains.

Other private names: `App._display` and `App._fatal_error`, which `diff_app` overrides; `LinuxDriver._file`,
which `driver` replaces; `Screen._compositor`, `Compositor._get_renders` and `Compositor._dirty_regions`,
which `clipped_compositor` replaces or reads. Each has a test; `pyproject.toml` bounds Textual to the minor
version in which they were tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING


class Missing:
    """Stands for a class that this version of Textual does not have; nothing is an instance of it."""


if TYPE_CHECKING:
    from textual._compositor import ChopsUpdate, Compositor, CompositorUpdate, LayoutUpdate
    from textual._xterm_parser import XTermParser
else:
    try:
        from textual._compositor import ChopsUpdate, Compositor, CompositorUpdate, LayoutUpdate
    except ImportError:
        ChopsUpdate = Compositor = CompositorUpdate = LayoutUpdate = Missing
    try:
        from textual._xterm_parser import XTermParser
    except ImportError:
        XTermParser = Missing

__all__ = ["ChopsUpdate", "Compositor", "CompositorUpdate", "LayoutUpdate", "Missing", "XTermParser"]
