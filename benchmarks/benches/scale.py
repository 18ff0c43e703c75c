"""Scale: answers of 2 MB, lines of 1 MB, 10,000 sources, 5,000 files;
the cost of typing and paging after them.
"""

from __future__ import annotations

from benchmarks.bench import Lab
from benchmarks.benches.answers import ask_and_settle
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
    """Each in a separate program, sent as fast as it is read."""
    for name, shape, count in LARGE:
        plan = Plan(shape, max(100, int(count * lab.scale.large)))
        lab.figures.add("scale", name, OURS, one(lab, plan))


def one(lab: Lab, plan: Plan) -> dict[str, float | None]:
    """Ask, wait for rest, type and page."""
    target = ours()
    with lab.rested(target) as (running, eye):
        sent, spent, painted = ask_and_settle(lab, running, target, plan)
        shown_at = eye.visible_at(plan.mark)
        metrics: dict[str, float | None] = {
            "answer s": sent.last - sent.first,
            "lag ms": None if shown_at is None else (shown_at - sent.last) * 1000,
            "end never shown": float(shown_at is None),
            "CPU s": spent,
            "KB written": painted / 1000,
            "RSS MB": running.rss,
        }
        metrics |= {f"echo {name}": value for name, value in echo(running, eye, KEYS, 1).items()}
        return metrics | pages(running, 1)
