"""The README is short, and it and the documents agree with the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handinger_tui.cli.commands.schema import NAMES, schema_id
from handinger_tui.settings import Flags, load
from handinger_tui.ui.key_map import keymap_problems
from tests.house.project import ROOT
from tests.house.readme_tables import DOCS, TABLES, digest, filled, frozen

TEXT = (ROOT / "README.md").read_text("utf-8")
FOR_DEVELOPERS = {"architecture.md", "glossary.md", "money.md", "performance.md"}
FOR_PEOPLE = [path for path in sorted(DOCS.glob("*.md")) if path.name not in FOR_DEVELOPERS]


@pytest.mark.parametrize("document", TABLES, ids=lambda document: document.stem)
def test_the_tables_are_the_generated_ones(document: Path) -> None:
    assert document.read_text("utf-8") == filled(document), (
        "run: .venv/bin/python -m tests.house.readme_tables"
    )


def test_a_schema_never_changes_under_its_number() -> None:
    """Scripts rely on it. Raise the number in `tag`, then: .venv/bin/python -m tests.house.readme_tables."""
    assert {schema_id(name): digest(name) for name in NAMES}.items() <= frozen().items()


def test_the_readme_is_one_page() -> None:
    """All else has a document of its own, to which the README leads; the site begins with index.md."""
    assert 700 <= len(TEXT.split()) <= 900
    assert len(set(re.findall(r"screenshots/[\w-]+\.png", TEXT))) <= 8
    assert set(re.findall(r"\(docs/([\w-]+\.md)\)", TEXT)) >= {path.name for path in FOR_PEOPLE} - {
        "index.md"
    }


def test_a_clone_brings_no_old_pictures() -> None:
    """The history has thousands of them."""
    (clone,) = re.findall(r"git clone .*", TEXT)
    assert "--depth 1 " in clone


def command(name: str) -> str:
    """The line of the README that CI and people run."""
    (line,) = re.findall(rf"<!-- {name}-command -->\n```sh\n(.+)\n```\n", TEXT)
    return str(line)


@pytest.mark.parametrize("name", ["run", "test"])
def test_one_line_sets_up_and_runs(name: str) -> None:
    line = command(name)
    assert line.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert not re.search(r"\b(?:uv|pipx|git|make|sudo)\b", line), (
        "only Python with venv and pip may be needed"
    )


def test_the_examples_of_the_config_file_are_valid() -> None:
    text = "".join(document.read_text("utf-8") for document in FOR_PEOPLE)
    examples = re.findall(r"```toml\n(.+?)```", text, re.DOTALL)
    settings = [load(Flags(local=True), {"HOME": "/home/me"}, example) for example in examples]
    assert any(one.keys for one in settings)
    assert any(one.tag_rules.projects for one in settings)
    assert not [problem for one in settings for problem in keymap_problems(one.keys)]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "<!-- test-command -->" in script
    assert script.count('bash -c "$test_command') == 2
    others = [line for line in script.splitlines() if "-m pytest" in line]
    assert len(others) == 1, "a second spelling of the command could drift"
    assert others[0].endswith("-m pytest -n 2 tests/house")
