"""The machine's clock is set back while turns of one worker run: every amount still has its owner."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

import pytest
from msgspec.structs import replace

from handinger_tui.cli.wiring import SystemClock
from handinger_tui.core.figures import FIGURE, FIGURES, NO_COSTS, Usage
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.turn_events import events_text
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import OtherTurn, RelatedHistory
from handinger_tui.core.turns.turn import FigureRead, Turn, TurnRequest, TurnStatus, with_read
from tests.money.paid_service import PaidService
from tests.money.programs import Person

WORKER: Final = "wrk_1"
COST: Final = FIGURES.index(FIGURE["cost_usd"])
PAUSES_MS: Final = (5, 50, 500, 5_000, 60_000)


class Day:
    """Turns on one worker: in an app with several sessions, or (`scripts`) each in a program of its own."""

    def __init__(self, seed: int, *, scripts: bool) -> None:
        self.random = Random(seed)
        self.scripts = scripts
        self.passed_ms, self.set_ms, self.newest_ms = 0, 10**12, 0
        self.largest_step_ms = self.random.choice([100, 3_000, 60_000, 7_200_000])
        self.clock = self._started()
        self.turns: dict[str, Turn] = {}
        self.session: dict[str, int] = {}
        self.units: dict[str, int] = {}
        self.running: list[str] = []
        for number in range(self.random.randint(2, 5)):
            if scripts:
                self.clock = self._started()
            self._begin(f"a{number}")
            inside = not scripts and number > 0 and self.random.random() < 0.7
            if inside:
                self._begin(f"b{number}")
            for _ in range(self.random.randint(1, 4)):
                self._spend_and_read()
            while self.running:
                self._end(self.random.choice(self.running))

    def _started(self) -> SystemClock:
        return SystemClock(
            self.newest_ms, lambda: (self.set_ms + self.passed_ms) * 10**6, lambda: self.passed_ms / 1000
        )

    def _now_ms(self) -> int:
        self.passed_ms += self.random.choice(PAUSES_MS)
        if self.random.random() < 0.2:
            self.set_ms -= self.random.randint(0, self.largest_step_ms)
        self.newest_ms = self.clock.now_ms()
        return self.newest_ms

    def _begin(self, name: str) -> None:
        is_first = not self.turns
        request = TurnRequest(name, "hi", self._now_ms(), target_id=None if is_first else WORKER)
        turn = Turn(request, TurnStatus.ACCEPTED, worker_id=WORKER)
        if not is_first:
            turn = replace(turn, before=self._snapshot(), before_ms=self._now_ms())
        self.turns[name] = replace(turn, sent_ms=self._now_ms())
        self.session[name] = 0 if is_first else self.random.randrange(3)
        self.units[name] = 0
        self.running.append(name)

    def _snapshot(self) -> Snapshot:
        cost = Decimal(sum(self.units.values())) / 10_000
        prompts = len(self.turns)
        return Snapshot(WORKER, running_flag=bool(self.running), usage=Usage(cost_usd=cost), prompts=prompts)

    def _spend_and_read(self) -> None:
        self.units[self.random.choice(self.running)] += self.random.randint(1, 900)
        self._read(self.random.choice(self.running))

    def _read(self, name: str) -> None:
        snapshot, at_ms, turn = self._snapshot(), self._now_ms(), self.turns[name]
        read = FigureRead(at_ms, snapshot.usage, NO_COSTS, snapshot.busy, snapshot.prompts)
        self.turns[name] = replace(turn, reads=with_read(turn, read), snapshot=snapshot, read_ms=at_ms)

    def _end(self, name: str) -> None:
        self.units[name] += self.random.randint(1, 900)
        self.running.remove(name)
        self._read(name)
        ended = replace(self.turns[name], status=TurnStatus.COMPLETED, ended_ms=self._now_ms())
        self.turns[name] = ended

    def faults(self) -> list[str]:
        """What the first session says that is not so."""
        ours = [turn for name, turn in self.turns.items() if not self.session[name]]
        others = tuple(
            OtherTurn(name, WORKER, events_text(turn, creates=False), "another")
            for name, turn in sorted(self.turns.items())
            if self.session[name]
        )
        index = MoneyIndex()
        money = dict(zip((turn.turn_id for turn in ours), index(ours, RelatedHistory(others)), strict=True))
        money |= index.money_elsewhere
        truth = Decimal(sum(self.units.values())) / 10_000
        of_worker = index.results[WORKER][COST].of_worker
        charged = sum((one.usd or 0 for one in money.values()), Decimal(0))
        wrong = [f"{of_worker}, {charged} of {truth}"] if {of_worker, charged} != {truth} else []
        for name, one in money.items():
            own = Decimal(self.units[name]) / 10_000
            is_wrong = (one.most_usd or 0) < own if one.shared else one.usd != own
            wrong += [f"{name}: {one.usd}, {one.most_usd} of {own}"] if is_wrong or not one.final else []
        return wrong


@pytest.mark.parametrize("scripts", [False, True], ids=["app", "scripts"])
def test_the_order_of_readings_does_not_depend_on_the_clock_of_the_machine(*, scripts: bool) -> None:
    wrong = {seed: Day(seed, scripts=scripts).faults() for seed in range(150)}
    assert not {seed: faults for seed, faults in wrong.items() if faults}


def test_a_program_continues_from_the_times_in_the_history(service: PaidService, tmp_path: Path) -> None:
    """As if the clock had been set back by an hour between two scripts."""
    person = Person(service, tmp_path)
    first = person.run("-p", "one", "--json").result["turn_id"]
    (path,) = tmp_path.rglob("history.db")
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE frames SET at_ms = at_ms + 3600000")
    assert person.run("-p", "two", "-c").code == 0
    with closing(sqlite3.connect(path)) as file:
        (before,) = file.execute("SELECT MAX(at_ms) FROM frames WHERE turn_id = ?", (first,)).fetchone()
        (after,) = file.execute("SELECT MIN(at_ms) FROM frames WHERE turn_id <> ?", (first,)).fetchone()
    assert after >= before
