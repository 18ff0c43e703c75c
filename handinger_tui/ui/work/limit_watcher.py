"""Keeps the limits, the budget chip and the warnings about money of the screen up to date."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from handinger_tui.core.documents import LimitPart
    from handinger_tui.core.money.limits import Gauge
    from handinger_tui.core.money.reconciliation import Restatement
    from handinger_tui.core.money.spending import Bucket, ChargeFilter
    from handinger_tui.core.runs import Runaways
    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.sessions.controller import SessionController
    from handinger_tui.ui.widgets.frame import HeaderLine
    from handinger_tui.ui.work.pane import SessionPane

CHECKS_PER_S: Final = 1.0
"""How often per second the screen checks whether charges or limits were written."""


@runtime_checkable
class Reloads(Protocol):
    """A screen that shows data of the history."""

    def reload(self) -> None:
        """Read the history again: it has changed."""
        ...


def reload(screens: Iterable[object]) -> None:
    """Reload those of `screens` that show data of the history."""
    for screen in screens:
        if isinstance(screen, Reloads):
            screen.reload()


class LimitWatcher:
    """Reads charges and limits only after something was written, and shows each warning once."""

    tell_limit: Callable[[str, LimitPart], None] = staticmethod(lambda _warning, _limit: None)
    """Gets each limit that is nearly or quite used up, once: in words, and as documents have it."""
    tell_runaway: Callable[[str, str], None] = staticmethod(lambda _title, _text: None)
    """Gets each run that costs far more than usual, once: its title, and what it costs."""
    tell_needs: Callable[[str], None] = staticmethod(lambda _words: None)
    """Gets how much needs the person, again and again: "3 need you", "" for nothing."""
    _runaways: Runaways | None = None

    def __init__(
        self,
        controller: SessionController,
        interaction: Interaction,
        pane: SessionPane,
        header: HeaderLine,
        now_ms: Callable[[], int],
        between_keys: Callable[[], Awaitable[None]],
    ) -> None:
        self._controller = controller
        self._between_keys = between_keys
        self._now_ms = now_ms
        self._interaction = interaction
        self._pane = pane
        self._header = header
        self._money_for: tuple[object, ...] | None = None
        """What the money that is shown was read for."""
        self._spent: tuple[Bucket, Bucket] | None = None
        """What today and the session cost."""
        self._is_checking = self._is_due = self._is_waiting = self._has_ended = False

    def delete_ended(self) -> None:
        """Delete what was to be deleted once it no longer runs."""
        if self._controller.to_delete and not self._controller.deleting.locked():
            self._interaction.run(self._delete_ended())

    async def _delete_ended(self) -> None:
        from handinger_tui.ui.sessions.deletion import Deletions  # few are deleted

        if await Deletions(self._controller).delete_ended(self._interaction.announce):
            # No charge is written then, so that no check would notice it.
            reload(self._interaction.app.screen_stack)

    async def _show_needs(self) -> None:
        """Show how much needs the person, in any session."""
        from handinger_tui.core.runs import Runaways, needs_words  # with the connection

        board, now_ms = await self._controller.counted_board(), self._now_ms()
        needs = needs_words(len(board.needs(now_ms)))
        self._header.set_needs(needs)
        self.tell_needs(needs)
        self._header.set_others(*board.elsewhere(self._controller.session_id))
        self._runaways = self._runaways or Runaways()
        for run, need in self._runaways.take_new(board, now_ms):
            self.tell_runaway(clean_line(run.title, 60), need.text)
            if not self._controller.is_on_board(run.session_id):
                self._interaction.announce(f"“{clean_line(run.title, 60)}”: {need.text} Press F7.", "warning")

    def check_soon(self) -> None:
        """Count again if any program has written charges or limits, and reload the open screens then.

        A check that still runs is followed by another one: it may have read before the change. Does nothing
        before a session is on the screen: a turn that was left running may end before that.
        """
        if self._controller.session_id:
            self._is_due = True
            if not self._is_checking:
                self._interaction.run(self._check_while_due())

    def turn_ended(self) -> None:
        """Count again: what the turn cost is written behind its end, and counting waits for that."""
        self._has_ended = True
        self.check_soon()

    def check_between_keys(self) -> None:
        """As `check_soon`, once nobody types: with dozens of runs a key waits 20 ms for a check."""
        if not self._is_waiting:
            self._interaction.run(self._check_between_keys())

    async def _check_between_keys(self) -> None:
        self._is_waiting = True
        try:
            await self._between_keys()
        finally:
            self._is_waiting = False
        self.check_soon()

    async def _check_while_due(self) -> None:
        self._is_checking = True
        try:
            while self._is_due:
                self._is_due = False
                # An unreadable history is reported where it is needed, not once a second.
                with suppress(LedgerError):
                    await self._check()
        finally:
            self._is_checking = False

    async def _check(self) -> None:
        # As it is now: it may be deleted before its amounts are read.
        session = self._controller.session
        has_ended, self._has_ended = self._has_ended, False
        news = await self._controller.news(_of(session.session_id), is_sure=has_ended)
        if news is not None:
            # What the screens compare is in the session after it was counted. A change is announced
            # when every place shows it.
            try:
                await self._controller.engine.take_offers()
                await self.count()
                await self._refresh_money()
            finally:
                # Those that are open now: others were closed in the meantime.
                reload(self._interaction.app.screen_stack)
                self._show_restatements(session, news.restated)
            self._controller.counted_day = news.day
        elif self._money_for != self._money_key():
            await self._refresh_money()
        await self._show_needs()

    def _show_restatements(self, session: Session, restated: Sequence[Restatement]) -> None:
        """Show once which final amounts of the session changed.

        The receipt of the newest turn is in sight, and grows with what its worker reports late.
        """
        newest = session.turns[-1].turn_id if session.turns else None
        shown = [one for one in restated if one.turn_id != newest or not one.is_more]
        if shown:
            from handinger_tui.core.money.reconciliation import Restatement  # few change

            # Numbered as by /receipt.
            numbered = enumerate(session.messages, 1)
            names = {turn.turn_id: f"turn {number}" for number, turn in numbered}
            self._interaction.announce(Restatement.text(shown, names), "warning")

    async def count(self) -> None:
        """Read the limits of the open session. A queue that one of them held stays held, and says so.

        Raises:
            LedgerError
        """
        await self._controller.shown.recount()

    def show(self, gauges: Sequence[Gauge]) -> None:
        """Show a warning for each limit, once at 80% and once at 100%, and renew stale amounts."""
        actor = self._controller.shown
        self._show_spent(gauges)
        # A queue stops, or stopped, at the limit, and the card above the prompt says so.
        is_in_card = bool(actor.queue.ids) and (actor.hold is None or actor.hold.gauge is not None)
        for gauge in self._controller.warned.take_new(actor.session.session_id, gauges):
            self.tell_limit(gauge.warning, gauge.part)
            if not (gauge.reached and is_in_card):
                self._interaction.announce(gauge.warning, "error" if gauge.reached else "warning")
        if self._interaction.is_in_sight and self._money_for != self._money_key():
            self._interaction.run(self._refresh_money())

    def _money_key(self) -> tuple[object, ...]:
        """What the amounts depend on besides the charges and the day: session, worker and budgets."""
        controller = self._controller
        return controller.session_id, controller.session.worker_id, self._budgets()

    def _budgets(self) -> frozenset[str]:
        """The budgets of the next message and of the queued ones."""
        controller = self._controller
        queued = (turn.request.budget for turn in controller.shown.queued)
        return frozenset({controller.budget, *filter(None, queued)})

    async def _refresh_money(self) -> None:
        """Show the typical costs of turns of this worker, and what today and the session cost.

        Behind a page nobody sees them: they are read when it is closed.

        Raises:
            LedgerError
        """
        if not self._interaction.is_in_sight:
            self._money_for = None
            return
        key = self._money_for = self._money_key()
        connection, actor = self._controller.connection, self._controller.shown
        costs = {budget: await self._controller.typical_cost(budget) for budget in self._budgets()}
        own = _of(actor.session.session_id, simulated=connection.limits.simulated)
        today, session = await connection.charges.spent_each(connection.limits.today(), own)
        if key == self._money_for == self._money_key():
            self._pane.show_typical_costs(costs)
            self._spent = today, session
            self._show_spent(actor.gauges)

    def _show_spent(self, gauges: Sequence[Gauge]) -> None:
        if self._spent is not None:
            today, session = self._spent
            self._header.set_money(today.in_header(session, gauges, self._controller.session.prices))


def _of(session_id: str, *, simulated: bool | None = None) -> ChargeFilter:
    """The filter of the charges of a session."""
    from handinger_tui.core.money.spending import ChargeFilter  # with the connection

    return ChargeFilter(session_id=session_id, simulated=simulated)
