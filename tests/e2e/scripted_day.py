"""A day of 500 turns over 12 workers, written the way the program writes it: requests, frames, charges.

Every reading of a worker is kept as raw JSON text, for sums that share no code with the program.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import StartPolicy, Trigger, TurnRequest
from handinger_tui.ledger.ledger import Ledger

BEGIN = int(datetime(2026, 11, 24, 14, 0).astimezone().timestamp() * 1000)
"""The following 24 hours contain a midnight."""
STEP_MS = 24 * 3600 * 1000 // 500
BUDGETS = ("low", "standard", "high", "unlimited", None)
COUNTS = (
    "inputTokens",
    "outputTokens",
    "reasoningTokens",
    "cacheReadTokens",
    "cacheWriteTokens",
    "totalTokens",
)
COSTS = ("modelCostUsd", "toolCostUsd", "sandboxCostUsd", "internalCostUsd")


@dataclass
class ScriptedTurn:
    """One turn, and every worker that was read for it, as raw JSON text."""

    turn_id: str
    session_id: str
    worker_id: str
    starts_worker: bool
    budget: str | None
    trigger: str
    status: str
    charged_ms: int
    before: str | None = None
    reads: list[str] = field(default_factory=list)


class Meter:
    """The counters of a worker: totals that grow, or each turn by itself."""

    def __init__(self, dice: random.Random, *, per_turn: bool) -> None:
        self._dice = dice
        self.per_turn = per_turn
        self._grown: dict[str, Decimal] = dict.fromkeys((*COUNTS, *COSTS, "credits", "steps"), Decimal(0))

    def turn(self) -> None:
        """Count one turn."""
        dice = self._dice
        digits = dice.choice((4, 8, 12, 17))
        news = {name: Decimal(dice.randint(0, 9000)) for name in (*COUNTS, "credits", "steps")}
        news |= {name: Decimal(dice.randint(0, 10**digits)).scaleb(-digits) for name in COSTS}
        self._grown = {
            name: value if self.per_turn else self._grown[name] + value for name, value in news.items()
        }

    def worker(self, worker_id: str, kind: str, *, busy: bool = False, failed: bool = False) -> str:
        """A Worker as JSON text, with every digit. `kind`: full, null, missing, split or lump."""
        now = {name: format(value, "f") for name, value in self._grown.items()}
        now["costUsd"] = format(sum((self._grown[name] for name in COSTS), Decimal(0)), "f")
        if kind == "null":
            now = dict.fromkeys(now, "null")
        if kind == "split":
            now["costUsd"] = "null"
        if kind == "lump":
            now["toolCostUsd"] = "null"
        usage = {name: now[name] for name in (*COUNTS, "steps", "credits", "costUsd")}
        costs = {name: now[name] for name in COSTS}
        body: dict[str, object] = {
            "id": worker_id,
            "object": "worker",
            "status": "error" if failed else "completed",
        }
        body |= {"running": busy, "output_text": "" if failed else "done"} | (
            {"error": "no"} if failed else {}
        )
        if busy:
            body["status"] = "running"
        if kind == "missing":
            return json.dumps(body)
        return f'{json.dumps(body)[:-1]},"usage":{_object(usage)},"costs":{_object(costs)}}}'


def _object(members: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"


class SessionWriter:
    """Writes one session into the history."""

    def __init__(self, ledger: Ledger, name: str, worker: str, *, has_worker: bool, base_url: str) -> None:
        self._ledger = ledger
        self.worker = worker
        self.session = Session(
            name, BEGIN, worker_id=worker if has_worker else None, base_url=base_url, title=f"Talk {name}"
        )

    async def turn(self, scripted: ScriptedTurn, text: str | None, at_ms: int) -> None:
        """Write request, frames and settlement of a turn; `text` is the worker that was read after it."""
        request = TurnRequest(
            scripted.turn_id, "hello", at_ms - 60_000, None if scripted.starts_worker else self.worker,
            scripted.budget, trigger=Trigger(scripted.trigger),
        )  # fmt: skip
        # A turn belongs to the day on which it was sent.
        scripted.charged_ms = request.created_ms
        await self._ledger.open_turn(self.session, request, start=StartPolicy.UNMEASURED)
        frames = [] if scripted.before is None else [_json(scripted.before, ReadReason.BEFORE)]
        frames += [_note(Marker.SENDING, {"worker_id": request.target_id})]
        if text is not None:
            scripted.reads.append(text)
            opened = {"via": "post", "status": 200, "content_type": "application/json"}
            frames += [
                _note(Marker.OPENED, {**opened, "worker_id": self.worker}),
                _json(text, ReadReason.AFTER),
            ]
            frames.append(_note(Marker.CLOSED, {"clean": True}))
        await self._close(request, [*frames, _settled(scripted.status)], at_ms)

    async def finish(self, scripted: ScriptedTurn, text: str, at_ms: int) -> None:
        """Watch a detached turn to its end."""
        scripted.status = "completed"
        scripted.reads.append(text)
        turn = next(turn for turn in self.session.turns if turn.turn_id == scripted.turn_id)
        old = await self._ledger.frames(scripted.turn_id)
        await self._close(
            turn.request,
            [_note(Marker.WATCHING, {}), _json(text, ReadReason.AFTER), _settled("completed")],
            at_ms,
            old,
        )

    async def _close(
        self, request: TurnRequest, new: list[Frame], at_ms: int, old: list[Frame] | None = None
    ) -> None:
        first = len(old or ())
        dated = [frame._replace(seq=first + at, at_ms=at_ms) for at, frame in enumerate(new)]
        for frame in dated:
            self._ledger.append(request.turn_id, frame)
        self.session = put_turn(self.session, fold(request, [*(old or ()), *dated]))
        await self._ledger.close_turn(self.session, request.turn_id)


def _json(text: str, look: ReadReason) -> Frame:
    return Frame(0, 0, Framing.JSON, text, look)


def _note(note: Marker, data: dict[str, object]) -> Frame:
    return Frame(0, 0, Framing.NOTE, json.dumps(data), note)


def _settled(status: str) -> Frame:
    return _note(Marker.SETTLED, {"status": status, "recovered": False, "fault": None})


@dataclass
class Plan:
    """A planned session: its worker's way of counting, and its turns."""

    writer: SessionWriter
    meter: Meter
    continued: bool
    turns: list[ScriptedTurn] = field(default_factory=list)
    detached: ScriptedTurn | None = None


