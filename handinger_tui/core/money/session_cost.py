"""What a session cost, in words."""

from __future__ import annotations

from handinger_tui.core.amounts import at_price
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.attribution import session_money
from handinger_tui.core.money.spending import sum_text
from handinger_tui.core.turns.session import Session


def cost_of_session(session: Session) -> str:
    """The cost of a session with gaps: "$1.23 + 2 unknown · 12 credits · 3 turns".

    Messages that were not sent are no turns; imported turns are named without a cost.
    """
    turns = [turn for turn in session.ours if not turn.unsent]
    money = session_money(turns, session.elsewhere)
    text = sum_text(
        money.usd, money.credits, len(turns), at_price(money.credits.value, session.price(*turns))
    )
    imported = len(session.turns) - len(session.ours)
    if not imported:
        return text
    words = f"{plural(imported, 'turn')} imported, not charged here"
    return f"{text} · {words}" if turns else words
