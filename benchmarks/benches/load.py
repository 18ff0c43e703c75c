"""Load: long sessions, a worker with thousands of messages, and many sessions at once.

What a turn costs must not grow with what was before it, and a key must appear as soon while twenty sessions
run as while one does.
"""

from __future__ import annotations

import random
import time

from benchmarks.bench import Lab
from benchmarks.benches.answers import wait_sent
from benchmarks.benches.echo import Typist, look_up
from benchmarks.eye import Eye
from benchmarks.figures import OURS
from benchmarks.plan import Plan
from benchmarks.processes import descriptors, threads
from benchmarks.seeding import SESSION, Seed, seed_home
from benchmarks.service import NUMBERED
from benchmarks.targets import Target, ours
from benchmarks.terminal import Terminal

TOKENS = 100
SEEDED_TOKENS = 20
RATE = 200
NEW_SESSION = b"\x0e"
PATIENCE_S = 300.0
LASTS_S = 60.0
"""How much longer than the typing an answer lasts that runs meanwhile."""


def run(lab: Lab) -> None:
    """Long sessions, long workers, then many sessions."""
    for turns in lab.scale.long_sessions:
        lab.figures.add("load", f"session of {turns} turns", OURS, long_session(lab, turns))
    for messages in lab.scale.long_workers:
        lab.figures.add("load", f"worker of {messages} messages", OURS, long_worker(lab, messages))
    for at_once in (1, lab.scale.at_once):
        opened = lab.scale.opened if at_once > 1 else 1
        name = f"{opened} open, {at_once} running"
        lab.figures.add("load", name, OURS, together(lab, opened, at_once))


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
