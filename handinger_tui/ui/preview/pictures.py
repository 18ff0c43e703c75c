"""The preview of a picture, drawn with half blocks."""

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


class PictureView(Widget, can_focus=True):
    """A picture, decoded in a thread for each size."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(classes="picture-view")
        self._picture: Picture | None = None
        self._cells: list[list[Cell]] = []
        self.trouble = ""
        """Why no picture is shown, "" if one is."""

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
        self.refresh()

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
        line = [Segment(padding, ground), *_segments(cells, ground.bgcolor)]
        return Strip(line).adjust_cell_length(width, ground)


def _segments(cells: Sequence[Cell], below: RichColor | None) -> list[Segment]:
    """Merge neighboring cells of the same colors; `below` is the color where there is no pixel."""
    segments = []
    for (sign, over, under), group in groupby(cells):
        ground = RichColor.from_rgb(*under) if under is not None else below
        segments.append(
            Segment(sign * len(list(group)), Style(color=RichColor.from_rgb(*over), bgcolor=ground))
        )
    return segments
