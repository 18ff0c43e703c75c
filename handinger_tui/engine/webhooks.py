"""The webhook of one worker: read and changed, with the words of each. Nothing here costs anything."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Protocol

from handinger_tui.core.acts import Confirmation
from handinger_tui.core.errors import LedgerError, Refused
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.core.webhooks import FailedDeliveries, Webhook, failed_deliveries

if TYPE_CHECKING:
    from handinger_tui.core.webhooks import DeliveryPage


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


class WebhookLog(Protocol):
    """What is remembered of webhooks, for the runs board. Raises LedgerError."""

    async def keep_webhook(
        self, base_url: str, worker_id: str, failed: FailedDeliveries | None, *, is_read: bool = True
    ) -> None:
        """Remember a webhook as it is; None: there is none. `is_read`: False where its address was set."""


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

    def __init__(
        self, api: WebhookApi, worker_id: str, log: WebhookLog | None = None, base_url: str = ""
    ) -> None:
        """`log` None: nothing is remembered, as of a local worker, which ends with the program."""
        self._api = api
        self.worker_id = worker_id
        self._log, self._base_url = log, base_url
        self._newest = Webhook()
        """As it was read last."""

    @staticmethod
    def replace_question(webhook: Webhook) -> Confirmation | None:
        """The question before another address is set; None where there is none yet."""
        if webhook.url is None:
            return None
        body = f"{clean_line(webhook.url, 300)}\n\nwill no longer be notified. The token stays the same."
        return Confirmation("Replace the webhook address?", body, "Replace")

    async def read(self) -> Webhook:
        self._newest = await self._api.read(self.worker_id)
        if self._newest.url is None:
            await self._keep(None)
        return self._newest

    async def deliveries(self, page: int = 1) -> DeliveryPage:
        """A page of its deliveries, newest first, counted from 1; of the webhook as it was read before."""
        deliveries = await self._api.deliveries(self.worker_id, page)
        if page == 1 and self._newest.url is not None:
            await self._keep(failed_deliveries(self._newest, deliveries))
        return deliveries

    async def read_for_board(self) -> None:
        """Read what is remembered of it again."""
        try:
            await self.read()
            await self.deliveries()
        except Refused as refusal:
            if refusal.kind is not ErrorKind.NOT_FOUND:
                raise
            # Its worker was deleted.
            await self._keep(None)

    async def _keep(self, failed: FailedDeliveries | None, *, is_read: bool = True) -> None:
        # A history that cannot be written is reported where it is needed.
        if self._log is not None:
            with suppress(LedgerError):
                await self._log.keep_webhook(self._base_url, self.worker_id, failed, is_read=is_read)

    async def set(self, url: str) -> tuple[Webhook, str]:
        """Set an address. Raises SettingsError, too: it is not accepted."""
        webhook = await self._api.set(self.worker_id, url)
        await self._keep(FailedDeliveries(), is_read=False)
        return webhook, "The address was set. Receivers find the token in the header X-Handinger-Token."

    async def clear(self) -> tuple[Webhook, str]:
        """Remove address and token, as `CLEAR` asks."""
        webhook = await self._api.clear(self.worker_id)
        if webhook.url is None:
            await self._keep(None)
        is_removed = webhook.url is None
        return webhook, "The webhook was removed." if is_removed else "The service still has an address."

    async def renew(self) -> tuple[Webhook, str]:
        """Replace the token, as `RENEW` asks."""
        return await self._api.renew_token(self.worker_id), "The token was replaced."
