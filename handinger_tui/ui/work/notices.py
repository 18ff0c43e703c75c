"""Notices at the end of a turn, once for each, and what the terminal shows while one runs."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.sessions.hooks import Hooks
from handinger_tui.ui.terminal.diff_app import mark_terminal
from handinger_tui.ui.terminal.notices import (
    BELL,
    NO_PROGRESS,
    NO_STATUS,
    NOTHING_RUNS,
    PROGRESS,
    STATUS_QUERY,
    Outside,
    ProgramState,
    ProgramStatus,
    outside,
    outside_of_tmux,
    status_of_program,
    takes_nothing,
    takes_queries,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.documents import LimitPart
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.ports import NoticeOptions
    from handinger_tui.ui.sessions.controller import SessionController
    from handinger_tui.ui.work.changes import EndedTurn

LONG_MS: Final = 10_000
"""A turn that took longer ends with a notice also where the terminal has the focus."""
ENDED: Final = {ProgramState.DONE, ProgramState.ERROR}


class _Seen(Struct, frozen=True):
    """What decides whether a change of a session is worth a look; a stream changes nothing of it."""

    turn_id: str = ""
    runs: bool = False
    is_held: bool = False


class Notices:
    """Tells the terminal, and the commands of the person, what has ended and what runs."""

    def __init__(
        self, controller: SessionController, interaction: Interaction, options: NoticeOptions
    ) -> None:
        self._controller = controller
        self._interaction = interaction
        warn = partial(interaction.announce, severity="warning")
        self._hooks = Hooks(options, interaction.run, warn)
        self._is_silent = options.notify == "off" or takes_nothing(os.environ)
        self._is_rich = options.notify == "auto" and not self._is_silent
        self._seen: dict[str, _Seen] = {}
        self._last: dict[str, ProgramStatus] = {}
        """The newest status of each session that this program has seen running, by its id."""
        self._shown: dict[str, ProgramStatus] = {}
        """The records of the program status that the terminal has."""
        self._takes_status = self._in_progress = False
        self._needs = ""

    # -- the terminal ------------------------------------------------------------------------------
    def ask(self) -> None:
        """Ask the terminal whether it takes program status."""
        if self._is_rich and takes_queries(os.environ):
            self._write(STATUS_QUERY)

    def takes_status(self) -> None:
        """It does."""
        self._takes_status = self._is_rich
        self._show_status()

    def renew(self) -> None:
        """Another program had the terminal, which has no mark of ours any more."""
        self._shown, self._in_progress = {}, False
        if self._controller.connected:
            self._show_status()
            self._interaction.run(self._show_progress())

    def _write(self, sequence: str, undo: str = "") -> None:
        mark_terminal(self._interaction.app, sequence, undo)

    async def _outside(self) -> Outside:
        if not self._is_rich:
            return Outside()
        return await outside_of_tmux(os.environ) if os.environ.get("TMUX") else outside(os.environ)

    # -- sessions ----------------------------------------------------------------------------------
    def handle(self, actor: SessionActor, ended: Sequence[EndedTurn]) -> None:
        """Handle a change of a session, and turns that ended by it: a stream calls it for every piece."""
        session = actor.session
        session_id, turn = session.session_id, session.started
        now = _Seen(
            "" if turn is None else turn.turn_id,
            actor.running and turn is not None and turn.live,
            bool(actor.queue.ids) and actor.queue.hold is not None,
        )
        if self._seen.get(session_id) == now and not ended:
            return
        self._seen[session_id] = now
        title = self._controller.title(actor)
        for one in ended:
            self._tell_end(one, title)
        self._note_status(session_id, title, now, ended)

    def _tell_end(self, ended: EndedTurn, title: str) -> None:
        session, turn = ended.session, ended.turn
        took_ms = 0 if turn.ended_ms is None else turn.ended_ms - turn.began_ms
        if not self._interaction.app.app_focus or took_ms > LONG_MS:
            self._interaction.run(self._ring(title, ended.words))
        self._hooks.end(session, turn)

    def tell_limit(self, warning: str, limit: LimitPart) -> None:
        """A limit is nearly or quite used up; called once for each."""
        if not self._interaction.app.app_focus:
            self._interaction.run(self._ring("Limit", warning))
        self._hooks.limit(limit)

    def tell_runaway(self, title: str, text: str) -> None:
        """A run costs far more than usual; called once for each. It rings whoever looks."""
        self._interaction.run(self._ring(title, text))

    def tell_needs(self, words: str) -> None:
        """How much needs the person: "3 need you", "" for nothing. The status of the program says it."""
        if words != self._needs:
            self._needs = words
            self._show_status()

    async def _ring(self, title: str, text: str) -> None:
        if not self._is_silent:
            # The bell first: it comes through whatever is in between.
            self._write(BELL)
            if notification := (await self._outside()).notification(title, text):
                self._write(notification)

    # -- what runs ---------------------------------------------------------------------------------
    def _note_status(self, session_id: str, title: str, now: _Seen, ended: Sequence[EndedTurn]) -> None:
        before = self._last.get(session_id)
        if now.is_held and not now.runs:
            state, message = ProgramState.BLOCKED, "The queue is held."
        elif now.runs:
            state, message = ProgramState.WORKING, ""
        elif ended:
            is_done = ended[-1].turn.status is TurnStatus.COMPLETED
            state = ProgramState.DONE if is_done else ProgramState.ERROR
            message = ended[-1].words if self._takes_status else ""
        else:
            kept = NOTHING_RUNS if before is None or before.state not in ENDED else before
            state, message = kept.state, kept.message
        if before is None and state is ProgramState.IDLE:
            return
        # The newest one is the last in order.
        self._last.pop(session_id, None)
        self._last[session_id] = ProgramStatus(state, session_id, title, message)
        self._show_status()
        self._interaction.run(self._show_progress())

    def _show_status(self) -> None:
        if not self._takes_status:
            return
        last = [*self._last.values()]
        for status in (status_of_program(self._needs, last), *last):
            if self._shown.get(status.record) != status:
                self._shown[status.record] = status
                self._write(status.sequence, NO_STATUS)

    async def _show_progress(self) -> None:
        runs = any(one.state is ProgramState.WORKING for one in self._last.values())
        if runs == self._in_progress:
            return
        self._in_progress = runs
        around = await self._outside()
        if around.progress and self._in_progress == runs:
            undo = around.passed(NO_PROGRESS)
            self._write(around.passed(PROGRESS) if runs else undo, undo)
