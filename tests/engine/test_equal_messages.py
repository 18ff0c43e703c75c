"""Two messages with the same text in one worker ("go on"): each gets its own answer, or none."""

from __future__ import annotations

import json

import pytest

from handinger_tui.core.errors import Doubtful, Refused, ServerFault, StreamLost
from handinger_tui.core.turns.turn import ErrorKind, Turn, TurnStatus
from handinger_tui.core.turns.worker_reconciliation import SLIM_ABOVE
from tests.engine.fakes import FakeApi, rig, says, worker

CUT = StreamLost(ErrorKind.NETWORK, "The connection was cut.")
RESET = Doubtful(ErrorKind.NETWORK, "The connection was reset.")
FAULT = ServerFault(ErrorKind.SERVER, "500")
NO_STREAM = Refused(ErrorKind.NOT_FOUND, "There is no stream.")
EMPTY = worker("", messages=[])


def conversation(*answers: str) -> str:
    """A worker that was sent "go on" once for each answer."""
    messages = [
        message for text in answers for message in json.loads(worker(text, prompt="go on"))["messages"]
    ]
    return worker(answers[-1], messages=messages)


async def sent_twice(api: FakeApi) -> tuple[Turn, Turn]:
    """Both turns after "go on" was sent twice."""
    box = rig(api)
    actor = box.engine.actor(box.session_id)
    await actor.send("go on")
    await box.settled()
    await actor.send("go on")
    first, again = (await box.settled()).turns
    return first, again


@pytest.mark.parametrize("size", [3, SLIM_ABOVE])
async def test_an_answer_that_was_cut_is_read_whole(size: int) -> None:
    """A long worker is stored as the part of it that belongs to the turn."""
    one, two = "1" * size, "2" * size
    read = conversation(one)
    api = FakeApi(
        starts=[says(one), [*says("2", end=False, message_id="msg_2"), CUT]],
        follows=[NO_STREAM] * 2,
        workers=[EMPTY, read, read, conversation(one, two)],
    )
    first, again = await sent_twice(api)
    assert (first.status, first.text) == (TurnStatus.COMPLETED, one)
    assert (again.status, again.text) == (TurnStatus.COMPLETED, two)


@pytest.mark.parametrize("unread", [FAULT, EMPTY.replace("w1", "w2"), "{}"])
async def test_a_message_that_never_arrived_does_not_take_the_answer_of_an_equal_one(
    unread: str | ServerFault,
) -> None:
    """The worker could not be read before the request: its earlier turns are known all the same."""
    api = FakeApi(
        starts=[says("one"), RESET], workers=[EMPTY, conversation("one"), unread, conversation("one")]
    )
    first, again = await sent_twice(api)
    assert (first.status, first.text) == (TurnStatus.COMPLETED, "one")
    assert (again.status, again.text) == (TurnStatus.NOT_DELIVERED, "")


async def test_an_equal_message_that_arrived_has_its_answer_although_the_worker_could_not_be_read() -> None:
    api = FakeApi(
        starts=[says("one"), RESET],
        workers=[EMPTY, conversation("one"), FAULT, conversation("one", "two")],
    )
    _, again = await sent_twice(api)
    assert (again.status, again.text) == (TurnStatus.COMPLETED, "two")
