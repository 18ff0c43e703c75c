"""How a created worker's id is learned from a stream that does not say it in a header."""

from __future__ import annotations

import pytest

from handinger_tui.core.stream import events as ev
from handinger_tui.core.turns.turn import Turn, TurnRequest
from tests.core.projections import advance

FRESH = Turn(TurnRequest("turn_1", "hello", 0))
KNOWN = Turn(TurnRequest("turn_1", "hello", 0, worker_id="w_asked"))


@pytest.mark.parametrize(
    "event",
    [
        ev.DataArrived("data-worker", {"id": "w_new"}),
        ev.DataArrived("data-worker", {"workerId": "w_new"}, transient=True),
        ev.DataArrived("data-worker", "w_new"),
        ev.MessageStarted("msg_1", {"workerId": "w_new"}),
        ev.MetadataMerged({"worker_id": "w_new"}),
    ],
)
def test_a_stream_may_name_the_new_worker(event: ev.StreamEvent) -> None:
    assert advance(FRESH, event).worker_id == "w_new"
    assert advance(KNOWN, event).worker_id is None


@pytest.mark.parametrize(
    "event",
    [
        ev.DataArrived("data-worker", {"id": 7}),
        ev.DataArrived("data-worker", {"id": ""}),
        ev.DataArrived("data-worker", None),
        ev.DataArrived("data-other", {"id": "w_new"}),
        ev.MetadataMerged({"id": "w_new"}),
    ],
)
def test_what_is_no_id_is_none(event: ev.StreamEvent) -> None:
    assert advance(FRESH, event).worker_id is None


def test_a_second_name_never_overwrites_the_first() -> None:
    named = advance(FRESH, ev.DataArrived("data-worker", "w_new"))
    assert advance(named, ev.DataArrived("data-worker", "w_evil")).worker_id == "w_new"
