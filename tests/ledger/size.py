"""The size of the history: bytes for each turn, by table, and the space released by deleting sessions.

`python -m tests.ledger.size --turns 200`: answers of 8 kB in 1,000 deltas, from words of a fixed seed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
from pathlib import Path

from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.ledger.ledger import Ledger
from tests.ledger.samples import opened, play, session, worker
from tests.wire.recordings import Tape

DELTAS, CHARACTERS = 1_000, 8


def words(chance: random.Random) -> list[str]:
    """Some 1,000 deltas of 8 characters: a text of words of different frequency."""
    vocabulary = ["".join(chance.choices("etaoinshrdlucmfwyp", k=chance.randint(2, 9))) for _ in range(2_000)]
    weights = [1 / (rank + 1) for rank in range(len(vocabulary))]
    text = " ".join(chance.choices(vocabulary, weights, k=DELTAS * CHARACTERS // 4))
    return [text[at : at + CHARACTERS] for at in range(0, DELTAS * CHARACTERS, CHARACTERS)]


def frames(chance: random.Random) -> list[Frame]:
    """A turn that streams such an answer, and is read once after it."""
    pieces = words(chance)
    tape = Tape().note(Marker.SENDING)
    tape.note(Marker.OPENED, via="post", status=200, content_type="text/event-stream", encoding="ai5")
    start = [{"type": "start", "messageId": "m"}, {"type": "text-start", "id": "t"}]
    events = [*start, *({"type": "text-delta", "id": "t", "delta": piece} for piece in pieces)]
    events += [{"type": "text-end", "id": "t"}, {"type": "finish"}]
    for event in events:
        number = len(tape.frames)
        tape.frames.append(Frame(number, 1_000 + number, Framing.SSE, json.dumps(event)))
    tape.note(Marker.CLOSED, clean=True)
    body = worker(0.5, "".join(pieces))
    tape.frames.append(Frame(len(tape.frames), 3_000, Framing.JSON, body, ReadReason.AFTER))
    return tape.note(Marker.SETTLED, status="completed", recovered=False, fault=None).frames


async def fill(ledger: Ledger, turns: int) -> None:
    """Sessions of ten turns."""
    chance = random.Random(7)
    for at in range(turns):
        number = at // 10
        request = TurnRequest(f"turn_{at:024}", f"prompt number {at}", 2_000 + at, target_id=f"wrk_{number}")
        into = await ledger.load(f"ses_{number}") or session(f"ses_{number}", worker_id=f"wrk_{number}")
        await play(ledger, into, request, frames(chance))


def bytes_of(path: Path) -> int:
    """The size of the history with its log files."""
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


async def measure(turns: int) -> None:
    """Print the sizes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        async with opened(path) as ledger:
            await fill(ledger, turns)
        full = bytes_of(path)
        print(f"{turns} turns: {full / 1e6:.1f} MB, {full / turns / 1e3:.1f} kB each")
        async with opened(path) as ledger:
            for summary in await ledger.history.sessions(limit=-1):
                await ledger.history.delete(summary.session_id)
            await ledger.history.compact()
        print(f"after the removal of all sessions: {bytes_of(path) / 1e6:.1f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=200)
    asyncio.run(measure(parser.parse_args().turns))
