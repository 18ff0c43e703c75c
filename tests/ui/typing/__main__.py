"""Many journeys of a typist, or one again; with `--monkey`, of a monkey.

python -m tests.ui.typing --runs 100 --seed 0
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time

from tests.ui.typing.journey import journey
from tests.ui.typing.monkey import monkey


def main() -> int:
    """Run them one after another; 1 where a promise was broken, with the seed that shows it again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first journey")
    parser.add_argument("--steps", type=int, default=120, help="of each journey")
    parser.add_argument("--monkey", action="store_true", help="press and click anything anywhere")
    args = parser.parse_args()
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    failures = []
    for seed in range(args.seed, args.seed + args.runs):
        began = time.monotonic()
        try:
            line = asyncio.run((monkey if args.monkey else journey)(seed, args.steps))
        except AssertionError as problem:
            failures.append(seed)
            line = f"BROKEN\n{problem}"
        print(f"seed {seed}: {line} ({time.monotonic() - began:.1f} s in all)", flush=True)
    last = args.seed + args.runs - 1
    print(f"{args.runs} journeys, seeds {args.seed} to {last}; broken: {failures or 'none'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
