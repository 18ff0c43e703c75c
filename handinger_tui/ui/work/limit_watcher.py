"""Keeps the limits, the budget chip and the warnings about money of the screen up to date."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from handinger_tui.core.errors import ApiError, LedgerError
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.turns.session import with_status
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.sessions.controller import SETTLE_S
from handinger_tui.ui.widgets.status_text import WORKED_ON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from handinger_tui.core.documents import LimitPart
    from handinger_tui.core.money.reconciliation import Restatement
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.sessions.controller import SessionController
    from handinger_tui.ui.widgets.frame import HeaderLine
    from handinger_tui.ui.work.pane import SessionPane

CHECKS_PER_S: Final = 1.0
"""How often per second the screen checks whether charges or limits were written."""
READ_WORKERS_EVERY_S: Final = 60.0
"""Seconds between two readings of all workers with detached turns or amounts that are not settled."""
READ_WORKERS_AFTER_S: Final = 5.0
"""Seconds from the start to the first of them."""
MOST_FAILURES: Final = 5
"""After this many failures 32 readings of the turn on the screen are left out: one is made each minute."""


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

    def __init__(
        self,
        controller: SessionController,
        interaction: Interaction,
        pane: SessionPane,
        header: HeaderLine,
        now_ms: Callable[[], int],
    ) -> None:
        self._controller = controller
        self._now_ms = now_ms
        self._interaction = interaction
        self._pane = pane
        self._header = header
        self._money_for: tuple[object, ...] | None = None
        """What the money that is shown was read for."""
        self._is_checking = False
        self._is_reading = False
        self._failures = self._skips = 0
        """How many readings of the turn on the screen failed one after the other; how many are left out."""

    def show_others(self) -> None:
        """Show how many other sessions run, watched or not, and what they took so far.

        A session that was to be deleted is deleted once it no longer runs.
        """
        if self._controller.to_delete and not self._controller.deleting.locked():
            from handinger_tui.ui.sessions.deletion import Deletions  # few are deleted

            self._interaction.run(Deletions(self._controller).delete_ended())
        runs = []
        for session in self._controller.opened_sessions:
            turn = next(with_status(session.turns, WORKED_ON), None) or session.unwatched
            if turn is not None and session.session_id != self._controller.session_id:
                runs.append((session, turn))
        if not runs:
            self._header.set_others(0, "")
            return
        from handinger_tui.core.money.session_cost import runs_cost  # no money before the first turn

        self._header.set_others(len(runs), runs_cost(runs))

    async def _show_needs(self) -> None:
        """Show how much needs the person, in any session."""
        from handinger_tui.core.runs import needs_words  # with the connection

        board = await self._controller.board()
        self._header.set_needs(needs_words(len(board.needs(self._now_ms()))))

    def check_soon(self) -> None:
        """Count again if any program has written charges or limits, and reload the open screens then.

        Does nothing while the check before still runs.
        """
        if not self._is_checking:
            self._interaction.run(self._check())

    async def _check(self) -> None:
        self._is_checking = True
        try:
            # An unreadable history is reported where it is needed, not once a second.
            with suppress(LedgerError):
                session_id = self._controller.session_id
                which = ChargeFilter(session_id=session_id)
                restated = await self._controller.connection.charges.news(which)
                if restated is not None:
                    # What the screens compare is in the session after it was counted. A change is announced
                    # when every place shows it.
                    try:
                        await self._controller.engine.take_offers()
                        await self.count()
                        await self._refresh_money()
                    finally:
                        # Those that are open now: others were closed in the meantime.
                        reload(self._interaction.app.screen_stack)
                        self._show_restatements(session_id, restated)
                elif self._money_for != self._money_key():
                    # Midnight has passed.
                    await self._refresh_money()
                await self._show_needs()
        finally:
            self._is_checking = False

    def _show_restatements(self, session_id: str, restated: Sequence[Restatement]) -> None:
        """Show once which final amounts of the session changed.

        The receipt of the newest turn is in sight, and grows with what its worker reports late.
        """
        turns = self._controller.session_of(session_id).turns
        newest = turns[-1].turn_id if turns else None
        shown = [one for one in restated if one.turn_id != newest or not one.is_more]
        if shown:
            from handinger_tui.core.money.reconciliation import restatement_text  # few change

            # Numbered as by /receipt.
            numbered = enumerate((turn for turn in turns if turn.status is not TurnStatus.QUEUED), 1)
            names = {turn.turn_id: f"turn {number}" for number, turn in numbered}
            self._interaction.announce(restatement_text(shown, names), "warning")

    async def read_workers(self) -> None:
        """Read the workers of detached turns, and of turns whose amount is not settled.

        The end of a turn frees what it has reserved; a service may report costs some time after the end.

        Raises:
            LedgerError
        """
        from handinger_tui.engine.inbox import Busy  # with the connection

        controller = self._controller
        for actor in [controller.engine.actor(one.session_id) for one in controller.running_elsewhere]:
            # A worker that cannot be read now is read the next time; a session may be deleted meanwhile.
            with suppress(ApiError, Busy):
                await actor.refresh_detached()
        await self._controller.engine.settle_open_turns(SETTLE_S)

    def read_shown_soon(self) -> None:
        """Read the worker of the session on the screen while its turn runs unwatched.

        Does nothing while the reading before still runs. After failures fewer are made.
        """
        controller = self._controller
        state = controller.state_of(controller.session_id)
        if self._is_reading or not state.busy or controller.session.service != controller.engine.service:
            return
        if self._skips:
            self._skips -= 1
        else:
            self._interaction.run(self._read_shown())

    async def _read_shown(self) -> None:
        self._is_reading = True
        try:
            # The history is read where it is needed, and reported there.
            with suppress(LedgerError):
                await self._controller.engine.actor(self._controller.session_id).refresh_detached()
            self._failures = 0
        except ApiError:
            self._failures = min(self._failures + 1, MOST_FAILURES)
            self._skips = 2**self._failures
        finally:
            self._is_reading = False

    async def count(self) -> None:
        """Read the limits of the open session. A queue that one of them held stays held, and says so.

        Raises:
            LedgerError
        """
        await self._controller.engine.actor(self._controller.session_id).recount()

    def show(self, gauges: Sequence[Gauge]) -> None:
        """Show a warning for each limit, once at 80% and once at 100%, and renew stale amounts."""
        session_id = self._controller.session_id
        hold = self._controller.hold_of(session_id)
        # A queue stops, or stopped, at the limit, and the card above the prompt says so.
        is_in_card = bool(self._controller.queue_of(session_id)) and (hold is None or hold.gauge is not None)
        for gauge in self._controller.warned.take_new(session_id, gauges):
            self.tell_limit(gauge.warning, gauge.part)
            if not (gauge.reached and is_in_card):
                self._interaction.announce(gauge.warning, "error" if gauge.reached else "warning")
        if self._money_for != self._money_key():
            self._interaction.run(self._refresh_money())

    def _money_key(self) -> tuple[object, ...]:
        """What the amounts depend on besides the charges: session, worker, budgets and day."""
        controller = self._controller
        today = controller.connection.limits.today()
        return controller.session_id, controller.session.worker_id, self._budgets(), today

    def _budgets(self) -> frozenset[str]:
        """The budgets of the next message and of the queued ones."""
        controller = self._controller
        queued = (turn.request.budget for turn in controller.queue_of(controller.session_id))
        return frozenset({controller.budget, *filter(None, queued)})

    async def _refresh_money(self) -> None:
        """Show the typical costs of turns of this worker, and what today and the session cost.

        Raises:
            LedgerError
        """
        key = self._money_for = self._money_key()
        connection, session_id = self._controller.connection, self._controller.session_id
        costs = {budget: await self._controller.typical_cost(budget) for budget in self._budgets()}
        own = ChargeFilter(session_id=session_id, simulated=connection.limits.simulated)
        today = await connection.charges.spent(connection.limits.today())
        session = await connection.charges.spent(own)
        if key == self._money_for:
            self._pane.show_typical_costs(costs)
            self._header.set_money(today, session)
