"""The runs board, and what its keys do: none of them sends a message."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from handinger_tui.core.safety import clean, clean_line
from handinger_tui.ui.commands.session import stop_watching
from handinger_tui.ui.front import open_judged
from handinger_tui.ui.widgets.status_text import newest_shown

if TYPE_CHECKING:
    from collections.abc import Collection

    from handinger_tui.core.runs import Board, PlannedRun, SessionRun
    from handinger_tui.ui.commands.command import CommandContext
    from handinger_tui.ui.pages.runs import EntryAct, Show

PEEKED_LINES: Final = 8
"""The last lines of an answer that are shown."""


async def show_board(context: CommandContext) -> None:
    """Show the runs board."""
    from handinger_tui.ui.pages.runs import RunsPage  # 20 ms

    context.switcher.refuse_in_replay()
    acts: dict[str, EntryAct] = {
        name: partial(act, context)
        for name, act in (
            ("add", _add),
            ("peek", _peek),
            ("watch", _watch),
            ("read", _mark_read),
            ("pin", _pin),
            ("snooze", _snooze),
            ("address", _open_address),
            ("webhook", _show_webhook),
            ("change", _change_plan),
        )
    }
    shows: dict[str, Show] = {"open": context.switcher.open, "reply": partial(_reply, context)}
    controller = context.controller

    async def board(everything: bool, also: Collection[str]) -> Board:
        board = await controller.board(everything=everything, also=also)
        _renew_webhooks(context, board)
        return board

    page = RunsPage(board, acts, shows, context.interaction, context.now_ms, controller.see_rows)
    try:
        await context.interaction.ask(page)
    finally:
        controller.see_rows("", frozenset())


def _renew_webhooks(context: CommandContext, board: Board) -> None:
    """Read the webhooks that are known again when they are due: only while somebody looks at the board."""
    from handinger_tui.ui.commands.workers import webhook_of

    connection, now_ms = context.controller.connection, context.now_ms()
    poller = connection.engine.poller
    for one in board.webhooks:
        if poller is not None and one.base_url == connection.base_url and one.is_due(now_ms):
            hook = webhook_of(context, one.worker_id)
            if hook is not None:
                poller.read_more(one.worker_id, hook.read_for_board)


async def _reply(context: CommandContext, session_id: str) -> None:
    """Show the session with the focus in its prompt, and what a message costs."""
    controller = context.controller
    if session_id == controller.session_id or await context.switcher.open(session_id):
        cost = (await controller.typical_cost(controller.budget)).about
        context.interaction.say(f"Nothing is sent until Enter. Your reply: {cost}.")


async def _add(context: CommandContext, worker: str) -> str | None:
    """Read a worker that is not known here, and watch what it runs; the id of its session."""
    controller = context.controller
    worker_id = controller.connection.target_in(worker)
    session_id = await controller.adopt(await controller.open_worker(worker_id))
    actor = controller.actor(session_id)
    await controller.watch_unwatched(actor)
    return session_id if actor.session.turns else None


async def _peek(context: CommandContext, run: SessionRun) -> None:
    """Show the receipt of the newest answer and its end, from the history."""
    from handinger_tui.core.export.result import money_words  # no money before the first turn

    controller = context.controller
    session = controller.actor(await controller.open(run.session_id)).session
    turn = newest_shown(session)
    lines = [] if turn is None else clean(turn.answer).strip().splitlines()[-PEEKED_LINES:]
    receipt = "" if turn is None else money_words(session, turn)["receipt"]
    body = "\n".join(lines) or "No answer yet."
    await context.interaction.notice(clean_line(run.title, 60), f"{receipt or run.cost}\n\n{body}")


async def _watch(context: CommandContext, run: SessionRun) -> str | None:
    """Watch a run by GETs, or stop watching it."""
    controller = context.controller
    actor = controller.actor(await controller.open(run.session_id))
    if actor.running:
        return "You stopped watching it." if await stop_watching(context, actor) else None
    is_watched = await controller.watch_unwatched(actor)
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


async def _change_plan(context: CommandContext, plan: PlannedRun) -> str | None:
    """Replace a schedule as it is by now: what the board shows of it was read some time ago."""
    from handinger_tui.ui.commands.workers import schedules_of
    from handinger_tui.ui.pages.schedules import change_schedule

    schedules = schedules_of(context, plan.worker_id)
    if schedules is None or plan.base_url != context.controller.connection.base_url:
        return "This schedule belongs to another service."
    listed = (await schedules.read()).listed.schedules
    old = next((one for one in listed if one.schedule_id == plan.schedule_id), None)
    if old is None:
        return "This schedule no longer exists."
    return await change_schedule(schedules.at(old.budget), context.interaction, old)


async def _show_webhook(context: CommandContext, run: SessionRun) -> str | None:
    """Show the deliveries of the webhook that fails."""
    from handinger_tui.ui.commands.workers import show_webhook, webhook_of

    if run.webhook is None:
        return "Its webhook does not fail, as far as is known; /webhook in its session shows it."
    hook = webhook_of(context, run.webhook.worker_id)
    if hook is None or run.service != context.controller.engine.service:
        return "This webhook belongs to another service."
    await show_webhook(context, hook)
    return None


async def _open_address(context: CommandContext, run: SessionRun) -> str | None:
    if not run.url:
        return "The service named no address for this run."
    await open_judged(context.interaction, run.url, None, context.controller.open_link)
    return None
