"""Advice above the prompt: its text depends on the outcome of a turn and the owner of the worker."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from handinger_tui.core.money import attribution
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.turns.session import LOCAL
from handinger_tui.core.turns.turn import DRAFT, ErrorKind, Fault, Retry, TurnStatus
from handinger_tui.ui.widgets.status_text import advice, next_step, retry_words, turn_cost
from tests.ui.panels.stage import reading, session, turn


def advice_text(status: TurnStatus, *, base_url: str = "https://v3.handinger.com") -> str:
    given = advice(replace(session(turn(0, status=status)), base_url=base_url), running=False)
    return "" if given is None else given.text


def test_a_detached_turn_may_charge_but_not_that_of_the_local_worker() -> None:
    assert "may keep charging" in advice_text(TurnStatus.RUNNING)
    local = advice_text(TurnStatus.RUNNING, base_url=LOCAL)
    assert "still running" in local
    assert "charg" not in local


def step(
    status: TurnStatus,
    kind: ErrorKind | None = None,
    *,
    worker: str | None = "w1",
    sent_to: str | None = None,
    back: bool = True,
    edits: bool = True,
) -> str:
    """How the second of two messages is sent again. `sent_to`: the worker of its request."""
    fault = None if kind is None else Fault(kind, "It broke.", may_have_been_charged=False)
    failed = turn(1, status=status)
    request = replace(failed.request, target_id=sent_to)
    failed = replace(failed, fault=fault, worker_id=worker, request=request)
    return next_step(session(turn(0), failed), failed, is_text_back=back, edits=edits)


def test_an_unknown_worker_and_an_unknown_address_are_distinguished() -> None:
    assert "/new" in step(TurnStatus.REJECTED, ErrorKind.NOT_FOUND)
    assert "Check the base URL" in step(TurnStatus.REJECTED, ErrorKind.NOT_FOUND, worker=None)
    assert "/new" in step(TurnStatus.REJECTED, ErrorKind.NOT_FOUND, worker=None, sent_to="w1")


def test_a_message_to_a_known_worker_is_looked_for_there() -> None:
    assert "dashboard" in step(TurnStatus.UNKNOWN, worker=None)
    assert "/attach" in step(TurnStatus.UNKNOWN, worker=None, sent_to="w1")


@pytest.mark.parametrize("status", sorted(DRAFT))
def test_every_message_that_did_not_arrive_names_the_key_that_sends_it(status: TurnStatus) -> None:
    for kind in (None, *ErrorKind):
        back, not_back = step(status, kind), step(status, kind, back=False)
        assert "Enter" in back or "/new" in back, kind
        assert "Enter" not in not_back, kind
        assert any(way in not_back for way in ("/retry 2", "/edit 2", "/new", "before you resend it")), kind
        assert "/edit" not in step(status, kind, back=False, edits=False)


@pytest.mark.parametrize("status", sorted(set(TurnStatus) - DRAFT))
def test_other_turns_are_not_offered_to_be_sent_again(status: TurnStatus) -> None:
    assert step(status, ErrorKind.NETWORK) == ""


def test_a_pause_requested_by_the_service_is_counted_down() -> None:
    fault = Fault(ErrorKind.RATE_LIMITED, "Too many requests.", 429, 5.0, may_have_been_charged=False)
    refused = session(replace(turn(0, status=TurnStatus.REJECTED), fault=fault, ended_ms=1_000))
    waiting = advice(refused, running=False, now_ms=5_999)
    assert waiting is not None
    assert waiting.wait_until_ms == 6_000
    assert advice(refused, running=False, now_ms=6_000) is None


@pytest.mark.parametrize(
    ("later_ms", "words"),
    [(0, "retry 2 in 4 s"), (2_999, "retry 2 in 2 s"), (4_000, "retry 2"), (-3_600_000, "retry 2 in 4 s")],
)
def test_the_wait_for_a_retry_is_never_longer_than_it_was_at_first(later_ms: int, words: str) -> None:
    retried = replace(turn(0, status=TurnStatus.CHECKING), retry=Retry(2, 4_000, 50_000, "lost"))
    assert retry_words(session(retried), 50_000 + later_ms) == words


def test_a_cost_that_is_shown_again_is_not_computed_from_the_first_turn_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Rows and header are drawn once a second, and a session may have thousands of turns.
    indexes = list[MoneyIndex]()

    class Counted(MoneyIndex):
        def __init__(self) -> None:
            super().__init__()
            indexes.append(self)

    monkeypatch.setattr(attribution, "MoneyIndex", Counted)
    turns = [turn(number, after=reading(f"0.{number}1")) for number in range(3)]
    dearer = replace(turns[-1], snapshot=reading("0.40"))
    shown = [turn_cost(session(*turns[:-1], last, name="shown"), last) for last in (*turns[-1:] * 2, dearer)]
    assert len(indexes) == 1
    assert shown[0] == shown[1] != shown[2]
