"""`handinger-tui export ID`: to stdout or into a new file, from the history alone."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli.exit_codes import Exit
from tests.e2e.runner import run
from tests.house.test_imports import NETWORK, SCREEN, loaded_by
from tests.ledger.damage import create_history, damaged
from tests.ledger.samples import answered, opened, play, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def home(own_home: Path) -> Path:
    async with opened(own_home / "history.db") as ledger:
        into = session("ses_tea", title="Tea", base_url="https://worker.example")
        await play(ledger, into, turn_request("turn_1", "Which tea?"), answered("null", "Green.\x1b[2J"))
        await play(ledger, session("ses_two"), turn_request("turn_2"), answered())
    return own_home


def test_markdown_is_the_default_on_stdout(home: Path) -> None:
    ran = run("export", "ses_tea", home=home)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("# Tea\n")
    assert "\n> Which tea?\n" in ran.out
    assert "\n> Green.[2J\n" in ran.out
    assert "8 credits so far" in ran.out
    assert run("export", "ses_tea", "--format", "md", home=home).out == ran.out


@pytest.mark.parametrize(
    "argv",
    [
        ("export", "ses_1"),
        ("sources", "ses_1"),
        ("replay", "ses_1", "--speed", "max"),
        ("sessions", "show", "ses_1", "--json"),
    ],
)
def test_what_is_read_of_a_damaged_history_is_never_shown_as_complete(
    tmp_path: Path, argv: tuple[str, ...]
) -> None:
    asyncio.run(create_history(tmp_path / "history.db"))
    damaged(tmp_path / "history.db", "page", 1)
    ran = run(*argv, home=tmp_path)
    assert ran.code == 0
    assert ran.out
    assert "The history is damaged. This is what can be read of it" in ran.err


def test_json_is_one_document(home: Path) -> None:
    read = json.loads(run("export", "ses_tea", "--format", "json", home=home).out)
    assert (read["title"], read["turns"][0]["text"], read["turns"][0]["turn_costs"]) == (
        "Tea",
        "Green.[2J",
        None,
    )


@pytest.mark.parametrize(
    ("name", "options", "start"),
    [
        ("tea.md", (), "# Tea"),
        ("tea.JSON", (), '{"schema"'),
        ("tea.html", (), "<!doctype html>"),
        ("tea.txt", ("--no-costs", "--tools", "--reasoning"), "Tea\n"),
        ("tea", (), "# Tea"),
        ("tea.md", ("--format", "json"), '{"schema"'),
    ],
)
def test_the_format_is_chosen_by_the_option_then_the_file_name(
    home: Path, tmp_path: Path, name: str, options: tuple[str, ...], start: str
) -> None:
    target = tmp_path / name
    ran = run("export", "ses_tea", "-o", str(target), *options, home=home)
    assert (ran.code, ran.out) == (0, f"Saved to {target}\n")
    assert target.read_text("utf-8").startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_that_exists_stays_unless_forced(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "tea.md"
    target.write_text("mine", encoding="utf-8")
    ran = run("export", "ses_tea", "-o", str(target), home=home)
    assert (ran.code, ran.out, target.read_text("utf-8")) == (Exit.USAGE, "", "mine")
    assert "--force" in ran.err
    assert run("export", "ses_tea", "-o", str(target), "--force", home=home).code == 0
    assert target.read_text("utf-8").startswith("# Tea")


def test_a_folder_is_no_file_even_where_it_is_missing(home: Path, tmp_path: Path) -> None:
    for name in (".", "missing/"):
        ran = run("export", "ses_tea", "-o", f"{tmp_path}/{name}", "--force", home=home)
        assert (ran.code, ran.out) == (Exit.USAGE, "")
        assert "is a folder." in ran.err
    assert not list(tmp_path.iterdir())


def test_a_link_to_a_file_is_a_file_that_exists(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "link.md"
    target.symlink_to(tmp_path / "nothing")
    assert run("export", "ses_tea", "-o", str(target), home=home).code == Exit.USAGE
    assert target.is_symlink()


@pytest.mark.parametrize(
    ("name", "why"), [("no/tea.md", "No such file or directory."), ("t" * 300, "File name too long.")]
)
def test_a_file_that_cannot_be_written_is_a_local_error(
    name: str, why: str, home: Path, tmp_path: Path
) -> None:
    ran = run("export", "ses_tea", "-o", str(tmp_path / name), home=home)
    assert (ran.code, ran.out) == (Exit.LOCAL_IO, "")
    assert ran.err.startswith("Cannot write ")
    assert why in ran.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ses_none", "No session or worker id starts with ses_none."),
        ("ses_", "2 sessions start with"),
        ("", "the value of ID is empty"),
    ],
)
def test_an_id_that_is_not_one_session_is_refused(home: Path, name: str, words: str) -> None:
    ran = run("export", name, home=home)
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert words in ran.err


def test_it_loads_neither_screen_nor_network(home: Path, tmp_path: Path) -> None:
    assert loaded_by(tmp_path, "export", "ses_tea").isdisjoint(SCREEN | NETWORK)
