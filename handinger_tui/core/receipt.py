"""Receipt: one line under every answer that says what it took."""

from __future__ import annotations

from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.money import credits_text, usd_text
from handinger_tui.core.readings import money_of
from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn, TurnStatus
from handinger_tui.core.words import duration, plural


def receipt_line(session: Session, turn: Turn) -> str:
    """Duration, steps, tokens, credits, USD, budget, sources and files; an empty text while live.

    A figure that nobody reported is named as such once, never shown as zero.
    """
    if turn.live or turn.status in (TurnStatus.NOT_SENT, TurnStatus.REJECTED, TurnStatus.NOT_DELIVERED):
        return ""
    money = money_of(session, turn)
    usage = money.usage
    elapsed = turn.ended_ms - turn.order.created_ms if turn.ended_ms is not None else None
    pieces = [duration(elapsed) if elapsed is not None else ""]
    if usage.steps is not None:
        pieces.append(plural(usage.steps, "step"))
    if usage.total_tokens is not None:
        pieces.append(plural(usage.total_tokens, "token"))
    if usage.credits is not None:
        pieces.append(f"{credits_text(usage.credits)} credits")
    pieces.append(usd_text(usage.cost_usd) if usage.cost_usd is not None else "cost not reported")
    pieces.append(turn.order.budget or "standard")
    sources, files = len(sources_of_turn(turn)), len(files_of_turn(turn))
    pieces += [plural(sources, "source") if sources else "", plural(files, "file") if files else ""]
    return " · ".join(piece for piece in pieces if piece)
