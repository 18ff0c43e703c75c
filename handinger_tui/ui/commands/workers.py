"""Commands about workers beyond messages: stored ones, their tasks, schedules, email address and webhook."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from handinger_tui.core.formatting import moment_at
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.command import Command, CommandContext
from handinger_tui.ui.commands.session import attach
from handinger_tui.ui.front import OPENING_SESSION

if TYPE_CHECKING:
    from handinger_tui.core.stored_workers import StoredWorker
    from handinger_tui.core.turns.session import Session
    from handinger_tui.engine.schedules import WorkerSchedules
    from handinger_tui.engine.stored_workers import StoredWorkerCatalog
    from handinger_tui.engine.webhooks import WorkerWebhook

NONE_HERE: Final = "This service has no stored workers: they are part of the tasks generation of the API."


def _stored_workers(context: CommandContext) -> StoredWorkerCatalog | None:
    stored_workers = context.controller.connection.stored_workers
    if stored_workers is None:
        context.interaction.say(NONE_HERE, "warning")
    return stored_workers


async def workers(context: CommandContext, argument: str) -> None:
    """Show the stored workers, at the one that an id or address names."""
    from handinger_tui.ui.pages.workers import WorkerActions, WorkersScreen  # 15 ms

    stored_workers, controller, interaction = (
        _stored_workers(context),
        context.controller,
        context.interaction,
    )
    if stored_workers is None:
        return
    destination_of = controller.connection.destination_of

    def worker_in(text: str) -> str:
        return destination_of(text)[1] or text

    chosen = worker_in(argument) if argument else controller.session.stored_worker_id or ""
    if argument and all(one.worker_id != chosen for one in await stored_workers.listed()):
        await stored_workers.read(chosen)
    actions = WorkerActions(
        open_session=lambda session_id: interaction.open(context.switcher.open(session_id), OPENING_SESSION),
        begin_task=lambda worker: interaction.open(begin_task(context, worker), "opening a new session"),
        open_task=lambda text: interaction.run(attach(context, text)),
        worker_in=worker_in,
    )
    page = WorkersScreen(
        stored_workers, controller.connection.history, actions, interaction, context.now_ms, chosen
    )
    await interaction.ask(page)


async def begin_task(context: CommandContext, worker: StoredWorker) -> None:
    """Show a new session whose first message begins a task of the worker; nothing is sent."""
    if await context.switcher.begin(stored_worker_id=worker.worker_id):
        name = clean_line(worker.name, 60)
        context.interaction.say(f"New task of “{name}”. Nothing was sent.")


async def archive(context: CommandContext, _argument: str) -> None:
    """Archive the task of this session, after a question."""
    stored_workers, session = _stored_workers(context), context.controller.session
    if stored_workers is None:
        return
    if session.worker_id is None or not context.controller.belongs_here(session):
        context.interaction.say("There is no task of this service in this session.", "warning")
    elif await stored_workers.archive_question(session.title).agreed(context.interaction.confirm):
        done = await stored_workers.archive(session.worker_id)
        context.interaction.say(stored_workers.outcome_text(done, "Archived. This session stays here."))


WORKERS: Final = (
    Command(
        "workers",
        "Stored workers: create, edit, start a task",
        workers,
        takes="[ID]",
        opens=True,
        instead="handinger-tui workers lists them.",
    ),
    Command("archive", "Archive the task of this session", archive, opens=True),
)


MAIL_COSTS: Final = "Every message to this address starts a turn, which may cost money."
NO_WEBHOOKS: Final = (
    "This account uses the workers generation of the API, which has no webhooks. Stored workers of the tasks "
    "generation have them."
)
NO_WORKER: Final = "This session has no worker. The next message creates one."


async def _available_worker(context: CommandContext, session: Session, what: str) -> str | None:
    """The worker of a session; None after a word to the person, which names `what` is not available.

    Raises:
        ApiError
    """
    if not context.controller.belongs_here(session):
        context.interaction.say(
            f"This session belongs to another service, so {what} not available here.", "warning"
        )
        return None
    worker_id = await context.controller.connection.worker_of_session(session)
    if worker_id is None:
        context.interaction.say(NO_WORKER, "warning")
    return worker_id


def schedules_of(context: CommandContext, worker_id: str) -> WorkerSchedules | None:
    """The schedules of a worker, remembered for the runs board; None: the service has none."""
    from handinger_tui.engine.schedules import WorkerSchedules  # few have schedules

    controller, connection = context.controller, context.controller.connection
    if connection.schedules is None:
        return None
    prices = controller.session.prices
    schedules = WorkerSchedules(
        connection.schedules(),
        worker_id,
        controller.budget,
        lambda level: connection.typical_cost(worker_id, level, prices),
        lambda: moment_at(context.now_ms()),
        is_local=connection.account.local,
    )
    schedules.keep = partial(connection.runs.keep_schedules, connection.base_url)
    return schedules


async def schedule(context: CommandContext, argument: str) -> None:
    """Show the page of schedules, or add the one that the argument describes, after a question.

    Raises:
        SettingsError: the argument describes none.
        ApiError, LedgerError
    """
    controller, interaction = context.controller, context.interaction
    worker_id = await _available_worker(context, controller.session, "its schedules are")
    schedules = None if worker_id is None else schedules_of(context, worker_id)
    if schedules is None:
        return
    from handinger_tui.ui.pages.schedules import NOTHING_ADDED, SchedulesScreen, add_schedule  # 20 ms

    if argument:
        text = await add_schedule(schedules, interaction, argument, lambda: interaction.say("Adding…"))
        interaction.say(text or NOTHING_ADDED)
    else:
        is_simulated = controller.connection.limits.simulated
        await interaction.ask(SchedulesScreen(schedules, interaction, is_simulated=is_simulated))


async def email(context: CommandContext, _argument: str) -> None:
    """Show and copy the email address of this session's worker."""
    worker_id = await _available_worker(context, context.controller.session, "its email address is")
    if worker_id is not None:
        address = clean_line(await context.controller.connection.email(worker_id))
        await context.interaction.notice("Email this worker", f"{address}\n\n{MAIL_COSTS}")
        if context.view.screen is not None:
            # Not before: its report would cover what messages cost. Lines are copied from the terminal.
            context.interaction.copy(address, "the worker's email address")


