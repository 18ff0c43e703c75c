"""The README agrees with the program."""

from __future__ import annotations

import re

import pytest

from handinger_tui.settings import Flags, load
from handinger_tui.ui.keys import keymap_problems
from tests.house.project import ROOT
from tests.house.readme_tables import README, filled

TEXT = README.read_text("utf-8")


def test_the_tables_are_the_generated_ones() -> None:
    assert filled(TEXT) == TEXT, "run: .venv/bin/python -m tests.house.readme_tables"


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
    examples = re.findall(r"```toml\n(.+?)```", TEXT, re.DOTALL)
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


def test_every_link_into_the_project_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", TEXT)
    # A source archive comes without the pictures: 20 MB that nobody builds from.
    carried = [
        target for target in targets if (ROOT / "screenshots").is_dir() or "screenshots/" not in target
    ]
    missing = [target for target in carried if "://" not in target and not (ROOT / target).exists()]
    assert targets
    assert not missing
