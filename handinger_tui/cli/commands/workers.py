"""`handinger-tui workers`: the stored workers."""

from __future__ import annotations

import argparse
from typing import Final

from msgspec import field
from msgspec.structs import asdict, replace

from handinger_tui.api.generations import last_id_in, worker_id_in
from handinger_tui.cli.args import NOTHING_SENT, add_connection_options, add_json_option
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.local_files import read_file
from handinger_tui.cli.output import can_ask, is_confirmed, put_result
from handinger_tui.cli.tables import list_text
from handinger_tui.cli.wiring import Services, run_with_services, stored_workers_of
from handinger_tui.core.documents import AnyJson, Document, Part
from handinger_tui.core.errors import LocalFileError, SettingsError
from handinger_tui.core.formatting import utc_text
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stored_workers import (
    COLUMNS,
    StoredWorker,
    WorkerForm,
    form_of,
    worker_lines,
    worker_row,
)
from handinger_tui.engine.stored_workers import StoredWorkerCatalog

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


class WorkerItem(Part, frozen=True):
    """A stored worker. Members that are unknown are null, the output schema too: see `read`."""

    worker_id: str
    title: str | None
    summary: str | None
    instructions: str | None
    output_schema: dict[str, AnyJson] | None
    visibility: str | None
    """public or private"""
    url: str | None
    created: str | None
    updated: str | None
    read: str | None
    """When its members were read; null: never, it was only used."""
    is_missing: bool = field(name="gone")
    tasks: int
    """Its sessions in the history."""


class WorkerItems(Document, frozen=True, tag="handinger-tui/workers/1"):
    """What `workers list` prints."""

    workers: list[WorkerItem]


class TaskItem(Part, frozen=True):
    """A task of a stored worker."""

    task_id: str | None
    session_id: str
    title: str


class ShownWorker(Document, WorkerItem, frozen=True, tag="handinger-tui/worker/1"):
    """What `workers show`, `new` and `edit` print."""

    task_list: list[TaskItem]


class WorkerChange(Document, frozen=True, tag="handinger-tui/worker-change/1"):
    """What `workers rm` and `archive` did; null: nothing, or the service does not say."""

    id: str
    done: bool | None


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
        catalog = StoredWorkerCatalog
        question = catalog.delete_question(args.id) if action == "rm" else catalog.archive_question(args.id)
        if not is_confirmed(f"{question.body}\n{question.title}"):
            put_result(args, WorkerChange(id=last_id_in(args.id), done=None), "Nothing was changed.")
            return Exit.OK
    form = _form(args) if action in ("new", "edit") else None

    async def work(services: Services) -> int:
        stored_workers = stored_workers_of(services)
        if action == "list":
            workers = await stored_workers.listed()
            text = list_text(COLUMNS, list(map(worker_row, workers)), NO_WORKERS)
            put_result(args, WorkerItems(workers=[*map(_item, workers)]), text)
        elif action in ("rm", "archive"):
            return await _remove(args, stored_workers)
        else:
            await _one(args, stored_workers, form)
        return Exit.OK

    return run_with_services(args, work)


async def _one(
    args: argparse.Namespace, stored_workers: StoredWorkerCatalog, form: WorkerForm | None
) -> None:
    """Show a worker, after it was stored or changed where the action says so."""
    if args.action == "show" or form is None:
        worker = await stored_workers.read(worker_id_in(args.id))
    elif args.action == "new":
        worker = await stored_workers.save(form, None)
    else:
        # The present members: they may have been changed elsewhere since they were read here.
        worker = await stored_workers.read_members(worker_id_in(args.id))
        worker = await stored_workers.save(_edited(form_of(worker), args), worker)
    tasks = (await stored_workers.tasks()).get(worker.worker_id, [])
    listed = ShownWorker(
        **asdict(_item(worker)),
        task_list=[
            TaskItem(task_id=one.worker_id, session_id=one.session_id, title=clean_line(one.title))
            for one in tasks
        ],
    )
    lines = [f"  {one.worker_id or 'not sent yet'}  {clean_line(one.title, 80)}" for one in tasks]
    facts = worker_lines(worker, lambda ms: utc_text(ms) or "", HOW_TO_READ)
    text = "\n".join(text for text, _ in facts)
    put_result(args, listed, "\n".join([text, "", "Tasks:", *lines] if lines else [text]))


async def _remove(args: argparse.Namespace, stored_workers: StoredWorkerCatalog) -> Exit:
    removed = args.action == "rm"
    named = worker_id_in(args.id) if removed else last_id_in(args.id)
    done = await (stored_workers.delete(named) if removed else stored_workers.archive(named))
    words = StoredWorkerCatalog.outcome_text(done, "Deleted." if removed else "Archived.")
    put_result(args, WorkerChange(id=named, done=done), words)
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
        raise LocalFileError(f"{clean_line(path, 200)} cannot be read: {why}.", NOTHING_SENT)
    return text


# -- texts -----------------------------------------------------------------------------------
def _item(worker: StoredWorker) -> WorkerItem:
    visibility = None if worker.is_public is None else "public" if worker.is_public else "private"
    return WorkerItem(
        worker_id=worker.worker_id,
        title=worker.title,
        summary=worker.summary,
        instructions=worker.text,
        output_schema=worker.schema,
        visibility=visibility,
        url=worker.url,
        created=utc_text(worker.created_ms),
        updated=utc_text(worker.updated_ms),
        read=utc_text(worker.read_ms),
        is_missing=worker.is_missing,
        tasks=worker.tasks,
    )


EXAMPLES: Final = (
    "workers list",
    "workers show wrk_1",
    'workers new "Compare prices" --title Prices',
    "workers edit wrk_1 --instructions @prices.md",
    "workers rm wrk_1",
    "workers archive tsk_1",
)
COMMANDS: Final = {
    "workers": Implementation(WORKERS, _add_workers_arguments, _run_workers, EXAMPLES),
}
