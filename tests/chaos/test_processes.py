"""Signals, pipes and several programs at once: real processes, acting on what the server has sent."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.chaos import test_surroundings
from tests.chaos.data import SCENARIOS, loaded
from tests.chaos.judge import prompt_for
from tests.chaos.processes import DEADLINE_S, SLOW, SLOW_TEXT, Place, ended, stay
from tests.chaos.server import FaultServer, wait_until
from tests.chaos.world import Step, World

END_S = 15.0
"""A signal ends the program within this, on a slow machine too; that it ended early, its status says."""


@pytest.fixture
def place(server: FaultServer, tmp_path: Path) -> Place:
    return Place(server, tmp_path)


def answering(place: Place) -> tuple[World, subprocess.Popen[str]]:
    """A program that has received five words of an answer, and waits for more until something ends it."""
    words: list[Step] = [{"head": {}}, {"accept": {}}, {"open": 1}, {"deltas": [0, 5]}, {"hang": 60_000}]
    world = place.server.begin({**SCENARIOS[SLOW], "server": {"continue": [words]}})
    process = place.start(world, env={"HANDINGER_IDLE_TIMEOUT": "60"})
    assert wait_until(world, lambda: world.sent == 5)
    end = time.monotonic() + DEADLINE_S
    while not place.rows("SELECT 1 FROM frames WHERE data LIKE '%w04%'"):
        assert time.monotonic() < end, "never stored"
        time.sleep(0.02)
    return world, process


def test_every_case_has_a_test() -> None:
    cases = {case["id"] for case in loaded("processes", "cases") if case["how"].get("needs") != "tui"}
    names = {name for module in (globals(), vars(test_surroundings)) for name in module}
    missing = {case for case in cases if f"test_{case.replace('-', '_')}" not in names}
    assert not missing


# -- killed ---------------------------------------------------------------------------------
def test_kill9_mid_stream(place: Place) -> None:
    world, process = answering(place)
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    assert (prompt_for(world), "sending") in place.rows("SELECT prompt, 'sending' FROM turns")
    back = place.attach(world)
    assert (back.code, back.result["text"], back.result["status"]) == (0, SLOW_TEXT, "completed")
    assert [prompt for prompt, _ in place.turns_of(world)].count(prompt_for(world)) == 1
    assert world.posts == 1


def test_kill9_before_headers(place: Place) -> None:
    world = place.world("hang-before-headers-accepted")
    process = place.start(world)
    assert wait_until(world, lambda: bool(world.prompts))
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    # It was stored here before it left: nothing has read the worker yet.
    assert [prompt for prompt, _ in place.turns_of(world)] == [prompt_for(world)]
    back = place.attach(world)
    assert (back.code, back.result["text"]) == (0, world.text)
    assert [prompt for prompt, _ in place.turns_of(world)].count(prompt_for(world)) == 1
    assert world.posts == 1


# -- stopped by a signal -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGQUIT, 131)]
)
def test_sigterm_mid_stream(place: Place, number: signal.Signals, code: int) -> None:
    world, process = answering(place)
    begun = time.monotonic()
    process.send_signal(number)
    ran = ended(process)
    assert time.monotonic() - begun < END_S
    assert (ran.code, ran.result["status"]) == (code, "running")
    assert SLOW_TEXT.startswith(ran.result["text"])
    assert ran.result["text"].split()[-1] == "w04"
    assert f"handinger-tui attach {world.worker_id}" in ran.err
    back = place.attach(world)
    assert (back.code, back.result["text"], world.posts) == (0, SLOW_TEXT, 1)


def test_sigint_headless(place: Place) -> None:
    world, process = answering(place)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert time.monotonic() - begun < END_S
    assert (ran.code, ran.result["status"], world.posts) == (130, "running", 1)
    assert f"handinger-tui attach {world.worker_id}" in ran.err
    assert "keep charging" in ran.err


def test_sigint_twice(place: Place) -> None:
    world, process = answering(place)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    stay(process, 0.1)
    process.send_signal(signal.SIGINT)
    ran = ended(process)
    assert time.monotonic() - begun < END_S
    assert (ran.code, world.posts) == (130, 1)


def test_freeze_8s(place: Place) -> None:
    """Frozen for longer than the silence limit of a stream (two seconds prove as much as eight)."""
    world = place.world()
    process = place.start(world)
    assert wait_until(world, lambda: world.sent >= 5)
    process.send_signal(signal.SIGSTOP)
    stay(process, 2.0)
    process.send_signal(signal.SIGCONT)
    ran = ended(process)
    assert (ran.code, ran.result["text"], world.posts) == (0, SLOW_TEXT, 1)


# -- pipes -------------------------------------------------------------------------------------
def test_sigpipe(place: Place) -> None:
    """The reader of the output closes the pipe: the answer is still received, and stored."""
    world = place.world()
    reading, writing = os.pipe()
    argv = ("-p", prompt_for(world), "-w", world.worker_id)
    process = place.start(world, *argv, stdout=writing)
    os.close(writing)
    assert os.read(reading, 1) == b"w"
    os.close(reading)
    ran = ended(process)
    assert "BrokenPipe" not in ran.err
    assert (ran.code, world.posts) == (10, 1)
    assert place.turns_of(world) == [(prompt_for(world), "completed")]


def test_detached_and_attached(place: Place) -> None:
    world = place.world()
    ran = place.run(world, "-p", prompt_for(world), "-w", world.worker_id, "--detach", "--json")
    assert (ran.code, ran.result["status"]) == (0, "running")
    back = place.attach(world)
    assert (back.code, back.result["text"], world.posts) == (0, SLOW_TEXT, 1)


# -- several at once ---------------------------------------------------------------------------
def check_instances(place: Place, number: int) -> None:
    worlds = [place.world() for _ in range(number)]
    processes = [place.start(world) for world in worlds]
    for world, process in zip(worlds, processes, strict=True):
        ran = ended(process)
        assert (ran.code, ran.result["text"], world.posts) == (0, SLOW_TEXT, 1)
        assert "locked" not in ran.err
        assert place.turns_of(world) == [(prompt_for(world), "completed")]
    assert place.rows("SELECT COUNT(*) FROM charges WHERE kind = 'charge'") == [(number,)]


def test_two_instances(place: Place) -> None:
    check_instances(place, 2)


def test_five_instances(place: Place) -> None:
    check_instances(place, 5)


def test_two_instances_on_one_worker(place: Place) -> None:
    """Two people use the same worker: each gets an answer, or hears that it is at work; none pays twice."""
    world = place.server.begin(SCENARIOS["slow-20-deltas"])
    processes = [place.start(world, "-p", f"ask {n}", "-w", world.worker_id, "--json") for n in range(2)]
    results = [ended(process).result for process in processes]
    # Whether the second one reads the worker before or after the first message depends on the machine.
    sent = [f"ask {at}" for at, one in enumerate(results) if one["status"] != "not_sent"]
    assert {one["text"] for one in results} - {""} == {SLOW_TEXT}
    assert [one["status"] for one in results if not one["text"]] == ["not_sent"] * (2 - len(sent))
    assert sorted(world.prompts) == sent
    assert sorted(prompt for prompt, _ in place.turns_of(world)) == ["ask 0", "ask 1"]
