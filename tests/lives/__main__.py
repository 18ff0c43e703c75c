"""Random people at the whole program, many lives.

python -m tests.lives --lives 300 --seed 0 [--steps 40] [--generation tasks]
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.lives.test_lives import GENERATIONS, STEPS, lead


def main() -> int:
    """Run from the command line; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.lives", allow_abbrev=False)
    parser.add_argument("--lives", type=int, default=300, help="how many (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--every", type=int, default=1, help="take each n-th seed only")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"acts of each life (default: {STEPS})")
    parser.add_argument("--generation", choices=GENERATIONS, help="one generation only")
    given = parser.parse_args()
    broken, acts, began = list[int](), 0, time.monotonic()
    for seed in range(given.seed, given.seed + given.lives, given.every):
        try:
            line = lead(seed, given.steps, given.generation)
        except Exception as problem:  # noqa: BLE001 - shown, and counted
            broken.append(seed)
            print(str(problem) if isinstance(problem, AssertionError) else traceback.format_exc(), flush=True)
        else:
            acts += given.steps
            print(line, flush=True)
    print(f"{given.lives} lives, {acts} acts, {time.monotonic() - began:.0f} s; broken: {broken or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
