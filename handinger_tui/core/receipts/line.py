"""Receipt: one line under every answer that says what it took."""

from __future__ import annotations

from handinger_tui.core.evidence.sources_and_files import files_of_turn, sources_of_turn
from handinger_tui.core.formatting import NOT_REPORTED, PENDING, duration, plural
from handinger_tui.core.money.amounts import credits_words, usd_text
from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney, money_of, took_ms
from handinger_tui.core.receipts.facts import NEWEST, Change, change_against, change_of, percent_text
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FREE, Turn, TurnStatus, level_of


def receipt_line(session: Session, turn: Turn) -> str:
    """Duration, steps, tokens, credits, USD, budget, sources and files; an empty text while live.

    Behind the amount stands how far it is from the median of the turns before it.
    A figure that nobody reported is named as such once, never shown as zero. Figures
    of a worker that was not seen to have finished are "so far", and our own clock wears "~".
    """
    if _silent(turn):
        return ""
    return _line(turn, money_of(session, turn), change_of(session, turn))


class Receipts:
    """The same lines for many turns of one session: what all its turns took is worked out once.

    Whoever shows every turn of a long session would otherwise walk all turns for each of them.
    """

    def __init__(self, index: MoneyIndex | None = None) -> None:
        """`index`: one that others ask, too."""
        self._money = MoneyIndex() if index is None else index

    def line(self, session: Session, turn: Turn) -> str:
        """As `receipt_line`."""
        if _silent(turn):
            return ""
        turns = session.turns
        # Mostly one of the newest is asked for.
        at = next((at for at in reversed(range(len(turns))) if turns[at] is turn), None)
        if at is None:
            return receipt_line(session, turn)
        first = max(0, at - NEWEST)
        *before, money = self._money.some(turns, first, at + 1)
        earlier = zip(turns[first:at], before, strict=True)
        return _line(turn, money, change_against(turn, money, earlier))


def _silent(turn: Turn) -> bool:
    """It still runs, or never started."""
    return turn.live or turn.status in FREE


def _line(turn: Turn, money: TurnMoney, change: Change) -> str:
    usage, going = money.usage, turn.status is TurnStatus.RUNNING
    off = f" ({percent_text(change.percent)})" if change.percent is not None else ""
    pieces = [took_text(turn, money)]
    if usage.steps is not None:
        pieces.append(plural(usage.steps, "step"))
    if usage.total_tokens is not None:
        pieces.append(plural(usage.total_tokens, "token"))
    if usage.credits is not None:
        pieces.append(credits_words(usage.credits) + (off if money.usd is None else ""))
    if money.usd is not None:
        pieces.append(f"{usd_text(money.usd)}{off}")
    else:
        pieces.append(f"cost {PENDING if going else NOT_REPORTED}")
    pieces.append(level_of(turn.order.budget, turn.order.trigger))
    sources, files = len(sources_of_turn(turn)), len(files_of_turn(turn))
    pieces += [plural(sources, "source") if sources else "", plural(files, "file") if files else ""]
    told = " · ".join(piece for piece in pieces if piece)
    counted = usage.known() or money.costs.known()
    return f"so far: {told}" if counted and not money.known else told


def took_text(turn: Turn, money: TurnMoney) -> str:
    """How long it took: as reported, else as our own clock has it ("~12 s"); "" where nobody knows."""
    if money.known and money.usage.duration_ms is not None:
        return duration(money.usage.duration_ms)
    elapsed = took_ms(turn)
    return "" if elapsed is None else f"~{duration(elapsed)}"
