"""Two pages: schedules, which start turns, with next runs and prices; and the webhook.

A schedule starts paid turns later: nothing is added without a question that names its price and its next run.
The webhook is the address that is notified when a task ends; its page shows the token and the deliveries.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input, Static

from handinger_tui.core.errors import Doubtful, HandingerError, SettingsError
from handinger_tui.core.formatting import moment_at, plural
from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.safety import clean_line
from handinger_tui.core.schedules import (
    EXAMPLES,
    STANDARD,
    UNBOUNDED,
    UNSTOPPED,
    Cron,
    NewSchedule,
    Price,
    Schedule,
    ScheduleList,
    added_text,
    moment_text,
    monthly_text,
    next_runs,
    price_of,
    price_sentences,
    price_tag,
    read_request,
    rule_text,
    run_text,
    runs_of,
    short_price_tag,
    soonest_first,
)
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
from handinger_tui.ui.dialogs import HINT, Dialog
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages import ListPage
from handinger_tui.ui.widgets.virtual_list import ItemRows, PickList, VirtualList, copy_from

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from handinger_tui.ui.ports import Connection, Schedules, Webhooks
    from handinger_tui.ui.work.interaction import Interaction

# -- schedules -----------------------------------------------------------------------------------
NO_SCHEDULES: Final = (
    "No schedules yet. Press a to add one: the service then starts turns of this worker automatically, once "
    "or repeatedly, and each costs what a turn costs."
)
UNLIMITED: Final = "unlimited"
"""The budget without a cap, which a schedule gets only after this word was typed."""
ENDS: Final = "The local worker and its schedules end with this program. Its money is simulated."
CANCELED: Final = {
    True: "The schedule was canceled.",
    False: "The service did not cancel it.",
    None: "The service did not say whether it was canceled.",
}
"""The message by the answer of the service."""


class PricedSchedules(Struct, frozen=True):
    """The schedules as read at a moment, each with its price; `typical`: a turn at the budget of new ones."""

    listed: ScheduleList
    prices: tuple[Price, ...]
    typical: TypicalCost
    now: datetime


class ScheduleAccess(Struct, frozen=True):
    """Reads, adds and cancels the schedules of one worker. `budget`: that of new ones."""

    connection: Connection
    service: Schedules
    interaction: Interaction
    worker_id: str
    budget: str
    now_ms: Callable[[], int]
    credit_usd: Decimal | None = None
    """The person's price of a credit."""

    @property
    def now(self) -> datetime:
        """The present moment."""
        return moment_at(self.now_ms())

    async def read(self) -> PricedSchedules:
        """Read the schedules, and their prices from the history. Raises ApiError, LedgerError."""
        listed = soonest_first(await self.service.schedules(self.worker_id))
        levels = {self.budget, *(one.budget or STANDARD for one in listed.schedules)}
        typical_cost = self.connection.typical_cost
        typical = {level: await typical_cost(self.worker_id, level, self.credit_usd) for level in levels}
        prices = tuple(price_of(typical[one.budget or STANDARD], one.rule) for one in listed.schedules)
        return PricedSchedules(listed, prices, typical[self.budget], self.now)

    # -- adding --------------------------------------------------------------------------------
    async def choose(self, text: str = "") -> tuple[NewSchedule, ScheduleList] | None:
        """The schedule that `text` describes; "" asks for it. None where the person does not agree.

        Raises:
            SettingsError: the text describes no schedule.
            ApiError, LedgerError
        """
        listing = await self.read()
        if not text:
            text = await self.interaction.ask(ScheduleQuestion(self, listing)) or ""
            if not text:
                return None
        rule, instruction = read_request(text, self.now)
        schedule = NewSchedule(instruction, rule, self.budget)
        return (schedule, listing.listed) if await self._confirm(schedule, listing) else None

    async def add(self, schedule: NewSchedule, listed: ScheduleList) -> str:
        """Add a schedule that the person agreed to; returns the result as a sentence. Raises ApiError."""
        try:
            added = await self.service.add(self.worker_id, schedule)
        except Doubtful as problem:
            await self.interaction.notice("Was it added?", f"{problem.summary}\n\n{problem.hint}")
            return problem.summary
        computed = next_runs(schedule.rule, self.now, listed.cron_zone, 1)
        return added_text(added, computed, self.now)

    async def _confirm(self, schedule: NewSchedule, listing: PricedSchedules) -> bool:
        price = price_of(listing.typical, schedule.rule)
        pieces = [
            f"“{clean_line(schedule.instruction, 400)}”",
            " ".join((self.plan(schedule, listing.listed), "The service decides when it runs.")),
            price_sentences(price),
            ENDS if self.connection.badge.local else UNSTOPPED,
        ]
        if schedule.budget == UNLIMITED:
            pieces.append(UNBOUNDED)
        return await self.interaction.confirm(
            "Add this schedule?",
            "\n\n".join(pieces),
            yes="Add schedule",
            no="Cancel",
            typed=UNLIMITED if schedule.budget == UNLIMITED else "",
        )

    def plan(self, schedule: NewSchedule, listed: ScheduleList) -> str:
        """The rule and the next run in sentences."""
        now = self.now
        runs = next_runs(schedule.rule, now, listed.cron_zone, 1)
        rule = rule_text(schedule.rule)
        zone = f" in {listed.zone_text}" if isinstance(schedule.rule, Cron) else ""
        shown = run_text(runs[0], now) if runs else "unknown"
        return f"{rule[:1].upper()}{rule[1:]}{zone}. Next run: {shown}, local time."

    # -- canceling -----------------------------------------------------------------------------
    async def cancel(self, schedule: Schedule, price: Price) -> str | None:
        """Cancel a schedule after a question. Returns the result as a sentence, None when nothing was sent.

        Raises:
            ApiError
        """
        if schedule.schedule_id is None:
            raise SettingsError("The service gave this schedule no id.", "Cancel it in the dashboard.")
        body = (
            f"“{clean_line(schedule.instruction, 400)}”\n\n"
            f"{rule_text(schedule.rule, schedule.kind)}, {price_tag(price)}.\n\n"
            "A run that has already started continues."
        )
        yes, no = "Cancel schedule", "Keep it"
        if not await self.interaction.confirm("Cancel this schedule?", body, yes=yes, no=no):
            return None
        return CANCELED[await self.service.cancel(self.worker_id, schedule.schedule_id)]


