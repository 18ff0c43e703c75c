"""Files that go along, in a real terminal: named, dropped, taken away, and as they arrive."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import httpx
import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.runner import run
from tests.e2e.terminal import terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(180)]

SALES = b"day,units\nmon,4\ntue,6\n"


def test_named_and_dropped_files_arrive_byte_for_byte(tmux: str, tmp_path: Path) -> None:
    folder, home = tmp_path / "my data", tmp_path / "home"
    folder.mkdir()
    (folder / "sales.csv").write_bytes(SALES)
    (folder / "the notes.md").write_text("# Notes\n")
    (folder / "not this.txt").write_text("no")
    with LocalServer.start(pace=0) as server:
        service = {"HANDINGER_BASE_URL": server.base_url, "HANDINGER_API_KEY": server.api_key}
        with terminal(tmux, 100, 30, folder) as window:
            window.run(home=home, **service)
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
            window.until(lambda seen: "not this.txt" not in seen, "the chip is gone")
            window.press("Escape")
            window.shows(" Enter Send ")
            window.press("Enter")
            window.shows("+ sales.csv  22 B")
            window.shows("completed")
            window.press("C-d")
            window.shows("exit=0")
        [session] = run("sessions", "list", "--json", home=home).result["sessions"]
        key = {"Authorization": f"Bearer {server.api_key}"}
        with httpx.Client(base_url=server.base_url, headers=key, trust_env=False) as client:
            worker = client.get(f"/api/workers/{session['worker_id']}").json()
            text, *parts = worker["messages"][0]["parts"]
            assert text["text"] == "Sum up sales.csv and the notes"
            assert [part["filename"] for part in parts] == ["sales.csv", "the notes.md"]
            assert [client.get(part["url"]).content for part in parts] == [SALES, b"# Notes\n"]


def test_a_file_that_is_not_there_sends_nothing(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 80, 24, tmp_path) as window:
        window.run(home=tmp_path)
        window.shows("LOCAL")
        window.type("Sum up @gone.csv now")
        window.shows("gone.csv  not found ✕")
        window.press("Enter")
        screen = window.shows("File not found: gone.csv. Nothing was sent.")
        assert "Sum up @gone.csv now" in screen
        window.press("C-c", "C-c", "C-c")
        window.shows("exit=0")
    assert run("sessions", "list", "--json", home=tmp_path).result["sessions"] == []
