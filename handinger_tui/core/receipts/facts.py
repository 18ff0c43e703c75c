"""Receipt facts: everything that is known of what one turn took, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from handinger_tui.core.money.amounts import EXACT
from handinger_tui.core.money.attribution import TurnMoney, money_before, money_of, took_ms
from handinger_tui.core.money.limits import Unit
from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.money.typical_cost import TypicalCost, spread
from handinger_tui.core.record import dataclass
from handinger_tui.core.stream.frames import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FREE, Trigger, Turn, TurnStatus, level_of

ENOUGH_EARLIER: Final = 3
"""Fewer known earlier turns make no median to compare with."""
MOST_PERCENT: Final = 999_999
"""More is told as more."""
NEWEST: Final = 50
"""So many turns before it are looked at: a long session must not make every receipt slow."""


@dataclass(frozen=True, slots=True)
class Times:
    """Unix times in milliseconds, None where not known: the request left, the first answer came."""

    sent_ms: int | None = None
    answered_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """This turn against the median of `turns` known turns before it in its session.

    `percent` is whole and signed; None when there are too few turns, when this
    turn's own amount is not known, or when the median is 0.
    """

    percent: int | None = None
    median: Decimal | None = None
    turns: int = 0
    unit: Unit = Unit.USD


@dataclass(frozen=True, slots=True)
class Facts:
    """A turn within its session and what it took."""

    session: Session
    turn: Turn
    money: TurnMoney
    change: Change
    usual: TypicalCost | None = None
    times: Times = Times()

    @property
    def simulated(self) -> bool:
        """The money is the local worker's pretend money."""
        return self.session.base_url == LOCAL

    @property
    def waiting(self) -> bool:
        """Figures may still come: it runs, here or without us."""
        return self.turn.live or self.turn.status is TurnStatus.RUNNING

    @property
    def free(self) -> bool:
        """It never started, so nothing can have been charged."""
        return self.turn.status in FREE

    @property
    def level(self) -> str:
        """The budget that bounded it; "" where others started it and nobody told us."""
        return level_of(self.turn.order.budget, self.turn.order.trigger)

    @property
    def elapsed_ms(self) -> int | None:
        """As `readings.took_ms`."""
        return took_ms(self.turn)

    @property
    def asked_ms(self) -> int | None:
        """When it was asked; None where others did so, before we found it."""
        order = self.turn.order
        return None if order.trigger is Trigger.ELSEWHERE else order.created_ms


def facts_of(
    session: Session, turn: Turn, usual: TypicalCost | None = None, times: Times | None = None
) -> Facts:
    """Everything about `turn`; `usual` and `times` come from the history, which the core cannot ask."""
    return Facts(session, turn, money_of(session, turn), change_of(session, turn), usual, times or Times())


def change_of(session: Session, turn: Turn) -> Change:
    """In USD where this turn tells it, else in credits."""
    return change_against(turn, money_of(session, turn), money_before(session, turn, NEWEST))


def change_against(turn: Turn, own: TurnMoney, earlier: Iterable[tuple[Turn, TurnMoney]]) -> Change:
    """The same for callers that know what the turns before it took already: at most the `NEWEST` of them."""
    unit = Unit.CREDITS if own.usd is None and own.usage.credits is not None else Unit.USD
    amounts = [_amount(money, unit) for other, money in earlier if other.status not in FREE and money.known]
    of = spread(amounts)
    mine = _amount(own, unit) if own.known and turn.status not in FREE else None
    if of.known < ENOUGH_EARLIER or of.median is None:
        return Change(turns=of.known, unit=unit)
    if mine is None or not of.median:
        return Change(None, of.median, of.known, unit)
    off = EXACT.multiply(EXACT.subtract(mine, of.median), Decimal(100))
    percent = EXACT.divide(off, of.median).to_integral_value(ROUND_HALF_EVEN, EXACT)
    return Change(int(percent), of.median, of.known, unit)


def change_text(session: Session, turn: Turn) -> str:
    """For the line under an answer: "+35 %", "-8 %"; "" where there is nothing to compare with."""
    return percent_text(change_of(session, turn).percent)


def percent_text(percent: int | None) -> str:
    """With its sign: "+35 %", "±0 %", ">+999,999 %"; "" for None."""
    if percent is None:
        return ""
    if percent > MOST_PERCENT:
        return f">{MOST_PERCENT:+,} %"
    return f"{percent:+,} %" if percent else "±0 %"


def times_of(frames: Iterable[Frame]) -> Times:
    """When the turn's request left and when its first answer came, by the frames of the turn."""
    sent: int | None = None
    for frame in frames:
        if sent is None:
            if frame.framing is Framing.NOTE and frame.event == Marker.SENDING:
                sent = frame.at_ms
        elif _answers(frame):
            return Times(sent, frame.at_ms)
    return Times(sent)


def utc_text(ms: int | None) -> str | None:
    """Unix milliseconds as "2026-11-25T10:00:00.123Z"; None when unknown or beyond the calendar."""
    if ms is None:
        return None
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    except OverflowError:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _answers(frame: Frame) -> bool:
    if frame.framing is Framing.NOTE:
        return False
    return frame.framing is not Framing.JSON or frame.event == ReadReason.ANSWER


def _amount(money: TurnMoney, unit: Unit) -> Decimal | None:
    return money.usd if unit is Unit.USD else money.usage.credits
