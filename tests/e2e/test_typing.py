"""A typist in a real terminal: sessions stream, the window changes, the mouse clicks; all letters arrive."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.runner import run
from tests.e2e.terminal import PATIENCE_S, Terminal, terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.terminal

PACE = 0.1
"""The pace of the local worker: about 400 tokens per second."""
LETTERS = "jkymsdnNMxopSaeqgrf!#?/ 1"
KEYS = ("F6", "C-b", "PPage", "NPage", "C-l", "C-o", "C-Home", "C-End", "C-q")
SIZES = ((60, 20), (80, 24), (120, 40), (200, 60))


def click(window: Terminal, column: int, row: int) -> None:
    """The mouse report of a click on the transcript."""
    window.type(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")


def drafts(home: Path) -> list[str]:
    """The stored prompts."""
    with closing(sqlite3.connect(next(home.rglob("*.db")))) as connection:
        return [str(text) for (text,) in connection.execute("SELECT text FROM drafts")]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_letter_is_typed_while_two_sessions_stream(tmux: str, tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    with LocalServer.start(pace=PACE) as server, terminal(tmux, 120, 40) as window:
        account = {"HANDINGER_BASE_URL": server.base_url, "HANDINGER_API_KEY": server.api_key}
        window.run("long 2000", home=tmp_path, **account)
        window.shows("Paragraph ")
        window.press("C-n")
        window.shows("New session")
        window.type("long 2001")
        window.press("Enter")
        window.shows("Paragraph ")
        typed = "w"
        window.type(typed)
        for _ in range(60):
            kind = random.random()
            if kind < 0.7:
                burst = "".join(random.choices(LETTERS, k=random.randint(1, 12)))
                typed += burst
                window.type(burst)
            elif kind < 0.85:
                window.press(random.choice(KEYS))
            elif kind < 0.93:
                click(window, random.randint(2, 50), random.randint(2, 12))
            else:
                window.resize(*random.choice(SIZES))
        # Two answers stream meanwhile: on a busy machine the keys take a minute.
        end = time.monotonic() + 3 * PATIENCE_S
        while typed not in drafts(tmp_path):
            assert time.monotonic() < end, f"{typed!r}\n{drafts(tmp_path)}\n{window.screen}"
            time.sleep(0.1)
        window.resize(120, 40)
        window.until(lambda screen: "working" in screen.splitlines()[0], "the answer still streams")
        window.shows("1 other running")
        window.press("C-c", "C-c", "C-c")
        window.shows("exit=0")
        listed = run(
            "sessions", "list", "--json", home=tmp_path, base_url=server.base_url, key=server.api_key
        )
        assert [row["turns"] for row in listed.result["sessions"]] == [1, 1]
