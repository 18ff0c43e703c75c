"""Shared limits for people and programs: what is left of them, who spent it, and setting one."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from handinger_tui.core.amounts import Unit, amount_text, micro_credits, pico_usd
from handinger_tui.core.columns import NO_VALUE, Align, Column, Row
from handinger_tui.core.decimals import json_amount
from handinger_tui.core.documents import Amount, Document, LimitPart, Part
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.limits import CALENDAR_SCOPES, Gauge, Limit
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import tag_name
from handinger_tui.ledger.charges.shared import amount_of, shared_gauges
from handinger_tui.ledger.charges.shared_server import (
    PROJECT,
    SET_ONE,
    Overview,
    SharedServer,
    SpenderRow,
    utc,
)

COLUMNS: Final = (
    Column("Scope (UTC)"),
    Column("Host", least=8),
    Column("Account", least=10, rank=1),
    Column("Turns", Align.RIGHT),
    Column("Cost", Align.POINT),
    Column("Credits", Align.POINT, rank=1),
    Column("Open", Align.RIGHT),
)
NO_LIMITS: Final = f"No shared limits. To set one: {SET_ONE}"
EXAMPLES: Final = "Examples: 'day 5', 'month 2000 credits', 'project acme 50', 'day off'."


class Spender(Part, frozen=True):
    """What one computer and account took. `open_turns`: without an amount, or not over."""

    scope: str
    """A day, week or month of UTC, or a project."""
    host: str
    account: str
    turns: int
    usd: Amount | None
    credits: Amount | None
    open_turns: int


class SharedSpending(Document, frozen=True, tag="handinger-tui/shared-limits/1"):
    """The limits of a team, and who spent what."""

    limits: list[LimitPart]
    spenders: list[Spender]


class SharedReport:
    """The limits of a team at one moment. Raises SharedUnreachable."""

    def __init__(self, server: SharedServer, now_ms: int) -> None:
        self._overview: Overview = server.overview(utc(now_ms))
        self._gauges: list[Gauge] = shared_gauges(self._overview.state, self._overview.scopes)

    @property
    def lines(self) -> list[str]:
        """A line for each limit."""
        return [gauge.text for gauge in self._gauges] if self._overview.state.limits else [NO_LIMITS]

    @property
    def rows(self) -> list[Row]:
        """Who spent what, in `COLUMNS`."""
        return [
            Row(
                (
                    clean_line(one.scope, 60),
                    one.host,
                    one.account,
                    f"{one.turns:,}",
                    _shown(_usd(one), Unit.USD),
                    _shown(_credits(one), Unit.CREDITS),
                    f"{one.open_turns:,}" if one.open_turns else "",
                )
            )
            for one in self._overview.rows
        ]

    @property
    def document(self) -> SharedSpending:
        """The same as JSON."""
        spenders = [
            Spender(
                scope=one.scope,
                host=one.host,
                account=one.account,
                turns=one.turns,
                usd=json_amount(_usd(one)),
                credits=json_amount(_credits(one)),
                open_turns=one.open_turns,
            )
            for one in self._overview.rows
        ]
        return SharedSpending(limits=[gauge.part for gauge in self._gauges], spenders=spenders)


def _usd(row: SpenderRow) -> Decimal | None:
    return amount_of(row.pico, Unit.USD)


def _credits(row: SpenderRow) -> Decimal | None:
    return amount_of(row.micro, Unit.CREDITS)


def _shown(amount: Decimal | None, unit: Unit) -> str:
    return NO_VALUE if amount is None else amount_text(amount, unit).partition(" ")[0]


def set_limit(server: SharedServer, text: str) -> str:
    """Set a limit of a team as it was typed: "day 5", "project acme 20 credits", "day off".

    Raises:
        SettingsError: it is no limit.
        SharedUnreachable
    """
    scope, *amounts = text.lower().split() or [""]
    if scope == PROJECT.strip() and amounts:
        scope, amounts = f"{PROJECT}{tag_name(amounts[0])}", amounts[1:]
    elif scope not in CALENDAR_SCOPES:
        raise SettingsError(f"{clean_line(text, 60)!r} is not a shared limit.", EXAMPLES)
    if amounts == ["off"]:
        for column in ("pico", "micro"):
            server.set_limit(scope, column, None)
        return f"Shared limit removed: {scope}."
    unit = Unit.CREDITS if amounts[1:] in (["credits"], ["credit"]) else Unit.USD
    try:
        amount = Limit.amount_of(" ".join(amounts[:1] if unit is Unit.CREDITS else amounts))
    except ValueError as problem:
        raise SettingsError(f"{str(problem).capitalize()}.", EXAMPLES) from None
    stored = micro_credits(amount) if unit is Unit.CREDITS else pico_usd(amount)
    if not stored:
        raise SettingsError("Credits have at most 6 decimals.", EXAMPLES)
    server.set_limit(scope, "micro" if unit is Unit.CREDITS else "pico", stored)
    return f"Shared limit set: {scope} {amount_text(amount, unit)}, for everybody who uses the database."
