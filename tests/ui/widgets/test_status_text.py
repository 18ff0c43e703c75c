"""Advice above the prompt: what it says of a turn depends on what became of it and whose worker it is."""

from __future__ import annotations

from msgspec.structs import replace

from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.turns.turn import Fault, Kind, TurnStatus
from handinger_tui.ui.widgets.status_text import advice
from tests.ui.panels.stage import session, turn


def advice_text(
    status: TurnStatus, *, base_url: str = "https://v3.handinger.com", kind: Kind | None = None
) -> str:
    one = turn(0, status=status)
    fault = None if kind is None else Fault(kind, "It broke.", may_have_been_charged=False)
    given = advice(replace(session(replace(one, fault=fault)), base_url=base_url), running=False)
    return "" if given is None else given.text


def test_a_detached_turn_may_charge_but_not_that_of_the_local_worker() -> None:
    assert "may keep charging" in advice_text(TurnStatus.RUNNING)
    local = advice_text(TurnStatus.RUNNING, base_url=LOCAL)
    assert "still running" in local
    assert "charg" not in local


def test_an_unknown_worker_and_an_unknown_address_are_told_apart() -> None:
    known = advice_text(TurnStatus.REJECTED, kind=Kind.NOT_FOUND)
    assert known.endswith("Press ^N to start a new session.")
    first = session(
        replace(turn(0, status=TurnStatus.REJECTED), worker_id=None, fault=Fault(Kind.NOT_FOUND, "?"))
    )
    given = advice(first, running=False)
    assert given is not None
    assert "Check the base URL" in given.text


def test_every_refusal_says_what_to_do() -> None:
    for kind in Kind:
        assert advice_text(TurnStatus.REJECTED, kind=kind).startswith("Your text is back in the prompt. ")
