"""Subcommands that ask the service about a worker: e-mail, schedules, files. None starts a turn now."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from pydantic import ValidationError

from handinger_tui.api.downloads import save
from handinger_tui.api.wire import After, At, Cron, Every, NewSchedule, Schedule
from handinger_tui.cli.exits import Exit
from handinger_tui.cli.output import put, say
from handinger_tui.cli.places import places
from handinger_tui.cli.wiring import Parts, RandomIds, wired
from handinger_tui.core.errors import ApiError, SettingsError
from handinger_tui.core.jsontext import Json, as_object, dump, parse_exact
from handinger_tui.core.safety import clean_json, clean_line
from handinger_tui.core.snapshot import WorkerFile, snapshot_of
from handinger_tui.core.turn import Kind
from handinger_tui.core.words import size
from handinger_tui.settings import Settings

JsonObject = dict[str, Json]


def run(told: argparse.Namespace, settings: Settings) -> int:
    """Run one of them."""
    return asyncio.run(_run(told, settings))


async def _run(told: argparse.Namespace, settings: Settings) -> int:
    async with wired(settings, places(), watch_money=False) as parts:
        return await {"email": _email, "schedules": _schedules, "files": _files}[told.command](told, parts)


def _write(told: argparse.Namespace, value: JsonObject, text: str) -> None:
    put(dump(clean_json(value)) if told.json else text)


async def _email(told: argparse.Namespace, parts: Parts) -> int:
    address = clean_line(await parts.client.email(told.worker))
    _write(told, {"worker_id": told.worker, "email": address}, address)
    return Exit.OK


# -- schedules ---------------------------------------------------------------------------
async def _schedules(told: argparse.Namespace, parts: Parts) -> int:
    if told.action == "list":
        found = await parts.client.schedules(told.worker)
        rows: list[Json] = [_schedule_object(schedule) for schedule in found.schedules]
        text = "\n".join(map(_schedule_row, found.schedules)) or "No schedules."
        _write(told, {"worker_id": told.worker, "schedules": rows}, text)
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
        _write(told, {"cancelled": cancelled}, said[cancelled])
    else:
        wanted = NewSchedule(input=told.schedule or "", when=_when(told), budget=told.budget)
        made = await parts.client.add_schedule(told.worker, wanted, RandomIds().new("sch"))
        _write(told, _schedule_object(made), _schedule_row(made))
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


# -- files ---------------------------------------------------------------------------------
async def _files(told: argparse.Namespace, parts: Parts) -> int:
    snapshot = snapshot_of(as_object(parse_exact(await parts.client.read_worker(told.worker))))
    if told.action == "list":
        rows: list[Json] = [
            {"filename": file.filename, "media_type": file.media_type, "url": file.url, "size": file.size}
            for file in snapshot.files
        ]
        text = "\n".join(
            f"{clean_line(f.filename or f.url)}  {f.media_type}  {size(f.size)}" for f in snapshot.files
        )
        _write(told, {"worker_id": told.worker, "files": rows}, text or "No files.")
        return Exit.OK
    wanted = _wanted(told, list(snapshot.files))
    folder = _folder(told.dir)
    results = [await _get(parts, file, folder) for file in wanted]
    text = "\n".join(
        clean_line(str(r["saved_as"] or f"{r['filename']}: {as_object(r['error']).get('message')}"))
        for r in results
    )
    _write(told, {"files": [*results]}, text)
    saved = sum(result["status"] == "saved" for result in results)
    return Exit.OK if saved == len(results) else Exit.FAILED


def _folder(text: str) -> Path:
    return Path(text).expanduser()


def _wanted(told: argparse.Namespace, files: list[WorkerFile]) -> list[WorkerFile]:
    if told.all:
        return files
    if not told.names:
        raise SettingsError("Which files?", "Name them, or use --all; see: handinger-tui files list WORKER")
    found: list[WorkerFile] = []
    for name in told.names:
        # Several files may bear one name, and a file without a name is listed by its address.
        called = [file for file in files if name in (file.filename, file.url)]
        if not called:
            raise SettingsError(f"The worker has no file {name!r}.", "See: handinger-tui files list WORKER")
        found += [file for file in called if file not in found]
    return found


async def _get(parts: Parts, file: WorkerFile, folder: Path) -> JsonObject:
    """{filename, saved_as, status: saved|refused|failed, error} of one file."""
    try:
        path = await save(parts.client, file.url, folder, file.filename, wanted=file.size)
    except ApiError as problem:
        refused = problem.kind in (Kind.UNSAFE_URL, Kind.TOO_LARGE, Kind.REDIRECT)
        error: JsonObject = {"kind": str(problem.kind), "message": problem.summary}
        say(f"{clean_line(file.filename or file.url)}: {problem.summary}")
        status = "refused" if refused else "failed"
        return {"filename": file.filename, "saved_as": None, "status": status, "error": error}
    return {"filename": file.filename, "saved_as": str(path), "status": "saved", "error": None}
