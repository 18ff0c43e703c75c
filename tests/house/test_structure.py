"""Structure: no import cycle, and no test that reaches into what is private.

No count of files, lines or methods is a rule: code was split and merged to meet one, and became worse.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.house.project import PACKAGE, ROOT, TESTS, python_files, tree, where


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in python_files(PACKAGE)}


def imported(module: ast.Module) -> Iterator[str]:
    """Modules of ours that this one names: at the top, within functions, and for types alone."""
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def first_ring(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as ring:
        return list(ring.args[1])
    return []


def test_no_modules_import_each_other_in_a_ring() -> None:
    graph = {
        name: {other for other in imported(tree(path)) if other in MODULES and other != name}
        for name, path in MODULES.items()
    }
    assert not (ring := first_ring(graph)), " -> ".join(ring)


def test_a_ring_is_reported() -> None:
    assert first_ring({"a": {"b"}, "b": {"c"}, "c": {"a"}})


PRIVATE_OF_LIBRARIES = frozenset(
    {
        *("_actions", "_check_resize", "_compositor", "_display", "_file", "_get_renders", "_ready"),
        *("_scheduled", "_server", "_task", "_value"),
    }
)
"""Private names of argparse, Textual and asyncio that tests need, and that the package has, too."""


def private_names(module: ast.Module) -> set[str]:
    """The private names that a module gives to functions, classes, variables and attributes."""
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
    return {name for name in names if name.startswith("_") and not name.startswith("__") and name != "_"}


def used_private_names(module: ast.Module) -> Iterator[str]:
    """Private names of other modules that a test uses, and those that it replaces by their path."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and node.value.id == "self"
        ):
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("handinger_tui"):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and str(node.value).startswith("handinger_tui."):
            yield str(node.value).rpartition(".")[2]


def test_no_test_uses_private_members_of_the_package() -> None:
    private = (
        set[str]().union(*(private_names(tree(path)) for path in MODULES.values())) - PRIVATE_OF_LIBRARIES
    )
    used = [
        f"{where(path)}: {name}"
        for path in python_files(TESTS)
        for name in sorted({*used_private_names(tree(path))} & private - private_names(tree(path)))
    ]
    assert used == []


def test_tests_run_an_app_as_people_do() -> None:
    """`running` has the task factory of `App.run`; the pilot of `run_test` waits for times."""
    used = [
        where(path, node)
        for path in python_files(TESTS)
        if path != TESTS / "ui" / "pilot.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "run_test"
    ]
    assert used == []
