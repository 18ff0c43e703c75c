"""Targets: the programs that are measured, each in its own home, connected only to the paced service."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.figures import OURS
from benchmarks.terminal import Terminal

ROOT: Final = Path(__file__).resolve().parents[1]
CLEAR_BOX: Final = b"\x15"
"""Ctrl+U empties an input line, ours and Textual's."""
READY: Final = ("floor is ready", "floor is ready")
NULL: Final = "floor-null"
INPUT: Final = "floor-input"


@dataclass(frozen=True)
class Kept:
    """The state of a peer in a batch: its working folder, and its environment."""

    folder: Path
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Target:
    """A program with a prompt.

    `ready`: a text that appears with the prompt; `full_screen`: with the full screen.
    """

    name: str
    argv: tuple[str, ...]
    ready: str
    full_screen: str | None = None
    kept: Kept | None = None
    """None: ours and the floors, which get a fresh home at each start."""
    clear: bytes = CLEAR_BOX
    enter: bytes = b"\r"
    pause_s: float = 0.15
    """Between a typed prompt and the key that sends it."""

    def submit(self, running: Terminal, prompt: str) -> float:
        """Type a prompt and send it; returns when, in monotonic seconds."""
        running.send(prompt.encode())
        running.pump(self.pause_s)
        return running.send(self.enter)


def python(*words: str) -> tuple[str, ...]:
    """The interpreter that runs this."""
    return (sys.executable, *words)


def ours(*words: str) -> Target:
    """The program, with arguments."""
    return Target(OURS, python("-m", "handinger_tui", *words), "Ask a worker", "Three things to try")


def floor_input() -> Target:
    """The floor of starting and typing."""
    return Target(INPUT, python("-m", "benchmarks.floors.one_input"), *READY)


def floor_null(base_url: str) -> Target:
    """The floor of streaming."""
    return Target(NULL, python("-m", "benchmarks.floors.null_chat", base_url), *READY)


def bare(home: Path) -> dict[str, str]:
    """The environment of every program: without this machine's settings, keys and proxies."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
    }


def environment(home: Path, base_url: str) -> dict[str, str]:
    """Further variables for our program and the floors."""
    return bare(home) | {
        "PYTHONPATH": str(ROOT),
        "HANDINGER_TUI_HOME": str(home / "data"),
        "HANDINGER_API_KEY": "made-up-key-of-a-benchmark",
        "HANDINGER_BASE_URL": base_url,
    }
