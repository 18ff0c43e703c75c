"""Tags and projects in the shell: `sessions tag`, search, and the rules of the config file."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.runner import run
from tests.ledger.samples import WORKER, answered, opened, play, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path


REAL: Final = "https://worker.example"


@pytest.fixture
async def home(own_home: Path) -> Path:
    async with opened(own_home / "history.db") as ledger:
        ledger.run = ledger.run._replace(profile="default", folder="/srv/acme")
        await play(ledger, session("ses_a1", title="Green tea"), turn_request("t1", "Which?"), answered())
        ledger.run = ledger.run._replace(folder="/elsewhere")
        await play(ledger, session("ses_b2", title="Black tea"), turn_request("t2", "Which?"), answered())
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
    remaining = printed(home, "sessions", "untag", "ses_a", "Q4", "w")
    assert remaining == "Tags: client-a, w (worker). Not removed: w (worker)."
    assert printed(home, "sessions", "untag", WORKER, "w", "--worker") == "Tags: none."
    listed = run("sessions", "--json", home=home).result["sessions"]
    assert [(one["tags"], one["project"]) for one in listed] == [([], None), (["client-a"], None)]
    head, _, first = printed(home, "sessions").splitlines()
    assert "Tags" in head.split()
    assert "client-a" in first.split()


def test_many_tags_take_several_lines(home: Path) -> None:
    names = [f"client-{number:04}" for number in range(1000)]
    shown = printed(home, "sessions", "tag", "ses_a", *names).splitlines()
    assert max(map(len, shown)) <= 140
    assert " ".join(shown) == f"Tags: {', '.join(names)}."


def test_rules_of_the_config_file_apply_immediately(home: Path) -> None:
    config = home / "config.toml"
    config.write_text(
        '[tags]\ntea = "title:*tea*"\n[projects]\nacme = ["folder:/srv/acme", "tag:paid"]\nrest = "tag:tea"\n'
    )
    shown = run("sessions", "tag", "ses_a", "--json", home=home).result
    assert shown == {
        "schema": "handinger-tui/session-tags/1",
        "session_id": "ses_a1",
        "tags": ["tea"],
        "tags_of_worker": [],
        "tags_by_rule": ["tea"],
        "project": "acme",
    }
    matches = run("sessions", "search", "project:rest", "--json", home=home).result["sessions"]
    assert [one["session_id"] for one in matches] == ["ses_b2"]
    assert printed(home, "sessions", "tag", "ses_b", "paid") == "Tags: paid, tea (rule). Project: acme."
    assert "projects.acme" in printed(home, "config", "show")
    assert run("config", "--json", home=home).result["settings"]["tags.tea"]["value"] == "title:*tea*"
    config.write_text("")
    assert printed(home, "sessions", "tag", "ses_b") == "Tags: paid."


def test_an_exported_session_carries_its_tags(home: Path) -> None:
    (home / "config.toml").write_text('[tags]\ntea = "title:*tea*"\n[projects]\nacme = "tag:tea"\n')
    printed(home, "sessions", "tag", "ses_a", "paid")
    read = run("export", "ses_a", "--format", "json", home=home).result
    assert (read["tags"], read["project"]) == (["paid", "tea"], "acme")
    assert "- Tags: paid, tea\n- Project: acme\n" in printed(home, "export", "ses_a")


def test_rules_that_cannot_be_read_are_reported_and_block_nothing(home: Path) -> None:
    (home / "config.toml").write_text('[tags]\ntea = "tea"\n')
    ran = run("sessions", home=home)
    assert ran.code == 0
    assert "tags.tea" in ran.err
    assert run("-p", "hello", "--local", home=home).code == 2


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("tag", "ses_a", "=cmd"), "“=cmd” cannot name a tag or project."),
        (("tag", "ses_a", "a,b"), "“a,b” cannot name a tag or project."),
        (("tag", "ses_a", ""), "the value of TAG is empty"),
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


# -- costs ---------------------------------------------------------------------------------
MS = 216_000_000
"""3 January 1970 in every time zone."""


@pytest.fixture
async def spent(own_home: Path) -> Path:
    """Two sessions, one of them with two tags, an old one without tags, and a turn of unknown cost."""
    async with opened(own_home / "history.db") as ledger:
        ledger.run = ledger.run._replace(profile="work", folder="/acme")
        one = await play(
            ledger,
            session("ses_1", title="=1+1", base_url=REAL),
            turn_request("t1", created_ms=MS),
            answered("0.5"),
        )
        await play(ledger, one, turn_request("t2", created_ms=MS), answered("null"))
        ledger.run = ledger.run._replace(profile=None, folder=None)
        await play(
            ledger, session("ses_2", base_url=REAL), turn_request("t3", created_ms=MS), answered("0.25")
        )
        await ledger.history.tag("session", "ses_1", ["a", "b"])
    (own_home / "config.toml").write_text('[projects]\nacme = "folder:/acme"\n')
    return own_home


def groups(home: Path, *argv: str) -> tuple[list[tuple[str, str | None, int]], str]:
    shown = run("costs", "--json", *argv, home=home).result
    rows = [(one["key"], one["cost_usd"], one["unpriced_turns"]) for one in shown["groups"]]
    return rows, shown["total"]["cost_usd"]


def test_a_session_with_two_tags_is_in_both_rows_and_once_in_the_total(spent: Path) -> None:
    assert groups(spent, "--by", "tag") == ([("a", "0.5", 1), ("b", "0.5", 1), ("", "0.25", 0)], "0.75")
    assert groups(spent, "--by", "project") == ([("acme", "0.5", 1), ("", "0.25", 0)], "0.75")
    assert groups(spent, "--by", "profile") == ([("work", "0.5", 1), ("", "0.25", 0)], "0.75")
    assert groups(spent, "--by", "week") == ([("1970-W01", "0.75", 1)], "0.75")
    assert groups(spent, "--by", "month") == ([("1970-01", "0.75", 1)], "0.75")
    assert run("costs", "--by", "tag", "--json", home=spent).result["overlapping"] is True
    assert run("costs", "--by", "project", "--json", home=spent).result["overlapping"] is False
    text = " ".join(printed(spent, "costs", "--by", "tag").split())
    assert "a 2 $0.50… 1" in text
    assert "(no tag) 1 $0.25" in text
    assert "total 3 $0.75… 1" in text
    assert "A session with several tags counts in each of their rows; the total counts it once." in text
    for by, name in (("project", "(no project)"), ("profile", "(unknown)")):
        text = printed(spent, "costs", "--by", by)
        assert name in text
        assert "several tags" not in text
    (week,) = run("costs", "--by", "week", "--json", home=spent).result["groups"]
    assert week["title"] == "1969-12-29 to 1970-01-04"


def test_filters_by_tag_project_and_profile(spent: Path) -> None:
    assert groups(spent, "--by", "session", "--tag", "A") == ([("ses_1", "0.5", 1)], "0.5")
    assert groups(spent, "--by", "tag", "--tag", "a") == ([("a", "0.5", 1), ("b", "0.5", 1)], "0.5")
    assert groups(spent, "--by", "worker", "--project", "acme")[1] == "0.5"
    assert groups(spent, "--by", "worker", "--profile", "work", "--tag", "b")[1] == "0.5"
    assert "project acme" in printed(spent, "costs", "--project", "acme").splitlines()[0]
    assert printed(spent, "costs", "--tag", "a", "--since", "1d") == "No costs in this selection."
    as_of = groups(spent, "--by", "project", "--tag", "a", "--as-of", "1970-01-04")
    assert as_of == ([("acme", "0.5", 1)], "0.5")
    for name in ("tag", "project", "profile"):
        ran = run("costs", f"--{name}", "none", home=spent)
        assert (ran.code, ran.out) == (2, "")
        assert f"No costs with the {name} none." in ran.err
        assert f"costs --by {name}" in ran.err


def test_exports_carry_tags_project_and_profile(spent: Path) -> None:
    records = json.loads(printed(spent, "costs", "--by", "turn", "--json"))["groups"]
    assert {one["turn_id"]: (one["tags"], one["project"], one["profile"]) for one in records} == {
        "t1": (["a", "b"], "acme", "work"),
        "t2": (["a", "b"], "acme", "work"),
        "t3": ([], None, None),
    }
    lines = printed(spent, "costs", "--by", "turn", "--csv").splitlines()
    rows = [(row["turn_id"], row["tags"], row["project"], row["profile"]) for row in csv.DictReader(lines)]
    assert sorted(rows) == [("t1", "a b", "acme", "work"), ("t2", "a b", "acme", "work"), ("t3", "", "", "")]
    sessions = run("costs", "--by", "session", "--json", home=spent).result["groups"]
    labels = [(one["key"], one["tags"], one["project"]) for one in sessions]
    assert labels == [("ses_1", ["a", "b"], "acme"), ("ses_2", [], None)]
    lines = printed(spent, "costs", "--by", "session", "--csv").splitlines()
    listed = [(row["key"], row["tags"], row["project"]) for row in csv.DictReader(lines)]
    assert listed == [("ses_1", "a b", "acme"), ("ses_2", "", "")]
    ran = run("costs", "--by", "tag", "--csv", home=spent)
    assert [row["key"] for row in csv.DictReader(ran.out.splitlines())] == ["a", "b", ""]
    assert "counts in each of their rows" in ran.err
    page = spent / "costs.html"
    printed(spent, "costs", "--by", "tag", "--report", str(page))
    assert "(no tag)" in page.read_text()
    assert "the total counts it once" in page.read_text()


def test_suspense_of_a_tagged_worker_has_its_tags(spent: Path) -> None:
    add = (
        "INSERT INTO suspense (base_url, worker_id, seen_ms, at_ms, usd_pico, refused, doubtful)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    with closing(sqlite3.connect(spent / "history.db", isolation_level=None)) as file:
        file.execute(add, (REAL, WORKER, 5, 5, 10**12, "[]", 0))
    assert groups(spent, "--by", "tag")[1] == "1.75"
    assert groups(spent, "--tag", "a")[1] == "0.5"
    printed(spent, "sessions", "tag", "wrk_", "w", "--worker")
    assert groups(spent, "--tag", "w")[1] == "1.75"
    assert groups(spent, "--project", "acme")[1] == "0.5"
    (spent / "config.toml").write_text(f'[projects]\nacme = "worker:{WORKER}"\n')
    assert groups(spent, "--project", "acme")[1] == "1.75"