class ScheduleQuestion(Dialog[str]):
    """Asks for a rule and an instruction, and shows the next run and the price while they are typed."""

    BOX_CLASSES = "dialog -limits"

    def __init__(self, access: ScheduleAccess, listing: PricedSchedules) -> None:
        super().__init__("Add a schedule")
        self._access, self._listing = access, listing

    def compose_body(self) -> ComposeResult:
        """The field, the preview and a hint."""
        yield Input(placeholder="Every 1d summarize the news")
        yield Static(Content.styled(EXAMPLES, "$text-muted"), id="schedule-preview", classes="dialog-body")
        yield Static(HINT, classes="dialog-hint")

    @on(Input.Changed)
    def _show(self, event: Input.Changed) -> None:
        access, listing = self._access, self._listing
        preview = Content.styled(EXAMPLES, "$text-muted")
        if event.value.strip():
            try:
                rule, instruction = read_request(event.value, access.now)
            except SettingsError as problem:
                preview = Content.styled(problem.text, "$text-muted")
            else:
                plan = access.plan(NewSchedule(instruction, rule), listing.listed)
                tag = price_tag(price_of(listing.typical, rule))
                preview = Content.assemble(plan, "\n", (tag, "$accent"))
        self.query_one("#schedule-preview", Static).update(preview)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            self.dismiss(None)
            return
        try:
            read_request(event.value, self._access.now)
        except SettingsError as problem:
            text = Content.styled(problem.text, "$warning")
            self.query_one("#schedule-preview", Static).update(text)
        else:
            self.dismiss(event.value.strip())


GAP: Final = "  "
MAX_RULE: Final = 24
"""Cells of the column of rules."""


