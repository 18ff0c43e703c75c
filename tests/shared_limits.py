"""Five computers and fifty programs under one limit of a team: kills, cut wires, a server that stops.

python -m tests.shared_limits --rounds 20 --hosts 5 --programs 50 --seed 0

Each program is a real one, forked from a process that has loaded everything, so that a thousand of them fit
into minutes. After each round: no more was sent than the limit had room for, each entry is one of a turn
that its computer knows, and once the next programs have run, entries and amounts are those of the service.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

from handinger_tui.cli.main import main as run_program
from handinger_tui.core.safety import Secret
from handinger_tui.ledger.charges.shared_report import set_limit
from handinger_tui.ledger.charges.shared_server import SharedServer
from tests.e2e.runner import KEY
from tests.money.paid_service import PaidService, paid_service
from tests.money.postgres import Postgres, Wire, postgres, rows, wire
from tests.money.programs import TIMES

DOLLAR: Final = 10**12
TRIES: Final = 20
LOST: Final = """
    SELECT turn_id FROM reservations JOIN turns USING (turn_id) WHERE status = 'unknown'
"""
"""First messages of which nobody will know whether they arrived: their worker never got an id."""
OPEN: Final = """
    SELECT turn_id FROM reservations LEFT JOIN turns USING (turn_id) WHERE status IS NOT 'unknown'
