"""The webhook of a worker: the address that is notified when a task ends, its token and its deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct
from textual import on, work
from textual.binding import BindingType
from textual.content import Content

from handinger_tui.core.errors import HandingerError, SettingsError
from handinger_tui.core.formatting import moment_at
from handinger_tui.core.safety import clean_line
from handinger_tui.core.schedules import moment_text
from handinger_tui.core.stored_workers import (
    Delivery,
    DeliveryPage,
    Webhook,
    check_address,
    delivery_duration,
    delivery_outcome,
    delivery_reason,
    page_text,
    token_text,
)
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages import GAP, ListPage, padded_columns
from handinger_tui.ui.widgets.virtual_list import ItemRows, PickList, VirtualList, copy_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.ui.front import Front
    from handinger_tui.ui.ports import Webhooks

NO_WEBHOOK: Final = (
    "No webhook. Press s to set an address: the service then sends each task there when it ends."
)
NO_DELIVERIES: Final = "No deliveries yet. The service sends each task to the address when it ends."
BREAKS: Final = "Receivers that check the old token refuse deliveries until they have the new one."


class WebhookAccess(Struct, frozen=True):
    """Reads and changes the webhook of one worker; asks before a change that breaks receivers.

    Each change returns its result as a sentence, None when nothing was sent. All methods raise ApiError.
    """

    service: Webhooks
    interaction: Front
    worker_id: str
    now_ms: Callable[[], int]

    @property
    def now(self) -> datetime:
        """The present moment."""
        return moment_at(self.now_ms())

    async def read(self) -> Webhook:
        """Read the webhook of the worker from the service."""
        return await self.service.read(self.worker_id)

    async def set(self, webhook: Webhook, url: str = "") -> str | None:
        """Set an address; "" asks for it.

        Raises:
            SettingsError: the address is not accepted.
        """
        address = url or await self._ask_address(webhook.url or "")
        if not address or address == webhook.url:
            return None
        body = (
            f"{clean_line(webhook.url or '', 300)}\n\nwill no longer be notified. The token stays the same."
        )
        if webhook.url is not None and not await self.interaction.confirm(
            "Replace the webhook address?", body, yes="Replace", no="Cancel"
        ):
            return None
        await self.service.set(self.worker_id, address)
        return "The address was set. Receivers find the token in the header X-Handinger-Token."

    async def _ask_address(self, text: str) -> str | None:
        """Ask for an address until it is one; what was typed stays in the field."""
        while True:
            address = await self.interaction.ask_text("Webhook address", text, "https://…")
            try:
                # What only the service on this computer accepts is checked when it is sent.
                return check_address(address, is_service_local=True) if address else None
            except SettingsError as problem:
                self.interaction.say(problem.text, "warning")
                text = address or ""

    async def clear(self) -> str | None:
        """Remove address and token."""
        body = "Receivers are no longer notified. An address that is set later gets a new token."
        if not await self.interaction.confirm("Remove the webhook?", body, yes="Remove", no="Keep it"):
            return None
        now = await self.service.clear(self.worker_id)
        return "The webhook was removed." if now.url is None else "The service still has an address."

    async def renew(self) -> str | None:
        """Replace the token."""
        if not await self.interaction.confirm(
            "Make a new token?", BREAKS, yes="Make a new token", no="Keep it"
        ):
            return None
        await self.service.renew_token(self.worker_id)
        return "The token was replaced. Press c to copy the new one."


class DeliveryRows(ItemRows[Delivery]):
    """A line for each delivery: time, outcome, duration, task."""

    loaded = False

    def __init__(self) -> None:
        self._cells: list[list[str]] = []

    def show(self, page: DeliveryPage, message: str, now: datetime) -> None:
        """Show other deliveries; without any, a message."""
        self.loaded, self.message, self.items = True, message, page.deliveries
        rows = [
            (
                "not known" if one.moment is None else moment_text(one.moment, now),
                delivery_outcome(one),
                delivery_duration(one.duration_ms),
            )
            for one in page.deliveries
        ]
        self._cells = padded_columns(rows, "<<>")

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """Time, outcome, duration and the title of the task."""
        when, outcome, duration = self._cells[at]
        delivery = self.items[at]
        color = {True: "$text-success", False: "$text-error", None: ""}[delivery.is_delivered]
        title = clean_line(delivery.task_title or delivery.task_id or "", 200)
        return Content.assemble(when, GAP, (outcome, "" if here else color), GAP, duration, GAP, title)


class DeliveryTable(PickList[DeliveryRows, Delivery]):
    """The list of deliveries."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LINES)

    def action_copy(self) -> None:
        """Copy the reason of a failed delivery, else the id of its task."""
        if self.current is not None:
            text = delivery_reason(self.current) or clean_line(self.current.task_id or "", 200)
            copy_from(
                self, text, "the reason" if self.current.is_delivered is False else "the id of the task"
            )


