"""The dark and the light theme.

Every text color has a contrast of at least 4.5:1 on every background used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="handinger-dark",
    dark=True,
    primary="#6fd6bb",
    secondary="#93b7ff",
    accent="#f2bd6b",
    warning="#f2bd6b",
    error="#ff8f95",
    success="#85d996",
    foreground="#e4e8ee",
    background="#10141a",
    surface="#171c24",
    panel="#1f2630",
    variables={
        "text-muted": "#9aa6b6",
        "foreground-muted": "#9aa6b6",
        "text-disabled": "#7f8b9b",
        "border": "#6fd6bb",
        "border-blurred": "#394454",
        "block-cursor-foreground": "#10141a",
        "block-cursor-background": "#6fd6bb",
        "block-cursor-blurred-background": "#2a3a3f",
        "block-hover-background": "#242d38",
        "footer-background": "#171c24",
        "footer-foreground": "#9aa6b6",
        "footer-description-foreground": "#9aa6b6",
        "footer-description-background": "#171c24",
        "footer-item-background": "#171c24",
        "footer-key-background": "#171c24",
        "footer-key-foreground": "#6fd6bb",
        "input-selection-background": "#2f5d55",
        "screen-selection-background": "#2f5d55",
        "scrollbar": "#394454",
        "scrollbar-hover": "#4d5b6f",
        "scrollbar-active": "#6fd6bb",
        "scrollbar-background": "#10141a",
        "scrollbar-background-hover": "#10141a",
        "scrollbar-background-active": "#10141a",
        "scrollbar-corner-color": "#10141a",
        "link-color": "#93b7ff",
    },
)

LIGHT: Final = Theme(
    name="handinger-light",
    dark=False,
    primary="#0b665a",
    secondary="#27509f",
    accent="#7c4a03",
    warning="#7c4a03",
    error="#a61c2b",
    success="#1d6232",
    foreground="#20262f",
    background="#fcfbf8",
    surface="#f4f2ed",
    panel="#ebe8e1",
    variables={
        "text-muted": "#57606d",
        "foreground-muted": "#57606d",
        "text-disabled": "#646d7a",
        "border": "#0b665a",
        "border-blurred": "#cbc6bb",
        "block-cursor-foreground": "#fcfbf8",
        "block-cursor-background": "#0b665a",
        "block-cursor-blurred-background": "#d9e6e1",
        "block-hover-background": "#e4e0d7",
        "footer-background": "#f4f2ed",
        "footer-foreground": "#57606d",
        "footer-description-foreground": "#57606d",
        "footer-description-background": "#f4f2ed",
        "footer-item-background": "#f4f2ed",
        "footer-key-background": "#f4f2ed",
        "footer-key-foreground": "#0b665a",
        "input-selection-background": "#bfe0d8",
        "screen-selection-background": "#bfe0d8",
        "scrollbar": "#cbc6bb",
        "scrollbar-hover": "#aca697",
        "scrollbar-active": "#0b665a",
        "scrollbar-background": "#fcfbf8",
        "scrollbar-background-hover": "#fcfbf8",
        "scrollbar-background-active": "#fcfbf8",
        "scrollbar-corner-color": "#fcfbf8",
        "link-color": "#27509f",
    },
)

THEMES: Final = (DARK, LIGHT)
_LIGHT_BACKGROUNDS: Final = frozenset({"7", "15"})
"""Background color numbers in COLORFGBG that are light."""


def first_theme(requested: str | None, environ: Mapping[str, str]) -> str:
    """The name of the theme to start with: the requested one, else one for the terminal's background.

    COLORFGBG ("15;0": foreground; background) is set by many terminals and costs no query.
    """
    name = by_name(requested) if requested else None
    if name is not None:
        return name
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in _LIGHT_BACKGROUNDS else DARK.name


def by_name(name: str) -> str | None:
    """The full name of a theme, from "dark", "light" or a full name; None when it is unknown."""
    for theme in THEMES:
        if name.lower() in (theme.name, theme.name.removeprefix("handinger-")):
            return theme.name
    return None
