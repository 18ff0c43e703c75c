"""Stored workers (templates): their members, and the form to edit them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from handinger_tui.core.columns import Align, Column, Piece, Row, Tone
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.jsontext import JsonObject, NotJson, dump, json_text, parse_exact, string_at
from handinger_tui.core.safety import clean, clean_line

LONGEST: Final = {"title": 200, "summary": 80, "text": 20_000, "prompt": 10_000}
"""The maximum characters of each member, by the service."""
_NAMES: Final = {
    "title": "The title has",
    "summary": "The summary has",
    "text": "The instructions have",
    "prompt": "The prompt has",
}


class StoredWorker(Struct, frozen=True):
    """A worker as last read. Unknown members are None.

    `text`: its instructions. `created_ms`, `updated_ms`: by the service's clock. `read_ms`: when its members
    were read; None: never, it was only used.
    `is_missing`: the last reading got 404. `tasks`, `used_ms`: how many sessions it has in the history, and
    when the newest one changed.
    """

    worker_id: str
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    schema: JsonObject | None = None
    is_public: bool | None = None
    url: str | None = None
    created_ms: int | None = None
    updated_ms: int | None = None
    read_ms: int | None = None
    is_missing: bool = False
    tasks: int = 0
    used_ms: int | None = None

    @property
    def is_read(self) -> bool:
        """Whether its members were read, so that `schema` None means that it has none."""
        return self.text is not None

    @property
    def name(self) -> str:
        """Its title, else its id."""
        return self.title or self.worker_id


class WorkerMembers(Struct, frozen=True):
    """The members of a worker that a request sets; UNSET ones do not change. `schema` None: no schema.

    `prompt`: for a new worker, from which the service writes the instructions.
    """

    title: str | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    schema: JsonObject | UnsetType | None = UNSET
    is_public: bool | UnsetType = UNSET


NO_MEMBERS: Final = WorkerMembers()


class WorkerForm(Struct, frozen=True):
    """What a person edits. `schema`: JSON text, "" for none. `prompt`: only for a new worker."""

    title: str = ""
    summary: str = ""
    text: str = ""
    prompt: str = ""
    schema: str = ""
    is_public: bool = False


def form_of(worker: StoredWorker) -> WorkerForm:
    """The form of a worker whose members were read."""
    return WorkerForm(
        title=worker.title or "",
        summary=worker.summary or "",
        text=worker.text or "",
        schema="" if worker.schema is None else json_text(worker.schema).rstrip(),
        is_public=bool(worker.is_public),
    )


def members_of_new(form: WorkerForm) -> WorkerMembers:
    """The members of a new worker. Raises SettingsError: something is missing, too long or not a schema."""
    _check_lengths(form)
    if not (form.prompt.strip() or form.text.strip()):
        raise SettingsError("A worker needs a prompt or instructions.", "Nothing was sent.")
    return WorkerMembers(
        title=form.title.strip() or UNSET,
        summary=form.summary.strip() or UNSET,
        text=form.text if form.text.strip() else UNSET,
        prompt=form.prompt if form.prompt.strip() else UNSET,
        schema=schema_in(form.schema) or UNSET,
        is_public=form.is_public,
    )


def changed_members(form: WorkerForm, worker: StoredWorker) -> WorkerMembers:
    """The members in which a form differs from the worker.

    Raises:
        SettingsError: something is too long, not a JSON schema, or the title is empty.
    """
    _check_lengths(form)
    before = form_of(worker)
    title = form.title.strip()
    if not title and before.title:
        raise SettingsError("A worker needs a title.", "Nothing was sent.")
    schema = schema_in(form.schema)
    return WorkerMembers(
        title=UNSET if title == before.title.strip() else title,
        summary=UNSET if form.summary.strip() == before.summary.strip() else form.summary.strip(),
        text=UNSET if form.text == before.text else form.text,
        schema=UNSET if schema == worker.schema else schema,
        is_public=UNSET if form.is_public == before.is_public else form.is_public,
    )


def _check_lengths(form: WorkerForm) -> None:
    for member, longest in LONGEST.items():
        length = len(getattr(form, member))
        if length > longest:
            raise SettingsError(
                f"{_NAMES[member]} {length:,} characters; the maximum is {longest:,}.", "Nothing was sent."
            )


def schema_in(text: str) -> JsonObject | None:
    """The JSON schema in a text; None if it is blank. Raises SettingsError: it is not a JSON object."""
    if not text.strip():
        return None
    try:
        value = parse_exact(text)
    except NotJson as problem:
        raise SettingsError(f"The output schema is not JSON: {problem}.", "Nothing was sent.") from None
    if not isinstance(value, dict):
        raise SettingsError("The output schema must be a JSON object.", "Nothing was sent.")
    return value


def form_to_text(form: WorkerForm) -> str:
    """A form as JSON, for a draft."""
    return dump({name: getattr(form, name) for name in form.__struct_fields__})


def form_from_text(text: str) -> WorkerForm | None:
    """The inverse of `form_to_text`; None for any other text."""
    try:
        value = parse_exact(text)
    except NotJson:
        return None
    if not isinstance(value, dict):
        return None
    texts = {name: string_at(value, name) for name in (*LONGEST, "schema")}
    return WorkerForm(**texts, is_public=value.get("is_public") is True)


# -- the list ------------------------------------------------------------------------------------
COLUMNS: Final = (
    Column("Worker", least=4, fill=True, style=Tone.STRONG),
    Column("Tasks", Align.RIGHT, rank=1),
    Column("ID", rank=5, style=Tone.FAINT, ids=True),
)


def worker_row(worker: StoredWorker) -> Row:
    """Title, number of tasks and id; below visibility and summary."""
    facts = [visibility(worker), worker.summary or ("" if worker.is_read else "not read yet")]
    return Row(
        (clean_line(worker.name, 200), f"{worker.tasks:,}", clean_line(worker.worker_id, 80)),
        clean_line(" · ".join(filter(None, facts)), 200),
        values={1: worker.tasks},
    )


def visibility(worker: StoredWorker) -> str:
    """Return "public" or "private"; "gone" where the worker no longer exists; "" where that is unknown."""
    if worker.is_missing:
        return "gone"
    return "" if worker.is_public is None else "public" if worker.is_public else "private"


def worker_lines(worker: StoredWorker, when: Callable[[int], str], how_to_read: str) -> list[Piece]:
    """The stored facts about a worker, unwrapped.

    `when` writes a time. `how_to_read`: what reads the members, which the service returns only with the
    answer to a change.
    """
    times = (("created", worker.created_ms), ("updated", worker.updated_ms), ("read", worker.read_ms))
    # Without a title the id is the name.
    facts = [clean_line(worker.worker_id, 120) if worker.title else "", visibility(worker)]
    facts += [f"{word} {when(moment)}" for word, moment in times if moment is not None]
    lines: list[Piece] = [(clean_line(worker.name, 200), Tone.STRONG)]
    lines += [(" · ".join(filter(None, facts)), Tone.FAINT)] if any(facts) else []
    lines += [(clean_line(worker.summary, 200), Tone.PLAIN)] if worker.summary else []
    link: list[Piece] = [("", ""), (clean_line(worker.url, 300), Tone.FAINT)] if worker.url else []
    if worker.is_missing:
        lines.append(("The service did not know it at the last reading.", Tone.BAD))
    if not worker.is_read:
        return [*lines, ("", ""), (f"{NOT_READ} {how_to_read}", Tone.FAINT), *link]
    lines += [("", ""), ("Instructions", Tone.HEADING)]
    lines += [(line, "") for line in clean(worker.text or "none").split("\n")]
    schema = "none: answers are text" if worker.schema is None else clean(json_text(worker.schema)).rstrip()
    lines += [("", ""), ("Output schema", Tone.HEADING), *((line, "") for line in schema.split("\n"))]
    return [*lines, *link]


NOT_READ: Final = (
    "Title and instructions were not read yet: the service returns them only with the answer to a change."
)
