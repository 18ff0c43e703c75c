"""The n-th call of the operating system fails, or ends the program, for each n until a run ends cleanly.

    python -m tests.chaos.failing_calls [--kills] [--sites] [--generation NAME] [--only WORDS] [--jobs N]
        [--runs N] [--seed N] [--record FILE] [--minutes N]

`--kills`: the call ends the program as `kill -9` does. `--sites`: of the calls of one kind, site and phase
(`call_sites.py`) only the first and the last with each code, and one between them; in one generation, unless
the other one has sites of its own. `--runs`: so many of all these in each generation, drawn evenly over the
commands. `--record`: what was tried is kept there, and not tried again: with `--minutes` a long run is made
of several; a record is for one program and one choice. What is tried and how it is judged:
`failing_bench.py`. Linux with a C compiler.
"""

from __future__ import annotations

import argparse
import atexit
import json
import math
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from itertools import islice, zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.chaos.call_sites import UNKNOWN, groups
from tests.chaos.failing_bench import (
    CHANGING,
    CODES,
    COMMANDS,
    KILLED,
    LASTING,
    OF_WORKERS,
    Bench,
    Case,
    Kind,
    Outcome,
    Watched,
)
from tests.chaos.failing_remote import OF_TASKS
from tests.e2e.accounts import GENERATIONS

MEMORY: Final = Path("/dev/shm")
"""Histories are written there: no disk has to be waited for."""
PROGRESS: Final = 100
"""After so many runs a line says how far it is."""
ATTEMPTS: Final = 3
"""So often a site is looked for again where threads have made the call another one."""

Planned = tuple[str, Case]
"""A case in a generation."""
Outcomes = list[tuple[Case, Outcome]]
Commands = Sequence[tuple[str, tuple[str, ...]]]
"""Each in a generation."""


# -- which cases ---------------------------------------------------------------------------
def ways(kind: Kind, *, kills: bool) -> list[tuple[int, bool]]:
    """How a call of a kind fails: the code, and whether all later ones fail, too."""
    if kills:
        return [(KILLED, False)] if kind in CHANGING else []
    return [*((code, False) for code in CODES[kind]), *([(LASTING[kind], True)] if kind in LASTING else [])]


def every(argv: tuple[str, ...], watched: Watched, *, kills: bool) -> Iterator[Case]:
    """Each call of a command, with each code, and one call more, which no run should make."""
    sites = {(call.kind, call.number): call.site for call in watched.sites}
    for kind in Kind:
        for code, lasting in ways(kind, kills=kills):
            for at in range(1, watched.calls[kind] + 2):
                yield Case(argv, kind, at, code, lasting, sites.get((kind, at), UNKNOWN))


def of_sites(
    argv: tuple[str, ...], watched: Watched, chance: random.Random, *, kills: bool
) -> Iterator[Case]:
    """The first and the last call of each kind, site and phase with each code, one between them with one."""
    grouped = groups(watched.sites, CHANGING)
    counts = Counter(call.kind for call in watched.sites)
    for kind in Kind:
        # Those that are made when Python has ended have no site: each is one of its own.
        for number in range(counts[kind] + 1, watched.calls[kind] + 1):
            grouped[kind, UNKNOWN, number] = [number]
    for (which, site, _), numbers in grouped.items():
        numbers.sort()
        how = ways(Kind(which), kills=kills)
        chosen = [(at, one) for at in sorted({numbers[0], numbers[-1]}) for one in how]
        if how and numbers[1:-1]:
            chosen.append((chance.choice(numbers[1:-1]), chance.choice(how)))
        yield from (Case(argv, Kind(which), at, code, lasting, site) for at, (code, lasting) in chosen)


class Plan(NamedTuple):
    """What is to be tried of a command, and of how many calls with their codes, at how many sites.

    `elsewhere`: so many cases more are tried in the other generation, at the same site with the same code.
    """

    cases: list[Case]
    calls: int
    sites: int
    elsewhere: int = 0


