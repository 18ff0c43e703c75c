"""Actions overlap, ports are slow and fail, the program is killed: the promises of `promises.py` hold.

Two searches over the same world. The first runs a story for each of 1,000 numbers; `python -m
tests.engine.soak` runs more of them. In the second Hypothesis chooses, and shrinks failures.
"""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.engine.doors import FAULTS, Door
from tests.engine.final_checks import discard, finish
from tests.engine.history import Limits
from tests.engine.scheduler import FACTORIES, Factory
from tests.engine.soak import report, tell
from tests.engine.world import Setting, World

SCHEDULES = 1000
PARTS = 4


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_thousand_schedules_keep_every_promise(part: int, factory: Factory) -> None:
    # Each number by one of the two: `soak` tells all by both.
    step = PARTS * len(FACTORIES)
    for seed in range(part * len(FACTORIES) + FACTORIES.index(factory), SCHEDULES, step):
        world = tell(seed, factory)
        if world.watchman.broken:
            pytest.fail(report(seed, factory, world), pytrace=False)


class Drawn:
    """An order given as numbers; after the last one, the oldest step is chosen."""

    def __init__(self) -> None:
        self.numbers: deque[int] = deque()

    def choose(self, ready: int) -> int | None:
        if not self.numbers:
            return 0
        number = self.numbers.popleft()
        return None if number == 255 else number % ready


class Overlap(RuleBasedStateMachine):
    """A person, accidents and the scheduler, in any order."""

    world: World

    @initialize(
        setting=st.builds(
            Setting,
            worker=st.booleans(),
            limited=st.booleans(),
            streams=st.booleans(),
            money_interval=st.sampled_from((None, 1.0)),
            max_wait=st.sampled_from((None, 20.0)),
            factory=st.sampled_from(FACTORIES),
        )
    )
    def begin(self, setting: Setting) -> None:
        self.order = Drawn()
        self.world = World(self.order, setting)
        self.world.send(self.session_id)

    @property
    def session_id(self) -> str:
        return self.world.sessions[0]

    @invariant()
    def every_promise_is_kept(self) -> None:
        if hasattr(self, "world"):
            assert self.world.watchman.broken == [], self.world.watchman.account()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.order.numbers.clear()
        if self.world.watchman.broken:
            discard(self.world)
        else:
            finish(self.world)
        self.every_promise_is_kept()

    # -- the scheduler ---------------------------------------------------------------------
    @rule(order=st.binary(min_size=1, max_size=40))
    def run(self, order: bytes) -> None:
        self.order.numbers.extend(order)
        self.world.run(len(order))

    # -- the person ------------------------------------------------------------------------
    @rule()
    def send(self) -> None:
        self.world.send(self.session_id)

    @rule(
        name=st.sampled_from(
            ("detach", "watch", "refresh_detached", "refresh", "adopt", "recount", "settled")
        )
    )
    def act(self, name: str) -> None:
        self.world.act(name, self.session_id)

    @rule(name=st.sampled_from(("resume", "stop")))
    def go_on_or_leave(self, name: str) -> None:
        self.world.act(name, self.session_id)

    @precondition(lambda self: self.world.queued(self.session_id))
    @rule(name=st.sampled_from(("withdraw", "edit", "move")), place=st.integers(0, 3))
    def change_queue(self, name: str, place: int) -> None:
        queued = self.world.queued(self.session_id)
        turn = queued[place % len(queued)]
        if name == "withdraw":
            self.world.withdraw(self.session_id, turn)
        elif name == "edit":
            self.world.edit(self.session_id, turn)
        else:
            self.world.move(self.session_id, turn, -1)

    @rule()
    def give_up(self) -> None:
        self.world.cancel_newest()

    # -- accidents -------------------------------------------------------------------------
    @rule(door=st.sampled_from(list(FAULTS)), place=st.integers(0, 5))
    def fail_next(self, door: Door, place: int) -> None:
        self.world.doors.next_fault[door] = FAULTS[door][place % len(FAULTS[door])]

    @rule(locked=st.booleans())
    def lock_history(self, locked: bool) -> None:
        self.world.doors.locked = locked

    @rule(state=st.sampled_from(list(Limits)))
    def change_limit(self, state: Limits) -> None:
        self.world.wallet.state = state

    @rule(door=st.sampled_from(list(Door)))
    def hold(self, door: Door) -> None:
        self.world.doors.hold(door)

    @rule()
    def let_go(self) -> None:
        self.world.doors.let_go()

    @precondition(lambda self: len(self.world.lives) == 1)
    @rule()
    def crash(self) -> None:
        self.world.crash()


Overlap.TestCase.settings = settings(
    max_examples=300,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
# Hypothesis shrinks a failure, which takes minutes.
TestOverlap = pytest.mark.timeout(600)(Overlap.TestCase)
