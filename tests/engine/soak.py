"""Soak: run many stories, or replay one.

python -m tests.engine.soak --schedules 100000 --seed 0
python -m tests.engine.soak --replay 1234
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import defaultdict

from tests.engine.promises import Promise
from tests.engine.story import Story
from tests.engine.world import World


def tell(seed: int) -> World:
    """One schedule. The collector runs between schedules only, so that each runs alike."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return Story(seed).play()
    finally:
        if enabled:
            gc.enable()


def report(seed: int, world: World) -> str:
    """The broken promises of one schedule, and how to see it again."""
    lines = [f"{promise} ({detail})" for promise, detail in world.watchman.broken]
    return "\n".join([*lines, f"Replay: python -m tests.engine.soak --replay {seed}"])


def replay(seed: int) -> int:
    """Show one schedule; 1 when it breaks a promise."""
    world = tell(seed)
    print(world.setting)
    print(world.watchman.account())
    if not world.watchman.broken:
        print("All promises are kept.")
    return 1 if world.watchman.broken else 0


def soak(first: int, schedules: int) -> int:
    """Run them all; 1 when any breaks a promise."""
    began = time.monotonic()
    seeds: dict[Promise, list[int]] = defaultdict(list)
    failed, steps = 0, 0
    for seed in range(first, first + schedules):
        world = tell(seed)
        steps += world.loop.steps
        failed += bool(world.watchman.broken)
        for promise in dict.fromkeys(promise for promise, _ in world.watchman.broken):
            seeds[promise].append(seed)
    spent = time.monotonic() - began
    print(f"{schedules} schedules, seeds {first} to {first + schedules - 1}, {steps} steps, {spent:.1f} s")
    for promise, broken_by in sorted(seeds.items(), key=lambda item: -len(item[1])):
        print(f"{len(broken_by):7} broke: {promise} Seeds {', '.join(map(str, broken_by[:5]))}")
    print(f"{failed} failures")
    return 1 if failed else 0


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine.soak", allow_abbrev=False)
    parser.add_argument("--schedules", type=int, default=100_000, help="how many (default: 100000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--replay", type=int, metavar="SEED", help="show the schedule of one seed")
    given = parser.parse_args()
    return replay(given.replay) if given.replay is not None else soak(given.seed, given.schedules)


if __name__ == "__main__":
    sys.exit(main())
