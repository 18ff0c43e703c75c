"""`python -m benchmarks [NAMES…]`: measure, and report which bars hold. `--help` lists the options.

The program, its floors and its peers take turns, so that the machine's noise falls on all alike.
Read ratios within one run, not milliseconds across runs. Nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks import bars
from benchmarks.bench import FULL, QUICK, RACE, Lab, Scale
from benchmarks.benches import answers, echo, growth, headless, load, memory, runs, scale, sessions, start
from benchmarks.figures import HEADS, Figures, table
from benchmarks.peers import BENCHES as RACED
from benchmarks.peers import read_peers, settle_in
from benchmarks.serving import paced_service

BENCHES: Final[dict[str, Callable[[Lab], None]]] = {
    "start": start.run,
    "echo": echo.run,
    "stream": echo.run_streaming,
    "answers": answers.run,
    "growth": growth.run,
    "sessions": sessions.run,
    "memory": memory.run,
    "headless": headless.run,
    "scale": scale.run,
    "load": load.run,
    "runs": runs.run,
}
CHOICES: Final = BENCHES | load.PARTS
"""Also the parts of the longest one, by themselves."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="The program beside its floors."
    )
    parts = "by default all but those of load by themselves"
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHOICES)}; {parts}")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="little of everything, about two minutes")
    size.add_argument("--race", action="store_true", help="only what a bar compares with a peer")
    parser.add_argument("--repeat", type=int, metavar="N", help="runs of each, instead of the scale's own")
    parser.add_argument("--peers", type=Path, metavar="FILE", help="other programs too, as FILE (TOML) tells")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure and bar to FILE")
    args = parser.parse_args(argv)
    if unknown := set(args.names) - set(CHOICES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    if args.repeat is not None and args.repeat < 1:
        parser.error("--repeat takes 1 or more")
    try:
        args.rivals = read_peers(args.peers) if args.peers else {}
    except (OSError, ValueError) as problem:
        parser.error(f"--peers: {problem}")
    return args


def scale_of(args: argparse.Namespace) -> Scale:
    """How much to measure."""
    scale = QUICK if args.quick else RACE if args.race else FULL
    if args.repeat is None:
        return scale
    return replace(scale, repeats=args.repeat, long_repeats=args.repeat)


def machine() -> dict[str, Any]:
    """The machine. `load`: of the last one, five and fifteen minutes, the benchmarks' own included."""
    return {
        "cpus": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "textual": version("textual"),
        "httpx": version("httpx"),
        "load": os.getloadavg(),
    }


def main(argv: Sequence[str]) -> int:
    """Measure; exit code 0 when every bench ran, whatever the figures, and 1 when one failed."""
    args = parse(argv)
    figures, failed, before = Figures(), {}, machine()
    begun = time.monotonic()
    with paced_service() as service, TemporaryDirectory(prefix="bench-") as homes:
        folder = args.peers.parent if args.peers else Path()
        peers = settle_in(args.rivals, folder, Path(homes), service.base_url)
        lab = Lab(service, scale_of(args), figures, peers)
        for name in args.names or (RACED if args.race else BENCHES):
            print(f"{time.monotonic() - begun:6.0f} s  {name}", file=sys.stderr, flush=True)
            try:
                CHOICES[name](lab)
            except (RuntimeError, TimeoutError) as problem:
                # The results of the other benches are still worth reading.
                failed[name] = str(problem)
                print(f"{name} failed: {problem}", file=sys.stderr, flush=True)
    took = time.monotonic() - begun
    print(table(HEADS, figures.rows()))
    print()
    print(table(bars.HEADS, bars.rows(figures)))
    loads = " → ".join(f"{load[0]:.2f}" for load in (before["load"], os.getloadavg()))
    print(f"\n{took:.0f} s; load of one minute {loads} on {before['cpus']} CPUs; Python {before['python']}")
    if args.json is not None:
        report = {
            "machine": before,
            "load_after": os.getloadavg(),
            "seconds": took,
            "quick": args.quick,
            "race": args.race,
            "failed": failed,
            "peers": args.rivals,
            "lost": lab.lost,
            "figures": figures.as_json(),
            "bars": bars.as_json(figures),
        }
        args.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
