"""A terminal that is gone: the thread that writes to it goes on to its end, so nobody waits for it."""

from __future__ import annotations

import os
import pty

import pytest
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread
from textual.drivers.linux_driver import LinuxDriver

from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.hangup import Outlasting, OutlastingDriver
from tests.ui.fakes import launch


@pytest.mark.timeout(30)
def test_writing_to_a_closed_terminal_ends() -> None:
    ours, theirs = pty.openpty()
    terminal = os.fdopen(theirs, "w")
    os.close(ours)
    with pytest.raises(OSError, match="Input/output"):
        print("x", file=terminal, flush=True)
    writer = WriterThread(Outlasting(terminal))  # type: ignore[arg-type]  # all that is used of it is there
    writer.start()
    for _ in range(10 * MAX_QUEUED_WRITES):
        writer.write("x" * 1000)
    writer.stop()
    assert not writer.is_alive()
    # What is left in the buffer has nowhere to go.
    with pytest.raises(OSError, match="Input/output"):
        terminal.close()


async def test_a_paint_goes_to_the_writing_thread_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[str] = []
    monkeypatch.setattr(LinuxDriver, "write", lambda _driver, data: handed.append(data))
    driver = OutlastingDriver(HandingerApp(launch()))
    for data in ("title", SYNC_START, "rows", "cursor", SYNC_END, "bell"):
        driver.write(data)
    assert handed == ["title", f"{SYNC_START}rowscursor{SYNC_END}", "bell"]


def test_the_app_takes_the_driver_that_outlasts_unless_another_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert HandingerApp(launch()).driver_class is OutlastingDriver
    monkeypatch.setattr("textual.constants.DRIVER", "textual.drivers.web_driver:WebDriver")
    assert not issubclass(HandingerApp(launch()).driver_class, LinuxDriver)
