"""Every scenario of the failure table, in both generations, judged by what it expects.

`python -m tests.chaos` prints all. A service with tasks answers when a turn is over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.chaos.adapter import Operation
from tests.chaos.clients import Client, apart, here
from tests.chaos.data import SCENARIOS, limits_for
from tests.chaos.judge import broken, broken_files, prompt_for
from tests.chaos.server import FaultServer
from tests.chaos.table import Note
from tests.chaos.world import World
from tests.e2e.runner import KEY

OTHERWISE: Final = ("gets", "cost_usd")
"""Expectations that differ with tasks: more is read, and no USD are reported."""
SETTLED: Final = ("recovered", "running", "not_delivered")
ALSO: Final = {
    # The id of a new task is chosen before it is sent, so its start is not in doubt.
    "create": SETTLED,
    # A pending task may have our message: nothing proves that it does not.
    "doubt-then-pending-for-ever": ("unknown",),
}
"""Further correct outcomes with tasks, by operation or name."""
ELSEWHERE: Final = (
    *("worker-error-object", "drop-then-replays-that-grow", "many-tiny-deltas", "worker-lags-in-the-stream"),
    *("ours-waits-behind-another", "another-waits-behind-ours", "cut-then-stream-then-500"),
)
"""Scenarios of features that tasks lack: error messages, streams, and messages at once."""
HEAVY: Final = ("endless-stream", "gzip-bomb", "huge-event-50mb")
"""With tasks they meet the same limits, of the same reader."""
CASES: Final = [
    pytest.param(
        name,
        tasks,
        id=f"{name}-tasks" if tasks else name,
        marks=[pytest.mark.slow] if tasks and name in HEAVY else [],
    )
    for name in SCENARIOS
    for tasks in (False, True)
    if not (tasks and name in ELSEWHERE)
]


def scenario_of(name: str, *, tasks: bool) -> dict[str, Any]:
    scenario = SCENARIOS[name]
    if not tasks:
        return scenario
    expect = {key: value for key, value in scenario["expect"].items() if key not in OTHERWISE}
    expect["outcome"] = [*expect["outcome"], *ALSO.get(scenario["op"], ()), *ALSO.get(name, ())]
    return {**scenario, "expect": expect}


def operation_of(world: World, tmp_path: Path, folder: Path) -> Operation:
    attached = tmp_path / "attachment.bin"
    attached.write_bytes(b"\x00\x01attach" * (world.scenario.get("upload_bytes", 8) // 8))
    worker = "" if world.op == "create" else world.worker_id
    limits = limits_for(world.scenario)
    return Operation(world.op, worker, prompt_for(world), str(folder), str(attached), world.tasks, limits)


@pytest.mark.parametrize(("name", "tasks"), CASES)
def test_scenario(
    name: str, server: FaultServer, tmp_path: Path, box: Path, escape: Path, note: Note, *, tasks: bool
) -> None:
    world = server.begin(scenario_of(name, tasks=tasks), tasks=tasks)
    expect, folder = world.scenario["expect"], box / "a" / "b" / "downloads"
    home = tmp_path / "home"
    home.mkdir()
    client = apart if "max_rss_mb" in expect else here
    ran = client(operation_of(world, tmp_path, folder), home, server.base_of(world))
    note(ran.outcome["outcome"], world, ran.seconds)
    if (
        ran.outcome["outcome"] in SETTLED
        and ran.outcome["outcome"] not in SCENARIOS[name]["expect"]["outcome"]
    ):
        # The turn is settled: it has neither an error nor a draft.
        for member in ("error_kind", "draft_preserved"):
            expect.pop(member, None)
    failures = broken(world, ran.outcome, ran.seconds) + of_the_process(expect.get("max_rss_mb"), ran)
    if "saved" in expect:
        failures += broken_files(expect, box, folder, {})
    assert not failures, "\n".join(failures)


def of_the_process(limit: float | None, ran: Client) -> list[str]:
    failures = []
    if KEY in ran.err or KEY in str(ran.outcome):
        failures.append("the key was printed")
    if "Traceback" in ran.err:
        failures.append(ran.err[-300:])
    if limit is not None and ran.megabytes is not None and ran.megabytes > limit:
        failures.append(f"{ran.megabytes:.0f} MiB of memory, at most {limit}")
    return failures
