"""Answers: how far the screen is behind after the last byte, and what an answer takes."""

from __future__ import annotations

from benchmarks.bench import Lab
from benchmarks.content import NATURAL, length_of
from benchmarks.eye import Eye
from benchmarks.plan import Plan
from benchmarks.targets import Target, floor_null, ours, submit
from benchmarks.terminal import Terminal

RATE = 1_000
PATIENCE_S = 120.0


def prose_of(shape: str) -> str:
    """The name of the case of prose with as many tokens as a shape's."""
    return f"prose as long as {shape}"


def cases(lab: Lab) -> list[tuple[str, str, int, int]]:
    """(name, shape, tokens, rate)."""
    found = [(f"{tokens} prose", "prose", tokens, rate) for tokens, rate in lab.scale.answers]
    for shape, count in NATURAL.items():
        tokens = lab.scale.shaped or length_of(shape, count)
        found.append((shape, shape, tokens, RATE))
        found.append((prose_of(shape), "prose", tokens, RATE))
    return found


def run(lab: Lab) -> None:
    """Each in a program of its own, so that no answer pays for the one before.

    Prose as long as a shape is only what the shape is compared with: it needs no floor of its own.
    """
    for name, shape, tokens, rate in cases(lab):
        repeats = lab.scale.long_repeats if tokens > 6_000 else lab.scale.repeats
        for _ in range(repeats):
            floors = () if name.startswith("prose") else (floor_null(lab.service.base_url),)
            for target in (*floors, ours()):
                told = one(lab, target, Plan(shape, tokens, rate))
                lab.figures.add("answers", name, target.name, told)


def one(lab: Lab, target: Target, plan: Plan) -> dict[str, float | None]:
    """One answer, from the key that sends to rest."""
    with lab.rested(target) as (running, eye):
        cpu, written = running.cpu, running.bytes
        submit(running, plan.prompt)
        wait_sent(lab, running, plan)
        sent = lab.service.wait(plan)
        running.settle(patience_s=PATIENCE_S)
        spent, painted = running.cpu - cpu, running.bytes - written
        seen = end_seen(eye, plan)
        return {
            "lag ms": None if seen is None else (seen - sent.last) * 1000,
            "end never shown": float(seen is None),
            "CPU s": spent,
            "bytes written/answer byte": painted / sent.bytes,
            "pace missed ms": (sent.last - sent.first - (plan.tokens - 1) / plan.rate) * 1000,
            "RSS MB": running.rss,
        }


def wait_sent(lab: Lab, running: Terminal, plan: Plan) -> None:
    """Read until the answer is all out."""
    running.pump(plan.seconds * 0.95)
    for _ in range(int(PATIENCE_S / 0.05)):
        if lab.service.sent(plan) is not None or running.ended:
            return
        running.pump(0.05)


def end_seen(eye: Eye, plan: Plan) -> float | None:
    """When the end mark stood on the screen."""
    return eye.seen(plan.mark)
