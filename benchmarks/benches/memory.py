"""Memory: one program, a conversation of 500-token answers sent as fast as they are taken."""

from __future__ import annotations

import time

from benchmarks.bench import Lab
from benchmarks.benches.answers import wait_sent
from benchmarks.eye import Eye
from benchmarks.figures import OURS
from benchmarks.plan import Plan
from benchmarks.targets import INPUT, floor_input, ours, submit
from benchmarks.terminal import Terminal

TOKENS = 500
PATIENCE_S = 60.0


def run(lab: Lab) -> None:
    """The floor is what a Textual app with one Input holds."""
    with lab.rested(floor_input()) as (running, _eye):
        lab.figures.add("memory", "start", INPUT, {"RSS MB": running.rss})
    with lab.rested(ours()) as (running, eye):
        lab.figures.add("memory", "start", OURS, {"RSS MB": running.rss})
        sizes: list[tuple[int, float]] = []
        for number in range(1, max(lab.scale.conversation) + 1):
            cpu, begun = running.cpu, time.monotonic()
            turn(lab, running, eye)
            if number in lab.scale.conversation:
                told: dict[str, float | None] = {
                    "CPU s of a turn": running.cpu - cpu,
                    "turn s": time.monotonic() - begun,
                }
                running.settle()
                sizes.append((number, running.rss))
                lab.figures.add("memory", f"{number} turns", OURS, told | {"RSS MB": running.rss})
        (few, small), (many, large) = sizes[0], sizes[-1]
        growth = (large - small) / (many - few) * 100
        lab.figures.add("memory", "growth", OURS, {"MB/100 turns": growth})


def turn(lab: Lab, running: Terminal, eye: Eye) -> None:
    """Ask and see the end of the answer.

    Raises:
        RuntimeError: it was never shown; with the last screen.
    """
    plan = Plan("prose", TOKENS)
    submit(running, plan.prompt)
    wait_sent(lab, running, plan)
    if eye.await_text(plan.mark, PATIENCE_S) is None:
        raise RuntimeError(f"the end of an answer was not shown:\n{eye.screen.text}")
    # Until its turn is settled a program queues what is typed next.
    running.settle(pause_s=0.1)
    eye.forget()
