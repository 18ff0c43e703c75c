"""Listeners are notified once per read of a stream, and immediately of all else."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from tests.engine.fakes import FakeApi, rig, says, worker


async def test_one_read_notifies_listeners_once() -> None:
    gate, complete = asyncio.Event(), asyncio.Event()
    deltas = [f"word{n} " for n in range(200)]
    answer = "".join(deltas)
    opening, remainder = says(*deltas, end=False), says(*deltas)[2:]
    box = rig(FakeApi(starts=[[*opening, gate, *remainder]], workers=[worker()]))
    published: list[str] = []

    def listen(session_id: str) -> None:
        published.append(box.engine.session(session_id).turns[-1].text)
        if published[-1] == answer:
            complete.set()

    box.engine.subscribe(listen)
    turn_id = await box.engine.actor(box.session_id).send("go")
    await complete.wait()
    assert len(published) <= 10, "opened, sent, read: never once for each delta"
    gate.set()
    settled = await box.settled()
    assert settled.turns[-1].text == answer * 2
    assert len(published) <= 25
    assert len(box.log.stored[turn_id]) > 400, "every frame is stored nevertheless"
    texts = [text for text in published if text]
    assert all(later.startswith(text) for text, later in pairwise(texts)), "the visible text only grows"
