"""The panels beside the transcript. To add one: a module, its entry in `PANELS`, its keys in `ui/keys.py`."""

from __future__ import annotations

from typing import Final

from handinger_tui.ui.panels.files import FILES
from handinger_tui.ui.panels.panel import Panel, PanelEntry
from handinger_tui.ui.panels.sources import SOURCES
from handinger_tui.ui.panels.usage import USAGE, compact_line

__all__ = ["PANELS", "Panel", "PanelEntry", "compact_line"]

PANELS: Final[tuple[PanelEntry, ...]] = (USAGE, SOURCES, FILES)
