"""Schedules of a worker: the typed requests, the times of the runs, and their probable cost.

The service decides when a schedule runs; the times computed here are estimates. `zone`: the time zone in
which times are typed and shown; None: that of this machine.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from itertools import islice, takewhile
from typing import Final

from cronsim import CronSim, CronSimError
from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.columns import Column, Row, Tone
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.formatting import moment_text, plural
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.money.price import Price
from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.safety import clean_line

MAX_SECONDS: Final = 31_536_000
"""The longest delay or interval: one year."""
MAX_CRON: Final = 200
"""Characters of a cron expression."""
CRON_FIELDS: Final = 5
NEXT_RUNS: Final = 3
"""How many runs of a schedule are shown."""
MONTH_S: Final = 30 * 86_400
"""Seconds in the month of a price: 30 days."""
SAME_TIME: Final = timedelta(minutes=1)
STANDARD: Final = "standard"
"""The budget of a schedule without one."""
EXAMPLES: Final = (
    "Examples: every 1d REPORT · in 2h REPORT · at 2027-01-15 09:00 REPORT · cron 0 9 * * 1-5 REPORT"
)


UNLIMITED: Final = "unlimited"
"""The budget without a cap, which a schedule gets only after this word was typed."""
UNBOUNDED: Final = "There is no spending cap at unlimited that we know of."
UNSTOPPED: Final = "Runs start automatically, even while this program is closed. Its limits do not stop them."


class At(Struct, frozen=True):
    """Once, at a moment with a time zone."""

    moment: datetime


class After(Struct, frozen=True):
    """Once, after a delay."""

    seconds: int


class Every(Struct, frozen=True):
    """Repeatedly, at an interval."""

    seconds: int


class Cron(Struct, frozen=True):
    """At the times of a cron expression with five fields, in the time zone of the service."""

    expression: str


Rule = At | After | Every | Cron


class NewSchedule(Struct, frozen=True):
    """A schedule to add."""

    instruction: str
    rule: Rule
    budget: str = STANDARD


class Schedule(Struct, frozen=True):
    """A schedule as the service lists it; missing members are None. Its texts are not clean.

    `kind`: the service's word for the kind of rule. `rule`: None if it cannot be read.
    """

    schedule_id: str | None = None
    instruction: str = ""
    budget: str | None = None
    kind: str | None = None
    rule: Rule | None = None
    next_run: datetime | None = None


class ScheduleList(Struct, frozen=True):
    """The schedules of a worker, and the time zone of its cron expressions.

    `zone`: None if the service names none, or none that this machine has; then UTC is assumed.
    """

    schedules: tuple[Schedule, ...] = ()
    zone_name: str | None = None
    zone: tzinfo | None = None

    @property
    def cron_zone(self) -> tzinfo:
        """The time zone in which cron expressions are computed."""
        return self.zone or UTC

    @property
    def zone_text(self) -> str:
        """The name of this zone; "UTC (assumed)" if the service names none."""
        name = clean_line(self.zone_name or "", 60)
        if self.zone is not None:
            return name
        return f"UTC (assumed: {name} is not on this computer)" if name else "UTC (assumed)"


class PricedSchedule(Struct, frozen=True):
    schedule: Schedule
    price: Price


class PricedSchedules(Struct, frozen=True):
    """The schedules as read at a moment, the next one first; `typical`: a turn at the budget of new ones."""

    listed: ScheduleList
    priced: tuple[PricedSchedule, ...]
    typical: TypicalCost
    now: datetime

    def price_of(self, schedule: NewSchedule) -> Price:
        """The price of a schedule that is not added yet."""
        return price_of(self.typical, schedule.rule)

    @property
    def summary(self) -> str:
        """How many there are, and what they cost a month."""
        prices = [one.price for one in self.priced]
        return " · ".join(filter(None, [plural(len(prices), "schedule"), Price.monthly_text(prices)]))


class Added(Struct, frozen=True):
    """A schedule that was added. `from_list`: the answer was lost, but the list shows the schedule."""

    schedule: Schedule
    from_list: bool = False


# -- typed requests --------------------------------------------------------------------------
_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_SPAN: Final = re.compile("".join(f"(?:([0-9]{{1,9}}){letter})?" for letter in _UNITS))
_NAMED: Final = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_MOMENT: Final = re.compile(
    r"(?:([0-9]{4}-[0-9]{2}-[0-9]{2})[ T])?([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)(Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}\S*")


def read_span(text: str) -> int:
    """The seconds of a duration: "90", "90s", "15m", "1h30m", "1d", "hour". Raises SettingsError."""
    word = text.strip().lower()
    match = _SPAN.fullmatch(word)
    if word in _NAMED:
        seconds = _NAMED[word]
    elif word.isdecimal() and word.isascii():
        seconds = int(word[:12])
    elif word and match is not None:
        seconds = sum(
            int(count or 0) * size for count, size in zip(match.groups(), _UNITS.values(), strict=True)
        )
    else:
        raise SettingsError(
            f"“{clean_line(text, 30)}” is not a duration. Nothing was sent.",
            "Use seconds, or 15m, 2h, 1d, 1w, 1h30m.",
        )
    if not 1 <= seconds <= MAX_SECONDS:
        raise SettingsError(
            "A duration must be from 1 second to 1 year (365d). Nothing was sent.", "Use another duration."
        )
    return seconds


def read_moment(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """The moment of a date and time ("2027-01-15 09:00", also with "Z" or "+01:00"), or the next "09:00".

    Raises:
        SettingsError: not a time, or a time in the past.
    """
    match = _MOMENT.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        day, time, offset = match.groups()
        local = now.astimezone(zone)
        moment = datetime.fromisoformat(
            f"{day or local.date()}T{time:0>{8 if time.count(':') > 1 else 5}}{(offset or '').upper()}"
        )
        if day is None and _in_utc(moment, zone) <= now:
            moment += timedelta(days=1)
        moment = _in_utc(moment, zone)
    except (ValueError, OverflowError, OSError):
        raise SettingsError(
            f"“{clean_line(text, 40)}” is not a date and time. Nothing was sent.",
            "Use 2027-01-15 09:00 (local time), 2027-01-15T09:00Z, or 09:00.",
        ) from None
    if moment <= now:
        raise SettingsError(
            f"{moment_text(moment, now, zone)} is in the past. Nothing was sent.", "Use a later time."
        )
    return moment


def _in_utc(moment: datetime, zone: tzinfo | None) -> datetime:
    """A moment in UTC; one without a zone is in `zone`. A time that clocks skip moves on with them."""
    # Not `astimezone` of a time without a zone: one that clocks skip would move back.
    local = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return datetime.fromtimestamp(local.timestamp(), UTC)


def read_cron(text: str, now: datetime) -> str:
    """A cron expression with five fields and at least one run. Raises SettingsError."""
    expression = " ".join(text.split())
    if not any(_cron_runs(expression, now)):
        raise SettingsError(
            f"“{clean_line(expression, 60)}” is not a cron expression of five fields. Nothing was sent.",
            "Fields: minute, hour, day of month, month, day of week. 0 9 * * 1-5 is 09:00 on weekdays.",
        )
    return expression


def read_rule(word: str, text: str, now: datetime, zone: tzinfo | None = None) -> Rule:
    """The rule that "at", "in", "every" or "cron" makes of what follows it. Raises SettingsError."""
    match word:
        case "every":
            return Every(read_span(text))
        case "in":
            return After(read_span(text))
        case "at":
            return At(read_moment(text, now, zone))
        case _:
            return Cron(read_cron(text, now))


def read_request(text: str, now: datetime, zone: tzinfo | None = None) -> tuple[Rule, str]:
    """The rule and the instruction of a request like "every 1d REPORT" or "cron 0 9 * * 1-5 REPORT".

    Raises:
        SettingsError
    """
    word, remainder = _split_word(text)
    splits = {"every": _split_word, "in": _split_word, "at": _split_moment, "cron": _split_cron}
    split = splits.get(word.lower())
    if split is None:
        raise SettingsError("A schedule starts with at, in, every or cron. Nothing was sent.", EXAMPLES)
    when, instruction = split(remainder)
    rule = read_rule(word.lower(), when, now, zone)
    if not instruction.strip():
        raise SettingsError("What should the worker do? The instruction is missing.", EXAMPLES)
    return rule, instruction.strip()


def request_text(schedule: Schedule, zone: tzinfo | None = None) -> str:
    """The request that would add a schedule as it is, to be edited in one line.

    Raises:
        SettingsError: no line says it.
    """
    match schedule.rule:
        case Every(seconds):
            when = f"every {_typed_span(seconds)}"
        case Cron(expression):
            when = f"cron {expression}"
        case At(moment):
            when = _typed_moment(moment, zone)
        case After() if schedule.next_run is not None:
            when = _typed_moment(schedule.next_run, zone)
        case _:
            when = ""
    if not when or not schedule.instruction.isprintable():
        raise SettingsError(
            "This schedule cannot be edited in one line. Nothing was changed.",
            "Add another one, then cancel it.",
        )
    return f"{when} {schedule.instruction}"


def _typed_span(seconds: int) -> str:
    unit, size = next((unit, size) for unit, size in _UNITS.items() if seconds % size == 0)
    return f"{seconds // size}{unit}"


def _typed_moment(moment: datetime, zone: tzinfo | None) -> str:
    local = moment.astimezone(zone)
    # The second of two equal times, when clocks go back, is named by its offset.
    return f"at {local:%Y-%m-%d %H:%M:%S}{f'{local:%z}' if local.fold else ''}"


def _split_word(text: str) -> tuple[str, str]:
    """The first word and the remainder."""
    word, *others = text.split(maxsplit=1) or [""]
    return word, others[0] if others else ""


def _split_moment(text: str) -> tuple[str, str]:
    first, remainder = _split_word(text)
    second, others = _split_word(remainder)
    if _DATE.fullmatch(first) and _TIME.fullmatch(second):
        return f"{first} {second}", others
    return first, remainder


def _split_cron(text: str) -> tuple[str, str]:
    """The first five words, or a quoted expression, and the remainder."""
    if text[:1] in ('"', "'"):
        expression, _, remainder = text[1:].partition(text[0])
        return expression, remainder
    words = text.split(maxsplit=CRON_FIELDS)
    return " ".join(words[:CRON_FIELDS]), " ".join(words[CRON_FIELDS:])


# -- runs --------------------------------------------------------------------------------------
def next_runs(
    rule: Rule | None, now: datetime, cron_zone: tzinfo, count: int = NEXT_RUNS
) -> tuple[datetime, ...]:
    """The next runs of a rule that is added now; () if they cannot be computed."""
    match rule:
        case At(moment):
            return (moment,)
        case After(seconds):
            return (now + timedelta(seconds=seconds),)
        case Every(seconds):
            return tuple(now + timedelta(seconds=seconds * at) for at in range(1, count + 1))
        case Cron(expression):
            return tuple(islice(_cron_runs(expression, now.astimezone(cron_zone)), count))
        case None:
            return ()


def runs_of(schedule: Schedule, now: datetime, cron_zone: tzinfo) -> tuple[datetime, ...]:
    """The next runs of a schedule: the one that the service names, then those by the rule.

    Only the first one if it does not fit the rule, since the service then uses another time zone.
    """
    first, rule = schedule.next_run, schedule.rule
    if first is None:
        return next_runs(rule, now, cron_zone) if isinstance(rule, Cron) else ()
    if isinstance(rule, Cron):
        before = next_runs(rule, first - SAME_TIME, cron_zone, 1)
        if not before or not is_same_time(before[0], first):
            return (first,)
    elif not isinstance(rule, Every):
        return (first,)
    return (first, *next_runs(rule, first, cron_zone, NEXT_RUNS - 1))


def is_same_time(one: datetime, other: datetime) -> bool:
    """Whether two moments are the same, except for the seconds, which services may omit."""
    return abs(one - other) < SAME_TIME


def _cron_runs(expression: str, after: datetime) -> Iterator[datetime]:
    """The runs of an expression after a moment; none if it cannot be read."""
    if len(expression) > MAX_CRON or len(expression.split()) != CRON_FIELDS:
        return
    try:
        yield from CronSim(expression, after)
    except (CronSimError, OverflowError):
        return


@lru_cache(maxsize=64)
def runs_per_month(rule: Rule | None) -> Decimal | None:
    """How many runs there are in 30 days, on average over a year; None for a single run, or if unknown."""
    match rule:
        case Every(seconds):
            return Decimal(MONTH_S) / seconds
        case Cron(expression):
            if len(expression) > MAX_CRON or len(expression.split()) != CRON_FIELDS:
                return None
            minute, hour, *days = expression.split()
            of_day = _count(f"{minute} {hour} * * *", 1)
            # Four years include a leap day.
            spans = ((length, _count(f"0 0 {' '.join(days)}", length)) for length in (365, 1461))
            length, run_days = next(((length, count) for length, count in spans if count), (1, 0))
            return Decimal(of_day * run_days * 30) / length
        case _:
            return None


def _count(expression: str, days: int) -> int:
    """How many runs an expression has in the first `days` days of a year."""
    start = datetime(2027, 1, 1, tzinfo=UTC)
    end = start + timedelta(days=days)
    return sum(1 for _ in takewhile(end.__gt__, _cron_runs(expression, start - timedelta(seconds=1))))


def soonest_first(listed: ScheduleList) -> ScheduleList:
    """The schedules sorted by their next run; those without one are last."""
    latest = datetime.max.replace(tzinfo=UTC)
    ordered = sorted(listed.schedules, key=lambda one: one.next_run or latest)
    return replace(listed, schedules=tuple(ordered))


REMEMBERED_RUNS: Final = 20


def remembered(listed: ScheduleList, now: datetime) -> list[JsonObject]:
    """What the runs board needs of schedules that were read: the times of their next runs, for a while."""
    objects: list[JsonObject] = []
    for one in listed.schedules:
        runs = runs_of(one, now, listed.cron_zone)
        if runs and isinstance(one.rule, Cron):
            runs = (*runs[:1], *next_runs(one.rule, runs[0], listed.cron_zone, REMEMBERED_RUNS))
        objects.append(
            {
                "id": clean_line(one.schedule_id or "", 80),
                "instruction": clean_line(one.instruction, 200),
                "budget": clean_line(one.budget or STANDARD, 20),
                "rule": rule_text(one.rule, one.kind),
                "every_ms": one.rule.seconds * 1000 if isinstance(one.rule, Every) else None,
                "runs": [round(run.timestamp() * 1000) for run in runs],
            }
        )
    return objects


# -- price ---------------------------------------------------------------------------------------
CostAt = Callable[[str], Awaitable[TypicalCost]]
"""Reads the typical cost of a turn at a budget."""


def price_of(typical: TypicalCost, rule: Rule | None) -> Price:
    """The price of a rule at a typical cost."""
    return Price(typical, runs_per_month(rule), isinstance(rule, At | After))


# -- the list ------------------------------------------------------------------------------------
COLUMNS: Final = (
    Column("Next run", style=Tone.STRONG),
    Column("Rule", least=9, most=24),
    Column("Price", style=Tone.MONEY),
    Column("ID", rank=5, style=Tone.FAINT, ids=True),
)


def schedule_row(priced: PricedSchedule, now: datetime) -> Row:
    """Next run, rule, price and id; below budget and instruction."""
    schedule, run = priced.schedule, priced.schedule.next_run
    budget, instruction = schedule.budget or STANDARD, clean_line(schedule.instruction, 300)
    price = priced.price
    costs = price.of_run.median if price.per_month is None else price.per_month
    values = {0: None if run is None else int(run.timestamp()), 2: costs}
    return Row(
        (
            "not known" if run is None else moment_text(run, now),
            rule_text(schedule.rule, schedule.kind),
            price.tag,
            clean_line(schedule.schedule_id or "", 80),
        ),
        f"{clean_line(budget, 20)} · {instruction}",
        briefs={2: price.short_tag},
        values={at: value for at, value in values.items() if value is not None},
    )


# -- texts ---------------------------------------------------------------------------------------
_SPANS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def span_text(seconds: int) -> str:
    """5400 → "1 h 30 min", 86400 → "1 d"."""
    pieces = []
    for name, size in _SPANS:
        count, seconds = divmod(seconds, size)
        if count:
            pieces.append(f"{count} {name}")
    return " ".join(pieces) or "0 s"


def rule_text(rule: Rule | None, kind: str | None = None) -> str:
    """A rule in a few words: "once", "every 1 d", "cron 0 9 * * 1-5"; without one, the service's word."""
    match rule:
        case Every(seconds):
            return f"every {span_text(seconds)}"
        case Cron(expression):
            return f"cron {clean_line(expression, 40)}"
        case At() | After():
            return "once"
        case None:
            return clean_line(kind or "", 20) or "unknown rule"


def until_text(moment: datetime, now: datetime) -> str:
    """The time until a moment: "in 45 s", "in 3 h", "in 12 d"; "now" for a moment in the past."""
    seconds = int((moment - now).total_seconds())
    if seconds <= 0:
        return "now"
    name, size = next((name, size) for name, size in _SPANS if seconds >= size)
    return f"in {seconds // size} {name}"


def run_text(moment: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """A moment and the time until it: "Sat Nov 28, 09:00 (in 3 h)"."""
    return f"{moment_text(moment, now, zone)} ({until_text(moment, now)})"


def added_text(added: Added, computed: Sequence[datetime], now: datetime, zone: tzinfo | None = None) -> str:
    """Sentences on an added schedule, with a note if the service plans another time than `computed`."""
    lost = "The answer was lost, but the list shows the schedule: it was added once."
    text, run = lost if added.from_list else "Added.", added.schedule.next_run
    if run is None:
        return text
    text = f"{text} Next run: {run_text(run, now, zone)}."
    # The request took some time.
    if computed and abs(run - computed[0]) >= 3 * SAME_TIME:
        return f"{text} The service chose this time; {moment_text(computed[0], now, zone)} was expected."
    return text
