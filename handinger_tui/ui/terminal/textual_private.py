"""The private classes of Textual that this package uses. Without them Textual's own behavior remains.

Other private names: `App._display` and `App._fatal_error`, which `diff_app` overrides, and
`LinuxDriver._file`, which `driver` replaces. Each has a test; `pyproject.toml` bounds Textual to the minor
version in which they were tested.
"""

from __future__ import annotations


class Missing:
    """Stands for a class that this version of Textual does not have; nothing is an instance of it."""


try:
    from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
except ImportError:
    ChopsUpdate = CompositorUpdate = LayoutUpdate = Missing  # type: ignore[misc,assignment]  # the fall-back
try:
    from textual._xterm_parser import XTermParser
except ImportError:
    XTermParser = Missing  # type: ignore[misc,assignment]  # the fall-back

__all__ = ["ChopsUpdate", "CompositorUpdate", "LayoutUpdate", "Missing", "XTermParser"]