def _padded(rows: Sequence[tuple[str, ...]], aligns: str) -> list[list[str]]:
    """The texts of a table, each as wide as the widest of its column. `aligns`: a sign for each column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        [f"{text:{align}{width}}" for text, align, width in zip(row, aligns, widths, strict=True)]
        for row in rows
    ]


class ScheduleRows(ItemRows[Schedule]):
    """Two lines for each schedule: next run, rule and price; then budget and instruction."""

    item_height = 2
    cursor_height = 2
    message = NO_SCHEDULES
    loaded = False

    def __init__(self) -> None:
        self._cells: list[tuple[list[str], Price]] = []
        """([next run, rule], price) of each schedule."""

    def show(self, listing: PricedSchedules) -> None:
        """Show other schedules."""
        self.loaded, self.message = True, NO_SCHEDULES
        self.items = listing.listed.schedules
        rows = [
            (
                "not known" if one.next_run is None else moment_text(one.next_run, listing.now),
                rule_text(one.rule, one.kind)[:MAX_RULE],
            )
            for one in self.items
        ]
        self._cells = list(zip(_padded(rows, "<<"), listing.prices, strict=True))

    def fail(self, text: str) -> None:
        """Show an error in place of schedules."""
        self.loaded, self.message, self.items, self._cells = True, text, (), []

    def line(self, at: int, row: int, width: int, *, here: bool) -> Content:
        """Row 0: next run, rule and price. Row 1: budget and instruction."""
        faint, money = ("", "") if here else ("$text-muted", "$accent")
        if row == 0:
            (when, rule), price = self._cells[at]
            start = Content.assemble((when, "bold"), GAP, rule, GAP)
            tag = price_tag(price)
            if start.cell_length + len(tag) > width:
                tag = short_price_tag(price)
            return Content.assemble(start, (tag, money))
        budget = clean_line(self.items[at].budget or STANDARD, 20)
        text = f"{GAP}{budget} · {clean_line(self.items[at].instruction, 300)}"
        return Content.styled(text, faint)

    def full_text(self, at: int) -> str:
        """The id of the schedule."""
        return self.items[at].schedule_id or ""


class ScheduleTable(PickList[ScheduleRows, Schedule]):
    """The list of schedules."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.LINES)
    COPIED = "the id of the schedule"


class SchedulesScreen(ListPage[ScheduleTable]):
    """Shows the schedules of a worker, adds and cancels them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.SCHEDULES, Where.SCREEN)
    NAME = "schedules"

    def __init__(self, access: ScheduleAccess) -> None:
        table = ScheduleTable(ScheduleRows(), id="schedules-list", classes="cursor-lines")
        super().__init__(table, access.interaction, access.worker_id)
        self._access = access
        self._listing: PricedSchedules | None = None
        self._summary = ""
        self._is_adding = False

    @work(group="read", exclusive=True)
    async def action_reload(self) -> None:
        """Read the schedules and their prices."""
        self._draw_title("Reading…")
        try:
            self._listing = await self._access.read()
        except HandingerError as problem:
            self._listing = None
            self.table.rows.fail(clean_line(problem.text, 600))
            self._draw_title("")
        else:
            self.table.rows.show(self._listing)
            prices = self._listing.prices
            simulated = "simulated money" if self._access.connection.limits.simulated else ""
            counted = plural(len(prices), "schedule") if prices else ""
            times = "local times" if prices else ""
            pieces = [counted, monthly_text(prices), times, simulated]
            self._draw_title(" · ".join(filter(None, pieces)))
        self.table.move_to(self.table.cursor)

    def _draw_title(self, summary: str) -> None:
        self._summary = summary
        self._put_head([Content(summary), *self._note_lines])

    @on(VirtualList.Moved)
    def _show_selected(self) -> None:
        schedule, listing = self.table.current, self._listing
        if schedule is None or listing is None:
            self._put_foot(())
            return
        listed = listing.listed
        runs = [run_text(run, listing.now) for run in runs_of(schedule, listing.now, listed.cron_zone)]
        in_zone = f", cron in {listed.zone_text}" if isinstance(schedule.rule, Cron) else ""
        self._put_foot(
            (
                Content(f"Next runs{in_zone}: {' · '.join(runs) or 'not known'}"),
                Content(price_sentences(listing.prices[self.table.cursor])),
                Content(clean_line(schedule.schedule_id or "no id", 80)),
            )
        )

    # -- keys ----------------------------------------------------------------------------------
    def action_add(self) -> None:
        """Ask for a schedule and add it."""
        if self._is_adding:
            self.say("The last schedule is still being added.")
        else:
            self._change(self._add())

    async def _add(self) -> str | None:
        chosen = await self._access.choose()
        if chosen is None:
            return None
        self._is_adding = True
        self._show_note("Adding…")
        try:
            return await self._access.add(*chosen)
        finally:
            self._is_adding = False
            self._show_note("")

    def _show_note(self, text: str) -> None:
        self._note = text
        if self.is_attached:
            self._draw_title(self._summary)

    def action_cancel(self) -> None:
        """Cancel the selected schedule after a question."""
        schedule, listing = self.table.current, self._listing
        if schedule is not None and listing is not None:
            self._change(self._access.cancel(schedule, listing.prices[self.table.cursor]))


# -- the webhook ---------------------------------------------------------------------------------
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
    interaction: Interaction
    worker_id: str
    now_ms: Callable[[], int]

    @property
    def now(self) -> datetime:
        """The present moment."""
        return moment_at(self.now_ms())

    async def read(self) -> Webhook:
        """The webhook."""
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
        self._cells = _padded(rows, "<<>")

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
