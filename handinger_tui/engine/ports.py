"""Ports: what the engine needs from the outside, as Protocols. Nobody here imports an adapter."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from handinger_tui.core.errors import NoHistory
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.stream.frames import Frame, RawFrame, StreamRoute
from handinger_tui.core.stream.worker_snapshot import WorkerBody
from handinger_tui.core.turns.remote_turn import RemoteTurn
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import TurnRequest


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
        """The body in order of arrival; empty for 204 and an empty 202.

        A JSON body comes as one Piece of framing JSON. Keep-alives never show.
        Events that are too large are dropped and counted in `dropped`.

        Raises:
            StreamLost: cut, silence beyond the idle limit, turn limit exceeded.
            BrokenContract: unusable encoding, unexpected content.
        """
        ...

    @property
    def dropped(self) -> int:
        """Events left out because they exceeded the event limit."""
        ...


class WorkerApi(Protocol):
    """One generation of the Handinger API."""

    def start_turn(
        self, order: TurnRequest, departed: Callable[[], None] = ...
    ) -> AbstractAsyncContextManager[Reply]:
        """POST the order; one request, never repeated once a byte may have left.

        `departed()` is called when the first byte of the request may be leaving; before that a
        cancelled request is known not to have been sent.

        Raises:
            Unreachable, Refused, Doubtful, ServerFault, BrokenContract
        """
        ...

    def follow(self, worker_id: str, via: StreamRoute) -> AbstractAsyncContextManager[Reply]:
        """GET ?stream=true (Via.REPLAY) or /stream (Via.SUBSCRIBE).

        Raises:
            ApiError
        """
        ...

    async def read_worker(self, worker_id: str) -> WorkerBody:
        """GET the worker: a JSON object.

        Raises:
            ApiError: one attempt, no repetition; the engine owns the patience.
        """
        ...


class TurnLog(Protocol):
    """The durable record of turns (the ledger)."""

    @property
    def no_history(self) -> NoHistory | None:
        """Why nothing may be sent: turns cannot be recorded, or what was spent before is not known.

        None where the record is durable, or the person agreed to go without. Whoever sends asks
        first, and raises it.
        """
        ...

    def allow_unrecorded(self) -> None:
        """The person agreed to send without a history: `no_history` is None from now on."""
        ...

    async def open_turn(
        self, session: Session, order: TurnRequest, replaces: tuple[str, Frame] | None = None
    ) -> None:
        """Commit the order and a charge of which nothing is known yet, before a byte may leave.

        `replaces`: the id of a queued turn whose place this one takes, and the frame that settles it;
        in the same transaction, so that a crash never leaves both waiting.

        Raises:
            LedgerError: then nothing may be sent.
        """
        ...

    def append(self, turn_id: str, frame: Frame) -> None:
        """Queue a frame for writing; returns at once, order is kept."""
        ...

    async def flush(self) -> None:
        """Wait until everything queued is committed.

        Raises:
            LedgerError: frames could not be written; they stay queued in memory.
        """
        ...

    async def close_turn(self, session: Session, turn_id: str) -> None:
        """Write status, last snapshot and the turn's one charge in one transaction."""
        ...

    async def move_last(self, turn_ids: Sequence[str]) -> None:
        """Queued turns take the last places of their session, in this order and in one transaction.

        Raises:
            LedgerError
        """
        ...

    async def charge(self, session: Session) -> None:
        """Write what the turns of the session took so far, the one under way included.

        Raises:
            LedgerError: it is not written; the next call, or `close_turn`, makes up for it.
        """
        ...

    async def adopt(self, session: Session, turns: Sequence[RemoteTurn]) -> Session:
        """Enter turns that the worker has, whole and in one transaction, but for those known already.

        A remote turn has one entry in a history, whichever program or session made it. Returns the
        session as it is stored now: where `session` itself was never stored and another program has
        stored one of the same worker meanwhile, it is that one.

        Raises:
            LedgerError: nothing was entered.
        """
        ...

    async def frames(self, turn_id: str) -> list[Frame]:
        """The stored frames of one turn, in order (queued ones included)."""
        ...

    async def unsettled(self) -> list[tuple[Session, TurnRequest]]:
        """Turns that were never closed (a crash), oldest first; not those of another live process.

        The sessions come without their turns.
        """
        ...

    async def load(self, session_id: str) -> Session | None:
        """The session with every turn folded from its frames."""
        ...


class LimitReader(Protocol):
    """The person's limits, and what was spent of them."""

    async def gauges(self, session: Session) -> Sequence[Gauge]:
        """One for each limit that counts for this session, by the ledger as it is now.

        Raises:
            LedgerError: it cannot be read.
        """
        ...


class Clock(Protocol):
    """Time. Milliseconds since 1970, monotonic seconds, and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Ids(Protocol):
    """Names that nobody else makes."""

    def new(self, prefix: str) -> str:
        """`prefix_` and something unique."""
        ...
