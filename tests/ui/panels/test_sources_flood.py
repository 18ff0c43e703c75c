"""Thousands of sources at once: judged in steps, with the same result as in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.pilot import Pilot

from handinger_tui.core.evidence import source_key
from handinger_tui.ui.panels import sources
from handinger_tui.ui.panels.sources import BATCH, SourceCatalog, SourcesPanel
from tests.ui.panels.stage import Stage, session, source, turn
from tests.ui.pilot import running, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.core.turns.session import Session

MANY = 3 * BATCH + 7


def flood(first: int = 0, many: int = MANY) -> Session:
    return session(turn(0, parts=tuple(source(at) for at in range(first, first + many))))


async def until_listed(panel: SourcesPanel, pilot: Pilot[None], many: int) -> None:
    for _ in range(200):
        if panel.rows.count == many:
            return
        await pilot.pause()
    pytest.fail(f"only {len(panel.rows.items)} sources are listed")


def test_no_step_judges_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [0]

    def counting(function: Callable[..., object]) -> Callable[..., object]:
        def counted(*given: object) -> object:
            steps[-1] += 1
            return function(*given)

        return counted

    monkeypatch.setattr(sources, "source_key", counting(source_key))
    monkeypatch.setattr(sources, "facts_of", counting(sources.facts_of))
    catalog = SourceCatalog()
    assert catalog.needs_steps(flood())
    for step in catalog.prepare(flood()):
        assert step is None
        steps.append(0)
    assert len(steps) > 2 * MANY // BATCH
    assert max(steps) <= BATCH
    assert not catalog.needs_steps(flood())


async def test_the_result_equals_that_of_one_step() -> None:
    soon, at_once = SourcesPanel(), SourcesPanel()
    app = Stage(soon)
    async with running(app, size=(34, 18)) as pilot:
        soon.show_soon(flood())
        await until_listed(soon, pilot, MANY)
        text = text_of(app)
    app = Stage(at_once)
    async with running(app, size=(34, 18)) as pilot:
        at_once.show(flood())
        await pilot.pause()
        assert text_of(app) == text
        assert at_once.rows.items == soon.rows.items


async def test_changes_during_a_paint_are_shown_together() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 18)) as pilot:
        panel.show_soon(flood())
        panel.show_soon(flood(many=MANY + 1))
        await until_listed(panel, pilot, MANY + 1)
        panel.show_soon(flood(many=MANY + 2))
        assert len(panel.rows.items) == MANY + 2
