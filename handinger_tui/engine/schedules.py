"""The schedules of one worker: read, priced, added and canceled, with the words of each.

A schedule starts paid turns later: its question names its price and its next run. Who adds or cancels one
asks that question first, or wants `--yes`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from copy import copy
from datetime import datetime
from typing import Final, Protocol

from msgspec.structs import replace

from handinger_tui.core.acts import Confirmation
from handinger_tui.core.errors import ApiError, LedgerError, SettingsError
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.safety import clean_line
from handinger_tui.core.schedules import (
    STANDARD,
    UNBOUNDED,
    UNLIMITED,
    UNSTOPPED,
    Added,
    CostAt,
    Cron,
    NewSchedule,
    PricedSchedule,
    PricedSchedules,
    Schedule,
    ScheduleList,
    added_text,
    next_runs,
    price_of,
    remembered,
    rule_text,
    run_text,
    soonest_first,
)

ENDS: Final = "The local worker and its schedules end with this program. Its money is simulated."
CANCELED: Final = {
    True: "The schedule was canceled.",
    False: "The service did not cancel it. The list of schedules shows what is left.",
    None: "The service did not say whether it was canceled. The list of schedules shows it.",
}
"""The words by the answer of the service."""


BOTH: Final = (
    "Whether the old one was canceled is not clear, so both may run: /schedule lists them, x cancels one."
)


Keep = Callable[[str, Sequence[JsonObject], int], Awaitable[None]]
"""Remembers the schedules of a worker as they were read at a time. Raises LedgerError."""


def _nothing() -> None:
    """What happens when a request departs, where nobody wants to know."""


class ScheduleApi(Protocol):
    """Requests about the schedules of workers. Raises (all): ApiError."""

    async def schedules(self, worker_id: str) -> ScheduleList:
        """All schedules of a worker."""

    async def add(self, worker_id: str, schedule: NewSchedule, departed: Callable[[], None] = ...) -> Added:
        """Add a schedule with one POST. `departed()`: it may have left.

        Raises:
            Doubtful: whether it was added is not clear, also not by the list.
        """

    async def cancel(self, worker_id: str, schedule_id: str) -> bool | None:
        """Cancel a schedule; None when the service does not say whether it did."""


class WorkerSchedules:
    """The schedules of one worker. `budget`: that of new ones; `typical_cost`: that of a turn at a budget."""

    def __init__(
        self,
        api: ScheduleApi,
        worker_id: str,
        budget: str,
        typical_cost: CostAt,
        now: Callable[[], datetime],
        *,
        is_local: bool,
    ) -> None:
        self._api = api
        self.keep: Keep | None = None
        """Remembers what is read, for the runs board; None: nothing is remembered."""
        self._listed = ScheduleList()
        self.worker_id = worker_id
        self.budget = budget
        self._typical_cost = typical_cost
        self.now = now
        self._is_local = is_local

    def at(self, budget: str | None) -> WorkerSchedules:
        """The same schedules, with the budget of one of them for new ones."""
        other = copy(self)
        other.budget = budget or STANDARD
        return other

    async def read(self) -> PricedSchedules:
        """Read the schedules, and their prices from the history. Raises ApiError, LedgerError."""
        listed = soonest_first(await self._api.schedules(self.worker_id))
        await self._remember(listed)
        budgets = {self.budget, *(one.budget or STANDARD for one in listed.schedules)}
        typical = {budget: await self._typical_cost(budget) for budget in sorted(budgets)}
        priced = tuple(
            PricedSchedule(one, price_of(typical[one.budget or STANDARD], one.rule))
            for one in listed.schedules
        )
        return PricedSchedules(listed, priced, typical[self.budget], self.now())

    async def _remember(self, listed: ScheduleList) -> None:
        self._listed = listed
        # What a local worker would run ends with this program. A history that cannot be written is
        # reported where it is needed.
        if self.keep is not None and not self._is_local:
            with suppress(LedgerError):
                now = self.now()
                await self.keep(self.worker_id, remembered(listed, now), round(now.timestamp() * 1000))

    # -- adding ------------------------------------------------------------------------------------
    def question(
        self,
        schedule: NewSchedule,
        listing: PricedSchedules,
        runs: int = 1,
        old: Schedule | None = None,
    ) -> Confirmation:
        """The question before a schedule is added, which names its next runs; `old`: the one it replaces."""
        replaced = "" if old is None else f"It replaces “{clean_line(old.instruction, 200)}”, "
        pieces = [
            *([f"{replaced}{rule_text(old.rule, old.kind)}."] if old is not None else []),
            f"“{clean_line(schedule.instruction, 400)}”",
            f"{self.plan(schedule, listing.listed, runs)} The service decides when it runs.",
            listing.price_of(schedule).sentences,
            ENDS if self._is_local else UNSTOPPED,
        ]
        is_unlimited = schedule.budget == UNLIMITED
        return Confirmation(
            "Add this schedule?" if old is None else "Change this schedule?",
            "\n\n".join([*pieces, UNBOUNDED] if is_unlimited else pieces),
            "Add schedule" if old is None else "Change schedule",
            typed=UNLIMITED if is_unlimited else "",
        )

    async def add(
        self, schedule: NewSchedule, listing: PricedSchedules, departed: Callable[[], None] = _nothing
    ) -> tuple[Added, str]:
        """Add a schedule that the person agreed to; returns it and the result as a sentence.

        Raises:
            Doubtful: it may have been added.
            ApiError
        """
        added = await self._api.add(self.worker_id, schedule, departed)
        await self._remember(replace(listing.listed, schedules=(*listing.listed.schedules, added.schedule)))
        now = self.now()
        return added, added_text(added, next_runs(schedule.rule, now, listing.listed.cron_zone, 1), now)

    async def change(
        self,
        old: Schedule,
        schedule: NewSchedule,
        listing: PricedSchedules,
        departed: Callable[[], None] = _nothing,
    ) -> str:
        """Add a schedule with one POST and, once it is there, cancel the one that it replaces.

        Raises:
            Doubtful: it may have been added; the old one stays.
            ApiError: it was not added; the old one stays.
        """
        _, words = await self.add(schedule, listing, departed)
        with suppress(ApiError, SettingsError):
            if (await self.cancel(old.schedule_id))[0]:
                return f"{words} The old one was canceled."
        return f"{words} {BOTH}"

    def plan(self, schedule: NewSchedule, listed: ScheduleList, count: int = 1) -> str:
        """The rule and its next runs in sentences."""
        now = self.now()
        runs = [run_text(run, now) for run in next_runs(schedule.rule, now, listed.cron_zone, count)]
        rule = rule_text(schedule.rule)
        zone = f" in {listed.zone_text}" if isinstance(schedule.rule, Cron) else ""
        name = "Next runs" if len(runs) > 1 else "Next run"
        return f"{rule[:1].upper()}{rule[1:]}{zone}. {name}: {' · '.join(runs) or 'unknown'}, local time."

    # -- canceling ---------------------------------------------------------------------------------
    @staticmethod
    def cancel_question(one: PricedSchedule) -> Confirmation:
        """The question before a schedule is canceled."""
        schedule = one.schedule
        return Confirmation(
            "Cancel this schedule?",
            f"“{clean_line(schedule.instruction, 400)}”\n\n"
            f"{rule_text(schedule.rule, schedule.kind)}, {one.price.tag}.\n\n"
            "A run that has already started continues.",
            "Cancel schedule",
            "Keep it",
        )

    async def cancel(self, schedule_id: str | None) -> tuple[bool | None, str]:
        """Cancel a schedule; returns whether it was, and the result as a sentence.

        Raises:
            SettingsError: it has no id.
            ApiError
        """
        if schedule_id is None:
            raise SettingsError("The service gave this schedule no id.", "Cancel it in the dashboard.")
        done = await self._api.cancel(self.worker_id, schedule_id)
        left = tuple(one for one in self._listed.schedules if one.schedule_id != schedule_id)
        if done and left != self._listed.schedules:
            await self._remember(replace(self._listed, schedules=left))
        return done, CANCELED[done]
