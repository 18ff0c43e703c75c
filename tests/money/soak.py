"""Many random histories: `python -m tests.money.soak --histories 20000 --seed 0`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.money.oracle import exact_turns, faults
from tests.money.service import Lens, history


def main() -> int:
    """Print the faults and the shares of exact and marked turns; 1 where there is a fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    shares: dict[Lens, Counter[str]] = {lens: Counter() for lens in Lens}
    failed = 0
    for seed in range(chosen.seed, chosen.seed + chosen.histories):
        made = history(seed)
        wrong = faults(made)
        failed += bool(wrong)
        if wrong and failed <= 20:
            print(f"seed {seed} ({made.lens}, counted {made.counted}): {'; '.join(wrong)}")
        exact, marked, turns = exact_turns(made)
        shares[made.lens].update(exact=exact, marked=marked, turns=turns, faults=bool(wrong))
    for lens, counts in shares.items():
        turns = counts["turns"] or 1
        print(
            f"{lens:13} {counts['turns']:7} turns, exact {counts['exact'] / turns:.1%}, "
            f"marked {counts['marked'] / turns:.1%}, histories with faults {counts['faults']}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
