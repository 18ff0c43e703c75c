"""The driver on Unix: paints in one piece, keys from before and from now, and a terminal that goes."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import pytest
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.message import Message

from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.terminal.driver import EXIT_HANGUP, TerminalDriver
from tests.ui.fakes import launch


@dataclass
class Wire:
    """Both ends of a pseudo-terminal in raw mode."""

    ours: int
    theirs: int
    open: bool = True

    def hang_up(self) -> None:
        """As a window that is closed."""
        os.close(self.ours)
        self.open = False


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Closed afterwards."""
    ends = Wire(*pty.openpty())
    tty.setraw(ends.theirs)
    yield ends
    os.close(ends.theirs)
    if ends.open:
        ends.hang_up()


def driver_on(wire: Wire, app: HandingerApp) -> TerminalDriver:
    """One that reads from the wire. It writes nothing at its end, for there is no writer."""
    driver = TerminalDriver(app, mouse=False)
    driver.fileno = wire.theirs
    return driver


async def test_a_paint_goes_to_the_terminal_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[str] = []
    monkeypatch.setattr(LinuxDriver, "write", lambda _driver, data: handed.append(data))
    driver = TerminalDriver(HandingerApp(launch()))
    for data in ("title", SYNC_START, "rows", "cursor", SYNC_END, "bell"):
        driver.write(data)
    assert handed == ["title", f"{SYNC_START}rowscursor{SYNC_END}", "bell"]


@pytest.mark.timeout(30)
async def test_a_terminal_that_goes_without_a_signal_ends_the_app(
    monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> None:
    ended = asyncio.Queue[int]()
    app = HandingerApp(launch())

    def ends(*, return_code: int) -> None:
        ended.put_nowait(return_code)

    monkeypatch.setattr(app, "exit", ends)
    driver = driver_on(wire, app)
    driver._start_reading(b"")
    wire.hang_up()
    assert await ended.get() == EXIT_HANGUP


@pytest.mark.timeout(30)
async def test_what_was_typed_before_comes_first_and_a_torn_letter_is_one(
    monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> None:
    posted = asyncio.Queue[Message]()
    app = HandingerApp(launch())
    monkeypatch.setattr(app, "post_message", posted.put_nowait)
    driver = driver_on(wire, app)
    os.write(wire.ours, b"\xbcr sp\xc3\xa4ter")
    driver._start_reading(b"vorher f\xc3")
    keys = [await posted.get() for _ in "vorher für später"]
    assert "".join(str(key.character) for key in keys if isinstance(key, Key)) == "vorher für später"
    assert all(key._sender is app for key in keys)
    # Whoever has the terminal now reads it alone.
    driver.disable_input()
    tty.setraw(wire.theirs)
    os.write(wire.ours, b"x")
    assert await asyncio.to_thread(os.read, wire.theirs, 9) == b"x"
    assert posted.empty()


@pytest.mark.timeout(30)
async def test_a_thread_reads_where_the_loop_cannot_wait_for_a_terminal(
    monkeypatch: pytest.MonkeyPatch, wire: Wire
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise PermissionError("not this file")

    posted = asyncio.Queue[Message]()
    loop, app = asyncio.get_running_loop(), HandingerApp(launch())
    monkeypatch.setattr(loop, "add_reader", refuse)
    monkeypatch.setattr(
        app, "post_message", lambda event: loop.call_soon_threadsafe(posted.put_nowait, event)
    )
    driver = driver_on(wire, app)
    driver._start_reading(b"before ")
    os.write(wire.ours, "später".encode())
    keys = [await posted.get() for _ in "before später"]
    driver.disable_input()
    assert driver._key_thread is not None
    assert not driver._key_thread.is_alive()
    assert "".join(str(key.character) for key in keys if isinstance(key, Key)) == "before später"


def test_the_app_takes_the_driver_that_outlasts_unless_another_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert HandingerApp(launch()).driver_class is TerminalDriver
    monkeypatch.setattr("textual.constants.DRIVER", "textual.drivers.web_driver:WebDriver")
    assert not issubclass(HandingerApp(launch()).driver_class, LinuxDriver)
