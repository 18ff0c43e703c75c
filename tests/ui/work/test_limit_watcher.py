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


async def test_what_is_written_during_a_check_is_shown_by_another_one_right_after_it() -> None:
    ledger, tasks, shown = HeldLedger(), set[asyncio.Task[None]](), list[str]()
    desktop = Desktop(ledger=ledger)
    controller = SessionController("standard")
    controller.show(controller.connect(await desktop.connect()))

    def run(work: Coroutine[Any, Any, None]) -> None:
        tasks.add(asyncio.create_task(work))

    def show_money(forms: tuple[str, ...]) -> None:
        shown.extend(forms[:1])

    interaction: Any = SimpleNamespace(
        run=run, is_in_sight=True, app=SimpleNamespace(screen_stack=[]), announce=None
    )
    pane: Any = SimpleNamespace(show_typical_costs=lambda _costs: None)
    header: Any = SimpleNamespace(
        set_money=show_money, set_needs=lambda _words: None, set_others=lambda *_others: None
    )
    watcher = LimitWatcher(controller, interaction, pane, header, lambda: 0, lambda: asyncio.sleep(0))
    ledger.write(charge("t1", "1"))
    watcher.check_soon()
    await ledger.has_read.wait()
    # A turn ends.
    ledger.write(charge("t2", "2"))
    watcher.check_soon()
    ledger.may_answer.set()
    await asyncio.gather(*tasks)
    assert shown == ["$1.00", "$3.00"]
    await desktop.engine.aclose()
