"""Clients of the lab: the program in this process, or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.chaos.adapter import Asked, Said, told
from tests.chaos.data import SHORT
from tests.e2e.runner import KEY, run

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Client:
    """What came of one operation. `megabytes` is the peak of a process of its own, else None."""

    code: int
    told: dict[str, Any]
    err: str
    seconds: float
    megabytes: float | None = None


def here(asked: Asked, home: Path, base_url: str) -> Client:
    """In this process: fast, and every byte of stderr is seen."""
    heard: list[str] = []

    def command(*argv: str) -> Said:
        ran = run(*argv, home=home, base_url=base_url, **SHORT | asked.environ)
        heard.append(ran.err)
        return ran.code, ran.out

    begun = time.monotonic()
    code, said = told(asked, command)
    return Client(code, said, "".join(heard), time.monotonic() - begun)


def environ(home: Path, base_url: str, **more: str) -> dict[str, str]:
    """The environment of a process of its own: nothing of the person who runs the tests but the path."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "HANDINGER_TUI_HOME": str(home / "tui"),
        "HANDINGER_API_KEY": KEY,
        "HANDINGER_BASE_URL": base_url,
        **SHORT,
        **more,
    }


LAUNCHER: Final = """
import os, pathlib, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
pathlib.Path(sys.argv[1]).write_text(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process between us and the measured one: a child's peak begins with its parent's size."""


def apart(asked: Asked, home: Path, base_url: str) -> Client:
    """In a process of its own, its memory measured."""
    argv = ["--base", base_url, "--op", asked.op, "--worker", asked.worker, "--input", asked.prompt]
    argv += ["--dir", asked.folder, "--attach", asked.attach]
    begun = time.monotonic()
    with (home / "out").open("w+b") as out, (home / "err").open("w+b") as err:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, "peak", sys.executable, "-m", "tests.chaos.adapter", *argv],
            env=environ(home, base_url, **asked.environ),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        process.wait()
    seconds = time.monotonic() - begun
    said = json.loads((home / "out").read_text().splitlines()[-1])
    return Client(
        process.returncode,
        said,
        (home / "err").read_text(),
        seconds,
        _megabytes(int((home / "peak").read_text())),
    )


def _megabytes(peak: int) -> float:
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return peak / unit
