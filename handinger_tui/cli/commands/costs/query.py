"""The selection of `handinger-tui costs`: its times, its filter, and the groups that it selects."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, altogether
from handinger_tui.ledger.cost_rows import CostRows

HINT: Final = "Use a day (2026-11-25), today, month, 7d or 24h."
_BACK: Final = re.compile(r"([0-9]{1,5})([dh])", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def since_ms(text: str, now: datetime) -> int:
    """Return the inclusive start of a time range as Unix time in milliseconds.

    `7d` means today and the six days before it.

    Raises:
        SettingsError
    """
    return _ms(_time_range(text, "--since", now)[0])


def until_ms(text: str, now: datetime) -> int:
    """Return the exclusive end of a time range as Unix time in milliseconds.

    A day or a month is included whole. `7d` and `24h` end at the moment where they begin, so that
    `--since 14d --until 7d` and `--since 7d` are adjacent and do not overlap.

    Raises:
        SettingsError
    """
    return _ms(_time_range(text, "--until", now)[1])


def midnight(day: date) -> datetime:
    """Return the start of a local day with the UTC offset of that day; 01:00 where clocks skip midnight."""
    # Two steps: `astimezone` on a naive datetime is an hour early where midnight does not exist.
    return datetime.fromtimestamp(datetime.combine(day, time()).timestamp(), UTC).astimezone()


def _time_range(text: str, flag: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the start (for `--since`) and the end (for `--until`) of a time word."""
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
        # The calendar has no such day, or the platform's clock cannot represent it.
        pass
    raise SettingsError(f"{flag} {text!r} is not a valid time.", HINT)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def as_of_ms(text: str, now: datetime) -> int:
    """Return the exclusive end of what was known at a time: a day or a month counts whole.

    Raises:
        SettingsError
    """
    return _ms(_time_range(text, "--as-of", now)[1])


class CostsQuery(Struct, frozen=True):
    """The selection and grouping of one command. `since`, `until` and `as_of` are kept as typed."""

    by: GroupBy
    filter: ChargeFilter
    since: str | None
    until: str | None
    now: datetime
    as_of: str | None = None

    @property
    def simulated(self) -> bool:
        """Whether the selection is the simulated money of the local worker."""
        return bool(self.filter.simulated)


class CostsResult(Struct, frozen=True):
    """The buckets of a query. `groups` is empty when the query groups by turn: turns are streamed.

    `suspense`: a bucket without turns for each worker. `total` includes it.
    """

    days: list[Bucket]
    groups: list[Bucket]
    suspense: list[Bucket]
    total: Bucket


def time_filter(args: argparse.Namespace, now: datetime) -> ChargeFilter:
    """Return the filter of `--since` and `--until`.

    Raises:
        SettingsError: a time is not valid, or nothing lies between the two.
    """
    since = None if args.since is None else since_ms(args.since, now)
    until = None if args.until is None else until_ms(args.until, now)
    if since is not None and until is not None and since >= until:
        raise SettingsError(
            f"--since {args.since} is not before --until {args.until}.", "The period is empty."
        )
    return ChargeFilter(since, until)


def charge_filter(args: argparse.Namespace, cost_rows: CostRows, times: ChargeFilter) -> ChargeFilter:
    """Return the filter of the query.

    Simulated money is selected with `--local`, or when the history has no real charge at any time
    for this worker, session and budget, but has simulated ones.
    """
    which = ChargeFilter(
        worker_id=unique_id(cost_rows, "worker", args.worker),
        session_id=unique_id(cost_rows, "session", args.session),
        budget=args.budget,
    )
    simulated = args.local or (
        not cost_rows.any(replace(which, simulated=False)) and cost_rows.any(replace(which, simulated=True))
    )
    return replace(which, since_ms=times.since_ms, until_ms=times.until_ms, simulated=simulated)


def unique_id(cost_rows: CostRows, what: str, prefix: str | None) -> str | None:
    """Return the id of the only worker or session whose id starts with `prefix`.

    Raises:
        SettingsError
    """
    if prefix is None:
        return None
    matches = cost_rows.ids(f"{what}_id", prefix) if prefix else []
    if not matches:
        raise SettingsError(
            f"No {what} with charges starts with {prefix!r}.", f"See: handinger-tui costs --by {what}"
        )
    if len(matches) > 1:
        raise SettingsError(f"{len(matches)} {what}s start with {prefix!r}.", "Type more of the id.")
    return matches[0]


def run_query(cost_rows: CostRows, query: CostsQuery) -> CostsResult:
    """Run the query; the total is computed from the days and what no turn explains."""
    days = cost_rows.buckets(GroupBy.DAY, query.filter)
    has_own_groups = query.by not in (GroupBy.DAY, GroupBy.TURN)
    groups = (
        cost_rows.buckets(query.by, query.filter)
        if has_own_groups
        else days
        if query.by is GroupBy.DAY
        else []
    )
    suspense = cost_rows.suspense(query.filter)
    return CostsResult(days, groups, suspense, altogether([*days, *suspense], "total"))
