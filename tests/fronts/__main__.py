"""`python -m tests.fronts [--front NAME] [--journey NAME]`: every journey through every front, as a table."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.fronts.fronts import FRONTS, NotHere
from tests.fronts.journeys import JOURNEYS
from tests.fronts.play import play


def main() -> int:
    """Play them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fronts", description=__doc__)
    parser.add_argument("--front", action="append", choices=FRONTS, default=[])
    parser.add_argument("--journey", action="append", choices=JOURNEYS, default=[])
    args = parser.parse_args()
    failures, reasons = 0, []
    for journey in args.journey or JOURNEYS:
        cells = []
        for front in args.front or FRONTS:
            begin = time.monotonic()
            try:
                play(front, journey)
                cells.append(f"{front} {time.monotonic() - begin:.1f} s")
            except NotHere as reason:
                cells.append(f"{front} —")
                reasons.append(f"{journey}, {front}: {reason}.")
            except Exception:  # noqa: BLE001 - it is printed, and the next one is played
                failures += 1
                cells.append(f"{front} FAILED")
                traceback.print_exc()
        print(f"{journey:<22}", " · ".join(cells), flush=True)
    print("", "— makes no sense there:", *reasons, sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
