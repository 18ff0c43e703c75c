"""The table of the lab: one line for each case, with its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.chaos.world import World

Note = Callable[[str, World | None, float], None]
"""note(outcome, world, seconds): for the case's line in the table."""
REMARK: Final = "chaos"


def noting(request: pytest.FixtureRequest) -> Note:
    """Remarks that travel with the test's report."""

    def note(outcome: str, world: World | None, seconds: float) -> None:
        counts = f"posts={world.posts} gets={world.gets}" if world else ""
        request.node.user_properties.append((REMARK, f"{outcome:14} {counts:18} {seconds:6.2f} s"))

    return note


@dataclass
class Table:
    """A pytest plugin that collects the lines and counts those that hold."""

    lines: list[tuple[str, bool, str, str]] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of a case; a broken set-up counts as a failure."""
        if report.when != "call" and report.passed:
            return
        if report.skipped:
            return
        name = report.nodeid.rpartition("/")[2]
        remark = next((str(value) for key, value in report.user_properties if key == REMARK), "")
        why = "" if report.passed else report.longreprtext.strip().splitlines()[-1]
        self.lines.append((name, report.passed, remark, why))

    def print(self) -> None:
        """Print the table."""
        for name, holds, remark, why in self.lines:
            print(f"{'holds ' if holds else 'BROKEN'} {name:66} {remark}".rstrip())
            if why:
                print(f"       {why}")
        print(f"\n{sum(holds for _, holds, _, _ in self.lines)} of {len(self.lines)} cases hold.")
