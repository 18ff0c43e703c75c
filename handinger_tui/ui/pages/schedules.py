"""The schedules of a worker, with their next runs and prices, and the form in which one is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from handinger_tui.core.errors import Doubtful, SettingsError
from handinger_tui.core.safety import clean_line
from handinger_tui.core.schedules import (
    COLUMNS,
    EXAMPLES,
    Cron,
    NewSchedule,
    PricedSchedule,
    PricedSchedules,
    Schedule,
    read_request,
    request_text,
    run_text,
    runs_of,
    schedule_row,
)
from handinger_tui.engine.schedules import WorkerSchedules
from handinger_tui.ui.dialogs import HINT, Dialog
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages.list_page import ListPage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from handinger_tui.core.columns import Row
    from handinger_tui.ui.front import Front

NO_SCHEDULES: Final = (
    "No schedules yet. Press a to add one: the service then starts turns of this worker automatically, once "
    "or repeatedly, and each costs what a turn costs."
)
NOTHING_ADDED: Final = "Nothing was added."


async def add_schedule(
    schedules: WorkerSchedules,
    interaction: Front,
    text: str = "",
    begin: Callable[[], None] = lambda: None,
) -> str | None:
    """Add the schedule that `text` describes, "" asks for it; returns the result as a sentence.

    None where the person does not agree; once they do, `begin` is called and the request leaves.

    Raises:
        SettingsError: the text describes no schedule.
        ApiError, LedgerError
    """
    listing = await schedules.read()
    text = text or await interaction.ask(ScheduleQuestion(schedules, listing)) or ""
    if not text:
        return None
    schedule = _typed(text, schedules)
    if not await schedules.question(schedule, listing).agreed(interaction.confirm):
        return None
    begin()
    try:
        return (await schedules.add(schedule, listing))[1]
    except Doubtful as problem:
        await interaction.notice("Was it added?", f"{problem.summary}\n\n{problem.hint}")
        return problem.summary


async def change_schedule(
    schedules: WorkerSchedules, interaction: Front, old: Schedule, begin: Callable[[], None] = lambda: None
) -> str | None:
    """Ask for another rule and instruction and replace a schedule; returns the result as a sentence.

    None where the person does not agree, or changes nothing. `schedules` has the budget of the schedule.

    Raises:
        SettingsError: it cannot be changed; nothing was sent.
        ApiError, LedgerError
    """
    if old.schedule_id is None:
        raise SettingsError("The service gave this schedule no id.", "Change it in the dashboard.")
    before = request_text(old)
    listing = await schedules.read()
    text = await interaction.ask(ScheduleQuestion(schedules, listing, before)) or before
    schedule = _typed(text, schedules)
    is_same = text.strip() == before.strip()
    if is_same or not await schedules.question(schedule, listing, old=old).agreed(interaction.confirm):
        return None
    begin()
    try:
        return await schedules.change(old, schedule, listing)
    except Doubtful as problem:
        text = f"{problem.summary}\n\n{problem.hint}\n\nThe old schedule was not canceled."
        await interaction.notice("Was it added?", text)
        return problem.summary


def _typed(text: str, schedules: WorkerSchedules) -> NewSchedule:
    """The schedule that a text describes, at the budget of the page. Raises SettingsError."""
    rule, instruction = read_request(text, schedules.now())
    return NewSchedule(instruction, rule, schedules.budget)


class ScheduleQuestion(Dialog[str]):
    """Asks for a rule and an instruction, and shows the next run and the price while they are typed."""

    BOX_CLASSES = "dialog -limits"

    def __init__(self, schedules: WorkerSchedules, listing: PricedSchedules, text: str = "") -> None:
        """`text`: the request that would add the schedule that is to be changed; "": a new one."""
        super().__init__("Change the schedule" if text else "Add a schedule")
        self._schedules, self._listing, self._text = schedules, listing, text

    def compose_body(self) -> ComposeResult:
        """The field, the preview and a hint."""
        yield Input(self._text, placeholder="Every 1d summarize the news")
        yield Static(Content.styled(EXAMPLES, "$text-muted"), id="schedule-preview", classes="dialog-body")
        yield Static(HINT, classes="dialog-hint")

    @on(Input.Changed)
    def _show(self, event: Input.Changed) -> None:
        listing = self._listing
        preview = Content.styled(EXAMPLES, "$text-muted")
        if event.value.strip():
            try:
                rule, instruction = read_request(event.value, self._schedules.now())
            except SettingsError as problem:
                preview = Content.styled(problem.text, "$text-muted")
            else:
                schedule = NewSchedule(instruction, rule, self._schedules.budget)
                plan = self._schedules.plan(schedule, listing.listed)
                tag = listing.price_of(schedule).tag
                preview = Content.assemble(plan, "\n", (tag, "$accent"))
        self.query_one("#schedule-preview", Static).update(preview)

    async def keep_typed(self) -> str:
        """The rule and its instruction, as the command that would add them."""
        typed = self.query_one(Input).value.strip()
        # A change is no command: as one it would leave the old schedule.
        return "" if self._text else typed and f"/schedule {typed}"

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            self.dismiss(None)
            return
        try:
            read_request(event.value, self._schedules.now())
        except SettingsError as problem:
            text = Content.styled(problem.text, "$warning")
            self.query_one("#schedule-preview", Static).update(text)
        else:
            self.dismiss(event.value.strip())


class SchedulesScreen(ListPage[PricedSchedule]):
    """Shows the schedules of a worker, adds and cancels them."""

    BINDINGS = bindings(Where.SCHEDULES, Where.LIST, Where.SCREEN)
    NAME = "schedules"
    COLUMNS = COLUMNS
    NEEDS_ITEM = frozenset({"cancel", "change"})
    empty = NO_SCHEDULES

    def __init__(self, schedules: WorkerSchedules, interaction: Front, *, is_simulated: bool) -> None:
        super().__init__(interaction, f"worker {schedules.worker_id}")
        self._schedules, self._is_simulated = schedules, is_simulated
        self._listing: PricedSchedules | None = None
        self._is_adding = False

    async def read(self) -> Sequence[PricedSchedule]:
        """Read the schedules and their prices."""
        self._listing = await self._schedules.read()
        return self._listing.priced

    def row(self, item: PricedSchedule) -> Row:
        """Next run, rule and price."""
        return schedule_row(item, self._schedules.now())

    def head(self) -> Iterable[str]:
        """How many there are, and what they cost together."""
        if self._listing is None or not self._listing.priced:
            return ["simulated money"] if self._is_simulated else []
        return [f"{self._listing.summary} · local times{' · simulated money' if self._is_simulated else ''}"]

    def foot(self, item: PricedSchedule) -> Iterable[str]:
        """The next runs, the price with its basis, and the id."""
        if self._listing is None:
            return []
        listed, now, schedule = self._listing.listed, self._listing.now, item.schedule
        runs = [run_text(run, now) for run in runs_of(schedule, now, listed.cron_zone)]
        in_zone = f", cron in {listed.zone_text}" if isinstance(schedule.rule, Cron) else ""
        return [
            f"Next runs{in_zone}: {' · '.join(runs) or 'not known'}",
            item.price.sentences,
            clean_line(schedule.schedule_id or "no id", 80),
        ]

    def copied(self, item: PricedSchedule) -> tuple[str, str]:
        """The id of the schedule."""
        return item.schedule.schedule_id or "", "the id of the schedule"

    # -- keys ----------------------------------------------------------------------------------
    def action_add(self) -> None:
        """Ask for a schedule and add it."""
        self._post(lambda: add_schedule(self._schedules, self._interaction, begin=self._begin))

    def action_change(self) -> None:
        """Ask for another rule or instruction, and replace the selected schedule."""
        priced = self.table.current
        if priced is not None:
            old = priced.schedule
            schedules = self._schedules.at(old.budget)
            self._post(lambda: change_schedule(schedules, self._interaction, old, self._begin))

    def _post(self, work: Callable[[], Awaitable[str | None]]) -> None:
        async def post() -> str | None:
            try:
                return await work()
            finally:
                self._is_adding = False

        if self._is_adding:
            self.say("The last schedule is still being added.")
        else:
            self.change(post())

    def _begin(self) -> None:
        self._is_adding = True
        if self.is_attached:
            self.draw_title("Adding…")

    def action_cancel(self) -> None:
        """Cancel the selected schedule after a question."""
        if self.table.current is not None:
            self.change(self._cancel(self.table.current))

    async def _cancel(self, priced: PricedSchedule) -> str | None:
        schedule_id, question = priced.schedule.schedule_id, self._schedules.cancel_question(priced)
        if schedule_id is not None and not await question.agreed(self._interaction.confirm):
            return None
        return (await self._schedules.cancel(schedule_id))[1]
