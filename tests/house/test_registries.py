"""Each way to grow is one tuple: whatever a folder defines of its kind must be in it."""

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
    names = [info.name for info in pkgutil.walk_packages(package.__path__, folder + ".")]
    return [importlib.import_module(name) for name in names]


def entries_in(module: ModuleType, table: tuple[object, ...]) -> Iterator[tuple[str, object]]:
    """What a module defines of the kind that stands in the table, under its name there.

    Entries that are values count by their class; entries that are classes, by
    being subclasses of what the table's classes have in common.
    """
    values = {type(entry) for entry in table if not isinstance(entry, type)}
    bases = common_bases([entry for entry in table if isinstance(entry, type)])
    for name, value in vars(module).items():
        members = value if isinstance(value, tuple | list) else (value,)
        for member in members:
            if type(member) in values or is_own_subclass(member, bases, module):
                yield f"{module.__name__}.{name}", member


def common_bases(classes: list[type]) -> set[type]:
    """The classes of ours that all of these descend from."""
    if not classes:
        return set()
    shared = set.intersection(*(set(kind.__mro__) for kind in classes))
    return {base for base in shared if base.__module__.startswith("handinger_tui")}


def is_own_subclass(value: object, bases: set[type], module: ModuleType) -> bool:
    """A concrete public class, defined in this very module, below one of the bases."""
    return (
        isinstance(value, type)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
        and not inspect.isabstract(value)
        and value not in bases
        and not bases.isdisjoint(value.__mro__)
    )


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.table)
def test_every_entry_of_a_folder_is_in_its_tuple(registry: Registry) -> None:
    table = getattr(importlib.import_module(registry.folder), registry.table)
    assert isinstance(table, tuple)
    entries = [pair for module in modules_of(registry.folder) for pair in entries_in(module, table)]
    assert entries, "the folder defines nothing of the table's kind: this test looks in the wrong place"
    missing = sorted({name for name, entry in entries if not any(entry is listed for listed in table)})
    assert not missing, f"not in {registry.table}: {', '.join(missing)}"


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.table)
def test_no_entry_is_listed_twice(registry: Registry) -> None:
    table = getattr(importlib.import_module(registry.folder), registry.table)
    names = [getattr(entry, "name", None) or getattr(entry, "id", None) or repr(entry) for entry in table]
    assert sorted(names) == sorted(set(names))


def test_every_key_binding_is_in_the_key_table() -> None:
    places = [
        where(path, node)
        for path in python_files(PACKAGE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Binding")
    ]
    assert [place for place in places if "ui/keys.py" not in place] == []
    assert len(places) == 1


def test_every_place_of_a_key_is_used_by_a_screen_or_widget() -> None:
    source = "".join(path.read_text("utf-8") for path in python_files(PACKAGE / "ui"))
    named = set(re.findall(r"bindings\(([^)]*)\)", source))
    used = {name for names in named for name in re.findall(r"Where\.([A-Z_]+)", names)}
    assert used == {place.name for place in Where}
