"""Random histories: board, header, sessions, `runs --json`, costs and notices say the same at every step."""

from __future__ import annotations

import json
import random
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.core.amounts import Unit
from handinger_tui.core.export.result import notice_of_end
from handinger_tui.core.formatting import duration
from handinger_tui.core.jsontext import JsonObject, as_list, as_object
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.limits import LimitReached, Scope
from handinger_tui.core.money.report import Selection
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.runs import (
    Board,
    Reason,
    Section,
    SessionRun,
    board_object,
    needs_words,
    running_cost,
    section_of,
)
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import StartPolicy, TurnRequest, TurnStatus, outcome_object
from handinger_tui.core.webhooks import FailedDeliveries
from handinger_tui.ledger.charges.limits import LimitRules
from handinger_tui.ui.terminal.notices import status_of_program
from handinger_tui.ui.widgets.session_rows import rows_of
from handinger_tui.ui.widgets.status_text import ended_words, left_running_words, runs_cost
from tests.ledger.charge_rows import Charge, charges, spent
from tests.ledger.raw_rows import NOON_MS
from tests.ledger.samples import opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from handinger_tui.core.turns.session import SessionSummary
    from handinger_tui.ledger.ledger import Ledger

HERE = "https://one.example"
ENDS = (TurnStatus.COMPLETED, TurnStatus.FAILED, TurnStatus.RUNNING, TurnStatus.UNKNOWN)


