"""The runs board: the newest run of each session, what needs the person, and the order in which both stand.

Everything here is what the history of this computer has: no service lists its workers. Times are Unix
milliseconds, texts are not clean until they are in a row or a sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from functools import reduce
from operator import add
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.columns import Align, Column, Row, Tone, with_signs
from handinger_tui.core.decimals import EXACT, exact_sum, json_amount
from handinger_tui.core.documents import Amount, Document, Part, members
from handinger_tui.core.formatting import ago, duration, local_time, moment_text, one_unit, plural, utc_text
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.session import LOCAL, Service, Session
from handinger_tui.core.turns.turn import (
    LIVE,
    STATUS_WORDS,
    UNENDED,
    ErrorKind,
    Fault,
    ReasoningPart,
    TextPart,
    ToolPart,
    Trigger,
    Turn,
    TurnStatus,
)
from handinger_tui.core.webhooks import WebhookReading

SILENT_MS: Final = 600_000
"""The same for the time without an event, where it is not known how long its turns usually take."""
LEAST_SILENT_MS: Final = 60_000
"""No silence is reported that is shorter than this."""
FRESH_MS: Final = 120_000
"""A run that only readings show counts as running for so long after one: twice their interval."""
CERTAIN_MS: Final = 15_000
"""A run that is followed by readings is at work for so long after an event; then it is being checked."""
AGE_STEP_S: Final = 10
"""Seconds between two words for an age in its first minute: a row that counts seconds is never calm."""
SNOOZE_MS: Final = 3_600_000
"""How long a snoozed run needs nothing."""
SIMULATED: Final = " simulated"
"""Follows an amount of the local worker."""
NO_STOP: Final = "No stop key: the service has no request that stops a run. The dashboard may stop it."

_STARTED_BY: Final = {
    Trigger.APP: "app",
    Trigger.HEADLESS: "script",
    Trigger.ELSEWHERE: "elsewhere",
    Trigger.API: "another program",
    Trigger.EMAIL: "email",
    Trigger.SCHEDULE: "schedule",
    Trigger.DASHBOARD: "dashboard",
    Trigger.UNKNOWN: "",
}


class Section(StrEnum):
    """The sections of the board, in order."""

    NEEDS = "needs you"
    RUNNING = "running"
    ENDED = "unread"
    """It ended, and the person has not seen that."""
    NEXT = "next"
    """A schedule."""
    QUIET = "quiet"


_ORDER: Final = {section: at for at, section in enumerate(Section)}


class Reason(StrEnum):
    """Why something needs the person; the first of several names the state of a row."""

    DOUBT = "delivery unknown"
    KEY = "key refused"
    FAILED = "failed"
    LIMIT = "limit reached"
    HELD = "queue held"
    COST = "unusual cost"
    SILENT = "silent"
    UNASSIGNED = "unassigned cost"
    WEBHOOK = "webhook failing"
    SCHEDULE = "over a limit"


_RANKS: Final = {reason: at for at, reason in enumerate(Reason)}


class Need(Struct, frozen=True, gc=False):
    """One reason, and the act that settles it. `key`: that of its row; "" where it belongs to none."""

    reason: Reason
    text: str
    act: str
    key: str = ""
    command: str = ""
    """What to type in a shell instead, where that does not open the session."""

    @property
    def shell_act(self) -> str:
        """The act in a shell, which has no keys of the board."""
        if self.command:
            return self.command
        if not self.key or self.reason in _NO_KEYS:
            return self.act
        return f"handinger-tui --resume {clean_line(self.key, 80)} opens it; nothing is sent by that."


_NO_KEYS: Final = frozenset({Reason.KEY, Reason.LIMIT, Reason.SCHEDULE})
"""Reasons whose act is no key of the board."""


class ReachedLimit(Struct, frozen=True):
    """A limit that is reached, or would be crossed, as a sentence, and how to raise it."""

    text: str
    raise_hint: str
    is_today: bool = False
    """Its amount is the one that `Board.today` has."""


class Usual(Struct, frozen=True, gc=False):
    """What the turns of a worker at a budget usually cost and take, where there are enough of them.

    `bar`: a cost above it is unusual. `high_ms`: nine of ten take less.
    """

    unit: Unit = Unit.USD
    median: Decimal | None = None
    bar: Decimal | None = None
    high_ms: int | None = None


class SessionRun(Struct, frozen=True, gc=False):
    """The newest run of a session; `status` None: the session has none yet."""

    session_id: str
    title: str = ""
    project: str = ""
    base_url: str = ""
    generation: str = "workers"
    worker_id: str | None = None
    url: str | None = None
    """The address that the service names for it."""
    status: TurnStatus | None = None
    watched: bool = False
    """A program that runs on this computer works on it."""
    trigger: Trigger = Trigger.UNKNOWN
    fault: Fault | None = None
    began_ms: int = 0
    ended_ms: int | None = None
    took_ms: int | None = None
    """What its receipt says, once it has ended."""
    event_ms: int | None = None
    """The last event that was received; of one that nothing watches, the last reading."""
    alive: bool = False
    """Its local worker still runs: so does the program that left it running."""
    activity: str = ""
    """What that event was, or what the worker says that it does."""
    usd: Total = Total(None)
    credits: Total = Total(None)
    priced: Decimal | None = None
    """What its credits cost at the person's price."""
    usual: Usual = Usual()
    left: str = ""
    """What is left of the nearest limit."""
    reached: ReachedLimit | None = None
    """A limit of its own that is reached."""
    files: int = 0
    sources: int = 0
    waiting: int = 0
    """Queued messages."""
    held: bool = False
    unassigned: Total | None = None
    """What no turn explains of the cost of its worker, and the person has not seen."""
    webhook: WebhookReading | None = None
    """That of its worker, where it fails."""
    unread: bool = False
    pinned: bool = False
    snoozed_ms: int = 0
    """Until when it needs nothing."""

    @property
    def key(self) -> str:
        """What tells it from other rows."""
        return self.session_id

    @property
    def service(self) -> Service:
        """The service that runs it."""
        return Service(self.base_url, self.generation)

    @property
    def simulated(self) -> bool:
        """Whether its money is that of the local worker."""
        return self.base_url == LOCAL

    @property
    def under_way(self) -> bool:
        """Whether it runs as far as is known. What a local worker ran ended with its program."""
        if self.status is TurnStatus.RUNNING:
            return self.alive or not self.simulated
        is_live = self.status in LIVE and self.status is not TurnStatus.QUEUED
        return is_live and (self.watched or not self.simulated)

    @property
    def cost(self) -> str:
        """What it cost so far, in words."""
        return self.usd.cost_words(self.credits, self.priced)

    @property
    def amount(self) -> Decimal | None:
        """Its amount in the unit of `usual`."""
        return self.usd.value if self.usual.unit is Unit.USD else self.credits.value

    @property
    def times_usual(self) -> str:
        """How many times the median it cost: "3.1"; "" where one of both is unknown."""
        if self.amount is None or not self.usual.median:
            return ""
        times = EXACT.divide(self.amount, self.usual.median)
        return f"{times.quantize(Decimal('0.1'), ROUND_HALF_EVEN):,f}"

    @property
    def is_runaway(self) -> bool:
        """Whether it cost unusually much, see `prediction.unusual_above`."""
        bar = self.usual.bar
        amount = None if bar is None else self.amount
        return amount is not None and bar is not None and amount > bar

    def is_silent(self, now_ms: int) -> bool:
        """Whether nothing was received for longer than its turns usually take as a whole."""
        if not (self.watched and self.under_way) or self.event_ms is None:
            return False
        usual = SILENT_MS if self.usual.high_ms is None else max(LEAST_SILENT_MS, self.usual.high_ms)
        return now_ms - self.event_ms > usual

    def is_fresh(self, now_ms: int) -> bool:
        """Whether its state can be relied on: it is watched, or was read a short time ago."""
        return self.watched or (self.event_ms is not None and now_ms - self.event_ms <= FRESH_MS)

    def word(self, now_ms: int) -> str:
        """Its state in a word, without what it needs."""
        if self.status is None:
            return "empty"
        if not self.under_way and self.status in UNENDED:
            return STATUS_WORDS[TurnStatus.INCOMPLETE]
        if self.under_way and not self.watched:
            return STATUS_WORDS[TurnStatus.RUNNING] if self.is_fresh(now_ms) else "was running"
        is_certain = self.event_ms is not None and now_ms - self.event_ms <= CERTAIN_MS
        if self.status is TurnStatus.CHECKING and is_certain:
            # It is followed by readings, and the last one showed it at work.
            return STATUS_WORDS[TurnStatus.ACCEPTED]
        return STATUS_WORDS[self.status]

    def event_text(self, now_ms: int) -> str:
        """The last event with its age: "web_search, 40 s ago"; "as of 3 h ago" where that is old."""
        if self.event_ms is None:
            return ""
        age = ago(self.event_ms, now_ms, AGE_STEP_S)
        if self.under_way and not self.watched:
            return f"read {age}" if self.is_fresh(now_ms) else f"as of {age}"
        activity = clean_line(self.activity, 24) if self.under_way else ""
        return f"{activity}, {age}" if activity else age


