"""Files of every previewed kind, and a desktop whose worker created them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from textual.driver import Driver
from textual.pilot import Pilot
from textual.widgets import Static

from handinger_tui.ui.pages.page_view import PageView, PictureView
from handinger_tui.ui.pages.preview import PreviewScreen, View
from handinger_tui.ui.widgets.tables_and_trees import TableView, TreeView
from tests.core.picture_samples import header, pixels
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import PRICED, Desktop, FakeFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def png(width: int, height: int, *, rows: int | None = None) -> bytes:
    """A picture that is red on the left and blue on the right; `rows`: it is cut after this many."""
    row = b"\0" + b"\xff\0\0" * (width // 2) + b"\0\0\xff" * (width - width // 2)
    raw = row * (height if rows is None else rows)
    return header(width, height) + pixels(raw)


def bomb() -> bytes:
    """A few kB with a header of 60,000 × 60,000 pixels."""
    return header(60_000, 60_000) + pixels(bytes(4 << 20))


def large_csv(size: int = 5_000_000) -> bytes:
    """At least this many bytes: about 80,000 rows of eight columns."""
    head = b"id,name,region,amount,share,date,flag,note\n"
    rows = [
        b'%d,"Name %d",region %d,%d.%02d,%d%%,2026-11-%02d,%s,"some text, quoted %d"\n'
        % (
            at,
            at,
            at % 17,
            at * 7919 % 10_007,
            at % 100,
            at % 101,
            at % 28 + 1,
            b"yny"[at % 2 : at % 2 + 1],
            at,
        )
        for at in range(size // 55)
    ]
    return (head + b"".join(rows))[:size]


def large_json(size: int = 2_000_000) -> bytes:
    """About this many bytes: objects in a list, numbers beyond the precision of a float."""
    record = {"id": 0, "name": "pump", "values": [1, 2.5, None, True], "nested": {"a": {"b": "text"}}}
    count = size // (len(json.dumps(record)) + 8)
    return json.dumps([{**record, "id": at, "big": 12345678901234567890} for at in range(count)]).encode()[:]


TEXT = b"first line\nsecond [bold]line[/] \x1b[31mred\n"
MARKDOWN = (
    b"# A title\n\nSome *text* with a [link](https://pumps.example/).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
)
CSV = b"name,kg\npear,10\napple,9\n"
BINARY_TXT = bytes(range(256)) * 20


def desktop_with(**files: bytes) -> Desktop:
    """A worker that created these files; `_` before the last part of a name means the dot."""
    named = {name.replace("_", ".").replace("..", "_"): body for name, body in files.items()}
    listed = [
        {"filename": name, "mediaType": "", "url": f"https://x.test/{name}", "size": len(body)}
        for name, body in named.items()
    ]
    api = FakeApi(starts=[says("Here they are.")], workers=[worker("", files=listed, **PRICED)])
    bodies = {f"https://x.test/{name}": body for name, body in named.items()}
    return Desktop(api=api, files=FakeFiles(bodies))


@asynccontextmanager
async def with_files(
    desktop: Desktop, width: int = 100, height: int = 30, driver: type[Driver] | None = None
) -> AsyncIterator[Pilot[None]]:
    """Run the turn that creates the files to its end."""
    async with desktop.running(width, height, driver) as pilot:
        await desktop.send(pilot, "Make files")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        yield pilot


def page(desktop: Desktop) -> PreviewScreen:
    """The preview on the screen."""
    screen = desktop.app.screen
    assert isinstance(screen, PreviewScreen)
    return screen


def view(desktop: Desktop) -> View:
    """The view of the file."""
    (child,) = page(desktop).query_one("#preview-body").children
    assert not isinstance(child, Static)
    return child  # type: ignore[return-value]  # the one kind of children besides words


async def shown(desktop: Desktop, pilot: Pilot[None], which: str = "1") -> None:
    """Open the preview of a file, and wait until it is shown."""
    await desktop.send(pilot, f"/preview {which}")
    await desktop.until(pilot, lambda: isinstance(desktop.app.screen, PreviewScreen))
    await arrived(desktop, pilot)


async def arrived(desktop: Desktop, pilot: Pilot[None]) -> None:
    """Wait until all work is done and painted."""
    for _ in range(2):
        # Without any, Textual waits for all there are.
        if begun := [one for one in pilot.app.workers if one.group in GROUPS]:
            await pilot.app.workers.wait_for_complete(begun)
        await pilot.pause()


GROUPS = ("load", "layout", "sort")
ANY_VIEW = (PageView, PictureView, TableView, TreeView)
