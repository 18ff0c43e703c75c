"""`handinger-tui schedules`: the runs of a worker that start by themselves."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import asdict

from handinger_tui.api.generations import worker_id_in
from handinger_tui.api.schedules import utc_seconds_text
from handinger_tui.cli.args import (
    BUDGETS,
    add_connection_options,
    add_json_option,
    add_worker_argument,
)
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.output import put_result, say
from handinger_tui.cli.run_output import progress_of
from handinger_tui.cli.tables import list_text
from handinger_tui.cli.wiring import Services, run_with_services, schedule_client
from handinger_tui.core.documents import UNSET, Document, Part, PricePart, Problem, UnsetType, problem_of
from handinger_tui.core.errors import Doubtful, HandingerError, SettingsError
from handinger_tui.core.schedules import (
    COLUMNS,
    STANDARD,
    After,
    Cron,
    Every,
    NewSchedule,
    Rule,
    Schedule,
    ScheduleList,
    next_runs,
    read_rule,
    runs_of,
    schedule_row,
)
from handinger_tui.engine.schedules import WorkerSchedules

if TYPE_CHECKING:
    import argparse

SCHEDULES: Final = "Manage a worker's schedules (runs that start automatically)."
NEXT_RUNS: Final = 3
"""Next runs that are named before a schedule is added."""


class ScheduleItem(Part, frozen=True):
    """A schedule; of `cron`, `interval_seconds` and `delay_seconds` only its own rule is set."""

    id: str | None
    input: str
    budget: str | None
    type: str | None
    cron: str | None
    interval_seconds: int | None
    delay_seconds: int | None
    next_run_at: str | None
    next_runs: list[str]
    price: PricePart


class ScheduleItems(Document, frozen=True, tag="handinger-tui/schedules/1"):
    """What `schedules list` prints; `timezone`: that of cron expressions, null if the service names none."""

    worker_id: str
    timezone: str | None
    schedules: list[ScheduleItem]


class AddedSchedule(Document, frozen=True, tag="handinger-tui/schedule-added/1"):
    """What `schedules add` did. `added` is false after a look at the price, null where that is not known."""

    added: bool | None
    next_runs: list[str] | UnsetType = UNSET
    price: PricePart | UnsetType = UNSET
    id: str | UnsetType | None = UNSET
    """This and the following members: only of a schedule that was added."""
    input: str | UnsetType = UNSET
    budget: str | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    cron: str | UnsetType | None = UNSET
    interval_seconds: int | UnsetType | None = UNSET
    delay_seconds: int | UnsetType | None = UNSET
    next_run_at: str | UnsetType | None = UNSET
    error: Problem | UnsetType | None = UNSET
    """Only where it is not known whether it was added."""


class CancelledSchedule(Document, frozen=True, tag="handinger-tui/schedule-cancelled/1"):
    """What `schedules cancel` did; null: the service does not say."""

    cancelled: bool | None
    error: Problem | UnsetType | None = UNSET


def _add_schedules_arguments(parser: argparse.ArgumentParser) -> None:
    # That of argparse has a line of 90 characters, which it cannot break.
    parser.usage = "%(prog)s [OPTIONS] {list,add,cancel} ID [SCHEDULE]"
    parser.add_argument(
        "action", choices=SUBCOMMANDS["schedules"].actions, help="list, add or cancel schedules"
    )
    add_worker_argument(parser)
    parser.add_argument(
        "schedule", nargs="?", metavar="SCHEDULE", help="the instruction (add) or the schedule id (cancel)"
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--at", metavar="TIME", help="once: 09:00, '2027-01-15 09:00' (local), or with Z or +01:00"
    )
    when.add_argument("--in", dest="delay", metavar="DURATION", help="once, after 90s, 15m, 2h, 1d")
    when.add_argument("--every", metavar="DURATION", help="every 15m, 2h, 1d, 1w")
    when.add_argument("--cron", metavar="CRON", help="cron expression, in the time zone of the service")
    parser.add_argument("-b", "--budget", choices=BUDGETS, help="budget of each run (default: standard)")
    parser.add_argument(
        "--yes", action="store_true", help="with add: add it, instead of only showing its price"
    )
    parser.add_argument("--dry-run", action="store_true", help="with add: only show its next runs and price")
    add_json_option(parser)
    add_connection_options(parser)


def _run_schedules(args: argparse.Namespace) -> int:
    actions = {"list": _list, "cancel": _cancel, "add": _add}

    async def run(services: Services) -> int:
        return await actions[args.action](args, _schedules_of(args, services))

    return run_with_services(args, run)


def _schedules_of(args: argparse.Namespace, services: Services) -> WorkerSchedules:
    settings, worker_id = services.settings, worker_id_in(args.worker)

    charges, prices = services.ledger.charges, settings.prices
    cost_at = partial(charges.typical_cost, worker_id, simulated=settings.local, prices=prices)
    schedules = WorkerSchedules(
        schedule_client(services.client),
        worker_id,
        args.budget or STANDARD,
        cost_at,
        partial(datetime.now, UTC),
        is_local=settings.local,
    )
    schedules.keep = partial(services.ledger.runs.keep_schedules, settings.base_url)
    return schedules


async def _list(args: argparse.Namespace, schedules: WorkerSchedules) -> int:
    listing = await schedules.read()
    listed, now = listing.listed, listing.now
    rows = [_item(one.schedule, one.price.part, listed, now) for one in listing.priced]
    lines = [list_text(COLUMNS, [schedule_row(one, now) for one in listing.priced], "No schedules.")]
    if listing.priced:
        lines.append(listing.summary)
    if any(isinstance(one.rule, Cron) for one in listed.schedules):
        lines.append(f"Cron expressions are in the time zone {listed.zone_text}; times are local.")
    value = ScheduleItems(worker_id=schedules.worker_id, timezone=listed.zone_name, schedules=rows)
    put_result(args, value, "\n".join(lines))
    return Exit.OK


async def _cancel(args: argparse.Namespace, schedules: WorkerSchedules) -> int:
    if not args.schedule:
        raise SettingsError("Which schedule?", "Use: handinger-tui schedules cancel WORKER SCHEDULE")
    try:
        cancelled, text = await schedules.cancel(args.schedule)
    except Doubtful as problem:
        if args.json:
            put_result(args, CancelledSchedule(cancelled=None, error=problem_of(problem.fault())), "")
        return _say_doubt(problem)
    # The runs board shows schedules as they were read last.
    with suppress(HandingerError):
        await schedules.read()
    put_result(args, CancelledSchedule(cancelled=cancelled), text)
    return Exit.FAILED if cancelled is False else Exit.OK


async def _add(args: argparse.Namespace, schedules: WorkerSchedules) -> int:
    now = schedules.now()
    schedule = NewSchedule(args.schedule or "", _rule_of(args, now), schedules.budget)
    listing = await schedules.read()
    price = listing.price_of(schedule)
    if args.dry_run or not args.yes:
        runs = next_runs(schedule.rule, now, listing.listed.cron_zone)
        value = AddedSchedule(
            added=False, next_runs=[utc_seconds_text(run) for run in runs], price=price.part
        )
        put_result(args, value, schedules.question(schedule, listing, NEXT_RUNS).body)
        if args.dry_run:
            return Exit.OK
        say("Nothing was added. Add --yes to add it.")
        return Exit.USAGE
    progress = progress_of(args)

    def mark_departure() -> None:
        progress.doubt = "The schedule may have been added: list the schedules before you add it again."

    try:
        added, text = await schedules.add(schedule, listing, mark_departure)
    except Doubtful as problem:
        if not progress.doubt:
            raise
        if args.json:
            put_result(args, AddedSchedule(added=None, error=problem_of(problem.fault())), "")
        return _say_doubt(problem)
    item = _item(added.schedule, price.part, listing.listed, now)
    value = AddedSchedule(added=True, **asdict(item))
    put_result(args, value, f"{added.schedule.schedule_id}: {text}\n{price.sentences}")
    return Exit.OK


def _rule_of(args: argparse.Namespace, now: datetime) -> Rule:
    """The rule of the options. Raises SettingsError."""
    if not (args.schedule or "").strip():
        raise SettingsError("What should the worker do?", "Put the instruction after the worker id.")
    given = {"at": args.at, "in": args.delay, "every": args.every, "cron": args.cron}
    for word, text in given.items():
        if text is not None:
            return read_rule(word, text, now)
    raise SettingsError("When should it run?", "Use --at, --in, --every or --cron.")


def _say_doubt(problem: Doubtful) -> int:
    say(problem.text)
    return Exit.UNKNOWN


# -- JSON ------------------------------------------------------------------------------------
def _item(schedule: Schedule, price: PricePart, listed: ScheduleList, now: datetime) -> ScheduleItem:
    rule = schedule.rule
    return ScheduleItem(
        id=schedule.schedule_id,
        input=schedule.instruction,
        budget=schedule.budget,
        type=schedule.kind,
        cron=rule.expression if isinstance(rule, Cron) else None,
        interval_seconds=rule.seconds if isinstance(rule, Every) else None,
        delay_seconds=rule.seconds if isinstance(rule, After) else None,
        next_run_at=None if schedule.next_run is None else utc_seconds_text(schedule.next_run),
        next_runs=[utc_seconds_text(run) for run in runs_of(schedule, now, listed.cron_zone)],
        price=price,
    )


_TAKES: Final = {"list": "--json", "cancel": "SCHEDULE --json"}
EXAMPLES: Final = (
    "schedules list wrk_1",
    'schedules add wrk_1 "Check the prices" --every 1d --dry-run',
    "schedules cancel wrk_1 sch_1",
)
COMMANDS: Final = {
    "schedules": Implementation(SCHEDULES, _add_schedules_arguments, _run_schedules, EXAMPLES, _TAKES)
}
