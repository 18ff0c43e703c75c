"""A few journeys in a real terminal, against the local worker."""

from __future__ import annotations

import os
import select
import signal
import socket
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.e2e.accounts import Account
from tests.e2e.held import held_worker
from tests.e2e.runner import KEY, run
from tests.e2e.terminal import PATIENCE_S, terminal
from tests.e2e.test_early_frame import early_texts
from tests.wire.recordings import recordings
from tests.wire.replay import Player, playing

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.terminal
# Screen and engine have no branch on a generation (tests/house/test_generations.py): one by default.
sizes = pytest.mark.parametrize(
    ("columns", "rows", "generation"),
    [(80, 24, "workers"), pytest.param(120, 40, "tasks", marks=pytest.mark.slow)],
    ids=["workers", "tasks"],
)


@sizes
def test_a_prompt_that_answers_without_a_key(
    tmux: str, columns: int, rows: int, generation: str, tmp_path: Path
) -> None:
    with terminal(tmux, columns, rows) as window:
        window.run(home=tmp_path, HANDINGER_GENERATION=generation)
        window.shows("LOCAL")
        window.type("echo the quick brown fox")
        window.press("Enter")
        window.shows("so far")
        screen = window.shows("completed")
        assert "the quick brown fox" in screen
        # The credits are a key away.
        window.press("C-t")
        window.shows("Credits")
        window.press("Escape")
        window.press("C-d")
        screen = window.shows("exit=0")
        assert "--resume ses_" in screen


@sizes
def test_text_streams_esc_explains_itself_and_the_session_is_restored(
    tmux: str, columns: int, rows: int, generation: str, tmp_path: Path
) -> None:
    service = {"HANDINGER_GENERATION": generation, "HANDINGER_POLL_INTERVAL": "0.2"}
    with terminal(tmux, columns, rows) as window:
        window.run("long 60", home=tmp_path, **service)
        screen = window.shows("Paragraph ")
        assert "working" in screen
        window.press("Escape")
        # A frame comes in pieces: a part of it may be there alone.
        screen = window.until(
            lambda text: "keeps running" in text and "until you quit" in text, "the whole question"
        )
        assert "charging" not in screen
        window.press("Escape")
        window.until(lambda text: "keeps running" not in text, "the question is gone")
        window.type("queued while it runs")
        window.press("C-c")
        window.until(lambda text: "queued while it runs" not in text, "the prompt is cleared")
        window.press("C-c", "C-c")
        window.shows("exit=")
    with terminal(tmux, columns, rows) as window:
        window.run("-c", home=tmp_path, **service)
        window.shows("Paragraph")
        window.press("C-Home")
        window.until(lambda text: "60 paragraphs" in text and "Paragraph 1." in text, "the beginning")


def test_a_typed_prompt_is_not_lost_when_the_terminal_dies(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 100, 30) as window:
        window.run("long 400", home=tmp_path)
        window.shows("Paragraph ")
    with terminal(tmux, 100, 30) as window:
        window.run("-c", home=tmp_path)
        window.shows("Paragraph ")
        window.shows("long 400")


def test_closing_the_terminal_ends_every_process(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 100, 30) as window:
        window.run("long 400", home=tmp_path)
        window.shows("Paragraph ")
        processes = [os.pidfd_open(pid) for pid in window.programs]
    assert processes
    for program in processes:
        # A pidfd is readable once the process has ended.
        assert select.select([program], [], [], PATIENCE_S)[0]
        os.close(program)


def test_help_and_version_need_no_terminal(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 80, 24) as window:
        window.run("--version", home=tmp_path)
        assert "handinger-tui 0." in window.shows("exit=0")


@pytest.mark.parametrize(
    ("killed", "generation"),
    [(False, "workers"), (True, "workers"), pytest.param(True, "tasks", marks=pytest.mark.slow)],
    ids=["terminal closed", "kill -9", "kill -9 with tasks"],
)
def test_a_run_survives_the_end_of_its_terminal(
    tmux: str, generation: str, tmp_path: Path, *, killed: bool
) -> None:
    with held_worker() as (server, may_end):
        service = Account(server, generation).environ | {"HANDINGER_POLL_INTERVAL": "0.2"}
        with terminal(tmux, 100, 30) as window:
            window.run("long 25", home=tmp_path, **service)
            window.shows("Paragraph ")
            if killed:
                window.kill()
        with terminal(tmux, 100, 30) as window:
            window.run(home=tmp_path, **service)
            window.shows("long 25")
            if not killed:
                # The turn was detached on purpose: it is offered, and Enter watches it for free.
                window.shows("still running")
                window.press("Enter")
            window.until(lambda text: "working" in text.splitlines()[0], "the turn is watched")
            may_end.set()
            window.shows("completed")
            window.press("C-Home")
            screen = window.shows("Paragraph 1.")
            assert screen.count("Paragraph 1.") == 1
            window.press("C-End")
            window.until(lambda text: "Paragraph 25." in text and "so far" in text, "the end, with its price")
    listing = run("sessions", "list", "--json", home=tmp_path)
    assert [(row["turns"], row["last_status"]) for row in listing.result["sessions"]] == [(1, "completed")]


def test_enter_twice_sends_once(tmux: str, tmp_path: Path) -> None:
    player = Player(next(one for one in recordings("6") if one.path.stem == "plain-text"))
    with playing(player) as url, terminal(tmux, 80, 24) as window:
        window.run("-w", "wrk_1", home=tmp_path, HANDINGER_BASE_URL=url, HANDINGER_API_KEY=KEY)
        window.shows("Ask a worker")
        window.type("ping\r\r")
        # The worker has completed an earlier turn, too.
        window.until(
            lambda screen: bool(player.posts) and "❯ ping" in screen and "completed" in screen, "the answer"
        )
        window.press("C-d")
        window.shows("exit=0")
    assert player.posts == 1


def test_sigterm_restores_the_terminal(tmux: str, tmp_path: Path) -> None:
    with terminal(tmux, 80, 24) as window:
        window.run("long 300", home=tmp_path)
        window.shows("Paragraph ")
        window.signal(signal.SIGTERM)
        screen = window.shows("exit=143")
        assert "--resume" in screen
        assert "Paragraph" not in screen
        # Echo and line mode are on again: the terminal itself shows the typed text.
        window.type("typed at the shell")
        window.shows("typed at the shell")


def test_what_was_typed_before_a_session_was_there_survives_a_kill(tmux: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # Opening the session of this worker waits for an answer that does not come.
        service = {
            "HANDINGER_API_KEY": KEY,
            "HANDINGER_BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        with terminal(tmux, 80, 24) as window:
            window.run("-w", "w1", home=tmp_path, **service)
            window.shows("connecting")
            window.type("a question\rhalf a thought")
            window.until(lambda _screen: "half a thought" in drafts(tmp_path), "a draft on disk")
            window.kill()
        with terminal(tmux, 80, 24) as window:
            window.run(home=tmp_path, **service)
            window.shows("half a thought")
            window.shows("Enter to send")
            window.press("C-u", "Up", "Up")
            window.shows("a question")


def drafts(home: Path) -> str:
    """All drafts on disk, of a session or from before there was one."""
    early = early_texts(home)
    try:
        with closing(sqlite3.connect(f"file:{home / 'history.db'}?mode=ro", uri=True)) as database:
            return "\n".join([early, *(text for (text,) in database.execute("SELECT text FROM drafts"))])
    except sqlite3.OperationalError:
        # Not created yet.
        return early
