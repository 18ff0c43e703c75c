"""The preview of a picture: drawn with half blocks, or as real pixels where the terminal can."""

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

from handinger_tui.core.preview.pictures import Cell, NotDrawn, Picture, Pixel, half_blocks
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.terminal.cells import PICTURE
from handinger_tui.ui.terminal.diff_app import DiffApp


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
        if self._cells and isinstance(self.app, DiffApp):
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
