"""Picture previews: checked by their header, drawn with half blocks, or as real pixels where possible."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby
from math import sqrt
from typing import TYPE_CHECKING, Final

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events, work
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from handinger_tui.core.preview.pictures import Cell, ImageSize, Pixel, bomb, fitting, half_blocks, image_size
from handinger_tui.core.preview.png import MAX_PIXELS, NotDrawn, decode_png
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.terminal.cells import PICTURE
from handinger_tui.ui.terminal.diff_app import DiffApp

if TYPE_CHECKING:
    from PIL.Image import Image


EXTRA: Final = "install the images extra to see it: pip install 'handinger-tui[images]'"
_OPENERS: Final = {"png": "PNG", "jpeg": "JPEG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP"}
"""The formats that Pillow may read; all its other decoders stay disabled."""
_PLAIN: Final = frozenset({"L", "LA", "RGB", "RGBA"})
"""Pillow modes whose pixels can be averaged without conversion."""

MOST_SENT: Final = 2_000_000
"""Maximum number of pixels sent to a terminal."""
MOST_BYTES: Final = 1 << 20
"""Maximum size in bytes of a PNG sent to a terminal, which may be behind a slow connection."""
MOST_CELL: Final = 64
"""Maximum cell width and height in pixels: terminals may report any value."""

PixelGrid = list[list[Pixel]]


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture that is safe to decode."""

    data: bytes
    size: ImageSize

    def grid(self, columns: int, lines: int, ground: Pixel) -> PixelGrid:
        """Decode to the pixels of `columns` × `lines` cells; takes long.

        Raises:
            NotDrawn: the picture is broken.
        """
        if has_pillow():
            return _decode_with_pillow(self, columns, lines, ground)
        return decode_png(self.data, columns, lines, ground)

    def png(self, columns: int, lines: int, ground: Pixel, cell: tuple[int, int]) -> bytes:
        """Encode a new PNG with no more pixels than `columns` × `lines` cells have; takes long.

        Raises:
            NotDrawn: the picture is broken.
        """
        across, down = fitting(self.size.width, self.size.height, columns, lines)
        width, height = across * min(cell[0], MOST_CELL), down * min(cell[1], MOST_CELL) // 2
        share = min(
            1.0, width / self.size.width, height / self.size.height, sqrt(MOST_SENT / self.size.pixels)
        )
        while True:
            sides = max(1, round(self.size.width * share)), max(1, round(self.size.height * share))
            encoded = io.BytesIO()
            _scaled(self, *sides, ground).save(encoded, "PNG", compress_level=4)
            if encoded.tell() <= MOST_BYTES:
                return encoded.getvalue()
            # Shrink it further; the terminal enlarges it again.
            share /= sqrt(2.0)


@dataclass(frozen=True, slots=True)
class ImageCheck:
    """The result of the header check. If `picture` is None it is not shown and `why` gives the reason."""

    what: str
    counted: str
    picture: Picture | None
    why: str = ""


def has_pillow() -> bool:
    """Whether the optional extra `images` is installed."""
    try:
        return find_spec("PIL") is not None
    except (ValueError, ImportError):
        return False


def picture_of(data: bytes, *, whole: bool) -> ImageCheck:
    """Check an image by its header, without decoding it. `whole` means that `data` is the complete file."""
    size = image_size(data)
    if size is None:
        return ImageCheck("image", "", None, "its header is broken: there is nothing to show")
    what, counted = f"{size.format.upper()} image", f"{size.width:,} × {size.height:,} pixels"
    danger = bomb(size, len(data) if whole else None)
    if danger is not None:
        return ImageCheck(what, counted, None, f"not decoded: {danger}")
    if not whole:
        return ImageCheck(what, counted, None, "too large to be shown here: save it to see it")
    if not has_pillow() and size.format != "png":
        return ImageCheck(what, counted, None, EXTRA)
    if not has_pillow() and size.pixels > MAX_PIXELS:
        return ImageCheck(what, counted, None, f"too many pixels to draw here: {EXTRA}")
    return ImageCheck(what, counted, Picture(data, size))


def _decode_with_pillow(picture: Picture, columns: int, lines: int, ground: Pixel) -> PixelGrid:
    width, height = fitting(picture.size.width, picture.size.height, columns, lines)
    try:
        flat = _scaled(picture, width, height, ground).tobytes()
    except NotDrawn:
        if picture.size.format == "png" and picture.size.pixels <= MAX_PIXELS:
            # A truncated file: its complete rows can be decoded.
            return decode_png(picture.data, columns, lines, ground)
        raise
    row = width * 3
    return [
        [(flat[at], flat[at + 1], flat[at + 2]) for at in range(top, top + row, 3)]
        for top in range(0, len(flat), row)
    ]


