"""Another process at the ledger: `python -m tests.ledger.other_process WHAT PATH …`. Prints what it did."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import sys
from pathlib import Path

from handinger_tui.core.errors import NoRoom
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.turns.turn import StartPolicy
from handinger_tui.ledger.cost_rows import opened as costs_of
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.ledger.sql import prompt_key
from tests.ledger.samples import WORKER, answered, frame, opened, play, remote_turns, session, turn_request

ORDINARY = 65534
"""The user and group `nobody`."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def hang(path: Path) -> None:
    """Write a turn and frames to the disk, print a line, and wait to be killed."""
    ledger = Ledger(path)
    await ledger.start()
    await ledger.open_turn(
        session("ses_hung"), turn_request("turn_hung", "the prompt"), start=StartPolicy.UNMEASURED
    )
    for seq in range(500):
        ledger.append("turn_hung", frame(seq, f"delta {seq}"))
    await ledger.flush()
    ledger.append("turn_hung", frame(500, "perhaps"))
    say("flushed")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def write(path: Path, name: str, turns: str) -> None:
    """Write complete turns of a separate session as fast as possible."""
    async with opened(path) as ledger:
        say("ready")
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        now = session(name)
        for number in range(int(turns)):
            now = await play(
                ledger, now, turn_request(f"{name}_{number}", f"{name} {number}"), answered(number + 1)
            )
    say("done")


async def full(path: Path) -> None:
    """Use a full disk, then one with space again."""
    ledger = Ledger(path)
    await ledger.start()
    await ledger.open_turn(session(), turn_request())
    ledger.append("turn_1", frame(0, "before"))
    await ledger.flush()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    used = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (used + 10_000, hard))
    big = [frame(seq, f"{seq}:" + "x" * 50_000) for seq in range(1, 6)]
    for one in big:
        ledger.append("turn_1", one)
    for attempt in (
        ledger.flush,
        ledger.flush,
        lambda: ledger.open_turn(session(), turn_request("t2", "y" * 90_000)),
    ):
        try:
            await attempt()
        except NoRoom:
            say("no room")
    say("problem" if ledger.problem else "no problem")
    say(str([one.seq for one in await ledger.frames("turn_1")]))
    loaded = await ledger.load("ses_1")
    say(str(len(loaded.turns) if loaded else None))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    ledger.append("turn_1", frame(6, "after"))
    await ledger.flush()
    say("problem" if ledger.problem else "no problem")
    await ledger.aclose()
    say("closed")


async def read(path: Path) -> None:
    """Read the history as an ordinary user, to whom permissions apply."""
    ledger = Ledger(path, access=FileAccess.READ)
    # Import now: an ordinary user may not be able to read the installation.
    prompt_key("")
    if os.getuid() == 0:
        os.setgid(ORDINARY)
        os.setuid(ORDINARY)
    await ledger.start()
    say(str([summary.title for summary in await ledger.history.sessions()]))
    with costs_of(path) as book:
        say(str(sum(bucket.turns for bucket in book.buckets(GroupBy.DAY, ChargeFilter()))))
    await ledger.aclose()


async def attach(path: Path, name: str, turns: str) -> None:
    """Adopt the turns of a worker, once the other processes are ready as well."""
    async with opened(path) as ledger:
        say("ready")
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        remote = remote_turns(name, int(turns))
        now = await ledger.adopt(session(f"ses_{name}", worker_id=WORKER), remote)
        say(f"{now.session_id} {len(now.turns)}")


async def hold(path: Path) -> None:
    """Lock the history against writers until a line is read."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    say("held")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    connection.execute("ROLLBACK")
    connection.close()
    say("free")


async def lost(path: Path) -> None:
    """Close on a full disk."""
    ledger = Ledger(path)
    await ledger.start()
    await ledger.open_turn(session(), turn_request())
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    used = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (used + 10_000, hard))
    ledger.append("turn_1", frame(0, "x" * 50_000))
    try:
        await ledger.aclose()
    except NoRoom:
        say("no room")


if __name__ == "__main__":
    what = {
        "attach": attach,
        "full": full,
        "hang": hang,
        "hold": hold,
        "lost": lost,
        "read": read,
        "write": write,
    }[sys.argv[1]]
    asyncio.run(what(Path(sys.argv[2]), *sys.argv[3:]))  # type: ignore[operator]  # each takes its own arguments
