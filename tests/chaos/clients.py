"""Clients of the lab: the program in this process, or in a separate one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.chaos.adapter import CommandResult, Operation, perform
from tests.chaos.data import SHORT
from tests.e2e.runner import KEY, run

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Client:
    """The result of one operation.

    `seconds` elapsed; for a separate process those of the processor, which a busy machine does not
    multiply. `megabytes`: its peak memory, else None.
    """

    code: int
    outcome: dict[str, Any]
    err: str
    seconds: float
    megabytes: float | None = None


def here(operation: Operation, home: Path, base_url: str) -> Client:
    """Perform the operation in this process: fast, and every byte of stderr is captured."""
    errors: list[str] = []

    def command(*argv: str) -> CommandResult:
        ran = run(*argv, home=home, base_url=base_url, **SHORT | operation.environ)
        errors.append(ran.err)
        return ran.code, ran.out

    begun = time.monotonic()
    code, outcome = perform(operation, command)
    return Client(code, outcome, "".join(errors), time.monotonic() - begun)


def environ(home: Path, base_url: str, **more: str) -> dict[str, str]:
    """The environment of a separate process: only PATH comes from the person who runs the tests."""
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
pathlib.Path(sys.argv[1]).write_text(f"{usage.ru_maxrss} {usage.ru_utime + usage.ru_stime}")
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process between us and the measured one: a child's peak begins with its parent's size."""


def apart(operation: Operation, home: Path, base_url: str) -> Client:
    """Perform the operation in a separate process and measure its memory and processor time."""
    argv = [
        "--base",
        base_url,
        "--op",
        operation.op,
        "--worker",
        operation.worker,
        "--input",
        operation.prompt,
    ]
    argv += ["--dir", operation.folder, "--attach", operation.attach]
    with (home / "out").open("w+b") as out, (home / "err").open("w+b") as err:
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, "used", sys.executable, "-m", "tests.chaos.adapter", *argv],
            env=environ(home, base_url, **operation.environ),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        process.wait()
    peak, seconds = (home / "used").read_text().split()
    outcome = json.loads((home / "out").read_text().splitlines()[-1])
    return Client(
        process.returncode,
        outcome,
        (home / "err").read_text(),
        float(seconds),
        _megabytes(int(peak)),
    )


def _megabytes(peak: int) -> float:
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return peak / unit
