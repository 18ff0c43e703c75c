"""Many random histories: `python -m tests.money.soak --histories 20000 --seed 0`.

`--each N`: instead this many of each way of reporting, every fourth of them a long one. `--adopted N`: such
ones in which sessions adopt messages of others. `--ledger N`: this many also through the ledger, with two
sessions and a person who pins and assigns. `--lives N`: instead this many lives of a history with real
engines, in each generation of the API (`simulation.py`); `--generation`, `--habit` and `--trouble` choose
one. Each life has one to four habits, and every second one a trouble. `--share`: of the steps after which
all places are compared; after the last one they always are.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.money import ledger_histories, rulings
from tests.money.oracle import judge
from tests.money.service import History, Lens, history, shared_history
from tests.money.simulated_service import Habit, Trouble
from tests.money.simulation import Life

GENERATIONS: Final = ("workers", "tasks")
MEMORY: Final = Path("/dev/shm")
"""Histories are written there: no disk has to be waited for."""

PROGRESS: Final = 1000
"""After so many the counts are printed, too."""


def main() -> int:
    """Print the faults and the shares of exact and marked turns; 1 where there is a fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=0)
    parser.add_argument("--adopted", type=int, default=0)
    parser.add_argument("--ledger", type=int, default=0)
    parser.add_argument("--lives", type=int, default=0)
    parser.add_argument("--generation", choices=GENERATIONS)
    parser.add_argument("--habit", choices=[str(one) for one in Habit])
    parser.add_argument("--trouble", choices=[str(one) for one in Trouble])
    parser.add_argument("--share", type=float, default=1.0)
    chosen = parser.parse_args()
    if chosen.lives:
        generations = [chosen.generation] if chosen.generation else GENERATIONS
        failed = sum(_lives(chosen, one) for one in generations)
        return 1 if failed else 0
    shares: dict[Lens, Counter[str]] = {lens: Counter() for lens in Lens}
    failed = 0
    each = chosen.each or chosen.adopted
    for seed, sample in _samples(chosen.seed, chosen.histories, each, adopted=bool(chosen.adopted)):
        judged = judge(sample)
        # The rulings of a person cost as much time as all the rest.
        wrong = judged.wrong + (rulings.faults(sample, seed) if not each or seed % 4 == 0 else [])
        failed += bool(wrong)
        if wrong and failed <= 20:
            print(f"seed {seed} ({sample.lens}, counted {sample.counted}): {'; '.join(wrong)}")
        _, exact, marked, turns = judged
        counts = shares[sample.lens]
        counts.update(exact=exact, marked=marked, turns=turns, faults=bool(wrong), histories=1)
        if counts["histories"] % PROGRESS == 0:
            print(
                f"{sample.lens}: {counts['histories']} histories, with faults {counts['faults']}", flush=True
            )
    for lens, counts in shares.items():
        turns = counts["turns"] or 1
        print(
            f"{lens:13} {counts['histories']:7} histories, {counts['turns']:7} turns, "
            f"exact {counts['exact'] / turns:.1%}, marked {counts['marked'] / turns:.1%}, "
            f"histories with faults {counts['faults']}"
        )
    return 1 if failed + _in_ledger(chosen.ledger, chosen.seed) else 0


def _samples(first: int, histories: int, each: int, *, adopted: bool) -> Iterator[tuple[int, History]]:
    """Seeds and histories: of random lenses, or so many of each lens, every fourth of them a long one."""
    if each:
        for lens, seed in product(Lens, range(first, first + each)):
            is_long = seed % 4 == 3
            yield seed, (shared_history if adopted else history)(seed, lens=lens, long=is_long)
    else:
        for seed in range(first, first + histories):
            yield seed, history(seed)


def _lives(chosen: argparse.Namespace, generation: str) -> int:
    """Play lives; print and count those with faults. The counts are printed every thousand lives, too."""
    counts, failed, lives, first = Counter[str](), 0, chosen.lives, chosen.seed
    how: dict[str, Any] = {"tasks": generation == "tasks", "share": chosen.share}
    how["habits"] = None if chosen.habit is None else frozenset([Habit(chosen.habit)])
    how["trouble"] = None if chosen.trouble is None else Trouble(chosen.trouble)
    for number, seed in enumerate(range(first, first + lives), 1):
        with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            life = Life(seed, Path(folder, "h.db"), **how)
            wrong = life.faults()
        failed += bool(wrong)
        if wrong:
            what = sorted([*life.habits, *([] if life.trouble is None else [life.trouble])])
            print(f"seed {seed} ({generation}; {', '.join(what)}): {'; '.join(wrong[:3])}", flush=True)
        counts.update(life.habits)
        counts[life.trouble or "no trouble"] += 1
        counts.update(checks=life.places.checks, turns=life.places.turns, exact=life.places.plain)
        if number % 1000 == 0 or number == lives:
            summary = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            print(f"{generation}: seeds {first} to {seed}, with faults {failed}: {summary}", flush=True)
    return failed


def _in_ledger(histories: int, first: int) -> int:
    """Play histories through the ledger; print and count those with faults."""
    failed = decided = 0
    for seed in range(first, first + histories):
        with TemporaryDirectory() as folder:
            wrong, rulings_count = ledger_histories.play(history(seed), seed, Path(folder, "h.db"))
        failed, decided = failed + bool(wrong), decided + rulings_count
        if wrong:
            print(f"seed {seed} in the ledger: {wrong[0]} and {len(wrong) - 1} more")
    if histories:
        print(f"in the ledger {histories:7} histories, rulings {decided}, histories with faults {failed}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
