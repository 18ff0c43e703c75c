"""Pictures: judged by their headers first, then as few pixels as the screen has; real ones where it can."""

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


class PictureView(Widget, can_focus=True):
    """A picture, decoded apart for each size."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(classes="picture-view")
        self._picture: Picture | None = None
        self._cells: list[list[Cell]] = []
        self._real: list[list[Segment]] = []
        """The same cells, each with its place in the real picture."""
        self._number: int | None = None
        """Of the real picture in the terminal."""
        self.trouble = ""
        """Why there is no picture."""

    @property
    def real(self) -> bool:
        """The terminal shows its pixels, not characters."""
        return bool(self._real)

    def on_mount(self) -> None:
        """The terminal forgot the picture when it was left to a shell or an editor."""
        self.app.app_resume_signal.subscribe(self, lambda _app: self._decode())

    def on_unmount(self) -> None:
        """Nobody looks at it any more."""
        self._withdraw()

    def show(self, picture: Picture) -> None:
        """Another picture."""
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
        self._withdraw()
        self.refresh()
        if self._cells and has_pillow() and isinstance(self.app, DiffApp):
            self._sharpen(self.app, picture, ground)

    @work(group="sharpen", exclusive=True)
    async def _sharpen(self, app: DiffApp, picture: Picture, ground: Pixel) -> None:
        """The real picture in the place of the half blocks; the terminal may take its time to say it can."""
        cells, size = self._cells, self.content_size
        pictures = app.pictures
        if not await pictures.able() or not pictures.fits(len(cells[0]), len(cells)):
            return
        number, cell = pictures.next_number(), pictures.cell
        try:
            png = await run_in_thread(lambda: picture.png(size.width, size.height, ground, cell))
            real = await run_in_thread(
                lambda: [_marked(row, number, ground, line) for row, line in enumerate(cells)]
            )
        except NotDrawn:
            # What half blocks show of a broken file is all there is.
            return
        if cells is self._cells and self.is_attached:
            pictures.show(number, png, len(cells[0]), len(cells))
            self._number, self._real = number, real
            self.refresh()

    def _withdraw(self) -> None:
        number, self._number, self._real = self._number, None, []
        if number is not None and isinstance(self.app, DiffApp):
            self.app.pictures.remove(number)

    def on_resize(self, _event: events.Resize) -> None:
        """Another size has other pixels."""
        self._decode()

    def notify_style_update(self) -> None:
        """Another theme: what is see-through shows another ground."""
        super().notify_style_update()
        self._decode()

    def render_line(self, y: int) -> Strip:
        """Two rows of pixels, in the middle."""
        width, ground = self.content_size.width, self.visual_style.rich_style
        if self.trouble and y == 1:
            text = Content(f"  {self.trouble}").truncate(width, ellipsis=True).plain
            return Strip([Segment(text, ground)]).adjust_cell_length(width, ground)
        at = y - max(0, (self.content_size.height - len(self._cells)) // 2)
        if not 0 <= at < len(self._cells):
            return Strip.blank(width, ground)
        cells = self._cells[at]
        left = " " * max(0, (width - len(cells)) // 2)
        drawn = self._real[at] if self._real else _segments(cells, ground.bgcolor)
        return Strip([Segment(left, ground), *drawn]).adjust_cell_length(width, ground)


def _segments(cells: Sequence[Cell], below: RichColor | None) -> list[Segment]:
    """Neighbours of the same colours become one; `below`: the colour where no pixel is."""
    found = []
    for (sign, over, under), group in groupby(cells):
        ground = RichColor.from_rgb(*under) if under is not None else below
        found.append(Segment(sign * len(list(group)), Style(color=RichColor.from_rgb(*over), bgcolor=ground)))
    return found


def _marked(row: int, number: int, ground: Pixel, cells: Sequence[Cell]) -> list[Segment]:
    """A segment for each cell: every one has a place of its own, whatever stands over the others."""
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
