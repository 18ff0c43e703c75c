"""What the engine depends on, as Protocols, and how patient it is with a service."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from handinger_tui.core.errors import ApiError, BrokenContract, NoHistory, Refused, Unreachable
from handinger_tui.core.turns.turn import ErrorKind, TurnRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from handinger_tui.core.money.limits import Gauge
    from handinger_tui.core.stream import Frame, RawFrame, StreamRoute, WorkerBody
    from handinger_tui.core.turns.session import RelatedHistory, RemoteTurn, Session
    from handinger_tui.core.turns.turn import StartPolicy


class Reply(Protocol):
    """A successful (2xx) response whose body is being read.

    `content_type` is the media type in lower case without parameters ("" when
    absent); `encoding` names a stream protocol header if one was sent
    (`x-vercel-ai-ui-message-stream` → "ai-ui", `x-vercel-ai-data-stream` → "ai4");
    `worker_id` comes from a Location or x-worker-id header when there is one.
    """

    via: StreamRoute
    http_status: int
    content_type: str
    encoding: str
    worker_id: str | None

    def pieces(self) -> AsyncGenerator[RawFrame, None]:
        """Yield the frames of the body in order of arrival; none for a 204 and an empty 202.

        A JSON body is one `RawFrame` of framing JSON. Keep-alives are not yielded.
        Events that are too large are dropped and counted in `dropped`.

        Raises:
            StreamLost: the connection was cut, was silent beyond the idle limit, or exceeded the turn limit.
            BrokenContract: unusable encoding, unexpected content.
        """

    @property
    def dropped(self) -> int:
        """How many events were dropped because they exceeded the limit of size; the turn counts them."""


class TurnStarts(Protocol):
    """How a turn begins: by a POST, which is not counted as a reading."""

    def new_target(self, turn_id: str, /) -> str | None:
        """The target that a turn begins, where it is known before the POST; None: the service names it.

        With it the end of a turn whose answer never came can be read.
        """

    def start_turn(
        self, request: TurnRequest, departed: Callable[[], None] = ...
    ) -> AbstractAsyncContextManager[Reply]:
        """POST a turn: one request, never repeated once a byte of it may have left.

        `departed()` is called when the first byte of the request may be leaving. A request cancelled
        before that is known not to have been sent.

        Raises:
            Unreachable, Refused, Doubtful, ServerFault, BrokenContract
        """


class WorkerReads(Protocol):
    """The readings of workers."""

    def follow(self, worker_id: str, via: StreamRoute) -> AbstractAsyncContextManager[Reply]:
        """GET ?stream=true (`StreamRoute.REPLAY`) or /stream (`StreamRoute.SUBSCRIBE`). Raises ApiError."""

    async def read_worker(self, worker_id: str) -> WorkerBody:
        """GET the worker, a JSON object, in a single attempt; the engine decides about retries.

        Raises:
            ApiError
        """


class WorkerApi(TurnStarts, WorkerReads, Protocol):
    """One generation of the Handinger API. What a target (`TurnRequest.target_id`) is, only it knows."""


class TurnHistory(Protocol):
    """The durable record of turns (the ledger)."""

    @property
    def no_history(self) -> NoHistory | None:
        """Why nothing may be sent: turns cannot be recorded, or earlier spending is unknown.

        None where the record is durable, or the user agreed to send without one. The sender checks
        it before every send, and raises it.
        """

    async def open_turn(
        self,
        session: Session,
        request: TurnRequest,
        replaces: tuple[str, Frame] | None = None,
        start: StartPolicy | None = None,
    ) -> None:
        """Commit the turn and a charge without amounts, before a byte of its request may leave.

        `replaces`: the id of a queued turn whose place this one takes, and the frame that settles it.
        Both are written in one transaction, so that a crash never leaves both turns queued. `start`: the
        turn starts at once; the same transaction checks the limits and reserves what it will probably take.

        Raises:
            LimitReached: the turn may not start; nothing was stored.
            LedgerError: then nothing may be sent.
        """

    async def start_turn(
        self, session: Session, request: TurnRequest, at_ms: int, start: StartPolicy
    ) -> None:
        """Check the limits for a queued turn that starts at `at_ms`, and reserve, in one transaction.

        Raises:
            LimitReached: the turn may not start; it stays queued.
            LedgerError: then nothing may be sent.
        """

    async def release_turn(self, turn_id: str) -> None:
        """Give back what a turn has reserved that does not start after all. Raises LedgerError."""

    def append(self, turn_id: str, frame: Frame) -> None:
        """Queue a frame for writing; returns at once, order is kept."""

    async def flush(self) -> None:
        """Wait until everything queued is committed.

        Raises:
            LedgerError: frames could not be written; they stay queued in memory.
        """

    async def close_turn(self, session: Session, turn_id: str) -> RelatedHistory | None:
        """Write status, last snapshot and the turn's one charge in one transaction.

        Returns what other sessions have on the workers of this one now; None where that is unknown.
        """

    async def move_last(self, turn_ids: Sequence[str]) -> None:
        """Move queued turns to the end of their session, in this order and in one transaction.

        Raises:
            LedgerError
        """

    async def charge(self, session: Session) -> RelatedHistory | None:
        """Write what the turns of the session cost so far, including the running one.

        Returns what other sessions have on the workers of this one now; None where that is unknown.

        Raises:
            LedgerError: nothing was written; the next call, or `close_turn`, writes it.
        """

    async def adopt(self, session: Session, turns: Sequence[RemoteTurn]) -> Session:
        """Store turns that the history does not hold yet, in the order of the worker and in one transaction.

        A remote turn has one entry in a history, whichever program or session stored it. Returns the
        session as it is stored now. That is another session where `session` was never stored and
        another program has stored one of the same worker in the meantime.

        Raises:
            LedgerError: nothing was stored.
        """

    async def frames(self, turn_id: str, since: int = 0) -> list[Frame]:
        """The frames of one turn from number `since` on, in order, also those not committed yet."""

    async def claim(self, turn_id: str) -> bool:
        """Make an open turn this program's own to write; False while another running program has it.

        A turn is open until its end is known, also where it was left running or its delivery is in doubt.

        Raises:
            LedgerError
        """

    async def unsettled(self) -> list[tuple[Session, TurnRequest]]:
        """Turns that a crash left open, oldest first, without those of another running program.

        The sessions are returned without their turns.
        """

    async def sessions_to_read(self, due_ms: int | None, recent_ms: int | None = None) -> list[Session]:
        """Sessions, without their turns, whose worker may have news, in the order in which to read them.

        Their turn was left running or in doubt, or its amount is not settled. `due_ms`: only those that are
        to be read by this time; None: all. Those that another running program has are omitted.

        Raises:
            LedgerError
        """

    async def note_late_read(self, session_id: str, at_ms: int, *, answered: bool) -> None:
        """Store that the worker of a session was read, or that this was tried: others come first next time.

        Where the service `answered`, the next reading is due once the newest figures are twice as old.

        Raises:
            LedgerError
        """

    async def load(self, session_id: str) -> Session | None:
        """The session with every turn folded from its frames; None when it is not stored."""


class MessageOffers(Protocol):
    """Messages that one program has stored for another one, which watches their session, to send.

    Raises (all): LedgerError.
    """

    async def offer(self, turn_id: str) -> bool:
        """Offer a queued turn to the program that watches its session; False where none does."""

    async def take(self) -> list[tuple[str, TurnRequest]]:
        """Take the turns that were offered to this program: session ids with the requests."""

    async def take_back(self, turn_id: str) -> bool:
        """Take an offer back; False: the other program has taken it, and sends the message."""


class LimitReader(Protocol):
    """The user's spending limits, and what was spent of them."""

    async def gauges(self, session: Session) -> Sequence[Gauge]:
        """One gauge for each limit that applies to this session, by the current state of the ledger.

        Raises:
            LedgerError: the ledger cannot be read.
        """


