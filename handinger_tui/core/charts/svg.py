"""A scene as self-contained SVG that follows the reader's light or dark color scheme."""

from __future__ import annotations

from html import escape
from typing import Final

from handinger_tui.core.charts.scenes import (
    AREA_STRENGTH,
    DARK,
    DASH,
    LIGHT,
    STRIPE,
    Area,
    Box,
    Dot,
    Ink,
    Line,
    Mark,
    Scene,
    Word,
)

FONT: Final = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"


def style() -> str:
    """The style rules for dark; light colors are attributes of the marks, for viewers without CSS."""
    dark = "".join(f".f-{ink}{{fill:{hue}}}.s-{ink}{{stroke:{hue}}}" for ink, hue in DARK.items())
    return f"@media (prefers-color-scheme:dark){{{dark}}}"


def document(scene: Scene) -> str:
    """A standalone SVG file."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{element(scene, styled=True)}\n'


def element(scene: Scene, *, styled: bool = False) -> str:
    """The `svg` element of a scene; `styled`: with its own style rules for dark."""
    hatched = {mark.ink for mark in scene.marks if isinstance(mark, Box) and mark.hatched}
    defs = "".join(_stripes(ink) for ink in sorted(hatched))
    body = "\n".join(_mark(mark) for mark in scene.marks)
    rules = f"<style>{style()}</style>" if styled else ""
    title = escape(scene.title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {scene.width} {scene.height}"'
        f' width="{scene.width}" height="{scene.height}" role="img" aria-label="{title}"'
        f' font-family="{FONT}">\n<title>{title}</title>{rules}<defs>{defs}</defs>\n{body}\n</svg>'
    )


def _stripes(ink: Ink) -> str:
    return (
        f'<pattern id="hatch-{ink}" width="{STRIPE}" height="{STRIPE}" patternUnits="userSpaceOnUse"'
        f' patternTransform="rotate(45)"><line x1="1" y1="0" x2="1" y2="{STRIPE}" class="s-{ink}"'
        f' stroke="{LIGHT[ink]}" stroke-width="2.4"/></pattern>'
    )


def _mark(mark: Mark) -> str:
    if isinstance(mark, Box):
        return _box(mark)
    if isinstance(mark, Word):
        return _word(mark)
    if isinstance(mark, Dot):
        return f'<circle cx="{_n(mark.x)}" cy="{_n(mark.y)}" r="{_n(mark.radius)}" {_fill(mark.ink)}/>'
    if isinstance(mark, Area):
        corners = ((mark.points[0][0], mark.floor), *mark.points, (mark.points[-1][0], mark.floor))
        return f'<polygon points="{_points(corners)}" {_fill(mark.ink)} fill-opacity="{AREA_STRENGTH}"/>'
    return _line(mark)


def _box(box: Box) -> str:
    position = f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}"'
    corner = f' rx="{_n(box.corner)}"' if box.corner else ""
    if not box.hatched:
        return f"<rect {position}{corner} {_fill(box.ink)}/>"
    edge = f'class="s-{box.ink}" stroke="{LIGHT[box.ink]}" stroke-width="1"'
    return f'<rect {position}{corner} fill="url(#hatch-{box.ink})" {edge}/>'


def _line(line: Line) -> str:
    dashes = f' stroke-dasharray="{DASH[0]} {DASH[1]}"' if line.dashed else ""
    return (
        f'<polyline points="{_points(line.points)}" fill="none" class="s-{line.ink}"'
        f' stroke="{LIGHT[line.ink]}" stroke-width="{_n(line.width)}" stroke-linejoin="round"{dashes}/>'
    )


def _word(word: Word) -> str:
    anchor = f' text-anchor="{word.anchor}"' if word.anchor != "start" else ""
    weight = ' font-weight="600"' if word.bold else ""
    return (
        f'<text x="{_n(word.x)}" y="{_n(word.y)}" font-size="{word.size}"{anchor}{weight}'
        f" {_fill(word.ink)}>{escape(word.text)}</text>"
    )


def _fill(ink: Ink) -> str:
    return f'class="f-{ink}" fill="{LIGHT[ink]}"'


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)


def _n(value: float) -> str:
    """A number as an SVG attribute: at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
