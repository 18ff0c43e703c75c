"""The commands of the person that hear of the end of a turn and of a limit: `on_done` and `on_limit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from handinger_tui.core.documents import LimitPart
    from handinger_tui.core.export.result import Notice
    from handinger_tui.core.turns.session import Session
    from handinger_tui.core.turns.turn import Turn
    from handinger_tui.ui.ports import NoticeOptions

TIMEOUT_S: Final = 60.0
"""Seconds that a command may take."""


class Hooks:
    """Runs them, each with its facts as JSON on standard input. What they need is loaded with the first."""

    def __init__(
        self,
        options: NoticeOptions,
        run: Callable[[Coroutine[Any, Any, None]], object],
        warn: Callable[[str], object],
    ) -> None:
        """`run` awaits a coroutine in the background."""
        self._options = options
        self._run = run
        self._warn = warn

    def end(self, session: Session, turn: Turn) -> None:
        """A turn has ended."""
        if self._options.on_done:
            from handinger_tui.core.export.result import notice_of_end

            self._start(self._options.on_done, notice_of_end(session, turn))

    def limit(self, limit: LimitPart) -> None:
        """A limit is nearly or quite used up."""
        if self._options.on_limit:
            from handinger_tui.core.export.result import Notice

            self._start(self._options.on_limit, Notice(event="limit", limit=limit))

    def _start(self, command: Sequence[str], notice: Notice) -> None:
        from handinger_tui.core.documents import members
        from handinger_tui.core.jsontext import dump
        from handinger_tui.core.safety import clean_json

        self._run(self._feed(command, dump(clean_json(members(notice)))))

    async def _feed(self, command: Sequence[str], facts: str) -> None:
        from handinger_tui.ui.terminal.programs import feed

        if not await feed(command, facts, TIMEOUT_S):
            self._warn(f"{command[0]} failed, or took longer than a minute. See on_done and on_limit.")
