"""A simulated worker with known costs: turns of ours and of others cost something, and readings show it
through a lens. A history is what a program receives of it, in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from random import Random

from handinger_tui.core.money.events import Ended, Event, Read, Sent

UNIT = Decimal("0.0001")


class Lens(StrEnum):
    """How the service reports."""

    LIFETIME = "lifetime"
    PER_TURN = "per_turn"
    NOISY = "noisy"
    """The last digits of a float change from reading to reading."""
    LAGGING = "lagging"
    """Some readings come from a replica that shows an earlier one."""
    RESETTING = "resetting"
    """The service restarts between turns, and counts from zero again."""
    LATE = "late"
    """Some costs come after the end of a turn."""
    MISSING = "missing"
    """Some readings have no figure."""
    ZERO_RUNNING = "zero_running"
    """Zero as long as a turn runs."""
    FROZEN = "frozen"
    """The figures stand still as long as a turn runs. A random history has it only on request."""


@dataclass
class History:
    """The values that the program received, and the true ones.

    Amounts are in units of a hundredth of a cent.
    """

    lens: Lens
    counted: bool
    """The messages of the worker are visible, so strangers are, too."""
    events: list[Event] = field(default_factory=list)
    cost: dict[int | str, int] = field(default_factory=dict)
    """The true cost of each turn of ours."""
    lost: set[int | str] = field(default_factory=set)
    """Those that never arrived, which nobody knows."""
    strangers: int = 0
    """The cost of other clients."""
    reported: list[Decimal] = field(default_factory=list)
    """The values that the program received."""


class _Worker:
    def __init__(self, random: Random, history: History) -> None:
        self.random = random
        self.history = history
        self.total = 0
        self.offset = 0
        self.current = 0
        self.prompts = 0
        self.messages: list[int | str] = []
        """The turns of ours that arrived, and the messages of others, in order."""
        self.theirs: dict[int | str, int] = {}
        """The messages of others that were not adopted, with their costs."""
        self.running: set[int | str] = set()
        self.unended: list[int | str] = []
        self.shown: list[tuple[Decimal, int]] = []
        self.lagged = False
        """The last reading lagged. Two in a row cannot be told from the truth."""

    def spend(self, turn: int | str | None, most: int = 900) -> None:
        amount = self.random.randint(1, most)
        self.total += amount
        self.current += amount * (turn is None or turn == self.messages[-1])
        if turn is None:
            self.history.strangers += amount
        else:
            self.history.cost[turn] += amount

    def value(self) -> Decimal:
        lens = self.history.lens
        if lens is Lens.PER_TURN:
            return self.current * UNIT
        if lens is Lens.ZERO_RUNNING and self.running:
            return Decimal(0)
        if lens is Lens.FROZEN and self.running:
            return self.history.reported[-1] if self.history.reported else Decimal(0)
        exact = (self.total - self.offset) * UNIT
        if lens is Lens.NOISY and exact:
            return exact + self.random.choice([0, 0, -1, 1]) * Decimal("1e-15")
        return exact

    def read(self, *, fresh: bool = False) -> None:
        lens, random = self.history.lens, self.random
        value, prompts = self.value(), self.prompts
        if lens is Lens.MISSING and not fresh and random.random() < 0.25:
            self.history.events.append(Read((None,), bool(self.running), self._counted(prompts)))
            return
        self.lagged = lens is Lens.LAGGING and not (fresh or self.lagged) and random.random() < 0.25
        if self.lagged and self.shown:
            value, prompts = self.shown[-1 - (random.random() < 0.3 and len(self.shown) > 1)]
        else:
            self.shown.append((value, prompts))
        self.history.reported.append(value)
        self.history.events.append(Read((value,), bool(self.running), self._counted(prompts)))

    def _counted(self, prompts: int) -> int | None:
        return prompts if self.history.counted else None

    # -- what happens ------------------------------------------------------------------
    def begin(
        self, turn: int | str, *, look: bool = True, creates: bool = False, counted: bool = True
    ) -> None:
        if look and not creates:
            self.read()
        self.history.cost[turn] = 0
        self.history.events.append(Sent(turn, creates, look and not creates, counted=counted))
        self.running.add(turn)
        if counted:
            self._arrive(turn)

    def _arrive(self, turn: int | str) -> None:
        self.messages.append(turn)
        self.prompts += 1
        self.current = 0

    def end(self, turn: int | str, *, read: bool = True) -> None:
        self.running.discard(turn)
        if read:
            self.read()
        if self.random.random() < 0.03:
            self.unended.append(turn)
            return
        self.history.events.append(Ended(turn))
        self.end_others()

    def end_others(self) -> None:
        """Programs that died during their turns left the ends of these to the next program."""
        self.history.events.extend(map(Ended, self.unended))
        self.unended.clear()

    def turn(self, turn: int | str, *, creates: bool = False, stranger: bool = False) -> None:
        random = self.random
        looked = random.random() < 0.9
        self.begin(turn, look=looked, creates=creates)
        for _ in range(random.choice([0, 0, 1, 2])):
            self.spend(turn, 300)
            self.read()
        if stranger:
            self.strange()
        self.spend(turn)
        # A reading that lags hides costs that were not read before it.
        read = random.random() < 0.93 or self.history.lens is Lens.LAGGING
        self.end(turn, read=read)
        if self.history.lens is Lens.LATE and random.random() < 0.5:
            self.spend(turn, 200)
            if random.random() < 0.5:
                self.read()

    def overlap(self, first: str, second: str) -> None:
        self.begin(first)
        self.spend(first, 300)
        self.begin(second)
        for _ in range(self.random.randint(1, 3)):
            self.spend(self.random.choice([first, second]), 300)
            if self.random.random() < 0.5:
                self.read()
        self.end(second)
        self.spend(first, 300)
        self.end(first)

    def strange(self) -> None:
        before = self.history.strangers
        self._arrive(f"S{self.prompts}")
        self.spend(None)
        self.theirs[self.messages[-1]] = self.history.strangers - before

    def adopt(self) -> None:
        """A session adopts all messages after the last one that it holds."""
        first = self.random.choice([*self.theirs, None])
        if first is None:
            return
        for key in [*self.theirs][[*self.theirs].index(first) :]:
            self.history.cost[key] = self.theirs.pop(key)
            self.history.strangers -= self.history.cost[key]
            is_last = key == self.messages[-1]
            self.history.events.append(Sent(key, adopted=True, last=is_last))
            if is_last:
                self.read(fresh=True)
            self.history.events.append(Ended(key))

    def refused(self, turn: int) -> None:
        self.history.events.append(Sent(turn, refused=True))
        if self.random.random() < 0.3 and self.history.lens is not Lens.LAGGING:
            self.spend(None, 100)

    def lost(self, turn: int) -> None:
        """A message that does not arrive, and nobody knows. The look before it may have failed, too."""
        self.begin(turn, look=self.random.random() < 0.5, counted=False)
        if self.history.lens is Lens.LATE and self.random.random() < 0.5 and turn - 2001 in self.history.cost:
            self.spend(turn - 2001, 200)
        self.running.discard(turn)
        self.history.lost.add(turn)
        self.history.events.append(Ended(turn, left_running=True))


LONG = 25
"""The turns of a long history: enough to decide what the figures mean."""


def history(seed: int, *, long: bool = False, lens: Lens | None = None) -> History:
    """One random history, of some turns or a long one. `lens`: instead of a random one."""
    random = Random(seed)
    by_chance = random.choice([one for one in Lens if one is not Lens.FROZEN])
    result = History(lens or by_chance, random.random() < 0.7)
    # A replica that lags by a whole turn shows itself only by the messages.
    result.counted |= result.lens in (Lens.LAGGING, Lens.FROZEN)
    worker = _Worker(random, result)
    worker.turn(1, creates=True)
    end = random.randint(3, 9)
    for number in range(2, LONG if long else end):
        choice = random.random()
        by_itself = result.lens is Lens.PER_TURN
        if choice < 0.12 and result.counted and not by_itself:
            worker.strange()
        elif choice < 0.22 and result.lens in (Lens.LIFETIME, Lens.MISSING):
            worker.overlap(f"A{number}", f"B{number}")
            continue
        elif choice < 0.27 and not by_itself:
            worker.refused(1000 + number)
        elif choice < 0.3:
            worker.lost(2000 + number)
        elif result.lens is Lens.RESETTING and choice < 0.5:
            worker.offset = worker.total
        worker.turn(number, stranger=result.counted and not by_itself and random.random() < 0.15)
    worker.end_others()
    worker.read(fresh=True)
    worker.read(fresh=True)
    return result


def shared_history(seed: int, lens: Lens, *, long: bool = False) -> History:
    """One in which sessions adopt messages of others, sooner or later."""
    random, result = Random(seed), History(lens, counted=True)
    worker = _Worker(random, result)
    worker.turn(1, creates=True)
    for number in range(2, LONG if long else random.randint(3, 9)):
        if random.random() < 0.25:
            worker.strange()
            if random.random() < 0.5:
                worker.read()
        for _ in range(random.choice([0, 0, 1])):
            worker.adopt()
        worker.turn(number, stranger=random.random() < 0.1)
        if random.random() < 0.25:
            worker.adopt()
            if random.random() < 0.5:
                worker.read()
    worker.end_others()
    worker.read(fresh=True)
    worker.read(fresh=True)
    return result
