"""World: one engine, its ports, and a loop that runs what somebody chooses. A person acts in it.

A schedule is one life of a world: actions of the person, accidents around her, and steps of the loop between
them, in any order. `finish` brings it to its end and asks for the promises that can be seen only then.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn, TurnStatus
from handinger_tui.engine.engine import Engine, Home
from handinger_tui.engine.patience import Patience
from tests.engine.doors import Door, Doors
from tests.engine.fakes import PLACE, FakeIds
from tests.engine.history import History, Limits, Wallet
from tests.engine.promises import NEVER_LEFT, Fate, Message, Promise, Watchman
from tests.engine.scheduler import Loop, NumberedTask, Order
from tests.engine.service import Service

LONGEST: Final = 4000
"""Steps within which a world comes to rest."""


class Steady(Patience):
    """Patience without jitter: the same schedule runs the same way."""

    def pause(self, attempt: int) -> float:
        return min(self.poll_interval * 1.5 ** (attempt - 1), self.poll_interval_max)


@dataclass(frozen=True)
class Setting:
    """What a world begins with."""

    worker: bool = True
    """The first session has a worker; else its first message makes one."""
    sessions: int = 1
    limited: bool = False
    streams: bool = True
    money_interval: float | None = None
    max_wait: float | None = None


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


class World:
    """One engine and everything around it."""

    def __init__(self, order: Order, setting: Setting) -> None:
        self.order, self.setting = order, setting
        self.loop, self.doors = Loop(), Doors()
        self.watchman = Watchman(lambda session_id: self.engine.session(session_id))
        self.watchman.measures = setting.limited
        self.service = Service(self.doors, self.watchman, streams=setting.streams)
        self.history = History(self.doors, self.watchman)
        self.wallet = Wallet(self.doors, self.watchman)
        self.engine = Engine(
            self.service,
            self.history,
            LoopClock(self.loop, self.doors),
            FakeIds(),
            Steady(money_interval=setting.money_interval, max_wait=setting.max_wait),
            home=Home(PLACE),
            purse=self.wallet if setting.limited else None,
        )
        self.engine.subscribe(self.watchman.changed)
        self.closing = False
        self.actions: list[NumberedTask[None]] = []
        self._texts = 0
        self.sessions = [self._session(at) for at in range(setting.sessions)]

    def _session(self, at: int) -> str:
        worker_id = f"w{at + 1}" if at or self.setting.worker else None
        if worker_id is not None:
            self.service.worker(worker_id)
        session_id = self.engine.new_session(PLACE, worker_id).session_id
        self.watchman.talk(session_id)
        return session_id

    def new_text(self) -> str:
        """A text that nobody has written before."""
        self._texts += 1
        return f"message {self._texts}"

    def session(self, session_id: str) -> Session:
        """As the engine shows it."""
        return self.engine.session(session_id)

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
        """Call a door of the engine; its first step is run at once."""
        at = self.watchman.acting(name, session_id, " ".join(map(repr, args)))
        given = args if name in {"aclose", "recover"} else (session_id, *args)
        self.start(self._perform(name, session_id, given, at, done, failed), name)

    def start(self, body: Coroutine[Any, Any, None], name: str) -> None:
        """Begin an action, at once."""
        with self.loop.entered():
            self.actions.append(self.loop.create_task(body, name=f"action {name}"))
            self.loop.step_newest()

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
        try:
            result = getattr(self.engine, name)(*given)
            value = await result if isawaitable(result) else result
        except BaseException as problem:  # noqa: BLE001 - all of them are judged
            error = problem
            own = isinstance(problem, HandingerError | asyncio.CancelledError)
            self.watchman.expect(Promise.HEARD, own, f"{name} raised {problem!r}")
            if failed is not None:
                failed(problem)
        else:
            if done is not None:
                done(value)
        self.watchman.acted(name, session_id, at, error)

    def send(self, session_id: str) -> None:
        """Send a new message."""
        text = self.new_text()
        at = self.watchman.acting("send", session_id, repr(text))
        message = self.watchman.sending(session_id, text, at)

        def done(turn_id: str) -> None:
            message.fate, message.turn_id = Fate.RETURNED, turn_id

        def failed(problem: BaseException) -> None:
            gone = isinstance(problem, asyncio.CancelledError)
            message.fate = Fate.CANCELLED if gone else Fate.RAISED
            self.watchman.expect(Promise.REFUSED, gone or message.posted_at is None, f"{text!r}: {problem!r}")

        self.start(self._perform("send", session_id, (session_id, text), at, done, failed), "send")

    def withdraw(self, session_id: str, turn: Turn) -> None:
        """Take a queued message back."""
        message = self.message_of(turn)

        def done(text: str) -> None:
            message.given_back += 1
            once = message.given_back == 1 and text in message.texts[message.sure :]
            self.watchman.expect(Promise.GIVEN_BACK, once, f"{text!r} for {message.texts}")
            self.watchman.expect(Promise.WITHDRAWN, message.posted_at is None, repr(text))

        self.act("withdraw", session_id, turn.turn_id, done=done)

    def edit(self, session_id: str, turn: Turn) -> None:
        """Write a queued message anew."""
        message, text = self.message_of(turn), self.new_text()
        message.texts.append(text)

        def done(_nothing: object) -> None:
            message.sure = max(message.sure, message.texts.index(text))

        def failed(_problem: BaseException) -> None:
            message.texts.remove(text)

        self.act("edit_queued", session_id, turn.turn_id, text, done=done, failed=failed)

    def move(self, session_id: str, turn: Turn, place: int) -> None:
        """Put a queued message in another place of the queue."""
        self.message_of(turn).moved = True
        self.act("move_queued", session_id, turn.turn_id, place)

    def message_of(self, turn: Turn) -> Message:
        """The message that became this turn."""
        return next(message for message in self.watchman.messages if turn.order.prompt in message.texts)

    def cancel_newest(self) -> None:
        """Cancel the newest action that has not ended: its screen went away."""
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
        """At most so many steps."""
        with self.loop.entered():
            for _ in range(steps):
                if not self.loop.step(self.order):
                    return

    def rest(self) -> None:
        """Until nothing is left to do."""
        before = self.loop.steps
        with self.loop.entered():
            while self.loop.step(self.order):
                if self.loop.steps - before > LONGEST:
                    names = [task.get_name() for task in self.loop.unfinished()]
                    self.watchman.expect(Promise.ENDS, False, f"after {LONGEST} steps: {names}")
                    return

    # -- the end -------------------------------------------------------------------------
    def finish(self) -> None:
        """Bring it to its end: all is mended, the queue goes on, the engine closes."""
        self.doors.mend()
        self.rest()
        self._check_quiet()
        if not self.closing:
            self._go_on()
            self._check_quiet()
            self._check_queue()
            self.close()
            self.rest()
        self._check_messages()
        self._check_history()
        left = [task.get_name() for task in self.loop.unfinished()]
        self.watchman.expect(Promise.TASKS, not left, ", ".join(left))
        self.discard()

    def discard(self) -> None:
        """Let go of everything; what failed unheard comes to light when it is let go of."""
        with self.loop.entered():
            self.loop.abandon()
        self.actions.clear()
        gc.collect(0)
        for problem in self.loop.problems:
            detail = f"{problem.get('message')} {problem.get('exception')!r}"
            self.watchman.expect(Promise.HEARD, False, detail)
        self.loop.problems.clear()

    def _go_on(self) -> None:
        self.wallet.state = Limits.BELOW
        for _ in range(3):
            waiting = [session_id for session_id in self.sessions if self.queued(session_id)]
            for session_id in waiting:
                for name in ("release", "resume"):
                    if hasattr(self.engine, name):
                        self.act(name, session_id)
                        self.rest()
            if not waiting:
                return

    def _check_quiet(self) -> None:
        waiting = [action.get_name() for action in self.actions if not action.done()]
        self.watchman.expect(Promise.ENDS, not waiting, f"{waiting}")
        for session_id in self.sessions:
            for turn in self.session(session_id).turns:
                ended = not turn.live or turn.status is TurnStatus.QUEUED
                self.watchman.expect(Promise.ENDS, ended, f"{turn.turn_id} is {turn.status}")

    def _check_queue(self) -> None:
        for session_id in self.sessions:
            stuck = [turn.order.prompt for turn in self.queued(session_id)]
            self.watchman.expect(Promise.QUEUE, not stuck, f"{stuck}")

    def _check_messages(self) -> None:
        arrived = {job.prompt for worker in self.service.workers.values() for job in worker.jobs}
        for message in self.watchman.messages:
            turns = [
                turn
                for turn in self.session(message.session_id).turns
                if turn.turn_id == message.turn_id and turn.order.prompt in message.texts
            ]
            if message.fate is Fate.RETURNED and not message.given_back:
                self.watchman.expect(Promise.KEPT, turns, f"{message.texts}")
            for turn in turns:
                unsent = turn.status in NEVER_LEFT and turn.order.prompt in arrived
                self.watchman.expect(Promise.TRUE, not unsent, f"{turn.order.prompt!r} is {turn.status}")

    def _check_history(self) -> None:
        prompts = [order.prompt for order in self.history.orders.values()]
        for prompt in {prompt: None for prompt in prompts}:
            self.watchman.expect(Promise.BOOKED, prompts.count(prompt) == 1, f"{prompt!r} stands there twice")
        for session_id in self.sessions:
            for turn in self.session(session_id).turns:
                ended = turn.live or turn.status is TurnStatus.RUNNING or turn.turn_id in self.watchman.ended
                self.watchman.expect(Promise.BOOKED, ended, f"{turn.turn_id} ({turn.status}) was not closed")
