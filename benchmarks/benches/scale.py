"""Scale: answers of 2 MB, lines of 1 MB, 10,000 sources, 5,000 files; what typing and paging cost then."""

from __future__ import annotations

from benchmarks.bench import Lab
from benchmarks.benches.answers import asked
from benchmarks.benches.echo import echo
from benchmarks.benches.sessions import pages
from benchmarks.figures import OURS
from benchmarks.plan import Plan
from benchmarks.targets import ours

LARGE = (
    ("2 MB answer", "prose", 560_000),
    ("1 MB line", "line", 230_000),
    ("10,000 sources", "sources", 10_000),
    ("5,000 files", "files", 5_000),
)
KEYS = 40


def run(lab: Lab) -> None:
    """Each in a program of its own, sent as fast as it is taken."""
    for name, shape, count in LARGE:
        plan = Plan(shape, max(100, int(count * lab.scale.large)))
        lab.figures.add("scale", name, OURS, one(lab, plan))


def one(lab: Lab, plan: Plan) -> dict[str, float | None]:
    """Ask, wait for rest, type and page."""
    target = ours()
    with lab.rested(target) as (running, eye):
        sent, spent, painted = asked(lab, running, target, plan)
        seen = eye.seen(plan.mark)
        told: dict[str, float | None] = {
            "answer s": sent.last - sent.first,
            "lag ms": None if seen is None else (seen - sent.last) * 1000,
            "end never shown": float(seen is None),
            "CPU s": spent,
            "KB written": painted / 1000,
            "RSS MB": running.rss,
        }
        told |= {f"echo {name}": value for name, value in echo(running, eye, KEYS, 1).items()}
        return told | pages(running, 1)
