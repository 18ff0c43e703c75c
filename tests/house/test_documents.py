"""The documents name only files, modules and links that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.broken_promises import BREAKS
from tests.house.project import HAS_PICTURES, PACKAGE, PICTURES, ROOT, project_files, python_files, tree
from tests.house.words import shown

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
FILES = {f"/{path.relative_to(ROOT).as_posix()}" for path in project_files()}


def missing(document: Path) -> list[str]:
    """What a document names and the repository does not have."""
    text = document.read_text("utf-8")
    files = re.findall(r"`([\w/.-]+\.(?:py|md|toml|tcss|sql|txt))`", text)
    modules = re.findall(r"`(ui\.\w+(?:\.\w+)?)`", text)
    commands = re.findall(r"python -m ((?:tests|benchmarks)[\w.]*)", text)
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    paths = [f"handinger_tui/{name.replace('.', '/')}.py" for name in modules]
    paths += [f"{name.replace('.', '/')}.py" for name in commands]
    return [
        *(name for name in files if not any(path.endswith(f"/{name}") for path in FILES)),
        *(path for path in paths if not is_module(ROOT / path)),
        *(link for link in links if not leads_somewhere(document, link)),
    ]


def leads_somewhere(document: Path, link: str) -> bool:
    """Whether the file exists, and its heading, if the link names one."""
    name, _, heading = link.partition("#")
    target = document.parent / name if name else document
    if PICTURES in target.resolve().parents and not HAS_PICTURES:
        return True
    return target.exists() and (not heading or heading in anchors(target.read_text("utf-8")))


def anchors(text: str) -> set[str]:
    """The headings of a document as addresses name them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def is_module(path: Path) -> bool:
    return path.is_file() or path.with_suffix("").is_dir()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_what_a_document_names_exists(document: Path) -> None:
    assert missing(document) == []


def missing_tests(text: str) -> list[str]:
    """The tests that a text names, as `path::name`, and that do not exist."""
    names = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    return [
        f"{path}::{name}"
        for path, name in names
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text("utf-8")
    ]


def test_each_promise_names_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    promises = [
        line for line in text.split("\n") if line.startswith("| ") and not line.startswith("| promise")
    ]
    assert len(promises) > 20
    assert [line for line in promises if "::test_" not in line] == []
    assert missing_tests(text) == []
    assert missing_tests("`tests/house/test_documents.py::test_gone`") == [
        "tests/house/test_documents.py::test_gone"
    ]


def test_each_promise_can_be_broken() -> None:
    """`python -m tests.house.broken_promises` has a line for each named test, and the line is in the code."""
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    assert set(re.findall(r"`(tests/[\w/.]+::\w+)`", text)) == BREAKS.keys()
    for test, broken in BREAKS.items():
        code = (ROOT / "handinger_tui" / broken.file).read_text("utf-8")
        assert code.count(broken.old) == 1, test
        assert broken.old != broken.new


def unfamiliar(page: str) -> list[str]:
    """The messages in the first column of its tables that the program does not have."""
    nodes = (node for path in python_files(PACKAGE) for node in ast.walk(tree(path)))
    texts = [shown(node) or "" for node in nodes if isinstance(node, ast.Constant | ast.JoinedStr)]
    messages = [one.replace("…", "{}") for one in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)]
    assert messages
    return [one for one in messages if not any(one in text for text in texts)]


def test_each_message_of_the_troubleshooting_page_is_one_of_the_program() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    assert page.count("| `") > 25
    assert unfamiliar(page) == []
    assert unfamiliar("| `Not a terminal, sorry.` | x |") == ["Not a terminal, sorry."]


def test_a_stale_name_is_noticed(tmp_path: Path) -> None:
    document = tmp_path / "stale.md"
    document.write_text(
        "`engine/turn_run.py` calls `engine/desks.py` and `ui.panels.beside`, see [there](gone.md) and "
        "`.venv/bin/python -m tests.gone`; `ui.work.screen` and `python -m tests.storm` exist\n"
        "## What is kept, and where\n[here](#what-is-kept-and-where), [nowhere](#what-is-lost)"
    )
    files = ["engine/desks.py", "handinger_tui/ui/panels/beside.py", "tests/gone.py"]
    expected = [*files, "gone.md", "#what-is-lost"]
    assert missing(document) == expected
