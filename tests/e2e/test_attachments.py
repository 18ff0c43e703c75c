"""Attachments in a real terminal: named, dropped, removed, and received by the service."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.accounts import Account
from tests.e2e.runner import run
from tests.e2e.terminal import terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.terminal

SALES = b"day,units\nmon,4\ntue,6\n"


@pytest.mark.parametrize("generation", ["workers", pytest.param("tasks", marks=pytest.mark.slow)])
def test_named_and_dropped_files_arrive_byte_for_byte(tmux: str, generation: str, tmp_path: Path) -> None:
    folder, home = tmp_path / "my data", tmp_path / "home"
    folder.mkdir()
    (folder / "sales.csv").write_bytes(SALES)
    (folder / "the notes.md").write_text("# Notes\n")
    (folder / "not this.txt").write_text("no")
    with LocalServer.start(pace=0) as server:
        account = Account(server, generation)
        with terminal(tmux, 100, 30, folder) as window:
            window.run(home=home, **account.environ)
            window.shows("Ask a worker")
            window.type("Sum up @sa")
            window.shows("› sales.csv")
            window.press("Tab")
            window.shows("sales.csv  22 B CSV ✕")
            window.type("and the notes")
            for name in ("not this.txt", "the notes.md"):
                window.paste(shlex.quote(str(folder / name)) + " ")
                window.shows(f"{name}  ")
            window.press("F8")
            window.shows(" Del Remove ")
            window.press("Left", "DC")
            window.until(lambda screen: "not this.txt" not in screen, "the chip is gone")
            window.press("Escape")
            window.shows(" Enter Send ")
            window.press("Enter")
            window.shows("completed")
            # The answer may already have moved the message out of sight.
            window.press("PPage")
            window.shows("+ sales.csv  22 B")
            window.press("C-d")
            window.shows("exit=0")
        text, *parts = account.messages(home)[0]["parts"]
        assert text["text"] == "Sum up sales.csv and the notes"
        assert [part["filename"] for part in parts] == ["sales.csv", "the notes.md"]
        assert [account.get(part["url"]).content for part in parts] == [SALES, b"# Notes\n"]


def test_a_file_that_is_not_there_sends_nothing(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 80, 24, tmp_path) as window:
        window.run(home=tmp_path)
        window.shows("LOCAL")
        window.type("Sum up @gone.csv now")
        window.shows("gone.csv  not found ✕")
        window.press("Enter")
        window.shows("File not found: gone.csv. Nothing was sent.")
        window.shows("Sum up @gone.csv now")
        window.press("C-c", "C-c", "C-c")
        window.shows("exit=0")
    assert run("sessions", "list", "--json", home=tmp_path).result["sessions"] == []
