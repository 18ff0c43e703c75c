"""Story: one schedule generated from a number. The same number and task factory give the same story."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from handinger_tui.core.jsontext import dump
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.turn import TurnRequest, TurnStatus
from tests.engine.doors import FAULTS, Door
from tests.engine.final_checks import discard, finish
from tests.engine.history import Limits
from tests.engine.scheduler import Factory
from tests.engine.world import Setting, World

MOVES: dict[str, int] = {
    "send": 26,
    "detach": 7,
    "withdraw": 6,
    "watch": 9,
    "refresh_detached": 3,
    "refresh": 3,
    "adopt": 5,
    "recount": 2,
    "recover": 2,
    "settled": 1,
    "edit": 5,
    "begin edit": 6,
    "end_edit": 3,
    "move": 3,
    "send queued": 4,
    "resume": 5,
    "stop": 3,
    "ask elsewhere": 3,
    "another program": 2,
    "cancel": 2,
    "fault": 14,
    "lock": 5,
    "unlock": 5,
    "limit": 6,
    "hold": 7,
    "let go": 5,
    "close": 1,
    "crash": 2,
}
"""Possible events, and how often each happens."""
SLOW = (Door.START, Door.READ, Door.FOLLOW, Door.PIECE, Door.OPEN_TURN, Door.FLUSH, Door.CLOSE_TURN)
SLOW_TOO = (Door.FRAMES, Door.GAUGES, Door.CHARGE)


@dataclass
class Chance:
    """A random order. `steady`: how often the oldest step is chosen instead of a random one."""

    random: Random
    steady: float
    newest: bool

    def choose(self, ready: int) -> int | None:
        drawn = self.random.random()
        if drawn < 0.02:
            return None
        if ready == 1:
            return 0
        if drawn < self.steady:
            return ready - 1 if self.newest else 0
        return int(self.random.random() * ready)


def setting_of(random: Random, factory: Factory) -> Setting:
    """The initial state of the world of this story."""
    return Setting(
        factory=factory,
        worker=random.random() < 0.6,
        sessions=1 if random.random() < 0.85 else 2,
        limited=random.random() < 0.4,
        streams=random.random() < 0.8,
        money_interval=1.0 if random.random() < 0.3 else None,
        max_wait=20.0 if random.random() < 0.1 else None,
        begins=random.random() < 0.3,
    )


class Story:
    """Performs random events in a world."""

    def __init__(self, seed: int, factory: Factory) -> None:
        self.random = Random(seed)
        request = Chance(self.random, self.random.choice((0.0, 0.0, 0.5, 0.8)), self.random.random() < 0.4)
        self.world = World(request, setting_of(self.random, factory))

    def play(self) -> World:
        """Run the complete story; stop at a broken promise."""
        random, world = self.random, self.world
        moves = random.randint(3, 14)
        for name in ["send", *random.choices(list(MOVES), list(MOVES.values()), k=moves)]:
            self.happen(name)
            if random.random() < 0.7:
                world.run(random.choice((1, 2, 4, 8, 16, 40)))
            if world.watchman.broken or world.closing:
                break
        if world.watchman.broken:
            discard(world)
        else:
            finish(world)
        return world

    def happen(self, name: str) -> None:
        """Perform one event."""
        world, random = self.world, self.random
        session_id = random.choice(world.sessions)
        if name in {"withdraw", "edit", "begin edit", "move", "send queued"}:
            self._change_queue(name, session_id)
        elif name == "watch":
            sent = [turn for turn in world.session(session_id).turns if turn.may_spend]
            chosen = (random.choice(sent).turn_id,) if sent and random.random() < 0.5 else ()
            world.act("watch", session_id, *chosen)
        elif name == "send":
            world.send(session_id)
        elif name == "cancel":
            world.cancel_newest()
        elif name == "close":
            world.close()
        elif name == "crash":
            world.crash()
        elif name == "recover":
            world.recover()
        elif not self._befall(name, session_id):
            world.act(name, session_id)

    def _change_queue(self, name: str, session_id: str) -> None:
        world, random = self.world, self.random
        queued = world.queued(session_id)
        if not queued:
            return
        turn = random.choice(queued)
        if name == "withdraw":
            world.withdraw(session_id, turn)
        elif name == "edit":
            world.edit(session_id, turn)
        elif name == "begin edit":
            world.begin_edit(session_id, turn)
        elif name == "send queued":
            world.send_queued(session_id, turn)
        else:
            world.move(session_id, turn, random.randrange(-len(queued), len(queued)))

    def _befall(self, name: str, session_id: str) -> bool:
        """Perform an accident; False for an action of the person."""
        world, random = self.world, self.random
        if name == "fault":
            door = random.choice(list(FAULTS))
            world.doors.next_fault[door] = random.choice(FAULTS[door])
            world.watchman.note("next fault", f"{door}: {world.doors.next_fault[door]!r}")
        elif name in {"lock", "unlock"}:
            world.doors.locked = name == "lock"
            world.watchman.note(name)
        elif name == "limit":
            world.wallet.state = random.choice(list(Limits))
            world.watchman.note("limit", world.wallet.state)
        elif name == "hold":
            door = random.choice((*SLOW, *SLOW_TOO))
            world.doors.hold(door)
            world.watchman.note("held", door)
        elif name == "let go":
            world.doors.let_go()
            world.watchman.note(name)
        elif name in {"ask elsewhere", "another program"}:
            self._ask_elsewhere(session_id, ours=name == "another program")
        else:
            return False
        return True

    def _ask_elsewhere(self, session_id: str, *, ours: bool) -> None:
        """Another client sends a message to the session's idle worker."""
        world, session = self.world, self.world.session(session_id)
        if session.worker_id is None or session.busy or (ours and session_id not in world.history.sessions):
            return
        text = world.new_text()
        world.watchman.note("asked elsewhere", f"{text!r} {'by a program of ours' if ours else ''}")
        worker = world.service.worker(session.worker_id)
        job = worker.ask(text)
        while not job.done:
            job.work()
        if ours:
            request = TurnRequest(f"other_{text}", text, 0, worker.worker_id, seen_before=0)
            end = dump({"status": TurnStatus.COMPLETED, "recovered": False, "fault": None})
            look = Frame(0, 0, Framing.JSON, worker.body(), ReadReason.AFTER)
            world.history.enter(session, request, (look, Frame(1, 0, Framing.NOTE, end, Marker.SETTLED)))
        for _ in range(self.random.randint(0, 2)):
            world.act("adopt", session_id)
