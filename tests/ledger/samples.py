"""Sample sessions, requests and frames for the tests of the ledger."""

from __future__ import annotations

import json
import sqlite3
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from handinger_tui.core.search import Query, parse_query
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import RemoteTurn, Session, put_turn
from handinger_tui.core.turns.turn import StartPolicy, TurnRequest
from handinger_tui.ledger.database_file import open_database
from handinger_tui.ledger.ledger import Ledger
from tests.wire.recordings import Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from handinger_tui.core.money.reconciliation import Restatement

WORKER = "wrk_1"


@cache
def empty_history() -> bytes:
    """The file of a history in which nothing is yet."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "history.db")
        open_database(path, 0.0).connection.close()
        return path.read_bytes()


def begin(path: Path) -> None:
    """Begin a history with a copy of an empty one: a fifth of the time of these tests were migrations.

    That a ledger makes its own file is what `test_opening.py` shows, and each program that a test starts.
    """
    if path.parent.is_dir() and not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(empty_history())


@asynccontextmanager
async def opened(path: Path | None, **options: Any) -> AsyncIterator[Ledger]:
    if path is not None and not options:
        begin(path)
    ledger = Ledger(path, **options)
    await ledger.start()
    try:
        yield ledger
    finally:
        await ledger.aclose()


def session(name: str = "ses_1", **members: Any) -> Session:
    return Session(name, 1_000, **members)


def turn_request(turn_id: str = "turn_1", prompt: str = "hello", **members: Any) -> TurnRequest:
    return TurnRequest(turn_id, prompt, members.pop("created_ms", 2_000), **members)


def frame(seq: int, data: str, framing: Framing = Framing.SSE, event: str = "") -> Frame:
    return Frame(seq, 5_000 + seq, framing, data, event)


def query(text: str) -> Query:
    """The query of this search text."""
    return parse_query(text, datetime(2026, 11, 27, 12, tzinfo=UTC).astimezone())


def worker(usd: Any = 0.5, text: str = "an answer", credited: int = 8, **members: Any) -> str:
    """A finished Worker as JSON; `usd` may be a string of digits to keep them exact."""
    number = usd if isinstance(usd, str) else json.dumps(usd)
    body = {"id": WORKER, "object": "worker", "status": "completed", "running": False, "output_text": text}
    plain = json.dumps(body | members)
    return f'{plain[:-1]}, "usage": {{"costUsd": {number}, "credits": {credited}, "totalTokens": 12}}}}'


def answered(
    usd: Any = 0.5, text: str = "an answer", status: str = "completed", **members: Any
) -> list[Frame]:
    """A complete small turn: sent, answered by a worker, settled."""
    tape = Tape().note(Marker.SENDING)
    tape.note(Marker.OPENED, via="post", status=200, content_type="application/json", worker_id=WORKER)
    body = worker(usd, text, **members)
    tape.frames.append(Frame(2, 1002, Framing.JSON, body, ReadReason.ANSWER))
    tape.note(Marker.CLOSED, clean=True)
    tape.frames.append(Frame(4, 1004, Framing.JSON, body, ReadReason.AFTER))
    return tape.note(Marker.SETTLED, status=status, recovered=False, fault=None).frames


async def play(ledger: Ledger, into: Session, what: TurnRequest, frames: Iterable[Frame]) -> Session:
    """Open a turn, append its frames, close it; returns the session in memory."""
    await ledger.open_turn(into, what, start=StartPolicy.UNMEASURED)
    stored = list(frames)
    for one in stored:
        ledger.append(what.turn_id, one)
    now = put_turn(into, fold(what, stored))
    await ledger.close_turn(now, what.turn_id)
    return now


def remote_turns(maker: str, number: int, **members: Any) -> list[RemoteTurn]:
    """The first turns of a worker as one program reads them; `maker` is part of its ids."""
    turns = []
    for at in range(number):
        what = turn_request(f"turn_{maker}_{at}", f"prompt {at}", target_id=WORKER, seen_before=0, **members)
        body = worker(text=f"answer {at}", messages=[{"role": "user", "parts": [text_part(what.prompt)]}])
        look = Frame(0, 2_000, Framing.JSON, body, ReadReason.AFTER)
        end = json.dumps({"status": "completed", "recovered": False, "fault": None})
        turns.append(
            RemoteTurn(what, (look, Frame(1, 2_000, Framing.NOTE, end, Marker.SETTLED)), f"msg_{at}")
        )
    return turns


def text_part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def only(restated: list[Restatement] | None) -> Restatement:
    """The only item."""
    assert restated is not None
    (one,) = restated
    return one


def stored(value: Session) -> Session:
    """The compared members of a session: the ledger sets its dates and title itself."""
    return replace(value, updated_ms=0, title="")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def look(path: Path, sql: str, *cells: Any) -> list[tuple[Any, ...]]:
    """Read the file without the ledger."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql, cells).fetchall()
    finally:
        connection.close()
