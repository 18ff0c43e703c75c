"""Every scenario of the failure table, judged by what it expects; `python -m tests.chaos` prints all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.adapter import Asked
from tests.chaos.clients import Client, apart, here
from tests.chaos.data import SCENARIOS
from tests.chaos.judge import broken, broken_files, prompt_for
from tests.chaos.server import FaultServer
from tests.chaos.table import Note
from tests.chaos.world import World
from tests.e2e.runner import KEY


def asked(world: World, tmp_path: Path, folder: Path) -> Asked:
    attached = tmp_path / "attachment.bin"
    attached.write_bytes(b"\x00\x01attach" * (world.scenario.get("upload_bytes", 8) // 8))
    worker = "" if world.op == "create" else world.worker_id
    return Asked(world.op, worker, prompt_for(world), str(folder), str(attached), world.tasks)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(
    name: str, server: FaultServer, tmp_path: Path, box: Path, escape: Path, note: Note
) -> None:
    world = server.begin(SCENARIOS[name])
    expect, folder = world.scenario["expect"], box / "a" / "b" / "downloads"
    home = tmp_path / "home"
    home.mkdir()
    client = apart if "max_rss_mb" in expect else here
    ran = client(asked(world, tmp_path, folder), home, server.base_of(world))
    note(ran.told["outcome"], world, ran.seconds)
    found = broken(world, ran.told, ran.seconds) + of_the_process(expect.get("max_rss_mb"), ran)
    if "saved" in expect:
        found += broken_files(expect, box, folder, {})
    assert not found, "\n".join(found)


def of_the_process(limit: float | None, ran: Client) -> list[str]:
    found = []
    if KEY in ran.err or KEY in str(ran.told):
        found.append("the key was printed")
    if "Traceback" in ran.err:
        found.append(ran.err[-300:])
    if limit is not None and ran.megabytes is not None and ran.megabytes > limit:
        found.append(f"{ran.megabytes:.0f} MiB of memory, at most {limit}")
    return found
