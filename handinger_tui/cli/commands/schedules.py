"""`handinger-tui schedules`: lists, adds and cancels the schedules of a worker."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from handinger_tui.api.generations import worker_in
from handinger_tui.api.schedules import After, At, Cron, Every, NewSchedule, Schedule, ScheduleClient
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.options import (
    BUDGETS,
    add_connection_options,
    add_json_option,
    add_worker_argument,
)
from handinger_tui.cli.output import Exit, put_result
from handinger_tui.cli.wiring import RandomIds, Services, run_with_services
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    import argparse

    from handinger_tui.core.jsontext import Json, JsonObject

DESCRIPTION: Final = "Manage a worker's schedules (runs that start automatically)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "action",
        choices=SUBCOMMANDS["schedules"].actions,
        help="list, add or cancel schedules",
    )
    add_worker_argument(parser)
    parser.add_argument(
        "schedule",
        nargs="?",
        metavar="SCHEDULE",
        help="the instruction (add) or the schedule id (cancel)",
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--at", metavar="DATE", help="once, at this ISO 8601 time")
    when.add_argument("--in", dest="delay", type=int, metavar="SECONDS", help="once, after N seconds")
    when.add_argument("--every", type=int, metavar="SECONDS", help="every N seconds")
    when.add_argument("--cron", metavar="CRON", help="cron expression")
    parser.add_argument("-b", "--budget", choices=BUDGETS, help="budget of each run")
    add_json_option(parser)
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the action and return the exit code."""
    return run_with_services(args, partial(_run, args))


async def _run(args: argparse.Namespace, services: Services) -> int:
    client, worker_id = ScheduleClient(services.client), worker_in(args.worker)
    if args.action == "list":
        schedules = await client.schedules(worker_id)
        rows: list[Json] = [_schedule_object(schedule) for schedule in schedules]
        text = "\n".join(map(_schedule_row, schedules)) or "No schedules."
        put_result(args, {"worker_id": worker_id, "schedules": rows}, text)
    elif args.action == "cancel":
        if not args.schedule:
            raise SettingsError("Which schedule?", "Use: handinger-tui schedules cancel WORKER SCHEDULE")
        cancelled = await client.cancel(worker_id, args.schedule)
        texts = {
            True: "Canceled.",
            False: "The service did not cancel it.",
            None: "The service gave no reason.",
        }
        put_result(args, {"cancelled": cancelled}, texts[cancelled])
    else:
        new_schedule = NewSchedule(input=args.schedule or "", when=_parse_when(args), budget=args.budget)
        schedule = await client.add(worker_id, new_schedule, RandomIds().new("sch"))
        put_result(args, _schedule_object(schedule), _schedule_row(schedule))
    return Exit.OK


def _parse_when(args: argparse.Namespace) -> At | After | Cron | Every:
    if not args.schedule:
        raise SettingsError("What should the worker do?", "Put the instruction after the worker id.")
    try:
        if args.at:
            return At(date=args.at)
        if args.delay is not None:
            return After(delay_seconds=args.delay)
        if args.every is not None:
            return Every(interval_seconds=args.every)
        if args.cron:
            return Cron(cron=args.cron)
    except ValidationError:
        raise SettingsError(
            "Schedules take 1 to 31,536,000 seconds (a year).", "Use another number."
        ) from None
    raise SettingsError("When should it run?", "Use --at, --in, --every or --cron.")


def _schedule_object(schedule: Schedule) -> JsonObject:
    """Return the schedule with the member names of the wire, including unknown members."""
    return schedule.model_dump(by_alias=True, exclude_none=True)


def _schedule_row(schedule: Schedule) -> str:
    rule = schedule.cron or schedule.interval_seconds or schedule.delay_seconds or ""
    cells = (
        schedule.id,
        schedule.type,
        rule,
        f"next {schedule.next_run_at}",
        schedule.budget,
        schedule.input,
    )
    return " · ".join(clean_line(str(item)) for item in cells if item not in (None, ""))
