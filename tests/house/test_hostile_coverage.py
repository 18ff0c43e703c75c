"""Every widget and screen has a test that feeds it with hostile texts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

from textual.widget import Widget

import handinger_tui.ui as ours
from tests.ui.hostile.sinks import SINKS


def widgets() -> Iterator[type[Widget]]:
    """The classes of widgets and screens that the package defines."""
    for info in walk_packages(ours.__path__, f"{ours.__name__}."):
        module = import_module(info.name)
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, Widget) and kind.__module__ == module.__name__:
                yield kind


def test_every_widget_is_fed_with_hostile_texts() -> None:
    fed = {base for sink in SINKS.values() for kind in sink.kinds for base in kind.__mro__}
    missing = sorted({f"{kind.__module__}.{kind.__name__}" for kind in widgets() if kind not in fed})
    assert not missing, f"say in tests/ui/hostile/sinks.py how these are fed: {missing}"
