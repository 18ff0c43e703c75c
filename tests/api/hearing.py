"""Sends a turn and hears the whole reply: its pieces, and what ended it."""

from __future__ import annotations

import pytest

from handinger_tui.core.errors import ApiError
from handinger_tui.core.stream.frames import RawFrame
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.engine.ports import Reply, WorkerApi
from tests.api.server import Script, Server

ORDER = TurnRequest("turn_1", "ping", 0, worker_id="w1", budget="low")
WORKER = '{"object":"worker","id":"w1","status":"completed","running":false}'


class Heard:
    def __init__(self) -> None:
        self.pieces: list[RawFrame] = []
        self.trouble: ApiError | None = None
        self.reply: Reply | None = None

    @property
    def data(self) -> list[str]:
        return [piece.data for piece in self.pieces]


async def hear(client: WorkerApi, server: Server, script: Script) -> Heard:
    server.answer(script)
    heard = Heard()
    try:
        async with client.start_turn(ORDER) as reply:
            heard.reply = reply
            async for piece in reply.pieces():
                heard.pieces.append(piece)
                server.taken.set()
    except ApiError as trouble:
        heard.trouble = trouble
    assert len(server.requests) == 1
    return heard


async def posted(client: WorkerApi, order: TurnRequest = ORDER) -> list[str]:
    async with client.start_turn(order) as reply:
        return [piece.data async for piece in reply.pieces()]


async def failure(client: WorkerApi, order: TurnRequest = ORDER) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await posted(client, order)
    return caught.value
