"""Sums straight from the raw Workers: fractions, a reading rule of its own, nothing of the program.

A worker whose figures fall again and again reports each turn by itself; the figures of any other one are
totals. The worker was read before every turn that did not make it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

from tests.e2e.scripted_day import COSTS, COUNTS, Said

MEMBERS = (*COUNTS, *COSTS, "credits", "costUsd")
Numbers = dict[str, Fraction | None]
FREE = ("rejected", "not_sent")
NOTHING: Numbers = dict.fromkeys(MEMBERS)


@dataclass(frozen=True)
class Taken:
    """One turn alone."""

    said: Said
    numbers: Numbers
    final: bool

    @property
    def usd(self) -> Fraction | None:
        parts = [self.numbers[name] for name in COSTS]
        if self.numbers["costUsd"] is not None:
            return self.numbers["costUsd"]
        return None if None in parts else sum((part for part in parts if part is not None), Fraction(0))


def read(text: str | None) -> Numbers:
    """The numbers of a Worker; none where it reports none."""
    body = {} if text is None else json.loads(text, parse_float=Fraction, parse_int=Fraction)
    found = {**body.get("usage", {}), **body.get("costs", {})}
    return {name: found.get(name) for name in MEMBERS}


def told(numbers: Numbers) -> bool:
    return any(value is not None for value in numbers.values())


def falls(session: list[Said]) -> bool:
    """The worker counts each turn by itself: its figures fall again and again."""
    usd = [read(said.reads[-1])["inputTokens"] for said in session if said.reads]
    values = [value for value in usd if value is not None]
    return sum(after < before for before, after in pairwise(values)) > 3


def taken(session: list[Said]) -> list[Taken]:
    """Every turn of one session, in order."""
    alone = falls(session)
    return [_taken(session, at, alone) for at in range(len(session))]


def _taken(session: list[Said], at: int, alone: bool) -> Taken:
    said = session[at]
    if said.status in FREE:
        return Taken(said, dict.fromkeys(MEMBERS, Fraction(0)), True)
    text = said.reads[-1] if said.reads else None
    after, final = read(text), text is not None and not json.loads(text)["running"] and told(read(text))
    following = session[at + 1].before if at + 1 < len(session) else None
    if following is not None:
        # The worker was idle, and its figures are still those of this turn or hold it.
        later = read(following)
        is_newer = not final and not (alone and text is None and said.status == "unknown")
        after = {name: later[name] if is_newer or after[name] is None else after[name] for name in MEMBERS}
        final = True
    before = dict.fromkeys(MEMBERS, Fraction(0)) if alone else _before(said)
    if before is None or not told(after):
        return Taken(said, NOTHING, False)
    return Taken(said, {name: _minus(after[name], before[name]) for name in MEMBERS}, final)


def _before(said: Said) -> Numbers | None:
    if said.before is not None:
        return read(said.before)
    return dict.fromkeys(MEMBERS, Fraction(0)) if said.made_worker else None


def _minus(after: Fraction | None, before: Fraction | None) -> Fraction | None:
    return None if after is None or before is None else after - before


# -- groups ------------------------------------------------------------------------------
@dataclass
class Group:
    """Known amounts in whole picos, one by one, and how many are missing or not final."""

    turns: int = 0
    incomplete: int = 0
    known: dict[str, list[int]] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)
    moments: list[int] = field(default_factory=list)

    def add(self, one: Taken) -> None:
        self.turns += 1
        self.incomplete += one.said.status in ("failed", "incomplete", "unknown")
        self.moments.append(one.said.charged_ms)
        amounts = {
            "cost_usd": one.usd,
            "credits": one.numbers["credits"],
            "tokens": one.numbers["totalTokens"],
        }
        amounts |= {f"{name.removesuffix('CostUsd')}_usd": one.numbers[name] for name in COSTS}
        for name, amount in amounts.items():
            kept, gaps = self.known.setdefault(name, []), self.gaps.get(name, 0)
            # Each turn is kept to the pico-dollar; half goes to even, as Fraction rounds.
            kept += [] if amount is None else [round(amount * 10**12)]
            self.gaps[name] = gaps + (amount is None or not one.final)

    def sum(self, name: str) -> Fraction | None:
        kept = self.known.get(name, [])
        return Fraction(sum(kept), 10**12) if kept else None


def day_of(said: Said) -> str:
    return datetime.fromtimestamp(said.charged_ms / 1000, UTC).astimezone().date().isoformat()


KEYS: dict[str, Callable[[Said], str]] = {
    "day": day_of,
    "worker": lambda said: said.worker_id,
    "session": lambda said: said.session_id,
    "budget": lambda said: said.budget or "",
    "trigger": lambda said: said.trigger,
    "turn": lambda said: said.turn_id,
}


def grouped(turns: Iterable[Taken], by: str) -> dict[str, Group]:
    """The groups by their key."""
    found: dict[str, Group] = {}
    for one in turns:
        found.setdefault(KEYS[by](one.said), Group()).add(one)
    return found


def whole(turns: Iterable[Taken]) -> Group:
    """All in one."""
    group = Group()
    for one in turns:
        group.add(one)
    return group


def every_turn(day: Iterable[Said]) -> list[Taken]:
    """Each session by itself: its readings decide how they are understood."""
    sessions: dict[str, list[Said]] = {}
    for said in day:
        sessions.setdefault(said.session_id, []).append(said)
    return [one for session in sessions.values() for one in taken(session)]
