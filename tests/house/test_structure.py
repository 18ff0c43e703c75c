"""Structure: no import ring, and folders that can be taken in at a glance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.house.project import PACKAGE, ROOT, python_files, tree

FILES_IN_A_FOLDER = 24
"""A folder with more is a list, not a room."""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in python_files(PACKAGE)}


def imported(module: ast.Module) -> Iterator[str]:
    """Modules of ours that are loaded when this one is: not those of types alone, nor within functions."""
    waiting = list(module.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            waiting += [*node.body, *node.orelse]
        elif isinstance(node, ast.Try):
            waiting += [*node.body, *node.orelse, *node.finalbody]


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


def test_a_ring_is_seen() -> None:
    assert first_ring({"a": {"b"}, "b": {"c"}, "c": {"a"}})


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES.values()}), ids=str)
def test_a_folder_can_be_taken_in_at_a_glance(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= FILES_IN_A_FOLDER, sorted(path.name for path in modules)
