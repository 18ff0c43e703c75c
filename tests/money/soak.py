"""Many random histories: `python -m tests.money.soak --histories 20000 --seed 0`.

`--ledger N`: this many of them also through the ledger, with two sessions and a person who pins and assigns.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.money import ledger_histories, rulings
from tests.money.oracle import exact_turns, faults
from tests.money.service import Lens, history


def main() -> int:
    """Print the faults and the shares of exact and marked turns; 1 where there is a fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ledger", type=int, default=0)
    chosen = parser.parse_args()
    shares: dict[Lens, Counter[str]] = {lens: Counter() for lens in Lens}
    failed = 0
    for seed in range(chosen.seed, chosen.seed + chosen.histories):
        sample = history(seed)
        wrong = faults(sample) + rulings.faults(sample, seed)
        failed += bool(wrong)
        if wrong and failed <= 20:
            print(f"seed {seed} ({sample.lens}, counted {sample.counted}): {'; '.join(wrong)}")
        exact, marked, turns = exact_turns(sample)
        shares[sample.lens].update(exact=exact, marked=marked, turns=turns, faults=bool(wrong))
    for lens, counts in shares.items():
        turns = counts["turns"] or 1
        print(
            f"{lens:13} {counts['turns']:7} turns, exact {counts['exact'] / turns:.1%}, "
            f"marked {counts['marked'] / turns:.1%}, histories with faults {counts['faults']}"
        )
    return 1 if failed + _in_ledger(chosen.ledger, chosen.seed) else 0


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
