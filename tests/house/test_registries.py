"""Each way to grow is one tuple: whatever a folder defines of its kind must stand in it."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import pytest

from handinger_tui.ui.keys import Where
from tests.house.project import PACKAGE, python_files, tree, where


@dataclass(frozen=True)
class Registry:
    """A folder and the tuple in its `__init__`, or a module with both."""

    folder: str
    table: str


REGISTRIES = (
    Registry("handinger_tui.core.dialects", "DIALECTS"),
    Registry("handinger_tui.local.repertoire", "REPERTOIRE"),
    Registry("handinger_tui.ui.commands", "COMMANDS"),
    Registry("handinger_tui.ui.panels", "PANELS"),
)


def modules_of(folder: str) -> list[ModuleType]:
    """The modules in a folder and in the folders below it, or the one module, imported."""
    package = importlib.import_module(folder)
    if not hasattr(package, "__path__"):
        return [package]
    names = [found.name for found in pkgutil.walk_packages(package.__path__, folder + ".")]
    return [importlib.import_module(name) for name in names]


def entries_in(module: ModuleType, table: tuple[object, ...]) -> Iterator[tuple[str, object]]:
    """What a module defines of the kind that stands in the table, under its name there.

    Entries that are values count by their class; entries that are classes, by
    being subclasses of what the table's classes have in common.
    """
    values = {type(entry) for entry in table if not isinstance(entry, type)}
    bases = common_bases([entry for entry in table if isinstance(entry, type)])
    for name, found in vars(module).items():
        members = found if isinstance(found, tuple | list) else (found,)
        for member in members:
            if type(member) in values or is_own_subclass(member, bases, module):
                yield f"{module.__name__}.{name}", member


def common_bases(classes: list[type]) -> set[type]:
    """The classes of ours that all of these descend from."""
    if not classes:
        return set()
    shared = set.intersection(*(set(found.__mro__) for found in classes))
    return {base for base in shared if base.__module__.startswith("handinger_tui")}


def is_own_subclass(found: object, bases: set[type], module: ModuleType) -> bool:
    """A concrete public class, defined in this very module, below one of the bases."""
    return (
        isinstance(found, type)
        and found.__module__ == module.__name__
        and not found.__name__.startswith("_")
        and not inspect.isabstract(found)
        and found not in bases
        and not bases.isdisjoint(found.__mro__)
    )


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.table)
def test_every_entry_of_the_folder_stands_in_its_tuple(registry: Registry) -> None:
    table = getattr(importlib.import_module(registry.folder), registry.table)
    assert isinstance(table, tuple)
    found = [pair for module in modules_of(registry.folder) for pair in entries_in(module, table)]
    assert found, "the folder defines nothing of the table's kind: this test looks in the wrong place"
    missing = sorted({name for name, entry in found if not any(entry is known for known in table)})
    assert not missing, f"not in {registry.table}: {', '.join(missing)}"


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.table)
def test_no_entry_stands_twice(registry: Registry) -> None:
    table = getattr(importlib.import_module(registry.folder), registry.table)
    names = [getattr(entry, "name", None) or getattr(entry, "id", None) or repr(entry) for entry in table]
    assert sorted(names) == sorted(set(names))


def test_every_key_binding_stands_in_the_key_table() -> None:
    made = [
        where(path, node)
        for path in python_files(PACKAGE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Binding")
    ]
    assert [place for place in made if "ui/keys.py" not in place] == []
    assert len(made) == 1


def test_every_place_of_a_key_is_used_by_a_screen_or_widget() -> None:
    source = "".join(path.read_text("utf-8") for path in python_files(PACKAGE / "ui"))
    named = set(re.findall(r"bindings\(([^)]*)\)", source))
    used = {name for names in named for name in re.findall(r"Where\.([A-Z_]+)", names)}
    assert used == {place.name for place in Where}