async def write_day(path: Path, seed: int = 500) -> list[ScriptedTurn]:
    """Fill the history at `path`; returns the scripted turns, session by session in order."""
    dice = random.Random(seed)
    ledger = Ledger(path)
    await ledger.start()
    try:
        plans = list(_plans(ledger, dice))
        for number in range(500):
            await _one(plans[number % len(plans)], dice, number)
        simulated = Plan(
            SessionWriter(ledger, "ses_local", "wrk_local", has_worker=False, base_url="local"),
            Meter(dice, per_turn=False),
            continued=False,
        )
        for number in range(500, 505):
            await _one(simulated, dice, number)
    finally:
        await ledger.aclose()
    return [turn for plan in plans for turn in plan.turns]


def _plans(ledger: Ledger, dice: random.Random) -> Iterator[Plan]:
    """Sixteen workers; four count each turn by itself, four were used elsewhere before."""
    for number in range(12):
        meter = Meter(dice, per_turn=number % 3 == 1)
        for part in range(2 if number % 3 == 0 else 1):
            name, worker = f"ses_{number:02d}_{part}", f"wrk_{number:02d}{'b' * part}"
            writer = SessionWriter(
                ledger, name, worker, has_worker=part > 0, base_url="https://worker.example"
            )
            yield Plan(writer, meter if part == 0 else Meter(dice, per_turn=False), continued=part > 0)


STATUSES = ("completed",) * 14 + ("failed", "failed", "incomplete", "unknown", "rejected", "not_sent")
KINDS = ("full",) * 14 + ("null", "missing", "split", "split", "lump")


async def _one(plan: Plan, dice: random.Random, number: int) -> None:
    at_ms = BEGIN + number * STEP_MS + dice.randint(61_000, STEP_MS)
    writer, meter, first = plan.writer, plan.meter, not plan.turns
    grows = not meter.per_turn
    if plan.detached is not None and dice.random() < 0.75:
        kind = "missing" if writer.worker == "wrk_09b" else "full"
        await writer.finish(plan.detached, meter.worker(writer.worker, kind), at_ms - 60_500)
    plan.detached = None
    status = "completed" if first else dice.choice(STATUSES)
    # One worker never reports a figure.
    is_silent = writer.worker == "wrk_09b"
    kind = "missing" if is_silent else "full" if first else dice.choice(KINDS)
    turn = ScriptedTurn(
        f"turn_{number:04d}", writer.session.session_id, writer.worker, first and not plan.continued,
        dice.choice(BUDGETS), dice.choice([str(trigger) for trigger in Trigger]), status, at_ms,
    )  # fmt: skip
    plan.turns.append(turn)
    # The reading before a turn also closes gaps of the turn before it.
    if not turn.starts_worker:
        turn.before = meter.worker(writer.worker, "missing" if is_silent else "full")
    if status in ("rejected", "not_sent"):
        await writer.turn(turn, None, at_ms)
        return
    meter.turn()
    if status == "unknown":
        await writer.turn(turn, None, at_ms)
    elif status == "completed" and not first and dice.random() < 0.1:
        turn.status, plan.detached = "running", turn
        text = meter.worker(writer.worker, kind, busy=True)
        if grows:
            meter.turn()
        await writer.turn(turn, text, at_ms)
    else:
        await writer.turn(turn, meter.worker(writer.worker, kind, failed=status == "failed"), at_ms)
