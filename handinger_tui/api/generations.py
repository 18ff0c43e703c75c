"""The generations of the API: what an id or a dashboard URL refers to, and which generation a service has.

The format of an id does not show the generation: both formats occur in both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from handinger_tui.api.errors import unexpected_content
from handinger_tui.api.response import media_type
from handinger_tui.api.transport import segment
from handinger_tui.core.errors import Refused, SettingsError
from handinger_tui.core.turns.session import Destination
from handinger_tui.core.turns.turn import ErrorKind

if TYPE_CHECKING:
    from handinger_tui.api.client import WorkerClient
    from handinger_tui.api.tasks import TaskClient

    TurnClient = WorkerClient | TaskClient
    """A client that sends turns and reads targets."""

_ADDRESS: Final = re.compile(r"/worker/([^/]+)(?:/task/([^/]+))?/?$")


class Generation(Struct, frozen=True):
    """One generation. `has_tasks`: a target is a task of a stored worker; otherwise it is a worker."""

    has_tasks: bool

    def destination_of(self, text: str) -> Destination:
        """Where to send a message, given the id of a worker or a dashboard URL.

        Raises:
            SettingsError: no request can name this id.
        """
        worker, task = _usable_ids_in(text)
        if not self.has_tasks:
            return Destination(worker)
        return Destination(task, worker)

    def target_in(self, text: str) -> str:
        """The target of an id or a dashboard URL.

        Raises:
            SettingsError: the URL is that of a worker, not of a task, or no request can name this id.
        """
        worker, task = _usable_ids_in(text)
        if not self.has_tasks or worker == text:
            return worker
        if task is None:
            raise SettingsError(
                "This address names a worker, not a task. Nothing was sent.",
                "Open the task in the dashboard, and copy its address.",
            )
        return task


GENERATIONS: Final = {
    "workers": Generation(has_tasks=False),
    "tasks": Generation(has_tasks=True),
}


def _ids_in(text: str) -> tuple[str, str | None]:
    """The worker and the task in a dashboard URL; any other text is the id of a worker."""
    try:
        match = _ADDRESS.search(urlsplit(text).path) if "://" in text or text.startswith("/") else None
    except ValueError:
        match = None
    if match is None:
        return text, None
    task = match.group(2)
    return unquote(match.group(1)), None if task is None else unquote(task)


def _usable_ids_in(text: str) -> tuple[str, str | None]:
    """Worker and task, checked before anything is stored for them. Raises SettingsError."""
    worker, task = _ids_in(text)
    try:
        for one in (worker, task or worker):
            segment(one)
    except Refused as problem:
        raise SettingsError(problem.summary, "Copy the id or the URL from the dashboard.") from None
    return worker, task


def worker_id_in(text: str) -> str:
    """The worker of an id or a dashboard URL. Raises SettingsError: no request can name it."""
    return _usable_ids_in(text)[0]


def last_id_in(text: str) -> str:
    """The id by which a session is stored: the last one in a dashboard URL; any other text unchanged."""
    worker, task = _ids_in(text)
    return task or worker


UNKNOWN_ID: Final = "handinger-tui-doctor-asks"
"""An id that no service assigns."""


async def answering_generation(client: WorkerClient) -> str | None:
    """The generation that a service has, detected by three GETs, which are free; None: not clear.

    The answer for an unknown id on an existing route differs from that on an unknown route.

    Raises:
        ApiError: the key was refused, or there was no answer.
    """
    workers = await _answer_of(client, "/api/workers", is_public=False)
    unknown = await _answer_of(client, "/api/handinger-tui-asks")
    if await _answer_of(client, "/api/tasks") != unknown:
        return "tasks"
    return "workers" if workers != unknown else None


async def _answer_of(client: WorkerClient, route: str, *, is_public: bool = True) -> tuple[int | None, str]:
    """Status and text of the answer for an unknown id, without the path that the text may repeat.

    `is_public`: any refusal is an answer; otherwise only "not found" is.
    """
    path = f"{route}/{UNKNOWN_ID}"
    try:
        async with client.transport.get(f"{client.base_url}{path}", "application/json") as response:
            if not is_public and (kind := media_type(response)) == "text/html":
                # A sign-in page answers every request, with any key.
                raise unexpected_content(kind)
            return 200, ""
    except Refused as refusal:
        if refusal.kind is ErrorKind.NOT_FOUND or is_public:
            return refusal.http_status, refusal.summary.replace(path, "")
        raise
