"""The ports of the app: the options, values and interfaces that its caller provides.

The app never imports the API client, the ledger or the local worker. It shows its
first frame, then calls `connect`, which may start the local worker, open the
database and create the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from handinger_tui.core.amounts import Unit
from handinger_tui.core.money.limits import Gauge, Limit, Scope
from handinger_tui.core.turns.turn import StartPolicy

if TYPE_CHECKING:
    # Importing the engine takes 40 ms; it is needed only with a connection.
    from collections.abc import Collection
    from decimal import Decimal
    from pathlib import Path

    from handinger_tui.core.jsontext import JsonObject
    from handinger_tui.core.money.reconciliation import Restatement
    from handinger_tui.core.money.report import Report, Selection
    from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, TurnCharge
    from handinger_tui.core.money.typical_cost import TypicalCost
    from handinger_tui.core.prices import Prices
    from handinger_tui.core.runs import Board
    from handinger_tui.core.search import Query, SearchHit
    from handinger_tui.core.shown_settings import ShownSetting
    from handinger_tui.core.stream import FilePart
    from handinger_tui.core.tags import Labels
    from handinger_tui.core.turns.session import Service, Session, SessionPreview, SessionSummary
    from handinger_tui.core.turns.turn import Attachment
    from handinger_tui.core.webhooks import FailedDeliveries
    from handinger_tui.engine.engine import Engine
    from handinger_tui.engine.replay import Replay
    from handinger_tui.engine.schedules import ScheduleApi
    from handinger_tui.engine.stored_workers import StoredWorkerCatalog
    from handinger_tui.engine.webhooks import WebhookApi


class Opening(Enum):
    """Which session the app shows first."""

    LAST_OR_FRESH = auto()
    FRESH = auto()
    LAST = auto()
    """-c: the last session; an error when there is none."""
    CHOSEN = auto()
    """`session` names it."""
    PICKER = auto()
    """-r without an id: the session list."""
    WORKER = auto()
    """-w: `worker` names it."""


class HistoryOfSessions(Protocol):
    """Access to the history of sessions, except their turns.

    Raises (all): LedgerError.
    """

    async def sessions(
        self, limit: int = -1, *, base_urls: Collection[str] = (), running: bool = False
    ) -> list[SessionSummary]:
        """Sessions, newest first. `limit` -1: all.

        `base_urls`: only those of these services that have a turn. `running`: only those whose newest turn
        was left running.
        """

    async def of_worker(self, worker_id: str, service: Service) -> str | None:
        """The id of the newest session of a worker, or task, at this service; None where there is none."""

    async def preview(self, session_id: str) -> SessionPreview:
        """The newest message of a session, and the end of its answer."""

    async def last(self) -> str | None:
        """The id of the session with the newest message; None where there is no session."""

    async def find(self, prefix: str) -> list[str]:
        """Ids of sessions whose own, worker or task id begins with `prefix`, newest first.

        An exact match is returned alone.
        """

    async def search(self, query: Query, limit: int = 200) -> list[SearchHit]:
        """The sessions that match, newest first, each with a snippet."""

    async def index_some(self, most: int = 20) -> int:
        """Prepare some turns of an earlier version for the search; 0 once all are prepared."""

    async def prompts(self, limit: int = 500) -> list[str]:
        """Earlier prompts and texts that were not sent, without duplicates, oldest first."""

    async def keep_unsent(self, texts: Sequence[str]) -> None:
        """Keep texts that were typed and not sent among the prompts."""

    async def rename(self, session_id: str, title: str) -> None:
        """Set the title of a session."""

    async def labels(self, session_id: str) -> Labels:
        """The tags and the project of a session."""

    async def tags(self) -> list[str]:
        """Every tag that is stored or that a rule assigns, in order of the alphabet."""

    async def tag(self, kind: str, whose: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Add and remove tags of a session or a worker (`kind`)."""

    async def projects(self) -> list[str]:
        """Every project that is stored or that a rule assigns, in order of the alphabet."""

    async def set_project(self, session_id: str, name: str | None) -> None:
        """Set the project of a session, stored or not; None: rules decide."""

    async def delete(self, session_id: str) -> None:
        """Delete a session from the history; nothing is deleted at the service."""

    async def draft(self, session_id: str) -> str:
        """The saved draft of a session; empty when there is none."""

    async def save_draft(self, session_id: str, text: str) -> None:
        """Save the draft of a session."""

    async def change_draft(self, session_id: str, change: Callable[[str], str]) -> None:
        """Save what `change` makes of the draft of a session, in one step; it may run in another thread."""

    async def mark_read(self, session_id: str) -> None:
        """Mark a session read: the person has seen its newest answer."""

    async def mark_unread(self, session_id: str) -> None:
        """Mark a session unread: it has an answer that the person has not seen."""

    async def pin(self, session_id: str, at_ms: int | None) -> None:
        """Keep a session in sight on the runs board; None: no longer."""

    async def snooze(self, session_id: str, until_ms: int | None) -> None:
        """Let a session need nothing until a time; None: no longer."""


