"""Memory: one program, a conversation of 500-token answers sent as fast as they are read."""

from __future__ import annotations

import time

from benchmarks.bench import Lab
from benchmarks.benches.answers import wait_sent
from benchmarks.eye import Eye
from benchmarks.plan import Plan
from benchmarks.targets import INPUT, Target, floor_input, ours
from benchmarks.terminal import Terminal

TOKENS = 500
PATIENCE_S = 60.0


def run(lab: Lab) -> None:
    """The floor is a Textual app with one Input."""
    with lab.rested(floor_input()) as (running, _eye):
        lab.figures.add("memory", "start", INPUT, {"RSS MB": running.rss})
    for target in (*lab.rivals("memory"), ours()):
        with lab.sparing("memory", target):
            conversation(lab, target)


def conversation(lab: Lab, target: Target) -> None:
    """One program, turn by turn. By how much it grew is told also when it stops answering on the way.

    Raises:
        RuntimeError: it did.
    """
    with lab.rested(target) as (running, eye):
        lab.figures.add("memory", "start", target.name, {"RSS MB": running.rss})
        sizes: list[tuple[int, float]] = []
        try:
            for number in range(1, max(lab.scale.conversation) + 1):
                cpu, begun = running.cpu, time.monotonic()
                turn(lab, target, running, eye)
                metrics = {"CPU s of a turn": running.cpu - cpu, "turn s": time.monotonic() - begun}
                if number in lab.scale.conversation:
                    running.settle()
                    sizes.append((number, running.rss))
                    lab.figures.add(
                        "memory", f"{number} turns", target.name, {**metrics, "RSS MB": running.rss}
                    )
        finally:
            if len(sizes) > 1:
                (few, small), (many, large) = sizes[0], sizes[-1]
                growth = (large - small) / (many - few) * 100
                lab.figures.add("memory", "growth", target.name, {"MB/100 turns": growth})


def turn(lab: Lab, target: Target, running: Terminal, eye: Eye) -> None:
    """Ask and see the end of the answer.

    Raises:
        RuntimeError: it was never shown; with the last screen.
    """
    plan = Plan("prose", TOKENS)
    target.submit(running, plan.prompt)
    wait_sent(lab, running, plan)
    if eye.await_text(plan.mark, PATIENCE_S) is None:
        raise RuntimeError(f"the end of an answer was not shown:\n{eye.screen.text}")
    # Until its turn is settled a program queues what is typed next.
    running.settle(pause_s=0.1)
    eye.forget()
