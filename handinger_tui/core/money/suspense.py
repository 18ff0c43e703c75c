"""Suspense: what the figures of workers rose by and no turn explains."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from handinger_tui.core.amounts import EXACT, Total, credits_words, doubt_mark, total, usd_text
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.attribution import MONEY, ZEROS, groups_of
from handinger_tui.core.money.spending import Bucket, Rise
from handinger_tui.core.money.timeline import Amount, Key, Meaning, MeterResult, Suspense
from handinger_tui.core.money.turn_events import is_of_file
from handinger_tui.core.stream.worker_snapshot import cost_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handinger_tui.core.turns.turn import Turn

TITLE: Final = "suspense"
EXPLAINED: Final = "Suspense: costs a worker reported that no turn explains"


class Assigned(NamedTuple):
    """A rise that the person assigned to a turn."""

    number: int
    worker_id: str
    turn_id: str


def rise_text(rise: Rise) -> str:
    """The cost of a rise; credits where it has none. "~": it depends on what the figures mean."""
    words = usd_text(rise.usd) if rise.usd or rise.credits is None else credits_words(rise.credits)
    return doubt_mark(rise.doubtful) + words


def owners_text(rise: Rise) -> str:
    """Whose a rise may be, as far as the facts say."""
    reasons = [f"{turn_id} was rejected at that time" for turn_id in rise.refused]
    if rise.strangers:
        messages = plural(rise.strangers, "message")
        reasons.append(f"{messages} from others (another key or person, a schedule or an email)")
    elif rise.strangers is None:
        late = f", or late costs of {rise.after}" if rise.after is not None else ""
        reasons.append(f"perhaps messages from others{late}")
    return "; ".join(reasons) or "before the first turn here"


AMOUNTS: Final = ("usd", "credits", "model_usd", "tool_usd", "sandbox_usd", "internal_usd")
"""The amounts of a rise, which are members of a bucket, too."""


def rises_of(results: Mapping[str | None, Sequence[MeterResult]], turns: Sequence[Turn]) -> list[Rise]:
    """The rises on all workers. `results`: those of a `MoneyIndex` for `turns`."""
    with localcontext(EXACT):
        return [
            rise
            for worker, meters in results.items()
            if worker is not None and not is_of_file(worker)
            for rise in _rises_on(worker, meters, turns)
        ]


def _rises_on(worker_id: str, meters: Sequence[MeterResult], turns: Sequence[Turn]) -> list[Rise]:
    sums: dict[int, dict[int, Amount]] = {}
    facts: dict[int, Suspense] = {}
    # What each turn reports by itself explains all of it.
    lifetime = [at for at, meter in enumerate(meters) if meter.meaning is not Meaning.PER_TURN]
    for at in lifetime:
        for one in meters[at].suspense:
            amounts = sums.setdefault(one.at_ms, {})
            amounts[at] = amounts.get(at, ZEROS[at]) + one.amount
            facts.setdefault(one.at_ms, one)
    reported = {at for at in lifetime if meters[at].total is not None}
    return [
        _rise(worker_id, meters, amounts, facts[seen_ms], reported, turns)
        for seen_ms, amounts in sorted(sums.items())
        if any(amounts.get(at) for at in MONEY)
    ]


def _rise(
    worker_id: str,
    meters: Sequence[MeterResult],
    amounts: Mapping[int, Amount],
    facts: Suspense,
    reported: set[int],
    turns: Sequence[Turn],
) -> Rise:
    def name(key: Key) -> str:
        return turns[key].turn_id if isinstance(key, int) else key

    # A figure that is reported and did not rise has risen by zero.
    usage, costs = groups_of(
        [amounts.get(at, zero) if at in reported else None for at, zero in enumerate(ZEROS)]
    )
    return Rise(
        worker_id,
        facts.at_ms,
        cost_of(usage, costs),
        usage.credits,
        costs.model_usd,
        costs.tool_usd,
        costs.sandbox_usd,
        costs.internal_usd,
        usage.total_tokens,
        None if facts.last is None else name(facts.last),
        tuple(map(name, facts.refused)),
        facts.strangers,
        any(meters[at].meaning is Meaning.UNDECIDED for at in amounts if at in MONEY),
    )


# -- for people and programs -----------------------------------------------------------------
def suspense_buckets(rises: Sequence[Rise]) -> list[Bucket]:
    """A group without turns for each worker, in order of their ids."""
    of_worker: dict[str, list[Rise]] = {}
    for rise in rises:
        of_worker.setdefault(rise.worker_id, []).append(rise)
    return [_bucket(worker, own) for worker, own in sorted(of_worker.items())]


def _bucket(worker_id: str, rises: Sequence[Rise]) -> Bucket:
    tokens = [None if rise.tokens is None else Decimal(rise.tokens) for rise in rises]
    sums: dict[str, Any] = {member: _total([getattr(rise, member) for rise in rises]) for member in AMOUNTS}
    for member in ("usd", "credits"):
        is_doubtful = any(rise.doubtful and getattr(rise, member) for rise in rises)
        sums[member] = replace(sums[member], doubtful=is_doubtful)
    times = [rise.seen_ms for rise in rises]
    return Bucket(
        worker_id,
        **sums,
        tokens=_total(tokens),
        first_ms=min(times),
        last_ms=max(times),
        title=TITLE,
        rises=tuple(rises),
    )


def _total(amounts: Sequence[Decimal | None]) -> Total:
    """The sum of what is known; no turn is missing in it."""
    return Total(total(amounts).value)
