"""Sessions: opening, scrolling, typing in and holding stored sessions of a few and of many turns."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.bench import Lab
from benchmarks.benches.echo import echo
from benchmarks.figures import OURS
from benchmarks.seeding import SESSION, Seed, seed_home
from benchmarks.targets import ours
from benchmarks.terminal import Terminal

EMPTY = Seed(turns=1, tokens=20)
PAGES = 8
PAGE_UP, PAGE_DOWN = b"\x1b[5~", b"\x1b[6~"
PAUSE_S = 0.1
PATIENCE_S = 240.0


def name_of(seed: Seed) -> str:
    """The case of a session."""
    return "empty" if seed == EMPTY else f"{seed.turns} turns"


def run(lab: Lab) -> None:
    """Homes are seeded once; every run opens them with a new program, after one unmeasured visit of each."""
    with lab.home() as folder:
        homes = [(seed, folder / name_of(seed)) for seed in (EMPTY, *map(Seed, lab.scale.turns))]
        for seed, home in homes:
            seed_home(seed, home, lab.service.base_url)
            visit(lab, home, seed, 0, used=False)
        for number in range(lab.scale.long_repeats):
            for seed, home in homes:
                told = visit(lab, home, seed, number, used=seed != EMPTY)
                lab.figures.add("sessions", name_of(seed), OURS, told)


def visit(lab: Lab, home: Path, seed: Seed, number: int, *, used: bool) -> dict[str, float | None]:
    """Open a stored session, and use it."""
    target = ours("-r", SESSION)
    with lab.spawned(target, home) as (running, eye):
        seen = eye.await_text(seed.mark, PATIENCE_S)
        if seen is None:
            raise RuntimeError(f"{seed} was not shown:\n{eye.screen.text}")
        told: dict[str, float | None] = {"first rows ms": (seen - running.born) * 1000}
        running.settle()
        told |= {"RSS MB": running.rss, "CPU s to open": running.cpu}
        if used:
            told |= pages(running, lab.scale.rounds)
            typed = echo(running, eye, lab.scale.keys, number)
            told |= {f"echo {name}": value for name, value in typed.items()}
        return told


def pages(running: Terminal, rounds: int) -> dict[str, float | None]:
    """Page up and down again: CPU of a page, and how soon the terminal is told of it."""
    cpu, soon, written = running.cpu, [], running.bytes
    chance = random.Random(1)
    for key in ([PAGE_UP] * PAGES + [PAGE_DOWN] * PAGES) * rounds:
        known = len(running.chunks)
        at = running.send(key)
        running.pump(PAUSE_S + chance.uniform(0, 0.02))
        if len(running.chunks) > known:
            soon.append((running.chunks[known].at - at) * 1000)
    count = 2 * PAGES * rounds
    return {
        "page CPU ms": (running.cpu - cpu) / count * 1000,
        "page ms": sorted(soon)[len(soon) // 2] if soon else None,
        "page bytes": (running.bytes - written) / count,
        "pages without a frame": float(count - len(soon)),
    }
