"""Subcommands that make requests about a worker: email, schedules, files. None starts a turn immediately."""

from __future__ import annotations

import argparse
import asyncio

from pydantic import ValidationError

from handinger_tui.api.schedules import After, At, Cron, Every, NewSchedule, Schedule
from handinger_tui.cli.commands import files
from handinger_tui.cli.commands.files import put_result
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.paths import default_paths
from handinger_tui.cli.wiring import RandomIds, Services, open_services
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.jsontext import Json
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.settings import Settings

JsonObject = dict[str, Json]


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Run the subcommand and return its exit code."""
    return asyncio.run(_run(args, settings))


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    async with open_services(settings, default_paths(), watch_money=False) as services:
        return await {"email": _run_email, "schedules": _run_schedules, "files": files.run}[args.command](
            args, services
        )


async def _run_email(args: argparse.Namespace, services: Services) -> int:
    address = clean_line(await services.client.email(args.worker))
    put_result(args, {"worker_id": args.worker, "email": address}, address)
    return Exit.OK


# -- schedules ---------------------------------------------------------------------------
async def _run_schedules(args: argparse.Namespace, services: Services) -> int:
    if args.action == "list":
        schedule_list = await services.client.schedules(args.worker)
        rows: list[Json] = [_schedule_object(schedule) for schedule in schedule_list.schedules]
        text = "\n".join(map(_schedule_row, schedule_list.schedules)) or "No schedules."
        put_result(args, {"worker_id": args.worker, "schedules": rows}, text)
    elif args.action == "cancel":
        if not args.schedule:
            raise SettingsError(
                "Which schedule?", "Give its id: handinger-tui schedules cancel WORKER SCHEDULE"
            )
        cancelled = await services.client.cancel_schedule(args.worker, args.schedule)
        texts = {
            True: "Cancelled.",
            False: "The service did not cancel it.",
            None: "The service does not say.",
        }
        put_result(args, {"cancelled": cancelled}, texts[cancelled])
    else:
        new_schedule = NewSchedule(input=args.schedule or "", when=_parse_when(args), budget=args.budget)
        schedule = await services.client.add_schedule(args.worker, new_schedule, RandomIds().new("sch"))
        put_result(args, _schedule_object(schedule), _schedule_row(schedule))
    return Exit.OK


def _parse_when(args: argparse.Namespace) -> At | After | Cron | Every:
    if not args.schedule:
        raise SettingsError("What should the worker do?", "Give the instruction after the worker's id.")
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
            "Schedules take 1 to 31,536,000 seconds (a year).", "Give another number."
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
