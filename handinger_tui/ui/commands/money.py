"""Commands about money: budget, limits, costs, receipt, spending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handinger_tui.core.amounts import amount_text
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.command import Command, CommandContext, number_in, numbers_to

if TYPE_CHECKING:
    from handinger_tui.ui.sessions.controller import SessionController

BUDGETS: Final = ("low", "standard", "high")
"""The budget levels that Shift+Tab cycles through; `unlimited` is set only by command."""
UNLIMITED: Final = "unlimited"
NO_BOUND: Final = (
    "There is no spending cap at this level that we know of, and a running turn cannot be stopped from here."
)


async def budget(context: CommandContext, argument: str) -> None:
    """Set the budget of the next turns, go to the next level, or show the present one."""
    controller, interaction, level = context.controller, context.interaction, argument.lower()
    if not level:
        interaction.say(f"The budget is {controller.budget}. Press Shift+Tab to change it.")
        return
    if level == "next":
        # From `unlimited`, too, the next level is standard.
        at = BUDGETS.index(controller.budget) if controller.budget in BUDGETS else 0
        level = BUDGETS[(at + 1) % len(BUDGETS)]
    elif level == UNLIMITED:
        interaction.hold_keys()
        body = f"{NO_BOUND}\n\n{await highest_cost(controller)}"
        if not await interaction.confirm(
            "Unlimited budget?", body, yes="Use unlimited", no="Cancel", typed=UNLIMITED
        ):
            return
    elif level not in BUDGETS:
        interaction.say(
            f"Unknown budget {clean_line(level, 20)}. Use low, standard, high or unlimited.", "warning"
        )
        return
    controller.budget = level
    context.view.show_budget(level)
    # The typical cost of this level is shown soon.
    context.view.repaint()


async def highest_cost(controller: SessionController) -> str:
    """A sentence on the most expensive turn on record: at unlimited, else at the level with the highest cost.

    Raises:
        LedgerError
    """
    costs = [await controller.typical_cost(level) for level in (UNLIMITED, *BUDGETS)]
    priced = [cost for cost in costs if cost.usd.most is not None]
    at_unlimited = [cost for cost in priced if cost.budget == UNLIMITED]
    priced = at_unlimited or priced
    if not priced:
        return "No cost history yet."
    most = max(priced, key=lambda cost: cost.usd.most or 0)
    whose = "all workers" if most.everywhere else "this worker"
    sentence = (
        f"Most expensive turn so far at {most.budget}: {amount_text(most.usd.most)} "
        f"({plural(most.usd.counted, 'turn')}, {whose})."
    )
    return sentence if at_unlimited else f"No cost history at unlimited yet. {sentence}"


async def limit(context: CommandContext, argument: str) -> None:
    """Set or lift a limit; without an argument, show the page of all limits."""
    from handinger_tui.ui.spending.limit_setting import change_limit  # 12 ms

    await change_limit(context.controller, context.interaction, argument)


async def reading(context: CommandContext, argument: str) -> None:
    """Pin what the figures of the session's worker mean, leave it to the readings, or show it."""
    from handinger_tui.core.money.basis_text import BASIS_CHOICES, basis_lines  # no money before it is asked

    controller, interaction, word = context.controller, context.interaction, argument.lower()
    session = controller.session
    worker_id = session.newest_worker
    if worker_id is None:
        interaction.say(f"No {session.kind} yet.", "warning")
    elif not word:
        lines = [
            *basis_lines(session),
            "",
            "To decide for this worker, use /reading lifetime, per-turn or auto.",
        ]
        await interaction.notice(f"Figures of {session.kind} {clean_line(worker_id, 60)}", "\n".join(lines))
    elif word not in BASIS_CHOICES:
        interaction.say(f"Unknown reading {clean_line(word, 20)}. Use lifetime, per-turn or auto.", "warning")
    else:
        await controller.connection.rulings.set_basis(
            session.base_url, worker_id, BASIS_CHOICES[word].stored, context.now_ms()
        )
        # The session reads what was decided about its worker when its costs are counted.
        await controller.engine.actor(session.session_id).recount()
        interaction.say(BASIS_CHOICES[word].answer)


async def costs(context: CommandContext, _argument: str) -> None:
    """The panel of usage and cost."""
    context.view.show_panel("usage")


async def receipt(context: CommandContext, argument: str) -> None:
    """Show the receipt of the newest ended turn, else of the running one; or of a turn by its number."""
    from handinger_tui.ui.spending.receipt import ReceiptScreen, sent_turns  # 12 ms

    turns = sent_turns(context.controller.session)
    number = argument.strip().lower()
    if not turns:
        context.interaction.say("No receipt yet. Nothing was sent in this session.", "warning")
        return
    if number in ("", "last"):
        turn = next((turn for turn in reversed(turns) if not turn.live), turns[-1])
    elif (at := number_in(number, len(turns))) is not None:
        turn = turns[at - 1]
    else:
        shown = clean_line(argument, 20)
        context.interaction.say(f"No receipt {shown}. Use {numbers_to(len(turns))}, or last.", "warning")
        return
    await context.interaction.ask(ReceiptScreen(context.controller, turn.turn_id))


async def budgets(context: CommandContext, _argument: str) -> None:
    """Show the cost of turns at each budget level, and the month-end forecast."""
    from handinger_tui.ui.spending.budgets import BudgetsScreen  # 15 ms

    await context.interaction.ask(BudgetsScreen(context.controller, context.now_ms))


async def spending(context: CommandContext, _argument: str) -> None:
    """Show all spending, and open the session chosen there."""
    from handinger_tui.ui.spending.screen import SpendingScreen  # 30 ms

    controller, connection = context.controller, context.controller.connection
    screen = SpendingScreen(
        connection.charges,
        connection.rulings,
        lambda: controller.session,
        context.now_ms,
        simulated=connection.limits.simulated,
    )
    chosen = await context.interaction.ask(screen)
    if chosen is not None and chosen != controller.session_id:
        await context.switcher.open(chosen)


MONEY: Final = (
    Command(
        "budget",
        "Set the budget: low, standard, high, unlimited",
        budget,
        takes="[LEVEL]",
        choices=(*BUDGETS, UNLIMITED),
    ),
    Command(
        "limit",
        "Set spending limits per turn, session, worker, project, day, week or month",
        limit,
        ("limits",),
        opens=True,
        takes="[SCOPE AMOUNT [credits] | SCOPE off]",
        choices=tuple(Scope),
    ),
    Command(
        "reading",
        "Show or set what the worker's figures mean",
        reading,
        takes="[lifetime|per-turn|auto]",
        opens=True,
        choices=("lifetime", "per-turn", "auto"),
    ),
    Command("costs", "Show usage and cost of this session", costs, ("cost", "usage", "stats")),
    Command(
        "receipt", "Show the receipt of the last turn, or of turn N", receipt, takes="[N|last]", opens=True
    ),
    Command("budgets", "Compare budget levels; month-end forecast", budgets, opens=True),
    Command("spending", "Show what is spent and left", spending, ("ledger",), opens=True),
)
