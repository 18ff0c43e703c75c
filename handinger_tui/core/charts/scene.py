"""Scene: a drawing as a list of simple marks, so that SVG and PNG show the same. Pure.

Lengths are pixels, x to the right and y downwards; the y of a word is its baseline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from handinger_tui.core.replacing import replace

Point = tuple[float, float]


class Ink(StrEnum):
    """What a mark is for; `palette` says how that looks."""

    GROUND = "ground"
    CARD = "card"
    EDGE = "edge"
    GRID = "grid"
    TEXT = "text"
    MUTED = "muted"
    BAR = "bar"
    LINE = "line"
    GAP = "gap"
    WARN = "warn"
    MODEL = "model"
    TOOL = "tool"
    SANDBOX = "sandbox"
    INTERNAL = "internal"


class Anchor(StrEnum):
    """Which end of a word stands at its x."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle; `hatched`: stripes of `ink` inside an outline instead."""

    x: float
    y: float
    width: float
    height: float
    ink: Ink
    hatched: bool = False
    corner: float = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line through `points`."""

    points: tuple[Point, ...]
    ink: Ink
    width: float = 1
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    """The faint area between a line and the level `floor`."""

    points: tuple[Point, ...]
    floor: float
    ink: Ink


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    ink: Ink


@dataclass(frozen=True, slots=True)
class Word:
    """One line of text, already clean; `size` is the height of its letters' em."""

    x: float
    y: float
    text: str
    ink: Ink = Ink.TEXT
    size: int = 14
    anchor: Anchor = Anchor.START
    bold: bool = False


Mark = Box | Line | Area | Dot | Word


@dataclass(frozen=True, slots=True)
class Scene:
    """A drawing; `title` tells in words what it shows."""

    width: int
    height: int
    marks: tuple[Mark, ...]
    title: str = ""


AREA_STRENGTH: Final = 0.14
"""How much of its ink an `Area` has."""
STRIPE: Final = 7
"""Distance of the stripes of a hatched box."""
DASH: Final = (7, 5)


def moved(marks: Iterable[Mark], dx: float, dy: float) -> list[Mark]:
    """The same marks, further right and down."""
    return [_moved(mark, dx, dy) for mark in marks]


def _moved(mark: Mark, dx: float, dy: float) -> Mark:
    if isinstance(mark, Line):
        return replace(mark, points=_shifted(mark.points, dx, dy))
    if isinstance(mark, Area):
        return replace(mark, points=_shifted(mark.points, dx, dy), floor=mark.floor + dy)
    return replace(mark, x=mark.x + dx, y=mark.y + dy)


def _shifted(points: tuple[Point, ...], dx: float, dy: float) -> tuple[Point, ...]:
    return tuple((x + dx, y + dy) for x, y in points)
