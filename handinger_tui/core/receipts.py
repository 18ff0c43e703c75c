"""Receipt facts: the data about the cost of one turn; the receipt line under an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, NamedTuple

from msgspec import Struct

from handinger_tui.core.amounts import (
    EXACT,
    credits_words,
    doubt_mark,
    excess_text,
    price_text,
    split_excess,
    usd_text,
)
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.figures import FIGURES, SHOWN, Measure, cost_of
from handinger_tui.core.formatting import NOT_REPORTED, PENDING, duration, plural
from handinger_tui.core.money.attribution import Interpretation, MoneyIndex, TurnMoney, elapsed_ms
from handinger_tui.core.money.limits import Unit
from handinger_tui.core.money.meaning import Meaning
from handinger_tui.core.money.timeline import (
    MeterResult,
)
from handinger_tui.core.money.turn_events import newest_timeline
from handinger_tui.core.money.typical_cost import TypicalCost, spread
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.session import LOCAL, Session, newest_target
from handinger_tui.core.turns.turn import FREE, Turn, TurnStatus, level_of


class ReadingWords(NamedTuple):
    """The words for a reading. `sign`: for the receipt line, may be ""; `short`: for a panel."""

    sign: str
    short: str
    sentence: str


_WORDS: Final = {
    Interpretation.TOTAL: ReadingWords(
        "Σ", "worker totals", "As worker totals. This turn is their increase while it ran."
    ),
    Interpretation.PER_TURN: ReadingWords(
        "1×", "reported per turn", "As figures of this turn. The worker reports each turn separately."
    ),
    Interpretation.NONE: ReadingWords("", "nothing reported", "Nothing was reported for this turn."),
}


def reading_words(reading: Interpretation, *, pinned: bool = False) -> ReadingWords:
    """The words for a reading of a turn or of a session. `pinned`: the person decided it."""
    words = _WORDS[reading]
    if not pinned or not words.sign:
        return words
    return words._replace(
        short=f"{words.short}, {PINNED_BY_YOU}", sentence=f"{words.sentence} It is {PINNED_BY_YOU}."
    )


# -- what each figure of a worker means ----------------------------------------------------
PINNED_BY_YOU: Final = "pinned by you"
_MEANINGS: Final = {
    Meaning.LIFETIME: "worker totals",
    Meaning.PER_TURN: "figures per turn",
}


def worker_of_figures(session: Session) -> str | None:
    """The worker to which `/reading` applies; None if there is none yet."""
    return newest_target(session.turns) or session.worker_id


def meaning_lines(session: Session) -> list[str]:
    """What the figures of the session's worker mean, and why; figures with the same answer share a line."""
    if any(turn.own_usage is not None for turn in session.turns):
        return ["The service reports the figures of each turn by themselves: there is nothing to decide."]
    index = MoneyIndex()
    index(session.turns, session.elsewhere)
    meters = index.results.get(newest_timeline(session.turns) or session.worker_id, [])
    lines: dict[str, list[str]] = {}
    for figure in SHOWN if meters else ():
        meter = meters[FIGURES.index(figure)]
        if meter.total is not None and figure.measure not in (Measure.STEPS, Measure.TIME):
            lines.setdefault(_meaning_text(meter), []).append(figure.label)
    return [_meaning_line(names, text) for text, names in lines.items()] or ["Nothing reported yet."]


def _meaning_line(names: Sequence[str], text: str) -> str:
    listed = ", ".join(names)
    return f"{listed[:1].upper()}{listed[1:]}: {text}."


def _meaning_text(meter: MeterResult) -> str:
    readings = plural(meter.values, "reading")
    if not meter.pinned and meter.meaning is Meaning.UNDECIDED:
        likely = _MEANINGS[Meaning.PER_TURN if meter.by_turn else Meaning.LIFETIME]
        return f"undecided, treated as {likely}, after {readings}"
    if not meter.pinned:
        return f"{_MEANINGS[meter.meaning]}, decided from {readings}"
    is_one = meter.values == 1
    if meter.shown is Meaning.UNDECIDED:
        other = "is inconclusive" if is_one else "are inconclusive"
    else:
        other = f"alone {'suggests' if is_one else 'suggest'} {_MEANINGS[meter.shown]}"
    return f"{_MEANINGS[meter.meaning]}, {PINNED_BY_YOU}; {readings} {other}"


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
    def elapsed_ms(self) -> int | None:
        """Milliseconds from sending to the end, see `attribution.elapsed_ms`."""
        return elapsed_ms(self.turn)

    @property
    def split_excess(self) -> Decimal | None:
        """By how much the four categories exceed the cost, see `amounts.split_excess`."""
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


