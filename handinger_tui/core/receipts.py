"""Receipts: the facts about the cost of one turn, of which the line under an answer shows three."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from msgspec import Struct

from handinger_tui.core.amounts import Total, Unit, at_price, excess_words, split_excess
from handinger_tui.core.decimals import EXACT
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.figures import cost_of
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney, session_money
from handinger_tui.core.money.typical_cost import TypicalCost, spread
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.session import LOCAL, Session
from handinger_tui.core.turns.turn import FREE, Turn, TurnStatus, level_of

ENOUGH_EARLIER: Final = 3
"""How many earlier turns a comparison with their median needs."""
MOST_CHANGE_PERCENT: Final = 999_999
"""A larger percentage is shown as ">+999,999%"."""
NEWEST: Final = 50
"""How many earlier turns are compared, so that a long session does not make every receipt slow."""


class Times(Struct, frozen=True):
    """When the request left, and when the first answer arrived, in Unix milliseconds; None if unknown."""

    sent_ms: int | None = None
    answered_ms: int | None = None


class MedianComparison(Struct, frozen=True):
    """A turn compared with the median of `turns` earlier turns of its session.

    `percent`: a signed integer; None if there are too few turns, if the amount of the turn is unknown, or if
    the median is 0.
    """

    percent: int | None = None
    median: Decimal | None = None
    turns: int = 0
    unit: Unit = Unit.USD


class ReceiptFacts(Struct, frozen=True):
    """A turn within its session, and its cost."""

    session: Session
    turn: Turn
    money: TurnMoney
    change: MedianComparison
    typical_cost: TypicalCost | None = None
    times: Times = Times()

    @property
    def simulated(self) -> bool:
        """Whether the money is the simulated money of the local worker."""
        return self.session.base_url == LOCAL

    @property
    def waiting(self) -> bool:
        """Whether more figures may arrive: the turn runs, watched or detached."""
        return self.turn.live or self.turn.status is TurnStatus.RUNNING

    @property
    def free(self) -> bool:
        """Whether the turn never started, so that nothing can have been charged."""
        return self.turn.status in FREE

    @property
    def level(self) -> str:
        """The budget level of the turn; "" if unknown, since another program started it."""
        return level_of(self.turn.request.budget, self.turn.request.trigger)

    @property
    def cost(self) -> str:
        """The cost in words: "about $0.04 so far", "unknown"."""
        return self.money.words(self.session.price(self.turn))

    @property
    def elapsed_ms(self) -> int | None:
        """Milliseconds from sending to the end, see `attribution.elapsed_ms`."""
        return self.turn.elapsed_ms

    @property
    def split_excess(self) -> Decimal | None:
        """By how much the categories exceed the cost, see `amounts.split_excess`."""
        return _split_excess(self.money)

    @property
    def submitted_ms(self) -> int | None:
        """When the user wrote it, which may have waited in a queue; None if another program did."""
        request = self.turn.request
        return None if request.trigger.elsewhere else request.created_ms


def facts_of(
    session: Session, turn: Turn, typical_cost: TypicalCost | None = None, times: Times | None = None
) -> ReceiptFacts:
    """All facts about `turn`. `typical_cost` and `times` come from the history."""
    return ReceiptFacts(
        session, turn, *_money_and_change(session, turn, MoneyIndex()), typical_cost, times or Times()
    )


def _money_and_change(session: Session, turn: Turn, index: MoneyIndex) -> tuple[TurnMoney, MedianComparison]:
    """The money of `turn`, which may be newer than in its session; unknown if it is not in the session."""
    at, money = index.with_turn(session, turn)
    if at is None:
        return TurnMoney(), _change(turn, TurnMoney(), ())
    first = max(0, at - NEWEST)
    return money[at], _change(turn, money[at], zip(session.turns[first:at], money[first:at], strict=True))


def _change(turn: Turn, own: TurnMoney, earlier: Iterable[tuple[Turn, TurnMoney]]) -> MedianComparison:
    """A turn compared with earlier ones: in USD if it reports USD, else in credits."""
    unit = Unit.CREDITS if own.usd is None and own.usage.credits is not None else Unit.USD
    previous = spread(money.amount(unit) for other, money in earlier if _is_own(other, money))
    own_amount = own.amount(unit) if _is_own(turn, own) else None
    if previous.counted < ENOUGH_EARLIER or previous.median is None:
        return MedianComparison(turns=previous.counted, unit=unit)
    if own_amount is None or not previous.median:
        return MedianComparison(None, previous.median, previous.counted, unit)
    difference = EXACT.multiply(EXACT.subtract(own_amount, previous.median), Decimal(100))
    percent = EXACT.divide(difference, previous.median).to_integral_value(ROUND_HALF_EVEN, EXACT)
    return MedianComparison(int(percent), previous.median, previous.counted, unit)


def _is_own(turn: Turn, money: TurnMoney) -> bool:
    """Whether the amounts are final, and not shared."""
    return turn.status not in FREE and money.final and not money.shared


def change_text(percent: int | None) -> str:
    """A change in percent with its sign: "+35%", "±0%", ">+999,999%"; "" for None."""
    if percent is None:
        return ""
    if percent > MOST_CHANGE_PERCENT:
        return f">{MOST_CHANGE_PERCENT:+,}%"
    return f"{percent:+,}%" if percent else "±0%"


def times_of(frames: Iterable[Frame]) -> Times:
    """When the request left, and when the first answer arrived, by the frames of a turn."""
    sent: int | None = None
    for frame in frames:
        if sent is None:
            if frame.framing is Framing.NOTE and frame.event == Marker.SENDING:
                sent = frame.at_ms
        elif _is_answer(frame):
            return Times(sent, frame.at_ms)
    return Times(sent)


def _is_answer(frame: Frame) -> bool:
    """Whether a frame is part of the answer to the POST, not of a later read of the worker."""
    if frame.framing is Framing.NOTE:
        return False
    return frame.framing is not Framing.JSON or frame.event == ReadReason.ANSWER


def totals_of(session: Session) -> tuple[Total, Total, str]:
    """What the turns of a session took by now, without a turn under way that shows no figures yet.

    Returns:
        USD, credits, and both in words.
    """
    turns = tuple(turn for turn in session.turns if not (turn.live and turn.snapshot is None))
    money = session_money(turns, session.elsewhere)
    priced = at_price(money.credits.value, session.price(*turns))
    return money.usd, money.credits, money.usd.cost_words(money.credits, priced)


# -- the line under an answer -------------------------------------------------------
def receipt_line(session: Session, turn: Turn, index: MoneyIndex | None = None) -> str:
    """Three facts: "8 s · $0.0092 · 3 files"; "" for a running or unsent turn. Files come before sources.

    A split that exceeds its total, and a turn that was imported, are named, too. Pass `index` for several
    lines of a session, so that the money of its turns is computed only once.
    """
    if turn.live:
        return ""
    money = (index or MoneyIndex()).of(session, turn)
    if turn.status in FREE:
        return _refused_text(money)
    files, sources = len(files_of_turn(turn)), len(sources_of_turn(turn))
    evidence = plural(files, "file") if files else plural(sources, "source") if sources else ""
    pieces = (
        money.duration_text(turn),
        money.cost(session.price(turn)) or f"cost {money.total(Unit.USD).words()}",
        "imported" if turn.imported else "",
        excess_words(_split_excess(money)),
        evidence,
    )
    return " · ".join(filter(None, pieces))


def receipt_lines(session: Session) -> dict[str, str]:
    """The lines of all turns, by their ids."""
    index = MoneyIndex()
    return {turn.turn_id: receipt_line(session, turn, index) for turn in session.turns}


def _refused_text(money: TurnMoney) -> str:
    """The line of a turn that never started: usually "", since it cost nothing."""
    if not money.grew:
        return ""
    amount = money.cost(None) if money.usd or money.usage.credits else ""
    return "Rejected. Its cost cannot be ruled out." + (f" You assigned {amount} to it." if amount else "")


def _split_excess(money: TurnMoney) -> Decimal | None:
    usage, costs = money.most if money.shared else (money.usage, money.costs)
    return split_excess(cost_of(usage, costs), costs.members)
