"""Commands about money: budget, costs, receipt."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.money import usd_text
from handinger_tui.core.readings import Reading, money_of
from handinger_tui.core.receipt import receipt_line
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turn import Turn
from handinger_tui.core.words import NOT_REPORTED
from handinger_tui.ui.commands.command import Command, Context
from handinger_tui.ui.screens.desk import BUDGETS, UNLIMITED
from handinger_tui.ui.screens.dialogs import Confirm, Notice
from handinger_tui.ui.widgets.words import STATUS_WORDS

_READINGS: Final = {
    Reading.TOTAL: "The worker reports totals: this turn is the difference to the reading before it.",
    Reading.PER_TURN: "The worker reports every turn by itself.",
    Reading.NONE: "The worker reported no figures.",
}


async def budget(to: Context) -> None:
    """Set, move on, or name the budget of the next turns."""
    wanted = to.rest.lower()
    if wanted == "next":
        to.desk.next_budget()
    elif wanted in BUDGETS:
        to.desk.budget = wanted
    elif wanted == UNLIMITED:
        question = Confirm(
            "Unlimited budget?",
            "The worker may then spend without a bound that we know of, "
            "and a running turn cannot be stopped from here.",
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


async def costs(to: Context) -> None:
    """The panel of usage and cost."""
    to.stage.show_panel("usage")


async def receipt(to: Context) -> None:
    """What the newest settled turn took."""
    turn = next((turn for turn in reversed(to.desk.session.turns) if not turn.live), None)
    if turn is None:
        to.stage.say("There is no receipt yet: no turn has ended.", "warning")
        return
    await to.stage.ask(Notice("Receipt", _receipt(to, turn)))


def _receipt(to: Context, turn: Turn) -> str:
    money = money_of(to.desk.session, turn)
    lines = [
        f"“{clean_line(turn.order.prompt, 100)}”",
        "",
        receipt_line(to.desk.session, turn) or "Nothing was charged.",
        f"Status: {STATUS_WORDS[turn.status]}",
        f"Worker: {clean_line(turn.worker_id or NOT_REPORTED)}",
        f"Turn: {turn.turn_id}",
    ]
    parts = money.costs.known()
    if parts:
        names = {
            "model_usd": "model",
            "tool_usd": "tools",
            "sandbox_usd": "sandbox",
            "internal_usd": "internal",
        }
        each = " · ".join(
            f"{name} {usd_text(getattr(money.costs, member))}" for member, name in names.items()
        )
        lines.append(f"Cost: {each}")
    return "\n".join([*lines, "", _READINGS[money.reading]])


MONEY: Final = (
    Command("budget", "Budget of the next turns: low, standard, high, unlimited", budget, takes="[LEVEL]"),
    Command("costs", "Usage and cost of this session", costs, ("cost", "usage", "stats")),
    Command("receipt", "What the last turn took", receipt),
)
