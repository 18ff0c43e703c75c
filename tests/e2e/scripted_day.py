"""A day of 500 turns over 12 workers, written the way the program writes it: orders, frames, charges.

What each worker said is kept as the raw JSON text, for sums that share no code with the program.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from handinger_tui.core.stream.frames import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import Trigger, TurnRequest
from handinger_tui.ledger.ledger import Ledger

BEGIN = int(datetime(2026, 11, 24, 14, 0).astimezone().timestamp() * 1000)
"""Twenty-four hours from here have a midnight in the middle."""
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
class Said:
    """One turn as it went, and every Worker that was read for it, as raw JSON text."""

    turn_id: str
    session_id: str
    worker_id: str
    made_worker: bool
    budget: str | None
    trigger: str
    status: str
    charged_ms: int
    before: str | None = None
    reads: list[str] = field(default_factory=list)


class Meter:
    """What a worker counts: totals that grow, or each turn by itself."""

    def __init__(self, dice: random.Random, *, per_turn: bool) -> None:
        self._dice = dice
        self.per_turn = per_turn
        self._grown: dict[str, Decimal] = dict.fromkeys((*COUNTS, *COSTS, "credits", "steps"), Decimal(0))

    def turn(self) -> None:
        """It works on one turn."""
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


class Desk:
    """One session under way."""

    def __init__(self, ledger: Ledger, name: str, worker: str, *, known: bool, base_url: str) -> None:
        self._ledger = ledger
        self.worker = worker
        self._known = known
        self.session = Session(
            name, BEGIN, worker_id=worker if known else None, base_url=base_url, title=f"Talk {name}"
        )

    async def turn(self, said: Said, text: str | None, at_ms: int) -> None:
        """Order, frames and settling of a turn; `text` is the Worker that was read after it."""
        order = TurnRequest(
            said.turn_id, "hello", at_ms - 60_000, None if said.made_worker else self.worker,
            said.budget, trigger=Trigger(said.trigger),
        )  # fmt: skip
        # A turn belongs to the day on which it was sent.
        said.charged_ms = order.created_ms
        await self._ledger.open_turn(self.session, order)
        frames = [] if said.before is None else [_json(said.before, ReadReason.BEFORE)]
        frames += [_note(Marker.SENDING, {"worker_id": order.worker_id})]
        if text is not None:
            said.reads.append(text)
            opened = {"via": "post", "status": 200, "content_type": "application/json"}
            frames += [
                _note(Marker.OPENED, {**opened, "worker_id": self.worker}),
                _json(text, ReadReason.AFTER),
            ]
            frames.append(_note(Marker.CLOSED, {"clean": True}))
        await self._close(order, [*frames, _settled(said.status)], at_ms)

    async def finish(self, said: Said, text: str, at_ms: int) -> None:
        """Watch a detached turn to its end."""
        said.status = "completed"
        said.reads.append(text)
        turn = next(turn for turn in self.session.turns if turn.turn_id == said.turn_id)
        old = await self._ledger.frames(said.turn_id)
        await self._close(
            turn.order,
            [_note(Marker.WATCHING, {}), _json(text, ReadReason.AFTER), _settled("completed")],
            at_ms,
            old,
        )

    async def _close(
        self, order: TurnRequest, new: list[Frame], at_ms: int, old: list[Frame] | None = None
    ) -> None:
        first = len(old or ())
        dated = [frame._replace(seq=first + at, at_ms=at_ms) for at, frame in enumerate(new)]
        for frame in dated:
            self._ledger.append(order.turn_id, frame)
        self.session = put_turn(self.session, fold(order, [*(old or ()), *dated]))
        await self._ledger.close_turn(self.session, order.turn_id)


def _json(text: str, look: ReadReason) -> Frame:
    return Frame(0, 0, Framing.JSON, text, look)


def _note(note: Marker, data: dict[str, object]) -> Frame:
    return Frame(0, 0, Framing.NOTE, json.dumps(data), note)


def _settled(status: str) -> Frame:
    return _note(Marker.SETTLED, {"status": status, "recovered": False, "fault": None})


@dataclass
class Plan:
    """One session to be: its worker's way of counting, and its turns."""

    desk: Desk
    meter: Meter
    continued: bool
    said: list[Said] = field(default_factory=list)
    detached: Said | None = None


async def write_day(path: Path, seed: int = 500) -> list[Said]:
    """Fill the history at `path`; returns what was said, turn by turn, session by session in order."""
    dice = random.Random(seed)
    ledger = Ledger(path)
    await ledger.start()
    try:
        plans = list(_plans(ledger, dice))
        for number in range(500):
            await _one(plans[number % len(plans)], dice, number)
        pretend = Plan(
            Desk(ledger, "ses_local", "wrk_local", known=False, base_url="local"),
            Meter(dice, per_turn=False),
            continued=False,
        )
        for number in range(500, 505):
            await _one(pretend, dice, number)
    finally:
        await ledger.aclose()
    return [said for plan in plans for said in plan.said]


def _plans(ledger: Ledger, dice: random.Random) -> Iterator[Plan]:
    """Sixteen workers; four count each turn by itself, four were used elsewhere before."""
    for number in range(12):
        meter = Meter(dice, per_turn=number % 3 == 1)
        for part in range(2 if number % 3 == 0 else 1):
            name, worker = f"ses_{number:02d}_{part}", f"wrk_{number:02d}{'b' * part}"
            desk = Desk(ledger, name, worker, known=part > 0, base_url="https://worker.example")
            yield Plan(desk, meter if part == 0 else Meter(dice, per_turn=False), continued=part > 0)


STATUSES = ("completed",) * 14 + ("failed", "failed", "incomplete", "unknown", "rejected", "not_sent")
KINDS = ("full",) * 14 + ("null", "missing", "split", "split", "lump")


async def _one(plan: Plan, dice: random.Random, number: int) -> None:
    at_ms = BEGIN + number * STEP_MS + dice.randint(61_000, STEP_MS)
    desk, meter, first = plan.desk, plan.meter, not plan.said
    grows = not meter.per_turn
    if plan.detached is not None and dice.random() < 0.75:
        kind = "missing" if desk.worker == "wrk_09b" else "full"
        await desk.finish(plan.detached, meter.worker(desk.worker, kind), at_ms - 60_500)
    plan.detached = None
    status = "completed" if first else dice.choice(STATUSES)
    # One worker never reports a figure.
    is_silent = desk.worker == "wrk_09b"
    kind = "missing" if is_silent else "full" if first else dice.choice(KINDS)
    said = Said(
        f"turn_{number:04d}", desk.session.session_id, desk.worker, first and not plan.continued,
        dice.choice(BUDGETS), dice.choice([str(trigger) for trigger in Trigger]), status, at_ms,
    )  # fmt: skip
    plan.said.append(said)
    # The reading before a turn also closes gaps of the turn before it.
    if not said.made_worker:
        said.before = meter.worker(desk.worker, "missing" if is_silent else "full")
    if status in ("rejected", "not_sent"):
        await desk.turn(said, None, at_ms)
        return
    meter.turn()
    if status == "unknown":
        await desk.turn(said, None, at_ms)
    elif status == "completed" and not first and dice.random() < 0.1:
        said.status, plan.detached = "running", said
        text = meter.worker(desk.worker, kind, busy=True)
        if grows:
            meter.turn()
        await desk.turn(said, text, at_ms)
    else:
        await desk.turn(said, meter.worker(desk.worker, kind, failed=status == "failed"), at_ms)
