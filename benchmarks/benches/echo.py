"""Echo: how long a typed letter takes to stand on the screen, at rest and while an answer streams."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bench import Lab
from benchmarks.eye import Eye
from benchmarks.figures import quantile
from benchmarks.plan import Plan
from benchmarks.targets import CLEAR_BOX, floor_input, floor_null, ours, submit
from benchmarks.terminal import Terminal

BOX = 40
"""Letters in the box before it is emptied."""
SURE = 4
"""The first letters of a box are not timed: a text so short may stand anywhere."""
PAUSES_S = (0.04, 0.12)
PER_KEY_S = 0.1
"""How long a key takes to type, about, with emptying the box."""


@dataclass(frozen=True)
class Key:
    """A letter typed: the box as it must stand then; until when it may."""

    at: float
    box: str
    until: float


def type_letters(running: Terminal, count: int, chance: random.Random) -> list[Key]:
    """Type so many timed letters, and empty the box after each filling. Nothing is looked at."""
    keys: list[Key] = []
    while len(keys) < count and not running.ended:
        box = ""
        typed: list[tuple[float, str]] = []
        while len(box) < BOX and len(keys) + len(typed) < count:
            box += "z" if not box else chance.choice([c for c in "abcdefghjkmnoprstuvwx" if c != box[-1]])
            at = running.send(box[-1].encode())
            running.pump(chance.uniform(*PAUSES_S))
            if len(box) >= SURE:
                typed.append((at, box))
        running.pump(0.5)
        cleared = running.send(CLEAR_BOX)
        running.pump(0.2)
        keys += [Key(at, text, cleared) for at, text in typed]
    return keys


def look_up(eye: Eye, keys: Sequence[Key]) -> dict[str, float | None]:
    """Latencies in milliseconds; `missed` counts letters that never stood before the box was emptied."""
    took = []
    for key in keys:
        seen = eye.seen(key.box, key.until)
        if seen is not None:
            took.append(max(0.0, seen - key.at) * 1000)
    told: dict[str, float | None] = {"missed keys": float(len(keys) - len(took))}
    if took:
        told |= {f"p{share} ms": quantile(took, share / 100) for share in (50, 95, 99)}
    return told


def run(lab: Lab) -> None:
    """At rest."""
    for number in range(lab.scale.repeats):
        for target in (floor_input(), ours()):
            with lab.rested(target) as (running, eye):
                lab.figures.add("echo", "idle", target.name, at_rest(running, lab.scale.idle_s))
                told = echo(running, eye, lab.scale.keys, number)
                lab.figures.add("echo", "idle", target.name, told)


def at_rest(running: Terminal, seconds: float) -> dict[str, float | None]:
    """What a program does when nobody does anything."""
    begun, cpu, written = time.monotonic(), running.cpu, running.bytes
    running.pump(seconds)
    took = time.monotonic() - begun
    return {
        "idle CPU %": (running.cpu - cpu) / took * 100,
        "idle bytes/s": (running.bytes - written) / took,
    }


def echo(running: Terminal, eye: Eye, count: int, seed: int) -> dict[str, float | None]:
    """Type, then look."""
    cpu, written = running.cpu, running.bytes
    keys = type_letters(running, count, random.Random(seed))
    told = {
        "CPU ms/key": (running.cpu - cpu) / len(keys) * 1000,
        "bytes/key": (running.bytes - written) / len(keys),
    }
    return look_up(eye, keys) | told


def run_streaming(lab: Lab) -> None:
    """While an answer comes."""
    targets = (floor_null(lab.service.base_url), ours())
    for number in range(lab.scale.repeats):
        for rate in lab.scale.rates:
            for target in targets:
                with lab.rested(target) as (running, eye):
                    tokens = int((lab.scale.keys * PER_KEY_S + 3) * rate)
                    plan = Plan("prose", tokens, rate)
                    submit(running, plan.prompt)
                    running.pump(1.0)
                    keys = type_letters(running, lab.scale.keys, random.Random(number))
                    if lab.service.sent(plan) is not None:
                        raise RuntimeError("the answer ended before the typing did")
                    lab.figures.add("stream", f"{rate} tokens/s", target.name, look_up(eye, keys))
