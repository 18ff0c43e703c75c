"""Core, engine and ui know one API: no route, no member of the tasks generation, no branch on it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

from tests.house.project import PACKAGE, python_files, tree, where

FLOORS: Final = ("core", "engine", "ui")
TASK_MEMBERS: Final = (
    "taskId", "triggeredBy", "turnCount", "outputText", "structuredOutput", "completedAt", "startedAt",
    "createdByUserId", "organizationId", "outputSchema", "instructions", "visibility",
)  # fmt: skip
"""Members of tasks, turns and stored workers on the wire."""
BRANCHES: Final = (ast.If, ast.IfExp, ast.While, ast.Match, ast.BoolOp, ast.Compare)


def files() -> list[Path]:
    return [path for floor in FLOORS for path in python_files(PACKAGE / floor)]


def texts(path: Path) -> list[ast.Constant]:
    """The string constants of a file, without documentation."""
    documentation = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    return [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]


def names_generation(node: ast.AST) -> bool:
    return any(
        (isinstance(part, ast.Attribute) and part.attr == "generation")
        or (isinstance(part, ast.Name) and part.id == "generation")
        for part in ast.walk(node)
    )


def condition(node: ast.AST) -> ast.AST:
    """The part of a branch that decides; of a statement not its body."""
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        return node.test
    return node.subject if isinstance(node, ast.Match) else node


def test_no_route_and_no_member_of_a_task() -> None:
    found = [
        f"{where(path, text)}: {text.value!r}"
        for path in files()
        for text in texts(path)
        if "/api/" in str(text.value) or text.value in TASK_MEMBERS
    ]
    assert found == []


def test_no_branch_on_a_generation() -> None:
    found = [
        where(path, node)
        for path in files()
        for node in ast.walk(tree(path))
        if isinstance(node, BRANCHES) and names_generation(condition(node))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("if session.generation == 'tasks': x()", True),
        ("y = 1 if generation else 2", True),
        ("z = TARGETS.get(session.generation)", False),
        ("if x:\n    y(session.generation)", False),
    ],
)
def test_a_branch_is_recognized(source: str, is_found: bool) -> None:
    nodes = ast.walk(ast.parse(source))
    assert any(isinstance(node, BRANCHES) and names_generation(condition(node)) for node in nodes) is is_found
