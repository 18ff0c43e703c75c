"""Feeding: the definition of a sink, and shared functions to plant texts and inspect screens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from textual.screen import Screen
from textual.widget import Widget

from handinger_tui.ui.ports import AppOptions, Opening
from tests.ui.fakes import Desktop, launch, summary
from tests.ui.hostile.eye import Eye
from tests.ui.hostile.samples import HostileLog, charges, session
from tests.ui.hostile.texts import PLANTED

Feed = Callable[[Eye], Awaitable[None]]
OPENED: Final = launch(Opening.CHOSEN, session="ses_h")
FRESH: Final = launch(Opening.FRESH)


@dataclass(frozen=True)
class Sink:
    """`kinds`: the widgets it feeds. `all_visible`: every single text has to become visible.

    `paints`: what is behind a dialog is there only if it was painted. Anything else is rendered by the eye.
    """

    feed: Feed
    kinds: tuple[type[Widget], ...]
    launch: AppOptions = FRESH
    all_visible: bool = True
    turns: Sequence[str] = field(default=PLANTED)
    paints: bool = False

    def desktop(self) -> Desktop:
        """An app whose history is hostile."""
        desktop = Desktop(log=HostileLog(hostile=session(self.turns)), launch=self.launch)
        desktop.history.rows = [summary("h", session_id="ses_h", title=PLANTED[0])]
        desktop.ledger.charges = charges(PLANTED)
        return desktop


def bunches(size: int) -> Iterator[Sequence[str]]:
    """The texts, a few at a time."""
    for at in range(0, len(PLANTED), size):
        yield PLANTED[at : at + size]


def lines_of(eye: Eye, widget: Widget) -> None:
    """Inspect one widget alone: much faster than the screen."""
    eye.check(widget.render_lines(widget.outer_size.region))


async def shown(eye: Eye, screen: Screen[Any]) -> None:
    """Push a screen, inspect it, and close it."""
    eye.desktop.app.push_screen(screen)
    await eye.look()
    eye.desktop.app.pop_screen()


async def listed(eye: Eye, screen: Screen[Any]) -> None:
    """Walk through a list with the cursor."""
    eye.desktop.app.push_screen(screen)
    await eye.look()
    await paged(eye, screen.query_one("#rows"))


async def paged(eye: Eye, widget: Widget) -> None:
    """Inspect every page of one widget."""
    step = max(1, widget.scrollable_content_region.height - 2)
    while widget.scroll_offset.y < widget.max_scroll_y:
        widget.scroll_to(y=widget.scroll_offset.y + step, animate=False)
        await eye.pilot.pause(0)
        lines_of(eye, widget)