class PlannedRun(Struct, frozen=True):
    """The next run of a schedule, as it was read at `read_ms`. `over`: the limit that it would cross."""

    schedule_id: str
    worker_id: str
    title: str
    next_ms: int
    rule: str = ""
    price: str = ""
    over: ReachedLimit | None = None
    base_url: str = ""
    session_id: str = ""
    """The newest session of its worker; "" without one."""
    read_ms: int = 0

    @property
    def key(self) -> str:
        """What tells it from other rows."""
        return f"schedule {self.worker_id} {self.schedule_id}"

    @property
    def pinned(self) -> bool:
        """No schedule is pinned."""
        return False


Entry = SessionRun | PlannedRun


class Board(Struct, frozen=True):
    """All that is known, as read from the history at one moment."""

    runs: tuple[SessionRun, ...] = ()
    planned: tuple[PlannedRun, ...] = ()
    limits: tuple[ReachedLimit, ...] = ()
    webhooks: tuple[WebhookReading, ...] = ()
    """Those that are known, whether they fail or not."""
    today: str = ""
    """What was spent today, of the daily limit if there is one."""
    simulated: bool = False
    """That is money of the local worker."""
    others: int = 0
    """Sessions that are not in `runs`: they are quiet."""

    def needs(self, now_ms: int) -> tuple[Need, ...]:
        """Everything that needs the person. Its length is the count that is shown anywhere."""
        # Most of many runs need nothing, and have no place among those that do.
        waiting = _in_order(one for one in self._with_needs(now_ms) if one[1])
        own = (need for _, needs in waiting for need in needs)
        return (*own, *self.needs_without_row(now_ms))

    def needs_without_row(self, now_ms: int) -> Iterator[Need]:
        """What needs the person and belongs to no row."""
        for limit in self.limits:
            yield Need(Reason.LIMIT, limit.text, limit.raise_hint)
        for one in self.webhooks:
            if one.failed.count and not one.session_id:
                yield _failing(one, now_ms)

    def quiet(self, now_ms: int) -> int:
        """How many sessions need nothing and have nothing new."""
        return self._counts(self._with_needs(now_ms))[Section.QUIET]

    def _with_needs(self, now_ms: int) -> list[tuple[Entry, Sequence[Need]]]:
        entries: list[Entry] = [*self.runs, *self.planned]
        return [(entry, needs_of(entry, now_ms)) for entry in entries]

    def _counts(self, entries: Iterable[tuple[Entry, Sequence[Need]]]) -> Counter[Section]:
        """How many sessions each section has."""
        counts = Counter(_section(*one) for one in entries if isinstance(one[0], SessionRun))
        counts[Section.QUIET] += self.others
        return counts

    def entries(self, now_ms: int) -> list[Entry]:
        """The rows in their order: by section, pinned ones first, and by start, the newest first."""
        return [entry for entry, _ in _in_order(self._with_needs(now_ms))]

    def elsewhere(self, session_id: str) -> tuple[int, str]:
        """How many sessions but this one run, and what they took so far, in the words of `head`."""
        runs = [run for run in self.runs if run.under_way and run.session_id != session_id]
        return len(runs), " · ".join(self._cost_of(runs))

    def _cost_of(self, runs: Sequence[SessionRun]) -> list[str]:
        return running_cost(runs, is_noted=bool(self.simulated and self.today))

    def head(self, now_ms: int) -> str:
        """The counts and amounts in one line: "1 needs you · 3 running · $0.31 so far · today $2.10"."""
        return _joined(self._facts(now_ms))

    def head_lines(self, now_ms: int, width: int) -> list[str]:
        """The same in `width` cells: what says least is left out, then the amounts have a line of their own.

        No amount is cut or written shorter: a sign beside a word reads like an omission.
        """
        facts = self._facts(now_ms)
        needs_nothing = facts["needs"] == NEEDS_NOTHING
        least = ("quiet", "needs" if needs_nothing else "unread", "cost", "unread", "today")
        for count in range(3 if needs_nothing else 2):
            line = _joined(facts, without=least[:count])
            if len(line) <= width:
                return [line]
        lines: list[str] = []
        for count in range(len(least) + 1):
            counts = _joined(facts, without=(*least[:count], *_AMOUNTS))
            amounts = _joined({name: facts[name] for name in _AMOUNTS}, without=least[:count])
            lines = [counts, *([amounts] if amounts else [])]
            if max(map(len, lines)) <= width:
                break
        return lines

    def _facts(self, now_ms: int) -> dict[str, str]:
        """What the head says, by name, in its order."""
        entries = self._with_needs(now_ms)
        count = sum(len(needs) for _, needs in entries) + sum(1 for _ in self.needs_without_row(now_ms))
        running = [run for run in self.runs if run.under_way]
        counts = self._counts(entries)
        unread, quiet = counts[Section.ENDED], counts[Section.QUIET]
        # A limit of the day that is reached says it, in a line of its own.
        is_repeated = any(one.is_today for one in self.limits)
        today = f"today {self.today}{SIMULATED if self.simulated else ''}"
        return {
            "needs": needs_words(count) or NEEDS_NOTHING,
            "running": f"{len(running):,} running",
            "cost": " · ".join(self._cost_of(running)),
            "unread": f"{unread:,} unread" if unread else "",
            "today": today if self.today and not is_repeated else "",
            "quiet": f"{quiet:,} quiet" if quiet else "",
        }