def _scaled(picture: Picture, width: int, height: int, ground: Pixel) -> Image:
    """Scale the picture to `width` × `height` pixels over the background color `ground`."""
    # Pillow is the optional extra `images` (20 MB, 40 ms to import).
    from PIL import Image as Pillow  # noqa: PLC0415 - an optional extra, slow to import

    try:
        with Pillow.open(io.BytesIO(picture.data), formats=[_OPENERS[picture.size.format]]) as image:
            if image.width * image.height != picture.size.pixels:
                raise NotDrawn("its header says two sizes")
            image.draft("RGB", (width * 2, height * 2))
            factor = min(image.width // width, image.height // height)
            # Reduce it before the conversion to RGBA if the mode allows: that takes four bytes per pixel.
            near = image.reduce(factor) if factor > 1 and image.mode in _PLAIN else image
            small = near.convert("RGBA").resize((width, height), Pillow.Resampling.BOX)
    except NotDrawn:
        raise
    except Exception as problem:  # A library may raise anything on untrusted bytes
        raise NotDrawn(f"the {picture.size.format.upper()} is broken") from problem
    under = Pillow.new("RGBA", small.size, (*ground, 255))
    return Pillow.alpha_composite(under, small).convert("RGB")


class PictureView(Widget, can_focus=True):
    """A picture, decoded in a thread for each size."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(classes="picture-view")
        self._picture: Picture | None = None
        self._cells: list[list[Cell]] = []
        self._real: list[list[Segment]] = []
        """The same cells as segments that refer to the real picture."""
        self._number: int | None = None
        """Id of the real picture in the terminal, None without one."""
        self.trouble = ""
        """Why no picture is shown, "" if one is."""

    @property
    def real(self) -> bool:
        """Whether the terminal shows real pixels instead of characters."""
        return bool(self._real)

    def on_mount(self) -> None:
        """Subscribe to app resume: the terminal lost the picture when a shell or an editor used it."""
        self.app.app_resume_signal.subscribe(self, lambda _app: self._decode())

    def on_unmount(self) -> None:
        """Remove the real picture from the terminal."""
        self._remove_real()

    def show(self, picture: Picture) -> None:
        """Show another picture."""
        self._picture, self._cells = picture, []
        self._decode()

    @work(group="layout", exclusive=True)
    async def _decode(self) -> None:
        picture, size = self._picture, self.content_size
        if picture is None or not size.width or not size.height:
            return
        ground: Pixel = self.background_colors[1].rgb
        try:
            grid = await run_in_thread(lambda: picture.grid(size.width, size.height, ground))
        except NotDrawn as problem:
            self._cells, self.trouble = [], f"Not shown: {problem}."
        else:
            self._cells, self.trouble = half_blocks(grid), ""
        self._remove_real()
        self.refresh()
        if self._cells and has_pillow() and isinstance(self.app, DiffApp):
            self._sharpen(self.app, picture, ground)

    @work(group="sharpen", exclusive=True)
    async def _sharpen(self, app: DiffApp, picture: Picture, ground: Pixel) -> None:
        """Replace the half blocks by the real picture. The terminal may take long to report its support."""
        cells, size = self._cells, self.content_size
        pictures = app.pictures
        if not await pictures.supported() or not pictures.fits(len(cells[0]), len(cells)):
            return
        number, cell = pictures.next_number(), pictures.cell
        try:
            png = await run_in_thread(lambda: picture.png(size.width, size.height, ground, cell))
            real = await run_in_thread(
                lambda: [_placeholder_segments(row, number, ground, line) for row, line in enumerate(cells)]
            )
        except NotDrawn:
            # The file is broken; keep the half blocks of its readable part.
            return
        if cells is self._cells and self.is_attached:
            pictures.show(number, png, len(cells[0]), len(cells))
            self._number, self._real = number, real
            self.refresh()

    def _remove_real(self) -> None:
        number, self._number, self._real = self._number, None, []
        if number is not None and isinstance(self.app, DiffApp):
            self.app.pictures.remove(number)

    def on_resize(self, _event: events.Resize) -> None:
        """Decode again for the new size."""
        self._decode()

    def notify_style_update(self) -> None:
        """Decode again after a theme change: transparent pixels show the background."""
        super().notify_style_update()
        self._decode()

    def render_line(self, y: int) -> Strip:
        """Return one line (two rows of pixels), centered."""
        width, ground = self.content_size.width, self.visual_style.rich_style
        if self.trouble and y == 1:
            text = Content(f"  {self.trouble}").truncate(width, ellipsis=True).plain
            return Strip([Segment(text, ground)]).adjust_cell_length(width, ground)
        at = y - max(0, (self.content_size.height - len(self._cells)) // 2)
        if not 0 <= at < len(self._cells):
            return Strip.blank(width, ground)
        cells = self._cells[at]
        padding = " " * max(0, (width - len(cells)) // 2)
        drawn = self._real[at] if self._real else _segments(cells, ground.bgcolor)
        return Strip([Segment(padding, ground), *drawn]).adjust_cell_length(width, ground)


def _segments(cells: Sequence[Cell], below: RichColor | None) -> list[Segment]:
    """Merge neighboring cells of the same colors; `below` is the color where there is no pixel."""
    segments = []
    for (sign, over, under), group in groupby(cells):
        ground = RichColor.from_rgb(*under) if under is not None else below
        segments.append(
            Segment(sign * len(list(group)), Style(color=RichColor.from_rgb(*over), bgcolor=ground))
        )
    return segments


def _placeholder_segments(row: int, number: int, ground: Pixel, cells: Sequence[Cell]) -> list[Segment]:
    """Return one segment per cell: each refers to its own piece of the real picture."""
    return [
        Segment(
            sign,
            Style(
                color=RichColor.from_rgb(*over),
                bgcolor=RichColor.from_rgb(*(under or ground)),
                meta={PICTURE: (number, row, column, ground)},
            ),
        )
        for column, (sign, over, under) in enumerate(cells)
    ]
