"""The schedules of a worker, with their next runs and prices.

A schedule starts paid turns later: nothing is added without a question that names its price and its next run.
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
from handinger_tui.ui.dialogs import HINT, Dialog
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages import GAP, ListPage, padded_columns
from handinger_tui.ui.widgets.virtual_list import ItemRows, PickList, VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from handinger_tui.ui.front import Front
    from handinger_tui.ui.ports import Connection, Schedules

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
    interaction: Front
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
            ENDS if self.connection.account.local else UNSTOPPED,
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


MAX_RULE: Final = 24
"""Cells of the column of rules."""


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
        self._cells = list(zip(padded_columns(rows, "<<"), listing.prices, strict=True))

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
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a schedule there is nothing to cancel."""
        return action != "cancel" or self.table.current is not None

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
