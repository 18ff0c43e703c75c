"""Random rulings inside random histories: the amounts have to be right after each of them."""

from __future__ import annotations

from decimal import Decimal, localcontext
from random import Random

from handinger_tui.core.decimals import EXACT
from handinger_tui.core.money.basis import Basis
from handinger_tui.core.money.events import Key
from handinger_tui.core.money.timeline import MeterResult, Timeline, TimelineRulings
from tests.money.oracle import entered
from tests.money.service import History

BASES = (None, Basis.LIFETIME, Basis.PER_TURN)


def faults(history: History, seed: int) -> list[str]:
    """All faults in the amounts of a history in which the person pins and assigns."""
    random = Random(seed)
    timeline, decided, wrong = Timeline((Decimal(0),)), TimelineRulings(), list[str]()
    with localcontext(EXACT):
        for step, event in enumerate(history.events, 1):
            timeline.take(event, step)
            plain = timeline.results()[0]
            decided = _next(random, decided, plain, history)
            result = timeline.results(decided)[0]
            wrong += [f"step {step}: {fault}" for fault in _faults(plain, result, decided)]
        if timeline.results(TimelineRulings())[0] != timeline.results()[0]:
            wrong.append("a ruling that was taken back left something")
    return wrong


def _next(random: Random, decided: TimelineRulings, plain: MeterResult, history: History) -> TimelineRulings:
    """Perhaps another meaning, another owner of a rise, or one fewer."""
    choice = random.random()
    if choice < 0.1:
        return decided._replace(basis=random.choice(BASES))
    if choice < 0.3 and plain.suspense:
        rise = random.choice(plain.suspense)
        owners: dict[int, Key] = {**decided.owners, rise.at_ms: random.choice([*history.cost, *rise.refused])}
        return decided._replace(owners=owners)
    if choice < 0.35 and decided.owners:
        assigned = random.choice([*decided.owners])
        return decided._replace(owners={at: key for at, key in decided.owners.items() if at != assigned})
    return decided


def _faults(plain: MeterResult, result: MeterResult, decided: TimelineRulings) -> list[str]:
    wrong = []
    if entered(result) != (result.total or 0) or result.total != plain.total:
        wrong.append(f"{entered(result)} entered of {result.total}, without rulings {plain.total}")
    if result.basis is not (decided.basis or plain.basis):
        wrong.append(f"{result.basis} instead of {decided.basis}")
    if decided.basis is not None and any(result.entry(turn).doubtful for turn in result.lifetime):
        wrong.append("an amount is doubtful although the meaning is pinned")
    moved = [rise for rise in plain.suspense if rise not in result.suspense]
    if any(rise.at_ms not in decided.owners for rise in moved):
        wrong.append("a rise has an owner that nobody named")
    more = {turn: amount - plain.lifetime.get(turn, 0) for turn, amount in result.lifetime.items()}
    owed: dict[Key, Decimal | int] = {}
    for rise in moved:
        owner = decided.owners[rise.at_ms]
        owed[owner] = owed.get(owner, 0) + rise.amount
    if {turn: amount for turn, amount in more.items() if amount} != owed:
        wrong.append(f"{more} more instead of {owed}")
    if result.basis is Basis.PER_TURN and any(
        result.entry(turn).amount != plain.per_turn.get(turn) for turn in plain.lifetime
    ):
        wrong.append("an assignment counts although every turn is reported by itself")
    return wrong
