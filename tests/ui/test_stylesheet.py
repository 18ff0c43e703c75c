"""The style sheet at the start: the first screen has its final styles."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from textual.dom import DOMNode

from tests.ui.fakes import Desktop


def looks(screen: DOMNode) -> Iterator[tuple[str, object]]:
    """The rules of every widget, and of every component class."""
    for node in screen.walk_children(with_self=True):
        yield str(node), dict(node.styles.base.get_rules())
        for name in sorted(node._get_component_classes()):
            yield f"{node} {name}", dict(node._component_styles[name].base.get_rules())


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_first_screen_has_the_styles_of_the_complete_sheet(size: tuple[int, int]) -> None:
    desktop = Desktop(gate=asyncio.Event())
    async with desktop.running(*size) as pilot:
        await desktop.shows(pilot, "Three things to try")
        at_start = list(looks(desktop.work))
        assert len(at_start) > 80
        desktop.app.stylesheet.update(desktop.app)
        desktop.app.stylesheet.update(desktop.work)
        assert list(looks(desktop.work)) == at_start
