"""Commands about the view, the prompt and the program itself."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.command import Command, CommandContext
from handinger_tui.ui.themes import NAMES, by_name, short_name, unknown_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

UNSAVED: Final = "What you typed is not saved. Quit again to leave: the terminal shows it then."
NOWHERE: Final = "There is no history to save it in."
STEP: Final = 6
"""Cells by which the panels are widened or narrowed."""


async def find(context: CommandContext, argument: str) -> None:
    """Open the find bar; with a text find that and browse the answers, where n and N go to other matches."""
    if not argument:
        await context.screen.open_find()
        return
    count = context.screen.find(argument)
    context.interaction.say(
        f"{plural(count, 'match', 'matches')}. Press n for the next, N for the previous."
        if count
        else "No matches in this session."
    )


async def copy(context: CommandContext, _argument: str) -> None:
    """Copy the newest answer, as the worker wrote it."""
    turn = context.controller.session.answered
    if turn is not None:
        context.interaction.copy(turn.answer, "the answer so far" if turn.live else "the last answer")
    else:
        context.interaction.say("Nothing to copy yet.", "warning")


async def details(context: CommandContext, _argument: str) -> None:
    """Show more, or less, of thoughts and tool calls."""
    context.interaction.say(context.screen.toggle_details())


async def panels(context: CommandContext, argument: str) -> None:
    """Show, hide, widen or narrow the panels."""
    if argument in ("wider", "narrower"):
        context.screen.widen_panels(STEP if argument == "wider" else -STEP)
    else:
        context.screen.toggle_panels()


async def history(context: CommandContext, _argument: str) -> None:
    """Choose a message from the prompt history and put it into the prompt."""
    from handinger_tui.ui.dialogs.pickers import HistorySearch  # 17 ms

    chosen = await context.interaction.ask(HistorySearch(context.screen.message.earlier_texts))
    if chosen is not None:
        context.screen.message.replace_text(chosen)


async def editor(context: CommandContext, _argument: str) -> None:
    """Edit the message in the person's own editor, $VISUAL or $EDITOR. Turns continue while it runs.

    Raises:
        EditorProblem: the editor failed; the text is unchanged.
    """
    await context.screen.message.edit_externally()


async def pager(context: CommandContext, _argument: str) -> None:
    """Show the transcript in the person's pager, $PAGER. Turns continue while it runs.

    Raises:
        EditorProblem: the pager could not be run.
    """
    from handinger_tui.core.export.exporters import session_markdown  # 20 ms

    session = context.controller.session
    if session.turns:
        await context.screen.page(session_markdown(session))
    else:
        context.interaction.say("Nothing to show yet.", "warning")


async def redraw(context: CommandContext, _argument: str) -> None:
    """Repaint the whole screen, because another program may have written to it."""
    context.screen.redraw()


async def theme(context: CommandContext, argument: str) -> None:
    """Switch to the named theme, or name all."""
    view = context.screen
    name = by_name(argument) if argument else None
    if not view.has_colors:
        context.interaction.say("Colors are off (NO_COLOR, or a terminal without colors).")
    elif name is not None:
        view.set_theme(name)
        await _keep_theme(context, short_name(name))
    elif argument:
        context.interaction.say(unknown_text(argument), "warning")
    else:
        context.interaction.say(
            f"Theme: {short_name(view.theme)}. Choose with /theme NAME: {', '.join(NAMES)}."
        )


async def _keep_theme(context: CommandContext, name: str) -> None:
    try:
        await asyncio.to_thread(context.options.keep_theme, name)
    except OSError as problem:
        why = clean_line(problem.strerror or "unknown", 100)
        context.interaction.say(f"Theme: {name}. Not kept for the next start: {why}.", "warning")
    else:
        context.interaction.say(f"Theme: {name}.")


async def show_help(context: CommandContext, _argument: str) -> None:
    """Show the help screen."""
    context.screen.show_help()


async def palette(context: CommandContext, _argument: str) -> None:
    """Open the command palette."""
    context.screen.show_palette()


async def leave(context: CommandContext, _argument: str = "") -> None:
    """Save the draft, read the total of the day, then end the app; turns on the server continue."""
    await leave_after(context, context.switcher.save_draft)


async def leave_after(context: CommandContext, save: Callable[[], Awaitable[None]]) -> None:
    """As `leave`; `save` stores what was typed.

    Raises:
        HandingerError: it cannot be stored; who quits once more finds it in the farewell.
    """
    from handinger_tui.ui.sessions.farewell import read_day  # not needed before

    problem: HandingerError | None = None
    try:
        await save()
    except HandingerError as error:
        problem = error
    if (problem or context.switcher.unsaved_texts) and not context.controller.leaves_unsaved:
        context.controller.leaves_unsaved = True
        raise HandingerError(problem.summary if problem else NOWHERE, UNSAVED) from problem
    if context.controller.connected:
        if context.controller.to_delete:
            from handinger_tui.ui.sessions.deletion import Deletions  # few are deleted

            with suppress(HandingerError):
                await Deletions(context.controller).delete_ended()
        await read_day(context.controller)
    context.view.leave()


async def runs(context: CommandContext, _argument: str) -> None:
    """Show the runs board."""
    from handinger_tui.ui.commands.runs import show_board  # with the first board

    await show_board(context)


async def settings(context: CommandContext, _argument: str) -> None:
    """Show the settings."""
    from handinger_tui.ui.pages.settings import SettingsScreen  # rarely needed

    store = context.options.settings
    if store is None:
        context.interaction.say("There are no settings here.", "warning")
    else:
        await context.interaction.ask(SettingsScreen(store, context.interaction))


VIEW: Final = (
    Command("runs", "What needs you, what runs, and what each run costs", runs, opens=True),
    Command("find", "Find in this session", find, takes="[TEXT]", opens=True, instead=""),
    Command("copy", "Copy the last answer", copy),
    Command("details", "Show more, or less, of tool calls and thoughts", details, instead=""),
    Command(
        "panels",
        "Show or hide the side panels",
        panels,
        takes="[wider|narrower]",
        choices=("wider", "narrower"),
        instead="",
    ),
    Command("history", "Search prompt history", history, early=True, opens=True, instead=""),
    Command("editor", "Edit the message in $EDITOR", editor, early=True, instead=""),
    Command("pager", "Open the transcript in $PAGER", pager, instead=""),
    Command("redraw", "Redraw the screen", redraw, early=True, instead=""),
    Command("theme", "Choose a color theme", theme, takes="[NAME]", choices=NAMES, early=True, instead=""),
    Command(
        "settings",
        "Show and change the settings",
        settings,
        ("config",),
        words="key api login account",
        opens=True,
        instead="handinger-tui config set changes one.",
    ),
    Command("help", "Show keys and commands", show_help, ("keys",), early=True, opens=True, instead=""),
    Command("palette", "Command palette", palette, early=True, opens=True, instead=""),
    Command("quit", "Quit (drafts and sessions are saved)", leave, ("exit",), early=True),
)
