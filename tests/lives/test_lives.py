"""What the lives stand on, in every run of the tests. `python -m tests.lives` leads random ones."""

from __future__ import annotations

import asyncio
import tempfile
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from tests.lives.life import Life
from tests.lives.words import Promise, promised
from tests.money.paid_service import paid_service

GENERATIONS: Final = ("workers", "tasks")
STEPS: Final = 40


def lead(seed: int, steps: int = STEPS, generation: str | None = None) -> str:
    """One life; a line about it. Raises AssertionError where a promise is broken."""
    random = Random(f"setting {seed}")
    tasks = (generation or random.choice(GENERATIONS)) == "tasks"
    how: dict[str, Any] = {"cost_usd": None, "credits": 3} if tasks else {"cost_usd": Decimal("0.25")}
    with (
        tempfile.TemporaryDirectory(prefix="life-") as home,
        pytest.MonkeyPatch.context() as patch,
        paid_service(tasks=tasks, late=None, figures_after=random.choice((0.0, 0.0, 0.5)), **how) as service,
    ):
        life = Life(seed, Path(home), service, patch)
        try:
            return asyncio.run(life.live(steps))
        finally:
            service.finish()


# Slow: what a random person does depends on when the screen is ready, so a seed is another life on a busy
# machine, and may find what no run before it found.
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_what_leaves_was_announced_and_what_was_typed_is_somewhere(seed: int) -> None:
    lead(seed)


@pytest.mark.parametrize(
    ("hint", "promise"),
    [
        ("Enter to send · ^J new line", Promise.THIS),
        ("Enter to queue", Promise.THIS),
        ("Enter to send 2 queued messages (about $0.02) · ↑ to edit the queue", Promise.QUEUE),
        ("Enter to watch the worker; 1 queued message stays held", Promise.NOTHING),
        ("Enter to queue behind the held messages", Promise.NOTHING),
        ("Enter to raise the limit; 1 queued message stays held", Promise.NOTHING),
        ("Enter to raise the limit, then send this (asks first)", Promise.THIS),
        ("Enter to send it and 2 more (cost unknown) · Esc to keep it unchanged", Promise.QUEUE),
        ("Your draft is back. Press Enter again to send it.", Promise.THIS),
        ("? help · / commands · ↑ history", Promise.NOTHING),
    ],
)
def test_the_reader_of_the_line_below_the_prompt(hint: str, promise: Promise) -> None:
    assert promised(hint) is promise
