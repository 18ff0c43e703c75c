"""The webhook of a worker: the address that is notified when a task ends, its token and its deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.content import Content

from handinger_tui.core.columns import Tone
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import clean_line
from handinger_tui.core.webhooks import (
    DELIVERY_COLUMNS,
    Delivery,
    DeliveryPage,
    Webhook,
    check_address,
    delivery_reason,
    delivery_row,
    page_text,
    token_text,
)
from handinger_tui.engine.webhooks import WorkerWebhook
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages.list_page import ListPage
from handinger_tui.ui.widgets.virtual_list import copy_from

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from handinger_tui.core.acts import Confirmation
    from handinger_tui.core.columns import Row
    from handinger_tui.ui.front import Front

NO_WEBHOOK: Final = (
    "No webhook. Press s to set an address: the service then sends each task there when it ends."
)
NO_DELIVERIES: Final = "No deliveries yet. The service sends each task to the address when it ends."


async def set_address(webhook: WorkerWebhook, now: Webhook, interaction: Front, url: str = "") -> str | None:
    """Set an address, "" asks for it; returns the result as a sentence, None where nothing was sent.

    Raises:
        SettingsError: the address is not accepted.
        ApiError
    """
    address = url or await _ask_address(interaction, now.url or "")
    if not address or address == now.url:
        return None
    question = webhook.replace_question(now)
    if question is not None and not await question.agreed(interaction.confirm):
        return None
    return (await webhook.set(address))[1]


async def _ask_address(interaction: Front, text: str) -> str | None:
    """Ask for an address until it is one; what was typed stays in the field."""
    while True:
        address = await interaction.ask_text("Webhook address", text, "https://…")
        try:
            # What only the service on this computer accepts is checked when it is sent.
            return check_address(address, is_service_local=True) if address else None
        except SettingsError as problem:
            interaction.say(problem.text, "warning")
            text = address or ""


class WebhookScreen(ListPage[Delivery]):
    """Shows the webhook of a worker and its deliveries, and changes it."""

    BINDINGS = bindings(Where.WEBHOOK, Where.LIST, Where.SCREEN)
    NAME = "webhook"
    COLUMNS = DELIVERY_COLUMNS

    def __init__(self, webhook: WorkerWebhook, interaction: Front, now: Callable[[], datetime]) -> None:
        super().__init__(interaction, f"worker {webhook.worker_id}")
        self._service, self._now = webhook, now
        self._webhook: Webhook | None = None
        """None until it is read."""
        self._page = DeliveryPage()
        self._is_token_shown = False

    async def read(self) -> Sequence[Delivery]:
        """Read the webhook and a page of its deliveries."""
        number, self._page = self._page.page, DeliveryPage(page=self._page.page)
        self._webhook = await self._service.read()
        self._page = await self._service.deliveries(number)
        return self._page.deliveries

    def row(self, item: Delivery) -> Row:
        """Time, outcome, duration and task."""
        return delivery_row(item, self._now())

    @property
    def empty(self) -> str:
        """Without an address there are no deliveries."""
        return NO_WEBHOOK if self._webhook is None or self._webhook.url is None else NO_DELIVERIES

    def head(self) -> Iterable[Content]:
        """Address, token, and which of the deliveries are shown."""
        if self._webhook is not None and self._webhook.url is not None:
            token = token_text(self._webhook, is_shown=self._is_token_shown)
            yield Content.assemble(("Address  ", Tone.FAINT), clean_line(self._webhook.url, 300))
            yield Content.assemble(("Token    ", Tone.FAINT), token)
        if pages := page_text(self._page):
            yield Content.styled(f"{pages} · local times", Tone.FAINT)

    def foot(self, item: Delivery) -> Iterable[Content | str]:
        """Why a delivery failed, where it went, and its ids."""
        ids = filter(None, [item.task_id, item.delivery_id])
        return [
            Content.styled(delivery_reason(item), Tone.BAD if item.is_delivered is False else ""),
            f"to {clean_line(item.url or 'an address that is not reported', 300)}",
            " · ".join(clean_line(one, 80) for one in ids),
        ]

    def copied(self, item: Delivery) -> tuple[str, str]:
        """The reason of a failed delivery, else the id of its task."""
        reason = delivery_reason(item)
        return (reason, "the reason") if reason else (item.task_id or "", "the id of the task")

    # -- keys ----------------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only keys that have an effect now."""
        webhook, page = self._webhook, self._page
        match action:
            case "set":
                return webhook is not None
            case "show" | "copy_token" | "renew" | "clear":
                return webhook is not None and webhook.url is not None
            case "turn":
                return page.page > 1 or (bool(page.deliveries) if page.pages is None else page.pages > 1)
            case _:
                return super().check_action(action, parameters)

    def action_turn(self, by: int) -> None:
        """Show the page of deliveries `by` pages on."""
        number, pages = self._page.page + by, self._page.pages
        if number < 1:
            self.say("These are the newest deliveries.")
        elif by > 0 and (number > pages if pages is not None else not self.table.rows.total):
            self.say("These are the oldest deliveries.")
        else:
            self._page, self.table.cursor = DeliveryPage(page=number), 0
            self.action_reload()

    def action_show(self) -> None:
        """Show or hide the token."""
        self._is_token_shown = not self._is_token_shown
        self.draw_title()

    def action_copy_token(self) -> None:
        """Copy the token through the terminal; it stays hidden."""
        token = None if self._webhook is None else self._webhook.token
        if token is None:
            self.say("There is no token.")
        else:
            copy_from(self, token.reveal(), "the token")

    def action_set(self) -> None:
        """Ask for an address and set it."""
        if self._webhook is not None:
            self.change(set_address(self._service, self._webhook, self._interaction))

    def action_clear(self) -> None:
        """Remove address and token after a question."""
        self.change(self._if_agreed(WorkerWebhook.CLEAR, self._service.clear))

    def action_renew(self) -> None:
        """Replace the token after a question."""
        self.change(self._if_agreed(WorkerWebhook.RENEW, self._service.renew))

    async def _if_agreed(
        self, question: Confirmation, act: Callable[[], Awaitable[tuple[Webhook, str]]]
    ) -> str | None:
        return (await act())[1] if await question.agreed(self._interaction.confirm) else None
