"""`python -m tests.ledger.search_speed`: a search over 1,000 sessions with 50 MB, and bare FTS5 queries.

The texts are made of 20,000 words of different frequency. Nothing leaves a temporary folder.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from handinger_tui.ledger.ledger import Ledger
from tests.ledger.samples import query, session, turn_request

SESSIONS: Final = 1_000
TURNS: Final = 6
WORDS: Final = 1_200
"""Words of an answer, about 8.4 kB."""
QUERIES: Final = {
    "a rare word": ("w19999", "w19999"),
    "a common word": ("w1", "w1"),
    "two words": ("w30 w400", "w30 AND w400"),
    "a phrase": ('"w1 w2"', '"w1 w2"'),
    "a prefix": ("w12*", "w12*"),
    "a common word, a filter": ("w1 status:completed since:2020-01-01", "w1"),
    "nothing": ("absent", "absent"),
}
REPEAT: Final = 7


def fill(path: Path) -> int:
    """Write turns without the ledger, like an earlier version; returns the bytes of text."""
    chance = random.Random(17)  # a measurement
    total = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        (template,) = connection.execute("SELECT turn_id FROM turns").fetchall()
        for number in range(SESSIONS):
            row = f"ses_{number}"
            connection.execute(
                "INSERT INTO sessions (session_id, generation, base_url, title, created_ms, updated_ms)"
                " VALUES (?, 'workers', '', ?, 1, ?)",
                (row, f"Session {number}", number),
            )
            for turn in range(TURNS):
                text = " ".join(f"w{int(chance.paretovariate(0.5)) % 20_000}" for _ in range(WORDS))
                text += " word" * (WORDS * 2 // 3)
                total += len(text)
                name = f"turn_{number}_{turn}"
                connection.execute(
                    "INSERT INTO turns (turn_id, session_id, prompt, created_ms, attachments, status,"
                    " settled_ms, run) SELECT ?, ?, 'prompt', ?, attachments, 'completed', 1, run FROM turns"
                    " WHERE turn_id = ?",
                    (name, row, 1_764_000_000_000 + number, template[0]),
                )
                connection.execute("INSERT INTO answers (turn_id, text) VALUES (?, ?)", (name, text))
        connection.execute("COMMIT")
    return total


async def measure(path: Path) -> None:
    """Print the milliseconds of each query, and those of a bare FTS5 query for the same turns."""
    ledger = Ledger(path)
    await ledger.start()
    await ledger.open_turn(session("ses_first"), turn_request("turn_first"))
    size = fill(path)
    begin, longest = time.perf_counter(), 0.0
    while True:
        step = time.perf_counter()
        if not await ledger.history.index_some():
            break
        longest = max(longest, time.perf_counter() - step)
    took = time.perf_counter() - begin
    print(f"{size / 1e6:.0f} MB in {SESSIONS} sessions")
    print(f"indexed in {took:.1f} s, at most {longest * 1000:.0f} ms a step")
    with closing(sqlite3.connect(path)) as bare:
        for name, (typed, words) in QUERIES.items():
            ours, theirs, count = [], [], 0
            for _ in range(REPEAT):
                begin = time.perf_counter()
                count = len(await ledger.history.search(query(typed), limit=50))
                ours.append(time.perf_counter() - begin)
                begin = time.perf_counter()
                bare.execute("SELECT rowid FROM search_words WHERE search_words MATCH ?", (words,)).fetchall()
                theirs.append(time.perf_counter() - begin)
            mine, other = (statistics.median(each) * 1000 for each in (ours, theirs))
            print(f"{name:26} {mine:7.1f} ms  bare {other:6.2f} ms  {mine / other:6.1f} x  {count} sessions")
    await ledger.aclose()


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder, "h.db")))
