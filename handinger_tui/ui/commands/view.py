"""Commands about the view, the prompt and the program itself."""

from __future__ import annotations

from typing import Final

from handinger_tui.ui.commands.command import Command, Context

STEP: Final = 6
"""Cells by which the panels are widened or narrowed."""


async def find(context: Context) -> None:
    """Find text in the transcript; without an argument, ask for it."""
    from handinger_tui.ui.dialogs.confirm import Ask  # noqa: PLC0415 - once there is a question

    text = context.rest or await context.stage.ask(Ask("Find in this session", placeholder="text"))
    if text:
        context.stage.find(text)


async def copy(context: Context) -> None:
    """Copy the newest answer, as the worker wrote it."""
    answer = next((turn.text for turn in reversed(context.desk.session.turns) if turn.text), "")
    if answer:
        context.stage.copy(answer, "the last answer")
    else:
        context.stage.say("There is no answer to copy yet.", "warning")


async def details(context: Context) -> None:
    """Fold or unfold thoughts and tool calls."""
    context.stage.toggle_details()


async def panels(context: Context) -> None:
    """Show, hide, widen or narrow the panels."""
    if context.rest in ("wider", "narrower"):
        context.stage.widen_panels(STEP if context.rest == "wider" else -STEP)
    else:
        context.stage.toggle_panels()


async def redraw(context: Context) -> None:
    """Repaint the whole screen, because another program may have written to it."""
    context.stage.redraw()


async def theme(context: Context) -> None:
    """Switch to the named theme, or to the other one."""
    if context.stage.use_theme(context.rest) is None:
        context.stage.say(f"There is no theme {context.rest}: dark or light.", "warning")


async def history(context: Context) -> None:
    """Choose a message from the prompt history and put it into the prompt."""
    from handinger_tui.ui.dialogs.prompt_history import HistorySearch  # noqa: PLC0415 - once it is asked for

    chosen = await context.stage.ask(HistorySearch(context.stage.past()))
    if chosen is not None:
        context.stage.put(chosen)


async def editor(context: Context) -> None:
    """Edit the message in the person's own editor."""
    text = await context.stage.edit(context.stage.typed())
    if text is not None:
        context.stage.put(text)


VIEW: Final = (
    Command("find", "Find in this session", find, takes="[TEXT]"),
    Command("copy", "Copy the last answer", copy),
    Command("details", "Fold or unfold thoughts and tool calls", details),
    Command("panels", "Show or hide usage, sources and files", panels, takes="[wider|narrower]"),
    Command("history", "Search the messages sent before", history),
    Command("editor", "Write the message in your own editor", editor),
    Command("redraw", "Paint the whole screen anew", redraw),
    Command("theme", "Dark or light", theme, takes="[dark|light]"),
)


async def show_help(context: Context) -> None:
    """Show the help screen."""
    context.stage.show_help()


async def palette(context: Context) -> None:
    """Open the command palette."""
    context.stage.show_palette()


async def leave(context: Context) -> None:
    """Leave the program; turns on the server continue."""
    await context.stage.leave()


PROGRAM: Final = (
    Command("help", "Keys and commands", show_help, ("keys",)),
    Command("palette", "Search all commands", palette),
    Command("quit", "Leave; drafts and sessions are kept", leave, ("exit",)),
)
