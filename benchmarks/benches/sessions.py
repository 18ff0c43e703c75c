"""Sessions: opening, scrolling, typing in and holding stored sessions of a few and of many turns."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.bench import Lab
from benchmarks.benches.echo import Typist
from benchmarks.eye import Eye
from benchmarks.figures import OURS
from benchmarks.seeding import SESSION, Seed, seed_home
from benchmarks.targets import ours
from benchmarks.terminal import Terminal

EMPTY = Seed(turns=1, tokens=20)
PAGES = 8
PAGE_UP, PAGE_DOWN = b"\x1b[5~", b"\x1b[6~"
PAUSE_S = 0.1
KEPT_S = 1.0
"""Then it is on disk that the box is empty; before, the next visit would find the last text in it."""
PATIENCE_S = 240.0


def name_of(seed: Seed) -> str:
    """The case of a session."""
    return "empty" if seed == EMPTY else f"{seed.turns} turns"


def run(lab: Lab) -> None:
    """Homes are seeded once; every run opens them with new programs, after one unmeasured visit of each."""
    with lab.home() as folder:
        homes = {seed: folder / name_of(seed) for seed in (EMPTY, *map(Seed, lab.scale.turns))}
        for seed, home in homes.items():
            seed_home(seed, home, lab.service.base_url)
            with lab.spawned(ours("-r", SESSION), home) as (running, eye):
                opened(running, eye, seed)
        for number in range(lab.scale.long_repeats):
            visit(lab, homes, number)


def visit(lab: Lab, homes: Mapping[Seed, Path], number: int) -> None:
    """Open every session, and use all but the empty one."""
    typists: dict[str, Typist] = {}
    with ExitStack() as stack:
        for seed, home in homes.items():
            running, eye = stack.enter_context(lab.spawned(ours("-r", SESSION), home))
            metrics = opened(running, eye, seed)
            if seed != EMPTY:
                metrics |= pages(running, lab.scale.rounds)
                typists[name_of(seed)] = Typist(running, eye, random.Random(number))
            lab.figures.add("sessions", name_of(seed), OURS, metrics)
        # Box by box in turns: what they are compared for must not be that the machine is slower by then.
        unfinished = list(typists.values())
        while unfinished:
            unfinished = [typist for typist in unfinished if typist.fill(lab.scale.keys)]
        for name, typist in typists.items():
            typed = {f"echo {metric}": value for metric, value in typist.metrics().items()}
            lab.figures.add("sessions", name, OURS, typed)
            typist.running.pump(KEPT_S)


def opened(running: Terminal, eye: Eye, seed: Seed) -> dict[str, float | None]:
    """What it took until the session stands.

    Raises:
        RuntimeError: it never did; with the last screen.
    """
    shown_at = eye.await_text(seed.mark, PATIENCE_S)
    if shown_at is None:
        raise RuntimeError(f"{seed} was not shown:\n{eye.screen.text}")
    running.settle()
    return {
        "first rows ms": (shown_at - running.born) * 1000,
        "RSS MB": running.rss,
        "CPU s to open": running.cpu,
    }


def pages(running: Terminal, rounds: int) -> dict[str, float | None]:
    """Page up and down again: CPU of a page, and how soon the terminal is told of it."""
    cpu, soon, written = running.cpu, [], running.bytes
    chance = random.Random(1)
    for key in ([PAGE_UP] * PAGES + [PAGE_DOWN] * PAGES) * rounds:
        chunks_before = len(running.chunks)
        at = running.send(key)
        running.pump(PAUSE_S + chance.uniform(0, 0.02))
        if len(running.chunks) > chunks_before:
            soon.append((running.chunks[chunks_before].at - at) * 1000)
    count = 2 * PAGES * rounds
    return {
        "page CPU ms": (running.cpu - cpu) / count * 1000,
        "page ms": sorted(soon)[len(soon) // 2] if soon else None,
        "page bytes": (running.bytes - written) / count,
        "pages without a frame": float(count - len(soon)),
    }
