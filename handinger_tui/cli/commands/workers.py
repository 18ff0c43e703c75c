"""`handinger-tui workers`: the stored workers; `handinger-tui files`: the files of a worker."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.api.download import save
from handinger_tui.api.file_urls import refresher
from handinger_tui.api.generations import last_id_in, worker_id_in
from handinger_tui.cli.args import add_connection_options, add_json_option, add_worker_argument
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.local_files import expand_path, read_file
from handinger_tui.cli.output import Exit, can_ask, exit_of_kind, is_confirmed, put_result, say, sentence
from handinger_tui.cli.run_output import progress_of
from handinger_tui.cli.tables import list_text
from handinger_tui.cli.wiring import Services, gallery_of, generation_of, run_with_services
from handinger_tui.core.columns import NO_VALUE, Align, Column, Row, cut
from handinger_tui.core.errors import ApiError, LinkExpired, LocalFileError, SettingsError
from handinger_tui.core.formatting import plural, size, utc_text
from handinger_tui.core.jsontext import Json, JsonObject, as_object
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stored_workers import (
    COLUMNS,
    StoredWorker,
    WorkerForm,
    form_of,
    worker_lines,
    worker_row,
)
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.engine.gallery import archive_question, delete_question, outcome_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.stream import FilePart
    from handinger_tui.engine.gallery import Gallery


# -- stored workers ----------------------------------------------------------------------------
WORKERS: Final = "Manage stored workers: those that you used or created here."
HOW_TO_READ: Final = "`handinger-tui workers edit ID` without options changes nothing and reads them."
NO_WORKERS: Final = "No workers yet. Create one: handinger-tui workers new PROMPT"
_HELP: Final = {
    "list": "list the workers used or created here (default)",
    "show": "show a worker and its tasks in the history",
    "new": "store a new worker; nothing runs and nothing is charged",
    "edit": "change a worker (without options: only read it)",
    "rm": "delete a worker; its tasks stay",
    "archive": "archive a task; its turns stay",
}
_DEFAULTS: Final[dict[str, object]] = {
    **dict.fromkeys(("prompt", "title", "summary", "instructions", "schema", "public")),
    "no_schema": False,
    "yes": False,
}


def _add_workers_arguments(parser: argparse.ArgumentParser) -> None:
    add_json_option(parser)
    add_connection_options(parser)
    # Options may stand before or after the action: those of an action have no defaults of their own.
    parser.set_defaults(**_DEFAULTS)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", help="what to do (default: list)")
    for name in SUBCOMMANDS["workers"].actions:
        words = _HELP[name]
        description = f"{words[0].upper()}{words[1:]}."
        action = actions.add_parser(
            name, help=words, description=description, argument_default=argparse.SUPPRESS
        )
        if name == "archive":
            action.add_argument("id", metavar="TASK", help="id or dashboard address of the task")
        elif name == "new":
            action.add_argument(
                "prompt", nargs="?", metavar="PROMPT", help="what the worker is for, in quotes"
            )
        elif name != "list":
            action.add_argument("id", metavar="ID", help="id or dashboard address of the worker")
        if name in ("new", "edit"):
            _add_members(action, can_clear=name == "edit")
        if name in ("rm", "archive"):
            action.add_argument("-y", "--yes", action="store_true", help="do it without asking")
        add_json_option(action)
        add_connection_options(action)


def _add_members(parser: argparse.ArgumentParser, *, can_clear: bool) -> None:
    parser.add_argument("--title", metavar="TEXT", help="title")
    parser.add_argument("--summary", metavar="TEXT", help="summary, at most 80 characters")
    parser.add_argument("--instructions", metavar="TEXT", help="instructions; @FILE reads them from a file")
    schema = parser.add_mutually_exclusive_group()
    schema.add_argument("--schema", metavar="FILE", help="file with the JSON schema of the output")
    if can_clear:
        schema.add_argument("--no-schema", action="store_true", help="remove the schema")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--public", action="store_true", help="visible to others")
    shown.add_argument("--private", dest="public", action="store_false", help="visible to you only")


def _run_workers(args: argparse.Namespace) -> int:
    action = args.action or "list"
    if action in ("rm", "archive") and not args.yes:
        if not can_ask():
            raise SettingsError("Nothing was changed: this needs a confirmation.", "Add --yes.")
        question = delete_question(args.id) if action == "rm" else archive_question(args.id)
        if not is_confirmed(f"{question.body}\n{question.title}"):
            put_result(args, {"id": last_id_in(args.id), "done": None}, "Nothing was changed.")
            return Exit.OK
    form = _form(args) if action in ("new", "edit") else None

    async def work(services: Services) -> int:
        gallery = gallery_of(services)
        if action == "list":
            workers = await gallery.listed()
            text = list_text(COLUMNS, list(map(worker_row, workers)), NO_WORKERS)
            put_result(args, {"workers": [worker_object(one) for one in workers]}, text)
        elif action in ("rm", "archive"):
            return await _remove(args, gallery)
        else:
            await _one(args, gallery, form)
        return Exit.OK

    return run_with_services(args, work)


async def _one(args: argparse.Namespace, gallery: Gallery, form: WorkerForm | None) -> None:
    """Show a worker, after it was stored or changed where the action says so."""
    if args.action == "show" or form is None:
        worker = await gallery.read(worker_id_in(args.id))
    elif args.action == "new":
        worker = await gallery.save(form, None)
    else:
        # The present members: they may have been changed elsewhere since they were read here.
        worker = await gallery.read_members(worker_id_in(args.id))
        worker = await gallery.save(_edited(form_of(worker), args), worker)
    tasks = (await gallery.tasks()).get(worker.worker_id, [])
    listed: JsonObject = {
        **worker_object(worker),
        "task_list": [
            {"task_id": one.worker_id, "session_id": one.session_id, "title": clean_line(one.title)}
            for one in tasks
        ],
    }
    lines = [f"  {one.worker_id or 'not sent yet'}  {clean_line(one.title, 80)}" for one in tasks]
    facts = worker_lines(worker, lambda ms: utc_text(ms) or "", HOW_TO_READ)
    text = "\n".join(text for text, _ in facts)
    put_result(args, listed, "\n".join([text, "", "Tasks:", *lines] if lines else [text]))


async def _remove(args: argparse.Namespace, gallery: Gallery) -> Exit:
    removed = args.action == "rm"
    named = worker_id_in(args.id) if removed else last_id_in(args.id)
    done = await (gallery.delete(named) if removed else gallery.archive(named))
    words = outcome_text(done, "Deleted." if removed else "Archived.")
    put_result(args, {"id": named, "done": done}, words)
    return Exit.FAILED if done is False else Exit.OK


# -- members on the command line ------------------------------------------------------------
def _form(args: argparse.Namespace) -> WorkerForm:
    """The members that are given, the others empty; files are read before anything is sent."""
    args.text = _text_or_file(args.instructions) if args.instructions is not None else None
    args.schema_text = _file_text(args.schema) if args.schema else None
    return _edited(WorkerForm(prompt=args.prompt or ""), args)


def _edited(form: WorkerForm, args: argparse.Namespace) -> WorkerForm:
    given = {
        "title": args.title,
        "summary": args.summary,
        "text": args.text,
        "schema": "" if args.no_schema else args.schema_text,
        "is_public": args.public,
    }
    return replace(form, **{name: value for name, value in given.items() if value is not None})


def _text_or_file(text: str) -> str:
    return _file_text(text[1:]) if text.startswith("@") else text


MOST_BYTES: Final = 8 << 20
"""Maximum size of a file with instructions or a schema."""


def _file_text(path: str) -> str:
    """The text of a regular file, or of stdin for "-". Raises LocalFileError, SettingsError."""
    data = read_file(path, MOST_BYTES + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = None
    if text is None or len(data) > MOST_BYTES:
        why = "it is not UTF-8 text" if text is None else f"it has more than {MOST_BYTES:,} bytes"
        raise LocalFileError(f"{clean_line(path, 200)} cannot be read: {why}.", "Nothing was sent.")
    return text


# -- texts -----------------------------------------------------------------------------------
def worker_object(worker: StoredWorker) -> JsonObject:
    """A worker as JSON. Members that are unknown are null, the schema too: see `read`."""
    visibility = None if worker.is_public is None else "public" if worker.is_public else "private"
    return {
        "worker_id": worker.worker_id,
        "title": worker.title,
        "summary": worker.summary,
        "instructions": worker.text,
        "output_schema": worker.schema,
        "visibility": visibility,
        "url": worker.url,
        "created": utc_text(worker.created_ms),
        "updated": utc_text(worker.updated_ms),
        "read": utc_text(worker.read_ms),
        "gone": worker.is_missing,
        "tasks": worker.tasks,
    }


# -- files -------------------------------------------------------------------------------------
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


# -- list ----------------------------------------------------------------------------------
def _run_list(args: argparse.Namespace, files: Sequence[FilePart]) -> int:
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
    value: JsonObject = {"worker_id": args.worker, "count": len(files), "size": total, "files": rows}
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


# -- get -----------------------------------------------------------------------------------
async def _run_get(
    args: argparse.Namespace, services: Services, files: tuple[FilePart, ...], folder: Path
) -> int:
    selected = _selected_files(args, files)
    results, lines, failed = progress_of(args).files, [], set()
    for file in selected:
        result, code = await _save_file(services, args.worker, file, folder)
        results.append(result)
        error = as_object(result["error"]).get("message")
        lines.append(clean_line(str(result["saved_as"] or f"{result['filename']}: {error}")))
        failed |= {code} - {Exit.OK}
    put_result(args, {"files": results}, "\n".join(lines) or "No files.")
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
) -> tuple[JsonObject, Exit]:
    """Save one file.

    Returns {filename, saved_as, status: saved|refused|failed, error} and the exit code.
    """
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
        error: JsonObject = {"kind": str(problem.kind), "message": sentence(problem.summary)}
        hint = _NOT_FOUND_HINT if problem.kind is ErrorKind.NOT_FOUND else problem.hint
        say(f"{clean_line(_display_name(file), 200)}: {error['message']} {hint}".strip())
        status = "refused" if problem.kind in _REFUSED_KINDS else "failed"
        # A refusal by another host says nothing about the API key.
        code = Exit.FAILED if isinstance(problem, LinkExpired) else exit_of_kind(problem.kind)
        return {"filename": file.filename, "saved_as": None, "status": status, "error": error}, code
    if progress:
        progress.clear()
    return {"filename": file.filename, "saved_as": str(path), "status": "saved", "error": None}, Exit.OK


# -- progress ------------------------------------------------------------------------------
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
        """Erase the line."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_shown = False


COMMANDS: Final = {
    "workers": Implementation(WORKERS, _add_workers_arguments, _run_workers),
    "files": Implementation(FILES, _add_files_arguments, run_files),
}
