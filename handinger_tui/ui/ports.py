"""Launch: everything the app is given from outside, as values and functions.

The app never imports the client, the ledger or the local worker. It shows its
first frame, then calls `connect`, which may start the local worker, open the
database and build the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from handinger_tui.core.errors import NoSuchFile
from handinger_tui.core.money.limits import Gauge, Limit, Scope, Unit
from handinger_tui.core.money.spending import Bucket, ChargeFilter, GroupBy, TurnCharge
from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session, SessionSummary
from handinger_tui.core.turns.turn import Attachment, FilePart

if TYPE_CHECKING:
    # With every event and dialect of the core: 40 ms, wanted when there is a connection.
    from handinger_tui.engine.engine import Engine


class Opening(Enum):
    """Which session the app opens on."""

    LAST_OR_FRESH = auto()
    FRESH = auto()
    LAST = auto()
    """-c: the last session; an error when there is none."""
    CHOSEN = auto()
    """`session` names it."""
    PICKER = auto()
    """-r without an id."""
    WORKER = auto()
    """-w: `worker` names it."""


class SessionStore(Protocol):
    """What the app reads and writes of the history besides turns.

    Raises (all): LedgerError.
    """

    async def sessions(self, limit: int = 200) -> list[SessionSummary]:
        """Newest first."""
        ...

    async def find(self, prefix: str) -> list[str]:
        """Ids of sessions whose own, worker's or task's id begins so, newest first; an exact one alone."""
        ...

    async def prompts(self, limit: int = 500) -> list[str]:
        """Earlier prompts, oldest first, without repetitions."""
        ...

    async def search(self, text: str) -> list[SessionSummary]:
        """Sessions whose prompts or answers hold the words."""
        ...

    async def rename(self, session_id: str, title: str) -> None:
        """Give a session a title."""
        ...

    async def delete(self, session_id: str) -> None:
        """Forget a session; nothing is deleted at the service."""
        ...

    async def draft(self, session_id: str) -> str:
        """The text that was being typed; empty when there is none."""
        ...

    async def save_draft(self, session_id: str, text: str) -> None:
        """Keep the text that is being typed."""
        ...

    async def mark_read(self, session_id: str) -> None:
        """The person has seen its newest answer."""
        ...

    async def mark_unread(self, session_id: str) -> None:
        """An answer came that the person has not seen."""
        ...


class ChargeReader(Protocol):
    """The record of what turns took, for every page that tells of money.

    Raises (all): LedgerError.
    """

    async def buckets(self, by: GroupBy, which: ChargeFilter) -> list[Bucket]:
        """Groups of turns: days in order of time, everything else the dearest first, unknown last."""
        ...

    async def turn_charges(self, which: ChargeFilter, limit: int = 200, offset: int = 0) -> list[TurnCharge]:
        """Turn by turn, the newest first."""
        ...

    async def usual(self, worker_id: str | None, budget: str, *, simulated: bool) -> TypicalCost:
        """What the newest turns of a worker (None: a new one) at a budget took."""
        ...

    async def changed(self) -> bool:
        """Something was written since the last call, by this program or another one."""
        ...


class LimitStore(Protocol):
    """The person's limits.

    Raises (all): LedgerError.
    """

    simulated: bool
    """The local worker's pretend money."""

    async def limits(self, session: Session) -> tuple[Limit, ...]:
        """The limits that count for a session, one per scope and unit."""
        ...

    async def gauges(self, session: Session) -> tuple[Gauge, ...]:
        """Each with what is spent of it."""
        ...

    async def set_limit(self, session: Session, scope: Scope, unit: Unit, amount: Decimal | None) -> None:
        """Keep a limit typed by the person, for every program on this history; None lifts it.

        Raises:
            HandingerError: a limit of the worker before there is one.
        """
        ...

    def today(self) -> ChargeFilter:
        """The charges since local midnight, real or simulated as we are."""
        ...


Progress = Callable[[int, int | None], None]
"""Told the bytes so far and in all; None: nobody knows."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The first bytes of a file. `whole`: that is all of it; `total`: its size where it is known.

    `saved`: they come from the copy on the disk.
    """

    data: bytes
    whole: bool
    total: int | None = None
    saved: bool = False


