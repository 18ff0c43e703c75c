"""The selection of `handinger-tui costs`: times, and a filter by what its options name."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.periods import period_ms
from handinger_tui.core.safety import clean_line
from handinger_tui.core.tags import tag_name
from handinger_tui.ledger.cost_rows import CostRows

if TYPE_CHECKING:
    import argparse


def time_filter(args: argparse.Namespace, now: datetime) -> ChargeFilter:
    """Return the filter of `--since` and `--until`.

    Raises:
        SettingsError: a time is not valid, or the first is not before the second.
    """
    since = None if args.since is None else period_ms(args.since, "--since", now)[0]
    until = None if args.until is None else period_ms(args.until, "--until", now)[1]
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
    tag, project = (None if name is None else tag_name(name) for name in (args.tag, args.project))
    for name, value in (("profile", args.profile), ("tag", tag), ("project", project)):
        if value is not None:
            _check_any(cost_rows, name, value)
    which = ChargeFilter(
        worker_id=unique_id(cost_rows, "worker", args.worker),
        session_id=unique_id(cost_rows, "session", args.session),
        budget=args.budget,
        profile=args.profile,
        tag=tag,
        project=project,
    )
    cost_rows.choose(which)
    simulated = args.local or (
        not cost_rows.any(replace(which, simulated=False)) and cost_rows.any(replace(which, simulated=True))
    )
    return replace(which, since_ms=times.since_ms, until_ms=times.until_ms, simulated=simulated)


def _check_any(cost_rows: CostRows, name: str, value: str) -> None:
    """Check that a filter by one name selects anything. Raises SettingsError."""
    which = replace(ChargeFilter(), **{name: value})
    cost_rows.choose(which)
    if not cost_rows.any(which):
        raise SettingsError(
            f"No costs with the {name} {clean_line(value, 60)}.", f"See: handinger-tui costs --by {name}"
        )


def unique_id(cost_rows: CostRows, what: str, prefix: str | None) -> str | None:
    """Return the id of the only worker or session whose id starts with `prefix`. Raises SettingsError."""
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