NEEDS_NOTHING: Final = "nothing needs you"
_AMOUNTS: Final = ("cost", "today")


def _joined(facts: Mapping[str, str], *, without: Collection[str] = ()) -> str:
    return " · ".join(text for name, text in facts.items() if text and name not in without)


def needs_words(count: int) -> str:
    """The count for people: "1 needs you", "3 need you"; "" for none."""
    return f"{count:,} {'needs' if count == 1 else 'need'} you" if count else ""


def running_cost(running: Sequence[SessionRun], *, is_noted: bool = False) -> list[str]:
    """What the runs under way cost together; simulated money by itself.

    `is_noted`: that money is simulated stands beside it, and is not said again where all of it is.
    """
    words, is_all = [], is_noted and all(run.simulated for run in running)
    for simulated, note in ((False, ""), (True, "" if is_all else SIMULATED)):
        runs = [run for run in running if run.simulated is simulated]
        usd, credited = (reduce(add, amounts) for amounts in _amounts(runs)) if runs else (None, None)
        if usd is not None and credited is not None:
            is_unknown = usd.value is None and credited.value is None
            cost = usd.cost_words(credited, _priced(runs))
            words.append(f"{'cost ' if is_unknown else ''}{cost}{note}")
    return words


def _priced(runs: Sequence[SessionRun]) -> Decimal | None:
    """What their credits cost at the person's prices; None where one of them has none."""
    priced = [run.priced for run in runs if run.credits.value is not None]
    return exact_sum(one for one in priced if one is not None) if priced and None not in priced else None


