"""`handinger-tui costs`: what turns took, from the local history alone. Needs no key and no network."""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Final

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.output import put, say
from handinger_tui.cli.paths import default_paths
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, altogether
from handinger_tui.ledger.cost_rows import CostRows, Form, opened

HINT: Final = "Write a day (2026-11-25), today, month, or a time back from now: 7d, 24h."
_BACK: Final = re.compile(r"([0-9]{1,5})([dh])", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def since_ms(text: str, now: datetime) -> int:
    """The first moment that counts, Unix time in milliseconds. `7d`: today and the six days before.

    Raises:
        SettingsError
    """
    return _ms(_spans(text, "--since", now)[0])


def until_ms(text: str, now: datetime) -> int:
    """The first moment that no longer counts.

    A day or month counts whole; `7d` and `24h` end where they begin, so that
    `--since 14d --until 7d` and `--since 7d` follow each other.

    Raises:
        SettingsError
    """
    return _ms(_spans(text, "--until", now)[1])


def midnight(day: date) -> datetime:
    """The local beginning of a day, with the offset that held then; 01:00 where clocks skip midnight."""
    # Not at once: without a zone `astimezone` is an hour early where midnight does not exist.
    return datetime.fromtimestamp(datetime.combine(day, time()).timestamp(), UTC).astimezone()


def _spans(text: str, flag: str, now: datetime) -> tuple[datetime, datetime]:
    """Where a word begins and where it ends, as the two flags take it."""
    today, word = now.date(), text.strip().lower()
    back = _BACK.fullmatch(word)
    try:
        if word == "today":
            return midnight(today), midnight(today + timedelta(days=1))
        if word == "month":
            return midnight(today.replace(day=1)), midnight(_next_month(today))
        if _DAY.fullmatch(word):
            day = date.fromisoformat(word)
            return midnight(day), midnight(day + timedelta(days=1))
        if back and int(back[1]):
            count = int(back[1])
            moment = (
                now - timedelta(hours=count) if back[2] == "h" else midnight(today - timedelta(count - 1))
            )
            return moment, moment
    except (ValueError, OverflowError, OSError):
        # A day that the calendar or the platform's clock does not have.
        pass
    raise SettingsError(f"{flag} {text!r} is no time that is known here.", HINT)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


CHUNK = 256
"""Turns that are written at once."""


@dataclass(frozen=True, slots=True)
class CostsQuery:
    """What the command line asks for. `since` and `until` as typed."""

    by: GroupBy
    which: ChargeFilter
    since: str | None
    until: str | None
    now: datetime

    @property
    def simulated(self) -> bool:
        """Pretend money."""
        return bool(self.which.simulated)


@dataclass(frozen=True, slots=True)
class CostsResult:
    """What the history says to that. Without groups of its own when it is told turn by turn."""

    days: list[Bucket]
    groups: list[Bucket]
    whole: Bucket


def run(told: argparse.Namespace) -> int:
    """From the parsed command line to the exit code.

    Raises:
        SettingsError: a time, an id or a file name is no good.
        LedgerError
    """
    now = datetime.now().astimezone()
    times = ChargeFilter(
        None if told.since is None else since_ms(told.since, now),
        None if told.until is None else until_ms(told.until, now),
    )
    if times.since_ms is not None and times.until_ms is not None and times.since_ms >= times.until_ms:
        raise SettingsError(
            f"--since {told.since} is not before --until {told.until}.", "Nothing lies between them."
        )
    if told.report is not None:
        from handinger_tui.cli.commands.costs.report import check  # noqa: PLC0415 - charts, 15 ms, only for a report

        check(told.report, force=told.force)
    with opened(default_paths().database) as book:
        if book.problem:
            say(book.problem)
        asked = CostsQuery(GroupBy(told.by), _which(told, book, times), told.since, told.until, now)
        found = _read(book, asked)
        if told.report is not None:
            from handinger_tui.cli.commands.costs.report import write  # noqa: PLC0415 - see above

            line = write(told.report, book, asked, found, force=told.force)
            if not (told.json or told.csv):
                put(line)
                return Exit.OK
            say(line)
        if told.json:
            _put_json(book, asked, found)
        elif told.csv:
            _put_csv(book, asked, found)
        else:
            from handinger_tui.cli.commands.costs.text import put_text  # noqa: PLC0415 - forecast and reckoning, 20 ms

            put_text(book, asked, found)
    return Exit.OK


def _which(told: argparse.Namespace, book: CostRows, times: ChargeFilter) -> ChargeFilter:
    """The filters; real money where there is any under them, whenever it was spent."""
    which = ChargeFilter(
        worker_id=_only(book, "worker", told.worker),
        session_id=_only(book, "session", told.session),
        budget=told.budget,
    )
    simulated = told.local or (
        not book.any(replace(which, simulated=False)) and book.any(replace(which, simulated=True))
    )
    return replace(which, since_ms=times.since_ms, until_ms=times.until_ms, simulated=simulated)


def _only(book: CostRows, what: str, prefix: str | None) -> str | None:
    """The one worker or session that a prefix names.

    Raises:
        SettingsError
    """
    if prefix is None:
        return None
    found = book.ids(f"{what}_id", prefix) if prefix else []
    if not found:
        raise SettingsError(
            f"No {what} with charges starts with {prefix!r}.", f"See: handinger-tui costs --by {what}"
        )
    if len(found) > 1:
        raise SettingsError(f"{prefix!r} is the beginning of {len(found)} {what}s.", "Give more of the id.")
    return found[0]


def _read(book: CostRows, asked: CostsQuery) -> CostsResult:
    days = book.buckets(GroupBy.DAY, asked.which)
    apart = asked.by not in (GroupBy.DAY, GroupBy.TURN)
    groups = book.buckets(asked.by, asked.which) if apart else days if asked.by is GroupBy.DAY else []
    return CostsResult(days, groups, altogether(days, "total"))


def _chunks(lines: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(lines, CHUNK)):
        yield chunk


def _put_json(book: CostRows, asked: CostsQuery, found: CostsResult) -> None:
    from handinger_tui.core.export.spending import (  # noqa: PLC0415 - for JSON alone
        SCHEMA,
        charts_object,
        group_object,
    )
    from handinger_tui.core.jsontext import dump  # noqa: PLC0415 - for JSON alone

    head = {
        "schema": SCHEMA,
        "by": str(asked.by),
        "since": asked.since,
        "until": asked.until,
        "since_ms": asked.which.since_ms,
        "until_ms": asked.which.until_ms,
        "worker_id": asked.which.worker_id,
        "session_id": asked.which.session_id,
        "budget": asked.which.budget,
        "simulated": asked.simulated,
    }
    tail = {"total": group_object(found.whole), "charts": charts_object(found.days, found.whole)}
    if asked.by is not GroupBy.TURN:
        put(dump({**head, "groups": [group_object(bucket) for bucket in found.groups], **tail}))
        return
    from handinger_tui.cli.commands.costs.turn_rows import TurnLines  # noqa: PLC0415 - only turn by turn

    # One document over many lines: never held in memory whole.
    put(f'{dump(head)[:-1]},"groups":[')
    writer, first = TurnLines(Form(named=True), book.titles()), True
    for chunk in _chunks(map(writer.line, book.records(asked.which, writer.form))):
        put("", "" if first else ",\n")
        put(",".join(chunk), "")
        first = False
    put(f"\n],{dump(tail)[1:]}")


def _put_csv(book: CostRows, asked: CostsQuery, found: CostsResult) -> None:
    from handinger_tui.core.export.spending import COLUMNS, END, group_object, line  # noqa: PLC0415 - only for CSV  # noqa: PLC0415 - see above

    if isinstance(sys.stdout, io.TextIOWrapper):
        # Lines of CSV end in CR LF on every system, and never in CR CR LF.
        sys.stdout.reconfigure(newline="")
    if asked.by is not GroupBy.TURN:
        for record in (COLUMNS, *(group_object(bucket).values() for bucket in found.groups)):
            put(line(record), END)
        return
    from handinger_tui.cli.commands.costs.turn_rows import COLUMNS as TURN_COLUMNS  # noqa: PLC0415 - only turn by turn
    from handinger_tui.cli.commands.costs.turn_rows import TurnLines  # noqa: PLC0415 - see above

    put(line(TURN_COLUMNS), END)
    writer = TurnLines(Form(named=False), book.titles())
    for row in book.records(asked.which, writer.form):
        put(writer.line(row), END)
