"""Commands about money: budget, limits, costs, receipt, ledger."""

from __future__ import annotations

from functools import partial
from typing import Final

from handinger_tui.core.amounts import usd_text
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.ui.commands.command import Command, Context
from handinger_tui.ui.work.limit_watcher import typical_cost_of
from handinger_tui.ui.work.session_controller import BUDGETS, UNLIMITED, SessionController

NO_BOUND: Final = (
    "The worker may then spend without a bound that we know of, "
    "and a running turn cannot be stopped from here."
)


async def budget(context: Context) -> None:
    """Set the budget of the next turns, go to the next level, or show the present one."""
    level = context.rest.lower()
    if level == "next":
        context.desk.next_budget()
    elif level in BUDGETS:
        context.desk.budget = level
    elif level == UNLIMITED:
        from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

        question = Confirm(
            "Unlimited budget?",
            f"{NO_BOUND}\n\n{await highest_cost(context.desk)}",
            yes="Use unlimited",
            no="Keep the bound",
            typed=UNLIMITED,
        )
        if not await context.stage.ask(question):
            return
        context.desk.budget = UNLIMITED
    elif level:
        context.stage.say(f"There is no budget {level}: low, standard, high or unlimited.", "warning")
        return
    else:
        context.stage.say(f"The budget is {context.desk.budget}. Shift+Tab changes it.")
        return
    context.stage.refresh_budget()


async def highest_cost(desk: SessionController) -> str:
    """A sentence on the most expensive turn on record: at unlimited, else at the level with the highest cost.

    Raises:
        LedgerError
    """
    costs = [await typical_cost_of(desk, level) for level in (UNLIMITED, *BUDGETS)]
    priced = [cost for cost in costs if cost.usd.most is not None]
    at_unlimited = [cost for cost in priced if cost.budget == UNLIMITED]
    priced = at_unlimited or priced
    if not priced:
        return "No turn has been priced yet: nobody knows what it may take."
    most = max(priced, key=lambda cost: cost.usd.most or 0)
    whose = "of all workers" if most.everywhere else "of this worker"
    turns = plural(most.usd.known, "turn")
    sentence = f"The dearest of {turns} {whose} at {most.budget} took {usd_text(most.usd.most)}."
    return sentence if at_unlimited else f"No turn at unlimited has been priced yet. {sentence}"


async def limit(context: Context) -> None:
    """Set or lift a limit; without an argument, show the page of all limits."""
    from handinger_tui.ui.dialogs.limits import LimitsPage, apply_limit  # noqa: PLC0415 - once it is asked for
    from handinger_tui.ui.widgets.limit_input import read_wish  # noqa: PLC0415 - once it is asked for

    if context.rest:
        await apply_limit(context.desk, context.stage, read_wish(context.rest))
        return
    desk = context.desk
    gauges = await desk.engine.actor(desk.session_id).recount()
    wish = await context.stage.ask(LimitsPage(gauges, simulated=desk.connection.purse.simulated))
    if wish is not None:
        await apply_limit(desk, context.stage, wish)


async def costs(context: Context) -> None:
    """The panel of usage and cost."""
    context.stage.show_panel("usage")


MONEY: Final = (
    Command("budget", "Budget of the next turns: low, standard, high, unlimited", budget, takes="[LEVEL]"),
    Command(
        "limit",
        "What may be spent at most: by turn, session, worker, day",
        limit,
        ("limits",),
        takes="[SCOPE AMOUNT [credits] | SCOPE off]",
    ),
    Command("costs", "Usage and cost of this session", costs, ("cost", "usage", "stats")),
)


async def receipt(context: Context) -> None:
    """Show the receipt of the newest ended turn, else of the running one; or of a turn by its number."""
    # Importing the screen takes 10 ms; it is needed only here.
    from handinger_tui.ui.pages.receipt import ReceiptScreen, sent_turns  # noqa: PLC0415

    turns = sent_turns(context.desk.session)
    argument = context.rest.strip().lower()
    if not turns:
        context.stage.say("There is no receipt yet: nothing was sent.", "warning")
        return
    if argument in ("", "last"):
        turn = next((turn for turn in reversed(turns) if not turn.live), turns[-1])
    elif argument.isdecimal() and argument.isascii() and 0 < int(argument[:9]) <= len(turns):
        turn = turns[int(argument[:9]) - 1]
    else:
        shown = clean_line(context.rest, 20)
        context.stage.say(
            f"There is no receipt {shown}: a number from 1 to {len(turns)}, or last.", "warning"
        )
        return
    await context.stage.ask(ReceiptScreen(context.desk, turn.turn_id))


async def budgets(context: Context) -> None:
    """Show the cost of turns at each budget level, and the month-end forecast."""
    # Importing the screen takes 10 ms; it is needed only here.
    from handinger_tui.ui.pages.budgets import BudgetsScreen  # noqa: PLC0415

    await context.stage.ask(BudgetsScreen(context.desk, context.stage.now_ms))


RECEIPT: Final = (
    Command("receipt", "What a turn took, in full: the last one, or by number", receipt, takes="[N|last]"),
    Command("budgets", "The levels of budget compared, and what the month comes to", budgets),
)


async def ledger(context: Context) -> None:
    """Show the ledger of all charges, and open the session chosen there."""
    # Importing the screen takes 10 ms; it is needed only here.
    from handinger_tui.ui.ledger.screen import LedgerScreen  # noqa: PLC0415

    desk = context.desk
    books, purse = desk.connection.books, desk.connection.purse
    screen = LedgerScreen(books, purse, lambda: desk.session, context.stage.now_ms)
    chosen = await context.stage.ask(screen)
    if chosen is None or chosen == desk.session_id:
        return
    await context.stage.switch(partial(desk.open, chosen))


LEDGER: Final = (Command("ledger", "What everything took: days, workers, sessions, turns, charts", ledger),)
