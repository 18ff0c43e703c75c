"""Commands about the view, the prompt and the program itself."""

from __future__ import annotations

from typing import Final

from handinger_tui.ui.commands.command import Command, Context

STEP: Final = 6
"""Cells by which the panels are widened or narrowed."""


async def find(to: Context) -> None:
    """Find text in the transcript; without an argument, ask for it."""
    from handinger_tui.ui.dialogs.confirm import Ask  # noqa: PLC0415 - once there is a question

    text = to.rest or await to.stage.ask(Ask("Find in this session", placeholder="text"))
    if text:
        to.stage.find(text)


async def copy(to: Context) -> None:
    """Copy the newest answer, as the worker wrote it."""
    answer = next((turn.text for turn in reversed(to.desk.session.turns) if turn.text), "")
    if answer:
        to.stage.copy(answer, "the last answer")
    else:
        to.stage.say("There is no answer to copy yet.", "warning")


async def details(to: Context) -> None:
    """Fold or unfold thoughts and tool calls."""
    to.stage.toggle_details()


async def panels(to: Context) -> None:
    """Show, hide, widen or narrow the panels."""
    if to.rest in ("wider", "narrower"):
        to.stage.widen_panels(STEP if to.rest == "wider" else -STEP)
    else:
        to.stage.toggle_panels()


async def redraw(to: Context) -> None:
    """Repaint the whole screen, because another program may have written to it."""
    to.stage.redraw()


async def theme(to: Context) -> None:
    """Switch to the named theme, or to the other one."""
    if to.stage.use_theme(to.rest) is None:
        to.stage.say(f"There is no theme {to.rest}: dark or light.", "warning")


async def history(to: Context) -> None:
    """Choose a message from the prompt history and put it into the prompt."""
    from handinger_tui.ui.dialogs.prompt_history import HistorySearch  # noqa: PLC0415 - once it is asked for

    chosen = await to.stage.ask(HistorySearch(to.stage.past()))
    if chosen is not None:
        to.stage.put(chosen)


async def editor(to: Context) -> None:
    """Edit the message in the person's own editor."""
    text = await to.stage.edit(to.stage.typed())
    if text is not None:
        to.stage.put(text)


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


async def show_help(to: Context) -> None:
    """Show the help screen."""
    to.stage.show_help()


async def palette(to: Context) -> None:
    """Open the command palette."""
    to.stage.show_palette()


async def leave(to: Context) -> None:
    """Leave the program; turns on the server continue."""
    await to.stage.leave()


PROGRAM: Final = (
    Command("help", "Keys and commands", show_help, ("keys",)),
    Command("palette", "Search all commands", palette),
    Command("quit", "Leave; drafts and sessions are kept", leave, ("exit",)),
)
