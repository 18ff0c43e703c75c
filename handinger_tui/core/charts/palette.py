"""The colors of reports, for light and dark.

A report is shown outside the terminal, and the core must not import the UI, so the themes of the
screen are not used. Text has a contrast of 4.5:1 or better on its background.
"""

from __future__ import annotations

from typing import Final

from handinger_tui.core.charts.scenes import Ink

LIGHT: Final = {
    Ink.GROUND: "#fcfbf8",
    Ink.CARD: "#ffffff",
    Ink.EDGE: "#e2ded5",
    Ink.GRID: "#e9e6df",
    Ink.TEXT: "#20262f",
    Ink.MUTED: "#57606d",
    Ink.BAR: "#0f7a6b",
    Ink.LINE: "#27509f",
    Ink.GAP: "#8a6212",
    Ink.WARN: "#7c4a03",
    Ink.MODEL: "#0f7a6b",
    Ink.TOOL: "#3563b8",
    Ink.SANDBOX: "#b4690e",
    Ink.INTERNAL: "#8b4a94",
}

DARK: Final = {
    Ink.GROUND: "#10141a",
    Ink.CARD: "#171c24",
    Ink.EDGE: "#2a323e",
    Ink.GRID: "#28303b",
    Ink.TEXT: "#e4e8ee",
    Ink.MUTED: "#9aa6b6",
    Ink.BAR: "#6fd6bb",
    Ink.LINE: "#93b7ff",
    Ink.GAP: "#f2bd6b",
    Ink.WARN: "#f2bd6b",
    Ink.MODEL: "#6fd6bb",
    Ink.TOOL: "#93b7ff",
    Ink.SANDBOX: "#f2bd6b",
    Ink.INTERNAL: "#d9a3e2",
}
