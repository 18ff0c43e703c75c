"""World: one engine, its ports, and a loop whose steps a test chooses. A person acts in it.

A schedule is one life of a world: actions of the person, accidents, and steps of the loop between
them, in any order. `finish` brings it to its end and checks the promises that hold only then.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.core.errors import HandingerError, NoSuchSession
from handinger_tui.core.turns.turn import StartPolicy, Turn, TurnRequest, TurnStatus
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext
from tests.engine.doors import Door, Doors
from tests.engine.fakes import PLACE, FakeIds
from tests.engine.history import History, Wallet
from tests.engine.promises import Fate, Promise, Watchman
from tests.engine.scheduler import Factory, Loop, NumberedTask, StepOrder, new_loop
from tests.engine.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from handinger_tui.core.stream import Frame
    from handinger_tui.core.turns.session import Session

LONGEST: Final = 4000
"""The steps within which a world becomes idle."""


class Steady(RetryPolicy, frozen=True):
    """A retry policy without jitter: the same schedule runs the same way."""

    def pause(self, attempt: int) -> float:
        return min(self.poll_interval * 1.5 ** (attempt - 1), self.poll_interval_max)


@dataclass(frozen=True)
class Setting:
    """The initial state of a world."""

    worker: bool = True
    """The first session has a worker; otherwise its first message creates one."""
    sessions: int = 1
    limited: bool = False
    streams: bool = True
    begins: bool = False
    """The id of a new worker is chosen by the request that creates it."""
    money_interval: float | None = None
    max_wait: float | None = None
    factory: Factory = Factory.LAZY
    """When a new task runs its first step."""


class LoopClock:
    """The Clock port, in the loop's own time."""

    def __init__(self, loop: Loop, doors: Doors) -> None:
        self._loop, self._doors = loop, doors

    def now_ms(self) -> int:
        return 1_700_000_000_000 + int(self._loop.time() * 1000)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await self._doors.go_through(Door.SLEEP)
        await asyncio.sleep(seconds)


class Nobody:
    """The observer of a killed program: records nothing."""

    def storing(self, session: Session, request: TurnRequest) -> None: ...
    def appending(self, turn_id: str, frame: Frame, expected: int | None) -> None: ...
    def ending(self, turn_id: str) -> None: ...
    def measured(self, session_id: str, requested_at: int, *, allowed: bool) -> None: ...
    def reserving(self, turn_id: str) -> None: ...
    def releasing(self, turn_id: str) -> None: ...
    def now(self) -> int:
        return 0

    def posting(self, request: TurnRequest, begun: str | None) -> None: ...
    def opening(self, worker_id: str | None, turn_id: str = "") -> str:
        return ""

    def closing(self, session_id: str) -> None: ...


