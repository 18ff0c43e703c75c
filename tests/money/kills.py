"""Kills programs at random moments of their turns; no place may ever hide a possible cost.

python -m tests.money.kills --turns 200 --seed 1 [--generation tasks] [--app 0.3]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tests.chaos.processes import ended
from tests.e2e.runner import KEY
from tests.e2e.terminal import terminal
from tests.money.paid_service import PaidService, paid_service
from tests.money.programs import TIMES, Person

LIMITS: Final = {
    False: {"HANDINGER_LIMIT_MONTH_USD": "100000"},
    True: {"HANDINGER_LIMIT_MONTH_CREDITS": "100000"},
}
"""A limit that is never reached, for a service that reports USD, or credits alone."""
GENERATIONS: Final = ("workers", "tasks")
LATE_S: Final = 0.6
"""After this time the figures contain a turn, where they do so late: mostly after its end."""
LONGEST_S: Final = 30.0
"""Within this time a program sends its request, also on a slow machine."""
START_UP_S: Final = 0.5
"""Before this a program has hardly ever sent its request."""


@dataclass(frozen=True)
class Sum:
    """The amount in one place: a sum, and how many turns are missing in it."""

    amount: Decimal
    missing: int


@dataclass
class Kills:
    """One user whose programs are killed, with one history and one service."""

    service: PaidService
    home: Path
    chance: random.Random
    app: float = 0.0
    """The share of turns that the app sends, in a terminal; the others are sent without a screen."""
    moments: Counter[str] = field(default_factory=Counter)
    """How many programs were killed at which moment of their turn."""

    @property
    def _names(self) -> tuple[str, str]:
        """The members of a sum and its gap."""
        return ("credits", "uncredited_turns") if self.service.tasks else ("cost_usd", "unpriced_turns")

    @property
    def _person(self) -> Person:
        return Person(self.service, self.home)

    def play(self, number: int) -> None:
        """One turn, killed or not, and the amounts in every place right after it and after the next start."""
        service, chance = self.service, self.chance
        # Nobody could tell the late cost of a turn from that of the next one.
        time.sleep(service.figures_after)
        service.plain = chance.random() < 0.3
        service.late = chance.choice([0.0, 0.1, None])
        service.pause = chance.choice([0.0, 0.02])
        # Late costs: after a kill no program is there to find them.
        service.figures_after = chance.choice([0.0, 0.0, LATE_S])
        prompt, by_app = f"question {number}", chance.random() < self.app
        more = ("-c",) * bool(self._sessions()) if by_app else self._session()
        worker_id = self._last_worker() if more == ("-c",) else None
        workers, posts = len(service.workers), len(service.posts)
        if by_app:
            self._kill_app(prompt, more, posts)
        else:
            process = self._person.start("-p", prompt, "--json", *more)
            self._wait(posts, lambda: process.poll() is not None)
            process.kill()
            ended(process)
        self._note_moment(posts)
        assert service.posts.count(prompt) <= 1
        if worker_id is not None:
            assert len(service.workers) == workers, "a second worker was started"
        self.check_places()
        service.finish()
        service.late = 0.0
        if chance.random() < 0.5:
            self.settle()
            self.check_truth()

    def _kill_app(self, prompt: str, more: tuple[str, ...], posts: int) -> None:
        service = self.service
        environ = {"HANDINGER_BASE_URL": service.url, "HANDINGER_GENERATION": service.generation, **TIMES}
        environ["HANDINGER_API_KEY"] = KEY
        with terminal(shutil.which("tmux") or "tmux", 100, 30) as window:
            window.run(*more, home=self.home, **environ)
            # With `-c` the title of the session: before that a message waits for a decision.
            window.shows("question" if more else "New session")
            window.type(prompt)
            window.shows(prompt)
            window.press("Enter")
            self._wait(posts)
            window.kill()

    def _wait(self, posts: int, has_ended: Callable[[], bool] = lambda: False) -> None:
        """Wait for a random moment, mostly after the request has arrived, or the program `has_ended`."""
        if self.chance.random() < 0.3:
            time.sleep(self.chance.uniform(0, START_UP_S))
        else:
            latest = time.monotonic() + LONGEST_S
            while not (self.service.wait_for_posts(posts + 1, 0.1) or has_ended()):
                if time.monotonic() > latest:
                    break
            time.sleep(self.chance.choice([0, self.chance.uniform(0, 0.4)]))

    def settle(self) -> None:
        """The next start settles open turns by GETs, and finds late costs.

        A request that has not arrived by the end of the recovery window never will.
        """
        time.sleep(self.service.figures_after)
        posts = len(self.service.posts)
        self._run("costs", "--settle", "--json")
        turns = self._run("costs", "--by", "turn", "--json")["groups"]
        sending = [one for one in turns if one["status"] == "sending"]
        if any(self.service.tasks or one["worker_id"] for one in sending):
            time.sleep(float(TIMES["HANDINGER_RECOVERY_WINDOW"]) + 0.1)
            self._run("costs", "--settle", "--json")
        assert len(self.service.posts) == posts

    def check_places(self) -> None:
        """Costs, sessions and limits show the same sum with the same gap."""
        costs, sessions, limit = self.places()
        assert costs == sessions == limit
        assert costs.amount <= self.service.truth
        most = costs.amount + costs.missing * self.service.price
        assert most >= self.service.truth, "a paid turn is neither entered nor a gap"

    def check_truth(self) -> None:
        """Known amounts are true. A gap remains only for a request whose answer never named its worker.

        Where the id comes with the request, it is left by one that did not arrive, and not for long.
        """
        costs, *_ = self.places()
        if self.service.tasks:
            assert costs.amount == self.service.truth
            return
        turns = self._run("costs", "--by", "turn", "--json")["groups"]
        gaps = [one for one in turns if one["unpriced_turns"]]
        # The app keeps an unsent message, to offer it at its next start.
        kept = [one for one in gaps if one["worker_id"] is None or one["status"] == "queued"]
        lost = [(one["turn_id"], one["worker_id"], one["status"]) for one in gaps if one not in kept]
        assert costs.missing == len(gaps) == len(kept), lost
        assert costs.amount + len(kept) * self.service.price >= self.service.truth
        self.check_places()

    def check_gaps(self) -> None:
        """With tasks no turn stays open, except a message that the app offers at its next start."""
        if self.service.tasks:
            turns = self._run("costs", "--by", "turn", "--json")["groups"]
            gaps = [one for one in turns if one[self._names[1]]]
            assert all(one["status"] == "queued" for one in gaps), gaps

    def places(self) -> tuple[Sum, Sum, Sum]:
        """The amounts of `costs`, `sessions` and the limits of `--dry-run`."""
        total = self._run("costs", "--json")["total"]
        sessions = self._sessions()
        amount, missing = self._names
        limit = LIMITS[self.service.tasks]
        (gauge,) = self._run("-p", "next", "--dry-run", "--json", **limit)["limits"]
        return (
            Sum(Decimal(total[amount] or 0), total[missing]),
            Sum(
                sum((Decimal(one[amount] or 0) for one in sessions), Decimal(0)),
                sum(one[missing] for one in sessions),
            ),
            Sum(Decimal(gauge["spent"] or 0), gauge["missing_turns"]),
        )

    def _session(self) -> tuple[str, ...]:
        """A new session, or the last one where its worker is known."""
        sessions = self._sessions()
        continues = bool(sessions) and self._last_worker() is not None and self.chance.random() < 0.6
        return ("-c",) if continues else ()

    def _last_worker(self) -> str | None:
        sessions = self._sessions()
        name: str | None = sessions[0]["worker_id"] if sessions else None
        return name

    def _sessions(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._run("sessions", "--json")["sessions"]
        return rows

    def _run(self, *argv: str, **environ: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._person.run(*argv, **environ).out)
        return value

    def _note_moment(self, posts: int) -> None:
        sent = len(self.service.posts) > posts
        sessions = self._sessions()
        if not sent:
            self.moments["before the request"] += 1
        elif sessions[0]["last_status"] == "completed":
            self.moments["after the end"] += 1
        elif sessions[0]["worker_id"] is None:
            self.moments["before the worker is known"] += 1
        else:
            self.moments["in the answer"] += 1


def play(
    turns: int, seed: int, home: Path, *, tasks: bool = False, app: float = 0.0
) -> tuple[Counter[str], int]:
    """Play this many turns; returns how many programs died at which moments, and how many POSTs arrived."""
    how: dict[str, Any] = {"tasks": True, "cost_usd": None, "credits": 3} if tasks else {}
    with paid_service(**how) as service:
        kills = Kills(service, home, random.Random(seed), app)
        for number in range(turns):
            kills.play(number)
        service.finish()
        kills.settle()
        kills.check_truth()
        kills.check_gaps()
        assert max(Counter(service.posts).values(), default=0) <= 1
        return kills.moments, len(service.posts)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--app", type=float, default=0.0, help="the share of turns that the app sends (tmux)")
    parser.add_argument("--generation", choices=GENERATIONS, help="one of both (default: both)")
    args = parser.parse_args()
    for generation in [args.generation] if args.generation else GENERATIONS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as home:
            moments, posts = play(
                args.turns, args.seed, Path(home), tasks=generation == "tasks", app=args.app
            )
        seconds = time.monotonic() - began
        print(f"{generation}: {args.turns} turns, seed {args.seed}, {seconds:.0f} s: {dict(moments)}")
        print(f"{generation}: {posts} POSTs, no turn was sent twice", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
