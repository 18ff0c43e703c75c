"""`handinger-tui schema`: the documents that the program prints as JSON, as JSON Schema."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Union

import msgspec

from handinger_tui.cli.commands import Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.output import put
from handinger_tui.core.errors import SettingsError, did_you_mean
from handinger_tui.core.figures import numbered
from handinger_tui.core.jsontext import JsonObject, json_text
from handinger_tui.core.safety import clean_line
from handinger_tui.settings.shown import DRAFT

if TYPE_CHECKING:
    import argparse

_CLI: Final = "handinger_tui.cli"
_CORE: Final = "handinger_tui.core"
DOCUMENTS: Final = {
    "result": f"{_CORE}.export.result:Result",
    "error": f"{_CORE}.documents:Failure",
    "dry-run": f"{_CLI}.dry_run:DryRun",
    "runs": f"{_CORE}.runs:RunBoard",
    "notice": f"{_CORE}.export.result:Notice",
    "costs": f"{_CORE}.money.report_json:CostReport",
    "shared-limits": "handinger_tui.ledger.charges.shared_report:SharedSpending",
    "journal": f"{_CORE}.money.journal:JournalEntry",
    "match": f"{_CORE}.money.invoice:InvoiceMatch",
    "receipt": f"{_CORE}.receipt_page:ReceiptDocument",
    "session": f"{_CORE}.export.exporters:SessionFile",
    "import": f"{_CLI}.commands.sessions:Imported",
    "sessions": f"{_CLI}.commands.sessions:SessionList",
    "shown-session": f"{_CORE}.export.exporters:ShownSession",
    "session-search": f"{_CLI}.commands.sessions:HitList",
    "session-change": f"{_CLI}.commands.sessions:SessionChange",
    "session-tags": f"{_CLI}.commands.sessions:TagList",
    "compaction": f"{_CLI}.commands.sessions:Compaction",
    "sources": f"{_CLI}.commands.sessions:SourceList",
    "files": f"{_CLI}.commands.files:FileList",
    "saved-files": f"{_CLI}.run_output:SavedFiles",
    "email": f"{_CLI}.commands.email:Address",
    "schedules": f"{_CLI}.commands.schedules:ScheduleItems",
    "schedule-added": f"{_CLI}.commands.schedules:AddedSchedule",
    "schedule-cancelled": f"{_CLI}.commands.schedules:CancelledSchedule",
    "webhook": f"{_CLI}.commands.webhook:Hook",
    "deliveries": f"{_CLI}.commands.webhook:DeliveryList",
    "workers": f"{_CLI}.commands.workers:WorkerItems",
    "worker": f"{_CLI}.commands.workers:ShownWorker",
    "worker-change": f"{_CLI}.commands.workers:WorkerChange",
    "config": f"{_CLI}.commands.config:SettingList",
    "config-change": f"{_CLI}.commands.config:ConfigChange",
    "config-problems": f"{_CLI}.commands.config:ConfigProblems",
    "config-paths": f"{_CLI}.commands.config:PathList",
    "key": f"{_CLI}.commands.key:KeyState",
    "spec": f"{_CLI}.commands.man:ProgramSpec",
    "doctor": f"{_CLI}.commands.doctor:CheckList",
    "repair": f"{_CLI}.commands.doctor:Repair",
    "local": f"{_CLI}.commands.local:LocalService",
}
"""Each document, and the class of its members."""
EVENTS: Final = "events"
"""The lines of `--output-format stream-json`; their last one is a result."""
NAMES: Final = (*DOCUMENTS, EVENTS)


def type_of(name: str) -> Any:
    """The class of a document; of the events the union of the classes of all lines."""
    if name == EVENTS:
        from handinger_tui.core.export.event_lines import line_types  # makes 30 classes

        return Union[tuple(line_types())]  # noqa: UP007 - made of a list
    module, _, kind = DOCUMENTS[name].partition(":")
    return getattr(import_module(module), kind)


def schema_id(name: str) -> str:
    """What a document names as its schema."""
    return numbered(EVENTS, 1) if name == EVENTS else str(type_of(name).__struct_config__.tag)


def schema_of(name: str) -> JsonObject:
    """The JSON Schema of a document, with what its classes say of their members."""
    kind = type_of(name)
    schema: Any = msgspec.json.schema(kind)
    for part in _parts(msgspec.inspect.type_info(kind)):
        members = schema["$defs"][part.__name__]["properties"]
        for member, words in _descriptions(part):
            members[member] = {**members[member], "description": words}
    return {"$schema": DRAFT, "$id": schema_id(name), **schema}


def _parts(info: Any) -> Iterator[type[msgspec.Struct]]:
    """All classes that a type consists of."""
    if isinstance(info, msgspec.inspect.StructType):
        yield info.cls
    for inner in (info, *getattr(info, "fields", ())):
        for name in ("type", "types", "item_type", "item_types", "key_type", "value_type"):
            value = getattr(inner, name, ())
            for one in value if isinstance(value, tuple) else (value,):
                yield from _parts(one)


def _descriptions(part: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """The members of a class and its bases that have a text below them."""
    names = {field.name: field.encode_name for field in msgspec.structs.fields(part)}
    for base in part.__mro__:
        try:
            source = textwrap.dedent(inspect.getsource(base))
        except (OSError, TypeError):
            # Not of a file: made when it was needed, or of a library.
            continue
        (body,) = ast.parse(source).body
        lines = body.body if isinstance(body, ast.ClassDef) else []
        for line, after in pairwise(lines):
            if isinstance(line, ast.AnnAssign) and isinstance(after, ast.Expr):
                yield names.get(ast.unparse(line.target), ""), " ".join(ast.literal_eval(after.value).split())


DESCRIPTION: Final = "Print the JSON Schema of a document."


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="result, events, costs, sessions, …; without a name: list them all",
    )


def run(args: argparse.Namespace) -> int:
    """Print the schema, or the names of all."""
    if args.name is None:
        put("\n".join(f"{name:20} {schema_id(name)}" for name in NAMES))
    elif args.name not in NAMES:
        raise SettingsError(
            f"There is no document {clean_line(args.name, 60)!r}.",
            did_you_mean(args.name, NAMES, "See: handinger-tui schema"),
        )
    else:
        put(json_text(schema_of(args.name)), end="")
    return Exit.OK


EXAMPLES: Final = (
    "schema",
    "schema result > result.schema.json",
)
COMMANDS: Final = {"schema": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES)}
