"""Echo: the time from a typed letter to its display, idle and while an answer streams."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.bench import Lab
from benchmarks.eye import Eye
from benchmarks.figures import quantile
from benchmarks.plan import Plan
from benchmarks.targets import CLEAR_BOX, Target, floor_input, floor_null, ours
from benchmarks.terminal import Terminal

BOX = 40
"""Letters in the box before it is emptied."""
SURE = 4
"""The first letters of a box are not timed: a text so short may stand anywhere."""
PAUSES_S = (0.04, 0.12)
PATIENCE_S = 30.0
PER_KEY_S = 0.1
"""How long a key takes to type, about, with emptying the box."""


@dataclass(frozen=True)
class Key:
    """A letter typed: the box as it must stand then; until when it may."""

    at: float
    box: str
    until: float


@dataclass
class Typist:
    """Types into one program, box by box; others may have their turns between two boxes."""

    running: Terminal
    eye: Eye
    chance: random.Random
    clear: bytes = CLEAR_BOX
    keys: list[Key] = field(default_factory=list)
    cpu_s: float = 0.0
    written: int = 0

    def type_letters(self, count: int) -> None:
        """Type until there are this many timed letters. The screen is not read."""
        while self.fill(count):
            pass

    def fill(self, count: int) -> bool:
        """Fill the box once, and empty it. False: that many letters are typed, or the program has ended."""
        missing, running = count - len(self.keys), self.running
        if missing <= 0 or running.ended:
            return False
        cpu, written = running.cpu, running.bytes
        box = ""
        typed: list[tuple[float, str]] = []
        while len(box) < BOX and len(typed) < missing:
            others = [c for c in "abcdefghjkmnoprstuvwx" if c != box[-1:]]
            box += "z" if not box else self.chance.choice(others)
            at = running.send(box[-1].encode())
            running.pump(self.chance.uniform(*PAUSES_S))
            if len(box) >= SURE:
                typed.append((at, box))
        running.pump(0.5)
        cleared = running.send(self.clear)
        running.pump(0.2)
        self.keys += [Key(at, text, cleared) for at, text in typed]
        self.cpu_s += running.cpu - cpu
        self.written += running.bytes - written
        return True

    def metrics(self) -> dict[str, float | None]:
        """Latencies, and the cost of a key."""
        count = len(self.keys)
        spent = {"CPU ms/key": self.cpu_s / count * 1000, "bytes/key": self.written / count}
        return look_up(self.eye, self.keys) | spent


def look_up(eye: Eye, keys: Sequence[Key]) -> dict[str, float | None]:
    """Latencies in milliseconds; `missed` counts letters that were not visible before the box was emptied."""
    took = []
    for key in keys:
        shown_at = eye.visible_at(key.box, key.until)
        if shown_at is not None:
            took.append(max(0.0, shown_at - key.at) * 1000)
    metrics: dict[str, float | None] = {"missed keys": float(len(keys) - len(took))}
    if took:
        metrics |= {f"p{share} ms": quantile(took, share / 100) for share in (50, 95, 99)}
    return metrics


def run(lab: Lab) -> None:
    """Echo while the program is idle."""
    for number in range(lab.scale.repeats):
        for target in (floor_input(), *lab.rivals("echo"), ours()):
            with lab.sparing("echo", target), lab.rested(target) as (running, eye):
                metrics = idle_metrics(running, lab.scale.idle_s)
                metrics |= echo(running, eye, lab.scale.keys, number, target.clear)
                lab.figures.add("echo", "idle", target.name, metrics)


def idle_metrics(running: Terminal, seconds: float) -> dict[str, float | None]:
    """CPU and output of an idle program."""
    begun, cpu, written = time.monotonic(), running.cpu, running.bytes
    running.pump(seconds)
    took = time.monotonic() - begun
    return {
        "idle CPU %": (running.cpu - cpu) / took * 100,
        "idle bytes/s": (running.bytes - written) / took,
    }


def echo(
    running: Terminal, eye: Eye, count: int, seed: int, clear: bytes = CLEAR_BOX
) -> dict[str, float | None]:
    """Type, then evaluate."""
    typist = Typist(running, eye, random.Random(seed), clear)
    typist.type_letters(count)
    return typist.metrics()


def run_streaming(lab: Lab) -> None:
    """Echo while an answer streams."""
    for number in range(lab.scale.repeats):
        for rate in lab.scale.rates:
            for target in (floor_null(lab.service.base_url), *lab.rivals("stream"), ours()):
                with lab.sparing("stream", target):
                    metrics = streaming(lab, target, rate, number)
                    lab.figures.add("stream", f"{rate} tokens/s", target.name, metrics)


def streaming(lab: Lab, target: Target, rate: int, seed: int) -> dict[str, float | None]:
    """Ask, type while the answer streams, then evaluate.

    Raises:
        RuntimeError: there was no answer during the typing, or it ended too early.
    """
    with lab.rested(target) as (running, eye):
        plan = Plan("prose", int((lab.scale.keys * PER_KEY_S + 3) * rate), rate)
        target.submit(running, plan.prompt)
        for _ in range(int(PATIENCE_S / 0.05)):
            if lab.service.began(plan) or running.ended:
                break
            running.pump(0.05)
        running.pump(1.0)
        typist = Typist(running, eye, random.Random(seed), target.clear)
        typist.type_letters(lab.scale.keys)
        if not lab.service.began(plan):
            raise RuntimeError("nobody asked for the answer")
        if lab.service.sent(plan) is not None:
            raise RuntimeError("the answer ended before the typing did")
        return look_up(eye, typist.keys)
