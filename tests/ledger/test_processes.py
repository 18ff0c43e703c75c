"""Real processes: killed, writing at the same time, and on a full disk."""

from __future__ import annotations

import sys
from asyncio import subprocess, timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.ledger.charge_rows import charges
from tests.ledger.samples import look, names, opened

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60.0


@asynccontextmanager
async def other(*words: str) -> AsyncIterator[subprocess.Process]:
    process = await subprocess.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.ledger.other_process",
        *words,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        async with timeout(DEADLINE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read_line(process: subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


def send_line(process: subprocess.Process, line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line)


async def test_flushed_frames_survive_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with other("hang", str(path)) as process:
        assert await read_line(process) == "flushed"
        async with opened(path) as ledger:
            # The other run is alive: its turn is not settled here.
            assert await ledger.unsettled() == []
        process.kill()
        await process.wait()
        async with opened(path) as ledger:
            assert ledger.problem is None
            ((owner, what),) = await ledger.unsettled()
            assert (owner.session_id, what.turn_id, what.prompt) == ("ses_hung", "turn_hung", "the prompt")
            frames = await ledger.frames("turn_hung")
            assert [frame.data for frame in frames[:500]] == [f"delta {seq}" for seq in range(500)]
            assert len(frames) <= 501
            assert await ledger.history.prompts() == ["the prompt"]
            assert any(".run-" in name for name in names(tmp_path))
    assert names(tmp_path) == ["h.db"]


async def test_two_processes_write_into_one_file(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    turns = 25
    async with (
        other("write", str(path), "ses_a", str(turns)) as a,
        other("write", str(path), "ses_b", str(turns)) as b,
    ):
        for process in (a, b):
            assert await read_line(process) == "ready"
        for process in (a, b):
            send_line(process, b"\n")
        for process in (a, b):
            assert await read_line(process) == "done"
    async with opened(path) as ledger:
        for name in ("ses_a", "ses_b"):
            loaded = await ledger.load(name)
            assert loaded is not None
            assert [turn.request.prompt for turn in loaded.turns] == [f"{name} {n}" for n in range(turns)]
            assert [turn.text for turn in loaded.turns] == ["an answer"] * turns
        assert [row.correction for row in await charges(ledger)].count(False) == 2 * turns
        assert await ledger.unsettled() == []


async def test_frames_wait_in_memory_on_a_full_disk_and_are_written_later(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with other("full", str(path)) as process:
        lines = [await read_line(process) for _ in range(8)]
    assert lines == ["no room"] * 3 + ["problem", "[0, 1, 2, 3, 4, 5]", "1", "no problem", "closed"]
    async with opened(path) as ledger:
        assert [frame.seq for frame in await ledger.frames("turn_1")] == list(range(7))
    assert look(path, "SELECT turn_id FROM turns") == [("turn_1",)]


async def test_lost_frames_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with other("lost", str(path)) as process:
        assert await read_line(process) == "no room"
    async with opened(path) as ledger:
        assert await ledger.frames("turn_1") == []
        assert [what.turn_id for _, what in await ledger.unsettled()] == ["turn_1"]
