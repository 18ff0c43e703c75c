"""Load: long sessions, a worker with thousands of messages, a large history, garbage, many sessions at once.

What a turn costs must not grow with what was before it, and a key must appear as soon while twenty sessions
run as while one does.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.bench import Lab
from benchmarks.benches.answers import wait_sent
from benchmarks.benches.echo import Typist, look_up
from benchmarks.eye import Eye
from benchmarks.figures import OURS
from benchmarks.plan import Plan
from benchmarks.processes import descriptors, threads
from benchmarks.seeding import SESSION, Seed, seed_home
from benchmarks.service import NUMBERED
from benchmarks.targets import Target, environment, ours
from benchmarks.terminal import Terminal

TOKENS = 100
SEEDED_TOKENS = 20
LARGE_TOKENS, JOINED = 1_900, 100
"""Of each of many sessions: 20 kB in the file."""
RATE = 200
NEW_SESSION, SESSIONS = b"\x0e", b"\x13"
GARBAGE_RATE = 60
"""Pieces in a second: an hour with one a second is a minute."""
PATIENCE_S = 300.0
LASTS_S = 60.0
"""How much longer than the typing an answer lasts that runs meanwhile."""


def run(lab: Lab) -> None:
    """Long sessions, long workers, large histories, garbage, then many sessions."""
    for part in PARTS.values():
        part(lab)


def run_sessions(lab: Lab) -> None:
    """Long sessions."""
    for turns in lab.scale.long_sessions:
        lab.figures.add("load", f"session of {turns} turns", OURS, long_session(lab, turns))


def run_workers(lab: Lab) -> None:
    """Workers with many messages."""
    for messages in lab.scale.long_workers:
        lab.figures.add("load", f"worker of {messages} messages", OURS, long_worker(lab, messages))


def run_histories(lab: Lab) -> None:
    """Large histories."""
    for sessions in lab.scale.histories:
        lab.figures.add("load", f"history of {sessions} sessions", OURS, large_history(lab, sessions))


def run_garbage(lab: Lab) -> None:
    """Streams of what is no event."""
    for pieces in lab.scale.garbage:
        lab.figures.add("load", f"{pieces} pieces of garbage", OURS, garbage(lab, pieces))


def run_together(lab: Lab) -> None:
    """One session, then many of which some run."""
    for at_once in (1, lab.scale.at_once):
        opened = lab.scale.opened if at_once > 1 else 1
        name = f"{opened} open, {at_once} running"
        lab.figures.add("load", name, OURS, together(lab, opened, at_once))


PARTS: Final[dict[str, Callable[[Lab], None]]] = {
    "load-sessions": run_sessions,
    "load-workers": run_workers,
    "load-histories": run_histories,
    "load-garbage": run_garbage,
    "load-together": run_together,
}


def held(running: Terminal) -> dict[str, float | None]:
    """What the program holds."""
    return {
        "RSS MB": running.rss,
        "descriptors": float(descriptors(running.pid)),
        "threads": float(threads(running.pid)),
    }


def ask(lab: Lab, target: Target, running: Terminal, eye: Eye) -> float:
    """One turn; returns its CPU seconds.

    Raises:
        RuntimeError: its end was never shown; with the last screen.
    """
    cpu, plan = running.cpu, Plan("prose", TOKENS)
    target.submit(running, plan.prompt)
    wait_sent(lab, running, plan)
    if eye.await_text(plan.mark, PATIENCE_S) is None:
        raise RuntimeError(f"the end of an answer was not shown:\n{eye.screen.text}")
    running.settle(pause_s=0.1)
    eye.forget()
    return running.cpu - cpu


def turns_after(lab: Lab, target: Target, running: Terminal, eye: Eye) -> dict[str, float | None]:
    """The cost of turns in what is open."""
    ask(lab, target, running, eye)
    spent = sorted(ask(lab, target, running, eye) for _ in range(lab.scale.turns_of_load))
    return {"CPU ms of a turn": spent[len(spent) // 2] * 1000, **held(running)}


def long_session(lab: Lab, turns: int) -> dict[str, float | None]:
    """Open a stored session, and go on in it."""
    seed = Seed(turns, SEEDED_TOKENS)
    with lab.home() as home:
        seed_home(seed, home, lab.service.base_url)
        target = ours("-r", SESSION)
        with lab.spawned(target, home) as (running, eye):
            opened = opening(running, eye, seed.mark)
            return opened | turns_after(lab, target, running, eye)


def long_worker(lab: Lab, messages: int) -> dict[str, float | None]:
    """Attach to a worker with so many messages that this history does not know, and go on."""
    with lab.home() as home:
        target = ours("attach", f"{NUMBERED}{messages}")
        with lab.spawned(target, home) as (running, eye):
            opened = opening(running, eye, f"answer {messages // 2} of this worker")
            return opened | turns_after(lab, target, running, eye)


def opening(running: Terminal, eye: Eye, text: str) -> dict[str, float | None]:
    """What it took until `text` was shown and the program rested.

    Raises:
        RuntimeError: it never was; with the last screen.
    """
    shown_at = eye.await_text(text, PATIENCE_S)
    if shown_at is None:
        raise RuntimeError(f"{text} was not shown:\n{eye.screen.text}")
    running.settle(patience_s=PATIENCE_S)
    eye.forget()
    return {"first rows ms": (shown_at - running.born) * 1000, "CPU s to open": running.cpu}


def large_history(lab: Lab, sessions: int) -> dict[str, float | None]:
    """Start with so many stored sessions, list and filter them, and send a message without a screen."""
    seed = Seed(1, LARGE_TOKENS, sessions, JOINED)
    with lab.home() as home:
        seed_home(seed, home, lab.service.base_url)
        size = (home / "data" / "history.db").stat().st_size / 1e6
        # Once, so that nothing of the seeding is left to be done.
        spent(lab, home, "sessions", "--json")
        headless = {
            "CPU s of -p": spent(lab, home, "-p", Plan("prose", TOKENS).prompt),
            "CPU s of sessions": spent(lab, home, "sessions"),
            "CPU s of costs": spent(lab, home, "costs"),
            "CPU s of doctor": spent(lab, home, "doctor"),
        }
        with lab.spawned(ours(), home) as (running, eye):
            opened = opening(running, eye, "Ask a worker")
            cpu = running.cpu
            running.send(SESSIONS)
            if eye.await_text("Question 0 of many", PATIENCE_S) is None:
                raise RuntimeError(f"the sessions were not shown:\n{eye.screen.text}")
            running.settle()
            listed = running.cpu - cpu
            running.send(b"m")
            running.settle()
            lists = {"CPU s of the list": listed, "CPU s of a letter": running.cpu - cpu - listed}
            return {"file MB": size, **headless, **opened, **lists, **held(running)}


def spent(lab: Lab, home: Path, *words: str) -> float:
    """CPU seconds of a command."""
    process = subprocess.Popen(
        ours(*words).argv,
        env=environment(home, lab.service.base_url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def garbage(lab: Lab, pieces: int) -> dict[str, float | None]:
    """A stream with so many pieces that are no events, 60 in a second, and then an answer."""
    target, plan = ours(), Plan("garbage", pieces, GARBAGE_RATE)
    with lab.rested(target) as (running, eye):
        cpu, rss = running.cpu, running.rss
        target.submit(running, plan.prompt)
        wait_sent(lab, running, plan)
        if eye.await_text(plan.mark, PATIENCE_S) is None:
            raise RuntimeError(f"the answer behind the garbage was not shown:\n{eye.screen.text}")
        running.settle()
        each = (running.cpu - cpu) / pieces * 1000
        return {"CPU ms of a piece": each, "grown MB": running.rss - rss, **held(running)}


def together(lab: Lab, opened: int, at_once: int) -> dict[str, float | None]:
    """Type into an empty session while `at_once` of the `opened` other ones run.

    Raises:
        RuntimeError: one did not begin, or ended before the typing did.
    """
    target = ours()
    with lab.rested(target) as (running, eye):
        for _ in range(opened - at_once):
            ask(lab, target, running, eye)
            begin_session(running)
        lasts_s = lab.scale.keys * 0.2 + LASTS_S + at_once
        plans = [Plan("prose", int(lasts_s * RATE), RATE) for _ in range(at_once)]
        for plan in plans:
            target.submit(running, plan.prompt)
            end = time.monotonic() + PATIENCE_S
            while not lab.service.began(plan) and time.monotonic() < end:
                running.pump(0.05)
            begin_session(running)
        running.pump(1.0)
        began, cpu = time.monotonic(), running.cpu
        typist = Typist(running, eye, random.Random(33), target.clear)
        typist.type_letters(lab.scale.keys)
        share = (running.cpu - cpu) / (time.monotonic() - began) * 100
        if not all(lab.service.began(plan) and lab.service.sent(plan) is None for plan in plans):
            raise RuntimeError("an answer did not run while the keys were typed")
        return look_up(eye, typist.keys) | {"CPU %": share, **held(running)}


def begin_session(running: Terminal) -> None:
    """Show a new session."""
    running.send(NEW_SESSION)
    running.pump(0.3)
