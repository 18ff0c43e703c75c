"""The program on one machine, also in processes of their own: signals, limits, a broken environment."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.chaos.clients import environ
from tests.chaos.data import SCENARIOS
from tests.chaos.judge import prompt_for
from tests.chaos.server import FaultServer
from tests.chaos.world import World
from tests.e2e.runner import KEY, Ran, run

SLOW: Final = "slow-20-deltas"
SLOW_TEXT: Final = SCENARIOS[SLOW]["expect"]["final_text"]
DEADLINE_S: Final = 60.0


@dataclass(frozen=True)
class Place:
    """One person's machine: a home and a service."""

    server: FaultServer
    home: Path

    @property
    def data(self) -> Path:
        return self.home / "tui"

    @property
    def database(self) -> Path:
        return self.data / "history.db"

    def world(self, name: str = SLOW) -> World:
        return self.server.begin(SCENARIOS[name])

    def start(
        self,
        world: World,
        *argv: str,
        stdout: int = subprocess.PIPE,
        limit: Callable[[], None] | None = None,
        env: Mapping[str, str | None] | None = None,
    ) -> subprocess.Popen[str]:
        """Start the program; without `argv` it sends the world's prompt."""
        words, variables = self._words(world, argv), self._variables(world, env)
        return program(*words, env=variables, cwd=self.home, stdout=stdout, limit=limit)

    def run_apart(self, world: World, *argv: str, **more: Any) -> Ran:
        """Run the program to its end, in a process of its own."""
        return ended(self.start(world, *argv, **more))

    def run(self, world: World, *argv: str, env: Mapping[str, str | None] | None = None) -> Ran:
        """Run the program to its end, in this process: starting another one takes most of the time."""
        ran = run(*self._words(world, argv), home=self.data, **self._variables(world, env))
        check_output(ran.out, ran.err)
        return ran

    def _words(self, world: World, argv: Sequence[str]) -> Sequence[str]:
        """Without `argv`, the world's prompt is sent."""
        return argv or ("-p", prompt_for(world), "-w", world.worker_id, "--json")

    def _variables(self, world: World, env: Mapping[str, str | None] | None) -> dict[str, str]:
        """The environment; a variable that is None is unset."""
        variables = {**environ(self.home, self.server.base_of(world)), **(env or {})}
        return {name: value for name, value in variables.items() if value is not None}

    def attach(self, world: World) -> Ran:
        """Attach to the worker of a healthy service."""
        return self.run(world, "attach", world.worker_id, "--json")

    def rows(self, query: str) -> list[Any]:
        """Rows of the history, which must be intact."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return connection.execute(query).fetchall()

    def turns_of(self, world: World) -> list[tuple[str, str]]:
        """(prompt, status) of the turns of a worker."""
        query = f"SELECT prompt, status FROM turns WHERE worker_id = '{world.worker_id}' ORDER BY place"  # noqa: S608 - our own name
        return self.rows(query)


def program(
    *argv: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdout: int = subprocess.PIPE,
    limit: Callable[[], None] | None = None,
) -> subprocess.Popen[str]:
    """The program in a process of its own, with exactly this environment."""
    return subprocess.Popen(
        [sys.executable, "-m", "handinger_tui", *argv],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        preexec_fn=limit,  # noqa: PLW1509 - sets a limit of the child and nothing else
    )


def ended(process: subprocess.Popen[str]) -> Ran:
    """Wait for the end of the process."""
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    out = out or ""
    check_output(out, err)
    return Ran(process.returncode, out, err)


def check_output(out: str, err: str) -> None:
    """It may contain neither a traceback nor the key."""
    assert "Traceback" not in err, err[-2000:]
    assert KEY not in out + err


def stay(process: subprocess.Popen[str], seconds: float) -> None:
    """Let this much time pass, unless the process ends before."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def file_limit(size: int) -> Callable[[], None]:
    """No file grows beyond `size` bytes: stands for a full disk (EFBIG instead of ENOSPC)."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def is_superuser() -> bool:
    return os.geteuid() == 0
