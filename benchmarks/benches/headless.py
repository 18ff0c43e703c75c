"""Headless: tokens per second through a pipe, compared with a bare httpx-sse reader of the same stream."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Lab
from benchmarks.figures import OURS
from benchmarks.plan import Plan
from benchmarks.targets import environment, python

READER = "httpx-sse"


def run(lab: Lab) -> None:
    """One unmeasured run of each first."""
    for number in range(lab.scale.repeats + 1):
        for name in (READER, OURS):
            plan = Plan("prose", lab.scale.unpaced)
            metrics = race(lab, plan, argv_of(lab, name, plan))
            if number:
                lab.figures.add("headless", "unpaced", name, metrics)


def argv_of(lab: Lab, name: str, plan: Plan) -> tuple[str, ...]:
    """The command line of each."""
    if name == READER:
        return python("-m", "benchmarks.floors.reader", lab.service.base_url, plan.prompt)
    return python("-m", "handinger_tui", "-p", plan.prompt)


@dataclass(frozen=True)
class Piped:
    """The times of the mark (None: never) and of the end, in monotonic seconds."""

    marked: float | None
    ended: float
    cpu: float


def race(lab: Lab, plan: Plan, argv: tuple[str, ...]) -> dict[str, float | None]:
    """From the first token leaving the service to the mark on standard output."""
    with lab.home() as home:
        begun = time.monotonic()
        piped = read_all(argv, environment(home, lab.service.base_url), home, plan.mark.encode())
        sent = lab.service.wait(plan)
    marked = piped.marked
    return {
        "tokens/s": None if marked is None else plan.tokens / (marked - sent.first),
        "before the first token ms": (sent.first - begun) * 1000,
        "after the mark ms": None if marked is None else (piped.ended - marked) * 1000,
        "CPU s": piped.cpu,
    }


def read_all(argv: tuple[str, ...], environ: dict[str, str], home: Path, mark: bytes) -> Piped:
    """Run a program to its end, and read its output."""
    before = os.times()
    marked, tail = None, b""
    with subprocess.Popen(
        argv, env=environ, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as ran:
        assert ran.stdout is not None
        while data := os.read(ran.stdout.fileno(), 1 << 16):
            tail = (tail + data)[-(len(mark) + len(data)) :]
            if marked is None and mark in tail:
                marked = time.monotonic()
    ended, after = time.monotonic(), os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Piped(marked, ended, cpu)