class RunReader(Protocol):
    """The runs board, as the history has it.

    Raises (all): LedgerError.
    """

    async def board(self, *, everything: bool = False, also: Collection[str] = ()) -> Board:
        """The board; the same object while nothing was written.

        `everything`: with quiet sessions. `also`: the ids of others that are listed.
        """

    async def keep_schedules(
        self, base_url: str, worker_id: str, schedules: Sequence[JsonObject], read_ms: int
    ) -> None:
        """Remember the schedules of a worker as they were read."""

    async def keep_webhook(
        self, base_url: str, worker_id: str, failed: FailedDeliveries | None, *, is_read: bool = True
    ) -> None:
        """Remember a webhook as it is; None: there is none. `is_read`: False where its address was set."""


class ChargeReader(Protocol):
    """Read access to the charges of turns.

    Raises (all): LedgerError.
    """

    async def report(self, selection: Selection, session: Session | None = None) -> Report:
        """The report of a selection, with the limits of a session; None: of any session."""

    async def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        """Charges in groups: days chronologically, all others by descending cost, unknown costs last."""

    async def turn_charges(self, which: ChargeFilter, limit: int = 200, offset: int = 0) -> list[TurnCharge]:
        """The charge of each turn, newest first."""

    async def suspense(self, which: ChargeFilter) -> list[Bucket]:
        """A group without turns for each worker whose figures rose by what no turn explains."""

    async def spent(self, which: ChargeFilter) -> Bucket:
        """All charges as one group, with what no turn explains."""

    async def spent_each(self, *which: ChargeFilter) -> list[Bucket]:
        """The same for several filters, all as of one moment."""

    async def restated(self, session_id: str) -> frozenset[str]:
        """The turns of a session whose final amounts changed."""

    async def typical_cost(
        self, worker_id: str | None, budget: str, *, simulated: bool, prices: Prices | None = None
    ) -> TypicalCost:
        """The typical cost of a turn of a worker (None: a new one) at a budget, from its newest turns."""

    async def news(self, which: ChargeFilter) -> list[Restatement] | None:
        """The final amounts that any program changed since the last call, oldest first.

        None: nothing was written since then, by this program or another one.
        """


class RulingStore(Protocol):
    """What the person decides about the figures of workers."""

    async def set_basis(self, base_url: str, worker_id: str, basis: str, at_ms: int) -> None:
        """Decide what the figures of a worker mean, for every program that uses this history.

        Raises:
            LedgerError
        """

    async def assign(self, number: int, turn_id: str | None, at_ms: int) -> None:
        """Decide to which turn suspense belongs; None: to none.

        Raises:
            SettingsError: it cannot belong to that turn.
            LedgerError
        """


class LimitStore(Protocol):
    """Access to the spending limits.

    Raises (all): LedgerError.
    """

    @property
    def simulated(self) -> bool:
        """Whether the charges are the simulated ones of the local worker."""

    async def limits(self, session: Session) -> tuple[Limit, ...]:
        """The limits in force for a session, one per scope and unit."""

    async def gauges(self, session: Session) -> tuple[Gauge, ...]:
        """The limits in force for a session, each with the amount spent."""

    async def set_limit(self, session: Session, scope: Scope, unit: Unit, amount: Decimal | None) -> None:
        """Store a limit for every program that uses this history; None lifts it.

        Raises:
            HandingerError: a worker limit in a session without a worker, a project limit without a project.
        """

    def today(self) -> ChargeFilter:
        """A filter for the charges since local midnight, simulated or real like this store."""


Progress = Callable[[int, int | None], None]
"""Called with the bytes received so far and the total, None if unknown."""


