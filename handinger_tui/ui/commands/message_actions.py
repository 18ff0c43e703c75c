"""What can be done with a message of the transcript: a list, chosen from with Enter while browsing."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.acts import RULES, Act
from handinger_tui.core.evidence import datasets_of
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.commands.command import CommandContext
from handinger_tui.ui.commands.files import show_data
from handinger_tui.ui.commands.session import edit_turn, fork_turn, retry_turn
from handinger_tui.ui.commands.view import copy

PAID: Final = (("edit", "Edit", Act.EDIT), ("retry", "Retry", Act.RETRY), ("fork", "Fork", Act.FORK))
"""Actions that lead to a paid message: name, label and act."""


def turn_at_cursor(context: CommandContext) -> Turn | None:
    """The message at the cursor of the transcript, without a cursor the newest one.

    None where it was not sent, or in an empty session.
    """
    messages, part = context.controller.session.messages, context.screen.part
    if part is None:
        return messages[-1] if messages else None
    return next((turn for turn in messages if turn.turn_id == part[0]), None)


async def act_on(context: CommandContext, turn: Turn) -> None:
    """Ask what to do with a message, and do it. Nothing is sent without a further act.

    Raises:
        LedgerError: the usual cost cannot be read.
    """
    controller = context.controller
    session, part = controller.session, context.screen.part
    budget = controller.budget
    cost = (await controller.typical_cost(budget)).about
    rows = [("copy", "Copy this part")]
    rows += [(name, f"{label}: {RULES[act].help} · {cost}") for name, label, act in PAID]
    if any(dataset.turn_id == turn.turn_id for dataset in datasets_of(session)):
        rows.insert(1, ("data", "View its data as a tree or table"))
    title = f"Message: {clean_line(turn.request.prompt, 60)}"
    act = await context.interaction.choose(title, rows)
    if act is None or controller.session_id != session.session_id:
        return
    match act:
        case "copy":
            copy_at_cursor(context)
        case "data":
            await show_data(context, part)
        case _:
            # What is typed next is meant for the prompt.
            context.screen.return_to_prompt()
            if act == "edit":
                edit_turn(context, session, turn)
            elif act == "retry":
                await retry_turn(context, turn, budget)
            else:
                await fork_turn(context, turn)


def copy_at_cursor(context: CommandContext) -> None:
    """Copy the part at the cursor, else the newest answer."""
    if text := context.screen.text_at_cursor:
        context.interaction.copy(text, "this part")
    else:
        context.interaction.run(copy(context, ""))
