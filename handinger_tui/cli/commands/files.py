"""`files list` and `files get`: the worker's files now. Both read the worker by GET, which is free."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.files.download import save
from handinger_tui.cli.exit_codes import Exit, exit_of_kind
from handinger_tui.cli.output import put, say, sentence
from handinger_tui.cli.paths import expanded
from handinger_tui.cli.text_table import cells_of, cut, pad
from handinger_tui.cli.wiring import Services
from handinger_tui.core.errors import ApiError, LinkExpired, SettingsError
from handinger_tui.core.formatting import plural, size
from handinger_tui.core.jsontext import Json, as_object, dump
from handinger_tui.core.safety.cleaning import clean_json, clean_line
from handinger_tui.core.stream.worker_snapshot import WorkerFile
from handinger_tui.core.turns.turn import Kind

JsonObject = dict[str, Json]
_NAME: Final = 100
_TYPE: Final = 50
"""Characters in a list for people: one long name does not push all others apart. JSON has them whole."""

_GONE: Final = "It may have been removed. See: handinger-tui files list WORKER"
_REFUSED: Final = (Kind.UNSAFE_URL, Kind.TOO_LARGE, Kind.REDIRECT)


class Named(Protocol):
    """A file as a turn or a worker tells of it."""

    @property
    def url(self) -> str:
        """Where it lies; perhaps signed, and stale some day."""

    @property
    def filename(self) -> str | None:
        """What it is called."""


def written(told: argparse.Namespace, value: JsonObject, text: str) -> None:
    """The JSON or the text of an answer on stdout, as was asked."""
    put(dump(clean_json(value)) if told.json else text)


async def run(told: argparse.Namespace, parts: Services) -> int:
    """Run one of them."""
    # Known before anything is asked.
    folder = expanded(told.dir)
    files = await _read(parts.client, told.worker)
    if told.action == "list":
        return _list(told, files)
    return await _get(told, parts, files, folder)


async def _read(client: WorkerClient, worker_id: str) -> tuple[WorkerFile, ...]:
    return (await client.read_worker(worker_id)).snapshot.files


# -- list ----------------------------------------------------------------------------------
def _list(told: argparse.Namespace, files: Sequence[WorkerFile]) -> int:
    sizes = [file.size for file in files if file.size is not None]
    total = sum(sizes) if len(sizes) == len(files) else None
    rows: list[Json] = [
        {
            "number": number,
            "filename": file.filename,
            "media_type": file.media_type,
            "url": file.url,
            "size": file.size,
        }
        for number, file in enumerate(files, 1)
    ]
    value: JsonObject = {"worker_id": told.worker, "count": len(files), "size": total, "files": rows}
    written(told, value, "\n".join(_table(files)) or "No files.")
    if files and not told.json:
        say(f"{plural(len(files), 'file')} · {size(total)}")
    return Exit.OK


def _table(files: Sequence[WorkerFile]) -> list[str]:
    cells = [
        (str(number), clean_line(_called(file), _NAME), clean_line(file.media_type, _TYPE), size(file.size))
        for number, file in enumerate(files, 1)
    ]
    widths = [max(cells_of(row[column]) for row in cells) if cells else 0 for column in range(4)]
    return [
        f"{row[0]:>{widths[0]}}  {pad(row[1], widths[1])}  {pad(row[2], widths[2])}  {row[3]}"
        for row in cells
    ]


def _called(file: Named) -> str:
    return file.filename or file.url


# -- get -----------------------------------------------------------------------------------
async def _get(told: argparse.Namespace, parts: Services, files: tuple[WorkerFile, ...], folder: Path) -> int:
    wanted = _wanted(told, files)
    told_of = [await _saved(parts, told.worker, file, folder) for file in wanted]
    results = [result for result, _ in told_of]
    text = "\n".join(
        clean_line(str(r["saved_as"] or f"{r['filename']}: {as_object(r['error']).get('message')}"))
        for r in results
    )
    written(told, {"files": [*results]}, text or "No files.")
    failed = {code for _, code in told_of} - {Exit.OK}
    # One reason for all is told; several are a failure.
    return max(failed, default=Exit.OK) if len(failed) < 2 else Exit.FAILED


def _wanted(told: argparse.Namespace, files: tuple[WorkerFile, ...]) -> list[WorkerFile]:
    if told.all:
        return list(files)
    if not told.names:
        raise SettingsError(
            "Which files?", "Give names or numbers, or use --all; see: handinger-tui files list WORKER"
        )
    found: list[WorkerFile] = []
    for name in told.names:
        # Several files may bear one name, and a file without a name is listed by its address.
        called = [file for file in files if name in (file.filename, file.url)] or _numbered(name, files)
        if not called:
            raise SettingsError(
                f"The worker has no file {clean_line(name, 200)!r}.", "See: handinger-tui files list WORKER"
            )
        found += [file for file in called if file not in found]
    return found


def _numbered(name: str, files: tuple[WorkerFile, ...]) -> list[WorkerFile]:
    """The file of that number in the list; a file that is called so goes first."""
    if not (name.isascii() and name.isdecimal() and len(name) < 7):
        return []
    number = int(name)
    return list(files[number - 1 : number]) if number else []


async def _saved(parts: Services, worker_id: str, file: WorkerFile, folder: Path) -> tuple[JsonObject, Exit]:
    """{filename, saved_as, status: saved|refused|failed, error} of one file, and its exit code."""
    meter = Meter.on_terminal(_called(file))
    try:
        path = await save(
            parts.client,
            file.url,
            folder,
            file.filename,
            wanted=file.size,
            progress=meter.show if meter else None,
            refresh=refresher(parts.client, worker_id, file),
        )
    except ApiError as problem:
        if meter:
            meter.clear()
        error: JsonObject = {"kind": str(problem.kind), "message": sentence(problem.summary)}
        hint = _GONE if problem.kind is Kind.NOT_FOUND else problem.hint
        say(f"{clean_line(_called(file), 200)}: {error['message']} {hint}".strip())
        status = "refused" if problem.kind in _REFUSED else "failed"
        # Another host that lets nobody in says nothing of the key.
        code = Exit.FAILED if isinstance(problem, LinkExpired) else exit_of_kind(problem.kind)
        return {"filename": file.filename, "saved_as": None, "status": status, "error": error}, code
    if meter:
        meter.clear()
    return {"filename": file.filename, "saved_as": str(path), "status": "saved", "error": None}, Exit.OK


def refresher(client: WorkerClient, worker_id: str, file: Named) -> Callable[[], Awaitable[str | None]]:
    """What `save` asks when the address of `file` may have expired: reads the worker, for free.

    It gives the address of today, None when the worker has the file no more, or several that
    could be it.
    """

    async def fresh() -> str | None:
        return same_file(file, await _read(client, worker_id))

    return fresh


def same_file(file: Named, now: Sequence[Named]) -> str | None:
    """The address under which `file` is listed now: by name and path, then by path, then by name."""
    path = _path(file.url)
    marks: list[Callable[[Named], bool]] = [
        lambda one: one.filename == file.filename and _path(one.url) == path,
        lambda one: _path(one.url) == path,
        lambda one: file.filename is not None and one.filename == file.filename,
    ]
    for mark in marks:
        found = {one.url for one in now if mark(one)}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return url


# -- progress ------------------------------------------------------------------------------
class Meter:
    """One line on a terminal that says how far a download is, and then goes."""

    def __init__(self, name: str, columns: int) -> None:
        self._name = clean_line(name, max(columns // 2, 10))
        self._columns = columns
        self._shown = False

    @classmethod
    def on_terminal(cls, name: str) -> Meter | None:
        """None where nobody would see it, or it could not be taken away."""
        if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return None
        return cls(name, shutil.get_terminal_size().columns)

    def show(self, got: int, total: int | None) -> None:
        """Draw it anew."""
        share = f" of {size(total)} · {min(got * 100 // total, 100)} %" if total else ""
        line = f"{self._name}  {size(got)}{share}"
        # What ran on into the next line could not be taken away.
        sys.stderr.write(f"\r\x1b[K{cut(line, self._columns - 1)}")
        sys.stderr.flush()
        self._shown = True

    def clear(self) -> None:
        """Take it away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
