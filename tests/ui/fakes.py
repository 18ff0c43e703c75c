"""A complete app on scripted ports: the real engine, stored sessions in memory, a clock that stands still."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest
from msgspec.structs import replace
from textual._compositor import Compositor
from textual.constants import ESCAPE_DELAY

from handinger_tui.core.errors import ApiError, HandingerError, LedgerError, LinkExpired, NoSuchFile
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.runs import Board
from handinger_tui.core.safety import Secret, clean_line
from handinger_tui.core.schedules import Added, NewSchedule, Schedule, ScheduleList, next_runs
from handinger_tui.core.search import Query, SearchHit, snippet_of
from handinger_tui.core.shown_settings import ShownSetting
from handinger_tui.core.stream import FilePart
from handinger_tui.core.tags import Labels
from handinger_tui.core.turns.session import Service, Session, SessionPreview, SessionSummary
from handinger_tui.core.turns.turn import Attachment, ErrorKind, Turn, TurnStatus
from handinger_tui.core.webhooks import DeliveryPage, FailedDeliveries, Webhook, check_address
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext
from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.ports import Account, AppOptions, Connection, Fetched, Opening, Progress
from handinger_tui.ui.terminal.input import InputParser
from handinger_tui.ui.widgets.prompt import HintLine, PromptBox
from tests.engine.fakes import PLACE, FakeApi, FakeClock, FakeIds, FakeLog, Script, says, worker
from tests.ui.fake_money import NOW_MS, FakeLedger, FakeLimits, charge
from tests.ui.pilot import running, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textual.driver import Driver

    from handinger_tui.core.acts import Hold
    from handinger_tui.engine.stored_workers import StoredWorkerCatalog
from textual.pilot import Pilot

from handinger_tui.core.attention import READ_S
from handinger_tui.ui.work.screen import WorkScreen

REMOTE = Account("work", "v3.handinger.com", "f00d", local=False)
LOCAL = Account("", "127.0.0.1:8000", "", local=True)
CALM: Final = RetryPolicy(money_interval=None, recovery_window=0.0, absence_reads=1, absence_seconds=0)
PRICED: Final[dict[str, Any]] = {
    "usage": {"steps": 3, "totalTokens": 1500, "credits": 8, "costUsd": 0.0123},
    "costs": {"modelCostUsd": 0.01, "toolCostUsd": 0.002, "sandboxCostUsd": 0.0003, "internalCostUsd": 0},
}


def typed_only() -> InputParser:
    """The parser of a terminal that marks pastes: all other text was typed, however fast."""
    parser = InputParser()
    assert not list(parser.feed("\x1b[?2004;1$y"))
    return parser


async def type_bytes(driver: Driver, parser: InputParser, data: str) -> None:
    """Bytes of one read of the terminal. A lone ESC at its end is a key only after a delay."""
    for message in parser.feed(data):
        driver.process_message(message)
    while parser.is_waiting:
        await asyncio.sleep(ESCAPE_DELAY)
        for message in parser.tick():
            driver.process_message(message)


class StillClock(FakeClock):
    """Always shows the same time; a wait ends immediately, but lets the app run in between."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


