"""Random lives of a history: real engines and ledgers in virtual time, and a service whose truth is known.

Several programs use one history file. A person sends, queues, attaches, imports, pins and assigns; others use
the same workers. After every step all places are compared with each other and with the truth
(`simulated_places.py`). `python -m tests.money.soak --lives N` plays many.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

from handinger_tui.core.amounts import Unit
from handinger_tui.core.errors import ApiError, HandingerError, NoSuchSession
from handinger_tui.core.export.exporters import session_json
from handinger_tui.core.export.session_document import Contents
from handinger_tui.core.export.session_file import read_session
from handinger_tui.core.formatting import local_time
from handinger_tui.core.money.basis_text import BASIS_CHOICES
from handinger_tui.core.money.limits import Limit, Scope
from handinger_tui.core.money.report import Selection
from handinger_tui.core.money.spending import ChargeFilter
from handinger_tui.core.prices import NO_PRICES, Prices
from handinger_tui.core.turns.turn import StartPolicy, Trigger
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.session_actor import ServiceContext
from handinger_tui.ledger.charges.limits import LimitRules, LimitService
from handinger_tui.ledger.charges.reports import ChargeQueries
from handinger_tui.ledger.corrections import Rulings
from handinger_tui.ledger.database_file import open_database
from handinger_tui.ledger.history import SessionHistory
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.ledger.sql import translated
from handinger_tui.ledger.turns import FrameWriter
from tests.engine.fakes import PLACE
from tests.engine.scheduler import Loop, OldestFirst, new_loop
from tests.engine.world import Steady
from tests.ledger.samples import begin
from tests.money.simulated_places import Direct, Places
from tests.money.simulated_service import HOUR, Client, Habit, Reach, SimulatedService, Trouble

if TYPE_CHECKING:
    import sqlite3

    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ledger.sql import TurnFrame

T = TypeVar("T")
NOON_MS: Final = 1_794_830_400_000
"""2026-11-16T12:00Z, a Monday."""


NO_LIMIT: Final = Decimal(900_000)
NIGHTS: Final = (
    ("Europe/Berlin", "2026-10-25"),
    ("Europe/Berlin", "2026-10-26"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-03-30"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("Asia/Tokyo", "2026-12-01"),
)
"""Midnights at the begin or end of a day of 23 or 25 hours, or of a month. Havana's day of 23 has none."""
LONGEST: Final = 400_000
"""The steps within which a life ends."""


def prices_from(now_ms: int) -> Prices:
    """A price of a credit that changes on the days around a time."""
    days = [f"{local_time(now_ms + ms):%Y-%m-%d}" for ms in (0, 24 * HOUR)]
    return Prices((("", Decimal("0.01")), *zip(days, (Decimal("0.012"), Decimal("0.0095")), strict=True)))


class LoopClock:
    """The Clock port, in the time of the loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.began_ms = NOON_MS
        """When the loop began, and later by what the machine has slept since."""

    def now_ms(self) -> int:
        return self.began_ms + round(self._loop.time() * 1000)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class TimedIds:
    """Ids of one program, which sort by the time of their creation, as real ones do."""

    def __init__(self, clock: LoopClock, program: str) -> None:
        self._clock, self._program = clock, program
        self._count = 0

    def new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._clock.now_ms():011x}{self._program}_{self._count:03d}"


class DirectDatabase(Direct):
    """Frames are written before the next job, as by the thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._write_all = FrameWriter()
        self.is_dead = False

    def append(self, item: TurnFrame) -> None:
        if not self.is_dead:
            self.unwritten.append(item)

    def flush(self) -> None:
        """Write the frames, as the thread does after 0.05 seconds."""
        if self.unwritten:
            self._write_all(self.connection, self.unwritten)
            self.unwritten = []

    async def run(self, work: Callable[[sqlite3.Connection], T], *, flush: bool = False) -> T:
        if self.is_dead:
            await asyncio.Event().wait()
        self.flush()
        with translated():
            return work(self.connection)


class DirectLedger(Ledger):
    """The ledger on a `DirectDatabase`. `alive`: the runs of programs that were not killed."""

    def __init__(self, path: Path, alive: set[str]) -> None:
        super().__init__(None)
        self.direct = DirectDatabase(open_database(path, 0.0).connection)
        self._alive = alive
        alive.add(self.run.run_id)
        self.database = database = self.direct
        self.history = SessionHistory(database, self.run.run_id, self._is_alive)
        self.limits = LimitService(database)
        self.charges = ChargeQueries(database, self.limits)
        self.rulings = Rulings(database)

    def _is_alive(self, run: str) -> bool:
        return run in self._alive and run != self.run.run_id


