"""Commands about sessions: start, open, attach, detach, rename and e-mail."""

from __future__ import annotations

from functools import partial
from typing import Final

from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.commands.command import Command, Context
from handinger_tui.ui.widgets.status_text import waiting_words

STOP_WATCHING: Final = (
    "The worker keeps running and may keep charging.\n\nTo come back: Enter on an empty prompt or /attach"
)

MAIL_COSTS: Final = "A message to this address starts a turn of the worker, which may cost. Copied."


async def new(context: Context) -> None:
    """Show a new session; running turns continue."""
    await context.stage.switch(context.desk.fresh)


async def sessions(context: Context) -> None:
    """Open a session by its id, or choose one from the list."""
    desk = context.desk
    if context.rest:

        async def find() -> str:
            return await desk.open(await desk.find(context.rest))

        await context.stage.switch(find)
        return
    from handinger_tui.ui.dialogs.sessions import SessionPicker  # noqa: PLC0415 - once it is asked for

    picker = SessionPicker(desk.shelf, context.stage.now_ms, desk.session_id, lambda: desk.opened_sessions)
    chosen = await context.stage.ask(picker)
    if chosen is not None and chosen != desk.session_id:
        await context.stage.switch(partial(desk.open, chosen))


async def attach(context: Context) -> None:
    """Watch a worker by its id; without an id, the running turn of this session."""
    desk = context.desk
    if context.rest:
        worker_id = context.rest.split()[0]
        doing = f"Attaching {clean_line(worker_id, 40)}…"
        session_id = await context.stage.switch(partial(desk.read_worker, worker_id), doing)
        if session_id:
            await desk.watch_unwatched(session_id)
        return
    session = desk.session
    session_id = session.session_id
    sent = session.sent
    if desk.engine.actor(session_id).running:
        context.stage.say("You are already watching this worker.")
    elif session.worker_id is None:
        context.stage.say("This session has no worker yet. /attach ID watches any worker.", "warning")
    elif sent is not None and sent.status is TurnStatus.UNKNOWN:
        # Clear the prompt, so that another Enter cannot send it again. If it never arrived, the
        # text comes back.
        if context.stage.typed().strip() == sent.order.prompt.strip():
            context.stage.put("")
            context.stage.composer.clear_files()
        await desk.engine.actor(session_id).watch()
    elif not await desk.watch_unwatched(session_id):
        await desk.engine.adopt(session_id)
        context.stage.say("Updated.")


async def detach(context: Context) -> None:
    """Stop watching, after a question that explains the consequences."""
    desk = context.desk
    session_id = desk.session_id
    if not desk.engine.actor(session_id).running:
        context.stage.say("Nothing is running here.")
        return
    from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

    # The local worker ends with the program, so its turn cannot be watched after the next start.
    later = " while the program runs." if desk.connection.badge.local else ", now or after the next start."
    waiting = len(desk.queue_of(session_id))
    queued = f"\n\n{waiting_words(waiting)} until you come back." if waiting else ""
    question = Confirm(
        "Stop watching?", STOP_WATCHING + later + queued, yes="Stop watching", no="Keep watching"
    )
    if await context.stage.ask(question):
        desk.engine.actor(session_id).detach()


async def rename(context: Context) -> None:
    """Set the title of this session, or ask for it."""
    session = context.desk.session
    if not session.turns:
        context.stage.say("The first message gives the session its title.", "warning")
        return
    from handinger_tui.ui.dialogs.confirm import Ask  # noqa: PLC0415 - once there is a question

    title = context.rest or await context.stage.ask(Ask("Rename the session", clean_line(session.title)))
    if title:
        await context.desk.rename(session.session_id, title)
        context.stage.refresh()


async def email(context: Context) -> None:
    """Show and copy the e-mail address of this session's worker."""
    worker_id = context.desk.session.worker_id
    if worker_id is None:
        context.stage.say("This session has no worker yet: its first message makes one.", "warning")
        return
    if not context.desk.belongs_here(context.desk.session):
        context.stage.say(
            "This session belongs to another service: its worker is not asked from here.", "warning"
        )
        return
    from handinger_tui.ui.dialogs.confirm import Notice  # noqa: PLC0415 - once there is something to say

    address = clean_line(await context.desk.connection.email(worker_id))
    context.stage.copy(address, "the worker's e-mail address")
    await context.stage.ask(Notice("E-mail to this worker", f"{address}\n\n{MAIL_COSTS}"))


SESSION: Final = (
    Command("new", "Start with a new worker", new, ("clear",)),
    Command("sessions", "Open another session", sessions, ("resume", "continue"), "[ID]"),
    Command("attach", "Watch a worker that may be running", attach, takes="[ID]"),
    Command("detach", "Stop watching; the worker keeps running", detach),
    Command("email", "The worker's e-mail address, shown and copied", email),
    Command("rename", "Give the session another title", rename, takes="[TITLE]"),
)
