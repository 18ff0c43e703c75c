"""Webhooks of stored workers: the requests and their bodies.

None of them costs anything. A change whose answer is lost is settled by reading the webhook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handinger_tui.api import errors
from handinger_tui.api.client import JSON, WorkerClient
from handinger_tui.core.errors import ApiError, Doubtful, Refused, Unreachable
from handinger_tui.core.formatting import moment_of
from handinger_tui.core.jsontext import Json, JsonObject, as_list, as_text, dump
from handinger_tui.core.safety import Secret
from handinger_tui.core.webhooks import Delivery, DeliveryPage, Webhook, check_address

if TYPE_CHECKING:
    from collections.abc import Callable

_OUTCOMES: Final = {"success": True, "error": False}


class WebhookClient:
    """Reads and changes webhooks over the connection of a client."""

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    async def read(self, worker_id: str) -> Webhook:
        """The webhook of a worker. Raises ApiError."""
        return _webhook_in(await self._client.get_object(self._url(worker_id)))

    async def set(self, worker_id: str, url: str) -> Webhook:
        """PUT an address. The first one makes a token, later ones keep it.

        Raises:
            SettingsError: it is not accepted; nothing was sent.
            ApiError
        """
        address = check_address(url, is_service_local=self._client.origin.loopback)
        body = dump({"url": address}).encode()
        return await self._change(worker_id, "PUT", "", body, lambda now: now.url == address)

    async def clear(self, worker_id: str) -> Webhook:
        """DELETE the address and the token. Raises ApiError."""
        return await self._change(worker_id, "DELETE", "", b"", lambda now: now.url is None)

    async def renew_token(self, worker_id: str) -> Webhook:
        """POST for a new token; the old one is no longer sent. Raises ApiError."""
        before = (await self.read(worker_id)).token

        def is_new(now: Webhook) -> bool:
            return now.token is not None and (before is None or now.token.reveal() != before.reveal())

        try:
            return await self._change(worker_id, "POST", "/regenerate-token", b"", is_new)
        except Doubtful as problem:
            raise errors.token_in_doubt(problem) from None

    async def deliveries(self, worker_id: str, page: int = 1) -> DeliveryPage:
        """A page of the deliveries, newest first. Raises ApiError."""
        members = await self._client.get_object(f"{self._url(worker_id)}/executions?page={max(1, page)}")
        entries = [entry for entry in as_list(members.get("logs")) if isinstance(entry, dict)]
        return DeliveryPage(
            tuple(map(_delivery_in, entries)),
            _whole(members.get("page")) or page,
            _whole(members.get("pageCount")),
            _whole(members.get("totalCount")),
        )

    async def _change(
        self, worker_id: str, method: str, route: str, body: bytes, is_done: Callable[[Webhook], bool]
    ) -> Webhook:
        headers = {"Accept": JSON, "Content-Type": JSON} if body else {"Accept": JSON}
        sending = self._client.connection.send(method, f"{self._url(worker_id)}{route}", headers, body)
        try:
            async with sending as response:
                webhook = _webhook_in(await self._client.json_object(response))
        except (Refused, Unreachable):
            raise
        except ApiError as problem:
            try:
                webhook = await self.read(worker_id)
            except ApiError:
                raise errors.change_in_doubt(problem) from None
            if not is_done(webhook):
                raise errors.change_in_doubt(problem) from None
        return webhook

    def _url(self, worker_id: str) -> str:
        return f"{self._client.worker_url(worker_id)}/webhook"


def _webhook_in(members: JsonObject) -> Webhook:
    """Raises BrokenContract: the answer has no webhook, which is not the same as none."""
    if "url" not in members:
        raise errors.undecodable("The webhook")
    token = as_text(members.get("token"))
    return Webhook(as_text(members.get("url")) or None, Secret(token) if token else None)


def _delivery_in(members: JsonObject) -> Delivery:
    return Delivery(
        as_text(members.get("id")),
        moment_of(as_text(members.get("createdAt"))),
        _OUTCOMES.get(as_text(members.get("requestStatus")) or ""),
        _whole(members.get("responseStatus")),
        _whole(members.get("durationMs")),
        as_text(members.get("errorMessage")),
        as_text(members.get("taskId")),
        as_text(members.get("taskTitle")),
        as_text(members.get("url")),
    )


def _whole(value: Json) -> int | None:
    """A whole number from 0 that fits a screen."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 10**12 and int(value) == value else None
