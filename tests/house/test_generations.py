"""Core, engine and ui know one API: no route, no member of an object on the wire, no branch on a generation.

A generation is a label of a session and the key of one table. What a service calls its things is known to
`api`, and to the readers of the stored form of a worker (`READERS`).
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.house.project import PACKAGE, python_files, tree, where

FLOORS: Final = ("core", "engine", "ui")
READERS: Final = (
    "core/figures.py",
    "core/stream.py",
    "core/dialects",
    "core/turns/messages.py",
    "core/turns/reducer.py",
)
"""What reads Worker objects, their messages and their stream, which both generations are stored as."""
MEMBER: Final = re.compile(r"[a-z]+(?:[A-Z][a-z]+)+")
"""A name as the wire spells it; our own names, also of JSON that we print, have underscores."""
TASK_MEMBERS: Final = (
    "taskId", "taskTitle", "triggeredBy", "turnCount", "outputText", "structuredOutput", "completedAt",
    "startedAt", "createdByUserId", "organizationId", "outputSchema", "instructions",
    "visibility", "nextRunAt", "requestStatus", "responseStatus", "X-Handinger-Token",
)  # fmt: skip
"""Members of tasks, turns, stored workers, schedules and webhooks: not even the readers know them."""
ROUTE: Final = re.compile(r"(?<![\w.])/?api/|/api\b")
ROUTE_END: Final = re.compile(r"/(?:tasks|workers|turns|schedules|webhook|email|files|stream)\b")
"""How a route goes on behind a value. At the beginning of a text it is a slash command."""
GENERATION: Final = re.compile(r"generations?|(?:has|is|with)_tasks", re.IGNORECASE)
GENERATIONS: Final = ("workers", "tasks", "task")
"""The labels, and the word for a target of one of them."""
BRANCHES: Final = (ast.If, ast.IfExp, ast.While, ast.Match, ast.BoolOp, ast.Compare, ast.Assert)


def files() -> list[Path]:
    return [path for floor in FLOORS for path in python_files(PACKAGE / floor)]


def is_reader(path: Path) -> bool:
    return any(path.is_relative_to(PACKAGE / reader) for reader in READERS)


@functools.cache
def texts(module: ast.AST) -> list[ast.Constant]:
    """The string constants of a module, without documentation."""
    nodes = list(ast.walk(module))
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    return [
        node
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]


# -- routes and members ------------------------------------------------------------------
def routes(module: ast.AST) -> Iterator[ast.AST]:
    """Texts that are a route, or end one: behind `/api`, or behind a value."""
    yield from (text for text in texts(module) if ROUTE.search(str(text.value)))
    for node in ast.walk(module):
        behind: list[ast.expr] = []
        if isinstance(node, ast.JoinedStr):
            behind = node.values[1:]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            behind = [node.right]
        for part in behind:
            if isinstance(part, ast.Constant) and ROUTE_END.match(str(part.value)):
                yield part


def members(module: ast.AST, *, reads: bool) -> Iterator[ast.AST]:
    """Texts that are the name of a member on the wire; `reads`: the module may know those of a worker."""
    for text in texts(module):
        name = str(text.value)
        if name in TASK_MEMBERS if reads else name in TASK_MEMBERS or MEMBER.fullmatch(name):
            yield text


# -- branches ----------------------------------------------------------------------------
def names_generation(node: ast.AST) -> bool:
    return any(
        (isinstance(part, ast.Attribute) and GENERATION.fullmatch(part.attr) is not None)
        or (isinstance(part, ast.Name) and GENERATION.fullmatch(part.id) is not None)
        or (isinstance(part, ast.Constant) and part.value == "generation")
        for part in ast.walk(node)
    )


def compares_label(node: ast.AST) -> bool:
    """Whether a comparison, or a pattern, has the label of a generation."""
    if not isinstance(node, ast.Compare | ast.Match):
        return False
    parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else node.cases
    return any(
        isinstance(part, ast.Constant) and part.value in GENERATIONS
        for operand in parts
        for part in ([operand] if isinstance(operand, ast.Constant) else _labels(operand))
    )


def _labels(operand: ast.AST) -> Iterator[ast.AST]:
    """The constants that a comparison with a list, or a case, is about."""
    if isinstance(operand, ast.Tuple | ast.List | ast.Set):
        yield from operand.elts
    elif isinstance(operand, ast.match_case):
        yield from (part for part in ast.walk(operand.pattern) if isinstance(part, ast.Constant))


def condition(node: ast.AST) -> ast.AST:
    """The part of a branch that decides; of a statement not its body."""
    if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
        return node.test
    return node.subject if isinstance(node, ast.Match) else node


def branches(module: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(module):
        if isinstance(node, BRANCHES) and (names_generation(condition(node)) or compares_label(node)):
            yield node
        if isinstance(node, ast.comprehension):
            yield from (test for test in node.ifs if names_generation(test))


# -- the project ---------------------------------------------------------------------------
def test_no_route_and_no_member_of_the_wire() -> None:
    violations = [
        where(path, node)
        for path in files()
        for node in [*routes(tree(path)), *members(tree(path), reads=is_reader(path))]
    ]
    assert violations == []


def test_no_branch_on_a_generation() -> None:
    assert [where(path, node) for path in files() for node in branches(tree(path))] == []


# -- that each would be found ----------------------------------------------------------------
@pytest.mark.parametrize(
    "source",
    [
        "get('/api/tasks')",
        "get(f'{url}/api/workers/{worker}')",
        "get(base + '/api')",
        "get('api/tasks/' + task)",
        "get(f'{worker_url}/schedules')",
        "get(f'{worker_url}/webhook/executions')",
        "get(worker_url + '/turns')",
    ],
)
def test_a_route_is_recognized(source: str) -> None:
    assert list(routes(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    ["run('/webhook')", "run(f'/schedules {text}')", "x = f'{done}/{total}'", '"""Posts /api/tasks."""'],
)
def test_texts_that_are_not_routes(source: str) -> None:
    assert not list(routes(ast.parse(source)))


@pytest.mark.parametrize(
    ("source", "anywhere", "in_a_reader"),
    [
        ("task['triggeredBy']", True, True),
        ("body = {'taskId': target}", True, True),
        ("schedule.get('nextRunAt')", True, True),
        ("headers['X-Handinger-Token']", True, True),
        ("turn.get('anyNewMember')", True, False),
        ("chunk['toolCallId']", True, False),
        ("row['worker_id']", False, False),
        ("say('The task has ended')", False, False),
        ("def f():\n    'taskId'", False, False),
    ],
)
def test_a_member_is_recognized(source: str, *, anywhere: bool, in_a_reader: bool) -> None:
    module = ast.parse(source)
    flags = tuple(bool(list(members(module, reads=reads))) for reads in (False, True))
    assert flags == (anywhere, in_a_reader)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("if session.generation == 'tasks': x()", True),
        ("if self.service.generation: x()", True),
        ("y = 1 if generation else 2", True),
        ("while not generation: x()", True),
        ("a = session.generation and b", True),
        ("match session.generation:\n    case 'tasks': x()", True),
        ("[a for a in b if a.generation]", True),
        ("assert session.generation", True),
        ("if getattr(session, 'generation'): x()", True),
        ("if api.has_tasks: x()", True),
        ("kind = session.generation\nif kind == 'tasks': x()", True),
        ("if kind in ('workers', 'x'): x()", True),
        ("match kind:\n    case 'tasks' | 'x': x()", True),
        ("if session.target_word == 'task': x()", True),
        ("z = TARGETS.get(session.generation)", False),
        ("if x:\n    y(session.generation)", False),
        ("if scope == 'worker': x()", False),
        ("match scope:\n    case 'worker': x('tasks')", False),
    ],
)
def test_a_branch_is_recognized(source: str, *, expected: bool) -> None:
    assert bool(list(branches(ast.parse(source)))) is expected
