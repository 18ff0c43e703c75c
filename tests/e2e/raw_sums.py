"""Sums computed directly from the raw workers, in fractions, by an independent rule.

A worker whose figures decrease repeatedly reports each turn by itself; the figures of any other one are
totals. The worker was read before every turn that did not start it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

from tests.e2e.scripted_day import COSTS, COUNTS, ScriptedTurn

MEMBERS = (*COUNTS, *COSTS, "credits", "costUsd")
Numbers = dict[str, Fraction | None]
FREE = ("rejected", "not_sent")
NOTHING: Numbers = dict.fromkeys(MEMBERS)


@dataclass(frozen=True)
class TurnAmounts:
    """The amounts of one turn alone."""

    turn: ScriptedTurn
    numbers: Numbers
    final: bool

    @property
    def usd(self) -> Fraction | None:
        parts = [self.numbers[name] for name in COSTS]
        if self.numbers["costUsd"] is not None:
            return self.numbers["costUsd"]
        return None if None in parts else sum((part for part in parts if part is not None), Fraction(0))


def read(text: str | None) -> Numbers:
    """The numbers of a worker; None where it reports none."""
    body = {} if text is None else json.loads(text, parse_float=Fraction, parse_int=Fraction)
    members = {**body.get("usage", {}), **body.get("costs", {})}
    return {name: members.get(name) for name in MEMBERS}


def has_numbers(numbers: Numbers) -> bool:
    return any(value is not None for value in numbers.values())


def counts_per_turn(session: list[ScriptedTurn]) -> bool:
    """Whether the worker counts each turn by itself: its figures decrease repeatedly."""
    usd = [read(turn.reads[-1])["inputTokens"] for turn in session if turn.reads]
    values = [value for value in usd if value is not None]
    return sum(after < before for before, after in pairwise(values)) > 3


def turn_amounts(session: list[ScriptedTurn]) -> list[TurnAmounts]:
    """Every turn of one session, in order."""
    alone = counts_per_turn(session)
    return [_amounts(session, at, alone) for at in range(len(session))]


def _amounts(session: list[ScriptedTurn], at: int, alone: bool) -> TurnAmounts:
    turn = session[at]
    if turn.status in FREE:
        return TurnAmounts(turn, dict.fromkeys(MEMBERS, Fraction(0)), True)
    text = turn.reads[-1] if turn.reads else None
    if alone and _may_be_lost(session, at):
        # Then the later figures are still those of the turn before it.
        return TurnAmounts(turn, NOTHING, False)
    after, final = (
        read(text),
        text is not None and not json.loads(text)["running"] and has_numbers(read(text)),
    )
    following = session[at + 1].before if at + 1 < len(session) else None
    if following is not None:
        # The worker was idle: its figures are still those of this turn, or include it.
        later = read(following)
        after = {name: later[name] if not final or after[name] is None else after[name] for name in MEMBERS}
        final = True
    if alone and _may_be_lost(session, at + 1) and read(session[at + 2].before) != read(following):
        # Figures that have changed since may be late ones of this turn, or those of that message.
        final = False
    before = dict.fromkeys(MEMBERS, Fraction(0)) if alone else _before(turn)
    if before is None or not has_numbers(after):
        return TurnAmounts(turn, NOTHING, False)
    return TurnAmounts(turn, {name: _minus(after[name], before[name]) for name in MEMBERS}, final)


def _may_be_lost(session: list[ScriptedTurn], at: int) -> bool:
    """Whether nobody knows if this message arrived; it is not the last one: the worker was read after it."""
    return at + 1 < len(session) and session[at].status == "unknown" and not session[at].reads


def _before(turn: ScriptedTurn) -> Numbers | None:
    if turn.before is not None:
        return read(turn.before)
    return dict.fromkeys(MEMBERS, Fraction(0)) if turn.starts_worker else None


def _minus(after: Fraction | None, before: Fraction | None) -> Fraction | None:
    return None if after is None or before is None else after - before


# -- groups ------------------------------------------------------------------------------
@dataclass
class Group:
    """The known amounts in integer picos, and how many are missing or not final."""

    turns: int = 0
    free: int = 0
    """Turns that were refused: their zeros make no amount known."""
    incomplete: int = 0
    amounts: dict[str, list[int]] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)
    moments: list[int] = field(default_factory=list)

    def add(self, one: TurnAmounts) -> None:
        self.turns += 1
        self.free += one.turn.status in FREE
        self.incomplete += one.turn.status in ("failed", "incomplete", "unknown")
        self.moments.append(one.turn.charged_ms)
        amounts = {
            "cost_usd": one.usd,
            "credits": one.numbers["credits"],
            "tokens": one.numbers["totalTokens"],
        }
        amounts |= {f"{name.removesuffix('CostUsd')}_usd": one.numbers[name] for name in COSTS}
        for name, amount in amounts.items():
            kept, gaps = self.amounts.setdefault(name, []), self.gaps.get(name, 0)
            # Each turn is stored in pico-dollars; a half is rounded to even, as Fraction does.
            kept += [] if amount is None or one.turn.status in FREE else [round(amount * 10**12)]
            self.gaps[name] = gaps + (amount is None or not one.final)

    def sum(self, name: str) -> Fraction | None:
        kept = self.amounts.get(name, [])
        is_empty = self.turns == self.free
        return Fraction(sum(kept), 10**12) if kept or is_empty else None


def day_of(turn: ScriptedTurn) -> str:
    return datetime.fromtimestamp(turn.charged_ms / 1000, UTC).astimezone().date().isoformat()


KEYS: dict[str, Callable[[ScriptedTurn], str]] = {
    "day": day_of,
    "worker": lambda turn: turn.worker_id,
    "session": lambda turn: turn.session_id,
    "budget": lambda turn: turn.budget or "",
    "trigger": lambda turn: turn.trigger,
    "turn": lambda turn: turn.turn_id,
}


def sent(turns: Iterable[TurnAmounts]) -> list[TurnAmounts]:
    """The turns without messages that were not sent: these are no turns."""
    return [one for one in turns if one.turn.status != "not_sent"]


def grouped(turns: Iterable[TurnAmounts], by: str) -> dict[str, Group]:
    """The groups by their key."""
    groups: dict[str, Group] = {}
    for one in sent(turns):
        groups.setdefault(KEYS[by](one.turn), Group()).add(one)
    return groups


def all_in_one(turns: Iterable[TurnAmounts]) -> Group:
    """One group of all turns."""
    group = Group()
    for one in sent(turns):
        group.add(one)
    return group


def every_turn(day: Iterable[ScriptedTurn]) -> list[TurnAmounts]:
    """The amounts of all turns; the readings of each session decide how they are interpreted."""
    sessions: dict[str, list[ScriptedTurn]] = {}
    for turn in day:
        sessions.setdefault(turn.session_id, []).append(turn)
    return [one for session in sessions.values() for one in turn_amounts(session)]
