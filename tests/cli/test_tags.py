"""Tags and projects in the shell: `sessions tag`, search, and the rules of the config file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.runner import run
from tests.ledger.made import WORKER, answered, opened, order, play, session

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def home(own_home: Path) -> Path:
    async with opened(own_home / "history.db") as ledger:
        ledger.run = ledger.run._replace(profile="default", folder="/work/acme")
        await play(ledger, session("ses_a1", title="Green tea"), order("t1", "Which?"), answered())
        ledger.run = ledger.run._replace(folder="/elsewhere")
        await play(ledger, session("ses_b2", title="Black tea"), order("t2", "Which?"), answered())
    return own_home


def printed(home: Path, *argv: str) -> str:
    ran = run(*argv, home=home)
    assert ran.code == 0, ran
    return ran.out.strip()


def test_tags_are_added_shown_and_removed(home: Path) -> None:
    assert printed(home, "sessions", "tag", "ses_a", "Client-A", "#q4") == "Tags: client-a, q4."
    assert printed(home, "sessions", "tag", "ses_a") == "Tags: client-a, q4."
    assert printed(home, "sessions", "tag", "ses_b", "w", "--worker") == "Tags: w (worker)."
    assert printed(home, "sessions", "tag", "ses_a") == "Tags: client-a, q4, w (worker)."
    left = printed(home, "sessions", "untag", "ses_a", "Q4", "w")
    assert left == "Tags: client-a, w (worker).\nNot removed: w, of its worker or by a rule."
    assert printed(home, "sessions", "untag", WORKER, "w", "--worker") == "Tags: none."
    listed = run("sessions", "--json", home=home).result["sessions"]
    assert [(one["tags"], one["project"]) for one in listed] == [([], None), (["client-a"], None)]
    head, _, first = printed(home, "sessions").splitlines()
    assert "Tags" in head.split()
    assert "client-a" in first.split()


def test_rules_of_the_config_file_apply_at_once(home: Path) -> None:
    config = home / "config.toml"
    config.write_text(
        '[tags]\ntea = "title:*tea*"\n'
        '[projects]\nacme = ["folder:/work/acme", "tag:paid"]\nrest = "tag:tea"\n'
    )
    shown = run("sessions", "tag", "ses_a", "--json", home=home).result
    assert shown == {
        "session_id": "ses_a1",
        "tags": ["tea"],
        "tags_of_worker": [],
        "tags_by_rule": ["tea"],
        "project": "acme",
    }
    found = run("sessions", "search", "project:rest", "--json", home=home).result["sessions"]
    assert [one["session_id"] for one in found] == ["ses_b2"]
    assert printed(home, "sessions", "tag", "ses_b", "paid") == "Tags: paid, tea (rule). Project: acme."
    config.write_text("")
    assert printed(home, "sessions", "tag", "ses_b") == "Tags: paid."


def test_rules_that_cannot_be_read_are_reported_and_block_nothing(home: Path) -> None:
    (home / "config.toml").write_text('[tags]\ntea = "tea"\n')
    ran = run("sessions", home=home)
    assert ran.code == 0
    assert "tags.tea" in ran.err
    assert run("-p", "hello", "--local", home=home).code == 2


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("tag", "ses_a", "=cmd"), "=cmd cannot be the name of a tag."),
        (("tag", "ses_a", "a,b"), "a,b cannot be the name of a tag."),
        (("tag", "ses_", "x"), "2 sessions start with ses_."),
        (("tag", "ses_x", "x", "--worker"), "No session or worker id starts with ses_x."),
        (("search", "tag:"), "The filter tag has no value."),
        (("search", "tagg:x"), "Did you mean tag:?"),
    ],
)
def test_wrong_values_change_nothing(home: Path, argv: tuple[str, ...], problem: str) -> None:
    ran = run("sessions", *argv, home=home)
    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err
    assert printed(home, "sessions", "tag", "ses_a1") == "Tags: none."
