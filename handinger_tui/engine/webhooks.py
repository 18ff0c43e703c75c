"""The webhook of one worker: read and changed, with the words of each. Nothing here costs anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from handinger_tui.core.acts import Confirmation
from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    from handinger_tui.core.webhooks import DeliveryPage, Webhook


class WebhookApi(Protocol):
    """Requests about the webhooks of workers. Raises (all): ApiError."""

    async def read(self, worker_id: str) -> Webhook:
        """The webhook of a worker."""

    async def set(self, worker_id: str, url: str) -> Webhook:
        """Set the address.

        Raises:
            SettingsError: it is not accepted; nothing was sent.
        """

    async def clear(self, worker_id: str) -> Webhook:
        """Remove address and token."""

    async def renew_token(self, worker_id: str) -> Webhook:
        """Replace the token by a new one."""

    async def deliveries(self, worker_id: str, page: int = 1) -> DeliveryPage:
        """A page of the deliveries, newest first, counted from 1."""


class WorkerWebhook:
    """The webhook of one worker. Each change returns the webhook and the result as a sentence.

    Raises (all): ApiError.
    """

    CLEAR: ClassVar = Confirmation(
        "Remove the webhook?",
        "Receivers are no longer notified. An address that is set later gets a new token.",
        "Remove",
        "Keep it",
    )
    RENEW: ClassVar = Confirmation(
        "Make a new token?",
        "Receivers that check the old token refuse deliveries until they have the new one.",
        "Make a new token",
        "Keep it",
    )

    def __init__(self, api: WebhookApi, worker_id: str) -> None:
        self._api = api
        self.worker_id = worker_id

    @staticmethod
    def replace_question(webhook: Webhook) -> Confirmation | None:
        """The question before another address is set; None where there is none yet."""
        if webhook.url is None:
            return None
        body = f"{clean_line(webhook.url, 300)}\n\nwill no longer be notified. The token stays the same."
        return Confirmation("Replace the webhook address?", body, "Replace")

    async def read(self) -> Webhook:
        return await self._api.read(self.worker_id)

    async def deliveries(self, page: int = 1) -> DeliveryPage:
        """A page of its deliveries, newest first, counted from 1."""
        return await self._api.deliveries(self.worker_id, page)

    async def set(self, url: str) -> tuple[Webhook, str]:
        """Set an address. Raises SettingsError, too: it is not accepted."""
        webhook = await self._api.set(self.worker_id, url)
        return webhook, "The address was set. Receivers find the token in the header X-Handinger-Token."

    async def clear(self) -> tuple[Webhook, str]:
        """Remove address and token, as `CLEAR` asks."""
        webhook = await self._api.clear(self.worker_id)
        is_removed = webhook.url is None
        return webhook, "The webhook was removed." if is_removed else "The service still has an address."

    async def renew(self) -> tuple[Webhook, str]:
        """Replace the token, as `RENEW` asks."""
        return await self._api.renew_token(self.worker_id), "The token was replaced."
