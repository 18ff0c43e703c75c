"""The receipt line: one line with the cost under every answer."""

from __future__ import annotations

from handinger_tui.core.evidence.sources_and_files import files_of_turn, sources_of_turn
from handinger_tui.core.formatting import NOT_REPORTED, PENDING, duration, plural
from handinger_tui.core.money.amounts import credits_words, usd_text
from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney, money_of, took_ms
from handinger_tui.core.receipts.facts import NEWEST, Change, change_against, change_of, percent_text
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FREE, Turn, TurnStatus, level_of


def receipt_line(session: Session, turn: Turn) -> str:
    """Duration, steps, tokens, credits, USD, budget, sources and files; "" for a running or unsent turn.

    The change against the median of the turns before follows the amount. A cost that was not reported is
    named so, never shown as zero. Figures of a worker that is not known to have finished begin with
    "so far", and a duration by our own clock with "~".
    """
    if _has_no_receipt(turn):
        return ""
    return _line(turn, money_of(session, turn), change_of(session, turn))


class Receipts:
    """Receipt lines for many turns of one session; the money of its turns is computed only once.

    `receipt_line` reads all turns of the session for each line.
    """

    def __init__(self, index: MoneyIndex | None = None) -> None:
        """`index`: an index of the session that is shared with others; None: a new one."""
        self._money = MoneyIndex() if index is None else index

    def line(self, session: Session, turn: Turn) -> str:
        """The receipt line of a turn, see `receipt_line`."""
        if _has_no_receipt(turn):
            return ""
        turns = session.turns
        # Searched from the end: mostly one of the newest turns is requested.
        at = next((at for at in reversed(range(len(turns))) if turns[at] is turn), None)
        if at is None:
            return receipt_line(session, turn)
        first = max(0, at - NEWEST)
        *before, money = self._money.some(turns, first, at + 1)
        earlier = zip(turns[first:at], before, strict=True)
        return _line(turn, money, change_against(turn, money, earlier))


def _has_no_receipt(turn: Turn) -> bool:
    """Whether the turn still runs, or never started."""
    return turn.live or turn.status in FREE


def _line(turn: Turn, money: TurnMoney, change: Change) -> str:
    usage, is_running = money.usage, turn.status is TurnStatus.RUNNING
    change_note = f" ({percent_text(change.percent)})" if change.percent is not None else ""
    pieces = [took_text(turn, money)]
    if usage.steps is not None:
        pieces.append(plural(usage.steps, "step"))
    if usage.total_tokens is not None:
        pieces.append(plural(usage.total_tokens, "token"))
    if usage.credits is not None:
        pieces.append(credits_words(usage.credits) + (change_note if money.usd is None else ""))
    if money.usd is not None:
        pieces.append(f"{usd_text(money.usd)}{change_note}")
    else:
        pieces.append(f"cost {PENDING if is_running else NOT_REPORTED}")
    pieces.append(level_of(turn.order.budget, turn.order.trigger))
    sources, files = len(sources_of_turn(turn)), len(files_of_turn(turn))
    pieces += [plural(sources, "source") if sources else "", plural(files, "file") if files else ""]
    line = " · ".join(piece for piece in pieces if piece)
    has_figures = usage.known() or money.costs.known()
    return f"so far: {line}" if has_figures and not money.known else line


def took_text(turn: Turn, money: TurnMoney) -> str:
    """The duration: as reported, else by our own clock ("~12 s"); "" where it is not known."""
    if money.known and money.usage.duration_ms is not None:
        return duration(money.usage.duration_ms)
    elapsed = took_ms(turn)
    return "" if elapsed is None else f"~{duration(elapsed)}"
