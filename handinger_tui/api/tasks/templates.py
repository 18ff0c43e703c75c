"""Stored workers and the archive of tasks: the requests and their bodies.

There is no list of them, and a GET returns the state of a worker without its instructions: those come with
the answer to a request that changes it. A change of nothing reads them. Members that are absent, null or of
another type are not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from handinger_tui.api import errors
from handinger_tui.api.client import JSON, WorkerClient
from handinger_tui.api.endpoint import segment
from handinger_tui.core.errors import ApiError, Refused, Unreachable
from handinger_tui.core.jsontext import Json, JsonObject, as_text, dump, parse_exact
from handinger_tui.core.safety import encodable
from handinger_tui.core.stored_workers import NOTHING, StoredWorker, WorkerMembers
from handinger_tui.core.stream.worker_snapshot import is_worker, names_another

if TYPE_CHECKING:
    from collections.abc import Callable

_PUBLIC: Final = {"public": True, "private": False}


class TemplateClient:
    """Stores, reads, changes and deletes workers over the connection of a client."""

    def __init__(self, client: WorkerClient, now_ms: Callable[[], int]) -> None:
        self._client = client
        self._now_ms = now_ms

    async def store(
        self, members: WorkerMembers, request_id: str, departed: Callable[[], None] = lambda: None
    ) -> StoredWorker:
        """POST a new worker once. Nothing runs. `request_id` is its Idempotency-Key.

        Raises:
            Refused, Unreachable: it was not stored.
            ApiError: it is in doubt; no list could settle it.
        """
        url = f"{self._client.base_url}/api/workers"
        try:
            answer = await self._send("POST", url, members, {"Idempotency-Key": request_id}, departed)
            worker_id = as_text(answer.get("id"))
            if worker_id is None or is_worker(answer):
                raise errors.undecodable("The new worker")
        except (Refused, Unreachable):
            raise
        except ApiError as problem:
            raise errors.storing_in_doubt(problem) from None
        return self._worker_in(answer, worker_id)

    async def read(self, worker_id: str) -> StoredWorker:
        """GET a worker: whether it exists, and what the answer says of it. Raises ApiError."""
        url, cap = self._client.worker_url(worker_id), self._client.limits.max_json_bytes
        answer = await self._client.get_object(url, cap, parse_exact)
        if names_another(as_text(answer.get("id")), worker_id):
            raise errors.another_worker()
        return self._worker_in(answer, worker_id)

    async def change(self, worker_id: str, members: WorkerMembers = NOTHING) -> StoredWorker:
        """PATCH members of a worker; without any, it is only read.

        Raises:
            Refused, Unreachable: nothing was changed.
            ApiError: it is in doubt.
        """
        try:
            answer = await self._send("PATCH", self._client.worker_url(worker_id), members)
        except (Refused, Unreachable):
            raise
        except ApiError as problem:
            raise errors.change_in_doubt(problem) from None
        if names_another(as_text(answer.get("id")), worker_id):
            raise errors.another_worker()
        return self._worker_in(answer, worker_id)

    async def delete(self, worker_id: str) -> bool | None:
        """DELETE a worker. Returns whether it was deleted; None where the service does not say.

        Raises:
            ApiError
        """
        return await self._delete(self._client.worker_url(worker_id), "deleted")

    async def archive(self, task_id: str) -> bool | None:
        """DELETE a task, which archives it; its turns are kept. Returns as `delete`. Raises ApiError."""
        url = f"{self._client.base_url}/api/tasks/{segment(task_id, 'task id')}"
        return await self._delete(url, "archived")

    async def _delete(self, url: str, member: str) -> bool | None:
        try:
            return await self._client.delete(url, member)
        except (Refused, Unreachable):
            raise
        except ApiError as problem:
            raise errors.change_in_doubt(problem) from None

    async def _send(
        self,
        method: str,
        url: str,
        members: WorkerMembers,
        headers: dict[str, str] | None = None,
        departed: Callable[[], None] = lambda: None,
    ) -> JsonObject:
        body = dump(body_of(members)).encode()
        headers = {"Accept": JSON, "Content-Type": JSON, **(headers or {})}
        async with self._client.connection.send(method, url, headers, body, departed=departed) as response:
            return await self._client.json_object(response, read=parse_exact)

    def _worker_in(self, answer: JsonObject, worker_id: str) -> StoredWorker:
        text, schema = as_text(answer.get("instructions")), answer.get("outputSchema")
        return StoredWorker(
            worker_id,
            title=as_text(answer.get("title")) or None,
            summary=as_text(answer.get("summary")),
            text=text,
            schema=schema if isinstance(schema, dict) else None,
            is_public=_PUBLIC.get(as_text(answer.get("visibility")) or ""),
            url=as_text(answer.get("url")),
            read_ms=None if text is None else self._now_ms(),
        )


def body_of(members: WorkerMembers) -> JsonObject:
    """The members of a request, without those that stay."""
    is_public = members.is_public
    values: dict[str, Json | object] = {
        "title": members.title,
        "summary": members.summary,
        "instructions": members.text,
        "prompt": members.prompt,
        "outputSchema": members.schema,
        "visibility": UNSET if is_public is UNSET else "public" if is_public else "private",
    }
    body: JsonObject = {}
    for name, value in values.items():
        if isinstance(value, str):
            body[name] = encodable(value)
        elif value is None or isinstance(value, dict):
            body[name] = value
    return body
