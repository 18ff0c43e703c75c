"""Growth: CPU for each token early in a very long answer and at its end, for every shape."""

from __future__ import annotations

import time

from benchmarks.bench import Lab
from benchmarks.plan import Plan
from benchmarks.targets import Target, floor_null, ours
from benchmarks.terminal import Terminal

EARLY = 0.02
"""Where the early window begins: token 1,000 of 50,000."""
WINDOW = 0.1
SAMPLE_S = 0.05

Sample = tuple[float, float]
"""Monotonic seconds, CPU seconds so far."""


def run(lab: Lab) -> None:
    """Shape by shape; the floor once, for it does not look at the text."""
    tokens, rate = lab.scale.curve
    for shape in lab.scale.curves:
        targets = (floor_null(lab.service.base_url), ours()) if shape == "prose" else (ours(),)
        for _ in range(lab.scale.long_repeats):
            for target in targets:
                metrics = curve(lab, target, Plan(shape, tokens, rate))
                lab.figures.add("growth", shape, target.name, metrics)


def curve(lab: Lab, target: Target, plan: Plan) -> dict[str, float | None]:
    """One answer with continuous records of its CPU."""
    with lab.rested(target) as (running, _eye):
        target.submit(running, plan.prompt)
        samples = watch(lab, running, plan)
        sent = lab.service.wait(plan)
        before_settling = running.cpu
        running.settle()
        early = (EARLY * plan.tokens, (EARLY + WINDOW) * plan.tokens)
        late = ((1 - WINDOW) * plan.tokens, 1.0 * plan.tokens)
        pace = (sent.last - sent.first) / plan.tokens
        per_token = [
            (cpu_at(samples, sent.first + end * pace) - cpu_at(samples, sent.first + start * pace))
            / (end - start)
            * 1e6
            for start, end in (early, late)
        ]
        return {
            "early CPU µs/token": per_token[0],
            "late CPU µs/token": per_token[1],
            "late/early ×": per_token[1] / per_token[0] if per_token[0] else None,
            "CPU s after the last byte": running.cpu - before_settling,
        }


def watch(lab: Lab, running: Terminal, plan: Plan) -> list[Sample]:
    """Read until the answer is complete, recording the CPU."""
    samples: list[Sample] = []
    while lab.service.sent(plan) is None and not running.ended:
        samples.append((time.monotonic(), running.cpu))
        running.pump(SAMPLE_S)
    samples.append((time.monotonic(), running.cpu))
    return samples


def cpu_at(samples: list[Sample], moment: float) -> float:
    """CPU seconds at a moment, between samples by proportion.

    Raises:
        IndexError: no samples.
    """
    before = samples[0]
    for after in samples:
        if after[0] >= moment:
            span = after[0] - before[0]
            share = (moment - before[0]) / span if span else 0.0
            return before[1] + (after[1] - before[1]) * max(0.0, share)
        before = after
    return before[1]
