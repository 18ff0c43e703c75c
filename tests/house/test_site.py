"""The site of the documents: it has every document, builds without a warning, and its commands are valid."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from handinger_tui.cli.args import UsageExit, parse
from handinger_tui.cli.commands import SUBCOMMANDS
from tests.house.project import ROOT
from tests.house.readme_tables import DOCS

PROGRAM = "handinger-tui"
_JOINS = {"|", ">", ">>", "&&", ";", "<"}


def commands_in(text: str) -> Iterator[list[str]]:
    """The command lines of the program in code of a document, without placeholders."""
    blocks = re.findall(r"```sh\n(.+?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(rf"`({PROGRAM} [^`]+)`", re.sub(r"```.+?```", "", text, flags=re.DOTALL))
    for line in lines:
        words = shlex.split(line, comments=True)
        starts = [at for at, word in enumerate(words) if Path(word).name == PROGRAM]
        for start in starts:
            behind = words[start + 1 :]
            end = next((at for at, word in enumerate(behind) if word in _JOINS), len(behind))
            if "…" not in behind[:end] and "..." not in behind[:end]:
                yield behind[:end]


DOCUMENTS = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted(DOCS.glob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_a_document_is_one_that_the_program_takes(document: Path) -> None:
    """The program reads it as it would be typed: commands, options, choices and values."""
    commands = commands_in(document.read_text("utf-8"))
    refused = {" ".join(words): why for words in commands if (why := refusal(words))}
    assert refused == {}


def refusal(words: list[str]) -> str:
    """Why the program does not take a command line; "" where it does."""
    try:
        parse(words)
    except UsageExit as problem:
        # A sentence may name a command without its arguments.
        is_named_only = words[0] in SUBCOMMANDS and "are required" in problem.message
        return "" if is_named_only else problem.message
    except SystemExit:
        # --help and --version.
        return ""
    return ""


def test_a_command_that_is_not_taken_is_noticed() -> None:
    assert "unrecognized arguments" in refusal(["costs", "--bye", "day"])
    assert refusal(["schedules", "ad", "wrk_1"])


def test_the_commands_are_found() -> None:
    assert [
        *commands_in("`handinger-tui costs --by day`\n```sh\nx | handinger-tui -p 'a b' > f  # c\n```")
    ] == [
        ["-p", "a b"],
        ["costs", "--by", "day"],
    ]
    assert sum(1 for path in DOCUMENTS for _ in commands_in(path.read_text("utf-8"))) > 60


def test_the_site_has_every_document() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert {f"{path.stem}.md" for path in DOCS.glob("*.md")} <= set(re.findall(r"[\w-]+\.md", text))
    assert "strict: true" in text


def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    if find_spec("mkdocs") is None:
        pytest.skip("not built: MkDocs is not installed here (pip install '.[docs]')")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    outside = re.compile(
        r"<(?:script|link|img)[^>]*(?:src|href)=\"(?:https?:)?//|url\((?:https?:)?//|@import"
    )
    pages = [path for kind in ("html", "css") for path in (tmp_path / "site").rglob(f"*.{kind}")]
    assert len(pages) > 15
    assert not [path.name for path in pages if outside.search(path.read_text("utf-8"))]