class Fetched(Struct, frozen=True):
    """The first bytes of a file. `complete`: these are all bytes; `total`: the size of the file, if reported.

    `saved`: the bytes were read from the saved copy on disk.
    """

    data: bytes
    complete: bool
    total: int | None = None
    saved: bool = False


class Files(Protocol):
    """Downloads files of a worker and opens saved ones.

    `reread` is the id of the worker. If it is given and the URL of a file has expired, the worker is read
    again (a GET, free) and the new URL is used.

    Raises (all): ApiError; LinkExpired when `reread` may help.
    """

    @property
    def folder(self) -> str:
        """The default download folder."""

    async def save(
        self,
        file: FilePart,
        folder: str | None = None,
        *,
        progress: Progress | None = None,
        reread: str | None = None,
    ) -> str:
        """Download into `folder`, else into the default one, and return the path.

        An existing file is never overwritten; a missing folder is created.
        """

    async def fetch(
        self, file: FilePart, most: int, *, progress: Progress | None = None, reread: str | None = None
    ) -> Fetched:
        """Fetch at most `most` bytes into memory."""

    async def read(self, path: str, most: int) -> Fetched | None:
        """Read at most `most` bytes of a saved file; None when it no longer exists."""

    async def open(self, path: str) -> bool:
        """Open a saved and judged file with the system program for it; False when there is none."""


class LocalFiles(Protocol):
    """Access to files of this computer that may be attached.

    Both methods may be slow: call them in a thread.
    """

    def attachment(self, path: str) -> Attachment:
        """Read a whole file and describe it as an attachment.

        Raises:
            AttachmentProblem: it cannot be sent; `NoSuchFile` when it does not exist.
        """

    def listing(self, folder: str, prefix: str, *, hidden: bool) -> tuple[str, ...]:
        """Names in a folder that begin with `prefix`; those of folders end with a slash.

        At most a few hundred names; empty when the folder is unreadable.
        """


class Account(Struct, frozen=True):
    """The account that pays. `key_tail`: the last four characters of the API key, "" without one.

    `in_credits`: its service reports credits only, and they have no price: no limit in USD can be enforced.
    """

    profile: str
    host: str
    key_tail: str
    local: bool
    in_credits: bool = False


async def own_target(session: Session) -> str | None:
    """The target of a session, where that is a worker."""
    return session.worker_id


class Connection(Struct, frozen=True):
    """The result of `AppOptions.connect`: the engine and the other services that the app uses."""

    engine: Engine
    history: HistoryOfSessions
    account: Account
    base_url: str
    files: Files
    open_link: Callable[[str], Awaitable[bool]]
    """Open an already judged URL in the system browser; False when there is none."""
    email: Callable[[str], Awaitable[str]]
    """The inbound e-mail address of a worker. Raises ApiError."""
    charges: ChargeReader
    limits: LimitStore
    rulings: RulingStore
    runs: RunReader
    save_text: Callable[[str, str], Awaitable[str]]
    """(name, text) → path: write a text file to the download folder, never over an existing file.

    Raises ApiError.
    """
    warnings: Sequence[str] = ()
    """Warnings to show once, such as a missing history or a damaged database that was moved away."""
    without_history: Callable[[], None] | None = None
    """Allow sending without a history, after the person agreed; None: never allowed."""
    destination_of: Callable[[str], tuple[str | None, str | None]] = lambda text: (text, None)
    """Target and template of messages for the worker that a text names: `core.turns.session.Destination`."""
    target_in: Callable[[str], str] = str
    """The target that a text names, to be watched. Raises SettingsError."""
    worker_of_session: Callable[[Session], Awaitable[str | None]] = own_target
    """The worker of a session, whose schedules these are; None where there is none yet. Raises ApiError."""
    schedules: Callable[[], ScheduleApi] | None = None
    webhooks: WebhookApi | None = None
    """None: the service has no webhooks."""
    stored_workers: StoredWorkerCatalog | None = None
    """The stored workers of the service; None where there are none."""
    replay: Replay | None = None
    """Plays the session on the screen, of which nothing can be sent; None: this is no replay."""
    keeps_history: bool = True
    """Whether the history is as the person wants it: on disk, or nowhere (`--no-history`)."""
    can_resume: bool = True
    """Whether the history is on disk, where the next program finds it."""

    async def typical_cost(self, worker_id: str | None, budget: str, prices: Prices | None) -> TypicalCost:
        """As that of `charges`, of real or simulated money as here, at the person's price of a credit."""
        simulated = self.limits.simulated
        return await self.charges.typical_cost(worker_id, budget, simulated=simulated, prices=prices)

    @property
    def is_replaying(self) -> bool:
        """Whether a replay has not come to its end."""
        return self.replay is not None and not self.replay.is_over


