"""Small files, small functions, small classes. ruff's limits can be silenced line by line; these cannot."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.project import PACKAGE, TESTS, python_files, tree, where

FILE_LINES = 350
FUNCTION_LINES = 60
CLASS_METHODS = 33

Function = ast.FunctionDef | ast.AsyncFunctionDef

FILES = [*python_files(PACKAGE), *python_files(TESTS)]


def too_large(path: Path, module: ast.Module, lines: int) -> Iterator[str]:
    """One line for each limit that a file breaks."""
    if lines > FILE_LINES:
        yield f"{where(path)} has {lines} lines, at most {FILE_LINES}"
    for node in ast.walk(module):
        if isinstance(node, Function):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{where(path, node)} {node.name} has {length} lines, at most {FUNCTION_LINES}"
        elif isinstance(node, ast.ClassDef):
            methods = sum(isinstance(member, Function) for member in node.body)
            if methods > CLASS_METHODS:
                yield f"{where(path, node)} {node.name} has {methods} methods, at most {CLASS_METHODS}"


@pytest.mark.parametrize("path", FILES, ids=where)
def test_a_file_is_small(path: Path) -> None:
    lines = path.read_text("utf-8").count("\n")
    assert not (offenders := list(too_large(path, tree(path), lines))), "\n".join(offenders)


def test_the_limits_bite() -> None:
    function = "def long():\n" + "    pass\n" * FUNCTION_LINES
    method = "    async def m{}(self): ...\n"
    crowded = "class Crowded:\n" + "".join(method.format(n) for n in range(CLASS_METHODS + 1))
    source = function + crowded
    found = list(too_large(TESTS / "sample.py", ast.parse(source), FILE_LINES + 1))
    assert [line.split(" has ")[0] for line in found] == [
        "tests/sample.py",
        "tests/sample.py:1 long",
        f"tests/sample.py:{FUNCTION_LINES + 2} Crowded",
    ]
