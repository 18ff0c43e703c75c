"""The values of the usage panel: the money of this turn, and that of all turns of the session."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from msgspec import Struct

from handinger_tui.core.amounts import Total, Unit, total
from handinger_tui.core.figures import Figure, Number
from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FREE, Turn, TurnStatus

SHORTEST_MS: Final = 30_000
"""The shortest time for which a rate is computed: the rate of a few seconds is misleading."""


class TimedMoney(Struct, frozen=True):
    """The money of one turn, and the milliseconds in which it was spent; None if unknown."""

    money: TurnMoney
    ms: int | None = None


NO_MONEY: Final = TimedMoney(TurnMoney())


class UsageView(Struct, frozen=True):
    """Everything that the panel shows; compares by value.

    `turns`: those of the session that count in its sums, in order; `own`: this turn. `began_ms`: when this
    turn was sent; None when it is not running here. `credit_usd`, `session_usd`: the person's price
    of a credit, for this turn and for all of them. `kind`: see `Session`.
    """

    own: TimedMoney = NO_MONEY
    status: TurnStatus | None = None
    """None: no message has reached a worker."""
    turns: tuple[TimedMoney, ...] = ()
    usd: Total = Total(Decimal(0))
    credits: Total = Total(Decimal(0))
    began_ms: int | None = None
    read_ms: int | None = None
    credit_usd: Decimal | None = None
    session_usd: Decimal | None = None
    kind: str = "worker"

    @staticmethod
    def of(session: Session, index: MoneyIndex | None = None) -> UsageView:
        """The figures of a session. Queued and refused turns have used nothing and do not count.

        `index`: pass the same one on each call, so that the money of unchanged turns is not computed again.
        """
        turn = session.in_view
        if turn is None or (turn.status in FREE and session.sent is None and turn.before is None):
            return UsageView(kind=session.kind)
        index = index or MoneyIndex()
        all_money = index(session.turns, session.elsewhere)
        pairs = [
            (one, TimedMoney(money, _ms(one))) for one, money in zip(session.turns, all_money, strict=True)
        ]
        turns = tuple(timed for one, timed in pairs if not (one.imported or one.unsent))
        money = [one.money for one in turns]
        # A turn started elsewhere began before this program knew of it.
        is_ours = turn.live and not turn.request.trigger.elsewhere
        return UsageView(
            own=next(timed for one, timed in reversed(pairs) if one is turn),
            status=turn.status,
            turns=turns,
            usd=index.totals[Unit.USD](money),
            credits=index.totals[Unit.CREDITS](money),
            began_ms=turn.began_ms if is_ours else None,
            read_ms=next((one.read_ms for one in reversed(session.turns) if one.read_ms is not None), None),
            credit_usd=session.price(turn),
            session_usd=session.price(*(one for one, _ in pairs if not (one.imported or one.unsent))),
            kind=session.kind,
        )

    def session(self, unit: Unit) -> Total:
        """The amount of the session."""
        return self.usd if unit is Unit.USD else self.credits

    @property
    def cost(self) -> str:
        """The cost of this turn in words."""
        return self.own.money.cost(self.credit_usd)

    def of_turn(self, figure: Figure) -> Number | None:
        """A figure of this turn, at most."""
        money = self.own.money
        return figure.read(*(money.most if money.shared else (money.usage, money.costs)))

    def of_session(self, figure: Figure) -> Total:
        """A figure of all turns of the session."""
        values = (figure.read(one.money.usage, one.money.costs) for one in self.turns)
        return total(None if value is None else Decimal(value) for value in values)


def _ms(turn: Turn) -> int | None:
    """The time that a turn took; for a running one until its newest reading, since costs are not newer."""
    if not turn.live:
        return turn.elapsed_ms
    is_read = turn.read_ms is not None and not turn.request.trigger.elsewhere
    return max(0, turn.read_ms - turn.began_ms) if is_read and turn.read_ms is not None else None


def a_minute(turns: Iterable[TimedMoney], unit: Unit) -> Decimal | None:
    """What turns of known cost and time cost per minute; None with less than `SHORTEST_MS` of time."""
    timed = [(one.ms, one.money.amount(unit)) for one in turns]
    pairs = [(ms, amount) for ms, amount in timed if ms is not None and amount is not None]
    ms, spent = sum(ms for ms, _ in pairs), total(amount for _, amount in pairs).value
    # An estimate: the precision of an ordinary division is enough.
    return spent * 60_000 / ms if spent is not None and ms >= SHORTEST_MS else None
