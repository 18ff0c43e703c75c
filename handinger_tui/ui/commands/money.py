"""Commands about money: budget, limits, costs, receipt, spending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handinger_tui.core.acts import HoldReason, Moot
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.command import Command, CommandContext, chosen_message

if TYPE_CHECKING:
    from decimal import Decimal

    from handinger_tui.core.money.report import Report
    from handinger_tui.core.turns.turn import Turn
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.front import Front
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
    """A sentence on the most expensive turn on record. Raises LedgerError."""
    from handinger_tui.core.money.typical_cost import TypicalCost  # few ask for it

    costs = [await controller.typical_cost(level) for level in (UNLIMITED, *BUDGETS)]
    return TypicalCost.dearest(costs, UNLIMITED)


async def limit(context: CommandContext, argument: str) -> None:
    """Set or lift a limit; without an argument, show the page of all limits."""
    from handinger_tui.ui.spending.limit_setting import change_limit  # 12 ms

    await change_limit(context.controller, context.interaction, argument)


LIMIT_CHANGED: Final = "This limit was changed while the question was open. Nothing was sent or changed here."
NOT_REACHED: Final = "This limit no longer holds the queue. Nothing was changed or sent."


async def raise_limit(
    controller: SessionController,
    interaction: Front,
    actor: SessionActor,
    gauge: Gauge,
    *,
    sending: bool,
    about: str = "",
) -> bool:
    """Ask for a higher amount and set it; False when the person leaves the limit as it is.

    `about`: the title of the session, "" when it is the one on the screen.

    Raises:
        LedgerError: the limit could not be stored.
    """
    from handinger_tui.ui.spending.limit_dialogs import RaiseLimit  # 10 ms, and few limits are reached

    store, limit = controller.connection.limits, gauge.limit
    controller.warned.mark_shown(actor.session.session_id, gauge)
    question = RaiseLimit(gauge, sending=sending, simulated=store.simulated, about=about)

    def words() -> str | Moot:
        # Another program may have changed the limit since the question: this amount would overwrite it.
        of_scope = [one.limit for one in actor.gauges if one.limit.scope is limit.scope]
        if any(one.unit is limit.unit and one.amount != limit.amount for one in of_scope):
            return Moot(LIMIT_CHANGED)
        hold = actor.hold
        is_reached = sending or (hold is not None and hold.reason is HoldReason.LIMIT)
        return "" if is_reached else Moot(NOT_REACHED)

    question.words = words
    amount: Decimal | None = await interaction.ask(question)
    if amount is None:
        return False
    await store.set_limit(actor.session, limit.scope, limit.unit, amount)
    return True


async def reading(context: CommandContext, argument: str) -> None:
    """Pin what the figures of the session's worker mean, leave it to the readings, or show it."""
    from handinger_tui.core.money.basis_text import BASIS_CHOICES, basis_lines  # no money before it is asked

    controller, interaction, word = context.controller, context.interaction, argument.lower()
    actor = controller.shown
    session = actor.session
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
        await actor.recount()
        interaction.say(BASIS_CHOICES[word].answer)


async def costs(context: CommandContext, _argument: str) -> None:
    """The panel of usage and cost."""
    context.view.show_panel("usage")


async def receipt(context: CommandContext, argument: str) -> None:
    """Show the receipt of the newest ended turn, else of the running one; or of a turn by its number."""
    from handinger_tui.ui.spending.receipt import ReceiptScreen  # 12 ms

    if (turn := message_with_receipt(context, argument)) is not None:
        await context.interaction.ask(ReceiptScreen(context.controller, turn.turn_id))


def message_with_receipt(context: CommandContext, argument: str) -> Turn | None:
    """As `chosen_message`; the last one is the newest that has ended, if one has."""
    ended = [turn for turn in context.controller.session.messages if not turn.live]
    is_last = argument.strip().lower() in ("", "last")
    return ended[-1] if is_last and ended else chosen_message(context, argument, "receipt")


async def budgets(context: CommandContext, _argument: str) -> None:
    """Show the cost of turns at each budget level, and the month-end forecast."""
    from handinger_tui.ui.spending.budgets import BudgetsScreen  # 15 ms

    await context.interaction.ask(BudgetsScreen(context.controller, context.now_ms))


async def spending_reports(controller: SessionController) -> tuple[Report, Report]:
    """The overview of what was spent, and the report by session, as the Spending page reads them.

    Raises:
        LedgerError
    """
    from handinger_tui.core.money.report import Selection  # few ask for it
    from handinger_tui.core.money.spending import ChargeFilter, GroupBy

    connection = controller.connection
    which = ChargeFilter(simulated=connection.account.local)
    overview = await connection.charges.report(Selection(None, which))
    return overview, await connection.charges.report(Selection(GroupBy.SESSION, which))


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
        words="cost price money stop",
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
    Command("costs", "Show usage and cost of this session", costs, ("cost", "usage", "stats"), words="price"),
    Command(
        "receipt",
        "Show the receipt of the last turn, or of turn N",
        receipt,
        takes="[N|last]",
        words="cost price",
        opens=True,
    ),
    Command(
        "budgets",
        "Compare budget levels; month-end forecast",
        budgets,
        words="cost price",
        opens=True,
        instead="handinger-tui costs prints what was spent.",
    ),
    Command(
        "spending",
        "Show what is spent and left",
        spending,
        ("ledger",),
        words="cost price limit",
        opens=True,
        instead="handinger-tui costs prints it.",
    ),
)
