"""The cases of an audit: the figures of a service step by step, and the right amounts.

Each case has its own worker. Amounts are reported figures, in USD or credits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from tests.money.paid_service import PaidService, RemoteWorker

WAIT_S: Final = 60.0
Figures = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One turn of ours.

    `look`: the figures before it, where they differ from the last ones; `stale`: that answer lacks the
    last turn as a whole. `during`: those while it runs. `after`: at its end. `late`: some time later.
    `stranger`: somebody else sends a message in the same time. `refused`: the service refuses it, and
    reports `after` all the same. `inside`: a turn that another program of ours sends, and that ends,
    while this one runs.
    """

    after: Figures
    look: Figures | None = None
    stale: bool = False
    during: Figures | None = None
    late: Figures | None = None
    stranger: bool = False
    refused: bool = False
    inside: Step | None = None


NOTHING: Final = Step({})


SOME: Final = "some"


@dataclass(frozen=True)
class Paid:
    """The right amount of one turn: its charge, and its maximum if the amount is shared.

    None: unknown, a gap; SOME: an amount that is not certain. `doubtful`: it depends on what the figures
    mean, which is not decided.
    """

    entered: str | None
    most: str | None = None
    others: int = 0
    doubtful: bool = False


@dataclass(frozen=True)
class Case:
    """One case. `turns` are in order of sending. `nobody`: what belongs to no turn of ours.

    `printed`: what a script said of a turn right after it, by position, where more became known later.
    `restated`: positions of turns whose final amount changes. `together`: positions of turns of which only
    the sum is certain; how it is split depends on the moments of the readings.
    """

    name: str
    steps: tuple[Step, ...]
    turns: tuple[Paid, ...]
    nobody: str = "0"
    credits: bool = False
    printed: Mapping[int, Paid] = field(default_factory=dict)
    together: tuple[int, ...] = ()
    restated: tuple[int, ...] = ()

    @property
    def total(self) -> Decimal:
        """The charges of all turns."""
        return self.total_of(self.turns)

    @property
    def altogether(self) -> Decimal:
        """The cost of the worker since our first reading."""
        return self.total + Decimal(self.nobody)

    def certain(self, paid: Mapping[int, Paid]) -> dict[int, Paid]:
        """The certain amounts of each turn in one place, by position."""
        amounts = dict(paid)
        right = self.total_of(self.turns[at] for at in self.together)
        assert self.total_of(paid[at] for at in self.together) == right
        for at in self.together:
            assert Decimal(paid[at].most or 0) <= right, (at, right, [paid[i] for i in range(3, len(paid))])
            amounts[at] = replace(paid[at], entered=self.turns[at].entered, most=SOME)
        return amounts

    @staticmethod
    def total_of(turns: Iterable[Paid]) -> Decimal:
        return sum((Decimal(turn.entered or 0) for turn in turns), Decimal(0))


def usd(amount: float) -> Figures:
    return {"costUsd": amount}


def credited(amount: float) -> Figures:
    return {"credits": amount}


def about(amount: str, most: str | None = None) -> Paid:
    """An amount that depends on a meaning for which there are too few readings."""
    return Paid(amount, most, doubtful=True)


