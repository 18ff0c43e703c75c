"""The amounts in the header, as a check of the history brings them: no app, no clock."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from handinger_tui.ui.sessions.controller import SessionController
from handinger_tui.ui.work.limit_watcher import LimitWatcher
from tests.ui.fake_money import FakeLedger, charge
from tests.ui.fakes import Desktop

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from handinger_tui.core.money.spending import Bucket, ChargeFilter


class HeldLedger(FakeLedger):
    """Has read at once, and answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.has_read, self.may_answer = asyncio.Event(), asyncio.Event()

    async def spent_each(self, *which: ChargeFilter) -> list[Bucket]:
        each = await super().spent_each(*which)
        self.has_read.set()
        await self.may_answer.wait()
        return each


class Watched:
    """A watcher over a scripted desktop, and the amounts that it shows."""

    def __init__(self, desktop: Desktop) -> None:
        self.desktop = desktop
        self.shown: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> LimitWatcher:
        controller = SessionController("standard")
        controller.show(controller.connect(await self.desktop.connect()))
        interaction: Any = SimpleNamespace(
            run=self._run, is_in_sight=True, app=SimpleNamespace(screen_stack=[])
        )
        pane: Any = SimpleNamespace(show_typical_costs=lambda _costs: None)
        header: Any = SimpleNamespace(
            set_money=lambda forms: self.shown.extend(forms[:1]),
            set_needs=lambda _words: None,
            set_others=lambda *_others: None,
        )
        return LimitWatcher(controller, interaction, pane, header, lambda: 0, lambda: asyncio.sleep(0))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.create_task(work))

    async def end(self) -> None:
        await asyncio.gather(*self._tasks)
        await self.desktop.engine.aclose()


async def test_what_is_written_during_a_check_is_shown_by_another_one_right_after_it() -> None:
    ledger = HeldLedger()
    watched = Watched(Desktop(ledger=ledger))
    watcher = await watched.begin()
    ledger.write(charge("t1", "1"))
    watcher.check_soon()
    await ledger.has_read.wait()
    ledger.write(charge("t2", "2"))
    watcher.check_soon()
    ledger.may_answer.set()
    await watched.end()
    assert watched.shown == ["$1.00", "$3.00"]


async def test_after_a_turn_its_cost_is_counted_although_it_is_written_behind_the_end() -> None:
    ledger = HeldLedger()
    watched = Watched(Desktop(ledger=ledger))
    watcher = await watched.begin()
    ledger.may_answer.set()
    watcher.check_soon()
    await ledger.has_read.wait()
    # No news yet, as long as the charge is not written.
    ledger.charges.append(charge("t1", "1"))
    watcher.turn_ended()
    await watched.end()
    assert watched.shown == ["$1.00"]