class Files(Protocol):
    """The worker's files: brought here, and opened once they are here.

    With `reread`, the id of their worker, it is read again (a GET, free) where an
    address has expired, and the fresh address is used.

    Raises (all): ApiError; LinkExpired where `reread` may help.
    """

    @property
    def folder(self) -> str:
        """Where downloads go unless another folder is chosen."""
        ...

    async def save(
        self,
        file: FilePart,
        folder: str | None = None,
        *,
        progress: Progress | None = None,
        reread: str | None = None,
    ) -> str:
        """Download into the download folder, or the one that a person typed, never over another file.

        Returns the path. A folder that is not there is made.
        """
        ...

    async def fetch(
        self, file: FilePart, most: int, *, progress: Progress | None = None, reread: str | None = None
    ) -> Fetched:
        """At most `most` bytes into memory."""
        ...

    async def read(self, path: str, most: int) -> Fetched | None:
        """At most `most` bytes of a file that was saved; None when it is there no more."""
        ...

    async def open(self, path: str) -> bool:
        """Hand a saved and judged file to the system's program; False when there is none."""
        ...


class LocalFiles(Protocol):
    """The files of this machine that may go with a message. Both may take long: call them in a thread."""

    def attachment(self, path: str) -> Attachment:
        """Look at a file, all of it.

        Raises:
            AttachmentProblem: it cannot be sent; `NoSuchFile` where nothing is there.
        """
        ...

    def listing(self, folder: str, prefix: str, *, hidden: bool) -> tuple[str, ...]:
        """Names in a folder that begin so, a few hundred at most, folders with a slash; () if unreadable."""
        ...


class NoFiles:
    """Where there is no disk to look at."""

    def attachment(self, path: str) -> Attachment:
        """Never there."""
        raise NoSuchFile(f"There is no file {clean_line(path, 200)}.")

    def listing(self, folder: str, prefix: str, *, hidden: bool) -> tuple[str, ...]:  # noqa: ARG002 - as the port
        """Empty."""
        return ()


@dataclass(frozen=True, slots=True)
class Account:
    """Which account is paying. `key_tail`: last four of the key, "" for none."""

    profile: str
    host: str
    key_tail: str
    local: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """What `connect` brings."""

    engine: Engine
    shelf: SessionStore
    badge: Account
    base_url: str
    files: Files
    open_link: Callable[[str], Awaitable[bool]]
    """Hand an already judged address to the system's browser; False when there is none."""
    email: Callable[[str], Awaitable[str]]
    """The inbound e-mail address of a worker. Raises ApiError."""
    books: ChargeReader
    purse: LimitStore
    save_text: Callable[[str, str], Awaitable[str]]
    """(name, text) → path: a file of our own making into the download folder, never over another one.

    Raises ApiError.
    """
    warnings: Sequence[str] = ()
    """Things to say once (no durable history, a damaged database set aside)."""
    without_history: Callable[[], None] | None = None
    """Let turns be sent although nothing can be recorded, once the person agreed; None: never."""


class EarlyPrompt(Protocol):
    """Who has the terminal, and shows a prompt in it, before the app is there."""

    attributes: list[Any]
    """Of the terminal before that, as `termios` tells them."""

    def finish(self) -> tuple[str, bytes]:
        """Leave the terminal to the app as it stands; what was typed: the prompt, then bytes to be read."""
        ...


@dataclass(frozen=True, slots=True)
class AppOptions:
    """How the app starts."""

    connect: Callable[[], Awaitable[Connection]]
    """Raises SettingsError, LedgerError; called once, after the first frame."""
    opening: Opening = Opening.LAST_OR_FRESH
    session: str | None = None
    worker: str | None = None
    prompt: str | None = None
    """Sent at once when given."""
    attachments: tuple[str, ...] = ()
    """Paths for the first message."""
    disk: LocalFiles = NoFiles()
    budget: str = "standard"
    mouse: bool = True
    local: bool = False
    """Known before connecting, for the first frame."""
    theme: str | None = None
    pictures: str = "auto"
    """"auto", "kitty" or "blocks": how a preview shows a picture."""
    keys: tuple[tuple[str, str], ...] = ()
    """Remapped keys: (binding id, key), from the configuration file."""
    crash_folder: Path | None = None
    """Where the report of a failure of our own goes; None: to the terminal."""
    early: EarlyPrompt | None = None
    conceal: Callable[[str], str] = str
    """Takes the key out of a text, should it stand in one."""
