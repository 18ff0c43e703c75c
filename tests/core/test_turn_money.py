"""`turn_money` of a result: what a turn took, and how far that can be relied on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.documents import members
from handinger_tui.core.export.result import result_object
from handinger_tui.core.figures import NO_COSTS, Usage
from handinger_tui.core.money.attribution import NOTHING_SPENT, AmountBasis, TurnMoney, session_money
from handinger_tui.core.money.turn_json import TurnAmount
from handinger_tui.core.stream import Snapshot, snapshot_of, time_ms
from handinger_tui.core.turns.session import About, Session, about, was_never_begun
from handinger_tui.core.turns.turn import NO_DAY, Trigger, Turn, TurnRequest, TurnStatus

ENDED = Turn(TurnRequest("turn_1", "hi", 0), TurnStatus.COMPLETED)
SETTLED = TurnMoney(
    Usage(cost_usd=Decimal("0.5"), credits=Decimal(8)),
    reading=AmountBasis.TOTAL,
    final=True,
    ended=True,
    confirmed=True,
)
SHARED = replace(SETTLED, shared=True, others=1, most=(Usage(cost_usd=Decimal("0.6")), NO_COSTS))


@pytest.mark.parametrize(
    ("turn", "money", "state"),
    [
        (ENDED, SETTLED, "exact"),
        (ENDED, replace(SETTLED, confirmed=False), "pending"),
        (ENDED, replace(SETTLED, final=False), "pending"),
        (ENDED, replace(SETTLED, doubtful=True), "approximate"),
        (ENDED, replace(SETTLED, credits_doubtful=True), "approximate"),
        (ENDED, SHARED, "shared"),
        (ENDED, TurnMoney(ended=True), "unknown"),
        (replace(ENDED, status=TurnStatus.UNKNOWN), TurnMoney(ended=True), "unknown"),
        (replace(ENDED, status=TurnStatus.RUNNING), TurnMoney(), "pending"),
        (replace(ENDED, status=TurnStatus.ACCEPTED), SETTLED, "pending"),
        (replace(ENDED, status=TurnStatus.REJECTED), NOTHING_SPENT, "exact"),
    ],
)
def test_the_state_of_an_amount(turn: Turn, money: TurnMoney, state: str) -> None:
    assert TurnAmount.of(turn, money, restated=False).state == state


def test_all_members() -> None:
    assert members(TurnAmount.of(ENDED, SETTLED, restated=True)) == {
        "usd": "0.5",
        "credits": "8",
        "state": "exact",
        "shared_with": None,
        "meaning": "lifetime",
        "restated": True,
    }
    per_turn = replace(SETTLED, reading=AmountBasis.PER_TURN)
    bases = [
        SETTLED,
        per_turn,
        replace(SETTLED, undecided=True),
        replace(SETTLED, doubtful=True),
        TurnMoney(),
    ]
    shown = [TurnAmount.of(ENDED, one, restated=False).meaning for one in bases]
    assert shown == ["lifetime", "per_turn", "undecided", "undecided", "undecided"]


def test_a_shared_amount_that_is_entered_for_another_turn_is_not_zero() -> None:
    money = replace(SHARED, usage=Usage(cost_usd=Decimal(0), credits=Decimal(0)))
    result: dict[str, Any] = result_object(Session("ses_1", 0, turns=(ENDED,)), ENDED, money=money)
    assert (result["turn_money"]["usd"], result["turn_money"]["shared_with"]) == (None, 1)
    assert (result["turn_usage"]["cost_usd"], result["turn_usage"]["credits"]) == (None, "0")
    assert result["turn_cost_usd_at_most"] == "0.6"


def test_a_result_has_the_metadata_of_the_worker_and_of_the_answer() -> None:
    snapshot = Snapshot(metadata={"a": 1, "b": 1})
    turn = replace(ENDED, snapshot=snapshot, metadata={"b": 2})
    assert result_object(Session("ses_1", 0, turns=(turn,)), turn)["metadata"] == {"a": 1, "b": 2}
    session = Session("ses_1", 0, turns=(turn,), restated=frozenset({"turn_1"}))
    money: Any = result_object(session, turn)["turn_money"]
    assert money["restated"] is True


def test_free_and_unsent_turns_are_in_no_total() -> None:
    """Unless another program started it: then its request has left, whatever is stored of it."""
    free = [replace(ENDED, status=status) for status in (TurnStatus.REJECTED, TurnStatus.NOT_DELIVERED)]
    unsent = [replace(ENDED, status=status) for status in (TurnStatus.QUEUED, TurnStatus.NOT_SENT)]
    for turns in ([*free], [*unsent], [*free, *unsent]):
        money = session_money(turns)
        assert (money.usd, money.credits) == (Total(Decimal(0)), Total(Decimal(0)))
    elsewhere = replace(
        ENDED, status=TurnStatus.QUEUED, request=TurnRequest("t", "", 0, trigger=Trigger.ELSEWHERE)
    )
    assert session_money([elsewhere]).usd == Total(None, 1, unsettled=True)


NO_TIMES: tuple[Any, ...] = (None, True, "", "soon", 0, -5, 10**18, "1969-01-01T00:00:00Z", [], {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-02T09:14:22.000Z", 1_767_345_262_000),
        ("2026-01-02T10:14:22+01:00", 1_767_345_262_000),
        (1_767_345_262, 1_767_345_262_000),
        (1_767_345_262_000, 1_767_345_262_000),
        (Decimal("1767345262.5"), 1_767_345_262_500),
        *((one, None) for one in NO_TIMES),
    ],
)
def test_a_time_of_the_service(value: Any, expected: int | None) -> None:
    assert time_ms(value) == expected


def test_what_the_service_says_of_a_target_comes_from_the_newest_readings() -> None:
    wire: dict[str, Any] = {"id": "w1", "title": "Prices", "url": "https://x.example"}
    wire["created_at"] = 1_767_345_262
    first = replace(ENDED, worker_id="w1", snapshot=snapshot_of(wire))
    second = replace(ENDED, worker_id="w1", snapshot=snapshot_of({"id": "w1", "completed_at": 1_767_345_999}))
    other = replace(ENDED, worker_id="w0", snapshot=snapshot_of({"id": "w0", "title": "Old"}))
    expected = About("Prices", "https://x.example", 1_767_345_262_000, 1_767_345_999_000)
    assert about([other, first, second]) == expected
    assert about([]) == About()


def test_a_target_was_never_begun_where_no_message_to_it_has_arrived() -> None:
    lost = replace(ENDED, status=TurnStatus.NOT_DELIVERED, worker_id="t1")
    again = replace(lost, request=replace(lost.request, target_id="t1"))
    assert was_never_begun([lost], "t1")
    assert was_never_begun([lost, replace(again, status=TurnStatus.QUEUED)], "t1")
    assert not was_never_begun([again], "t1"), "somebody else chose its id"
    assert not was_never_begun([lost, replace(again, status=TurnStatus.UNKNOWN)], "t1")
    assert not was_never_begun([lost], "t2")
    assert not was_never_begun([lost], None)


def test_a_turn_of_others_began_when_the_service_says() -> None:
    request = TurnRequest("turn_1", "hi", 9_000, service_ms=5_000)
    assert Turn(request).began_ms == 5_000
    assert Turn(replace(request, service_ms=NO_DAY)).began_ms == 9_000
    assert replace(Turn(request), sent_ms=9_500).began_ms == 9_500
