"""The terminal after the app, even if the history cannot be closed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli import app as wiring
from handinger_tui.cli.local_files import DiskFiles
from handinger_tui.core.errors import NoRoom
from handinger_tui.core.safety import Secret
from handinger_tui.settings import Settings
from handinger_tui.ui.ports import AppOptions, Connection

if TYPE_CHECKING:
    from contextlib import AsyncExitStack


class EndedApp:
    """An app that ends immediately."""

    farewell = ("Resume this session:  handinger-tui --resume ses_1",)
    return_code = 0

    def __init__(self, _launch: AppOptions) -> None:
        pass

    async def run_async(self, *, mouse: bool) -> None:
        assert mouse


def launch_on_a_full_disk(_options: object, _settings: object, stack: AsyncExitStack) -> AppOptions:
    """Options of an app whose history cannot be closed."""

    async def close() -> None:
        raise NoRoom("The disk is full.")

    async def connect() -> Connection:
        raise AssertionError

    stack.push_async_callback(close)
    return AppOptions(connect, DiskFiles())


async def test_the_resume_command_is_shown_although_the_history_cannot_be_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wiring, "HandingerApp", EndedApp)
    monkeypatch.setattr(wiring, "app_options", launch_on_a_full_disk)
    monkeypatch.setattr(wiring, "_leave_on_signals", lambda _app: None)
    with pytest.raises(NoRoom):
        await wiring._run(
            argparse.Namespace(command=None), Settings(base_url="https://example.test", key=Secret("")), None
        )
    assert EndedApp.farewell[0] in capsys.readouterr().out
