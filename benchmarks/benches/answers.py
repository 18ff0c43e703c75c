"""Answers: the delay of the screen after the last byte, and the cost of an answer."""

from __future__ import annotations

from benchmarks.bench import Lab
from benchmarks.content import NATURAL, length_of
from benchmarks.eye import Eye
from benchmarks.plan import Plan
from benchmarks.serving import Sent
from benchmarks.targets import Target, floor_null, ours
from benchmarks.terminal import Terminal

RATE = 1_000
FIRST_TOKENS = 500
LONG = 6_000
"""Tokens of an answer that is not measured as often, and without one before it."""
PATIENCE_S = 120.0


def prose_of(shape: str) -> str:
    """The name of the case of prose with as many tokens as a shape's."""
    return f"prose as long as {shape}"


def cases(lab: Lab) -> list[tuple[str, str, int, int]]:
    """(name, shape, tokens, rate)."""
    result = [(f"{tokens} prose", "prose", tokens, rate) for tokens, rate in lab.scale.answers]
    for shape in lab.scale.shapes:
        tokens = lab.scale.shaped or length_of(shape, NATURAL[shape])
        result.append((shape, shape, tokens, RATE))
        result.append((prose_of(shape), "prose", tokens, RATE))
    return result


def run(lab: Lab) -> None:
    """Each in a program of its own, so that no answer pays for the one before.

    Prose as long as a shape is only what the shape is compared with: it needs no floor of its own.
    Peers tell prose only.
    """
    for name, shape, tokens, rate in cases(lab):
        repeats = lab.scale.long_repeats if tokens > LONG else lab.scale.repeats
        for _ in range(repeats):
            floors = () if name.startswith("prose") else (floor_null(lab.service.base_url),)
            rivals = lab.rivals("answers") if name.endswith(" prose") else ()
            for target in (*floors, *rivals, ours()):
                with lab.sparing("answers", target):
                    metrics = one(lab, target, Plan(shape, tokens, rate), first=tokens <= LONG)
                    lab.figures.add("answers", name, target.name, metrics)


def one(lab: Lab, target: Target, plan: Plan, *, first: bool) -> dict[str, float | None]:
    """One answer, from its prompt to rest; after a `first` one that is not measured.

    The peers' published figures stand on both, as does the lag: it counts from the
    moment at which the last token was due, which a reader that dawdles cannot put off.
    """
    with lab.rested(target) as (running, eye):
        if first:
            ask(lab, running, target, Plan("prose", FIRST_TOKENS))
        sent, spent, painted = ask_and_settle(lab, running, target, plan)
        due = sent.first + (plan.tokens - 1) / plan.rate
        shown_at = end_visible(eye, plan)
        return {
            "lag ms": None if shown_at is None else (shown_at - due) * 1000,
            "end never shown": float(shown_at is None),
            "CPU s": spent,
            "bytes written/answer byte": painted / sent.bytes,
            "pace missed ms": (sent.last - due) * 1000,
            "RSS MB": running.rss,
        }


def ask_and_settle(lab: Lab, running: Terminal, target: Target, plan: Plan) -> tuple[Sent, float, int]:
    """Ask, and wait until idle: how the answer was sent, its CPU seconds and its written bytes."""
    cpu, written = running.cpu, running.bytes
    ask(lab, running, target, plan)
    sent = lab.service.wait(plan)
    return sent, running.cpu - cpu, running.bytes - written


def ask(lab: Lab, running: Terminal, target: Target, plan: Plan) -> None:
    """Send a prompt, and read until its answer is complete and the program is idle."""
    target.submit(running, plan.prompt)
    wait_sent(lab, running, plan)
    running.settle(patience_s=PATIENCE_S)


def wait_sent(lab: Lab, running: Terminal, plan: Plan) -> None:
    """Read until the answer is complete."""
    running.pump(plan.seconds * 0.95)
    for _ in range(int(PATIENCE_S / 0.05)):
        if lab.service.sent(plan) is not None or running.ended:
            return
        running.pump(0.05)


def end_visible(eye: Eye, plan: Plan) -> float | None:
    """When the end mark was visible."""
    return eye.visible_at(plan.mark)
