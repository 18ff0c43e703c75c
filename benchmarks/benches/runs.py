"""Runs: the board while many remote runs work that nobody started here; readings are one a second in all."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO

from benchmarks.bench import Lab
from benchmarks.benches.echo import PER_KEY_S, echo
from benchmarks.eye import Eye
from benchmarks.figures import OURS
from benchmarks.scripted_runs import TOKENS, WORD
from benchmarks.targets import ROOT, environment, ours, python
from benchmarks.terminal import Terminal, terminal
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.core.turns.session import RemoteTurn, Session
from handinger_tui.core.turns.turn import TurnRequest, TurnStatus, outcome_object
from handinger_tui.ledger.ledger import Ledger

BOARD = b"\x1b[18~"
EVERY_S = 5.0
"""Between two calls of a run."""
WATCHED_S = 2.2
"""Two requests for each run, and what is read beside."""
MEASURED_S = 40.0
SEEN_S = 2.0
CLOSE, NEW_SESSION = b"\x1b", b"\x0e"
RATE = 1_000
STREAMED_LONGER_S = 30.0
"""How much longer than the typing the two sessions stream."""


class Calls:
    """The service, and when each call was made."""

    def __init__(self, output: IO[str]) -> None:
        _at, self.base_url, self.key = output.readline().split()
        self.times: dict[str, float] = {}
        threading.Thread(target=self._listen, args=(output,), daemon=True).start()

    def _listen(self, output: IO[str]) -> None:
        for line in output:
            _call, name, at = line.split()
            self.times[name] = float(at)

    def begin(self, name: str) -> str:
        """Start a run; returns its worker."""
        body = json.dumps({"input": f"{WORD} 100000 {EVERY_S} {name}"}).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection = HTTPConnection(self.base_url.removeprefix("http://"))
        connection.request("POST", "/api/workers", body, headers)
        worker = json.load(connection.getresponse())
        connection.close()
        return str(worker["id"])


@contextmanager
def service() -> Iterator[Calls]:
    """The service while the block runs."""
    command = python("-m", "benchmarks.scripted_runs")
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Calls(process.stdout)
        finally:
            process.terminate()


async def _store(database: Path, base_url: str, workers: dict[str, str]) -> None:
    """Store what an earlier program has left running: one session for each worker, by its name."""
    ledger = Ledger(database)
    await ledger.start()
    now_ms = time.time_ns() // 1_000_000
    opened = json.dumps({"via": "post", "status": 200, "content_type": "text/event-stream"})
    end = json.dumps(outcome_object(TurnStatus.RUNNING, None))
    for name, worker_id in workers.items():
        prompt = f"{WORD} 100000 {EVERY_S} {name}"
        request = TurnRequest(f"turn_{name}", prompt, now_ms, target_id=worker_id, seen_before=0)
        frames = (
            Frame(0, now_ms, Framing.NOTE, json.dumps({"worker_id": worker_id}), Marker.SENDING),
            Frame(1, now_ms, Framing.NOTE, opened, Marker.OPENED),
            Frame(2, now_ms, Framing.NOTE, end, Marker.SETTLED),
        )
        session = Session(f"ses_{name}", now_ms, worker_id, base_url=base_url, title=f"Run {name}")
        await ledger.adopt(session, [RemoteTurn(request, frames)])
    await ledger.aclose()


def run(lab: Lab) -> None:
    """The board with few runs and with many."""
    for count in (10, lab.scale.runs):
        lab.figures.add("runs", f"{count} remote runs", OURS, board(lab, count))


def board(lab: Lab, count: int) -> dict[str, float | None]:
    """Show the board until all runs are followed, then look when each call on the screen is seen."""
    with lab.home() as home, service() as calls:
        names = [f"k{number}" for number in range(count)]
        folder = home / "data"
        folder.mkdir(parents=True)
        asyncio.run(
            _store(folder / "history.db", calls.base_url, {name: calls.begin(name) for name in names})
        )
        environ = environment(home, calls.base_url) | {"HANDINGER_API_KEY": calls.key}
        with terminal(ours().argv, environ, home) as running:
            eye = Eye(running)
            _open(running, eye)
            running.pump(20 + count * WATCHED_S)
            eye.forget()
            figures = _measure(running, eye, calls)
            return figures | (_typing(lab, running, eye) if count == lab.scale.runs else {})


def _typing(lab: Lab, running: Terminal, eye: Eye) -> dict[str, float | None]:
    """Close the board, let two sessions stream beside the runs, and type into a third one."""
    running.send(CLOSE)
    running.pump(1)
    seconds = lab.scale.keys * PER_KEY_S + STREAMED_LONGER_S
    for _ in range(2):
        ours().submit(running, f"{TOKENS} {round(seconds * RATE)} {RATE}")
        running.pump(2)
        running.send(NEW_SESSION)
        running.pump(1)
    eye.forget()
    figures = echo(running, eye, lab.scale.keys, 0, ours().clear)
    return {f"echo beside, {name}": value for name, value in figures.items()}


def _open(running: Terminal, eye: Eye) -> None:
    """Open the board; a key that is typed while the program starts may be meant for another screen."""
    for _ in range(20):
        running.send(BOARD)
        if eye.await_text("known on this computer", 5) is not None:
            return
    raise RuntimeError(f"the board was not shown:\n{eye.screen.text}")


def _measure(running: Terminal, eye: Eye, calls: Calls) -> dict[str, float | None]:
    began, cpu = time.monotonic(), running.cpu
    running.pump(MEASURED_S)
    share = (running.cpu - cpu) / (time.monotonic() - began) * 100
    # A copy: a thread adds to it.
    times = calls.times.copy()
    due = sorted((at, name) for name, at in times.items() if began < at < began + MEASURED_S - SEEN_S)
    seen: dict[str, float] = {}
    shown: set[str] = set()
    for at, data in running.chunks:
        eye.screen.feed(data)
        if eye.screen.is_updating:
            continue
        for y in sorted(eye.screen.dirty):
            words = eye.screen.row(y).split()
            for word in words:
                name = word.rstrip(",")
                if name in times:
                    seen.setdefault(name, at)
                    shown.add(name.partition("n")[0])
        eye.screen.dirty.clear()
    # Of a run whose row is in sight, each call that was the newest for as long as a look takes.
    waits = sorted(seen[name] - at for at, name in due if name in seen)
    lost = [name for _, name in due if name not in seen and name.partition("n")[0] in shown]
    if not waits:
        raise RuntimeError(f"no call was seen:\n{eye.screen.text}")
    return {
        "seen p50 s": waits[len(waits) // 2],
        "seen p95 s": waits[int(len(waits) * 0.95)],
        "never seen %": 100 * len(lost) / (len(waits) + len(lost)),
        "rows in sight": float(len(shown)),
        "CPU %": share,
    }
