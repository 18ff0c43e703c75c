"""Stored workers (templates): their members, the form to edit them, and their webhooks.

A webhook is an address that the service calls after each task. Receivers check its secret token, which is
shown only on request.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from msgspec import UNSET, Struct, UnsetType

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.formatting import duration
from handinger_tui.core.jsontext import JsonObject, NotJson, as_text, dump, json_text, parse_exact
from handinger_tui.core.safety import Secret, clean_line, is_loopback

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
    texts = {name: as_text(value.get(name)) or "" for name in (*LONGEST, "schema")}
    return WorkerForm(**texts, is_public=value.get("is_public") is True)


# -- webhooks ----------------------------------------------------------------------------------
MAX_ADDRESS: Final = 2048
"""Characters of an address."""


class Webhook(Struct, frozen=True):
    """The webhook of a worker; both members are None if there is none. The address is not clean."""

    url: str | None = None
    token: Secret | None = None


class Delivery(Struct, frozen=True):
    """One delivery as the service lists it; missing members are None. Its texts are not clean.

    `is_delivered`: whether the receiver answered with 2xx. `reason`: why not.
    """

    delivery_id: str | None = None
    moment: datetime | None = None
    is_delivered: bool | None = None
    http_status: int | None = None
    duration_ms: int | None = None
    reason: str | None = None
    task_id: str | None = None
    task_title: str | None = None
    url: str | None = None


class DeliveryPage(Struct, frozen=True):
    """A page of deliveries, newest first. `page`: from 1; `pages`, `count`: None if not reported."""

    deliveries: tuple[Delivery, ...] = ()
    page: int = 1
    pages: int | None = None
    count: int | None = None


def check_address(text: str, *, is_service_local: bool = False) -> str:
    """Check a typed address. `is_service_local`: also accept http to this computer.

    Raises:
        SettingsError: not https, not an address, or too long; nothing was sent.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        scheme, host, is_port_usable = parts.scheme, parts.hostname or "", parts.port != 0
    except ValueError:
        scheme, host, is_port_usable = "", "", False
    if len(url) > MAX_ADDRESS:
        why = f"The address has {len(url):,} characters, and at most {MAX_ADDRESS:,} are accepted."
    elif not host or not is_port_usable or not url.isprintable() or " " in url:
        why = f"“{clean_line(url, 60)}” is not an address."
    elif scheme == "https" or (scheme == "http" and is_service_local and is_loopback(host)):
        return url
    else:
        why = "A webhook needs an address that starts with https://."
    raise SettingsError(f"{why} Nothing was sent.", "Use another address.")


# -- texts -----------------------------------------------------------------------------------
def token_text(webhook: Webhook, *, is_shown: bool) -> str:
    """The token, or a note that it is hidden."""
    if webhook.token is None:
        return "none"
    if is_shown:
        return clean_line(webhook.token.reveal(), 200)
    tail = clean_line(webhook.token.tail(), 4)
    return f"hidden, ends in {tail}" if tail else "hidden"


def delivery_outcome(delivery: Delivery) -> str:
    """The outcome of a delivery: "✓ 200", "✗ 500", "✗ no answer", "not reported"."""
    mark = {True: "✓ ", False: "✗ ", None: ""}[delivery.is_delivered]
    if delivery.http_status is not None:
        return f"{mark}{delivery.http_status}"
    words = {True: "delivered", False: "no answer", None: "not reported"}
    return f"{mark}{words[delivery.is_delivered]}"


def delivery_duration(milliseconds: int | None) -> str:
    """The duration of a delivery: "12 ms", "3.2 s"; "" if not reported."""
    if milliseconds is None:
        return ""
    return f"{milliseconds} ms" if milliseconds < 1000 else duration(milliseconds)


def delivery_reason(delivery: Delivery) -> str:
    """Why a delivery failed; "" if it did not fail."""
    if delivery.is_delivered:
        return ""
    reason = clean_line(delivery.reason or "", 400)
    return reason or "The service gave no reason."


def page_text(page: DeliveryPage) -> str:
    """The number of deliveries, and the number of the page."""
    count = "" if page.count is None else f"{page.count:,} {'delivery' if page.count == 1 else 'deliveries'}"
    at = f"page {page.page:,}" + (f" of {page.pages:,}" if page.pages else "")
    return " · ".join(filter(None, [count, at if page.page > 1 or (page.pages or 0) > 1 else ""]))
