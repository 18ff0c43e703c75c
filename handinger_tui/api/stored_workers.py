"""Stored workers, their webhooks, and archiving of tasks: the requests and their bodies.

The API cannot list workers. A GET returns a worker without its instructions; these come only with the answer
to a change, so an empty change reads them. Members that are absent, null or of another type are unknown.
Webhook requests are free; a change whose answer is lost is settled by reading the webhook.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from handinger_tui.api import errors
from handinger_tui.api.client import JSON, WorkerClient
from handinger_tui.api.transport import segment
from handinger_tui.core.errors import ApiError, Doubtful, Refused, Unreachable
from handinger_tui.core.jsontext import Json, JsonObject, dump, parse_exact, text_at
from handinger_tui.core.safety import encodable
from handinger_tui.core.stored_workers import NO_MEMBERS, StoredWorker, WorkerMembers
from handinger_tui.core.stream import is_worker, names_another
from handinger_tui.core.webhooks import DeliveryPage, Webhook, check_address


class TemplateClient:
    """Stores, reads, changes and deletes workers, and archives tasks."""

    def __init__(self, client: WorkerClient, now_ms: Callable[[], int]) -> None:
        self._client = client
        self._now_ms = now_ms

    async def store(self, members: WorkerMembers, request_id: str) -> StoredWorker:
        """POST a new worker once; nothing runs. `request_id` is the Idempotency-Key.

        Raises:
            Refused, Unreachable: it was not stored.
            ApiError: it is in doubt, and cannot be settled, since there is no list of workers.
        """
        url = f"{self._client.base_url}/api/workers"
        with errors.outcome_may_be_in_doubt(errors.STORING_IN_DOUBT):
            answer = await self._send("POST", url, members, {"Idempotency-Key": request_id})
            worker_id = text_at(answer, "id")
            if worker_id is None or is_worker(answer):
                raise errors.undecodable("The new worker")
        return self._worker_in(answer, worker_id)

    async def read(self, worker_id: str) -> StoredWorker:
        """GET a worker; the result has no instructions. Raises ApiError."""
        url, cap = self._client.worker_url(worker_id), self._client.limits.max_json_bytes
        answer = await self._client.get_object(url, cap, parse_exact)
        if names_another(text_at(answer, "id"), worker_id):
            raise errors.another_worker()
        return self._worker_in(answer, worker_id)

    async def change(self, worker_id: str, members: WorkerMembers = NO_MEMBERS) -> StoredWorker:
        """PATCH members of a worker. Without any, nothing changes, and the answer has all members.

        Raises:
            Refused, Unreachable: nothing was changed.
            ApiError: the change is in doubt.
        """
        with errors.outcome_may_be_in_doubt(errors.CHANGE_IN_DOUBT):
            answer = await self._send("PATCH", self._client.worker_url(worker_id), members)
        if names_another(text_at(answer, "id"), worker_id):
            raise errors.another_worker()
        return self._worker_in(answer, worker_id)

    async def delete(self, worker_id: str) -> bool | None:
        """DELETE a worker. Returns whether it was deleted, None if the service does not say.

        Raises:
            ApiError
        """
        return await self._delete(self._client.worker_url(worker_id), "deleted")

    async def archive(self, task_id: str) -> bool | None:
        """DELETE a task, which archives it and keeps its turns. Result and errors: see `delete`."""
        url = f"{self._client.base_url}/api/tasks/{segment(task_id, 'task id')}"
        return await self._delete(url, "archived")

    async def _delete(self, url: str, member: str) -> bool | None:
        with errors.outcome_may_be_in_doubt(errors.CHANGE_IN_DOUBT):
            return await self._client.delete(url, member)

    async def _send(
        self, method: str, url: str, members: WorkerMembers, headers: dict[str, str] | None = None
    ) -> JsonObject:
        body = dump(members_object(members)).encode()
        headers = {"Accept": JSON, "Content-Type": JSON, **(headers or {})}
        async with self._client.transport.send(method, url, headers, body) as response:
            return await self._client.json_object(response, read=parse_exact)

    def _worker_in(self, answer: JsonObject, worker_id: str) -> StoredWorker:
        from handinger_tui.api import answers  # 10 MB

        return answers.stored_worker_in(answer, worker_id, self._now_ms())


def members_object(members: WorkerMembers) -> JsonObject:
    """The members of a request; those that are UNSET are omitted."""
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


# -- webhooks ----------------------------------------------------------------------------
class WebhookClient:
    """Reads and changes webhooks."""

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    async def read(self, worker_id: str) -> Webhook:
        """The webhook of a worker. Raises ApiError."""
        return _webhook_in(await self._client.get_object(self._url(worker_id)))

    async def set(self, worker_id: str, url: str) -> Webhook:
        """PUT the address. The first one creates a token, later ones keep it.

        Raises:
            SettingsError: the address is not accepted; nothing was sent.
            ApiError
        """
        address = check_address(url, is_service_local=self._client.origin.loopback)
        body = dump({"url": address}).encode()
        return await self._change(worker_id, "PUT", "", body, lambda now: now.url == address)

    async def clear(self, worker_id: str) -> Webhook:
        """DELETE the address and its token. Raises ApiError."""
        return await self._change(worker_id, "DELETE", "", b"", lambda now: now.url is None)

    async def renew_token(self, worker_id: str) -> Webhook:
        """POST for a new token, which replaces the old one. Raises ApiError."""
        before = (await self.read(worker_id)).token

        def is_new(now: Webhook) -> bool:
            return now.token is not None and (before is None or now.token.reveal() != before.reveal())

        try:
            return await self._change(worker_id, "POST", "/regenerate-token", b"", is_new)
        except Doubtful as problem:
            raise errors.in_doubt(problem, errors.RENEWAL_IN_DOUBT) from None

    async def deliveries(self, worker_id: str, page: int = 1) -> DeliveryPage:
        """A page of deliveries, newest first. Raises ApiError."""
        from handinger_tui.api import answers  # 10 MB

        members = await self._client.get_object(f"{self._url(worker_id)}/executions?page={max(1, page)}")
        return answers.delivery_page_in(members, page)

    async def _change(
        self, worker_id: str, method: str, route: str, body: bytes, is_done: Callable[[Webhook], bool]
    ) -> Webhook:
        headers = {"Accept": JSON, "Content-Type": JSON} if body else {"Accept": JSON}
        sending = self._client.transport.send(method, f"{self._url(worker_id)}{route}", headers, body)
        try:
            async with sending as response:
                webhook = _webhook_in(await self._client.json_object(response))
        except (Refused, Unreachable):
            raise
        except ApiError as problem:
            in_doubt = errors.in_doubt(problem, errors.CHANGE_IN_DOUBT)
            try:
                webhook = await self.read(worker_id)
            except ApiError:
                raise in_doubt from None
            if not is_done(webhook):
                raise in_doubt from None
        return webhook

    def _url(self, worker_id: str) -> str:
        return f"{self._client.worker_url(worker_id)}/webhook"


def _webhook_in(members: JsonObject) -> Webhook:
    """The webhook in an answer; without a webhook `url` is null. Raises BrokenContract: there is no `url`."""
    from handinger_tui.api import answers  # 10 MB

    if "url" not in members:
        raise errors.undecodable("The webhook", errors.ONLY_READ)
    return answers.webhook_in(members)