class Life:
    """Some sessions, each with its worker, in which anything happens in any order."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.ledger, self.dice = ledger, random.Random(seed)
        self.now_ms = NOON_MS
        ledger.limits.rules = LimitRules(now_ms=lambda: self.now_ms)
        self.sessions = [Session(f"ses_{at}", NOON_MS, f"wrk_{at}", base_url=HERE) for at in range(3)]
        self.cost = [0.0] * 3
        self.open: dict[int, tuple[TurnRequest, list[Frame]]] = {}
        self.numbers = iter(range(1000))

    async def step(self) -> str:
        """One thing happens; returns what."""
        self.now_ms += self.dice.randrange(1, 60_000)
        at = self.dice.randrange(3)
        acts = ["read", "snooze", "pin", "queue", "webhook", "schedule", "limit"]
        acts += ["figures", "figures", "end", "end"] if at in self.open else ["start", "start", "start"]
        act = self.dice.choice(acts)
        await getattr(self, act)(at)
        return f"{act} {at}"

    async def start(self, at: int) -> None:
        # What rises while nothing of ours runs belongs to no turn here.
        self.cost[at] += self.dice.choice((0.0, 0.0, 0.03))
        turn = self._request(at)
        try:
            await self.ledger.open_turn(self.sessions[at], turn, start=StartPolicy.UNMEASURED)
        except LimitReached:
            return
        self.open[at] = turn, []
        self._put(at, Framing.NOTE, {}, Marker.SENDING)
        self._put(at, Framing.JSON, self._worker(at, "running"), ReadReason.BEFORE)
        await self._publish(at)

    def _request(self, at: int) -> TurnRequest:
        name = f"turn_{next(self.numbers)}"
        return TurnRequest(name, f"message {name}", self.now_ms, f"wrk_{at}", budget="low", seen_before=0)

    def _worker(self, at: int, status: str) -> dict[str, Any]:
        usage = {"costUsd": round(self.cost[at], 4)}
        return {"id": f"wrk_{at}", "status": status, "running": status == "running", "usage": usage}

    def _put(self, at: int, framing: Framing, data: object, event: str) -> None:
        turn, frames = self.open[at]
        frames.append(Frame(len(frames), self.now_ms, framing, json.dumps(data), event))
        self.ledger.append(turn.turn_id, frames[-1])

    async def _publish(self, at: int) -> None:
        turn, frames = self.open[at]
        self.sessions[at] = put_turn(self.sessions[at], fold(turn, frames))
        await self.ledger.flush()
        await self.ledger.charge(self.sessions[at])

    async def figures(self, at: int) -> None:
        self.cost[at] += self.dice.choice((0.0, 0.01, 0.25))
        self._put(at, Framing.JSON, self._worker(at, "running"), ReadReason.MONEY)
        await self._publish(at)

    async def end(self, at: int) -> None:
        self.cost[at] += self.dice.choice((0.0, 0.02))
        status = self.dice.choice(ENDS)
        self._put(at, Framing.JSON, self._worker(at, "completed"), ReadReason.AFTER)
        self._put(at, Framing.NOTE, outcome_object(status, None), Marker.SETTLED)
        await self._publish(at)
        turn, _ = self.open.pop(at)
        await self.ledger.close_turn(self.sessions[at], turn.turn_id)
        if self.dice.random() < 0.7:
            await self.ledger.history.mark_unread(f"ses_{at}")

    async def queue(self, at: int) -> None:
        if self.sessions[at].turns:
            await self.ledger.open_turn(self.sessions[at], self._request(at))

    async def webhook(self, at: int) -> None:
        # Of the last worker there is no session here.
        failed = FailedDeliveries(self.dice.randrange(3), self.now_ms, "Status 500.")
        await self.ledger.runs.keep_webhook(HERE, f"wrk_{at + 1}", self.dice.choice((None, failed)))

    async def limit(self, at: int) -> None:
        amount = self.dice.choice((None, Decimal("0.2")))
        await self.ledger.limits.set_limit(self.sessions[at], Scope.DAY, Unit.USD, amount)

    async def schedule(self, at: int) -> None:
        plan: JsonObject = {"id": "sch_1", "instruction": "news", "budget": "low", "rule": "once"}
        plan["runs"] = [self.now_ms + 60_000]
        await self.ledger.runs.keep_schedules(HERE, f"wrk_{at}", [plan], self.now_ms)

    async def read(self, at: int) -> None:
        await self.ledger.history.mark_read(f"ses_{at}")

    async def snooze(self, at: int) -> None:
        await self.ledger.history.snooze(f"ses_{at}", self.dice.choice((None, self.now_ms + 90_000)))

    async def pin(self, at: int) -> None:
        await self.ledger.history.pin(f"ses_{at}", self.dice.choice((None, self.now_ms)))


class Places:
    """Everything that says what runs, what needs the person, and what it cost, as read at one moment."""

    def __init__(self, life: Life, board: Board, summaries: Sequence[SessionSummary]) -> None:
        self.now_ms, self.board = life.now_ms, board
        self.opened = {one.session_id: one for one in life.sessions}
        self.summaries = {one.session_id: one for one in summaries}
        entries = board.entries(self.now_ms)
        self.in_need = {one.key for one in entries if section_of(one, self.now_ms) is Section.NEEDS}
        self.needs = board.needs(self.now_ms)
        self.value = board_object(board, entries, self.now_ms)
        self.items = {one["session_id"]: one for one in map(as_object, as_list(self.value["runs"]))}
        rows = rows_of(summaries, self.opened, self.now_ms)
        self.home = {one.session_id: row.cells[6] for one, row in zip(summaries, rows, strict=True)}

    def agree_on_needs(self, in_sight: Board) -> None:
        """Head, header, JSON, rows, the status that the terminal gets, and the board without quiet ones."""
        count = len(self.needs)
        assert self.value["needs_you"] == len(as_list(self.value["needs"])) == count
        assert count == len(in_sight.needs(self.now_ms))
        assert {need.key for need in self.needs} - {""} == self.in_need
        of_runs = [need for need in self.needs if need.key in self.opened]
        assert sum(len(as_list(one["needs"])) for one in self.items.values()) == len(of_runs)
        words = needs_words(count)
        assert self.board.head(self.now_ms).startswith(words or "nothing needs you")
        assert status_of_program(words, []).message == words

    def agree_on_what_runs(self) -> None:
        """Head, header, JSON, list of sessions, and the sessions as the engine has them."""
        pairs = [
            (one, turn)
            for one in self.opened.values()
            for turn in one.turns
            if _works(turn) or turn is one.unwatched
        ]
        running = [run for run in self.board.runs if run.under_way]
        at_work = {session.session_id for session, _ in pairs}
        assert {run.session_id for run in running} == at_work
        assert f"{len(running)} running" in self.board.head(self.now_ms)
        assert {name for name, one in self.items.items() if one["section"] == "running"} <= at_work
        assert at_work <= {
            name for name, one in self.summaries.items() if one.last_status is TurnStatus.RUNNING or one.live
        }
        assert " · ".join(running_cost(running)) == runs_cost(pairs)
        for one in self.opened.values():
            others = [(session, turn) for session, turn in pairs if session is not one]
            assert self.board.elsewhere(one.session_id) == (len(others), runs_cost(others))

    def agree_on_run(self, run: SessionRun, own: Sequence[Charge], in_report: Decimal | None) -> None:
        """Its row, JSON, receipt, the book, and the list of sessions; and what is said at its end.

        The sum of entries in the book is 0 where an amount was taken back, which is unknown since then.
        """
        session, summary = self.opened[run.session_id], self.summaries[run.session_id]
        newest = next(turn for turn in reversed(session.turns) if turn.may_spend)
        cost = run.usd.value
        assert cost == MoneyIndex().of(session, newest).usd
        assert (cost or 0) == _sum(one.usd for one in own if one.turn_id == newest.turn_id)
        assert _amount(self.items[run.session_id]["cost_usd"]) == cost
        assert summary.usd.value == in_report
        assert (in_report or 0) == _sum(one.usd for one in own)
        shown = run.cost if run.under_way else summary.cost
        assert self.home[run.session_id].removeprefix("cost ") == shown
        if not run.under_way:
            words = ended_words(session, newest)
            assert cost is None or f", {run.cost}" in words
            assert run.took_ms is None or f" {duration(run.took_ms)}" in words
            result = notice_of_end(session, newest).result
            assert result is not None
            assert _amount(result.turn_money.usd) == cost
            (line,) = left_running_words([session], [], self.now_ms)
            assert session.sent is not newest or runs_cost([(session, newest)]) in line


async def agree(life: Life) -> Places:
    """Compare them all."""
    ledger = life.ledger
    board = await ledger.runs.board(everything=True)
    places = Places(life, board, await ledger.history.sessions())
    places.agree_on_needs(await ledger.runs.board())
    places.agree_on_what_runs()

    entries = await charges(ledger)
    report = await ledger.charges.report(Selection(GroupBy.SESSION))
    costs = {group.key: group.usd.value for group in report.groups or ()}
    for run in board.runs:
        if run.status is not None:
            own = [one for one in entries if one.session_id == run.session_id]
            places.agree_on_run(run, own, costs[run.session_id])
    # What the person has read is unassigned still, but no reason any more.
    unassigned = _sum(run.unassigned.value for run in board.runs if run.unassigned is not None)
    assert unassigned <= _sum(one.usd.value for one in report.suspense)
    assert (await spent(ledger)).usd.value == report.total.total("usd").value
    today = await ledger.charges.spent(ChargeFilter())
    assert board.today.startswith(today.usd.cost_words(today.credits) if today.turns else "")
    return places


def _amount(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))


def _works(turn: Any) -> bool:
    return turn.live and turn.status is not TurnStatus.QUEUED


@pytest.mark.parametrize("seed", [19, 24])
async def test_every_place_says_the_same_at_every_step(tmp_path: Path, seed: int) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        life = Life(ledger, seed)
        acts: list[str] = []
        reasons: set[Reason] = set()
        for _ in range(60):
            acts.append(await life.step())
            try:
                places = await agree(life)
            except AssertionError as problem:
                raise AssertionError(f"seed {seed}, after {acts}: {problem}") from problem
            reasons |= {need.reason for need in places.needs}
        # These lives have all that can come about without a history of costs.
        assert {*Reason} - reasons == {Reason.KEY, Reason.COST, Reason.SCHEDULE}
