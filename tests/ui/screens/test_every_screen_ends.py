"""Ctrl+C, SIGTERM and SIGHUP end the program from every page and dialog; nothing is sent, no text is lost.

The table has every screen that the package defines: a new one is missing here until it is tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest
from textual.screen import Screen

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import LedgerError
from handinger_tui.core.evidence import Dataset
from handinger_tui.core.formatting import moment_at
from handinger_tui.core.money.limits import Gauge, Limit, Scope
from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.prices import NO_PRICES
from handinger_tui.core.schedules import PricedSchedules, ScheduleList
from handinger_tui.core.stream import FilePart
from handinger_tui.engine.schedules import WorkerSchedules
from handinger_tui.engine.stored_workers import StoredWorkerCatalog
from handinger_tui.engine.webhooks import WorkerWebhook
from handinger_tui.ui.dialogs import Choice, ConnectionProblem, Question, TextQuestion
from handinger_tui.ui.dialogs.help import HelpScreen
from handinger_tui.ui.dialogs.pickers import CommandPicker, HistorySearch, SessionPicker
from handinger_tui.ui.pages.data import DataScreen
from handinger_tui.ui.pages.preview import PreviewScreen
from handinger_tui.ui.pages.runs import RunsPage
from handinger_tui.ui.pages.schedules import ScheduleQuestion, SchedulesScreen
from handinger_tui.ui.pages.settings import SettingsScreen
from handinger_tui.ui.pages.webhook import WebhookScreen
from handinger_tui.ui.pages.worker_form import WorkerFormScreen
from handinger_tui.ui.pages.workers import WorkerActions, WorkersScreen
from handinger_tui.ui.sessions.deletion import Deletions
from handinger_tui.ui.spending.budgets import BudgetsScreen
from handinger_tui.ui.spending.limit_dialogs import LimitsPage, RaiseLimit
from handinger_tui.ui.spending.receipt import ReceiptScreen
from handinger_tui.ui.spending.screen import SpendingScreen
from handinger_tui.ui.work.screen import WorkScreen
from tests.engine.fakes import PLACE, FakeIds
from tests.house.test_hostile_coverage import widgets
from tests.ui.fakes import NOW_MS, Desktop, FakeSettings, FakeWebhooks, answers
from tests.ui.screens.test_workers import FakeTemplates

if TYPE_CHECKING:
    from textual.pilot import Pilot

GAUGE: Final = Gauge(Limit(Scope.WORKER, Unit.USD, Decimal(1)), Total(Decimal(2)))


def spending(desktop: Desktop) -> SpendingScreen:
    connection, controller = desktop.work.controller.connection, desktop.work.controller
    return SpendingScreen(
        connection.charges,
        connection.rulings,
        lambda: controller.session,
        lambda: NOW_MS,
        simulated=False,
    )


def schedules(desktop: Desktop) -> WorkerSchedules:
    async def price(budget: str) -> Any:
        return await desktop.work.controller.connection.typical_cost("wrk_1", budget, NO_PRICES)

    return WorkerSchedules(
        desktop.schedules, "wrk_1", "low", price, lambda: moment_at(NOW_MS), is_local=False
    )


def sessions(desktop: Desktop) -> SessionPicker:
    history, deletions = desktop.history, Deletions(desktop.work.controller)
    return SessionPicker(history, lambda: NOW_MS, lambda: "", tuple, history.rename, deletions)


def stored_workers(desktop: Desktop) -> StoredWorkerCatalog:
    kept = FakeTemplates({})
    return StoredWorkerCatalog(kept, kept, desktop.history, FakeIds(), PLACE)


def workers(desktop: Desktop) -> WorkersScreen:
    actions = WorkerActions(lambda _: None, lambda _: None, lambda _: None, str)
    interaction = desktop.work.interaction
    return WorkersScreen(stored_workers(desktop), desktop.history, actions, interaction, lambda: NOW_MS)


def webhook(desktop: Desktop) -> WebhookScreen:
    hook = WorkerWebhook(FakeWebhooks(), "wrk_1")
    return WebhookScreen(hook, desktop.work.interaction, lambda: moment_at(NOW_MS))


def data(desktop: Desktop) -> DataScreen:
    turn_id = desktop.session.turns[0].turn_id
    return DataScreen(desktop.work.controller, [Dataset(turn_id, 1, "data", {"a": 1}, None, 0)], 0)


def receipt(desktop: Desktop) -> ReceiptScreen:
    return ReceiptScreen(desktop.work.controller, desktop.session.turns[0].turn_id)


def question(_desktop: Desktop) -> Question[bool]:
    return Question("Send again?", "It may run twice.", [("Cancel", False), ("Send", True)], typed="again")


def form(desktop: Desktop) -> WorkerFormScreen:
    return WorkerFormScreen(stored_workers(desktop), desktop.history, None)


def runs(desktop: Desktop) -> RunsPage:
    return RunsPage(lambda *_: desktop.runs.board(), {}, {}, desktop.work.interaction, lambda: NOW_MS)


SCREENS: Final[dict[type, Callable[[Desktop], Screen[Any]]]] = {
    Question: question,
    TextQuestion: lambda _: TextQuestion("Name", "the old name"),
    Choice: lambda _: Choice("Which?", [("a", "one"), ("b", "two")]),
    ConnectionProblem: lambda _: ConnectionProblem("No network.", "Try again."),
    HelpScreen: lambda _: HelpScreen(()),
    SessionPicker: sessions,
    HistorySearch: lambda _: HistorySearch(["an earlier prompt"]),
    CommandPicker: lambda _: CommandPicker(),
    SpendingScreen: spending,
    BudgetsScreen: lambda desktop: BudgetsScreen(desktop.work.controller, lambda: NOW_MS),
    ReceiptScreen: receipt,
    RaiseLimit: lambda _: RaiseLimit(GAUGE, sending=True),
    LimitsPage: lambda _: LimitsPage([GAUGE]),
    WebhookScreen: webhook,
    SettingsScreen: lambda desktop: SettingsScreen(FakeSettings(), desktop.work.interaction),
    PreviewScreen: lambda desktop: PreviewScreen([FilePart("a.txt", "", "a.txt", 1)], 0, desktop.work.files),
    WorkersScreen: workers,
    DataScreen: data,
    WorkerFormScreen: form,
    RunsPage: runs,
    SchedulesScreen: lambda desktop: SchedulesScreen(
        schedules(desktop), desktop.work.interaction, is_simulated=True
    ),
    ScheduleQuestion: lambda desktop: ScheduleQuestion(
        schedules(desktop), PricedSchedules(ScheduleList(), (), TypicalCost("low"), moment_at(NOW_MS))
    ),
}


def test_every_screen_of_the_package_is_tried() -> None:
    screens = {kind for kind in widgets() if issubclass(kind, Screen)}
    bases = {base for kind in screens for base in kind.__mro__[1:]}
    assert screens - bases - {WorkScreen} <= SCREENS.keys()


async def opened(desktop: Desktop, pilot: Pilot[None], kind: type) -> Screen[Any]:
    """A screen over a session with a turn and a draft."""
    await desktop.send(pilot, "Hi")
    await desktop.shows(pilot, "✓ completed")
    desktop.work.prompt.put("a draft")
    screen = SCREENS[kind](desktop)
    desktop.app.push_screen(screen)
    await desktop.until(pilot, lambda: desktop.app.screen is screen and screen.focused)
    return screen


def has_ended_in_order(desktop: Desktop) -> bool:
    assert len(desktop.api.posts) == 1
    return desktop.app._exit and "a draft" in desktop.history.drafts.get(desktop.session.session_id, "")


@pytest.mark.parametrize("kind", SCREENS)
async def test_ctrl_c_says_what_it_does_and_then_quits(kind: type) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        screen = await opened(desktop, pilot, kind)
        await pilot.press("ctrl+c")
        await desktop.until(pilot, desktop.notices)
        if "Copied" in desktop.notices():
            # A name is selected while it may be replaced.
            await pilot.press("ctrl+c")
        # A notification is on the screen for a moment only.
        await desktop.until(pilot, lambda: "Press ^C again to quit." in desktop.notices())
        assert not desktop.app._exit
        assert desktop.app.screen is screen
        await pilot.press("ctrl+c")
        await desktop.until(pilot, lambda: has_ended_in_order(desktop))
        assert desktop.app.return_code == 0


SIGNALED: Final = (Question, HelpScreen, SpendingScreen, WorkerFormScreen)
"""Screens of each sort; the others are among the slow tests."""


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in SIGNALED else pytest.mark.slow) for kind in SCREENS],
)
async def test_a_signal_ends_it(kind: type) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await opened(desktop, pilot, kind)
        desktop.app.leave(143)
        await desktop.until(pilot, lambda: has_ended_in_order(desktop))
        assert desktop.app.return_code == 143


KEPT: Final = (
    (WorkerFormScreen, "a new worker", lambda desktop: desktop.history.drafts.get("worker:new", "")),
    (ScheduleQuestion, "every 1d count", lambda desktop: " ".join(desktop.history.texts)),
    # Typed into a question that came up meanwhile.
    (Question, "another message", lambda desktop: " ".join(desktop.history.texts)),
)


@pytest.mark.parametrize("by_key", [True, False])
@pytest.mark.parametrize(("kind", "typed", "kept"), KEPT)
async def test_what_was_typed_there_is_on_disk(
    kind: type, typed: str, kept: Callable[[Desktop], str], *, by_key: bool
) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await opened(desktop, pilot, kind)
        await pilot.press(*typed)
        if by_key:
            await pilot.press("ctrl+c", "ctrl+c")
        else:
            desktop.app.leave(143)
        await desktop.until(pilot, lambda: has_ended_in_order(desktop))
        assert typed in kept(desktop)


async def test_a_key_behind_the_second_press_answers_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await opened(desktop, pilot, Question)
        saved, gate = desktop.history.save_draft, asyncio.Event()

        async def slow(session_id: str, text: str) -> None:
            await gate.wait()
            await saved(session_id, text)

        monkeypatch.setattr(desktop.history, "save_draft", slow)
        screen = desktop.app.screen
        await pilot.press("ctrl+c", "ctrl+c", *"again", "enter")
        assert desktop.app.screen is screen
        gate.set()
        await desktop.until(pilot, lambda: has_ended_in_order(desktop))


async def test_quitting_again_leaves_without_a_draft_that_cannot_be_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await opened(desktop, pilot, Choice)

        async def full(*_draft: str) -> None:
            raise LedgerError("The disk is full.")

        monkeypatch.setattr(desktop.history, "save_draft", full)
        # The draft from before may be on disk already.
        desktop.work.prompt.put("another draft")
        await pilot.press("ctrl+c", "ctrl+c")
        await desktop.shows(pilot, "The disk is full. What you typed is not saved.")
        assert not desktop.app._exit
        await pilot.press("ctrl+c", "ctrl+c")
        await desktop.until(pilot, lambda: desktop.app._exit)
    assert desktop.app.farewell[-1] == "Not saved:            another draft"
