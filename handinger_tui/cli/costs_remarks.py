"""Remarks: sentences below the figures: the month's end, the worker's own total, the limits in force."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from handinger_tui.cli.costs_when import midnight
from handinger_tui.cli.start import settings_for
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.forecast import WINDOW, daily, forecast, forecast_text
from handinger_tui.core.limits import Limit, Scope, spent_text
from handinger_tui.core.reckoning import reckon, reckoning_text
from handinger_tui.core.session import Session
from handinger_tui.core.spending import By
from handinger_tui.ledger.costs_rows import Book

if TYPE_CHECKING:
    from handinger_tui.cli.costs import Asked


def remarks(book: Book, asked: Asked) -> list[str]:
    """Those that fit what is asked; each may have two lines."""
    which, told = asked.which, []
    if asked.by is By.DAY and asked.until is None:
        told.append(forecast_line(book, asked))
    session = book.newest_session(which.worker_id) if which.worker_id else None
    if session is not None:
        told.append(
            f"Session {session.session_id}, the newest of this worker: {reckoning_text(reckon(session))}"
        )
    if session is None and which.session_id is not None:
        session = book.session(which.session_id)
    told.append(limits_line(book, asked, session))
    return [text for text in told if text]


def forecast_line(book: Book, asked: Asked) -> str:
    """What the month comes to, and how that is known."""
    today = midnight(asked.now.date())
    first = min(midnight(today.date().replace(day=1)), midnight(today.date() - timedelta(days=WINDOW)))
    which = replace(asked.which, since_ms=round(first.timestamp() * 1000), until_ms=None)
    found = forecast(daily(book.buckets(By.DAY, which)), today.date(), _share_of(asked.now, today))
    text = forecast_text(found)
    return text if text == found.method else f"Forecast: {text}.\n{found.method}"


def _share_of(now: datetime, today: datetime) -> Decimal:
    tomorrow = midnight(today.date() + timedelta(days=1))
    return Decimal(int((now - today).total_seconds())) / Decimal(int((tomorrow - today).total_seconds()))


def limits_line(book: Book, asked: Asked, session: Session | None) -> str:
    """The limit of the day, and those of the session or worker that is asked for; "" where there is none."""
    scopes = {Scope.DAY}
    scopes |= {Scope.SESSION} if asked.which.session_id else set()
    scopes |= {Scope.WORKER} if asked.which.worker_id else set()
    since_ms = round(midnight(asked.now.date()).timestamp() * 1000)
    gauges = book.gauges(session, _configured(), since_ms, simulated=asked.simulated)
    told = [
        f"{gauge.limit.scope.capitalize()} limit: {spent_text(gauge)}."
        for gauge in gauges
        if gauge.limit.scope in scopes
    ]
    return "\n".join(told)


def _configured() -> tuple[Limit, ...]:
    try:
        return settings_for(argparse.Namespace()).spending
    except SettingsError:
        # Whoever only looks at the past is not stopped by it; the next turn tells what is wrong.
        return ()
