"""Start: spawn → prompt visible → typed key visible; and `--version` compared with an empty Python."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from benchmarks.bench import Lab
from benchmarks.eye import Eye
from benchmarks.figures import OURS
from benchmarks.targets import Target, environment, floor_input, ours, python

TYPED = "zq"
FAST = "thequickbrownfoxjumpsoverlazyd"
FAST_S = 0.012
AGAIN_S = 0.25
"""After this long without an echo a key is typed again: it was sent before the program read input."""
EMPTY = "python -c pass"


def run(lab: Lab) -> None:
    """One unmeasured start of each first: bytecode and page cache are warm, as on any second start."""
    for number in range(lab.scale.repeats + 1):
        for target in (floor_input(), *lab.rivals("start"), ours()):
            with lab.sparing("start", target):
                metrics = cold(lab, target)
                if number:
                    lab.figures.add("start", "cold", target.name, metrics)
        for name, argv in ((EMPTY, python("-c", "pass")), (OURS, python("-m", "handinger_tui", "--version"))):
            metrics = brief(lab, argv)
            if number:
                lab.figures.add("start", "version", name, metrics)

    lost = sum(not keeps_keys(lab, ours()) for _ in range(lab.scale.handovers))
    metrics = {"starts that lost keys": float(lost), "of starts": float(lab.scale.handovers)}
    lab.figures.add("start", "typed from the first frame on", OURS, metrics)


def keeps_keys(lab: Lab, target: Target) -> bool:
    """Type 30 letters as soon as the prompt stands, 12 ms apart: all of them stand there in the end."""
    with lab.started(target) as (running, eye):
        for letter in FAST:
            running.send(letter.encode())
            running.pump(FAST_S)
        return eye.await_text(FAST, 5.0) is not None


def cold(lab: Lab, target: Target) -> dict[str, float | None]:
    """One start; our program and the floors in a new home."""
    with lab.spawned(target) as (running, eye):
        prompt = eye.await_text(target.ready)
        typed = None
        for _ in range(40):
            running.send(TYPED.encode())
            typed = eye.await_text(TYPED, AGAIN_S)
            if typed is not None:
                break
        running.settle()
        complete_at = Eye(running).visible_at(target.full_screen) if target.full_screen else None
        return {
            "screen ms": None if complete_at is None else (complete_at - running.born) * 1000,
            "prompt ms": None if prompt is None else (prompt - running.born) * 1000,
            "typed key ms": None if typed is None else (typed - running.born) * 1000,
            "CPU s": running.cpu,
            "RSS MB": running.rss,
        }


def brief(lab: Lab, argv: tuple[str, ...]) -> dict[str, float | None]:
    """A program that prints something and ends."""
    with lab.home() as home:
        begun = time.monotonic()
        _run(argv, environment(home, lab.service.base_url), home)
        return {"wall ms": (time.monotonic() - begun) * 1000}


def _run(argv: tuple[str, ...], environ: dict[str, str], home: Path) -> None:
    subprocess.run(argv, env=environ, cwd=home, check=True, stdout=subprocess.DEVNULL)
