"""Commands about sessions, and those that start from an earlier message.

Each new message refers to its origin (`Lineage`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.core.acts import RULES, RUNS_ON, Act, Moot, until_sent
from handinger_tui.core.prompts import draft_of_request, fork_text
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import labels_text, tag_name, tag_names
from handinger_tui.core.turns.turn import Lineage, LineageKind, Turn, TurnStatus
from handinger_tui.ui.commands.command import (
    HAS_FOLDER,
    Command,
    CommandContext,
    chosen_message,
    has_folder,
)
from handinger_tui.ui.commands.money import BUDGETS
from handinger_tui.ui.widgets.status_text import first_cost, turn_cost

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.sessions.controller import SessionController


COME_BACK: Final = "To come back, press Enter on an empty prompt or use /attach"
STOP_WATCHING: Final = f"{RUNS_ON}\n\n{COME_BACK}, now or the next time you start the app."
TURN_ENDED: Final = "The turn has already ended."
STOP_WATCHING_LOCAL: Final = f"The local worker keeps running until you quit.\n\n{COME_BACK} before you quit."
"""It ends with the program, so its turn cannot be watched after the next start."""


async def new(context: CommandContext, _argument: str) -> None:
    """Show a new session; running turns continue."""
    await context.switcher.begin()


async def sessions(context: CommandContext, argument: str) -> None:
    """Open a session by its id, or choose one from the list."""
    controller = context.controller
    if argument:

        async def find() -> str:
            return await controller.open(await controller.find(argument))

        await context.switcher.switch(find)
    else:
        await _choose_session(context)


async def _choose_session(context: CommandContext) -> None:
    from handinger_tui.ui.dialogs.pickers import SessionPicker  # 17 ms
    from handinger_tui.ui.sessions.deletion import Deletions

    context.switcher.refuse_in_replay()
    controller = context.controller
    deletions = Deletions(controller)
    picker = SessionPicker(
        controller.connection.history,
        context.now_ms,
        lambda: controller.session_id,
        lambda: controller.opened_sessions,
        controller.rename,
        deletions,
    )
    chosen = await context.interaction.ask(picker)
    for row in picker.deleted:
        if notice := await deletions.delete_quiet(row.session_id):
            context.interaction.say(f"“{clean_line(row.title, 60)}”: {notice}", "warning")
    if chosen is not None and chosen != controller.session_id:
        await context.switcher.open(chosen)
    match = "" if chosen is None else picker.match_in(chosen)
    if chosen is not None and match and controller.session_id == chosen:
        context.screen.find_in(chosen, match)


async def attach(context: CommandContext, argument: str) -> None:
    """Watch a worker by its id; without an id, the running turn of this session."""
    if argument:
        target_in = context.controller.connection.target_in
        await _attach_worker(context, target_in(argument.split(maxsplit=1)[0]))
        return
    controller, say = context.controller, context.interaction.say
    actor = controller.shown
    session = actor.session
    session_id, sent = session.session_id, session.sent
    if actor.running:
        say(f"You are already watching this {session.kind}.")
    elif session.worker_id is None:
        say(f"This session has no {session.kind}. Use /attach ID to watch any {session.kind}.", "warning")
    elif sent is not None and sent.status is TurnStatus.UNKNOWN and not sent.imported:
        # Clear the prompt, so that another Enter cannot send it again. If it never arrived, the
        # text comes back.
        written = None if context.view.screen is None else context.screen.message
        if written is not None and written.text.strip() == sent.request.prompt.strip():
            written.replace_text("")
            written.attachments.clear()
        await actor.watch()
    elif not await controller.watch_unwatched(actor):
        holder = await controller.adopt(session_id)
        if holder != session_id and controller.session_id == session_id:
            await context.switcher.open(holder)
        say("Updated.")


async def _attach_worker(context: CommandContext, worker_id: str) -> None:
    """Show the session of a worker, read what the worker did elsewhere, and watch its running turn."""
    controller = context.controller

    async def read() -> str:
        return await controller.adopt(await controller.open_worker(worker_id))

    session_id = await context.switcher.switch(read, f"Attaching {clean_line(worker_id, 40)}…")
    if session_id:
        await controller.watch_unwatched(controller.actor(session_id))


async def detach(context: CommandContext, _argument: str) -> None:
    """Stop watching, after a question that explains the consequences."""
    controller = context.controller
    actor = controller.shown
    if not actor.running:
        context.interaction.say("Nothing is running in this session.")
    elif controller.connection.replay is not None:
        actor.detach()
    else:
        await stop_watching(context, actor)


async def stop_watching(context: CommandContext, actor: SessionActor) -> bool:
    """Stop watching the turn of a session, after that question; whether the person agreed."""
    controller = context.controller
    body = STOP_WATCHING_LOCAL if controller.connection.account.local else STOP_WATCHING
    watched = actor.runs.turn_id

    def words() -> str | Moot:
        if actor.runs.turn_id != watched:
            return Moot(TURN_ENDED)
        waiting = len(actor.queue.ids)
        return f"{body}\n\n{until_sent(waiting)}." if waiting else body

    other = actor.session.session_id != controller.session_id
    which = f" “{clean_line(actor.session.title, 60)}”" if other else ""
    agreed = await context.interaction.confirm(
        f"Stop watching{which}?", words, yes="Stop watching", no="Keep watching"
    )
    if agreed:
        actor.detach()
    return agreed


async def rename(context: CommandContext, argument: str) -> None:
    """Set the title of this session, or ask for it."""
    session = context.controller.session
    if not session.turns:
        context.interaction.say("Nothing to rename yet. The first message becomes the title.", "warning")
        return
    title = argument or await context.interaction.ask_text("Rename the session", clean_line(session.title))
    if title:
        await context.controller.rename(session.session_id, title)
        context.view.show_title(title)


_WORKER: Final = "--worker"


async def untag(context: CommandContext, argument: str) -> None:
    """Remove tags, see `tag`."""
    await tag(context, argument, removes=True)


async def tag(context: CommandContext, argument: str, *, removes: bool = False) -> None:
    """Add tags to this session or, with --worker, to all sessions of its worker; show those it has.

    Raises:
        SettingsError: a word cannot be a tag.
        LedgerError
    """
    controller, say = context.controller, context.interaction.say
    session, words = controller.session, argument.split()
    names = tag_names(word for word in words if word != _WORKER)
    worker = session.stored_worker_id or session.worker_id
    if not session.turns:
        say("Nothing to tag yet. Send a message first.", "warning")
    elif _WORKER in words and worker is None:
        say("This session has no worker.", "warning")
    else:
        whose = ("worker", worker) if _WORKER in words and worker else ("session", session.session_id)
        add, remove = ([], names) if removes else (names, [])
        say(labels_text(await controller.tag(*whose, add, remove), remove))


def _offered_tags(controller: SessionController) -> list[tuple[str, str]]:
    return [*((name, "") for name in controller.tags), (_WORKER, "all sessions of the worker")]


_NO_PROJECT: Final = ("off", "none")


async def project(context: CommandContext, argument: str) -> None:
    """Set the project of this session, or show it. The limits of the session are read again.

    Raises:
        SettingsError: the text cannot name a project.
        LedgerError
    """
    controller, actor = context.controller, context.controller.shown
    if argument:
        name = None if argument.lower() in _NO_PROJECT else tag_name(argument)
        await controller.set_project(actor, name)
    labels = await controller.connection.history.labels(actor.session.session_id)
    if not labels.project:
        context.interaction.say("This session has no project. To set one, use /project NAME.")
    elif argument.lower() in _NO_PROJECT:
        context.interaction.say(f"Project: {labels.project}, by a rule of the config file.")
    else:
        context.interaction.say(f"Project: {labels.project}.")


def _offered_projects(controller: SessionController) -> list[tuple[str, str]]:
    return [*((name, "") for name in controller.projects), ("off", "no project but that of a rule")]


async def export(context: CommandContext, argument: str) -> None:
    """Save the session in the form that the argument names, or under a file name that ends as that does.

    Raises:
        ApiError: the file cannot be saved.
        LedgerError: its tags cannot be read.
    """
    from handinger_tui.core.export.exporters import (  # 20 ms
        SESSION_EXPORTERS,
        export_name,
        find_exporter,
    )
    from handinger_tui.core.export.session_document import Contents  # imported by the exporters

    name = argument.strip() or SESSION_EXPORTERS[0].name
    exporter = find_exporter(SESSION_EXPORTERS, name)
    controller, say = context.controller, context.interaction.say
    if exporter is None:
        names = ", ".join(candidate.name for candidate in SESSION_EXPORTERS)
        say(f"Unknown format {clean_line(name, 40)}. Use one of: {names}.", "warning")
    elif has_folder(name):
        say(HAS_FOLDER, "warning")
    elif not controller.session.turns:
        say("Nothing to export yet.", "warning")
    else:
        session, frames = controller.session, {}
        file_name = export_name(exporter, name, f"session-{session.session_id}")
        labels = await controller.connection.history.labels(session.session_id)
        if exporter.has_frames:
            frames = {one.turn_id: await controller.engine.frames(one.turn_id) for one in session.turns}
        restated = await controller.connection.charges.restated(session.session_id)
        session = replace(session, restated=restated)
        text = exporter.text(session, Contents(labels=labels, frames=frames))
        path = await controller.connection.save_text(file_name, text)
        say(f"Saved to {path}")


SESSION: Final = (
    Command("new", "Start a new session", new, ("clear",), opens=True),
    Command("sessions", RULES[Act.OPEN].help, sessions, ("resume", "continue"), "[ID]", opens=True),
    Command("attach", RULES[Act.ATTACH].help, attach, takes="[ID]"),
    Command("detach", "Stop watching; the worker keeps running", detach, opens=True),
    Command("rename", "Rename this session", rename, takes="[TITLE]", opens=True),
    Command(
        "tag", "Tag this session, or show its tags", tag, takes="[TAG…]", offers=_offered_tags, repeats=True
    ),
    Command("untag", "Remove tags", untag, takes="TAG…", offers=_offered_tags, repeats=True),
    Command(
        "project", "Set the project of this session", project, takes="[NAME|off]", offers=_offered_projects
    ),
    Command("export", "Save this session to a file", export, takes="[FORMAT|FILE]"),
)


MOST_LISTED: Final = 200
"""Earlier messages that are offered for editing; older ones are found with the search of the history."""


def _offered_messages(controller: SessionController) -> list[tuple[str, str]]:
    """Number and text of the messages of the session on the screen, the newest first."""
    if not controller.session_id:
        return []
    numbered = list(enumerate(controller.session.messages, 1))[-MOST_LISTED:]
    return [(str(number), clean_line(turn.request.prompt, 200)) for number, turn in reversed(numbered)]


def _lineage(session: Session, turn: Turn, kind: LineageKind, *, title: str = "") -> Lineage:
    number = next(at for at, one in enumerate(session.messages, 1) if one.turn_id == turn.turn_id)
    return Lineage(kind, session.session_id, turn.turn_id, number, title)


# -- edit ---------------------------------------------------------------------------------
async def edit(context: CommandContext, argument: str) -> None:
    """Put an earlier message into the prompt: the one with a number, the last, or one from a list."""
    session = context.controller.session
    messages = session.messages
    if argument or len(messages) < 2:
        turn = chosen_message(context, argument, "edit")
    else:
        rows = [(turn.turn_id, clean_line(turn.request.prompt, 200)) for turn in reversed(messages)]
        chosen = await context.interaction.choose("Edit and send again", rows[:MOST_LISTED])
        turn = next((turn for turn in messages if turn.turn_id == chosen), None)
    if turn is None:
        return
    if context.controller.session_id != session.session_id:
        context.interaction.say("Another session is open now. The prompt was not changed.", "warning")
    else:
        edit_turn(context, session, turn)


def edit_turn(context: CommandContext, session: Session, turn: Turn) -> None:
    """Put a message of a session into the prompt; Enter sends it as a new one."""
    lineage = _lineage(session, turn, LineageKind.EDIT)
    context.screen.message.start_from(draft_of_request(turn.request), lineage)


WILL_BE_QUEUED: Final = "A turn is running, so the message will be queued."


# -- retry --------------------------------------------------------------------------------
async def retry(context: CommandContext, argument: str) -> None:
    """Send an earlier message again, after a question that names what it may cost."""
    words = argument.lower().split()
    levels = [word for word in words if word in BUDGETS]
    turn = chosen_message(context, " ".join(word for word in words if word not in BUDGETS), "retry")
    if turn is not None:
        await retry_turn(context, turn, levels[-1] if levels else context.controller.budget)


async def retry_turn(context: CommandContext, turn: Turn, budget: str) -> None:
    """Send a message again at a budget, if the person agrees to its price."""
    controller, interaction = context.controller, context.interaction
    actor = controller.shown
    session = actor.session
    if turn.live or turn.status is TurnStatus.RUNNING:
        interaction.say("The worker is still working on this message. Nothing was sent.", "warning")
        return
    usual = (await controller.typical_cost(budget)).text
    first = first_cost(turn, turn_cost(session, turn))
    body = (
        f"“{clean_line(turn.request.prompt, 200)}”\n\n{first} "
        f"Trying again costs as much as a new message. Budget {budget}: {usual}."
    )

    def words() -> str:
        return f"{body}\n\n{WILL_BE_QUEUED}" if actor.running else body

    if await interaction.confirm("Try again?", words, yes="Send again", no="Cancel"):
        lineage = _lineage(session, turn, LineageKind.RETRY)
        await context.send_again(actor, turn, budget, lineage)


# -- fork ---------------------------------------------------------------------------------
async def fork(context: CommandContext, argument: str) -> None:
    """Carry the conversation up to a message over to a new worker."""
    turn = chosen_message(context, argument, "fork")
    if turn is not None:
        await fork_turn(context, turn)


async def fork_turn(context: CommandContext, turn: Turn) -> None:
    """Show a new session whose prompt holds the conversation so far as a folded text; nothing is sent."""
    controller = context.controller
    session, title = controller.session, controller.title(controller.shown)
    text = fork_text(session, turn)
    if not text:
        context.interaction.say("Nothing to continue. Press ^N to start a new session.", "warning")
        return
    if await context.switcher.begin(title=f"Fork of {title}"):
        context.message.carry(text, _lineage(session, turn, LineageKind.FORK, title=title))
        context.interaction.say("Carried over as text only: no files, no worker memory.")


AGAIN: Final = (
    Command(
        "edit",
        "Edit an earlier message and send it as a new one",
        edit,
        takes="[N|last]",
        opens=True,
        offers=_offered_messages,
        instead="Type the message again.",
    ),
    Command(
        "retry",
        "Send a message again (shows the cost and asks first)",
        retry,
        takes="[N|last] [LEVEL]",
        opens=True,
        offers=_offered_messages,
    ),
    Command(
        "fork",
        "Continue from a message with a new worker",
        fork,
        takes="[N|last]",
        opens=True,
        offers=_offered_messages,
    ),
)