@contextmanager
def in_zone(name: str | None) -> Iterator[None]:
    """Make it the zone of the machine for the block; None: leave that as it is."""
    before = os.environ.get("TZ")
    if name is not None:
        os.environ["TZ"] = name
        time.tzset()
    try:
        yield
    finally:
        if name is not None:
            os.environ.pop("TZ")
            os.environ.update({} if before is None else {"TZ": before})
            time.tzset()


class Program:
    """One program on the history. `in_app`: it reads workers again after the end of a turn."""

    def __init__(self, life: Life, name: str, *, in_app: bool) -> None:
        self.in_app = in_app
        self.client = Client(life.service)
        self.ledger = DirectLedger(life.path, life.alive)
        self.ledger.limits.rules = life.rules
        policy = Steady(
            recovery_window=20.0,
            absence_seconds=6.0,
            money_interval=2.0 if in_app else None,
            late_reads=(5.0, 25.0) if in_app else (),
        )
        trigger = Trigger.APP if in_app else Trigger.HEADLESS
        context = ServiceContext(PLACE, trigger=trigger, generation=life.generation, prices=life.rules.prices)
        ids = TimedIds(life.clock, name)
        self.engine = Engine(
            self.client, self.ledger, life.clock, ids, policy, context=context, limits=self.ledger.limits
        )

    def kill(self, alive: set[str]) -> None:
        """End it as kill -9 does, some moments after the last frame."""
        self.ledger.direct.flush()
        self.client.is_dead = self.ledger.direct.is_dead = True
        alive.discard(self.ledger.run.run_id)


