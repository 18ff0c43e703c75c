"""Files and sources of earlier turns are not those of a turn before which the worker could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from handinger_tui.core.errors import StreamLost, Unreachable
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.turn import ErrorKind
from tests.engine.fakes import FakeApi, rig, says, worker

if TYPE_CHECKING:
    from handinger_tui.core.turns.turn import TurnRequest

SLOW: Final = Unreachable(ErrorKind.TIMEOUT, "No answer in time.")
CUT: Final = StreamLost(ErrorKind.NETWORK, "The connection was cut.")


def listing(*names: str) -> dict[str, Any]:
    """What a worker lists of these files, and of a source beside each."""
    place = "https://worker.example"
    return {
        "files": [{"filename": name, "mediaType": "text/csv", "url": f"{place}/{name}"} for name in names],
        "sources": [{"id": name, "type": "url", "url": f"{place}/from/{name}"} for name in names],
    }


@pytest.mark.parametrize("is_read", [True, False])
@pytest.mark.parametrize("is_cut", [True, False])
async def test_what_earlier_turns_have_is_not_counted_again(*, is_read: bool, is_cut: bool) -> None:
    last = [*says("two", message_id="b", end=False), CUT] if is_cut else says("two", message_id="b")
    box = rig(FakeApi([says("one", message_id="a"), last], workers=[worker("one", **listing("a.csv"))]))
    await box.engine.actor(box.session_id).send("first")
    await box.idle()
    if not is_read:
        box.api.workers = [SLOW]

    def answer(_request: TurnRequest) -> None:
        box.api.workers = [worker("two", prompt="second", **listing("a.csv", "b.csv"))]

    box.api.on_post = answer
    await box.engine.actor(box.session_id).send("second")
    await box.idle()
    _, turn = (await box.settled()).turns
    assert (turn.before is not None, turn.text) == (is_read, "two")
    assert [file.filename for file in files_of_turn(turn)] == ["b.csv"]
    assert [source.source_id for source in sources_of_turn(turn)] == ["b.csv"]
    # As it is stored, too.
    assert files_of_turn(fold(turn.request, box.log.stored[turn.turn_id])) == files_of_turn(turn)
