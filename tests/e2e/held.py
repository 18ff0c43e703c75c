"""A local worker whose long answers end when a test says so, however slow the machine is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from handinger_tui.local.repertoire import REPERTOIRE, number_in, paragraph
from handinger_tui.local.server import LocalServer
from handinger_tui.local.turn_context import Rule, TurnContext

PACE = 0.02
LOOK_S = 0.01


@contextmanager
def held_worker() -> Iterator[tuple[LocalServer, Event]]:
    """The worker. To "long 20" it says all but the last paragraph, which comes once the event is set."""
    may_end = Event()

    async def hold(context: TurnContext) -> None:
        count = number_in(context.text, 1, 100)
        *others, last = (paragraph(number) for number in range(1, count + 1))
        await context.say("\n\n".join([f"# {count} paragraphs about numbers", *others]))
        # The event belongs to another thread.
        while not may_end.is_set():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        await context.say(last)

    rule = Rule("held", "", "", "", lambda context: context.text.startswith("long "), hold)
    with LocalServer.start(pace=PACE, rules=(rule, *REPERTOIRE)) as server:
        yield server, may_end
