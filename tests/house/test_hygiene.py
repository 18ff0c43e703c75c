"""Forbidden content of the project: hosts, machines, colors, silenced checks, unguarded markup."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.color import Color, ColorParseError

from tests.house.project import PACKAGE, ROOT, TESTS, project_files, project_texts, python_files, tree, where

# With brackets, so that this file does not contain the forbidden text.
HOSTS = re.compile(r"pyp[i]\.org|python[h]osted|npm[j]s\.(?:org|com)|[a]naconda\.org", re.IGNORECASE)
MACHINE = re.compile(r"/wor[k]/(?:main|shared|scratch)\b|/roo[t]/\.(?:pyenv|cargo)|/op[t]/wheels")
TOP = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "mkdocs.yml",
    "pyproject.toml",
}
TOP |= {"benchmarks", "docs", "handinger_tui", "screenshots", "styles.tcss", "tests"}

HEX_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})\b")
COLOR_FUNCTION = re.compile(r"\b(?:rgba?|hsla?)\(")
# The only place for colors: the themes, whose values become the variables of the sheet.
THEMES = PACKAGE / "ui" / "themes.py"

SILENCED = re.compile(r"#\s*(?:noqa\b(?P<rule>: [A-Z]+[0-9]+)?|type:\s*ignore\b(?P<code>\[[a-z-]+\])?)")
REASON = re.compile(r"[-:#;]\s*[\w`\"'].{5,}")


def test_the_top_level_has_only_allowed_files() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in project_files()}
    assert {top for top in tops if not top.startswith(".")} <= TOP


def test_no_registry_host_and_no_path_of_this_machine() -> None:
    offenders = [
        f"{where(path)}: {match.group()}"
        for path, text in project_texts()
        for match in (*HOSTS.finditer(text), *MACHINE.finditer(text))
    ]
    assert not offenders, "\n".join(offenders)


def test_no_lock_file_names_a_host() -> None:
    locks = [path for path in project_files() if path.suffix == ".lock" or path.name == "pylock.toml"]
    assert not [where(path) for path in locks if "://" in path.read_text("utf-8")]


def declarations(sheet: str) -> Iterator[tuple[int, str, str]]:
    """The declarations of a sheet: line, property, value."""
    plain = re.sub(
        r"/\*.*?\*/", lambda comment: re.sub(r"[^\n]", " ", comment.group()), sheet, flags=re.DOTALL
    )
    for match in re.finditer(r"([a-z-]+)\s*:\s*([^;{}]+);", plain):
        yield plain.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def literal_colors(value: str) -> list[str]:
    """The literal colors in a value of the sheet, which has to use theme variables."""
    words = {word for word in re.findall(r"(?<![$\w-])[a-z_]+\b(?!-)", value) if is_color_name(word)}
    return [*HEX_COLOR.findall(value), *COLOR_FUNCTION.findall(value), *(words - {"transparent"})]


def is_color_name(word: str) -> bool:
    """Whether Textual has a color of this name."""
    try:
        Color.parse(word)
    except ColorParseError:
        return False
    return True


def test_the_sheet_uses_theme_variables_only() -> None:
    offenders = []
    for line, name, value in declarations((ROOT / "styles.tcss").read_text("utf-8")):
        if literal_colors(value) or "!important" in value:
            offenders.append(f"styles.tcss:{line} {name}: {value}")
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize("value", ["#fff", "rgb(1, 2, 3)", "solid red", "$primary 20% on #0a0b0c"])
def test_a_literal_color_is_reported(value: str) -> None:
    assert literal_colors(value)


@pytest.mark.parametrize(
    "value", ["$primary 20%", "round $panel-lighten-2", "transparent", "1fr auto", "bold"]
)
def test_a_theme_variable_is_not_a_literal_color(value: str) -> None:
    assert not literal_colors(value)


def test_styles_are_defined_only_in_the_sheet() -> None:
    offenders = []
    for path in python_files(PACKAGE):
        may_not_name_colors = path.is_relative_to(PACKAGE / "ui") and path != THEMES
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Name)
                and node.id in {"DEFAULT_CSS", "CSS"}
                and isinstance(node.ctx, ast.Store)
            ):
                offenders.append(f"{where(path, node)} {node.id}")
            elif may_not_name_colors and _is_color(node):
                offenders.append(f"{where(path, node)} a literal color")
    assert not offenders, "\n".join(offenders)


def _is_color(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return False
    return bool(HEX_COLOR.fullmatch(node.value) or COLOR_FUNCTION.match(node.value))


def silenced_without_reason(text: str) -> Iterator[tuple[int, str]]:
    """The lines that silence a check without naming it, or without a sentence why.

    The sentence stands behind the rule, in a comment right above, or behind the line above that silences too.
    """
    explained = False
    for number, line in enumerate(text.splitlines(), 1):
        match = SILENCED.search(line)
        if match is None:
            explained = line.lstrip().startswith("# ")
            continue
        named = match["rule"] or match["code"]
        explained = bool(named) and (explained or bool(REASON.search(line[match.end() :])))
        if not explained:
            yield number, line.strip()


def test_a_silenced_check_has_a_reason() -> None:
    offenders = [
        f"{where(path)}:{number} {line}"
        for path in (*python_files(PACKAGE), *python_files(TESTS))
        if path != Path(__file__)
        for number, line in silenced_without_reason(path.read_text("utf-8"))
    ]
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize(
    "line", ["x = 1  # noqa", "x = 1  # noqa: F401", "x = 1  # type: ignore[attr-defined]"]
)
def test_a_missing_reason_is_reported(line: str) -> None:
    assert list(silenced_without_reason(line))


@pytest.mark.parametrize(
    "line", ["import x  # noqa: PLC0415 - 60 ms of start-up", "x  # noqa: A001, A002 - as the wire has it"]
)
def test_a_reason_is_accepted(line: str) -> None:
    assert not list(silenced_without_reason(line))


def test_no_branch_is_hidden_from_coverage() -> None:
    pragma = "pragma: " + "no cover"
    offenders = [where(path) for path in python_files(PACKAGE) if pragma in path.read_text("utf-8")]
    assert not offenders
