"""SQLite for the ledger: transactions, errors and locks, values of the core in rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar

from handinger_tui.core.decimals import EXACT, INT64_MAX
from handinger_tui.core.errors import Damaged, LedgerError, Locked, NoRoom
from handinger_tui.core.jsontext import as_object, dump, parse, text_at
from handinger_tui.core.prompts import attachments_from_text, lineage_from_text
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import FRAMINGS, UNREADABLE, Frame, Framing
from handinger_tui.core.turns.fold import is_understood
from handinger_tui.core.turns.messages import normalized_prompt
from handinger_tui.core.turns.session import About, Session
from handinger_tui.core.turns.turn import Trigger, TurnRequest, TurnStatus

T = TypeVar("T")


class Care(StrEnum):
    """How durable a commit is: the value of `PRAGMA synchronous`."""

    NORMAL = "NORMAL"
    """It survives a crash of the program."""
    FULL = "FULL"
    """It survives a power failure."""


@contextmanager
def transaction(connection: sqlite3.Connection, care: Care = Care.NORMAL) -> Iterator[None]:
    """Run the body in one transaction. It takes the write lock first, where the busy timeout applies."""
    connection.execute(f"PRAGMA synchronous = {care}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back by itself, for example on a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A read transaction: all queries in it see the same state. It does not block writers."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("COMMIT")


# -- errors and locks --------------------------------------------------------------------
BUSY_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
DAMAGE_CODES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
READ_ERROR_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR_READ,
        sqlite3.SQLITE_IOERR_SHORT_READ,
        sqlite3.SQLITE_IOERR_FSTAT,
        sqlite3.SQLITE_IOERR_RDLOCK,
    }
)
"""Extended codes of input/output errors that do not concern writing."""
NO_COLUMN: Final = "No item with that key"
"""Text of the IndexError for a missing column, which means that the stored schema is damaged."""
CANNOT_READ: Final = "Cannot read the history"


def translate(problem: sqlite3.Error | OSError, *, reading: bool = False) -> LedgerError:
    """Translate an error to a LedgerError. `reading`: the operation was only a read."""
    if isinstance(problem, OSError):
        reason = problem.strerror or type(problem).__name__
        hint = "Check the folder, or set another one with HANDINGER_TUI_HOME."
        if reading:
            return LedgerError(f"{CANNOT_READ}: {reason}.", hint)
        return NoRoom(f"Cannot write the history: {reason}.", hint)
    extended = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    # The low byte is the primary result code, the other bytes extend it (SQLite, "Result and Error Codes").
    code = extended & 0xFF
    if code in BUSY_CODES:
        return locked()
    if code in DAMAGE_CODES:
        return damaged()
    if code == sqlite3.SQLITE_CONSTRAINT:
        return LedgerError("The history already contains this entry or lacks its parent.")
    cause = clean_line(str(problem), 200)
    if code == sqlite3.SQLITE_ERROR:
        # Our statements are right, so what they name is not there any more.
        return LedgerError(f"Cannot use the history: {cause}.", "Check it with: handinger-tui doctor")
    if reading or extended in READ_ERROR_CODES:
        return LedgerError(f"{CANNOT_READ}: {cause}.", "Check the disk and the file's owner.")
    return NoRoom(f"Cannot write the history: {cause}.", "Check for free disk space and the folder's owner.")


def locked(hint: str = "Try again in a moment.") -> Locked:
    """The error for a history that another process has locked."""
    return Locked("The history is in use by another process.", hint)


def damaged() -> Damaged:
    """The error for a damaged history."""
    return Damaged("The history is damaged.", "To save what can be read: handinger-tui doctor --repair.")


@contextmanager
def translated(*, reading: bool = False) -> Iterator[None]:
    """Raise errors of the database and the disk in the body as LedgerError."""
    try:
        yield
    except (sqlite3.Error, OSError) as problem:
        raise translate(problem, reading=reading) from problem
    except UnicodeDecodeError as problem:
        # SQLite quotes damaged text in its own error message, which then cannot be decoded.
        raise damaged() from problem
    except IndexError as problem:
        if NO_COLUMN not in str(problem):
            raise
        raise damaged() from problem


LOCK_WAIT_S: Final = 5.0
"""Seconds to wait for a lock of another process."""
ATTEMPT_S: Final = 1.0
"""Seconds that SQLite itself waits for a lock; after that `on_wait` is called."""


class LockRetries:
    """Repeats an attempt that met a lock, for `total_s` seconds at most. For one thread.

    `on_wait()` is called after each attempt that met a lock and will be repeated. Once that time
    has passed without success, later attempts are made only once, until something is written again: a
    program that closes must not wait again for each of its last writes.
    """

    def __init__(self, total_s: float, on_wait: Callable[[], None] = lambda: None) -> None:
        self._total_s = total_s
        self._on_wait = on_wait
        self._timed_out = False
        self._given_up = False

    @property
    def attempt_s(self) -> float:
        """The busy timeout of one attempt, in seconds."""
        return min(ATTEMPT_S, self._total_s)

    def run(self, attempt: Callable[[], T]) -> T:
        """The result of `attempt`, which has to be repeatable.

        Raises:
            Locked: the lock was not free within the time.
        """
        deadline = monotonic() + (0.0 if self._timed_out else self._total_s)
        while True:
            try:
                return attempt()
            except Locked:
                if self._given_up or monotonic() >= deadline:
                    self._timed_out = True
                    raise
                self._on_wait()

    def give_up(self) -> None:
        """Stop waiting, now and later, because the program is closing. May be called from any thread."""
        self._given_up = True

    def wrote(self) -> None:
        """Allow waiting again: something was written, so the lock was free."""
        self._timed_out = False


# -- values -------------------------------------------------------------------------------
Cell = str | bytes | int | None
Row = Mapping[str, Any]
"""A `sqlite3.Row`, which is read by column name; its values have no static type."""


class TurnFrame(NamedTuple):
    """A frame and the turn it belongs to."""

    turn_id: str
    frame: Frame


def pack(text: str) -> str | bytes:
    """`text` as it can be stored: unchanged, or as bytes where it contains a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def pack_optional(text: str | None) -> str | bytes | None:
    return None if text is None else pack(text)


