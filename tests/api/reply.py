"""Sends a turn and receives the complete reply: its frames, and the error that ended it."""

from __future__ import annotations

import pytest

from handinger_tui.core.errors import ApiError
from handinger_tui.core.stream import RawFrame
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.engine.ports import Reply, WorkerApi
from tests.api.server import Script, Server

ORDER = TurnRequest("turn_1", "ping", 0, target_id="w1", budget="low")
WORKER = '{"object":"worker","id":"w1","status":"completed","running":false}'


class ReceivedReply:
    def __init__(self) -> None:
        self.pieces: list[RawFrame] = []
        self.trouble: ApiError | None = None
        self.reply: Reply | None = None

    @property
    def data(self) -> list[str]:
        return [piece.data for piece in self.pieces]


async def receive_reply(
    client: WorkerApi, server: Server, script: Script, request: TurnRequest = ORDER
) -> ReceivedReply:
    server.answer(script)
    received = ReceivedReply()
    try:
        async with client.start_turn(request) as reply:
            received.reply = reply
            async for piece in reply.pieces():
                received.pieces.append(piece)
                server.received.set()
    except ApiError as trouble:
        received.trouble = trouble
    assert len(server.requests) == 1
    return received


async def posted(client: WorkerApi, request: TurnRequest = ORDER) -> list[str]:
    async with client.start_turn(request) as reply:
        return [piece.data async for piece in reply.pieces()]


async def failure(client: WorkerApi, request: TurnRequest = ORDER) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await posted(client, request)
    return caught.value
