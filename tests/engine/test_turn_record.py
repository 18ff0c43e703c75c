"""Listeners are told once for what one read brought, and at once of everything that is no stream."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from tests.engine.fakes import FakeApi, rig, says, worker


async def test_listeners_hear_once_of_all_that_came_together() -> None:
    gate, seen = asyncio.Event(), asyncio.Event()
    deltas = [f"word{n} " for n in range(200)]
    whole = "".join(deltas)
    opening, rest = says(*deltas, end=False), says(*deltas)[2:]
    made = rig(FakeApi(starts=[[*opening, gate, *rest]], workers=[worker()]))
    told: list[str] = []

    def listen(session_id: str) -> None:
        told.append(made.engine.session(session_id).turns[-1].text)
        if told[-1] == whole:
            seen.set()

    made.engine.subscribe(listen)
    turn_id = await made.engine.actor(made.session_id).send("go")
    await seen.wait()
    assert len(told) <= 10, "opened, sent, read: never once for each delta"
    gate.set()
    settled = await made.settled()
    assert settled.turns[-1].text == whole * 2
    assert len(told) <= 25
    assert len(made.log.stored[turn_id]) > 400, "every frame is kept all the same"
    texts = [text for text in told if text]
    assert all(later.startswith(text) for text, later in pairwise(texts)), "what they see only grows"
