"""The state of an amount: open, provisional, settled; and what leads back."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from msgspec.structs import replace

from handinger_tui.core.jsontext import dump
from handinger_tui.core.money.amount_state import AmountState, state_of
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.stream import Frame, Framing, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import (
    EARLY_MS,
    SETTLE_MS,
    Turn,
    TurnRequest,
    TurnStatus,
)

END = 1_000
WORKER = "wrk_1"


def worker(usd: float | None, *, busy: bool = False, prompts: int = 1, ms: int = 1) -> str:
    messages = [{"id": f"m{at}", "role": "user", "parts": []} for at in range(prompts)]
    usage = {} if usd is None else {"costUsd": usd, "durationMs": ms, "steps": ms}
    status = {"status": "running" if busy else "completed", "running": busy}
    return dump({"id": WORKER, "messages": messages, "usage": usage, **status})


def task(own: float, *, busy: bool = False) -> str:
    messages = [
        {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "q"}]},
        {"id": "m2", "role": "assistant", "parts": [], "usage": {"credits": own}},
    ]
    return dump({"id": WORKER, "messages": messages, "totals": {"credits": own}, "running": busy})


def turn(
    *reads: tuple[int, str], number: int = 1, sent: int = 0, status: TurnStatus = TurnStatus.COMPLETED
) -> Turn:
    """A turn that creates the worker, with readings at these times, the first one at its end."""
    request = TurnRequest(f"turn_{number}", "q", sent, target_id=WORKER if number > 1 else None)
    frames = [Frame(at, ms, Framing.JSON, text, ReadReason.AFTER) for at, (ms, text) in enumerate(reads)]
    ended_ms = reads[0][0] + 1 if reads else None
    return replace(fold(request, frames), status=status, sent_ms=sent, ended_ms=ended_ms, worker_id=WORKER)


def states(*turns: Turn) -> list[AmountState]:
    return [money.state for money in MoneyIndex()(turns)]


@pytest.mark.parametrize(("ended", "complete", "confirmed"), [*product((True, False), repeat=3)])
def test_an_amount_is_settled_only_when_nothing_is_missing(
    ended: bool, complete: bool, confirmed: bool
) -> None:
    state = state_of(ended=ended, complete=complete, confirmed=confirmed)
    assert (state is AmountState.OPEN) is not ended
    assert (state is AmountState.SETTLED) is (ended and complete and confirmed)


def test_a_running_turn_is_open() -> None:
    assert states(turn((END, worker(0.1, busy=True)), status=TurnStatus.ACCEPTED)) == [AmountState.OPEN]
    assert states(turn((END, worker(0.1, busy=True)), status=TurnStatus.RUNNING)) == [AmountState.OPEN]


@pytest.mark.parametrize("later", [0, 1, SETTLE_MS - 1])
def test_one_moment_of_an_idle_worker_is_provisional(later: int) -> None:
    ended = turn((END, worker(0.1)), (END + later, worker(0.1)))
    assert MoneyIndex()([ended])[0].final
    assert states(ended) == [AmountState.PROVISIONAL]


def test_figures_that_stand_still_for_30_seconds_are_settled() -> None:
    reads = [(END + ms, worker(0.1)) for ms in (0, 5_000, SETTLE_MS)]
    assert states(turn(*reads)) == [AmountState.SETTLED]
    assert states(turn((END, worker(None)), *reads)) == [AmountState.SETTLED]


def test_steps_and_durations_do_not_have_to_stand_still() -> None:
    assert states(turn((END, worker(0.1)), (END + SETTLE_MS, worker(0.1, ms=9)))) == [AmountState.SETTLED]


def test_a_last_digit_of_a_float_does_not_have_to_stand_still() -> None:
    reads = (END, worker(0.1)), (END + SETTLE_MS, worker(0.10000000000000002))
    assert states(turn(*reads)) == [AmountState.SETTLED]


def test_late_costs_lead_back_until_they_stand_still() -> None:
    reads = [(END, worker(0.1)), (END + SETTLE_MS, worker(0.1)), (END + 2 * SETTLE_MS, worker(0.25))]
    assert states(turn(*reads)) == [AmountState.PROVISIONAL]
    late = turn(*reads, (END + 3 * SETTLE_MS, worker(0.25)))
    assert states(late) == [AmountState.SETTLED]
    assert MoneyIndex()([late])[0].usd == Decimal("0.25")


def test_the_reading_before_the_next_turn_confirms() -> None:
    first = turn((END, worker(0.1)))
    second = turn((2 * SETTLE_MS, worker(0.3, prompts=2)), number=2, sent=SETTLE_MS + 2 * END)
    assert states(first, second) == [AmountState.PROVISIONAL] * 2
    look = fold(
        second.request, [Frame(0, SETTLE_MS + END, Framing.JSON, worker(0.1), ReadReason.BEFORE)]
    ).before
    second = replace(second, before=look, before_ms=SETTLE_MS + END)
    assert states(first, second) == [AmountState.SETTLED, AmountState.PROVISIONAL]


def test_what_stands_still_after_the_last_turn_settles_all() -> None:
    first = turn((END, worker(0.1)))
    ends = [(2 * END + ms, worker(0.3, prompts=2)) for ms in (0, SETTLE_MS)]
    assert states(first, turn(*ends[:1], number=2, sent=END + 1)) == [AmountState.PROVISIONAL] * 2
    assert states(first, turn(*ends, number=2, sent=END + 1)) == [AmountState.SETTLED] * 2


def test_figures_that_are_equal_around_another_turn_confirm_nothing() -> None:
    first = turn((END, worker(0.1)))
    second = turn((END + SETTLE_MS, worker(0.1, prompts=2)), number=2, sent=END + 5)
    assert states(first, second) == [AmountState.PROVISIONAL] * 2


def test_the_costs_of_others_do_not_lead_back() -> None:
    reads = [
        (END, worker(0.1)),
        (END + SETTLE_MS, worker(0.1)),
        (END + SETTLE_MS + 9, worker(0.3, prompts=2)),
    ]
    assert states(turn(*reads)) == [AmountState.SETTLED]


def test_figures_of_the_turn_alone_are_confirmed_by_the_next_reading() -> None:
    reads = [(END + ms, task(4.3)) for ms in (0, 1, EARLY_MS)]
    assert states(turn(*reads[:2])) == [AmountState.PROVISIONAL]
    assert states(turn(*reads)) == [AmountState.SETTLED]
    late = [*reads, (END + 9_000, task(12.9))]
    assert states(turn(*late)) == [AmountState.PROVISIONAL]
    assert states(turn(*late, (END + 20_000, task(12.9)))) == [AmountState.SETTLED]


def test_an_unknown_amount_is_never_settled() -> None:
    blind = turn(*((END + ms, worker(0.1)) for ms in (0, SETTLE_MS)), number=2)
    (money,) = MoneyIndex()([blind])
    assert (money.usd, money.state) == (None, AmountState.PROVISIONAL)


def test_a_refused_turn_is_settled() -> None:
    assert states(turn(status=TurnStatus.REJECTED)) == [AmountState.SETTLED]
