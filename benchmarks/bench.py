"""Bench: the common arguments and runs of all benches."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from benchmarks.content import NATURAL, SHAPES
from benchmarks.eye import Eye
from benchmarks.figures import Figures
from benchmarks.peers import Peer
from benchmarks.serving import PacedService
from benchmarks.targets import Target, environment
from benchmarks.terminal import Terminal, terminal


@dataclass(frozen=True)
class Scale:
    """The size of the measurement."""

    repeats: int
    long_repeats: int
    """Of runs that take half a minute each."""
    keys: int
    """Timed keys of an echo run."""
    idle_s: float
    rates: tuple[int, ...]
    answers: tuple[tuple[int, int], ...]
    """(tokens, tokens a second) of prose."""
    shapes: tuple[str, ...]
    """The long shapes that answers take."""
    shaped: int | None
    """Their tokens; None: their natural sizes."""
    curve: tuple[int, int]
    """(tokens, tokens a second) of the growth curves."""
    curves: tuple[str, ...]
    """Their shapes."""
    turns: tuple[int, ...]
    """Sizes of stored sessions."""
    rounds: int
    """Of paging up and down in them."""
    handovers: int
    """Starts that are typed into without a pause."""
    conversation: tuple[int, ...]
    """Turns of a conversation after which memory is read."""
    unpaced: int
    """Tokens of the headless race."""
    large: float
    """Share of the large sizes."""
    long_sessions: tuple[int, ...]
    """Turns of stored sessions that are continued."""
    long_workers: tuple[int, ...]
    """Messages of workers that are attached."""
    turns_of_load: int
    """Measured turns in each of both."""
    histories: tuple[int, ...]
    """Sessions of large histories, of 20 kB each."""
    garbage: tuple[int, ...]
    """Pieces of garbage in a stream."""
    opened: int
    """Open sessions, of which `at_once` run."""
    at_once: int
    runs: int
    """Remote runs on the board."""


FULL: Final = Scale(
    repeats=5,
    long_repeats=3,
    keys=111,
    idle_s=6.0,
    rates=(200, 1_000),
    answers=((500, 1_000), (5_000, 1_000), (50_000, 2_000)),
    shapes=(*NATURAL,),
    shaped=None,
    curve=(50_000, 2_000),
    curves=SHAPES,
    turns=(10, 200, 2_000),
    rounds=3,
    handovers=20,
    conversation=(10, 50, 200),
    unpaced=50_000,
    large=1.0,
    long_sessions=(75, 450, 2_000, 20_000),
    long_workers=(50, 500, 5_000),
    turns_of_load=15,
    histories=(10_000, 100_000),
    garbage=(3_600, 7_200),
    opened=100,
    at_once=20,
    runs=200,
)
QUICK: Final = Scale(
    repeats=1,
    long_repeats=1,
    keys=20,
    idle_s=1.5,
    rates=(1_000,),
    answers=((500, 1_000),),
    shapes=(*NATURAL,),
    shaped=600,
    curve=(4_000, 2_000),
    curves=("prose", "fence"),
    turns=(3, 10),
    rounds=1,
    handovers=2,
    conversation=(1, 3),
    unpaced=5_000,
    large=0.01,
    long_sessions=(3,),
    long_workers=(4,),
    turns_of_load=1,
    histories=(10,),
    garbage=(50,),
    opened=3,
    at_once=2,
    runs=12,
)
RACE: Final = replace(FULL, rates=(1_000,), answers=FULL.answers[1:], shapes=())
"""Only what a bar compares with a peer."""


@dataclass(frozen=True)
class Lab:
    """The service, the scale, where figures go, and the peers."""

    service: PacedService
    scale: Scale
    figures: Figures
    peers: tuple[Peer, ...] = ()
    lost: dict[str, str] = field(default_factory=dict)
    """Peers that failed in a bench, by `bench peer`, with the reason."""

    def rivals(self, bench: str) -> Iterator[Target]:
        """The peers that take part in a bench and have not failed in it."""
        for peer in self.peers:
            if bench in peer.benches and f"{bench} {peer.target.name}" not in self.lost:
                yield peer.target

    @contextmanager
    def sparing(self, bench: str, target: Target) -> Iterator[None]:
        """A peer that fails is removed from the bench; a failure of ours or of a floor is raised."""
        try:
            yield
        except (RuntimeError, TimeoutError) as problem:
            if target.kept is None:
                raise
            self.lost[f"{bench} {target.name}"] = str(problem)
            print(f"{bench} lost {target.name}: {problem}", file=sys.stderr, flush=True)

    @contextmanager
    def home(self) -> Iterator[Path]:
        """A temporary home."""
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield Path(folder)

    @contextmanager
    def spawned(self, target: Target, home: Path | None = None) -> Iterator[tuple[Terminal, Eye]]:
        """A program; in a fresh home unless one is given or it keeps its own."""
        if target.kept is not None:
            with terminal(target.argv, target.kept.environ, target.kept.folder) as running:
                yield running, Eye(running)
            return
        with self.home() as fresh:
            at = home or fresh
            with terminal(target.argv, environment(at, self.service.base_url), at) as running:
                yield running, Eye(running)

    @contextmanager
    def started(self, target: Target, home: Path | None = None) -> Iterator[tuple[Terminal, Eye]]:
        """A program whose prompt is on the screen.

        Raises:
            RuntimeError: its prompt never appeared; with the last screen.
        """
        with self.spawned(target, home) as (running, eye):
            if eye.await_text(target.ready) is None:
                raise RuntimeError(f"{target.name} did not start:\n{eye.screen.text}")
            yield running, eye

    @contextmanager
    def rested(self, target: Target, home: Path | None = None) -> Iterator[tuple[Terminal, Eye]]:
        """A program that has started and is idle."""
        with self.started(target, home) as (running, eye):
            running.pump(0.5)
            running.settle()
            yield running, eye
