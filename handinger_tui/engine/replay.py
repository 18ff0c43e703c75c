"""Replay: plays the stored frames of a session again, at their pace, through fold and open session.

Nothing is sent, read from a service, or written: `ReplayHistory` refuses to store, `NoService` each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Final, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.dialects.events import StreamEvent
from handinger_tui.core.errors import LedgerError, NoHistory, Unreachable
from handinger_tui.core.stream import STREAMED, Frame
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import RelatedHistory, Session
from handinger_tui.core.turns.turn import ErrorKind, Turn, TurnRequest
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import Clock, Ids, RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext, SessionActor
from handinger_tui.engine.turn_record import TurnRecord

NOTHING_SENT: Final = "This is a replay: nothing is sent, read or stored."
LONGEST_PAUSE_S: Final = 3.0
"""Longer pauses of the original are shortened to this, before the speed is applied."""
MIN_WAIT_S: Final = 0.01
"""Frames that follow each other faster are shown together."""
FRAMES_AT_ONCE: Final = 100
"""Most frames that are shown together: the screen handles keys in between."""


class Pace(Struct, frozen=True):
    """How fast frames follow each other: `speed` times the original, 0 for as fast as possible.

    `full_pauses`: pauses are not shortened.
    """

    speed: float = 1.0
    full_pauses: bool = False

    def wait_s(self, before_ms: int, now_ms: int) -> float:
        """Seconds between two moments of the original."""
        if not self.speed:
            return 0.0
        pause_s = max(0, now_ms - before_ms) / 1000
        return (pause_s if self.full_pauses else min(pause_s, LONGEST_PAUSE_S)) / self.speed


class ReplayClock:
    """A clock that shows the time of the frame that was played last. Implements `engine.ports.Clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_ms: int | None = None

    def set(self, at_ms: int) -> None:
        """Show `at_ms`, that of the newest frame, from now on."""
        self._at_ms = at_ms

    def now_ms(self) -> int:
        """The time of the last frame; before the first one, the real time."""
        return self._clock.now_ms() if self._at_ms is None else self._at_ms

    def monotonic(self) -> float:
        """As the real clock."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """As the real clock."""
        await self._clock.sleep(seconds)


class NoService:
    """Implements `engine.ports.WorkerApi`; every request is refused before it leaves."""

    def new_target(self, _turn_id: str, /) -> str | None:
        """Return None: a replay begins no target."""
        return None

    def start_turn(self, *_: object, **__: object) -> NoReturn:
        raise unreachable()

    follow = start_turn

    async def read_worker(self, *_: object, **__: object) -> NoReturn:
        raise unreachable()


def unreachable() -> Unreachable:
    """The error of all that would need a service."""
    return Unreachable(ErrorKind.CONNECT, NOTHING_SENT)


class ReplayHistory:
    """Implements `engine.ports.TurnHistory` for one stored session, which begins without its turns."""

    def __init__(self, stored: Session, frames: Callable[[str], Awaitable[list[Frame]]]) -> None:
        """`frames` reads those of a turn, by its id."""
        self._stored = stored
        self._frames = frames

    no_history = NoHistory(NOTHING_SENT)

    async def open_turn(self, *_: object, **__: object) -> NoReturn:
        raise LedgerError(NOTHING_SENT)

    start_turn = close_turn = move_last = adopt = claim = open_turn

    def append(self, *_: object) -> NoReturn:
        raise LedgerError(NOTHING_SENT)

    async def release_turn(self, turn_id: str) -> None:
        """Do nothing: nothing is reserved."""

    async def flush(self) -> None:
        """Do nothing: nothing waits to be written."""

    async def charge(self, session: Session) -> RelatedHistory | None:
        """Write nothing: the charges are in the history already."""
        del session
        return None

    async def frames(self, turn_id: str, since: int = 0) -> list[Frame]:
        """The stored frames of a turn."""
        return [frame for frame in await self._frames(turn_id) if frame.seq >= since]

    async def unsettled(self) -> list[tuple[Session, TurnRequest]]:
        """Return nothing: a replay settles no turn."""
        return []

    async def sessions_to_read(self, due_ms: int | None, recent_ms: int | None = None) -> list[Session]:
        """Return nothing: a replay reads no worker."""
        del due_ms, recent_ms
        return []

    async def note_late_read(self, session_id: str, at_ms: int, *, answered: bool) -> None:
        """Do nothing: a replay reads no worker."""

    async def load(self, session_id: str) -> Session | None:
        """The session without turns, which are played."""
        return replace(self._stored, turns=()) if session_id == self._stored.session_id else None


async def _show(actor: SessionActor, turn: Turn) -> None:
    actor.store.put(turn)


class Replay:
    """Plays the turns of one session through its actor in `engine`. Pause and skip it at any time."""

    def __init__(
        self,
        stored: Session,
        frames: Callable[[str], Awaitable[list[Frame]]],
        pace: Pace,
        clock: ReplayClock,
        ids: Ids,
        tap: Callable[[StreamEvent], None] | None = None,
    ) -> None:
        """`tap` is called with each event of a stream as it is decoded, as in `Engine`."""
        self.session_id = stored.session_id
        self.turns = stored.turns
        self.base_url = stored.base_url
        self.clock = clock
        self._log = ReplayHistory(stored, frames)
        context = ServiceContext(stored.base_url, generation=stored.generation, prices=stored.prices)
        policy = RetryPolicy(money_interval=None)
        self.engine = Engine(NoService(), self._log, self.clock, ids, policy, tap, context)
        self.on_change: Callable[[], None] = lambda: None
        """Called when another turn begins, with a pause, and at the end."""
        self.number = 0
        """The number of the turn that is played, from 1."""
        self.is_over = False
        self.folded: list[int] = []
        """Numbers of turns that are shown at once, since their frames are no longer stored."""
        self.problem: Callable[[], str | None] = lambda: None
        """Returns one line about a problem with the history, which may be in the frames of any turn."""
        self._reported: str | None = None
        self._pace = pace
        self._is_skipped = False
        self._playing = asyncio.Event()
        self._playing.set()
        self._at_ms: int | None = None

    def pop_notice(self) -> str:
        """A new problem with the history, and how the last turn was played; "" where there is neither."""
        problem, before = self.problem(), self._reported
        self._reported = problem
        texts = [problem if problem is not None and problem != before else ""]
        if self.number in self.folded:
            texts.append(f"Turn {self.number} is shown at once: how it arrived is no longer stored.")
        return " ".join(filter(None, texts))

    @property
    def is_paused(self) -> bool:
        """Whether it waits for `toggle`."""
        return not self._playing.is_set()

    def toggle(self) -> None:
        """Pause the replay, or let it continue."""
        if self.is_paused:
            self._playing.set()
        else:
            self._playing.clear()
        self.on_change()

    async def run(self, ended: Callable[[Turn], None] = lambda _turn: None) -> None:
        """Play all turns; `ended` is called after each of them.

        Raises:
            LedgerError: the history cannot be read.
        """
        await self.engine.open(self.session_id)
        actor = self.engine.actor(self.session_id)
        for stored in self.turns:
            self.number += 1
            self.on_change()
            frames = await self._log.frames(stored.turn_id)
            # Another program may have stored more of a running turn since the session was read.
            turn = fold(stored.request, frames) if stored.live else stored
            await self._wait_until(turn.request.created_ms)
            # In the compact form of a turn, one frame stands for a run of them.
            is_complete = all(frame.seq == number for number, frame in enumerate(frames))
            self._is_skipped = False
            if is_complete:
                await actor.inbox.request(partial(self._begin, actor, turn, frames))
                await actor.settled()
            if actor.session.turns[-1:] != (turn,):
                if not self._is_skipped:
                    self.folded.append(self.number)
                await actor.inbox.request(partial(_show, actor, turn))
            if frames:
                self._at_ms = frames[-1].at_ms
                self.clock.set(self._at_ms)
            ended(turn)
        self.is_over = True
        self.on_change()

    async def _begin(self, actor: SessionActor, turn: Turn, frames: Sequence[Frame]) -> None:
        actor.store.put(Turn(turn.request))
        record = actor.store.new_record(turn.turn_id)
        # Not ours: it shows the stored frames and writes none.
        record.is_ours = False
        # Until all of it was shown; the person may skip it before its first step.
        self._is_skipped = True
        actor.runs.launch(record, partial(self._play, frames, record))

    async def _play(self, frames: Sequence[Frame], record: TurnRecord) -> None:
        """Hand the frames to the record. Cancelled, it is a turn that the person skips."""
        for batch in self._batches(frames):
            await self._wait_until(batch[0].at_ms)
            self.clock.set(batch[-1].at_ms)
            record.take_stored(batch)
        self._is_skipped = False

    def _batches(self, frames: Sequence[Frame]) -> Iterator[list[Frame]]:
        """Deltas that follow each other almost at once are shown together, as those of one network read."""
        batch: list[Frame] = []
        for frame in frames:
            if batch and (
                len(batch) == FRAMES_AT_ONCE
                or {batch[-1].framing, frame.framing} - STREAMED
                or self._pace.wait_s(batch[0].at_ms, frame.at_ms) >= MIN_WAIT_S
            ):
                yield batch
                batch = []
            batch.append(frame)
        if batch:
            yield batch

    async def _wait_until(self, at_ms: int) -> None:
        """Wait as long as the original took to get from the last moment to this one."""
        before, self._at_ms = self._at_ms, at_ms
        await self.clock.sleep(0.0 if before is None else self._pace.wait_s(before, at_ms))
        await self._playing.wait()
        self.clock.set(at_ms)