class Clock(Protocol):
    """The wall clock, the monotonic clock, and sleeping."""

    def now_ms(self) -> int:
        """The time as milliseconds since 1970."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""


class Ids(Protocol):
    """Generates ids that are unique in every history."""

    def new(self, prefix: str) -> str:
        """A new id: `prefix_` and a unique text."""


READS: Final = 4
"""Attempts at a read of the worker whose result a caller waits for."""
LONGEST_PAUSE: Final = 60.0
"""The most seconds to wait because a Retry-After header asks for it."""


class RetryPolicy(Struct, frozen=True):
    """Intervals and timeouts in seconds. None of them ever stops the worker itself."""

    poll_interval: float = 2.0
    poll_interval_max: float = 10.0
    recovery_window: float = 120.0
    """How long GETs may fail, or show no progress, before a turn in doubt is settled as unknown."""
    absence_reads: int = 3
    absence_seconds: float = 15.0
    """After `absence_reads` reads over this time that do not list a turn, it counts as not delivered."""
    max_wait: float | None = None
    """How long one turn is watched; None: without end."""
    money_interval: float | None = 2.0
    """Interval at which usage and costs are polled while a stream runs; None: do not poll."""
    late_reads: tuple[float, ...] = ()
    """Pauses after the end of a turn, after each of which the worker is read again for late costs."""
    reads_per_s: float | None = None
    """How many readings the service gets in all, in the long run; None: as many as the one turn makes."""
    most_watched: int = 200
    """How many runs are watched at once that nobody asked to watch."""
    before_timeout: float = 4.0
    """Timeout of the read before a POST, which is optional and may fail."""

    def pause(self, attempt: int) -> float:
        """Seconds to wait before GET number `attempt` (from 1): exponential backoff, capped, with jitter."""
        backoff = min(
            self.poll_interval * 1.5 ** (attempt - 1), max(self.poll_interval, self.poll_interval_max)
        )
        return backoff * random.uniform(0.75, 1.0)  # noqa: S311 - jitter, no secret

    @property
    def absence_span(self) -> float:
        """`absence_seconds`, but at most 80% of the recovery window."""
        return min(self.absence_seconds, self.recovery_window * 0.8)


async def read_with_retries(
    read: Callable[[], Awaitable[WorkerBody]], clock: Clock, policy: RetryPolicy, reads: int
) -> WorkerBody:
    """The result of `read`, which is repeated after a server or network error, at most `reads` times in all.

    A refusal, a broken contract and an unreachable service are final; a rate limit is not.

    Raises:
        ApiError: of the last attempt.
    """
    for attempt in range(1, reads):
        try:
            return await read()
        except (BrokenContract, Unreachable):
            raise
        except ApiError as trouble:
            if isinstance(trouble, Refused) and trouble.kind is not ErrorKind.RATE_LIMITED:
                raise
            retry_after = min(trouble.retry_after_s or 0.0, LONGEST_PAUSE)
            await clock.sleep(max(policy.pause(attempt), retry_after))
    return await read()