class Life:
    """One life of a history, chosen by `seed`.

    `habits`: instead of random ones; then there is no trouble but `trouble`. `share`: of the steps after
    which all places are compared.
    """

    def __init__(
        self,
        seed: int,
        path: Path,
        *,
        tasks: bool,
        habits: frozenset[Habit] | None = None,
        trouble: Trouble | None = None,
        share: float = 1.0,
    ) -> None:
        self.random = random = Random(seed)
        by_chance = Random(~seed)
        self.trouble = trouble
        if habits is None and trouble is None:
            self.trouble = by_chance.choice([*Trouble, *[None] * len(Trouble)])
        self.generation = "tasks" if tasks else "workers"
        chosen = random.sample(list(Habit), random.choice([1, 2, 3, 4]))
        self.habits = frozenset(chosen) if habits is None else habits
        self.path = path
        begin(path)
        self.loop = new_loop()
        self.clock = LoopClock(self.loop)
        self.zone = None
        if self.trouble is Trouble.NIGHT:
            self.zone, midnight = by_chance.choice(NIGHTS)
            night = datetime.fromisoformat(midnight).replace(tzinfo=ZoneInfo(self.zone))
            self.clock.began_ms = round(night.timestamp() * 1000) - by_chance.randint(0, 2_400_000)
        self.service = SimulatedService(random, self.clock, self.habits, self.trouble, tasks=tasks)
        has_price = not self.service.reports_usd and random.random() < 0.7
        scopes = random.sample(
            [Scope.SESSION, Scope.WORKER, Scope.DAY, Scope.MONTH], random.choice([0, 1, 2])
        )
        self.rules = LimitRules(
            [Limit(scope, random.choice([*Unit]), NO_LIMIT) for scope in scopes],
            prices=prices_from(self.clock.now_ms()) if has_price else NO_PRICES,
            now_ms=self.clock.now_ms,
        )
        self.alive: set[str] = set()
        self.started = 0
        self.programs = [self._program(in_app=random.random() < 0.6)]
        if Habit.PROGRAMS in self.habits or self.trouble is Trouble.TOGETHER:
            self.programs.append(self._program(in_app=random.random() < 0.5))
        self.session_ids: list[str] = []
        self.texts = 0
        self.places = Places(self.service, path, self.clock, self.rules)
        self.places.zone = None if self.zone is None else ZoneInfo(self.zone)
        self.places.chance, self.places.share = by_chance, share

    def _program(self, *, in_app: bool) -> Program:
        self.started += 1
        return Program(self, f"p{self.started}", in_app=in_app)

    def faults(self) -> list[str]:
        """Play it; returns what was wrong."""
        with in_zone(self.zone), self.loop.entered():
            playing = self.loop.create_task(self._play())
            order = OldestFirst()
            while not playing.done() and self.loop.steps < LONGEST:
                self.loop.step(order)
            problems = [str(one.get("exception", one)) for one in self.loop.problems]
            self.loop.abandon()
        if not playing.done():
            problems.append("it never ended")
        elif not playing.cancelled() and (problem := playing.exception()) is not None:
            raise problem
        for program in self.programs:
            program.ledger.direct.connection.close()
        self.places.close()
        return self.places.faults + problems

    # -- the person ------------------------------------------------------------------------
    async def _play(self) -> None:
        random = self.random
        if Habit.PAST in self.habits:
            await self._use_elsewhere()
        for _ in range(random.randint(3, 8)):
            await self._act()
            await self._check()
        await self._end()

    async def _check(self) -> None:
        # What has ended is closed by then.
        await asyncio.sleep(0.06)
        for program in self.programs:
            program.ledger.direct.flush()
        self.places.check()

    async def _act(self) -> None:
        random, service = self.random, self.service
        program = random.choice(self.programs)
        if service.has(Habit.STRANGERS, 0.25):
            self._strange()
            if random.random() < 0.4:
                await self._read_until_it_ends(program)
        if service.has(Habit.RULINGS, 0.4):
            await self._rule(program)
        if service.has(Habit.PAST, 0.3):
            await self._attach(program)
        if service.has(Habit.IMPORTS, 0.25):
            await self._import(program)
        choice = random.random()
        if choice < 0.15 and self.session_ids:
            await self._settle(program)
        elif choice < 0.3:
            await asyncio.sleep(random.choice([2, 10, 40, 900, 3_700]))
        else:
            await self._send(program)
        if service.has(Habit.PROGRAMS, 0.2):
            await self._check()
            await self._replace(program)

    def _text(self) -> str:
        self.texts += 1
        return f"message {self.texts}"

    async def _send(self, program: Program) -> None:
        random, service = self.random, self.service
        actor = await self._opened(program)
        if actor is None:
            return
        service.reach = random.choice([*Reach][1:]) if service.has(Habit.FREE, 0.5) else Reach.ARRIVES
        await actor.send(self._text(), start=StartPolicy.UNMEASURED)
        self._remember(actor)
        if service.has(Habit.QUEUE, 0.6):
            await self._queue(actor)
        if random.random() < 0.35:
            await asyncio.sleep(random.choice([0.4, 2.5, 10]))
            await self._check()
        if service.has(Habit.STRANGERS, 0.2):
            self._strange()
        if random.random() < 0.15:
            actor.detach()
        await self._trouble()
        await actor.settled()
        await self._check()
        if not program.in_app and random.random() < 0.5:
            await program.engine.settle_open_turns(5)

    async def _trouble(self) -> None:
        """While a turn runs."""
        random = self.random
        if self.trouble is Trouble.OUTAGE and random.random() < 0.4:
            self.service.fails_until_ms = self.clock.now_ms() + HOUR
        elif self.trouble is Trouble.SLEEP and random.random() < 0.6:
            await asyncio.sleep(random.choice([0.2, 2.5]))
            self.clock.began_ms += random.choice([600, 4_000, 30_000]) * 1000
            self.service.breaks += random.random() < 0.6

    async def _queue(self, actor: SessionActor) -> None:
        """Messages that wait behind the running one; some are withdrawn or changed."""
        random = self.random
        for _ in range(random.choice([1, 2])):
            turn_id = await actor.send(self._text(), start=StartPolicy.UNMEASURED)
            await self._check()
            choice = random.random()
            with suppress(HandingerError):
                if choice < 0.25:
                    await actor.withdraw(turn_id)
                elif choice < 0.4:
                    await actor.edit_queued(turn_id, self._text())
                elif choice < 0.6:
                    actor.detach()

    async def _opened(self, program: Program) -> SessionActor | None:
        """A session in which the person writes: a new one, or one of the history."""
        random = self.random
        if not self.session_ids or random.random() < 0.25:
            session = program.engine.new_session(PLACE)
            return program.engine.actor(session.session_id)
        return await self._session(program, random.choice(self.session_ids))

    async def _session(self, program: Program, session_id: str) -> SessionActor | None:
        try:
            session = await program.engine.open(session_id)
        except NoSuchSession:
            return None
        actor = program.engine.actor(session.session_id)
        if self.random.random() < 0.5 and session.worker_id is not None:
            with suppress(ApiError):
                session = await program.engine.adopt(session.session_id)
                actor = program.engine.actor(session.session_id)
        return actor

    def _remember(self, actor: SessionActor) -> None:
        if actor.session.session_id not in self.session_ids:
            self.session_ids.append(actor.session.session_id)

    def _strange(self) -> None:
        """Somebody else sends a message."""
        if not self.service.workers:
            return
        worker = self.random.choice([*self.service.workers.values()])
        self.texts += 1
        self.service.ask(worker, f"stranger {self.texts}", ours=False)

    async def _use_elsewhere(self) -> None:
        """Others have used a worker before this history knows it."""
        random, service = self.random, self.service
        worker = service.worker("wrk_old" if not service.tasks else "tsk_old")
        at_ms = self.clock.now_ms() - random.choice([4, 30, 400]) * 24 * HOUR
        for _ in range(random.randint(1, 3)):
            self.texts += 1
            service.ask(worker, f"stranger {self.texts}", ours=False, at_ms=at_ms)
            at_ms += random.choice([1, 20]) * HOUR

    async def _attach(self, program: Program) -> None:
        worker_id = self.random.choice([*self.service.workers])
        session = program.engine.new_session(PLACE, worker_id)
        with suppress(ApiError):
            session = await program.engine.adopt(session.session_id)
        if session.turns:
            self._remember(program.engine.actor(session.session_id))

    async def _import(self, program: Program) -> None:
        """A file of another history, in which the same worker was used."""
        if not self.session_ids:
            return
        loaded = await program.ledger.load(self.random.choice(self.session_ids))
        if loaded is None or not loaded.turns or loaded.turns[0].imported:
            return
        frames = {turn.turn_id: await program.ledger.frames(turn.turn_id) for turn in loaded.turns}
        text = session_json(loaded, Contents(frames=frames))
        self.texts += 1
        text = re.sub(r"\b(turn|ses)_(?=[0-9a-f]{11}p)", rf"\1_i{self.texts}_", text)
        file = read_session(text.encode(), self.clock.now_ms())
        await program.ledger.history.add_imported(file)
        if self.random.random() < 0.5:
            self.session_ids.append(file.session.session_id)

    async def _rule(self, program: Program) -> None:
        random, ledger, now_ms = self.random, program.ledger, self.clock.now_ms()
        buckets = await ledger.charges.suspense(ChargeFilter())
        owned = (await ledger.charges.report(Selection())).assigned
        choice = random.random()
        with suppress(HandingerError):
            if choice < 0.4 and self.service.workers:
                worker_id = random.choice([*self.service.workers])
                await ledger.rulings.set_basis(
                    PLACE, worker_id, random.choice([*BASIS_CHOICES.values()]).stored, now_ms
                )
            elif choice < 0.8 and buckets:
                rise = random.choice(random.choice(buckets).rises)
                turns = await ledger.charges.turn_charges(ChargeFilter(worker_id=rise.worker_id))
                if turns:
                    await ledger.rulings.assign(rise.number, random.choice(turns).turn_id, now_ms)
            elif owned:
                await ledger.rulings.assign(random.choice(owned).number, None, now_ms)
        await self._check()

    async def _read_until_it_ends(self, program: Program) -> None:
        """The worker is read while a message of others runs, and after it."""
        for seconds in (4, 25, 50):
            await asyncio.sleep(seconds)
            await self._settle(program)
            await self._check()

    async def _settle(self, program: Program) -> None:
        everything = self.random.random() < 0.5
        programs = self.programs if self.trouble is Trouble.TOGETHER else [program]
        await asyncio.gather(*(one.engine.settle_open_turns(30, everything=everything) for one in programs))

    async def _replace(self, program: Program) -> None:
        """The program ends, or is killed, and another one starts."""
        if self.random.random() < 0.5:
            program.kill(self.alive)
        else:
            await self._leave(program)
        at = self.programs.index(program)
        program.ledger.direct.connection.close()
        self.programs[at] = other = self._program(in_app=self.random.random() < 0.5)
        if other.in_app:
            await other.engine.recover()

    async def _leave(self, program: Program) -> None:
        await program.engine.aclose()
        program.kill(self.alive)

    async def _end(self) -> None:
        """Everything is over; then a new program reads what is due, as often as it says that something is."""
        for program in self.programs:
            for session_id in self.session_ids:
                with suppress(NoSuchSession):
                    await program.engine.actor(session_id).settled()
        for program in self.programs:
            if not program.in_app:
                await self._leave(program)
        self.service.is_calm = True
        await asyncio.sleep(3_700 + 100)
        self.programs.append(self._program(in_app=False))
        for _ in range(4):
            for program in self.programs:
                # What the app does once a minute, and `costs --settle`.
                if not program.client.is_dead:
                    await program.engine.settle_open_turns(60, everything=not program.in_app)
                    await self._check()
            await asyncio.sleep(31)
        self.places.check_end()
