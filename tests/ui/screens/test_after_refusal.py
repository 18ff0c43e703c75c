"""After a refused message: header and money are those of the worker, and advice disappears with its cause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from handinger_tui.core.errors import Refused
from handinger_tui.core.turns.turn import ErrorKind, TurnStatus
from handinger_tui.ui.panels.usage import UsagePanel
from handinger_tui.ui.ports import Opening
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import PRICED, Desktop, launch, summary

BACK = "Enter to resend."


@asynccontextmanager
async def refused() -> AsyncIterator[tuple[Desktop, Pilot[None]]]:
    """An answer, then a message that the busy worker refuses."""
    busy = Refused(ErrorKind.CONFLICT, "The worker is busy.", http_status=409)
    api = FakeApi(starts=[says("It moves heat."), busy], workers=[worker("", messages=None, **PRICED)])
    desktop = Desktop(api=api)
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "What is a heat pump?")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "And in cold towns?")
        await desktop.until(pilot, lambda: len(desktop.session.turns) == 2 and not desktop.session.busy)
        await desktop.settle(pilot)
        yield desktop, pilot


def speaks_of_the_answer(desktop: Desktop) -> None:
    header = desktop.text().splitlines()[0]
    assert "completed" in header
    assert "refused" not in header
    view = desktop.work.sidebar.panel(UsagePanel).rows.view
    assert view is not None
    assert str(view.own.money.usd) == "0.0123"


async def test_header_and_money_are_those_of_the_last_turn_that_ran() -> None:
    async with refused() as (desktop, pilot):
        speaks_of_the_answer(desktop)
        assert BACK in desktop.text()
        assert desktop.work.prompt.text == "And in cold towns?"
        # The advice disappears with the text in every way, and other advice replaces it.
        await pilot.press("ctrl+c")
        await desktop.until(pilot, lambda: BACK not in desktop.text() and "/retry 2" in desktop.text())
        await pilot.press("up")
        await desktop.until(pilot, lambda: BACK in desktop.text())
        await pilot.press("ctrl+c")
        await desktop.send(pilot, "/attach")
        await desktop.settle(pilot)
        assert BACK not in desktop.text()
        speaks_of_the_answer(desktop)


async def test_a_restart_gives_no_advice_about_a_removed_text() -> None:
    async with refused() as (desktop, _pilot):
        session_id = desktop.session.session_id
    again = Desktop(log=desktop.log, launch=launch(Opening.CHOSEN, session=session_id))
    again.history.rows = [summary("x", session_id=session_id, worker_id="w1")]
    async with again.running(120, 40) as pilot:
        await again.shows(pilot, "It moves heat.")
        await again.settle(pilot)
        assert [turn.status for turn in again.session.turns] == [TurnStatus.COMPLETED, TurnStatus.REJECTED]
        assert again.work.prompt.text == ""
        assert BACK not in again.text()
        assert "/retry 2" in again.text()
        speaks_of_the_answer(again)