@dataclass
class FakeHistory:
    """The history without turns, in memory."""

    log: FakeLog
    rows: list[SessionSummary] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    drafts: dict[str, str] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """The results of the search, by session id."""
    tagged: dict[str, set[str]] = field(default_factory=dict)
    """The tags of sessions and workers, by their ids."""
    project_of: dict[str, str] = field(default_factory=dict)
    """The projects of sessions, by their ids."""
    marks: list[tuple[str, str, int | None]] = field(default_factory=list)
    """The pins and snoozes that were set."""

    async def sessions(
        self, limit: int = -1, *, base_urls: Collection[str] = (), running: bool = False
    ) -> list[SessionSummary]:
        rows = [
            row
            for row in self.rows
            if (not base_urls or (row.base_url in base_urls and row.turns))
            and (not running or row.last_status is TurnStatus.RUNNING)
        ]
        return rows if limit < 0 else rows[:limit]

    async def preview(self, session_id: str) -> SessionPreview:
        return SessionPreview(f"Question of {session_id}?", self.answers.get(session_id, ""))

    async def of_worker(self, worker_id: str, service: Service) -> str | None:
        place = worker_id, service.base_url, service.generation
        own = (row for row in self.rows if (row.worker_id, row.base_url, row.generation) == place)
        return next((row.session_id for row in own), None)

    async def last(self) -> str | None:
        return self.rows[0].session_id if self.rows else None

    async def find(self, prefix: str) -> list[str]:
        own = [row for row in self.rows if row.session_id.startswith(prefix)]
        others = [row for row in self.rows if (row.worker_id or "").startswith(prefix) and row not in own]
        return [row.session_id for row in (*own, *others)]

    async def prompts(self, limit: int = 500) -> list[str]:
        return self.texts[-limit:]

    async def keep_unsent(self, texts: Sequence[str]) -> None:
        self.texts += texts

    async def search(self, query: Query, limit: int = 200) -> list[SearchHit]:
        texts = ((row, self.answers.get(row.session_id, "")) for row in self.rows)
        return [
            SearchHit(row, snippet_of(query, [("answer", text)]), "turn", 1, 1)
            for row, text in texts
            if query.matches(text)
        ][:limit]

    async def index_some(self, most: int = 20) -> int:
        return 0

    async def pin(self, session_id: str, at_ms: int | None) -> None:
        self.marks.append(("pin", session_id, at_ms))
        self._change_row(session_id, pinned=at_ms is not None)

    def _change_row(self, session_id: str, **members: object) -> None:
        self.rows = [replace(row, **members) if row.session_id == session_id else row for row in self.rows]

    async def snooze(self, session_id: str, until_ms: int | None) -> None:
        self.marks.append(("snooze", session_id, until_ms))

    async def rename(self, session_id: str, title: str) -> None:
        self._change_row(session_id, title=title)

    async def labels(self, session_id: str) -> Labels:
        return Labels(
            tuple(sorted(self.tagged.get(session_id, ()))), project=self.project_of.get(session_id, "")
        )

    async def tags(self) -> list[str]:
        return sorted({name for names in self.tagged.values() for name in names})

    async def tag(self, kind: str, whose: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        self.tagged[whose] = {*self.tagged.get(whose, ()), *add} - {*remove}
        self._change_row(whose, tags=tuple(sorted(self.tagged[whose])))

    async def projects(self) -> list[str]:
        return sorted({*self.project_of.values()})

    async def set_project(self, session_id: str, name: str | None) -> None:
        self.project_of = {**self.project_of, session_id: name or ""}

    async def delete(self, session_id: str) -> None:
        self.deleted.append(session_id)
        self.rows = [row for row in self.rows if row.session_id != session_id]

    async def draft(self, session_id: str) -> str:
        return self.drafts.get(session_id, "")

    async def save_draft(self, session_id: str, text: str) -> None:
        self.drafts[session_id] = text

    async def change_draft(self, session_id: str, change: Callable[[str], str]) -> None:
        self.drafts[session_id] = change(self.drafts.get(session_id, ""))

    async def mark_read(self, session_id: str) -> None:
        self.read.append(session_id)

    async def mark_unread(self, session_id: str) -> None:
        self.unread.append(session_id)
        self.rows = [replace(row, unread=True) if row.session_id == session_id else row for row in self.rows]


class NoFiles:
    """A disk without files."""

    def attachment(self, path: str) -> Attachment:
        raise NoSuchFile(f"There is no file {clean_line(path, 200)}.")

    def listing(self, folder: str, prefix: str, *, hidden: bool) -> tuple[str, ...]:
        return ()


@dataclass
class FakeFiles:
    """A service and a disk in memory: `bodies` by address; `expired` addresses need the worker's word."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    fails: dict[str, ApiError] = field(default_factory=dict)
    saved: list[FilePart] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    reread: list[str] = field(default_factory=list)
    """Workers that were read again."""
    disk: dict[str, bytes] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    programs: bool = True
    gate: asyncio.Event | None = None
    """Delays every answer until it is set."""

    async def _body(self, file: FilePart, progress: Progress | None, reread: str | None) -> bytes:
        if progress is not None:
            progress(1, file.size)
        if self.gate is not None:
            await self.gate.wait()
        if file.url in self.fails:
            raise self.fails[file.url]
        if file.url in self.expired:
            if reread is None:
                raise LinkExpired(ErrorKind.NOT_FOUND, "The service answered 403.")
            self.reread.append(reread)
        return self.bodies.get(file.url, b"")

    folder: str = "/downloads"

    async def save(
        self,
        file: FilePart,
        folder: str | None = None,
        *,
        progress: Progress | None = None,
        reread: str | None = None,
    ) -> str:
        body = await self._body(file, progress, reread)
        self.saved.append(file)
        path = f"{folder or self.folder}/{file.filename}"
        self.disk[path] = body
        return path

    async def fetch(
        self, file: FilePart, most: int, *, progress: Progress | None = None, reread: str | None = None
    ) -> Fetched:
        self.fetched.append(file.url)
        body = await self._body(file, progress, reread)
        return Fetched(body[:most], len(body) <= most, len(body))

    async def read(self, path: str, most: int) -> Fetched | None:
        body = self.disk.get(path)
        return None if body is None else Fetched(body[:most], len(body) <= most, len(body), saved=True)

    async def open(self, path: str) -> bool:
        self.opened.append(path)
        return self.programs


@dataclass
class FakeRuns:
    """The board, as a test sets it, and the schedules that were remembered."""

    value: Board = field(default_factory=Board)
    remembered: list[tuple[str, str, Sequence[JsonObject], int]] = field(default_factory=list)
    webhooks: list[tuple[str, FailedDeliveries | None, bool]] = field(default_factory=list)
    """Workers with what was remembered of their webhooks, and whether it was read."""
    gate: asyncio.Event | None = None
    """Holds back the board."""
    everything: bool = False
    """Whether the last reading was one with quiet sessions."""

    async def board(self, *, everything: bool = False, also: Collection[str] = ()) -> Board:
        self.everything = everything
        if self.gate is not None:
            await self.gate.wait()
        return self.value

    async def keep_schedules(
        self, base_url: str, worker_id: str, schedules: Sequence[JsonObject], read_ms: int
    ) -> None:
        self.remembered.append((base_url, worker_id, schedules, read_ms))

    async def keep_webhook(
        self, base_url: str, worker_id: str, failed: FailedDeliveries | None, *, is_read: bool = True
    ) -> None:
        self.webhooks.append((worker_id, failed, is_read))


@dataclass
class FakeSchedules:
    """The schedules of a worker. `trouble`: what adding one raises; `gate` holds it back."""

    listed: ScheduleList = field(default_factory=ScheduleList)
    added: list[NewSchedule] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)
    trouble: ApiError | None = None
    gate: asyncio.Event | None = None

    async def schedules(self, worker_id: str) -> ScheduleList:
        return self.listed

    async def add(
        self, worker_id: str, schedule: NewSchedule, departed: Callable[[], None] = lambda: None
    ) -> Added:
        self.added.append(schedule)
        if self.gate is not None:
            await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        run = next_runs(schedule.rule, datetime.fromtimestamp(NOW_MS / 1000, UTC), self.listed.cron_zone)[0]
        new = Schedule(
            f"sch_{len(self.added)}", schedule.instruction, schedule.budget, None, schedule.rule, run
        )
        self.listed = replace(self.listed, schedules=(*self.listed.schedules, new))
        return Added(new)

    async def cancel(self, worker_id: str, schedule_id: str) -> bool | None:
        self.canceled.append(schedule_id)
        kept = tuple(one for one in self.listed.schedules if one.schedule_id != schedule_id)
        self.listed = replace(self.listed, schedules=kept)
        return True


def shown_setting(name: str, **members: Any) -> ShownSetting:
    """A setting of the config file."""
    usual = ShownSetting(name, "low", "config file", "standard", None, None, [], "What it means", True)
    return replace(usual, **members)


@dataclass
class FakeSettings:
    """The settings of the next start. `trouble`: what a change raises."""

    rows: list[ShownSetting] = field(default_factory=lambda: [shown_setting("budget")])
    changes: list[tuple[str, str | None]] = field(default_factory=list)
    trouble: list[HandingerError] = field(default_factory=list)

    def listed(self) -> Sequence[ShownSetting]:
        return self.rows

    def change(self, name: str, typed: str | None) -> str:
        if self.trouble:
            raise self.trouble.pop()
        self.changes.append((name, typed))
        self.rows = [replace(one, value=typed) if one.name == name else one for one in self.rows]
        return f"{name} is set."


@dataclass
class FakeWebhooks:
    """The webhook of a worker, and its deliveries by page. `trouble`: what a change raises."""

    webhook: Webhook = field(default_factory=Webhook)
    pages: list[DeliveryPage] = field(default_factory=lambda: [DeliveryPage()])
    changes: list[str] = field(default_factory=list)
    trouble: ApiError | None = None
    reads: list[str] = field(default_factory=list)
    """The workers whose webhook was read."""

    async def read(self, worker_id: str) -> Webhook:
        self.reads.append(worker_id)
        return self.webhook

    async def set(self, worker_id: str, url: str) -> Webhook:
        return self._change(
            f"set {check_address(url)}", Webhook(url, self.webhook.token or Secret("whk_first_one_f00d"))
        )

    async def clear(self, worker_id: str) -> Webhook:
        return self._change("clear", Webhook())

    async def renew_token(self, worker_id: str) -> Webhook:
        return self._change("renew", Webhook(self.webhook.url, Secret("whk_second_one_beef")))

    def _change(self, name: str, webhook: Webhook) -> Webhook:
        self.changes.append(name)
        if self.trouble is not None:
            raise self.trouble
        self.webhook = webhook
        return webhook

    async def deliveries(self, worker_id: str, page: int = 1) -> DeliveryPage:
        return self.pages[page - 1]


@dataclass
class Desktop:
    """The app with all its ports. `gate` delays `connect` until it is set."""

    api: FakeApi = field(default_factory=FakeApi)
    log: FakeLog = field(default_factory=FakeLog)
    badge: Account = REMOTE
    launch: AppOptions | None = None
    gate: asyncio.Event | None = None
    fails: list[HandingerError] = field(default_factory=list)
    files: FakeFiles = field(default_factory=FakeFiles)
    written: list[tuple[str, str]] = field(default_factory=list)
    """Name and text of every file that we write."""
    disk_trouble: LedgerError | None = None
    """The error of writing such a file."""
    opened: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """Workers whose email address was requested."""
    browser: bool = True
    warnings: tuple[str, ...] = ()
    without_history: Callable[[], None] | None = None
    keeps_history: bool = True
    now_ms: int = NOW_MS
    retry_policy: RetryPolicy = CALM
    ledger: FakeLedger = field(default_factory=FakeLedger)
    limits: FakeLimits = field(default_factory=FakeLimits)
    runs: FakeRuns = field(default_factory=FakeRuns)
    schedules: FakeSchedules = field(default_factory=FakeSchedules)
    webhooks: FakeWebhooks | None = None
    stored_workers: StoredWorkerCatalog | None = None
    generation: str = "workers"
    paints: bool = False
    """Whether everything is painted at once, as in a terminal, also where no test looks."""

    def __post_init__(self) -> None:
        if self.badge.local:
            self.ledger.simulated = self.limits.simulated = True
        self.ledger.limits = self.limits
        self.clock = StillClock(NOW_MS / 1000)
        home = ServiceContext(PLACE, generation=self.generation)
        self.engine = Engine(
            self.api,
            self.log,
            self.clock,
            FakeIds(100 * len(self.log.sessions)),
            self.retry_policy,
            context=home,
            limits=self.limits,
        )
        self.history = FakeHistory(self.log)
        given = self.launch or AppOptions(self.connect, NoFiles(), settings=FakeSettings())
        self.app = HandingerApp(replace(given, connect=self.connect), now_ms=lambda: self.now_ms)
        self.lines: list[str] = []
        self._skipped_paints: Callable[[], int] | None = None
        self._is_saying = False
        self._record("say")
        self._record("announce")

    async def connect(self) -> Connection:
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise self.fails.pop(0)
        return Connection(
            self.engine,
            self.history,
            self.badge,
            PLACE,
            self.files,
            self._open,
            self._email,
            self.ledger,
            self.limits,
            self.ledger,
            self.runs,
            self._save_text,
            self.warnings,
            self.without_history,
            schedules=lambda: self.schedules,
            keeps_history=self.keeps_history,
            webhooks=self.webhooks,
            stored_workers=self.stored_workers,
            destination_of=(lambda text: (None, text)) if self.stored_workers else lambda text: (text, None),
        )

    async def _save_text(self, name: str, text: str) -> str:
        if self.disk_trouble is not None:
            raise self.disk_trouble
        self.written.append((name, text))
        return f"/downloads/{name}"

    async def _open(self, url: str) -> bool:
        self.opened.append(url)
        return self.browser

    async def _email(self, worker_id: str) -> str:
        self.requests.append(worker_id)
        return f"{worker_id}@mail.test"

    @property
    def work(self) -> WorkScreen:
        return self.app.work

    @property
    def session(self) -> Session:
        return self.work.controller.session

    @property
    def queued(self) -> tuple[Turn, ...]:
        """The queued turns of the session on the screen."""
        return self.work.controller.shown.queued

    @property
    def hold(self) -> Hold | None:
        """The reason why they are held."""
        return self.work.controller.shown.hold

    def text(self) -> str:
        """The screen as a terminal would show it."""
        return text_of(self.app)

    def text_of(self, selector: str) -> str:
        """The text of one widget of the screen, without the widgets behind it."""
        return text_of(self.app, selector)

    def notices(self) -> str:
        """All notices so far: near the prompt, and as notifications."""
        others = Counter(note.message for note in self.app._notifications) - Counter(self.lines)
        return "\n".join([*self.lines, *others.elements()])

    def _record(self, name: str) -> None:
        """Record the notices of the work screen, which are shown for a moment only."""
        interaction = self.work.interaction
        say = getattr(interaction, name)

        def record(text: str, severity: str = "information") -> None:
            # A line that does not fit near the prompt becomes a notification: it is recorded once.
            is_first, self._is_saying = not self._is_saying, True
            if is_first:
                self.lines.append(clean_line(text, 400))
            say(text, severity)
            self._is_saying = not is_first

        setattr(interaction, name, record)

    @asynccontextmanager
    async def running(
        self, width: int = 80, height: int = 24, driver: type[Driver] | None = None
    ) -> AsyncIterator[Pilot[None]]:
        """The app, connected and idle; with a driver it writes to that.

        Without one nobody sees what is painted: the screen is rendered when a test reads it, and at the end.
        """
        self.app.driver_class = driver or self.app.driver_class
        asks = self.launch is not None and self.launch.host_question
        at_once = self.gate is None and not self.fails and not asks
        with nullcontext() if driver is not None or self.paints else unpainted() as self._skipped_paints:
            async with running(
                self.app, headless=driver is None, size=(width, height), notifications=True
            ) as pilot:
                if at_once:
                    await self.until(pilot, lambda: self.work.controller.session_id)
                    await self.settle(pilot)
                yield pilot
                self.text()
                await self.engine.aclose()

    async def until(self, pilot: Pilot[None], done: Callable[[], object], within_s: float = 60.0) -> None:
        """Let the app run until a condition holds."""
        end = time.monotonic() + within_s
        delay = None
        while not done():
            assert time.monotonic() < end, f"never so; the screen:\n{self.text()}\nsaid: {self.notices()}"
            await pilot.pause(delay)
            delay = 0.01

    async def end_by_signal(self, pilot: Pilot[None], return_code: int) -> None:
        """A signal comes, and the app saves and ends: the end of a test alone would cut that off."""
        self.app.leave(return_code)
        await self.until(pilot, lambda: self.app._exit)

    async def settle(self, pilot: Pilot[None]) -> None:
        """Let the app run until it has nothing more to paint."""
        await pilot.pause()
        await self.until(pilot, lambda: self.work.scheduler.is_idle)
        await pilot.pause()

    async def shows(self, pilot: Pilot[None], *words: str) -> None:
        """Wait until all of `words` are on the screen; what Enter does there is read before it is pressed."""

        looked_at: int | None = None

        def are_there() -> bool:
            nonlocal looked_at
            paints = self._skipped_paints and self._skipped_paints()
            if looked_at is not None and looked_at == paints:
                # The app had nothing to paint since: the text is the same.
                return False
            looked_at = paints
            text = self.text()
            return all(word in text for word in words)

        await self.until(pilot, are_there)
        await self.until(pilot, lambda: not self.work.composer.is_unseen(time.monotonic()))
        if any(word.startswith("Enter to ") for word in words):
            await asyncio.sleep(READ_S)
        if self.app.screen is not self.work:
            # An Enter that comes while it still opens is not passed on to it.
            await pilot.pause()

    async def send(self, pilot: Pilot[None], text: str) -> None:
        """Type a message and press Enter."""
        self.work.prompt.put(text)
        await pilot.press("enter")
        await pilot.pause()


@contextmanager
def unpainted() -> Iterator[Callable[[], int]]:
    """Leave out the paints of apps without a terminal, half of their time: reading the text renders it.

    Returns:
        A function that returns how many were left out.
    """
    skipped = 0

    def skip(compositor: Compositor, **_options: object) -> None:
        nonlocal skipped
        skipped += 1
        compositor._dirty_regions.clear()
        # The app counts from the frame in which the person could see what Enter does.
        for widget in compositor.visible_widgets:
            if isinstance(widget, HintLine | PromptBox):
                widget.sight.rendered()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compositor, "render_update", skip)
        yield lambda: skipped


def answers(*texts: str) -> FakeApi:
    """A service that answers with these texts, one turn each, and then shows the worker's figures.

    It lists no messages: an empty list would lack the message of the turn, and so make the figures stale.
    """
    starts: list[Script] = [says(text, message_id=f"msg_{at}") for at, text in enumerate(texts, 1)]
    return FakeApi(starts=list(starts), workers=[worker("", messages=None, **PRICED)])


def summary(name: str, **members: object) -> SessionSummary:
    row = SessionSummary(
        f"ses_{name}", f"wrk_{name}", f"About {name}", NOW_MS - 7_200_000, NOW_MS - 3_600_000, 2, None
    )
    return replace(row, **members)


def launch(opening: Opening = Opening.LAST_OR_FRESH, **members: object) -> AppOptions:
    async def never() -> Connection:
        raise AssertionError

    return replace(AppOptions(never, NoFiles(), opening), **members)


__all__ = [
    "LOCAL",
    "NOW_MS",
    "Decimal",
    "Desktop",
    "FakeLedger",
    "FakeLimits",
    "Iterable",
    "answers",
    "charge",
    "launch",
    "summary",
]
