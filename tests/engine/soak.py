"""Soak: run many stories under each task factory, or replay one.

python -m tests.engine.soak --schedules 100000 --seed 0
python -m tests.engine.soak --factory eager --replay 1234
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import defaultdict

from tests.engine.promises import Promise
from tests.engine.scheduler import FACTORIES, Factory
from tests.engine.story import Story
from tests.engine.world import World

REPORT_EVERY = 10_000
"""Schedules between two lines about the progress: a soak that is stopped has said how far it came."""


def tell(seed: int, factory: Factory) -> World:
    """One schedule. The collector runs between schedules only, so that each runs alike."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return Story(seed, factory).play()
    finally:
        if enabled:
            gc.enable()


def report(seed: int, factory: Factory, world: World) -> str:
    """The broken promises of one schedule, and how to see it again."""
    lines = [f"{promise} ({detail})" for promise, detail in world.watchman.broken]
    return "\n".join([*lines, f"Replay: python -m tests.engine.soak --factory {factory} --replay {seed}"])


def replay(seed: int, factory: Factory) -> int:
    """Show one schedule; 1 when it breaks a promise."""
    world = tell(seed, factory)
    print(world.setting)
    print(world.watchman.account())
    if not world.watchman.broken:
        print("All promises are kept.")
    return 1 if world.watchman.broken else 0


def soak(first: int, schedules: int, factory: Factory) -> int:
    """Run them all; the number of those that break a promise."""
    began = time.monotonic()
    seeds: dict[Promise, list[int]] = defaultdict(list)
    failed, steps = 0, 0
    for seed in range(first, first + schedules):
        world = tell(seed, factory)
        steps += world.loop.steps
        failed += bool(world.watchman.broken)
        for promise in dict.fromkeys(promise for promise, _ in world.watchman.broken):
            seeds[promise].append(seed)
        if (seed - first + 1) % REPORT_EVERY == 0:
            print(f"{factory}: {seed - first + 1} done, {failed} failures", file=sys.stderr, flush=True)
    spent = time.monotonic() - began
    last = first + schedules - 1
    print(f"{factory}: {schedules} schedules, seeds {first} to {last}, {steps} steps, {spent:.1f} s")
    for promise, broken_by in sorted(seeds.items(), key=lambda item: -len(item[1])):
        print(f"{len(broken_by):7} broke: {promise} Seeds {', '.join(map(str, broken_by[:5]))}")
    print(f"{failed} failures", flush=True)
    return failed


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine.soak", allow_abbrev=False)
    parser.add_argument("--schedules", type=int, default=100_000, help="how many (default: 100000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--replay", type=int, metavar="SEED", help="show the schedule of one seed")
    parser.add_argument(
        "--factory", type=Factory, choices=FACTORIES, help="one task factory (default: all of this Python)"
    )
    given = parser.parse_args()
    factories = FACTORIES if given.factory is None else (given.factory,)
    if given.replay is not None:
        return max(replay(given.replay, factory) for factory in factories)
    return min(1, sum(soak(given.seed, given.schedules, factory) for factory in factories))


if __name__ == "__main__":
    sys.exit(main())