def plan_of(
    argv: tuple[str, ...], watched: Watched, given: argparse.Namespace, elsewhere: Collection[Case]
) -> Plan:
    """The cases that were asked for; `elsewhere`: what is tried of the command in the other generation."""
    calls = sum(watched.calls[kind] * len(ways(kind, kills=given.kills)) for kind in Kind)
    places = {(call.kind, call.site) for call in watched.sites if ways(Kind(call.kind), kills=given.kills)}
    if given.sites:
        chance = random.Random(f"{given.seed} {argv}")
        tried = {case._replace(at=0) for case in elsewhere if case.site}
        cases = [*of_sites(argv, watched, chance, kills=given.kills)]
        new = [case for case in cases if case._replace(at=0) not in tried]
        return Plan(new, calls, len(places), len(cases) - len(new))
    return Plan([*every(argv, watched, kills=given.kills)], calls, len(places))


# -- many at once --------------------------------------------------------------------------
class _Process:
    """What a process of the pool keeps: a bench for each generation."""

    folder = Path()
    benches: Final = dict[str, Bench]()
    stack: Final = ExitStack()

    @classmethod
    def begin(cls, folder: str) -> None:
        # A shell lets what runs in the background ignore it, and so would every program that is started here.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        cls.folder = Path(tempfile.mkdtemp(dir=folder))
        atexit.register(cls.stack.close)

    @classmethod
    def bench(cls, generation: str) -> Bench:
        if generation not in cls.benches:
            place = cls.folder / generation
            place.mkdir()
            cls.benches[generation] = Bench(cls.stack, place, tasks=generation == "tasks")
        return cls.benches[generation]


def _watched(generation: str, argv: tuple[str, ...]) -> Watched:
    return _Process.bench(generation).watched(argv)


