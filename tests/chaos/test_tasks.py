"""The scenarios of the failure table for a service with tasks: it answers when a turn is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.chaos.clients import apart, here
from tests.chaos.data import SCENARIOS
from tests.chaos.judge import broken
from tests.chaos.server import FaultServer
from tests.chaos.table import Note
from tests.chaos.test_scenarios import asked, of_the_process

OPERATIONS: Final = ("continue", "create", "upload")
OTHERWISE: Final = ("gets", "cost_usd")
"""What is otherwise here: more is read, and no USD are reported."""
SETTLED: Final = ("recovered", "running", "not_delivered")
ALSO: Final = {
    # The id of a new task is known before it is sent, so that its start is not in doubt.
    "create": SETTLED,
    # A pending task may have our message: it is not shown that it has not.
    "doubt-then-pending-for-ever": ("unknown",),
}
"""Outcomes that are right as well, by operation or name."""
ELSEWHERE: Final = ("worker-error-object", "drop-then-replays-that-grow", "many-tiny-deltas")
"""Scenarios of what a task has not: words for its failure, and streams."""
NAMES: Final = [name for name in SCENARIOS if SCENARIOS[name]["op"] in OPERATIONS and name not in ELSEWHERE]


def scenario_of(name: str) -> dict[str, Any]:
    scenario = SCENARIOS[name]
    expect = {key: value for key, value in scenario["expect"].items() if key not in OTHERWISE}
    expect["outcome"] = [*expect["outcome"], *ALSO.get(scenario["op"], ()), *ALSO.get(name, ())]
    return {**scenario, "expect": expect}


@pytest.mark.parametrize("name", NAMES)
def test_scenario_with_tasks(name: str, server: FaultServer, tmp_path: Path, box: Path, note: Note) -> None:
    world = server.begin(scenario_of(name), tasks=True)
    expect, folder = world.scenario["expect"], box / "a" / "b" / "downloads"
    home = tmp_path / "home"
    home.mkdir()
    client = apart if "max_rss_mb" in expect else here
    ran = client(asked(world, tmp_path, folder), home, server.base_of(world))
    note(ran.told["outcome"], world, ran.seconds)
    if ran.told["outcome"] in SETTLED and ran.told["outcome"] not in SCENARIOS[name]["expect"]["outcome"]:
        # It is settled: no error and no draft of a doubt is left.
        for member in ("error_kind", "draft_preserved"):
            expect.pop(member, None)
    found = broken(world, ran.told, ran.seconds) + of_the_process(expect.get("max_rss_mb"), ran)
    assert not found, "\n".join(found)
