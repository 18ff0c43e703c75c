"""A scene as a PNG picture, drawn by Pillow: light colors, one pixel per unit of the scene."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from math import hypot
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from handinger_tui.core.export.scenes import (
    AREA_STRENGTH,
    DASH,
    LIGHT,
    STRIPE,
    Area,
    Box,
    Dot,
    Ink,
    Mark,
    Point,
    Scene,
    TextAnchor,
    Word,
)

SCALE: Final = 2
"""Everything is drawn larger by this factor and reduced at the end, for smooth edges."""
STRIPE_WIDTH: Final = 2.4
BOLD: Final = 0.02
"""The stroke of bold letters, as a share of the font size: the font of Pillow has only one weight."""
_ANCHORS: Final = {TextAnchor.START: "ls", TextAnchor.MIDDLE: "ms", TextAnchor.END: "rs"}
_DASHES: Final = str.maketrans("–—", "--")
"""The font of Pillow has only the hyphen."""


def picture(scene: Scene) -> bytes:
    """Render a scene as a PNG file."""
    image = Image.new("RGB", (scene.width * SCALE, scene.height * SCALE), LIGHT[Ink.GROUND])
    # An RGBA pen on an RGB image blends the color of an `Area` with the background.
    pen = ImageDraw.Draw(image, "RGBA")
    for mark in scene.marks:
        _draw(image, pen, mark)
    encoded = io.BytesIO()
    image.reduce(SCALE).save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def _draw(image: Image.Image, pen: ImageDraw.ImageDraw, mark: Mark) -> None:
    color = LIGHT[mark.ink]
    if isinstance(mark, Box):
        _draw_box(image, pen, mark)
    elif isinstance(mark, Word):
        _draw_word(pen, mark)
    elif isinstance(mark, Dot):
        pen.circle(_scaled((mark.x, mark.y)), mark.radius * SCALE, fill=color)
    elif isinstance(mark, Area):
        corners = ((mark.points[0][0], mark.floor), *mark.points, (mark.points[-1][0], mark.floor))
        pen.polygon([_scaled(point) for point in corners], fill=f"{color}{round(AREA_STRENGTH * 255):02x}")
    else:
        for piece in _dashes(mark.points) if mark.dashed else [mark.points]:
            pen.line([_scaled(point) for point in piece], color, round(mark.width * SCALE), joint="curve")


def _scaled(point: Point) -> Point:
    return point[0] * SCALE, point[1] * SCALE


def _draw_box(image: Image.Image, pen: ImageDraw.ImageDraw, box: Box) -> None:
    x, y = round(box.x) * SCALE, round(box.y) * SCALE
    # In Pillow the right and bottom edges belong to the rectangle; a box has at least one pixel.
    right = max(round(box.x + box.width) * SCALE, x + SCALE) - 1
    bottom = max(round(box.y + box.height) * SCALE, y + SCALE) - 1
    if not box.hatched:
        pen.rounded_rectangle((x, y, right, bottom), box.corner * SCALE, LIGHT[box.ink])
        return
    width, height = right - x + 1, bottom - y + 1
    mask = Image.new("L", (width, height))
    stencil = ImageDraw.Draw(mask)
    # STRIPE is the distance perpendicular to the stripes, hence the root of two.
    step = STRIPE * SCALE * 2**0.5
    for at in range(int((width + height) / step) + 1):
        stencil.line((at * step, 0, at * step - height, height), 255, round(STRIPE_WIDTH * SCALE))
    stencil.rectangle((0, 0, width - 1, height - 1), outline=255, width=SCALE)
    image.paste(LIGHT[box.ink], (x, y), mask)


def _dashes(points: tuple[Point, ...]) -> Iterator[tuple[Point, Point]]:
    """The dashes of a line. The pattern continues at its corners."""
    drawn, period = 0.0, sum(DASH)
    for start, end in pairwise(points):
        length = hypot(end[0] - start[0], end[1] - start[1])
        at = -(drawn % period)
        while at < length:
            low, high = max(0.0, at), min(length, at + DASH[0])
            if low < high:
                yield _along(start, end, low / length), _along(start, end, high / length)
            at += period
        drawn += length


def _along(start: Point, end: Point, part: float) -> Point:
    return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * SCALE)


def _draw_word(pen: ImageDraw.ImageDraw, word: Word) -> None:
    # The font only has ASCII. For other letters the base letter is drawn, or a box.
    text = "".join(
        letter for letter in unicodedata.normalize("NFD", word.text) if not unicodedata.combining(letter)
    )
    pen.text(
        _scaled((word.x, word.y)),
        text.translate(_DASHES),
        LIGHT[word.ink],
        _font(word.size),
        _ANCHORS[word.anchor],
        stroke_width=word.size * SCALE * BOLD if word.bold else 0,
    )
