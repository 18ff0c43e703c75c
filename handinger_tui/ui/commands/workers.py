"""Commands about stored workers and their tasks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.command import Command, CommandContext
from handinger_tui.ui.commands.session import attach

if TYPE_CHECKING:
    from handinger_tui.core.stored_workers import StoredWorker
    from handinger_tui.engine.gallery import Gallery

NONE_HERE: Final = "This service has no stored workers: they are part of the tasks generation of the API."


def _gallery(context: CommandContext) -> Gallery | None:
    gallery = context.controller.connection.gallery
    if gallery is None:
        context.interaction.say(NONE_HERE, "warning")
    return gallery


async def workers(context: CommandContext, argument: str) -> None:
    """Show the gallery, at the worker that an id or address names."""
    from handinger_tui.ui.pages.workers import (  # once it is asked for
        WorkerActions,
        WorkersScreen,
    )

    gallery, controller, run = _gallery(context), context.controller, context.interaction.run
    if gallery is None:
        return
    place_of = controller.connection.place_of

    def worker_in(text: str) -> str:
        return place_of(text)[1] or text

    chosen = worker_in(argument) if argument else controller.session.template or ""
    if argument and all(one.worker_id != chosen for one in await gallery.listed()):
        await gallery.read(chosen)
    actions = WorkerActions(
        open_session=lambda session_id: run(_open(context, session_id)),
        begin_task=lambda worker: run(begin_task(context, worker)),
        open_task=lambda text: run(attach(context, text)),
        worker_in=worker_in,
    )
    page = WorkersScreen(gallery, controller.connection.history, actions, context.now_ms, chosen)
    await context.interaction.ask(page)


async def _open(context: CommandContext, session_id: str) -> None:
    await context.switcher.switch(partial(context.controller.open, session_id))


async def begin_task(context: CommandContext, worker: StoredWorker) -> None:
    """Show a new session whose first message begins a task of the worker; nothing is sent."""

    async def create() -> str:
        return context.controller.new_session(template=worker.worker_id)

    if await context.switcher.switch(create):
        name = clean_line(worker.name, 60)
        context.interaction.say(f"New task of “{name}”. Nothing was sent.")


async def archive(context: CommandContext, _argument: str) -> None:
    """Archive the task of this session, after a question."""
    from handinger_tui.ui.pages.workers import archive_question  # once it is asked for

    gallery, session = _gallery(context), context.controller.session
    if gallery is None:
        return
    if session.worker_id is None or not context.controller.belongs_here(session):
        context.interaction.say("There is no task of this service in this session.", "warning")
    elif await context.interaction.ask(archive_question(session.title)):
        done = await gallery.archive(session.worker_id)
        context.interaction.say(
            "The service did not archive it." if done is False else "Archived. This session stays here."
        )


WORKERS: Final = (
    Command("workers", "Stored workers: create, edit, start a task", workers, takes="[ID]"),
    Command("archive", "Archive the task of this session", archive),
)
