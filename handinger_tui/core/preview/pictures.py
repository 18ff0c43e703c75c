"""Pictures: checked by their header, then decoded to a grid of pixels or to half blocks.

Pillow decodes them, from bytes in memory, in the formats of `FORMATS` alone and after `check_picture`
has bounded their size; it is imported when the first picture is looked at.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from PIL.Image import Image

Pixel = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
PixelGrid = Sequence[Sequence[Pixel]]
Cell = tuple[str, Pixel, Pixel | None]
"""The character, its color, and the background color; None for no background."""
UPPER: Final = "▀"

FORMATS: Final = ("png", "jpeg", "gif", "webp", "bmp")
"""The formats that are decoded. Pillow's other decoders are never asked."""
MAX_PIXELS: Final = 50_000_000
SUSPECT_PIXELS: Final = 10_000_000
"""Size from which `MAX_RATIO` applies; small charts of few colors compress far better than photographs."""
MAX_RATIO: Final = 100
"""Pixels per byte of the file."""
_REDUCIBLE: Final = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})
"""Pillow modes whose pixels can be averaged without conversion."""


class NotDrawn(ValueError):
    """The picture cannot be decoded; the message is for people."""


class Picture(Struct, frozen=True):
    """An encoded picture that is safe to decode. Only the first frame of an animation is drawn."""

    data: bytes
    format: str
    width: int
    height: int

    def grid(self, columns: int, lines: int, ground: Pixel) -> PixelGrid:
        """The pixels of `columns` × `lines` cells of half blocks; transparency shows `ground`. Takes long.

        Raises:
            NotDrawn: the picture is broken.
        """
        width, height = fitting(self.width, self.height, columns, lines)
        flat = self._scaled(width, height, ground).tobytes()
        pixels = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))
        return [pixels[at : at + width] for at in range(0, len(pixels), width)]

    def _scaled(self, width: int, height: int, ground: Pixel) -> Image:
        """The picture in RGB, scaled to `width` × `height` pixels, over the background color."""
        from PIL import Image as Pillow  # 20 MB, 40 ms

        try:
            with _open(self.data, self.format) as image:
                image.draft("RGB", (width * 2, height * 2))
                factor = min(image.width // width, image.height // height)
                # Reduce it before the conversion where the mode allows: RGBA takes four bytes per pixel.
                near = image.reduce(factor) if factor > 1 and image.mode in _REDUCIBLE else image
                small = _rgba(near).resize((width, height), Pillow.Resampling.BOX)
        except Exception as problem:  # A library may raise anything on untrusted bytes.
            raise NotDrawn(f"the {self.format.upper()} is damaged") from problem
        under = Pillow.new("RGBA", small.size, (*ground, 255))
        return Pillow.alpha_composite(under, small).convert("RGB")


class ImageCheck(Struct, frozen=True):
    """The result of the header check. `picture` is None where it is not decoded: `why` says the reason."""

    what: str
    counted: str
    picture: Picture | None
    why: str = ""


def check_picture(data: bytes, name: str, *, complete: bool) -> ImageCheck:
    """Check an image by its header, without decoding it.

    `name`: one of `FORMATS`. `complete`: `data` is the complete file, not only its beginning.
    """
    what, too_large = f"{name.upper()} image", "too large to show here; save it to open it"
    try:
        with _open(data, name) as image:
            width, height = image.size
    except Exception:  # noqa: BLE001 - a library may raise anything on untrusted bytes
        broken = "its header is damaged"
        return ImageCheck(what, "", None, broken if complete else too_large)
    counted = f"{width:,} × {height:,} pixels"
    danger = bomb(width, height, len(data) if complete else None)
    if danger is not None:
        return ImageCheck(what, counted, None, f"not decoded: {danger}")
    if not complete:
        return ImageCheck(what, counted, None, too_large)
    return ImageCheck(what, counted, Picture(data, name, width, height))


def bomb(width: int, height: int, file_bytes: int | None) -> str | None:
    """Why an image must not be decoded (a decompression bomb); None: it may. `file_bytes` None: not known."""
    text, pixels = f"{width:,} × {height:,} pixels", width * height
    if pixels > MAX_PIXELS:
        return f"{text} is more than {MAX_PIXELS // 1_000_000} million"
    if file_bytes is not None and pixels > SUSPECT_PIXELS and pixels > MAX_RATIO * file_bytes:
        return f"{text} from {file_bytes:,} bytes is suspicious"
    return None


def _open(data: bytes, name: str) -> Image:
    """Read the header. Raises whatever Pillow raises."""
    from PIL import Image as Pillow  # 20 MB, 40 ms

    # `bomb` has a stricter limit, which raises no warning into the terminal and names the size.
    Pillow.MAX_IMAGE_PIXELS = None
    return Pillow.open(io.BytesIO(data), formats=[name.upper()])


def _rgba(image: Image) -> Image:
    if image.mode == "I;16":
        # Pillow cuts these off at 255 instead of dropping the lower byte.
        image = image.point(lambda value: value / 256, "L")
    return image.convert("RGBA")


def fitting(width: int, height: int, columns: int, lines: int) -> tuple[int, int]:
    """The size in pixels at which an image fits `columns` × `lines` cells, in proportion, never enlarged."""
    across, down = max(1, columns), max(1, lines * 2)
    if width <= across and height <= down:
        return max(1, width), max(1, height)
    if width * down >= height * across:
        return across, max(1, min(down, round(height * across / width)))
    return max(1, min(across, round(width * down / height))), down


def half_blocks(pixels: PixelGrid) -> list[list[Cell]]:
    """One line of cells for two rows of pixels; the upper pixel is the color of the character."""
    lines: list[list[Cell]] = []
    for at in range(0, len(pixels), 2):
        upper = pixels[at]
        if at + 1 < len(pixels):
            lines.append([(UPPER, top, low) for top, low in zip(upper, pixels[at + 1], strict=True)])
        else:
            lines.append([(UPPER, top, None) for top in upper])
    return lines
