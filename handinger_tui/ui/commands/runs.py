"""The runs board, and what its keys do: none of them sends a message."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from handinger_tui.core.safety import clean, clean_line
from handinger_tui.ui.commands.session import stop_watching
from handinger_tui.ui.widgets.status_text import newest_shown

if TYPE_CHECKING:
    from collections.abc import Collection

    from handinger_tui.core.runs import Board, SessionRun
    from handinger_tui.ui.commands.command import CommandContext
    from handinger_tui.ui.pages.runs import Show

PEEKED_LINES: Final = 12
"""The last lines of an answer that are shown."""


async def show_board(context: CommandContext) -> None:
    """Show the runs board."""
    from handinger_tui.ui.pages.runs import RunsPage  # 20 ms

    context.switcher.refuse_in_replay()
    acts = {
        name: partial(act, context)
        for name, act in (
            ("peek", _peek),
            ("watch", _watch),
            ("read", _mark_read),
            ("pin", _pin),
            ("snooze", _snooze),
            ("address", _open_address),
        )
    }
    shows: dict[str, Show] = {"open": context.switcher.open, "reply": partial(_reply, context)}
    controller = context.controller

    async def board(everything: bool, also: Collection[str]) -> Board:
        return await controller.board(everything=everything, also=also)

    page = RunsPage(board, acts, shows, context.interaction, context.now_ms)
    await context.interaction.ask(page)


async def _reply(context: CommandContext, session_id: str) -> None:
    """Show the session with the focus in its prompt, and what a message costs."""
    controller = context.controller
    if session_id == controller.session_id or await context.switcher.open(session_id):
        cost = (await controller.typical_cost(controller.budget)).about
        context.interaction.say(f"Your reply: {cost}. Nothing is sent until you press Enter.")


async def _peek(context: CommandContext, run: SessionRun) -> None:
    """Show the end of the newest answer and its receipt, from the history."""
    from handinger_tui.core.receipts import receipt_line  # no money before the first turn

    controller = context.controller
    session = controller.session_of(await controller.open(run.session_id))
    turn = newest_shown(session)
    lines = [] if turn is None else clean(turn.answer).strip().splitlines()[-PEEKED_LINES:]
    receipt = "" if turn is None else receipt_line(session, turn)
    body = "\n".join(lines) or "No answer yet."
    await context.interaction.notice(clean_line(run.title, 60), f"{body}\n\n{receipt or run.cost}")


async def _watch(context: CommandContext, run: SessionRun) -> str | None:
    """Watch a run by GETs, or stop watching it."""
    controller = context.controller
    actor = controller.engine.actor(await controller.open(run.session_id))
    if actor.running:
        return "You stopped watching it." if await stop_watching(context, actor) else None
    is_watched = await controller.watch_unwatched(run.session_id)
    return "You are watching it now." if is_watched else "Nothing runs there that can be watched."


async def _mark_read(context: CommandContext, run: SessionRun) -> str:
    await context.controller.connection.history.mark_read(run.session_id)
    return "Marked as read."


async def _pin(context: CommandContext, run: SessionRun) -> str:
    at_ms = None if run.pinned else context.now_ms()
    await context.controller.connection.history.pin(run.session_id, at_ms)
    return "No longer pinned." if run.pinned else "Pinned."


async def _snooze(context: CommandContext, run: SessionRun) -> str:
    from handinger_tui.core.runs import SNOOZE_MS  # with the board

    now_ms = context.now_ms()
    is_snoozed = run.snoozed_ms > now_ms
    until_ms = None if is_snoozed else now_ms + SNOOZE_MS
    await context.controller.connection.history.snooze(run.session_id, until_ms)
    return "No longer snoozed." if is_snoozed else "Snoozed for an hour."


async def _open_address(context: CommandContext, run: SessionRun) -> str | None:
    if not run.url:
        return "The service named no address for this run."
    await context.interaction.open_link(run.url, None)
    return None
