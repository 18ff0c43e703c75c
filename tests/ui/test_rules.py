"""The sheet at the start: read in part and applied once, with the looks of all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

from handinger_tui.stylesheet import STYLESHEET
from handinger_tui.ui.terminal.stylesheet_cache import StylesheetCache
from handinger_tui.ui.themes import DARK, LIGHT
from tests.ui.fakes import Desktop


def looks(screen: DOMNode) -> Iterator[tuple[str, object]]:
    """The rules of every widget, and of every component class."""
    for node in screen.walk_children(with_self=True):
        yield str(node), dict(node.styles.base.get_rules())
        for name in sorted(node._get_component_classes()):
            yield f"{node} {name}", dict(node._component_styles[name].base.get_rules())


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_first_screen_wears_what_the_whole_sheet_says(size: tuple[int, int]) -> None:
    desktop = Desktop(gate=asyncio.Event())
    async with desktop.running(*size) as pilot:
        await desktop.shows(pilot, "Three things to try")
        at_start = list(looks(desktop.work))
        assert len(at_start) > 80
        desktop.app.stylesheet.update(desktop.app)
        desktop.app.stylesheet.update(desktop.work)
        assert list(looks(desktop.work)) == at_start


async def test_parts_of_a_widget_are_worked_out_when_they_are_asked_for_and_again_for_other_colours() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        view = desktop.work.transcript
        assert not dict(view._component_styles)
        at_first = view.get_component_styles("transcript--link").color
        assert list(view._component_styles) == ["transcript--link"]
        desktop.app.theme = LIGHT.name
        await pilot.pause()
        assert list(view._component_styles) == ["transcript--link"]
        assert view.get_component_styles("transcript--link").color != at_first
        with pytest.raises(KeyError):
            view.get_component_styles("transcript--nothing")


def told(rules: Stylesheet) -> list[tuple[str, object]]:
    return sorted((rule.selectors, str(rule.styles.css)) for rule in rules.rules)


def test_read_on_the_sheet_is_whole() -> None:
    variables = _colours()
    whole, ours = Stylesheet(variables=variables), StylesheetCache(variables)
    whole.read(STYLESHEET)
    ours.read(STYLESHEET)
    assert len(ours.rules) < len(whole.rules) / 2
    ours.read_on()
    assert told(ours) == told(whole)


def test_other_colours_are_worn_by_both_parts() -> None:
    ours = StylesheetCache(_colours())
    ours.read(STYLESHEET)
    ours.read_on()
    dark = told(ours)
    ours.set_variables(LIGHT.to_color_system().generate())
    ours.reparse()
    assert len(dark) == len(told(ours))
    assert dark != told(ours)


def _colours() -> dict[str, str]:
    return DARK.to_color_system().generate()
