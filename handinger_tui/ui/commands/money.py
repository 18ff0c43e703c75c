"""Commands about money: budget, limits, costs."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.money import usd_text
from handinger_tui.core.words import plural
from handinger_tui.ui.commands.command import Command, Context
from handinger_tui.ui.screens.desk import BUDGETS, UNLIMITED, Desk
from handinger_tui.ui.screens.till import usual_of

NO_BOUND: Final = (
    "The worker may then spend without a bound that we know of, "
    "and a running turn cannot be stopped from here."
)


async def budget(to: Context) -> None:
    """Set, move on, or name the budget of the next turns."""
    wanted = to.rest.lower()
    if wanted == "next":
        to.desk.next_budget()
    elif wanted in BUDGETS:
        to.desk.budget = wanted
    elif wanted == UNLIMITED:
        from handinger_tui.ui.screens.dialogs import Confirm  # noqa: PLC0415 - once there is a question

        question = Confirm(
            "Unlimited budget?",
            f"{NO_BOUND}\n\n{await dearest(to.desk)}",
            yes="Use unlimited",
            no="Keep the bound",
            typed=UNLIMITED,
        )
        if not await to.stage.ask(question):
            return
        to.desk.budget = UNLIMITED
    elif wanted:
        to.stage.say(f"There is no budget {wanted}: low, standard, high or unlimited.", "warning")
        return
    else:
        to.stage.say(f"The budget is {to.desk.budget}. Shift+Tab changes it.")
        return
    to.stage.refresh_budget()


async def dearest(desk: Desk) -> str:
    """What the dearest turn took that is counted: at unlimited, else at the level that took most.

    Raises:
        LedgerError
    """
    found = [await usual_of(desk, level) for level in (UNLIMITED, *BUDGETS)]
    at_unlimited = [usual for usual in found if usual.budget == UNLIMITED and usual.usd.most is not None]
    priced = at_unlimited or [usual for usual in found if usual.usd.most is not None]
    if not priced:
        return "No turn has been priced yet: nobody knows what it may take."
    most = max(priced, key=lambda usual: usual.usd.most or 0)
    whose = "of all workers" if most.everywhere else "of this worker"
    of = plural(most.usd.known, "turn")
    told = f"The dearest of {of} {whose} at {most.budget} took {usd_text(most.usd.most)}."
    return told if at_unlimited else f"No turn at unlimited has been priced yet. {told}"


async def limit(to: Context) -> None:
    """Set or lift a limit; without an argument, every limit and how far it is used."""
    from handinger_tui.ui.screens.limiting import LimitsPage  # noqa: PLC0415 - once it is asked for
    from handinger_tui.ui.screens.raising import grant  # noqa: PLC0415 - once it is asked for
    from handinger_tui.ui.widgets.amounts import read_wish  # noqa: PLC0415 - once it is asked for

    if to.rest:
        await grant(to.desk, to.stage, read_wish(to.rest))
        return
    desk = to.desk
    gauges = await desk.engine.recount(desk.session_id)
    wish = await to.stage.ask(LimitsPage(gauges, simulated=desk.connection.purse.simulated))
    if wish is not None:
        await grant(desk, to.stage, wish)


async def costs(to: Context) -> None:
    """The panel of usage and cost."""
    to.stage.show_panel("usage")


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