def _amounts(runs: Sequence[SessionRun]) -> tuple[list[Total], list[Total]]:
    return [run.usd for run in runs], [run.credits for run in runs]


# -- what needs the person -----------------------------------------------------------------------
_REFUSED_KEY: Final = frozenset({ErrorKind.AUTH, ErrorKind.FORBIDDEN})
_FAILED: Final = frozenset({TurnStatus.FAILED, TurnStatus.REJECTED})


def needs_of(entry: Entry, now_ms: int) -> tuple[Need, ...]:
    """Why a row needs the person; () while it is snoozed. What the person has read needs nothing."""
    if isinstance(entry, PlannedRun):
        over = entry.over
        return () if over is None else (Need(Reason.SCHEDULE, over.text, over.raise_hint, entry.key),)
    if entry.snoozed_ms > now_ms:
        return ()
    needs = [*_while_running(entry, now_ms), *_standing(entry, now_ms)]
    if entry.unread:
        needs += _after_the_end(entry)
    return tuple(sorted(needs, key=lambda need: _RANKS[need.reason]) if len(needs) > 1 else needs)


def _after_the_end(run: SessionRun) -> Iterable[Need]:
    """Of one that is unread."""
    fault = clean_line("" if run.fault is None else run.fault.message, 200)
    if run.status is TurnStatus.UNKNOWN:
        text = "It is not known whether the message arrived, so it may have been charged."
        yield Need(Reason.DOUBT, text, "Enter opens it, /attach reads its worker again (free).", run.key)
    elif run.status in _FAILED and run.fault is not None and run.fault.kind in _REFUSED_KEY:
        yield Need(Reason.KEY, fault, "Check the key: handinger-tui doctor.", run.key)
    elif run.status in _FAILED:
        yield Need(Reason.FAILED, fault or "The run failed.", "Enter opens it; u marks it as read.", run.key)


