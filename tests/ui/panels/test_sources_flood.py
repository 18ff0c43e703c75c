"""Thousands of sources at once: judged in steps, shown as if it had been done in one go."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from handinger_tui.core.evidence.sources_and_files import source_key
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.panels.sources import panel as sources_list
from handinger_tui.ui.panels.sources.facts import SourceFactCache
from handinger_tui.ui.panels.sources.panel import BATCH, SourcesPanel
from tests.ui.panels.stage import Stage, session, source, text_of, turn

MANY = 3 * BATCH + 7


def flood(first: int = 0, many: int = MANY) -> Session:
    return session(turn(0, parts=tuple(source(at) for at in range(first, first + many))))


async def until_listed(panel: SourcesPanel, pilot: Pilot[None], many: int) -> None:
    for _ in range(200):
        if len(panel.items) == many:
            return
        await pilot.pause()
    pytest.fail(f"only {len(panel.items)} sources are listed")


class Judged:
    """How many addresses and facts were looked at, step by step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = [0]
        key, facts, go_on = source_key, SourceFactCache.__call__, SourcesPanel._run_step
        monkeypatch.setattr(sources_list, "source_key", self._counting(key))
        monkeypatch.setattr(SourceFactCache, "__call__", self._counting(facts))

        def step(panel: SourcesPanel) -> None:
            self.steps.append(0)
            go_on(panel)

        monkeypatch.setattr(SourcesPanel, "_run_step", step)

    def _counting(self, function: object) -> object:
        def counted(*given: object) -> object:
            self.steps[-1] += 1
            return function(*given)  # type: ignore[operator]  # one of the two functions above

        return counted


async def test_no_step_judges_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, judged = SourcesPanel(), Judged(monkeypatch)
    app = Stage(panel)
    async with app.run_test(size=(34, 18)) as pilot:
        await pilot.pause()
        panel.show_soon(flood())
        assert panel.items == ()
        await until_listed(panel, pilot, MANY)
        assert len(judged.steps) > 2 * MANY // BATCH
        assert max(judged.steps[:-1]) <= BATCH


async def test_it_looks_as_if_it_had_been_done_at_once() -> None:
    soon, at_once = SourcesPanel(), SourcesPanel()
    app = Stage(soon)
    async with app.run_test(size=(34, 18)) as pilot:
        soon.show_soon(flood())
        await until_listed(soon, pilot, MANY)
        text = text_of(app)
    app = Stage(at_once)
    async with app.run_test(size=(34, 18)) as pilot:
        at_once.show(flood())
        await pilot.pause()
        assert text_of(app) == text
        assert at_once.items == soon.items


async def test_what_comes_meanwhile_is_shown_too_and_a_few_at_once() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with app.run_test(size=(34, 18)) as pilot:
        panel.show_soon(flood())
        panel.show_soon(flood(many=MANY + 1))
        await until_listed(panel, pilot, MANY + 1)
        panel.show_soon(flood(many=MANY + 2))
        assert len(panel.items) == MANY + 2
