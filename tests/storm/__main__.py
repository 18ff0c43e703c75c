"""Random people in a random network, for some minutes.

python -m tests.storm --minutes 5 --seed 0 [--people 2] [--generation tasks]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from tests.e2e.accounts import GENERATIONS
from tests.e2e.runner import KEY, run
from tests.storm.judge import (
    KEPT_S,
    History,
    check_arrival,
    check_frames,
    check_posts,
    check_truth,
    wait_until_idle,
)
from tests.storm.person import NAME, Book, Person
from tests.storm.proxy import Exchange, Proxy

TIMES: Final = {
    "HANDINGER_CONNECT_TIMEOUT": "2", "HANDINGER_FIRST_BYTE_TIMEOUT": "3", "HANDINGER_IDLE_TIMEOUT": "3",
    "HANDINGER_POLL_INTERVAL": "0.2", "HANDINGER_RECOVERY_WINDOW": "6", "TEXTUAL_ANIMATIONS": "none",
}  # fmt: skip


class Storm:
    """One run: people, their history, the network."""

    def __init__(self, seed: int, home: Path, args: argparse.Namespace) -> None:
        self.lose, self.generation = args.lose, args.generation
        self.home, self.random, self.book = home, Random(seed), Book()
        self.history = History(home)
        self.wrong: list[str] = []
        self.proxy = Proxy(seed, args.pace, args.stale, args.generation == "tasks", self._arrived)
        self.proxy.is_shared = args.people > 1
        environ = {"HANDINGER_BASE_URL": self.proxy.url, "HANDINGER_API_KEY": KEY, **TIMES}
        environ["HANDINGER_GENERATION"] = args.generation
        if args.preload:
            environ["LD_PRELOAD"] = str(args.preload)
        self.people = [
            Person(letter, home, self.proxy, self.book, environ) for letter in "abcd"[: args.people]
        ]

    def _arrived(self, exchange: Exchange) -> None:
        names = NAME.findall(exchange.body.decode("utf-8", "replace"))
        one = exchange
        self.book.note(f"  {one.method} {one.path} {one.turn_id[-4:]} {names} {one.fault}")
        if exchange.starts_turn:
            self.wrong += check_arrival(self.history, exchange)

    def play(self, seconds: float) -> None:
        """Let them act for some time; what is wrong is in `wrong`."""
        end = time.monotonic() + seconds
        for person in self.people:
            person.begin()
        while time.monotonic() < end and not self.wrong:
            person = self.random.choice(self.people)
            person.act()
            self.wrong += person.wrong
            self.wrong += check_posts(self.proxy, self.book)
            now = time.monotonic()
            if self.book.stopped < now - 3 * KEPT_S:
                self.wrong += check_frames(self.history, self.proxy, now - KEPT_S)
            if self.random.random() < self.lose:
                self.book.note("the service has lost its state")
                self.proxy.restart()

    def settle(self) -> None:
        """Calm weather: each program settles what is open, then all is compared."""
        self.proxy.calm = True
        self.book.note("calm")
        wait_until_idle(self.proxy, self.history)
        for person in self.people:
            if not person.runs:
                person.begin()
        time.sleep(8)
        for person in self.people:
            self.wrong += check_prompt(person)
            self.book.note(person.screen)
            person.close()
        time.sleep(1)
        environ = {**TIMES, "HANDINGER_HISTORY_WAIT": "20", "HANDINGER_GENERATION": self.generation}
        for _ in range(2):
            ran = run("costs", "--settle", "--json", home=self.home, base_url=self.proxy.url, **environ)
            if ran.code or "Traceback" in ran.err:
                self.wrong.append(f"costs: {ran}")
        self.wrong += check_posts(self.proxy, self.book)
        self.wrong += check_frames(self.history, self.proxy)
        self.wrong += check_truth(self.history, self.proxy)

    def close(self) -> None:
        """Stop all."""
        for person in self.people:
            person.close()
        self.proxy.close()


def check_prompt(person: Person) -> list[str]:
    """Letters reach the prompt, whatever is open is closed first."""
    assert person.window is not None
    for _ in range(4):
        person.press("Escape")
        time.sleep(0.3)
    person.window.resize(100, 30)
    person.window.type("zq")
    if person.look(lambda _screen: "zq" in person.boxed(), 10):
        person.window.press("BSpace", "BSpace")
        return []
    return [f"the prompt has no focus\n{person.screen}"]


def main() -> int:
    """Run from the command line; 1 where something is wrong, with a diary in a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--people", type=int, default=2, help="programs at the same time on one history")
    parser.add_argument("--pace", type=float, default=0.1, help="of the local worker")
    parser.add_argument("--lose", type=float, default=0.0, help="how likely an act loses the service's state")
    parser.add_argument("--generation", choices=GENERATIONS, default="workers")
    parser.add_argument("--stale", type=int, default=0, help="how likely a reading is an earlier one")
    parser.add_argument("--preload", type=Path, help="a library for the programs, such as one of a slow disk")
    args = parser.parse_args()
    broken = []
    for seed in range(args.seed, args.seed + args.runs):
        home = Path(tempfile.mkdtemp(prefix=f"storm-{seed}-"))
        storm = Storm(seed, home, args)
        try:
            storm.play(args.minutes * 60)
            storm.settle()
        except Exception:  # noqa: BLE001 - shown with the diary, whatever it is
            storm.wrong.append(traceback.format_exc())
        finally:
            storm.close()
        turns = storm.proxy.turns()
        statuses = Counter(row[0] for row in storm.history.rows("SELECT status FROM turns"))
        ends = Counter(end for person in storm.people for end in person.ends)
        print(f"seed {seed}: {len(turns)} POSTs, {len(storm.proxy.exchanges)} requests, {dict(statuses)}")
        print(f"  faults of POSTs {dict(Counter(one.fault for one in turns))}, ends {dict(ends)}", flush=True)
        if storm.wrong:
            broken.append(seed)
            (home / "diary.txt").write_text("\n".join(storm.book.lines))
            print("\n".join(f"  WRONG {one}" for one in storm.wrong[:12]), f"\n  in {home}", flush=True)
        else:
            shutil.rmtree(home)
    print(f"{args.runs} runs; broken: {broken or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