def _while_running(run: SessionRun, now_ms: int) -> Iterable[Need]:
    if run.is_runaway and (run.under_way or run.unread) and run.usual.median is not None:
        usually = Total(run.usual.median).about(run.usual.unit)
        text = f"{run.cost}: its turns usually cost about {usually}."
        stop = "o opens its dashboard, which may stop it; " if run.url else "the dashboard may stop it; "
        act = f"Enter opens it; {stop}z snoozes it." if run.under_way else "Enter opens it."
        yield Need(Reason.COST, text, act, run.key)
    if run.is_silent(now_ms):
        silence = one_unit((now_ms - (run.event_ms or now_ms)) // 1000)
        usual = run.usual.high_ms
        usually = "" if usual is None else f" Nine of ten of its turns are over in {duration(usual)}."
        text = f"No event for {silence}.{usually}"
        yield Need(Reason.SILENT, text, "Enter opens it; w stops watching it.", run.key)


def _standing(run: SessionRun, now_ms: int) -> Iterable[Need]:
    if run.reached is not None:
        yield Need(Reason.LIMIT, run.reached.text, run.reached.raise_hint, run.key)
    if run.held and run.waiting:
        wait = "waits" if run.waiting == 1 else "wait"
        text = f"{plural(run.waiting, 'queued message')} {wait} until you send {_them(run.waiting)}."
        yield Need(Reason.HELD, text, "Enter opens it; nothing is sent by that.", run.key)
    if run.unassigned is not None:
        words = run.unassigned.words()
        text = f"{words} of its worker belongs to no turn here."
        yield Need(
            Reason.UNASSIGNED,
            text[:1].upper() + text[1:],
            "Enter opens it, and /attach there reads what others sent (free); F9 assigns it to a turn; "
            "u marks it as read.",
            run.key,
        )
    if run.webhook is not None:
        yield _failing(run.webhook, now_ms)


def _failing(webhook: WebhookReading, now_ms: int) -> Need:
    listing = f"handinger-tui webhook deliveries {clean_line(webhook.worker_id, 80)} lists them (free)."
    act = "h lists them, and changes the address (free)." if webhook.session_id else listing
    return Need(Reason.WEBHOOK, webhook.failing_text(now_ms), act, webhook.session_id, listing)


class Runaways:
    """Remembers which runs were found to cost far more than usual: each rings once."""

    def __init__(self) -> None:
        self._rung: set[tuple[str, int]] = set()

    def take_new(self, board: Board, now_ms: int) -> list[tuple[SessionRun, Need]]:
        """Runs under way that need the person because of their cost, and did not before."""
        new = []
        for run in board.runs:
            is_new = run.is_runaway and run.under_way and (run.key, run.began_ms) not in self._rung
            for need in needs_of(run, now_ms) if is_new else ():
                if need.reason is Reason.COST:
                    self._rung.add((run.key, run.began_ms))
                    new.append((run, need))
        return new


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


# -- sections and order --------------------------------------------------------------------------
def section_of(entry: Entry, now_ms: int) -> Section:
    """The section of a row."""
    return _section(entry, needs_of(entry, now_ms))


def _section(entry: Entry, needs: Sequence[Need]) -> Section:
    if needs:
        return Section.NEEDS
    if isinstance(entry, PlannedRun):
        return Section.NEXT
    if entry.under_way:
        return Section.RUNNING
    return Section.ENDED if entry.unread and entry.status is not None else Section.QUIET


def _place(entry: Entry, needs: Sequence[Need]) -> tuple[int, bool, int, str]:
    # A schedule has its next run before it: the soonest one comes first.
    start = entry.next_ms if isinstance(entry, PlannedRun) else -entry.began_ms
    return _ORDER[_section(entry, needs)], not entry.pinned, start, entry.key


def _in_order(entries: Iterable[tuple[Entry, Sequence[Need]]]) -> list[tuple[Entry, Sequence[Need]]]:
    return sorted(entries, key=lambda one: _place(*one))


def in_place(shown: Sequence[str], entries: Sequence[Entry]) -> list[Entry]:
    """The rows where they stand already (`shown`: their keys), and new ones behind them.

    A row that is looked at or acted on never moves: its words change, and the person sorts when it suits.
    """
    by_key = {entry.key: entry for entry in entries}
    before = [by_key.pop(key) for key in shown if key in by_key]
    return [*before, *by_key.values()]


def with_session(run: SessionRun, session: Session, *, held: bool) -> SessionRun:
    """The run with what only memory knows: what the worker does, and whether its queue is held."""
    turn = next((turn for turn in reversed(session.turns) if turn.live and turn.sent_ms), None)
    activity = "" if turn is None else activity_of(turn)
    return replace(run, activity=activity, held=held, alive=session.unwatched is not None)


def activity_of(turn: Turn) -> str:
    """What a worker does: in its own words, or the newest part of its answer."""
    if turn.activity:
        return turn.activity
    match turn.parts[-1] if turn.parts else None:
        case ToolPart(name=name):
            return name
        case TextPart():
            return "text"
        case ReasoningPart():
            return "reasoning"
        case FilePart():
            return "file"
        case SourcePart():
            return "source"
        case _:
            return ""


# -- rows ----------------------------------------------------------------------------------------
COLUMNS: Final = (
    Column(),
    Column("Section", rank=4, style=Tone.FAINT),
    Column("State", close=True),
    Column("Title", least=10, fill=True),
    Column("Project", rank=6, style=Tone.FAINT),
    Column("Last event", rank=1, style=Tone.FAINT),
    Column("Time", Align.RIGHT, rank=5),
    Column("Cost", Align.POINT, style=Tone.MONEY),
    Column("Usual", Align.RIGHT, rank=3),
    Column("New", rank=7, style=Tone.FAINT),
    Column("Started by", rank=8, style=Tone.FAINT),
)
"""The sign of the section comes first."""
_SIGNS: Final = {
    Section.NEEDS: ("!", "$error"),
    Section.RUNNING: ("●", "$primary"),
    Section.ENDED: ("○", "$success"),
    Section.NEXT: ("◷", "$text-muted"),
    Section.QUIET: ("·", "$text-muted"),
}


def board_row(entry: Entry, now_ms: int) -> Row:
    """The row of a run or a schedule."""
    needs = needs_of(entry, now_ms)
    section = _section(entry, needs)
    sign, style = _SIGNS[section]
    if isinstance(entry, PlannedRun):
        state = needs[0].reason if needs else _in_time(entry.next_ms, now_ms)
        title = clean_line(entry.title, 200)
        read = f"read {ago(entry.read_ms, now_ms, AGE_STEP_S)}"
        cells = (sign, section, state, title, "", read, "", entry.price)
        briefs = {7: with_signs(entry.price)}
        return Row((*cells, "", "", "schedule"), styles={0: style, 2: style}, briefs=briefs)
    word = needs[0].reason if needs else entry.word(now_ms)
    snoozed = " (snoozed)" if entry.snoozed_ms > now_ms else ""
    times = entry.times_usual
    cost = "" if entry.status is None else f"{entry.cost} {'sim.' if entry.simulated else ''}".rstrip()
    return Row(
        (
            sign,
            section,
            f"{word}{snoozed}",
            f"{'★ ' if entry.pinned else ''}{clean_line(entry.title, 200) or 'Untitled'}",
            clean_line(entry.project, 40),
            entry.event_text(now_ms),
            _time_text(entry, now_ms),
            cost,
            f"{times}×" if times else "",
            new_words(entry),
            _STARTED_BY[entry.trigger],
        ),
        styles={0: style, 2: style, 3: Tone.STRONG if entry.unread else Tone.PLAIN},
        briefs={7: with_signs(cost)},
    )


def _time_text(run: SessionRun, now_ms: int) -> str:
    """How long it has been running, or took."""
    if run.took_ms is not None and not run.under_way:
        return duration(run.took_ms)
    end_ms = now_ms if run.under_way else run.ended_ms
    has_times = end_ms is not None and run.began_ms
    return one_unit(max(0, (end_ms or 0) - run.began_ms) // 1000) if has_times else ""


def new_words(run: SessionRun) -> str:
    """The files and sources of the newest run: "2 files, 4 sources"."""
    counts = ((run.files, "file"), (run.sources, "source"))
    return ", ".join(plural(count, name) for count, name in counts if count)


def entry_lines(entry: Entry, now_ms: int) -> list[str]:
    """All about a row: what it needs, with the act of each; then the facts that have no room in a column."""
    lines = [f"! {need.reason}: {need.text} {need.act}" for need in needs_of(entry, now_ms)]
    if isinstance(entry, PlannedRun):
        when = moment_text(local_time(entry.next_ms), local_time(now_ms))
        rule = clean_line(entry.rule, 60)
        return [*lines, f"{rule} · {when} · {entry.price}", f"worker {clean_line(entry.worker_id, 80)}"]
    times, started = entry.times_usual, _STARTED_BY[entry.trigger]
    facts = [
        "" if entry.status is None else entry.cost,
        f"{times} times usual" if times else "",
        entry.left,
        new_words(entry),
        entry.event_text(now_ms),
        f"started by {started}" if started else "",
        f"project {clean_line(entry.project, 40)}" if entry.project else "",
        f"snoozed until {local_time(entry.snoozed_ms):%H:%M}" if entry.snoozed_ms > now_ms else "",
    ]
    return [*lines, " · ".join(filter(None, facts)), clean_line(entry.worker_id or entry.session_id, 80)]


def _in_time(then_ms: int, now_ms: int) -> str:
    return f"in {one_unit((then_ms - now_ms) // 1000)}" if then_ms > now_ms else "due"


# -- JSON ----------------------------------------------------------------------------------------
class NeedItem(Part, frozen=True):
    """What needs you, and the act that ends it."""

    reason: str
    text: str
    act: str
    key: str | None


class RunItem(Part, frozen=True):
    """A run of a session."""

    session_id: str
    worker_id: str | None
    title: str
    project: str | None
    section: str
    state: str
    status: str | None
    needs: list[str]
    started_by: str
    began: str | None
    ended: str | None
    last_event: str | None
    as_of: str | None
    """Set where nobody watches it: since then it may have ended."""
    cost_usd: Amount | None
    credits: Amount | None
    cost_final: bool
    usual_usd: Amount | None
    usual_credits: Amount | None
    left_of_limit: str | None
    files: int
    sources: int
    queued: int
    unread: bool
    pinned: bool
    snoozed_until: str | None
    simulated: bool


class PlannedItem(Part, frozen=True):
    """A run that a schedule starts."""

    schedule_id: str | None
    worker_id: str
    title: str
    rule: str
    next_run: str | None
    price: str
    as_of: str | None


class RunBoard(Document, frozen=True, tag="handinger-tui/runs/1"):
    """What `runs` prints. `complete` is false: a run that this computer never saw is not in it."""

    complete: bool
    scope: str
    at: str | None
    needs_you: int
    needs: list[NeedItem]
    runs: list[RunItem]
    scheduled: list[PlannedItem]
    quiet: int


def board_object(board: Board, entries: Sequence[Entry], now_ms: int) -> JsonObject:
    """The board as JSON."""
    needs = board.needs(now_ms)
    document = RunBoard(
        complete=False,
        scope="known on this computer",
        at=utc_text(now_ms),
        needs_you=len(needs),
        needs=[
            NeedItem(reason=str(need.reason), text=need.text, act=need.shell_act, key=need.key or None)
            for need in needs
        ],
        runs=[_run_item(entry, now_ms) for entry in entries if isinstance(entry, SessionRun)],
        scheduled=[_planned_item(entry) for entry in entries if isinstance(entry, PlannedRun)],
        quiet=board.quiet(now_ms),
    )
    return members(document)


def _run_item(run: SessionRun, now_ms: int) -> RunItem:
    is_old = run.under_way and not run.is_fresh(now_ms)
    return RunItem(
        session_id=run.session_id,
        worker_id=run.worker_id,
        title=clean_line(run.title),
        project=run.project or None,
        section=str(section_of(run, now_ms)),
        state=run.word(now_ms),
        status=None if run.status is None else str(run.status),
        needs=[str(need.reason) for need in needs_of(run, now_ms)],
        started_by=str(run.trigger),
        began=utc_text(run.began_ms or None),
        ended=utc_text(run.ended_ms),
        last_event=utc_text(run.event_ms),
        as_of=utc_text(run.event_ms) if is_old else None,
        cost_usd=json_amount(run.usd.value),
        credits=json_amount(run.credits.value),
        cost_final=run.usd.value is not None and not run.usd.so_far,
        usual_usd=json_amount(run.usual.median) if run.usual.unit is Unit.USD else None,
        usual_credits=json_amount(run.usual.median) if run.usual.unit is Unit.CREDITS else None,
        left_of_limit=run.left or None,
        files=run.files,
        sources=run.sources,
        queued=run.waiting,
        unread=run.unread,
        pinned=run.pinned,
        snoozed_until=utc_text(run.snoozed_ms) if run.snoozed_ms > now_ms else None,
        simulated=run.simulated,
    )


def _planned_item(plan: PlannedRun) -> PlannedItem:
    return PlannedItem(
        schedule_id=plan.schedule_id or None,
        worker_id=plan.worker_id,
        title=clean_line(plan.title),
        rule=plan.rule,
        next_run=utc_text(plan.next_ms),
        price=plan.price,
        as_of=utc_text(plan.read_ms),
    )
