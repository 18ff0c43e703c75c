"""`handinger-tui files`: the files of a worker."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal

from handinger_tui.api.download import save
from handinger_tui.api.file_urls import refresher
from handinger_tui.cli.args import add_connection_options, add_json_option, add_worker_argument
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.exit_codes import Exit, exit_of_kind
from handinger_tui.cli.local_files import expand_path
from handinger_tui.cli.output import put_result, say, sentence
from handinger_tui.cli.run_output import FileProblem, SavedFile, SavedFiles, progress_of
from handinger_tui.cli.tables import list_text
from handinger_tui.cli.wiring import Services, generation_of, run_with_services
from handinger_tui.core.columns import NO_VALUE, Align, Column, Row, cut
from handinger_tui.core.documents import Document, Part
from handinger_tui.core.errors import ApiError, LinkExpired, SettingsError
from handinger_tui.core.formatting import plural, size
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import FilePart
from handinger_tui.core.turns.turn import ErrorKind

_MAX_NAME: Final = 100
_MAX_TYPE: Final = 50
"""Maximum characters in the text list: one long name must not widen all rows. JSON is not shortened."""
_FILE_COLUMNS: Final = (
    Column(align=Align.RIGHT),
    Column(least=24),
    Column(rank=1),
    Column(),
)
_NOT_FOUND_HINT: Final = "It may have been removed. See: handinger-tui files list WORKER"
_REFUSED_KINDS: Final = (ErrorKind.UNSAFE_URL, ErrorKind.TOO_LARGE, ErrorKind.REDIRECT)
FILES: Final = "List and download a worker's files."


class ListedFile(Part, frozen=True):
    """A file of the worker. `size`: in bytes."""

    number: int
    filename: str | None
    media_type: str
    url: str
    size: int | None


class FileList(Document, frozen=True, tag="handinger-tui/files/1"):
    """What `files list` prints; `size` is that of all files, null if one is unknown."""

    worker_id: str
    count: int
    size: int | None
    files: list[ListedFile]


def _add_files_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=SUBCOMMANDS["files"].actions, help="list: show them; get: download them"
    )
    add_worker_argument(parser)
    parser.add_argument("names", nargs="*", metavar="NAME", help="for get: names or numbers from the list")
    parser.add_argument("--all", action="store_true", help="get every file")
    parser.add_argument("--dir", default=".", metavar="FOLDER", help="where to save (default: this folder)")
    add_json_option(parser)
    add_connection_options(parser)


def run_files(args: argparse.Namespace) -> int:
    """Run `files list` or `files get` and return the exit code."""
    return run_with_services(args, partial(_run_files, args))


async def _run_files(args: argparse.Namespace, services: Services) -> int:
    # Expanded here so that an error comes before any request.
    folder = expand_path(args.dir)
    args.worker = generation_of(services.settings).target_in(args.worker)
    files = (await services.turns.read_worker(args.worker)).snapshot.files
    if args.action == "list":
        return _run_list(args, files)
    return await _run_get(args, services, files, folder)


def _run_list(args: argparse.Namespace, files: Sequence[FilePart]) -> int:
    sizes = [file.size for file in files if file.size is not None]
    total = sum(sizes) if len(sizes) == len(files) else None
    rows = [
        ListedFile(
            number=number,
            filename=file.filename,
            media_type=file.media_type,
            url=file.url,
            size=file.size,
        )
        for number, file in enumerate(files, 1)
    ]
    value = FileList(worker_id=args.worker, count=len(files), size=total, files=rows)
    put_result(args, value, list_text(_FILE_COLUMNS, _rows(files), "No files."))
    if files and not args.json:
        say(" · ".join(fact for fact in (plural(len(files), "file"), size(total)) if fact))
    return Exit.OK


def _rows(files: Sequence[FilePart]) -> list[Row]:
    return [
        Row(
            (
                str(number),
                clean_line(_display_name(file), _MAX_NAME),
                clean_line(file.media_type, _MAX_TYPE),
                size(file.size) or NO_VALUE,
            )
        )
        for number, file in enumerate(files, 1)
    ]


def _display_name(file: FilePart) -> str:
    return file.filename or file.url


async def _run_get(
    args: argparse.Namespace, services: Services, files: tuple[FilePart, ...], folder: Path
) -> int:
    selected = _selected_files(args, files)
    results, lines, failed = progress_of(args).files, [], set()
    for file in selected:
        result, code = await _save_file(services, args.worker, file, folder)
        results.append(result)
        message = "" if result.error is None else result.error.message
        lines.append(clean_line(result.saved_as or f"{result.filename}: {message}"))
        failed |= {code} - {Exit.OK}
    put_result(args, SavedFiles(files=results), "\n".join(lines) or "No files.")
    # One common reason gives its own exit code; several give FAILED.
    return max(failed, default=Exit.OK) if len(failed) < 2 else Exit.FAILED


def _selected_files(args: argparse.Namespace, files: tuple[FilePart, ...]) -> list[FilePart]:
    if args.all:
        return list(files)
    if not args.names:
        raise SettingsError(
            "Which files?", "Give names or numbers, or use --all. See: handinger-tui files list WORKER"
        )
    selected: list[FilePart] = []
    for name in args.names:
        # Several files may have the same name, and a file without a name is listed by its address.
        matches = [file for file in files if name in (file.filename, file.url)] or _file_by_number(
            name, files
        )
        if not matches:
            raise SettingsError(
                f"File not found: {clean_line(name, 200)}.", "See: handinger-tui files list WORKER"
            )
        selected += [file for file in matches if file not in selected]
    return selected


def _file_by_number(name: str, files: tuple[FilePart, ...]) -> list[FilePart]:
    """Return the file with that number in the list. A file with that name takes precedence."""
    if not (name.isascii() and name.isdecimal() and len(name) < 7):
        return []
    number = int(name)
    return list(files[number - 1 : number]) if number else []


async def _save_file(
    services: Services, worker_id: str, file: FilePart, folder: Path
) -> tuple[SavedFile, Exit]:
    """Save one file. Returns what became of it, and the exit code."""
    progress = DownloadProgress.on_terminal(_display_name(file))
    try:
        path = await save(
            services.client,
            file.url,
            folder,
            file.filename,
            wanted=file.size,
            progress=progress.show if progress else None,
            refresh=refresher(services.turns, worker_id, file),
        )
    except ApiError as problem:
        if progress:
            progress.clear()
        error = FileProblem(kind=str(problem.kind), message=sentence(problem.summary))
        hint = _NOT_FOUND_HINT if problem.kind is ErrorKind.NOT_FOUND else problem.hint
        say(f"{clean_line(_display_name(file), 200)}: {error.message} {hint}".strip())
        status: Literal["refused", "failed"] = "refused" if problem.kind in _REFUSED_KINDS else "failed"
        # A refusal by another host says nothing about the API key.
        code = Exit.FAILED if isinstance(problem, LinkExpired) else exit_of_kind(problem.kind)
        return SavedFile(filename=file.filename, saved_as=None, status=status, error=error), code
    if progress:
        progress.clear()
    return SavedFile(filename=file.filename, saved_as=str(path), status="saved", error=None), Exit.OK


class DownloadProgress:
    """A progress line for one download on a terminal; `clear` removes it."""

    def __init__(self, name: str, columns: int) -> None:
        self._name = clean_line(name, max(columns // 2, 10))
        self._columns = columns
        self._is_shown = False

    @classmethod
    def on_terminal(cls, name: str) -> DownloadProgress | None:
        """Return one; None if stderr is not a terminal or cannot erase a line."""
        if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return None
        return cls(name, shutil.get_terminal_size().columns)

    def show(self, received: int, total: int | None) -> None:
        """Draw the line with the bytes received and the total."""
        share = f" of {size(total)} · {min(received * 100 // total, 100)}%" if total else ""
        line = f"{self._name}  {size(received)}{share}"
        # A line that wraps could not be erased.
        sys.stderr.write(f"\r\x1b[K{cut(line, self._columns - 1)}")
        sys.stderr.flush()
        self._is_shown = True

    def clear(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_shown = False


_TAKES: Final = {"list": "--json", "--all": "--dir --json"}
EXAMPLES: Final = (
    "files list wrk_1",
    "files get wrk_1 --all --dir reports",
)
COMMANDS: Final = {"files": Implementation(FILES, _add_files_arguments, run_files, EXAMPLES, _TAKES)}