class EarlyPrompt(Protocol):
    """The prompt that is shown in the terminal while the app is still loading."""

    attributes: list[Any]
    """The attributes of the terminal before the early prompt, as returned by `termios`."""
    lines: list[str]
    """Lines entered before there was anything to see."""

    def finish(self) -> tuple[str, list[bytes]]:
        """Hand the terminal over in its present state.

        Returns the text typed into the prompt, and the bytes that are still to be processed, cut at pauses.
        """

    def note(self, data: bytes) -> None:
        """Keep input that was read after that, until the app keeps it. Called in a thread."""
        ...


class EarlyTexts(Protocol):
    """What is typed while no history keeps it: on disk, for the next program. Nothing is raised."""

    async def keep(self, text: str) -> bool:
        """Keep the text in place of the one before; False where neither it nor a newer one is on disk."""
        ...

    async def take(self) -> list[str]:
        """The texts of programs that ended without a history; they stay on disk until `forget`."""
        ...

    async def forget(self) -> None:
        """Remove what was kept and taken: it is in the history."""
        ...


class SettingStore(Protocol):
    """The settings of the next start. Its methods read and write the config file: call them in a thread.

    Raises (both): SettingsError, LocalFileError.
    """

    def listed(self) -> Sequence[ShownSetting]:
        """Every setting."""
        ...

    def change(self, name: str, typed: str | None) -> str:
        """Write a value into the config file, None removes it; returns the result as a sentence."""
        ...


class NoticeOptions(Struct, frozen=True):
    """How the end of a turn is announced outside of the screen."""

    notify: str = "off"
    """"auto": the bell, and what else the terminal takes; "bell"; "off"."""
    on_done: tuple[str, ...] = ()
    """A command, without a shell, that gets the facts of each ended turn as JSON; () for none."""
    on_limit: tuple[str, ...] = ()
    """The same for each limit that is nearly or quite used up."""


class AppOptions(Struct, frozen=True):
    """Options for the start of the app."""

    connect: Callable[[], Awaitable[Connection]]
    """Raises SettingsError, LedgerError; called once, after the first frame."""
    disk: LocalFiles
    opening: Opening = Opening.LAST_OR_FRESH
    session: str | None = None
    worker: str | None = None
    """What -w names: a worker for the messages."""
    target: str | None = None
    """What names a target to watch or to continue."""
    prompt: str | None = None
    """A message to send after connecting, None for none."""
    start: StartPolicy = StartPolicy.MEASURED
    """How that message starts under limits."""
    attachments: tuple[str, ...] = ()
    """Paths of files to attach to the first message."""
    budget: str = "standard"
    local: bool = False
    """Whether the local worker is used; the first frame shows it before connecting."""
    theme: str | None = None
    """The theme of the configuration, or the one chosen last; None: as the terminal's background."""
    compact: bool = False
    """Whether the screen leaves out empty rows and boxes."""
    reduced_motion: bool = False
    """Whether nothing turns, blinks or slides."""
    terminal_caret: bool = False
    """Whether the cursor of the terminal marks where text is typed; else it is drawn there."""
    notices: NoticeOptions = NoticeOptions()
    settings: SettingStore | None = None
    keep_theme: Callable[[str], None] = lambda _name: None
    """Keeps the short name of a chosen theme for the next start. Raises OSError; called in a thread."""
    keys: tuple[tuple[str, str], ...] = ()
    """Remapped keys: (binding id, key), from the config file."""
    crash_folder: Path | None = None
    """The folder for crash reports; None writes them to the terminal."""
    early: EarlyPrompt | None = None
    early_texts: EarlyTexts | None = None
    """None: nothing is kept beside the history."""
    copy: Callable[[str], Awaitable[str]] | None = None
    """Copies a text with a program of this machine; returns its name, "" where there is none."""
    conceal: Callable[[str], str] = str
    """Removes the API key from a text."""
    host_question: str = ""
    """What to ask before the API key goes to a host for the first time; "" for a known one."""
    trust_host: Callable[[], None] = lambda: None
    """Remembers a yes to that; called in a thread."""
