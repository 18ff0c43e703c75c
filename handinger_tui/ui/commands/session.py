"""Commands about sessions: open, begin, watch, leave alone, rename."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.safety import clean_line
from handinger_tui.core.turn import TurnStatus
from handinger_tui.ui.commands.command import Command, Context

STOP_WATCHING: Final = (
    "The worker keeps running and may keep charging.\n\nTo come back: Enter on an empty prompt or /attach"
)

MAIL_COSTS: Final = "A message to this address starts a turn of the worker, which may cost. Copied."


async def new(to: Context) -> None:
    """A fresh session; what runs goes on."""
    await to.stage.keep_draft()
    to.desk.fresh()
    await to.stage.arrive([])


async def sessions(to: Context) -> None:
    """Open by id, or choose from the list."""
    chosen = await to.desk.find(to.rest) if to.rest else None
    if chosen is None:
        from handinger_tui.ui.screens.sessions import SessionPicker  # noqa: PLC0415 - once it is asked for

        desk = to.desk
        picker = SessionPicker(desk.shelf, to.stage.now_ms, desk.session_id, lambda: desk.met)
        chosen = await to.stage.ask(picker)
    if chosen is None or chosen == to.desk.session_id:
        return
    await to.stage.keep_draft()
    await to.stage.arrive(await to.desk.open(chosen))


async def attach(to: Context) -> None:
    """Watch a worker by id; without one, the turn of this session that still runs."""
    if to.rest:
        await to.stage.keep_draft()
        await to.stage.arrive(await to.desk.open_worker(to.rest.split()[0]))
        return
    session = to.desk.session
    if session.busy:
        to.stage.say("It is being watched already.")
    elif session.worker_id is None:
        to.stage.say("This session has no worker yet. /attach ID watches any worker.", "warning")
    elif session.current is not None and session.current.status is TurnStatus.UNKNOWN:
        # If it arrived, its text must not wait in the box for another Enter; if not, it comes back.
        if to.stage.typed().strip() == session.current.order.prompt.strip():
            to.stage.put("")
            to.stage.drafting.clear_files()
        await to.desk.engine.watch(session.session_id)
    elif not await to.desk.watch_unwatched():
        await to.desk.engine.adopt(session.session_id)
        to.stage.say("Read the worker: this is its newest state.")


async def detach(to: Context) -> None:
    """Stop watching, after a question that says what it means."""
    if not to.desk.session.busy:
        to.stage.say("Nothing is running here.")
        return
    from handinger_tui.ui.screens.dialogs import Confirm  # noqa: PLC0415 - once there is a question

    # The local worker ends with the program, so there is no coming back later.
    later = " while the program runs." if to.desk.connection.badge.local else ", now or after the next start."
    question = Confirm("Stop watching?", STOP_WATCHING + later, yes="Stop watching", no="Keep watching")
    if await to.stage.ask(question):
        to.desk.detach()


async def rename(to: Context) -> None:
    """Another title for this session."""
    session = to.desk.session
    if not session.turns:
        to.stage.say("The first message gives the session its title.", "warning")
        return
    from handinger_tui.ui.screens.dialogs import Ask  # noqa: PLC0415 - once there is a question

    title = to.rest or await to.stage.ask(Ask("Rename the session", clean_line(session.title)))
    if title:
        await to.desk.rename(title)
        to.stage.refresh()


async def email(to: Context) -> None:
    """The address of this session's worker, shown and copied."""
    worker_id = to.desk.session.worker_id
    if worker_id is None:
        to.stage.say("This session has no worker yet: its first message makes one.", "warning")
        return
    if not to.desk.at_home(to.desk.session):
        to.stage.say("This session belongs to another service: its worker is not asked from here.", "warning")
        return
    from handinger_tui.ui.screens.dialogs import Notice  # noqa: PLC0415 - once there is something to say

    address = clean_line(await to.desk.connection.email(worker_id))
    to.stage.copy(address, "the worker's e-mail address")
    await to.stage.ask(Notice("E-mail to this worker", f"{address}\n\n{MAIL_COSTS}"))


SESSION: Final = (
    Command("new", "Start with a new worker", new, ("clear",)),
    Command("sessions", "Open another session", sessions, ("resume", "continue"), "[ID]"),
    Command("attach", "Watch a worker that may be running", attach, takes="[ID]"),
    Command("detach", "Stop watching; the worker keeps running", detach),
    Command("email", "The worker's e-mail address, shown and copied", email),
    Command("rename", "Give the session another title", rename, takes="[TITLE]"),
)
