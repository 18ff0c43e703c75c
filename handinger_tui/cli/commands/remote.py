"""Subcommands that ask the service about a worker: e-mail, schedules, files. None starts a turn now."""

from __future__ import annotations

import argparse
import asyncio

from pydantic import ValidationError

from handinger_tui.api.schedules import After, At, Cron, Every, NewSchedule, Schedule
from handinger_tui.cli.commands import files
from handinger_tui.cli.commands.files import written
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.paths import default_paths
from handinger_tui.cli.wiring import RandomIds, Services, wired
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.jsontext import Json
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.settings import Settings

JsonObject = dict[str, Json]


def run(told: argparse.Namespace, settings: Settings) -> int:
    """Run one of them."""
    return asyncio.run(_run(told, settings))


async def _run(told: argparse.Namespace, settings: Settings) -> int:
    async with wired(settings, default_paths(), watch_money=False) as parts:
        return await {"email": _email, "schedules": _schedules, "files": files.run}[told.command](told, parts)


async def _email(told: argparse.Namespace, parts: Services) -> int:
    address = clean_line(await parts.client.email(told.worker))
    written(told, {"worker_id": told.worker, "email": address}, address)
    return Exit.OK


# -- schedules ---------------------------------------------------------------------------
async def _schedules(told: argparse.Namespace, parts: Services) -> int:
    if told.action == "list":
        found = await parts.client.schedules(told.worker)
        rows: list[Json] = [_schedule_object(schedule) for schedule in found.schedules]
        text = "\n".join(map(_schedule_row, found.schedules)) or "No schedules."
        written(told, {"worker_id": told.worker, "schedules": rows}, text)
    elif told.action == "cancel":
        if not told.schedule:
            raise SettingsError(
                "Which schedule?", "Give its id: handinger-tui schedules cancel WORKER SCHEDULE"
            )
        cancelled = await parts.client.cancel_schedule(told.worker, told.schedule)
        said = {
            True: "Cancelled.",
            False: "The service did not cancel it.",
            None: "The service does not say.",
        }
        written(told, {"cancelled": cancelled}, said[cancelled])
    else:
        wanted = NewSchedule(input=told.schedule or "", when=_when(told), budget=told.budget)
        made = await parts.client.add_schedule(told.worker, wanted, RandomIds().new("sch"))
        written(told, _schedule_object(made), _schedule_row(made))
    return Exit.OK


def _when(told: argparse.Namespace) -> At | After | Cron | Every:
    if not told.schedule:
        raise SettingsError("What should the worker do?", "Give the instruction after the worker's id.")
    try:
        if told.at:
            return At(date=told.at)
        if told.delay is not None:
            return After(delay_seconds=told.delay)
        if told.every is not None:
            return Every(interval_seconds=told.every)
        if told.cron:
            return Cron(cron=told.cron)
    except ValidationError:
        raise SettingsError(
            "Schedules take 1 to 31,536,000 seconds (a year).", "Give another number."
        ) from None
    raise SettingsError("When should it run?", "Use --at, --in, --every or --cron.")


def _schedule_object(schedule: Schedule) -> JsonObject:
    """Members as on the wire, new ones kept."""
    return schedule.model_dump(by_alias=True, exclude_none=True)


def _schedule_row(schedule: Schedule) -> str:
    rule = schedule.cron or schedule.interval_seconds or schedule.delay_seconds or ""
    told = (schedule.id, schedule.type, rule, f"next {schedule.next_run_at}", schedule.budget, schedule.input)
    return " · ".join(clean_line(str(item)) for item in told if item not in (None, ""))