class WebhookScreen(ListPage[DeliveryTable]):
    """Shows the webhook of a worker and its deliveries, and changes it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.WEBHOOK, Where.SCREEN)
    NAME = "webhook"

    def __init__(self, access: WebhookAccess) -> None:
        table = DeliveryTable(DeliveryRows(), id="webhook-list", classes="cursor-lines")
        super().__init__(table, access.interaction, access.worker_id)
        self._access = access
        self._webhook: Webhook | None = None
        """None until it is read."""
        self._page = DeliveryPage()
        self._is_token_shown = False

    # -- reading -------------------------------------------------------------------------------
    def action_reload(self) -> None:
        """Read webhook and deliveries again."""
        self._read(self._page.page)

    @work(group="read", exclusive=True)
    async def _read(self, number: int) -> None:
        access, message = self._access, NO_DELIVERIES
        try:
            self._webhook = await access.read()
            self._page = await access.service.deliveries(access.worker_id, number)
        except HandingerError as problem:
            self._page, message = DeliveryPage(page=self._page.page), clean_line(problem.text, 600)
        else:
            message = NO_WEBHOOK if self._webhook.url is None else NO_DELIVERIES
        self.table.rows.show(self._page, message, access.now)
        self._draw_title()
        self.table.move_to(0)

    def _draw_title(self) -> None:
        lines = []
        if self._webhook is not None and self._webhook.url is not None:
            token = token_text(self._webhook, is_shown=self._is_token_shown)
            lines = [
                Content.assemble(("Address  ", "$text-muted"), clean_line(self._webhook.url, 300)),
                Content.assemble(("Token    ", "$text-muted"), token),
            ]
        lines += self._note_lines
        if pages := page_text(self._page):
            lines.append(Content.styled(f"{pages} · local times", "$text-muted"))
        self._put_head(lines)

    @on(VirtualList.Moved)
    def _show_selected(self) -> None:
        delivery, lines = self.table.current, []
        if delivery is not None:
            reason = delivery_reason(delivery)
            ids = filter(None, [delivery.task_id, delivery.delivery_id])
            lines = [
                Content.styled(reason, "$text-error" if delivery.is_delivered is False else ""),
                Content(f"to {clean_line(delivery.url or 'an address that is not reported', 300)}"),
                Content(" · ".join(clean_line(one, 80) for one in ids)),
            ]
        self._put_foot(line for line in lines if line.plain)

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
                return True

    def action_turn(self, by: int) -> None:
        """Show the page of deliveries `by` pages on."""
        number, pages = self._page.page + by, self._page.pages
        if number < 1:
            self.say("These are the newest deliveries.")
        elif by > 0 and (number > pages if pages is not None else not self.table.rows.count):
            self.say("These are the oldest deliveries.")
        else:
            self._read(number)

    def action_show(self) -> None:
        """Show or hide the token."""
        self._is_token_shown = not self._is_token_shown
        self._draw_title()

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
            self._change(self._access.set(self._webhook))

    def action_clear(self) -> None:
        """Remove address and token after a question."""
        self._change(self._access.clear())

    def action_renew(self) -> None:
        """Replace the token after a question."""
        self._change(self._access.renew())