# -- the line under an answer -------------------------------------------------------
def receipt_line(session: Session, turn: Turn, index: MoneyIndex | None = None) -> str:
    """Duration, steps, tokens, credits, USD, budget, sources and files; "" for a running or unsent turn.

    After the amount follow the change from the median of earlier turns, and the sign of the reading: "Σ" for
    totals of the worker, "1×" for figures of each turn. A cost that was not reported is never shown as zero.
    Figures that are not final begin with "so far", a duration by our own clock with "~". Pass `index` for
    several lines of a session, so that the money of its turns is computed only once.
    """
    if turn.live:
        return ""
    money, change = _money_and_change(session, turn, MoneyIndex() if index is None else index)
    if turn.status in FREE:
        return _refused_text(money)
    return _line(turn, money, change, session.credit_usd, simulated=session.base_url == LOCAL)


def _refused_text(money: TurnMoney) -> str:
    """The line of a turn that never started: usually "", since it cost nothing."""
    if not money.grew:
        return ""
    amount = credits_words(money.usage.credits) if not money.usd else usd_text(money.usd)
    own = f" You assigned {amount} to it." if money.usd or money.usage.credits else ""
    return f"It was rejected, but the worker's figures rose at that time.{own}"


def _line(
    turn: Turn, money: TurnMoney, change: MedianComparison, credit_usd: Decimal | None, *, simulated: bool
) -> str:
    usage, is_running = money.usage, turn.status is TurnStatus.RUNNING
    change_note = f" ({change_text(change.percent)})" if change.percent is not None else ""
    sign = f" {reading_words(money.reading).sign}".rstrip()
    sign += f", {share_text(money)}" if money.shared else ""
    pieces = [duration_text(turn, money)]
    if usage.steps is not None:
        pieces.append(plural(usage.steps, "step"))
    if usage.total_tokens is not None:
        pieces.append(plural(usage.total_tokens, "token"))
    if usage.credits is not None:
        words = amount_words(money, credits_words(money.most_credits), Unit.CREDITS)
        pieces.append(words + (f"{change_note}{sign}" if money.usd is None else ""))
    if money.usd is not None:
        pieces.append(f"{amount_words(money, usd_text(money.most_usd))}{change_note}{sign}")
    else:
        priced = price_text(money.most_credits, credit_usd)
        pieces.append(priced or f"cost {PENDING if is_running else NOT_REPORTED}")
    if simulated and money.usage.reported:
        pieces.append("simulated")
    if turn.imported:
        pieces.append("imported")
    pieces.append(excess_text(_split_excess(money)))
    pieces.append(clean_line(level_of(turn.request.budget, turn.request.trigger), 40))
    sources, files = len(sources_of_turn(turn)), len(files_of_turn(turn))
    pieces += [plural(sources, "source") if sources else "", plural(files, "file") if files else ""]
    line = " · ".join(piece for piece in pieces if piece)
    has_figures = usage.reported or money.costs.reported
    return f"so far: {line}" if has_figures and not money.final else line


def amount_words(money: TurnMoney, amount: str, unit: Unit = Unit.USD) -> str:
    """An amount in a unit with its marks: "up to $0.60", "~$0.20"."""
    return f"up to {amount}" if money.shared else doubt_mark(unit in money.doubts) + amount


def cost_words(money: TurnMoney, credit_usd: Decimal | None) -> str:
    """The cost in one amount with its marks: in USD, else in credits and their price; "" if unknown.

    `credit_usd`: the price of a credit in USD, if the person gave one.
    """
    if money.usd is not None:
        return amount_words(money, usd_text(money.most_usd))
    if money.usage.credits is None:
        return ""
    priced = price_text(money.most_credits, credit_usd)
    words = amount_words(money, credits_words(money.most_credits), Unit.CREDITS)
    return f"{words} ({priced})" if priced else words


def share_text(money: TurnMoney) -> str:
    """With what the turn shares its amount; "" if it does not."""
    if not money.shared:
        return ""
    return f"shared with {plural(money.others, 'other run')}" if money.others else "with costs from before it"


def _split_excess(money: TurnMoney) -> Decimal | None:
    usage, costs = money.most if money.shared else (money.usage, money.costs)
    return split_excess(cost_of(usage, costs), costs.members)


def duration_text(turn: Turn, money: TurnMoney) -> str:
    """The duration: as reported, else by our own clock ("~12 s"); "" if unknown."""
    if money.final and money.usage.duration_ms is not None:
        return duration(money.usage.duration_ms)
    elapsed = elapsed_ms(turn)
    return "" if elapsed is None else f"~{duration(elapsed)}"
