"""Commands about sessions: start, open, attach, detach, rename, export and email."""

from __future__ import annotations

from functools import partial
from typing import Final

from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.commands.command import Command, CommandContext
from handinger_tui.ui.widgets.status_text import waiting_words

COME_BACK: Final = "To come back, press Enter on an empty prompt or use /attach"
STOP_WATCHING: Final = (
    f"The worker keeps running and may keep charging.\n\n{COME_BACK}, now or the next time you start."
)
STOP_WATCHING_LOCAL: Final = f"The local worker keeps running until you quit.\n\n{COME_BACK} before you quit."
"""It ends with the program, so its turn cannot be watched after the next start."""

MAIL_COSTS: Final = (
    "Every message to this address starts a turn, which may cost money. The address was copied."
)


async def new(context: CommandContext, _argument: str) -> None:
    """Show a new session; running turns continue."""

    async def create() -> str:
        return context.controller.new_session()

    await context.switcher.switch(create)


async def sessions(context: CommandContext, argument: str) -> None:
    """Open a session by its id, or choose one from the list."""
    controller = context.controller
    if argument:

        async def find() -> str:
            return await controller.open(await controller.find(argument))

        await context.switcher.switch(find)
    else:
        await _choose_session(context)


async def runs(context: CommandContext, _argument: str) -> None:
    """Choose from the sessions whose worker runs."""
    await _choose_session(context, running_only=True)


async def _choose_session(context: CommandContext, *, running_only: bool = False) -> None:
    from handinger_tui.ui.dialogs.pickers import SessionPicker  # noqa: PLC0415 - once it is asked for

    controller = context.controller
    picker = SessionPicker(
        controller.connection.history,
        context.now_ms,
        controller.session_id,
        lambda: controller.opened_sessions,
        running_only=running_only,
    )
    chosen = await context.interaction.ask(picker)
    if chosen is not None and chosen != controller.session_id:
        await context.switcher.switch(partial(controller.open, chosen))


async def attach(context: CommandContext, argument: str) -> None:
    """Watch a worker by its id; without an id, the running turn of this session."""
    if argument:
        target_in = context.controller.connection.target_in
        await _attach_worker(context, target_in(argument.split(maxsplit=1)[0]))
        return
    controller, say = context.controller, context.interaction.say
    session = controller.session
    session_id, sent = session.session_id, session.sent
    actor = controller.engine.actor(session_id)
    if actor.running:
        say("You are already watching this worker.")
    elif session.worker_id is None:
        say("This session has no worker yet. Use /attach ID to watch any worker.", "warning")
    elif sent is not None and sent.status is TurnStatus.UNKNOWN:
        # Clear the prompt, so that another Enter cannot send it again. If it never arrived, the
        # text comes back.
        if context.pane.prompt.text.strip() == sent.order.prompt.strip():
            context.composer.replace_text("")
            context.composer.clear_files()
        await actor.watch()
    elif not await controller.watch_unwatched(session_id):
        await controller.engine.adopt(session_id)
        say("Updated.")


async def _attach_worker(context: CommandContext, worker_id: str) -> None:
    """Show the session of a worker, read what the worker did elsewhere, and watch its running turn."""
    controller = context.controller

    async def read() -> str:
        session_id = await controller.open_worker(worker_id)
        await controller.engine.adopt(session_id)
        return session_id

    session_id = await context.switcher.switch(read, f"Attaching {clean_line(worker_id, 40)}…")
    if session_id:
        await controller.watch_unwatched(session_id)


async def detach(context: CommandContext, _argument: str) -> None:
    """Stop watching, after a question that explains the consequences."""
    controller, interaction = context.controller, context.interaction
    actor = controller.engine.actor(controller.session.session_id)
    if not actor.running:
        interaction.say("Nothing is running in this session.")
        return
    body = STOP_WATCHING_LOCAL if controller.connection.badge.local else STOP_WATCHING
    waiting = len(controller.queue_of(actor.session.session_id))
    queued = f"\n\n{waiting_words(waiting)} until you come back." if waiting else ""
    if await interaction.confirm("Stop watching?", body + queued, yes="Stop watching", no="Keep watching"):
        actor.detach()


async def rename(context: CommandContext, argument: str) -> None:
    """Set the title of this session, or ask for it."""
    session = context.controller.session
    if not session.turns:
        context.interaction.say("Nothing to rename yet. The first message becomes the title.", "warning")
        return
    title = argument or await context.interaction.ask_text("Rename the session", clean_line(session.title))
    if title:
        await context.controller.rename(session.session_id, title)
        context.repaint()


async def export(context: CommandContext, argument: str) -> None:
    """Save the session in the form that the argument names, as Markdown without one.

    Raises:
        ApiError: the file cannot be saved.
    """
    from handinger_tui.core.export.exporters import SESSION_EXPORTERS  # noqa: PLC0415 - only for an export

    name = argument.strip().lower() or SESSION_EXPORTERS[0].name
    exporter = next((candidate for candidate in SESSION_EXPORTERS if candidate.name == name), None)
    controller, say = context.controller, context.interaction.say
    if exporter is None:
        names = ", ".join(candidate.name for candidate in SESSION_EXPORTERS)
        say(f"Unknown format {clean_line(name, 40)}. Use one of: {names}.", "warning")
    elif not controller.session.turns:
        say("Nothing to export yet.", "warning")
    else:
        file_name = f"session-{controller.session.session_id}{exporter.suffix}"
        path = await controller.connection.save_text(file_name, exporter.render(controller.session))
        say(f"Saved to {path}")


async def email(context: CommandContext, _argument: str) -> None:
    """Show and copy the email address of this session's worker."""
    controller, interaction = context.controller, context.interaction
    worker_id = controller.session.worker_id
    if worker_id is None:
        interaction.say("This session has no worker yet. The first message creates one.", "warning")
        return
    if not controller.belongs_here(controller.session):
        interaction.say(
            "This session belongs to another service, so its email address is not available here.", "warning"
        )
        return
    address = clean_line(await controller.connection.email(worker_id))
    interaction.copy(address, "the worker's email address")
    await interaction.notice("Email this worker", f"{address}\n\n{MAIL_COSTS}")


SESSION: Final = (
    Command("new", "Start a new session", new, ("clear",)),
    Command("sessions", "Open another session", sessions, ("resume", "continue"), "[ID]"),
    Command("runs", "List sessions with a running worker", runs),
    Command("attach", "Watch a running worker", attach, takes="[ID]"),
    Command("detach", "Stop watching; the worker keeps running", detach),
    Command("email", "Show and copy the worker's email address", email),
    Command("rename", "Rename this session", rename, takes="[TITLE]"),
    Command("export", "Save this session to a file", export, takes="[FORMAT]"),
)
