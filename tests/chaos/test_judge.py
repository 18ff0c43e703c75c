"""The judge bites: a client that lies, or a server that saw too much, does not pass."""

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
    made = World(SCENARIO, "made-up~1")
    for method, op, times in (("POST", "continue", posts), ("GET", "get", gets)):
        for _ in range(times):
            made.note(op, Request(method, "/api/workers/x", KEY if headers is None else headers))
    return made


def judged(seen: World, seconds: float = 1, **told: Any) -> list[str]:
    return broken(seen, {**GOOD, "draft": prompt_for(seen), **told}, seconds)


def test_a_good_client_passes() -> None:
    assert judged(world()) == []


@pytest.mark.parametrize(
    "told",
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
        {"seconds": 6},
    ],
)
def test_a_wrong_word_of_the_client_is_seen(told: dict[str, Any]) -> None:
    assert len(judged(world(), **told)) == 1


@pytest.mark.parametrize("seen", [world(posts=2), world(gets=0), world(gets=3)])
def test_too_many_requests_are_seen(seen: World) -> None:
    assert len(judged(seen)) == 1


def test_a_turn_that_is_paid_twice_is_seen() -> None:
    seen = world()
    seen.accept()
    seen.accept()
    assert judged(seen) == ["2 turns were started and charged"]


def test_keys_are_watched() -> None:
    assert len(judged(world(headers={}))) == 2
    seen = world()
    seen.elsewhere.append(Request("GET", "/steal", KEY))
    assert any("the key went to another origin" in line for line in judged(seen))


def test_files_are_watched(tmp_path: Path) -> None:
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
