"""`python -m benchmarks [NAMES…]`: measure, and say which bars hold. `--help` tells the rest.

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
from benchmarks.benches import answers, echo, growth, headless, memory, scale, sessions, start
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
}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="The program beside its floors."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all by default")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="little of everything, about two minutes")
    size.add_argument("--race", action="store_true", help="only what a bar compares with a peer")
    parser.add_argument("--repeat", type=int, metavar="N", help="runs of each, instead of the scale's own")
    parser.add_argument("--peers", type=Path, metavar="FILE", help="other programs too, as FILE (TOML) tells")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure and bar to FILE")
    told = parser.parse_args(argv)
    if unknown := set(told.names) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    if told.repeat is not None and told.repeat < 1:
        parser.error("--repeat takes 1 or more")
    try:
        told.rivals = read_peers(told.peers) if told.peers else {}
    except (OSError, ValueError) as problem:
        parser.error(f"--peers: {problem}")
    return told


def scale_of(told: argparse.Namespace) -> Scale:
    """How much to measure."""
    scale = QUICK if told.quick else RACE if told.race else FULL
    if told.repeat is None:
        return scale
    return replace(scale, repeats=told.repeat, long_repeats=told.repeat)


def machine() -> dict[str, Any]:
    """What it ran on. `load`: of the last one, five and fifteen minutes, the benchmarks' own included."""
    return {
        "cpus": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "textual": version("textual"),
        "httpx": version("httpx"),
        "load": os.getloadavg(),
    }


def main(argv: Sequence[str]) -> int:
    """Measure; exit code 0 when everything ran, whatever it showed, and 1 when a bench failed."""
    told = parse(argv)
    figures, failed, before = Figures(), {}, machine()
    begun = time.monotonic()
    with paced_service() as service, TemporaryDirectory(prefix="bench-") as homes:
        folder = told.peers.parent if told.peers else Path()
        peers = settle_in(told.rivals, folder, Path(homes), service.base_url)
        lab = Lab(service, scale_of(told), figures, peers)
        for name in told.names or (RACED if told.race else BENCHES):
            print(f"{time.monotonic() - begun:6.0f} s  {name}", file=sys.stderr, flush=True)
            try:
                BENCHES[name](lab)
            except (RuntimeError, TimeoutError) as problem:
                # What the other benches find is still worth reading.
                failed[name] = str(problem)
                print(f"{name} failed: {problem}", file=sys.stderr, flush=True)
    took = time.monotonic() - begun
    print(table(HEADS, figures.rows()))
    print()
    print(table(bars.HEADS, bars.rows(figures)))
    loads = " → ".join(f"{load[0]:.2f}" for load in (before["load"], os.getloadavg()))
    print(f"\n{took:.0f} s; load of one minute {loads} on {before['cpus']} CPUs; Python {before['python']}")
    if told.json is not None:
        whole = {
            "machine": before,
            "load_after": os.getloadavg(),
            "seconds": took,
            "quick": told.quick,
            "race": told.race,
            "failed": failed,
            "peers": told.rivals,
            "lost": lab.lost,
            "figures": figures.as_json(),
            "bars": bars.as_json(figures),
        }
        told.json.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