def _tried(generation: str, case: Case) -> Outcomes:
    """A case, and others of its site until the call that failed was there."""
    bench, outcomes = _Process.bench(generation), Outcomes()
    for _ in range(ATTEMPTS):
        outcomes.append((case, bench.tried(case)))
        if not case.site or outcomes[-1][1].site == case.site:
            break
        calls = (call for call in bench.watched(case.argv).sites if call[0] == case.kind)
        numbers = [call.number for call in calls if call.site == case.site]
        if not numbers:
            break
        case = case._replace(at=numbers[len(numbers) // 2])
    return outcomes


def results(
    pool: ProcessPoolExecutor, planned: Iterable[Planned], jobs: int, until: float
) -> Iterator[tuple[Planned, Outcomes]]:
    """Try all, several at once; begin none any more from `until` on."""
    left, running = iter(planned), dict[Future[Outcomes], Planned]()
    while True:
        while len(running) <= jobs and time.monotonic() < until and (one := next(left, None)):
            running[pool.submit(_tried, *one)] = one
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


# -- what was tried ------------------------------------------------------------------------
class Record:
    """What is planned of each command and what became of it, also in a file where one was named."""

    def __init__(self, path: Path | None) -> None:
        self.plans = dict[tuple[str, tuple[str, ...]], Plan]()
        self.tried = dict[Planned, Outcomes]()
        self._path = path
        for line in path.read_text().splitlines() if path is not None and path.exists() else []:
            kept = json.loads(line)
            if "argv" in kept:
                cases, *figures = kept["plan"]
                plan = Plan([_case(one) for one in cases], *figures)
                self.plans[kept["generation"], tuple(kept["argv"])] = plan
            else:
                outcomes = [
                    (_case(case), Outcome(failed, tuple(wrong), site))
                    for case, (failed, wrong, site) in kept["outcomes"]
                ]
                self.tried[kept["generation"], _case(kept["case"])] = outcomes

    def add_plan(self, generation: str, argv: tuple[str, ...], plan: Plan) -> None:
        self.plans[generation, argv] = plan
        self._write({"generation": generation, "argv": argv, "plan": plan})

    def add(self, planned: Planned, outcomes: Outcomes) -> None:
        self.tried[planned] = outcomes
        generation, case = planned
        self._write({"generation": generation, "case": case, "outcomes": outcomes})

    def _write(self, line: dict[str, object]) -> None:
        if self._path is not None:
            with self._path.open("a") as sink:
                sink.write(json.dumps(line) + "\n")


def _case(members: list[Any]) -> Case:
    argv, kind, *how = members
    return Case(tuple(argv), Kind(kind), *how)


def planned_in(record: Record, chosen: Commands, runs: int | None, seed: int) -> list[Planned]:
    """The cases of these commands; with `runs` so many of each generation, evenly over its commands."""
    if runs is None:
        return [
            (generation, case) for generation, argv in chosen for case in record.plans[generation, argv].cases
        ]
    planned = list[Planned]()
    for generation in dict.fromkeys(generation for generation, _ in chosen):
        chance, lots = random.Random(seed), list[list[Planned]]()
        for of, argv in chosen:
            if of == generation:
                lot = [(generation, case) for case in record.plans[generation, argv].cases]
                chance.shuffle(lot)
                lots.append(lot)
        evenly = (one for one_of_each in zip_longest(*lots) for one in one_of_each if one is not None)
        planned += islice(evenly, runs)
    return planned


def main(arguments: Sequence[str] | None = None) -> int:
    """Every command, kind, code and call, or some of them; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", action="store_true")
    parser.add_argument("--sites", action="store_true")
    parser.add_argument("--generation", choices=GENERATIONS, help="one of both (default: both)")
    parser.add_argument("--only", default="", help="commands that begin with these words")
    parser.add_argument("--jobs", type=int, default=2, help="so many at once (default: 2)")
    parser.add_argument("--runs", type=int, help="a sample of so many in each generation (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path, metavar="FILE")
    parser.add_argument("--minutes", type=float, default=math.inf)
    given = parser.parse_args(arguments)
    record, until = Record(given.record), time.monotonic() + given.minutes * 60
    chosen = [
        (generation, argv)
        for generation in ([given.generation] if given.generation else GENERATIONS)
        for argv in COMMANDS
        if " ".join(argv).startswith(given.only)
        and argv not in (OF_WORKERS if generation == "tasks" else OF_TASKS)
    ]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None))
        pool = stack.enter_context(
            ProcessPoolExecutor(given.jobs, get_context("spawn"), _Process.begin, (folder,))
        )
        for generation, argv in chosen:
            if (generation, argv) not in record.plans:
                watched = pool.submit(_watched, generation, argv).result()
                others = (record.plans.get((other, argv)) for other in GENERATIONS if other != generation)
                elsewhere = [case for plan in others if plan for case in plan.cases]
                record.add_plan(generation, argv, plan_of(argv, watched, given, elsewhere))
        planned = planned_in(record, chosen, given.runs, given.seed)
        try_all(pool, record, [one for one in planned if one not in record.tried], given.jobs, until)
    return min(report(record, planned, chosen), 1)


def try_all(
    pool: ProcessPoolExecutor, record: Record, planned: list[Planned], jobs: int, until: float
) -> None:
    """Try what was not tried, and print what is wrong and how far it is."""
    print(f"{len(planned)} cases", flush=True)
    for number, (one, outcomes) in enumerate(results(pool, planned, jobs, until), 1):
        record.add(one, outcomes)
        for case, outcome in outcomes:
            for fault in outcome.wrong:
                print(f"{one[0]}: {case}: {fault}", flush=True)
        if number % PROGRESS == 0:
            print(f"{number} of {len(planned)} cases, now at {one[1]}", flush=True)


def report(record: Record, planned: list[Planned], chosen: Commands) -> int:
    """Print the figures of each command; returns how often something was wrong."""
    wrong = 0
    for (generation, argv), plan in record.plans.items():
        cases = [one for one in planned if (one[0], one[1].argv) == (generation, argv)]
        tried = [both for one in cases for both in record.tried.get(one, [])]
        if (generation, argv) not in chosen:
            continue
        failed = sum(bool(outcome.failed) for _, outcome in tried)
        sites = {(case.kind, outcome.site) for case, outcome in tried if outcome.site}
        faults = sum(len(outcome.wrong) for _, outcome in tried)
        wrong += faults
        print(
            f"{generation}: {' '.join(argv)}: {plan.calls} calls and codes at {plan.sites} sites;"
            f" {sum(one in record.tried for one in cases)} of {len(cases)} cases in {len(tried)} runs,"
            f" {failed} with a failure at {len(sites)} sites, {plan.elsewhere} in the other generation;"
            f" {faults} violations",
            flush=True,
        )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