LIFETIME: Final = tuple(map(usd, (10, 20, 30)))
CASES: Final = (
    Case(
        "two of our runs overlap",
        (
            *(Step(usd(total)) for total in (10, 20, 30)),
            Step(usd(30.3), during=usd(30.05), inside=Step(usd(30.25))),
            Step(usd(30.5)),
        ),
        (
            *(Paid("10"), about("10"), about("10")),
            *(Paid(usd, SOME, 1, doubtful=True) for usd in ("0.1", "0.2")),
            about("0.2"),
        ),
        together=(3, 4),
    ),
    Case(
        "a float is printed with other last digits",
        tuple(Step(usd(total)) for total in (10.1, 20.200000000000003, 20.2, 30.3)),
        (Paid("10.1"), about("10.100000000000003"), about("0"), about("10.099999999999997")),
    ),
    Case(
        "durationMs is that of the last run",
        tuple(Step(usd(total) | {"durationMs": ms}) for total, ms in ((5, 300), (10, 100), (15, 200))),
        (Paid("5"), about("5"), about("5")),
    ),
    Case(
        "one answer has old figures",
        (Step(usd(0.2)), Step(usd(0.5)), Step(usd(0.7), look=usd(0.2), during=usd(0.5))),
        (Paid("0.2"), about("0.3"), about("0.2")),
    ),
    Case(
        "one answer lacks the last turn",
        (Step(usd(0.2)), Step(usd(0.5)), Step(usd(0.7), look=usd(0.2), stale=True)),
        # It may include a late cost of the turn before, as the worker was not read right before it.
        (
            Paid("0.2"),
            Paid("0.3", "0.5", 1),
            Paid("0.2", "0.2", 1, doubtful=True),
        ),
        printed={1: about("0.3")},
    ),
    Case(
        "zero while a turn runs",
        (Step(usd(0.5)), Step(usd(1.0)), Step(usd(1.5), during=usd(0))),
        (Paid("0.5"), about("0.5"), about("0.5")),
    ),
    Case(
        "the service restarts",
        (Step(usd(1)), Step(usd(2)), Step(usd(3)), Step(usd(0.5), look=usd(0)), Step(usd(0.9))),
        # The fourth amount is the same by both meanings.
        (Paid("1"), about("1"), about("1"), Paid("0.5"), about("0.4")),
    ),
    Case(
        "each turn by itself",
        tuple(Step(usd(one)) for one in (0.3, 0.1, 0.2)),
        (Paid("0.3"), about("0.1"), about("0.2")),
    ),
    Case(
        "each turn by itself, most of them larger than the one before",
        tuple(Step(usd(one)) for one in (0.214, 1.51, 0.704, 1.013, 2.226, 2.945)),
        (Paid("0.214"), *map(about, ("1.51", "0.704", "1.013", "2.226", "2.945"))),
        printed={1: about("1.296")},
        restated=(1,),
    ),
    Case(
        "one zero of a service that is out of order",
        (Step(usd(100), late=usd(0)), Step(usd(120), look=usd(100))),
        (Paid("100"), about("20")),
    ),
    Case(
        "two readings do not decide",
        (Step(credited(3)), Step(credited(5))),
        (Paid("3"), Paid("2", doubtful=True)),
        credits=True,
    ),
    Case(
        "the third reading fits figures of each turn",
        (Step(credited(3)), Step(credited(5)), Step(credited(2))),
        (Paid("3"), about("5"), about("2")),
        credits=True,
        printed={1: Paid("2", doubtful=True)},
        restated=(1,),
    ),
    Case(
        "a stranger in the same window",
        # If these were figures of each turn, the last ones would be those of the stranger.
        (Step(usd(0.2)), Step(usd(0.8), stranger=True)),
        (Paid("0.2"), Paid("0.6", "0.6", 1, doubtful=True)),
    ),
    Case(
        "a stranger in the same window, which is read before",
        (Step(usd(0.2)), Step(usd(2.01), during=usd(0.2), stranger=True)),
        (Paid("0.2"), Paid("1.81", "1.81", 1, doubtful=True)),
    ),
    Case(
        "a stranger in the same window, in credits",
        (Step(credited(3)), Step(credited(9), stranger=True)),
        (Paid("3"), Paid("6", "6", 1, doubtful=True)),
        credits=True,
    ),
    Case(
        "a figure of a running turn is corrected at its end",
        (Step(usd(0.5)), Step(usd(1.0)), Step(usd(1.4), during=usd(1.5), late=usd(1.4)), Step(usd(1.6))),
        (Paid("0.5"), about("0.5"), about("0.4"), about("0.2")),
        printed={2: about("0.5")},
    ),
    Case(
        "costs that come late",
        (Step(usd(0.1), late=usd(0.25)),),
        (Paid("0.25"),),
        printed={0: Paid("0.1")},
        restated=(0,),
    ),
    Case(
        "refused, but the figures rise",
        (Step(usd(0.2)), Step(usd(0.26), refused=True), Step(usd(0.36))),
        (Paid("0.2"), Paid("0"), Paid("0.1", doubtful=True)),
        nobody="0.06",
    ),
)


@dataclass
class ScriptedService(PaidService):
    """Reports the figures of the steps that are played on it."""

    figures: Figures = field(default_factory=dict)
    """The current figures of the newest worker."""
    settled: dict[str, Figures] = field(default_factory=dict)
    """The figures of earlier workers, see `next_worker`."""
    step: Step = NOTHING
    """The turn that is sent next, or that was sent last."""
    is_stale: bool = False
    """A replica that lacks the last turn answers for the worker."""
    is_read: bool = False
    """The worker was read since the last turn was sent."""
    is_held: bool = False
    """A turn waits for the one inside it; `go_on` ends it."""
    looks_idle: bool = False
    """A replica answers that does not know yet that a turn runs; until the next one is sent."""

    def expect(self, step: Step) -> None:
        """The next turn is this one."""
        with self.changed:
            self.step = step
            self.figures = self.figures if step.look is None else step.look
            self.is_stale = step.stale

    def next_worker(self) -> None:
        """Keep the figures of all workers; the next turn is one of a new worker."""
        for worker_id in self.workers:
            self.settled.setdefault(worker_id, self.figures)
        self.figures = {}

    def refuse(self) -> int | None:
        if not self.step.refused:
            return None
        self.figures = self.step.after
        return 402

    def start_turn(self, worker_id: str | None, prompt: str) -> RemoteWorker:
        with self.changed:
            self.figures = self.figures if self.step.during is None else self.step.during
            self.is_read = self.is_stale = self.looks_idle = False
        return super().start_turn(worker_id, prompt)

    def until_ended(self, worker: RemoteWorker) -> None:
        with self.changed:
            step = self.step
            if step.inside is not None:
                self.is_held = True
                self.changed.notify_all()
                self.wait_for(lambda: not self.is_held)
            elif step.during is not None:
                self.wait_for(lambda: self.is_read)
            if step.stranger:
                worker.prompts.append("from somebody else")
            self.figures = step.after
            worker.running -= 1
            self.changed.notify_all()

    def until_held(self) -> None:
        """Wait until a turn waits for the one inside it."""
        with self.changed:
            self.wait_for(lambda: self.is_held)

    def go_on(self) -> None:
        """End the turn that waits."""
        with self.changed:
            self.is_held = False
            self.changed.notify_all()

    def wait_for(self, holds: Callable[[], bool]) -> None:
        assert self.changed.wait_for(holds, WAIT_S), "never so"

    def body_of(self, worker: RemoteWorker) -> dict[str, Any]:
        # One moment: figures and messages change together.
        with self.changed:
            shown = replace(worker, prompts=worker.prompts[:-1]) if self.is_stale else worker
            shown = replace(shown, running=0) if self.looks_idle else shown
            return super().body_of(shown)

    def usage_of(self, worker: RemoteWorker) -> dict[str, Any]:
        with self.changed:
            self.is_read = self.is_read or bool(worker.running)
            self.changed.notify_all()
            return self.settled.get(worker.worker_id, self.figures)
