"""The chosen theme is stored with the history, and a damaged file does not prevent the start."""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.cli.app import app_options
from handinger_tui.cli.local_files import keep_theme, kept_theme
from handinger_tui.core.safety import Secret
from handinger_tui.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings("https://example.test", Secret("k"))


def theme_at_start(settings: Settings) -> str | None:
    args = argparse.Namespace(command=None, last=False, resume=None, worker=None, prompt=None)
    return app_options(args, settings, AsyncExitStack()).theme


def test_the_theme_chosen_last_is_shown_at_the_next_start(own_home: Path) -> None:
    assert theme_at_start(SETTINGS) is None
    keep_theme("light")
    keep_theme("midnight")
    assert theme_at_start(SETTINGS) == "midnight"
    assert [path.name for path in own_home.iterdir()] == ["theme"]


def test_the_configuration_overrides_the_stored_theme() -> None:
    keep_theme("midnight")
    assert theme_at_start(replace(SETTINGS, theme="paper")) == "paper"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\n", b"x" * 100_000])
def test_a_damaged_file_does_not_prevent_the_start(own_home: Path, content: bytes) -> None:
    (own_home / "theme").write_bytes(content)
    assert len(kept_theme() or "") <= 100


def test_a_read_only_folder_is_a_disk_error(own_home: Path) -> None:
    (own_home / "theme").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - any of the disk
        keep_theme("light")
    assert kept_theme() is None