class World:
    """One engine and everything around it."""

    def __init__(self, request: StepOrder, setting: Setting) -> None:
        self.request, self.setting = request, setting
        self.watchman = Watchman(self.session, self._held)
        self.watchman.measures = setting.limited
        self.closing, self.recovered = False, True
        self.stopped: set[str] = set()
        """Sessions that were stopped."""
        self.actions: list[NumberedTask[None]] = []
        self.lives: list[Loop] = []
        """The loop of each life of the program, the present one last."""
        self._texts, self._ids = 0, FakeIds()
        self.doors = Doors()
        self.service = Service(self.doors, self.watchman, streams=setting.streams, begins=setting.begins)
        self.history = History(self.doors, self.watchman)
        self.wallet = Wallet(self.doors, self.watchman)
        self.history.wallet = self.wallet if setting.limited else None
        self.engine = self._program()
        self.sessions = [
            self._session(f"w{at}" if at or setting.worker else None) for at in range(setting.sessions)
        ]

    @property
    def loop(self) -> Loop:
        """The loop of the present life."""
        return self.lives[-1]

    def _program(self) -> Engine:
        """The program starts."""
        self.lives.append(new_loop(self.setting.factory))
        engine = Engine(
            self.service,
            self.history,
            LoopClock(self.loop, self.doors),
            self._ids,
            Steady(money_interval=self.setting.money_interval, max_wait=self.setting.max_wait),
            context=ServiceContext(PLACE),
            limits=self.wallet if self.setting.limited else None,
        )
        engine.subscribe(self.watchman.changed)
        return engine

    def _session(self, worker_id: str | None) -> str:
        session_id = self.engine.new_session(PLACE, worker_id).session_id
        self.watchman.talk(session_id)
        return session_id

    def crash(self) -> None:
        """The program is killed in the middle of whatever it does, and started again."""
        self.watchman.crashing(self.history.sessions, self.history.closed)
        self.doors, old = Doors(), (self.history, self.service)
        self.history = old[0].after_crash(self.doors)
        self.service = Service(
            self.doors,
            self.watchman,
            streams=self.setting.streams,
            begins=self.setting.begins,
            workers=old[1].workers,
        )
        self.wallet = Wallet(self.doors, self.watchman, self.wallet.state)
        self.history.wallet = self.wallet if self.setting.limited else None
        # The killed program no longer runs; its remaining tasks are discarded unobserved.
        for port in old:
            port.witness = Nobody()
        self.actions.clear()
        self.stopped.clear()
        self.engine = self._program()
        stored = [session_id for session_id in self.sessions if session_id in self.history.sessions]
        for session_id in stored:
            self.act("open", session_id)
            self.run_until_idle()
        self.sessions = stored or [self._session(None)]
        self.recover()

    def recover(self) -> None:
        """Recover, as at every start of the program."""
        self.recovered = False

        def done(_sessions: object) -> None:
            self.recovered = True

        self.act("recover", "", done=done)

    def new_text(self) -> str:
        """A unique text."""
        self._texts += 1
        return f"message {self._texts}"

    def session(self, session_id: str) -> Session:
        """The session as the engine shows it."""
        return self.engine.session(session_id)

    def _held(self, session_id: str) -> tuple[str, ...]:
        try:
            queue = self.engine.actor(session_id).queue
        except NoSuchSession:
            # After a crash it is not open yet.
            return ()
        return queue.ids if queue.hold is not None else ()

    def queued(self, session_id: str) -> list[Turn]:
        """The turns that the screen calls queued."""
        return [turn for turn in self.session(session_id).turns if turn.status is TurnStatus.QUEUED]

    # -- acting --------------------------------------------------------------------------
    def act(
        self,
        name: str,
        session_id: str,
        *args: object,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Call a method of the engine; its first step runs immediately."""
        at = self.watchman.acting(name, session_id, " ".join(map(repr, args)))
        if name == "stop":
            self.stopped.add(session_id)
        given = (session_id, *args) if name in {"open", "adopt"} else args
        self.start(self._perform(name, session_id, given, at, done, failed), name)

    def start(self, body: Coroutine[Any, Any, None], name: str) -> None:
        """Begin an action immediately."""
        with self.loop.entered():
            self.actions.append(self.loop.start(body, f"action {name}"))
        self.watchman.look()

    async def _perform(
        self,
        name: str,
        session_id: str,
        given: tuple[object, ...],
        at: int,
        done: Callable[[Any], None] | None,
        failed: Callable[[BaseException], None] | None,
    ) -> None:
        error: BaseException | None = None
        life = self.loop
        try:
            result = getattr(self._owner(name, session_id), name)(*given)
            value = await result if isawaitable(result) else result
        except BaseException as problem:  # noqa: BLE001 - all of them are judged
            if life is not self.loop:
                return
            error = problem
            own = isinstance(problem, HandingerError | asyncio.CancelledError)
            self.watchman.expect(Promise.HEARD, own, f"{name} raised {problem!r}")
            if failed is not None:
                failed(problem)
        else:
            if done is not None:
                done(value)
        self.watchman.acted(name, session_id, at, error)

    def _owner(self, name: str, session_id: str) -> object:
        """What has the method of an action."""
        if hasattr(self.engine, name):
            return self.engine
        actor = self.engine.actor(session_id)
        return actor.gate if hasattr(actor.gate, name) else actor

    def send(self, session_id: str) -> None:
        """Send a new message."""
        text = self.new_text()
        at = self.watchman.acting("send", session_id, repr(text))
        held = self.engine.actor(session_id).queue.hold is not None
        message = self.watchman.sending(session_id, text, at, held=held)

        def done(turn_id: str) -> None:
            message.fate, message.turn_id = Fate.RETURNED, turn_id

        def failed(problem: BaseException) -> None:
            is_cancelled = isinstance(problem, asyncio.CancelledError)
            message.fate = Fate.CANCELLED if is_cancelled else Fate.RAISED
            self.watchman.expect(
                Promise.REFUSED, is_cancelled or message.posted_at is None, f"{text!r}: {problem!r}"
            )

        self.start(self._perform("send", session_id, (text,), at, done, failed), "send")

    def withdraw(self, session_id: str, turn: Turn) -> None:
        """Withdraw a queued message."""
        message = self.watchman.by_turn[turn.turn_id]

        def done(text: str) -> None:
            message.given_back += 1
            once = message.given_back == 1 and text in message.texts[message.sure :]
            self.watchman.expect(Promise.GIVEN_BACK, once, f"{text!r} for {message.texts}")
            self.watchman.expect(Promise.WITHDRAWN, message.posted_at is None, repr(text))

        self.act("withdraw", session_id, turn.turn_id, done=done)

    def edit(self, session_id: str, turn: Turn) -> None:
        """Edit a queued message."""
        message, text = self.watchman.by_turn[turn.turn_id], self.new_text()
        message.texts.append(text)

        def done(turn_id: str | None) -> None:
            message.sure = max(message.sure, message.texts.index(text))
            message.turn_id = turn_id or message.turn_id

        def failed(problem: BaseException) -> None:
            if not isinstance(problem, asyncio.CancelledError):
                # The caller of a later edit may have been told of its success before.
                message.sure -= message.texts.index(text) < message.sure
                message.texts.remove(text)

        self.act("edit_queued", session_id, turn.turn_id, text, done=done, failed=failed)

    def begin_edit(self, session_id: str, turn: Turn) -> None:
        """Take a queued message into the prompt."""

        def done(_nothing: None) -> None:
            self.watchman.editing(session_id, turn.turn_id)

        self.act("begin_edit", session_id, turn.turn_id, done=done)

    def move(self, session_id: str, turn: Turn, by: int) -> None:
        """Move a queued message in the queue."""
        self.watchman.by_turn[turn.turn_id].moved = True
        self.act("move_queued", session_id, turn.turn_id, by)

    def send_queued(self, session_id: str, turn: Turn) -> None:
        """Send a queued message before the others, even from a held queue."""
        message = self.watchman.by_turn[turn.turn_id]
        message.moved = True
        at = self.watchman.acting("send queued", session_id, turn.turn_id)
        message.approvals.add(at)

        def failed(problem: BaseException) -> None:
            # Another one may be under way.
            if not isinstance(problem, asyncio.CancelledError):
                message.approvals.discard(at)

        given = (StartPolicy.MEASURED, turn.turn_id)
        self.start(self._perform("resume", session_id, given, at, None, failed), "send queued")

    def cancel_newest(self) -> None:
        """Cancel the newest action that has not ended, as when its screen closes."""
        pending = [action for action in self.actions if not action.done()]
        if pending:
            self.watchman.note("cancelled", pending[-1].get_name())
            with self.loop.entered():
                pending[-1].cancel()

    def close(self) -> None:
        """Ask the engine to close."""
        self.closing = True
        self.act("aclose", "")

    # -- running -------------------------------------------------------------------------
    def run(self, steps: int) -> None:
        """Run at most this many steps."""
        with self.loop.entered():
            for _ in range(steps):
                if not self._step():
                    return

    def _step(self) -> bool:
        moved = self.loop.step(self.request)
        self.watchman.look()
        return moved

    def run_until_idle(self) -> None:
        """Run until nothing remains to do."""
        before = self.loop.steps
        with self.loop.entered():
            while self._step():
                if self.loop.steps - before > LONGEST:
                    names = [task.get_name() for task in self.loop.unfinished()]
                    self.watchman.expect(Promise.ENDS, False, f"after {LONGEST} steps: {names}")
                    return