_SHORT: Final = 200
"""Up to this many bytes a damaged text is a name or a title, and is replaced entirely."""


def readable(data: bytes) -> str:
    """Any bytes as text: a short damaged text becomes UNREADABLE, a long one loses its damaged bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return UNREADABLE if len(data) <= _SHORT else data.decode("utf-8", "replace")


def unpack(value: object) -> str:
    """The inverse of `pack`; never raises."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return UNREADABLE
    try:
        return value.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return readable(value)


def prompt_key(prompt: object) -> str:
    """A short key that is equal for texts that count as the same prompt (`normalized_prompt`)."""
    from hashlib import sha256  # loads OpenSSL, 2 MB, which a start has no use for

    return sha256(normalized_prompt(unpack(prompt)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def unpack_optional(value: object) -> str | None:
    """The inverse of `pack_optional`; never raises."""
    return None if value is None else unpack(value)


def int_or_zero(value: object) -> int:
    """The value of an INTEGER column; 0 where it is damaged."""
    return value if isinstance(value, int) else 0


def int_or_none(value: object) -> int | None:
    """The value of a nullable INTEGER column; None where it is damaged."""
    return value if isinstance(value, int) else None


def int64_or_none(number: int | None) -> int | None:
    """`number` where an INTEGER column (64 bits) can hold it, else None."""
    return number if number is not None and abs(number) <= INT64_MAX else None


def frame_row(item: TurnFrame) -> tuple[Cell, ...]:
    """The values of a row of `frames`, in order of its columns."""
    frame = item.frame
    return (
        pack(item.turn_id),
        frame.seq,
        frame.at_ms,
        str(frame.framing),
        pack(frame.event),
        pack_optional(frame.id),
        pack(frame.data),
    )


FRAME_COLUMNS: Final = "seq, at_ms, framing, event, id, data"


def frame_of(row: Iterable[Any]) -> Frame:
    """The frame of a row of `FRAME_COLUMNS`. A damaged row becomes a JSON frame that the fold skips."""
    # Read by position and without a call for each text: an answer may have fifty thousand frames.
    seq, at_ms, framing_text, event, frame_id, data = row
    framing = FRAMINGS.get(framing_text)
    frame = Frame(
        seq,
        at_ms,
        framing or Framing.JSON,
        data if isinstance(data, str) else unpack(data),
        event if isinstance(event, str) else unpack(event),
        frame_id if isinstance(frame_id, str) else unpack_optional(frame_id),
    )
    if framing is None or not isinstance(at_ms, int) or not is_understood(frame):
        return Frame(int_or_zero(seq), int_or_zero(at_ms), Framing.JSON, UNREADABLE)
    return frame


def request_of(row: Row) -> TurnRequest:
    """The turn request of a row of `turns`."""
    return TurnRequest(
        turn_id=unpack(row["turn_id"]),
        prompt=unpack(row["prompt"]),
        created_ms=int_or_zero(row["created_ms"]),
        target_id=unpack_optional(row["ordered_worker_id"]),
        budget=unpack_optional(row["budget"]),
        attachments=parsed(attachments_from_text, row["attachments"], ()),
        seen_before=int_or_none(row["seen_before"]),
        trigger=trigger_of(row["started_by"]),
        lineage=parsed(lineage_from_text, row["lineage"], None),
        service_ms=int_or_none(row["service_ms"]),
        imported_ms=int_or_none(row["imported_ms"]),
    )


def parsed(read: Callable[[str], T], stored: object, damaged: T) -> T:
    """The value of a text; `damaged` where it is NULL or cannot be read."""
    try:
        return damaged if stored is None else read(unpack(stored))
    except (ValueError, TypeError):
        return damaged


def listed(statuses: Iterable[TurnStatus]) -> str:
    """Statuses as the list of an IN in SQL."""
    return ", ".join(f"'{status}'" for status in sorted(statuses))


def trigger_of(stored: object) -> Trigger:
    """What started a turn; UNKNOWN for a turn stored before this was recorded."""
    return _TRIGGERS.get(stored, Trigger.UNKNOWN)


def status_of(stored: object) -> TurnStatus:
    """The status of a turn; UNKNOWN where it is damaged."""
    return _STATUSES.get(stored, TurnStatus.UNKNOWN)


_TRIGGERS: Final[dict[object, Trigger]] = {str(one): one for one in Trigger}
_STATUSES: Final[dict[object, TurnStatus]] = {str(one): one for one in TurnStatus}


def session_of(row: Row) -> Session:
    """The session of a row of `sessions`, without its turns."""
    return Session(
        session_id=unpack(row["session_id"]),
        created_ms=int_or_zero(row["created_ms"]),
        worker_id=unpack_optional(row["worker_id"]),
        stored_worker_id=unpack_optional(row["template"]),
        generation=unpack(row["generation"]),
        base_url=unpack(row["base_url"]),
        title=unpack(row["title"]),
        updated_ms=int_or_zero(row["updated_ms"]),
        unread=bool(row["unread"]),
    )


def about_to_text(about: About) -> str:
    """What a service says of a target, as JSON."""
    return dump({name: getattr(about, name) for name in About.__struct_fields__})


def about_from_text(text: str) -> About:
    """The inverse of `about_to_text`. Raises ValueError: it is damaged."""
    fields = as_object(parse(text))
    return About(
        text_at(fields, "title"),
        text_at(fields, "url"),
        int_or_none(fields.get("created_ms")),
        int_or_none(fields.get("completed_ms")),
    )


def split(name: str, table: str = "") -> str:
    """SQL for a sum in millions and remainder: SUM raises on overflow, and hostile amounts reach 2^63.

    `table`: the alias of its table, where the query has several.
    """
    column = f"{table}.{name}" if table else name
    return f"SUM({column} / 1000000) AS {name}_high, SUM({column} % 1000000) AS {name}_low"


def scaled(high: int | None, low: int | None, places: int) -> Decimal | None:
    """Millions and remainder (see `split`) as an exact amount with `places` decimals."""
    if not isinstance(high, int) or not isinstance(low, int):
        # NULL is unknown, and a damaged value counts as unknown.
        return None
    number = Decimal(high * 1_000_000 + low)
    return number.scaleb(-places, EXACT) if places else number