"""
AT_ONCE: Final = 12
"""Programs that run at the same time."""
LOADED: Final = [
    "handinger_tui.cli.headless",
    "handinger_tui.ledger.charges.shared",
    "psycopg",
    "tests.shared_limits",
]
"""What the programs need: a process without threads loads it once, and is forked for each of them."""
FORKS: Final = multiprocessing.get_context("forkserver")


@dataclass
class Team:
    """Computers with a history each, one database and one service."""

    service: PaidService
    database: Postgres
    proxy: Wire
    url: str
    homes: list[Path]
    dice: random.Random
    ends: Counter[str] = field(default_factory=Counter)

    def start(self, home: Path, *argv: str) -> ForkServerProcess:
        """Start a program."""
        environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith("HANDINGER_")},
            **TIMES,
            "HANDINGER_TUI_HOME": str(home),
            "HANDINGER_BASE_URL": self.service.url,
            "HANDINGER_API_KEY": KEY,
            "HANDINGER_SHARED_URL": self.url,
            "HANDINGER_SHARED_HOST": home.name,
        }
        program = FORKS.Process(target=_program, args=(argv, environ))
        program.start()
        return program

    def run(self, home: Path, *argv: str) -> None:
        """Run a program to its end."""
        program = self.start(home, *argv)
        program.join()
        program.close()

    # -- a round ---------------------------------------------------------------------------
    def play(self, programs: int, room: int, number: int) -> int:
        """Run programs under a limit that has room for some more; returns how many turns were sent."""
        before = len(self.service.posts)
        self.set_limit(before + room)
        waiting = [(self.dice.choice(self.homes), f"question {number}.{one}") for one in range(programs)]
        running: dict[ForkServerProcess, float] = {}
        disturbance = threading.Thread(
            target=self._disturb, args=(self.dice.choice(["cut", "silent", "stop", ""]),)
        )
        disturbance.start()
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                home, prompt = waiting.pop()
                lives_s = self.dice.choice([0, 0, self.dice.uniform(0.05, 3)])
                running[self.start(home, "-p", prompt, "-q")] = time.monotonic() + (lives_s or 60)
            self._reap(running)
            time.sleep(0.005)
        disturbance.join()
        return len(self.service.posts) - before

    def _reap(self, running: dict[ForkServerProcess, float]) -> None:
        for program, until in list(running.items()):
            if time.monotonic() > until:
                program.kill()
            if program.exitcode is not None:
                self.ends["killed" if program.exitcode < 0 else f"exit {program.exitcode}"] += 1
                del running[program]
                program.close()

    def _disturb(self, how: str) -> None:
        for _ in range(6 if how == "cut" else 0):
            time.sleep(0.2)
            self.proxy.cut()
        for _ in range(3 if how == "silent" else 0):
            time.sleep(0.3)
            self.proxy.is_silent = True
            time.sleep(0.2)
            # What was answered in this time never arrives.
            self.proxy.cut()
            self.proxy.is_silent = False
        if how == "stop":
            time.sleep(0.4)
            self.database.stop()
            time.sleep(1.0)
            self.database.start()

    def set_limit(self, dollars: int) -> None:
        set_limit(SharedServer(Secret(self.url), "owner"), f"month {dollars}")

    # -- what has to be so -----------------------------------------------------------------
    def settle(self) -> None:
        """Programs on each computer, as they would come by themselves, until no turn is in doubt."""
        for home in self.homes:
            self.run(home, "-p", "the last one", "-q")
        for _ in range(TRIES):
            for home in self.homes:
                self.run(home, "costs", "--settle")
            if not any(self._has_reservations(home) for home in self.homes):
                return
            # The end of a turn in doubt may take the recovery window to be seen.
            time.sleep(1)

    def _has_reservations(self, home: Path) -> bool:
        return bool(_ids(home, OPEN))

    def check(self) -> None:
        """The entries are those of the turns that computers know, and the sums are those of the service."""
        entries = [row for row in rows(self.url) if row[1].startswith("month")]
        for home in self.homes:
            stored = self._turns(home)
            own = {
                turn_id: (state, pico) for turn_id, _, state, pico, _, host in entries if host == home.name
            }
            assert own.keys() <= stored.keys(), f"no turn of {home.name}: {own.keys() - stored.keys()}"
            lost = _ids(home, LOST)
            for turn_id, (was_sent, pico) in stored.items():
                state = own.get(turn_id, ("released", 0))
                if turn_id in lost:
                    assert state == ("unknown", DOLLAR), (home.name, turn_id, state)
                    continue
                assert state == (("settled", pico) if was_sent else ("released", 0)), (
                    home.name,
                    turn_id,
                    state,
                )
        total = sum(pico for _, _, state, pico, *_ in entries if state == "settled")
        unknown = sum(state == "unknown" for _, _, state, *_ in entries)
        missing = len(self.service.posts) - total // DOLLAR
        assert 0 <= missing <= unknown, (total, unknown, len(self.service.posts))

    def _turns(self, home: Path) -> dict[str, tuple[bool, int | None]]:
        """Whether each turn of a history was sent, and what it cost; also those that never were stored."""
        sql = """
            SELECT s.turn_id, t.turn_id IS NOT NULL AND t.usd_pico > 0, t.usd_pico
              FROM shared_turns s LEFT JOIN turn_totals t USING (turn_id)
        """
        with closing(sqlite3.connect(home / "history.db")) as connection:
            return {turn_id: (bool(sent), pico) for turn_id, sent, pico in connection.execute(sql)}


def _ids(home: Path, query: str) -> set[str]:
    with closing(sqlite3.connect(home / "history.db")) as connection:
        return {turn_id for (turn_id,) in connection.execute(query)}


def _program(argv: tuple[str, ...], environ: dict[str, str]) -> None:
    with open(os.devnull, "r+", encoding="utf-8") as nowhere:
        sys.stdin = sys.stdout = sys.stderr = nowhere
        os.environ.clear()
        os.environ.update(environ)
        code = run_program([*argv])
    os._exit(code)


def play(arguments: argparse.Namespace, database: Postgres, proxy: Wire, folder: Path) -> None:
    """All rounds, with a line for each."""
    url = database.new_url().replace(f":{database.port}/", f":{proxy.own_port}/")
    homes = [folder / f"host-{number}" for number in range(arguments.hosts)]
    for home in homes:
        home.mkdir()
    with paid_service(late=0.05, figures_after=0.0) as service:
        team = Team(service, database, proxy, url, homes, random.Random(arguments.seed))
        # Turns of unknown cost would use up the limit: each computer learns what a turn costs.
        team.set_limit(1_000_000)
        for home in homes:
            for _ in range(5):
                team.run(home, "-p", "warm", "-q")
        for number in range(arguments.rounds):
            room = team.dice.randint(3, 20)
            began = time.monotonic()
            sent = team.play(arguments.programs, room, number)
            assert sent <= room, f"round {number}: {sent} sent, room for {room}"
            team.set_limit(1_000_000)
            team.settle()
            team.check()
            ends = ", ".join(f"{count} {end}" for end, count in sorted(team.ends.items()))
            team.ends.clear()
            seconds = time.monotonic() - began
            print(
                f"round {number}: {sent} of {room} sent ({ends}); all right after {seconds:.0f} s", flush=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, value in (("rounds", 20), ("hosts", 5), ("programs", 50), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    # It imports this module, which runs as a program here.
    os.environ["PYTHONWARNINGS"] = "ignore"
    FORKS.set_forkserver_preload(LOADED)
    with postgres() as database, wire(database.port) as proxy, tempfile.TemporaryDirectory() as folder:
        play(arguments, database, proxy, Path(folder))


if __name__ == "__main__":
    main()
