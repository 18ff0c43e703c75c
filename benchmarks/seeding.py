"""Seeding: homes with a stored session of many turns, written through the program's own ledger."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.content import answer
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.session import RemoteTurn, Session
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.ledger.ledger import Ledger

BEGAN_MS: Final = 1_767_225_600_000
WORKER: Final = "wrk_seeded"
SESSION: Final = "ses_seeded"
CHARACTERS: Final = 2_500
"""Tokens of an answer: 2,000 answers are 5 million characters."""
TOKENS: Final = 640
"""About as many tokens, one per stored event."""
INDEXED_TOGETHER: Final = 1_000
"""Turns that are indexed in one transaction."""
TOGETHER: Final = 200_000
"""Tokens that are stored in one transaction, so that many turns are stored soon."""


@dataclass(frozen=True)
class Seed:
    """A session: its turns, the tokens of each answer, and the mark in the last one.

    `sessions`: so many equal ones, each with a worker of its own. `joined`: tokens in one event, so that many
    are stored soon.
    """

    turns: int
    tokens: int = TOKENS
    sessions: int = 1
    joined: int = 1

    @property
    def mark(self) -> str:
        """The text at the end of the last answer."""
        return f"ENDof{self.turns}END"


def frames(seed: Seed, number: int) -> Iterator[Frame]:
    """The frames of a received turn: markers, one frame for each event, the worker before and after it."""
    mark = seed.mark if number == seed.turns - 1 else "so much for that"
    single = answer("prose", seed.tokens + number % 7, mark)
    tokens = ["".join(single[at : at + seed.joined]) for at in range(0, len(single), seed.joined)]
    events: list[dict[str, Any]] = [
        {"type": "start", "messageId": f"msg_{number}"},
        {"type": "start-step"},
        {"type": "text-start", "id": "t1"},
        *({"type": "text-delta", "id": "t1", "delta": token} for token in tokens),
        {"type": "text-end", "id": "t1"},
        {"type": "finish-step"},
        {"type": "finish", "finishReason": "stop"},
    ]
    # Its messages are left out: the worker of a real turn would repeat the complete conversation each time.
    idle = {"id": WORKER, "object": "worker", "status": "completed", "running": False}
    before = idle | {"usage": {"costUsd": 0.01 * number, "credits": number}}
    worker = idle | {
        "output_text": "".join(tokens),
        "usage": {"costUsd": 0.01 * (number + 1), "credits": number + 1},
    }
    opened = {
        "via": "post",
        "status": 200,
        "content_type": "text/event-stream",
        "encoding": "ai-ui",
        "worker_id": WORKER,
    }
    contents: list[tuple[Framing, str, object]] = [
        (Framing.JSON, ReadReason.BEFORE, before),
        (Framing.NOTE, Marker.SENDING, {"worker_id": WORKER}),
        (Framing.NOTE, Marker.OPENED, opened),
        *((Framing.SSE, "", event) for event in events),
        (Framing.SSE, "", None),
        (Framing.NOTE, Marker.CLOSED, {"clean": True}),
        (Framing.JSON, ReadReason.AFTER, worker),
        (Framing.NOTE, Marker.SETTLED, {"status": "completed", "recovered": False, "fault": None}),
    ]
    at_ms = BEGAN_MS + number * 60_000
    for seq, (framing, event, data) in enumerate(contents):
        text = "[DONE]" if data is None else json.dumps(data)
        yield Frame(seq, at_ms + seq, framing, text, event)


async def _write(seed: Seed, database: Path, base_url: str) -> None:
    ledger = Ledger(database)
    await ledger.start()
    try:
        session = Session(SESSION, BEGAN_MS, worker_id=WORKER, base_url=base_url)
        at_once = max(1, TOGETHER // (seed.tokens + 10))
        for first in range(0, seed.turns, at_once):
            numbers = range(first, min(first + at_once, seed.turns))
            session = await ledger.adopt(session, [_turn(seed, number) for number in numbers])
    finally:
        await ledger.aclose()
    if seed.sessions > 1:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            _multiply(connection, seed.sessions)
        await _index(database)


def _turn(seed: Seed, number: int) -> RemoteTurn:
    began_ms = BEGAN_MS + number * 60_000
    prompt = f"Question {number} of many"
    request = TurnRequest(
        f"turn_{number:06}", prompt, began_ms, target_id=WORKER, seen_before=0, service_ms=began_ms
    )
    return RemoteTurn(request, tuple(frames(seed, number)))


COPIED: Final = (
    *(
        "sessions",
        "turns",
        "frames",
        "packed",
        "gathered",
        "answers",
        "worker_turns",
        "remote_turns",
        "charges",
    ),
)
"""The tables of a session, parents first; a trigger makes the sums of the charges."""
NUMBERED: Final = ("session_id", "turn_id", "worker_id")
NUMBERS: Final = """
    WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?)
"""


def _multiply(connection: sqlite3.Connection, sessions: int) -> None:
    """Copy the one session that is stored: the program would write 2 GB in a quarter of an hour."""
    connection.execute("BEGIN")
    for table in COPIED:
        rows = connection.execute(f"PRAGMA table_info({table})").fetchall()
        names = [row[1] for row in rows if row[1] not in ("id", "place", "remote_id")]
        values = [f"{name} || '_' || number" if name in NUMBERED else name for name in names]
        copies = f"SELECT {', '.join(values)} FROM numbers CROSS JOIN (SELECT * FROM {table})"  # noqa: S608  # names of our schema
        connection.execute(f"{NUMBERS} INSERT INTO {table} ({', '.join(names)}) {copies}", (sessions - 1,))
    connection.execute("COMMIT")


async def _index(database: Path) -> None:
    """Index the texts of the copies for the search: else the app would do it when it lists the sessions."""
    ledger = Ledger(database)
    await ledger.start()
    try:
        while await ledger.history.index_some(INDEXED_TOGETHER):
            pass
    finally:
        await ledger.aclose()


def seed_home(seed: Seed, home: Path, base_url: str) -> None:
    """Store such sessions with the service at `base_url` in `home`.

    Raises:
        LedgerError: it cannot be written.
    """
    folder = home / "data"
    folder.mkdir(parents=True)
    asyncio.run(_write(seed, folder / "history.db", base_url))
