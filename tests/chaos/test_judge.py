"""The judge reports a client with a wrong outcome, and a server that saw too many requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chaos.judge import broken, broken_files, prompt_for
from tests.chaos.requests import Request
from tests.chaos.world import World

SCENARIO: dict[str, Any] = {
    "id": "made-up",
    "op": "continue",
    "expect": {
        "outcome": ["unknown"],
        "error_kind": ["network"],
        "error_contains": "lost",
        "retry_after_s": [4, 6],
        "text_contains": ["The "],
        "text_not_contains": ["<html"],
        "cost_usd": ["0.0140", None],
        "draft_preserved": True,
        "gets": [1, 2],
        "max_seconds": 5,
    },
}
GOOD: dict[str, Any] = {
    "outcome": "unknown",
    "error_kind": "network",
    "error": "The connection was lost.",
    "retry_after_s": 5,
    "text": "The ",
    "cost_usd": None,
}
KEY = {"authorization": "Bearer k"}


def world(posts: int = 1, gets: int = 1, headers: dict[str, str] | None = None) -> World:
    result = World(SCENARIO, "made-up~1")
    for method, op, times in (("POST", "continue", posts), ("GET", "get", gets)):
        for _ in range(times):
            result.note(op, Request(method, "/api/workers/x", KEY if headers is None else headers))
    return result


def judged(observed: World, seconds: float = 1, **outcome: Any) -> list[str]:
    return broken(observed, {**GOOD, "draft": prompt_for(observed), **outcome}, seconds)


def test_a_correct_outcome_has_no_failures() -> None:
    assert judged(world()) == []


@pytest.mark.parametrize(
    "outcome",
    [
        {"outcome": "completed"},
        {"error_kind": "auth"},
        {"error": "No."},
        {"retry_after_s": None},
        {"retry_after_s": 7},
        {"text": ""},
        {"text": "The <html"},
        {"cost_usd": "0.0000"},
        {"draft": None},
        {"seconds": 16},
    ],
)
def test_a_wrong_value_in_the_outcome_is_reported(outcome: dict[str, Any]) -> None:
    assert len(judged(world(), **outcome)) == 1


@pytest.mark.parametrize("observed", [world(posts=2), world(gets=0), world(gets=3)])
def test_a_wrong_number_of_requests_is_reported(observed: World) -> None:
    assert len(judged(observed)) == 1


def test_a_turn_that_is_charged_twice_is_reported() -> None:
    observed = world()
    observed.accept()
    observed.accept()
    assert judged(observed) == ["2 turns were started and charged"]


def test_a_missing_or_leaked_key_is_reported() -> None:
    assert len(judged(world(headers={}))) == 2
    observed = world()
    observed.elsewhere.append(Request("GET", "/steal", KEY))
    assert any("the key went to another origin" in line for line in judged(observed))


def test_wrong_changed_and_executable_files_are_reported(tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "kept").write_text("mine")
    before = {folder / "kept": b"mine"}
    expect = {"saved": 1, "saved_sha256_of": "file body\n"}
    assert len(list(broken_files(expect, tmp_path, folder, before))) == 2
    (folder / "new").write_text("file body\n")
    assert list(broken_files(expect, tmp_path, folder, before)) == []
    (folder / "new").chmod(0o755)
    (tmp_path / "out").write_text("")
    (folder / "kept").write_text("theirs")
    assert len(list(broken_files(expect, tmp_path, folder, before))) == 5
