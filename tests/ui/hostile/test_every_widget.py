"""Every widget that shows text from outside, fed with every hostile text there is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import pytest
from textual.widget import Widget

import handinger_tui.ui as ours
from tests.chaos.hostile import TEXT_PAYLOADS
from tests.ui.hostile.eye import Eye
from tests.ui.hostile.sinks import SINKS
from tests.ui.hostile.texts import PLANTED, TEXTS


def widgets() -> Iterator[type[Widget]]:
    """The classes of widgets and screens that the package defines."""
    for found in walk_packages(ours.__path__, f"{ours.__name__}."):
        module = import_module(found.name)
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, Widget) and kind.__module__ == module.__name__:
                yield kind


def test_the_corpus_is_whole() -> None:
    assert len(TEXT_PAYLOADS) == 92
    assert TEXTS.keys() > TEXT_PAYLOADS.keys()


def test_no_widget_is_left_out() -> None:
    fed = {base for sink in SINKS.values() for kind in sink.kinds for base in kind.__mro__}
    left = sorted({f"{kind.__module__}.{kind.__name__}" for kind in widgets() if kind not in fed})
    assert not left, f"say in tests/ui/hostile/sinks.py how these are fed: {left}"


@pytest.mark.parametrize("name", SINKS)
async def test_hostile_texts_are_nothing_but_text(name: str) -> None:
    sink = SINKS[name]
    desktop = sink.desktop()
    async with desktop.running(120, 40) as pilot:
        eye = Eye(desktop, pilot)
        await sink.feed(eye)
        eye.nothing_happened()
        assert set(sink.kinds) <= eye.kinds
        missing = [list(TEXTS)[at] for at in range(len(PLANTED)) if at not in eye.texts]
        assert eye.texts
        assert not (sink.all_seen and missing), missing
