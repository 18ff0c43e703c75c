"""Pictures: judged by their headers first, then decoded to as few pixels as the screen has."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.util import find_spec
from math import sqrt
from typing import TYPE_CHECKING, Final

from handinger_tui.core.preview.blocks import Pixel, fitting
from handinger_tui.core.preview.images import ImageSize, bomb, image_size
from handinger_tui.core.preview.png import MAX_PIXELS, NotDrawn, decode_png

if TYPE_CHECKING:
    from PIL.Image import Image

EXTRA: Final = "install the images extra to see it: pip install 'handinger-tui[images]'"
_OPENERS: Final = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP"}
"""What Pillow is allowed to read: nothing else of its many formats."""
_PLAIN: Final = frozenset({"L", "LA", "RGB", "RGBA"})
"""Modes whose pixels can be averaged as they are."""

MOST_SENT: Final = 2_000_000
"""Pixels that a terminal is given."""
MOST_BYTES: Final = 1 << 20
"""Of a PNG for it: it may be at the other end of a slow line."""
MOST_CELL: Final = 64
"""Pixels of a cell, each way: terminals may tell anything."""

PixelGrid = list[list[Pixel]]


@dataclass(frozen=True, slots=True)
class Picture:
    """One that may be decoded."""

    data: bytes
    size: ImageSize

    def grid(self, columns: int, lines: int, ground: Pixel) -> PixelGrid:
        """Its pixels for so many cells; takes long.

        Raises:
            NotDrawn
        """
        if has_pillow():
            return _by_pillow(self, columns, lines, ground)
        return decode_png(self.data, columns, lines, ground)

    def png(self, columns: int, lines: int, ground: Pixel, cell: tuple[int, int]) -> bytes:
        """A PNG of our own making of it, of no more pixels than so many cells have; takes long.

        Raises:
            NotDrawn
        """
        across, down = fitting(self.size.width, self.size.height, columns, lines)
        width, height = across * min(cell[0], MOST_CELL), down * min(cell[1], MOST_CELL) // 2
        share = min(
            1.0, width / self.size.width, height / self.size.height, sqrt(MOST_SENT / self.size.pixels)
        )
        while True:
            sides = max(1, round(self.size.width * share)), max(1, round(self.size.height * share))
            made = io.BytesIO()
            _flat(self, *sides, ground).save(made, "PNG", compress_level=4)
            if made.tell() <= MOST_BYTES:
                return made.getvalue()
            # The terminal enlarges it again.
            share /= sqrt(2.0)


@dataclass(frozen=True, slots=True)
class Found:
    """`picture` None: it is not shown, and `why` says the reason."""

    what: str
    counted: str
    picture: Picture | None
    why: str = ""


def has_pillow() -> bool:
    """The optional extra `images` is installed."""
    try:
        return find_spec("PIL") is not None
    except (ValueError, ImportError):
        return False


def picture_of(data: bytes, *, whole: bool) -> Found:
    """Judge an image by its header; nothing is decoded here."""
    size = image_size(data)
    if size is None:
        return Found("image", "", None, "its header is broken: there is nothing to show")
    what, counted = f"{size.format.upper()} image", f"{size.width:,} × {size.height:,} pixels"
    danger = bomb(size, len(data) if whole else None)
    if danger is not None:
        return Found(what, counted, None, f"not decoded: {danger}")
    if not whole:
        return Found(what, counted, None, "too large to be shown here: save it to see it")
    if not has_pillow() and size.format != "png":
        return Found(what, counted, None, EXTRA)
    if not has_pillow() and size.pixels > MAX_PIXELS:
        return Found(what, counted, None, f"too many pixels to draw here: {EXTRA}")
    return Found(what, counted, Picture(data, size))


def _by_pillow(picture: Picture, columns: int, lines: int, ground: Pixel) -> PixelGrid:
    width, height = fitting(picture.size.width, picture.size.height, columns, lines)
    try:
        flat = _flat(picture, width, height, ground).tobytes()
    except NotDrawn:
        if picture.size.format == "png" and picture.size.pixels <= MAX_PIXELS:
            # A file that breaks off: what came before that is drawn row by row.
            return decode_png(picture.data, columns, lines, ground)
        raise
    row = width * 3
    return [
        [(flat[at], flat[at + 1], flat[at + 2]) for at in range(top, top + row, 3)]
        for top in range(0, len(flat), row)
    ]


def _flat(picture: Picture, width: int, height: int, ground: Pixel) -> Image:
    """The whole picture in so many pixels, over a ground."""
    # Pillow, 20 MB and 40 ms: the optional extra `images`.
    from PIL import Image as Pillow  # noqa: PLC0415 - as said above

    try:
        with Pillow.open(io.BytesIO(picture.data), formats=[_OPENERS[picture.size.format]]) as image:
            if image.width * image.height != picture.size.pixels:
                raise NotDrawn("its header says two sizes")
            image.draft("RGB", (width * 2, height * 2))
            factor = min(image.width // width, image.height // height)
            # Made small first where the mode allows: four bytes for each pixel of a large one are much.
            near = image.reduce(factor) if factor > 1 and image.mode in _PLAIN else image
            small = near.convert("RGBA").resize((width, height), Pillow.Resampling.BOX)
    except NotDrawn:
        raise
    except Exception as problem:  # Whatever a library raises about bytes from outside
        raise NotDrawn(f"the {picture.size.format.upper()} is broken") from problem
    under = Pillow.new("RGBA", small.size, (*ground, 255))
    return Pillow.alpha_composite(under, small).convert("RGB")