def webhook_of(context: CommandContext, worker_id: str) -> WorkerWebhook | None:
    """The webhook of a worker, remembered for the runs board; None: the service has none."""
    from handinger_tui.engine.webhooks import WorkerWebhook  # few have one

    connection = context.controller.connection
    if connection.webhooks is None:
        return None
    log = None if connection.account.local else connection.runs
    return WorkerWebhook(connection.webhooks, worker_id, log, connection.base_url)


async def show_webhook(context: CommandContext, hook: WorkerWebhook) -> None:
    """Show the page of a webhook."""
    from handinger_tui.ui.pages.webhook import WebhookScreen  # 20 ms

    page = WebhookScreen(hook, context.interaction, lambda: moment_at(context.now_ms()))
    await context.interaction.ask(page)


async def webhook(context: CommandContext, argument: str) -> None:
    """Show the page of the webhook, or set the address that the argument names.

    Raises:
        SettingsError: it is not accepted.
        ApiError
    """
    controller, interaction = context.controller, context.interaction
    if controller.connection.webhooks is None:
        interaction.say(NO_WEBHOOKS, "warning")
        return
    worker_id = await _available_worker(context, controller.session, "its webhook is")
    hook = None if worker_id is None else webhook_of(context, worker_id)
    if hook is None:
        return
    if argument:
        from handinger_tui.ui.pages.webhook import set_address  # 20 ms

        text = await set_address(hook, await hook.read(), interaction, argument)
        interaction.say(text or "Nothing was changed.")
    else:
        await show_webhook(context, hook)


AUTOMATION: Final = (
    Command(
        "schedule",
        "Show a worker's schedules, or add one",
        schedule,
        ("schedules",),
        opens=True,
        takes="[at TIME|in SPAN|every SPAN|cron CRON INSTRUCTION]",
        choices=("every", "in", "at", "cron"),
        instead="handinger-tui schedules lists them.",
        only_bare=True,
    ),
    Command(
        "webhook",
        "Show or set the worker's webhook; its deliveries",
        webhook,
        takes="[URL]",
        opens=True,
        instead="handinger-tui webhook shows it.",
        only_bare=True,
    ),
    Command("email", "Show and copy the worker's email address", email, opens=True),
)
