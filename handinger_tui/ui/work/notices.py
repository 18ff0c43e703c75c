"""Notices at the end of a turn, once for each, and what the terminal shows while one runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.jsontext import dump
from handinger_tui.core.safety import clean_json
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.terminal.diff_app import mark_terminal
from handinger_tui.ui.terminal.notices import (
    BELL,
    NO_PROGRESS,
    NO_STATUS,
    PROGRESS,
    STATUS_QUERY,
    Outside,
    ProgramState,
    ProgramStatus,
    outside,
    outside_of_tmux,
    takes_nothing,
    takes_queries,
)
from handinger_tui.ui.widgets.status_text import ended_words
from handinger_tui.ui.work.changes import FinishedTurns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.documents import LimitPart
    from handinger_tui.core.export.result import Notice
    from handinger_tui.core.turns.session import Session
    from handinger_tui.core.turns.turn import Turn
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.ports import NoticeOptions
    from handinger_tui.ui.sessions.controller import SessionController

LONG_MS: Final = 10_000
"""A turn that took longer ends with a notice also where the terminal has the focus."""
HOOK_TIMEOUT_S: Final = 60.0
"""Seconds that a command of the person may take."""
ENDED: Final = {ProgramState.DONE, ProgramState.ERROR}
NOTHING_RUNS: Final = ProgramStatus(ProgramState.IDLE)


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
        self._options = options
        self._is_silent = options.notify == "off" or takes_nothing(os.environ)
        self._is_rich = options.notify == "auto" and not self._is_silent
        self._finished = FinishedTurns()
        self._seen: dict[str, _Seen] = {}
        self._last: dict[str, ProgramStatus] = {}
        """The newest status of each session that this program has seen running, by its id."""
        self._shown: dict[str, ProgramStatus] = {}
        """The records of the program status that the terminal has."""
        self._takes_status = self._in_progress = False

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
    def remember(self, session: Session) -> None:
        """A session is opened: what has ended by now is no news."""
        self._finished.remember(session)

    def handle(self, session_id: str) -> None:
        """Handle a change of a session: a stream calls it for every piece."""
        actor = self._controller.engine.actor(session_id)
        session = actor.session
        turn = session.started
        now = _Seen(
            "" if turn is None else turn.turn_id,
            actor.running and turn is not None and turn.live,
            bool(actor.queue.ids) and actor.queue.hold is not None,
        )
        if self._seen.get(session_id) == now:
            return
        self._seen[session_id] = now
        self.remember(session)
        ended = self._finished.ended(session)
        if session_id in self._controller.checking:
            return
        for turn in ended:
            if turn.status is not TurnStatus.RUNNING:
                self._tell_end(session, turn)
        self._note_status(session, now, ended)

    def _tell_end(self, session: Session, turn: Turn) -> None:
        took_ms = 0 if turn.ended_ms is None else turn.ended_ms - turn.began_ms
        if not self._interaction.app.app_focus or took_ms > LONG_MS:
            title = self._controller.title(session.session_id)
            self._interaction.run(self._ring(title, ended_words(session, turn)))
        if self._options.on_done:
            from handinger_tui.core.export.result import notice_of_end  # few have a command

            self._run_hook(self._options.on_done, notice_of_end(session, turn))

    def tell_limit(self, warning: str, limit: LimitPart) -> None:
        """A limit is nearly or quite used up; called once for each."""
        if not self._interaction.app.app_focus:
            self._interaction.run(self._ring("Limit", warning))
        if self._options.on_limit:
            from handinger_tui.core.export.result import Notice  # few have a command

            self._run_hook(self._options.on_limit, Notice(event="limit", limit=limit))

    async def _ring(self, title: str, text: str) -> None:
        if not self._is_silent:
            # The bell first: it comes through whatever is in between.
            self._write(BELL)
            if notification := (await self._outside()).notification(title, text):
                self._write(notification)

    def _run_hook(self, command: Sequence[str], notice: Notice) -> None:
        from handinger_tui.core.documents import members  # only where a command is set

        self._interaction.run(self._feed(command, dump(clean_json(members(notice)))))

    async def _feed(self, command: Sequence[str], facts: str) -> None:
        from handinger_tui.ui.terminal.programs import feed  # subprocess, and few have a command

        if not await feed(command, facts, HOOK_TIMEOUT_S):
            text = f"{command[0]} failed, or took longer than a minute. See on_done and on_limit."
            self._interaction.announce(text, "warning")

    # -- what runs ---------------------------------------------------------------------------------
    def _note_status(self, session: Session, now: _Seen, ended: list[Turn]) -> None:
        before = self._last.get(session.session_id)
        if now.is_held and not now.runs:
            state, message = ProgramState.BLOCKED, "The queue is held."
        elif now.runs:
            state, message = ProgramState.WORKING, ""
        elif ended:
            is_done = ended[-1].status is TurnStatus.COMPLETED
            state = ProgramState.DONE if is_done else ProgramState.ERROR
            message = ended_words(session, ended[-1]) if self._takes_status else ""
        else:
            kept = NOTHING_RUNS if before is None or before.state not in ENDED else before
            state, message = kept.state, kept.message
        if before is None and state is ProgramState.IDLE:
            return
        title = self._controller.title(session.session_id)
        # The newest one is the last in order.
        self._last.pop(session.session_id, None)
        self._last[session.session_id] = ProgramStatus(state, session.session_id, title, message)
        self._show_status()
        self._interaction.run(self._show_progress())

    def _show_status(self) -> None:
        if not self._takes_status:
            return
        for status in (self._of_program(), *self._last.values()):
            if self._shown.get(status.record) != status:
                self._shown[status.record] = status
                self._write(status.sequence, NO_STATUS)

    def _of_program(self) -> ProgramStatus:
        """What needs the person comes first, then what runs; else what ended last."""
        last = [*self._last.values()]
        for state in (ProgramState.BLOCKED, ProgramState.WORKING):
            if of_state := [one for one in last if one.state is state]:
                return ProgramStatus(state, message=of_state[-1].title)
        newest = last[-1] if last else NOTHING_RUNS
        return ProgramStatus(newest.state, message=newest.message)

    async def _show_progress(self) -> None:
        runs = any(one.state is ProgramState.WORKING for one in self._last.values())
        if runs == self._in_progress:
            return
        self._in_progress = runs
        around = await self._outside()
        if around.progress and self._in_progress == runs:
            undo = around.passed(NO_PROGRESS)
            self._write(around.passed(PROGRESS) if runs else undo, undo)
