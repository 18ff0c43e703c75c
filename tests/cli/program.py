"""The program in a separate process, with a service that counts POSTs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.runner import KEY, Ran, run
from tests.wire.recordings import recordings
from tests.wire.replay import Player, playing

PLAIN = next(one for one in recordings("6") if one.path.stem == "plain-text")
MAIN = ("-m", "handinger_tui")
needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")


@contextmanager
def service() -> Iterator[tuple[Player, str]]:
    """A player of a simple answer, and its address."""
    player = Player(PLAIN)
    with playing(player) as url:
        yield player, url


def run_on(server: LocalServer, home: Path, *argv: str, generation: str = "tasks") -> Ran:
    """`handinger-tui ARGV` with a local worker as its service."""
    url = server.tasks_url if generation == "tasks" else server.base_url
    return run(*argv, home=home, base_url=url, key=server.api_key, HANDINGER_GENERATION=generation)


def environ(home: Path, base_url: str | None = None, **more: str | None) -> dict[str, str]:
    """The environment of a child; a variable that is None is unset."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HANDINGER_")}
    variables: dict[str, str | None] = {
        **kept,
        "HANDINGER_TUI_HOME": str(home),
        "HANDINGER_POLL_INTERVAL": "0.05",
    }
    if base_url is not None:
        variables |= {"HANDINGER_BASE_URL": base_url, "HANDINGER_API_KEY": KEY}
    return {name: value for name, value in {**variables, **more}.items() if value is not None}


def start(
    env: dict[str, str],
    *argv: str,
    code: str | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    limit: Callable[[], None] | None = None,
) -> subprocess.Popen[str]:
    """Start `handinger-tui ARGV`, or the Python program `code` with these arguments."""
    head = MAIN if code is None else ("-c", code)
    pipes: dict[str, Any] = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    return subprocess.Popen(
        [sys.executable, *head, *argv],
        env=env,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509 - sets a limit of the child and nothing else
        **pipes,
    )
