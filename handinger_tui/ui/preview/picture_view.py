"""A picture: half blocks at once; a real one in their place where the terminal shows such."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events, work
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from handinger_tui.core.preview.blocks import Cell, Pixel, half_blocks
from handinger_tui.core.preview.png import NotDrawn
from handinger_tui.ui.apart import apart
from handinger_tui.ui.preview.picture import Picture, has_pillow
from handinger_tui.ui.terminal.cells import PICTURE
from handinger_tui.ui.terminal.display import Display


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
            grid = await apart(lambda: picture.grid(size.width, size.height, ground))
        except NotDrawn as problem:
            self._cells, self.trouble = [], f"Not shown: {problem}."
        else:
            self._cells, self.trouble = half_blocks(grid), ""
        self._withdraw()
        self.refresh()
        if self._cells and has_pillow() and isinstance(self.app, Display):
            self._sharpen(self.app, picture, ground)

    @work(group="sharpen", exclusive=True)
    async def _sharpen(self, app: Display, picture: Picture, ground: Pixel) -> None:
        """The real picture in the place of the half blocks; the terminal may take its time to say it can."""
        cells, size = self._cells, self.content_size
        pictures = app.pictures
        if not await pictures.able() or not pictures.fits(len(cells[0]), len(cells)):
            return
        number, cell = pictures.next_number(), pictures.cell
        try:
            png = await apart(lambda: picture.png(size.width, size.height, ground, cell))
            real = await apart(lambda: [_marked(row, number, ground, line) for row, line in enumerate(cells)])
        except NotDrawn:
            # What half blocks show of a broken file is all there is.
            return
        if cells is self._cells and self.is_attached:
            pictures.show(number, png, len(cells[0]), len(cells))
            self._number, self._real = number, real
            self.refresh()

    def _withdraw(self) -> None:
        number, self._number, self._real = self._number, None, []
        if number is not None and isinstance(self.app, Display):
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
