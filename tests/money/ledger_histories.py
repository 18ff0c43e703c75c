"""Random histories through a history file: two programs, each with a session on one worker; a person decides.

After every step all places have to show the same sum, to the last digit: every grouping of the costs, the
rows of turns, the limits, the sessions, and what a new reading of the file shows. At the end, looking back
has to show at every moment what was shown then.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.core.amounts import Unit
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.figures import FIGURE, FIGURES, NO_COSTS, Usage
from handinger_tui.core.money.attribution import MoneyIndex, session_money
from handinger_tui.core.money.basis_text import BASIS_CHOICES
from handinger_tui.core.money.events import Read, Sent
from handinger_tui.core.money.report import Selection
from handinger_tui.core.money.spending import ChargeFilter, GroupBy, sum_buckets
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import FigureRead, StartPolicy, Turn, TurnRequest, TurnStatus, with_read
from handinger_tui.ledger.charges.grouping import spent
from handinger_tui.ledger.charges.limits import NO_LIMIT_RULES
from handinger_tui.ledger.charges.worker_turns import others
from handinger_tui.ledger.cost_rows import opened
from tests.ledger.samples import opened as opened_ledger

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from handinger_tui.core.money.amount_state import AmountState
    from handinger_tui.ledger.ledger import Ledger
    from tests.money.service import History

WORKER: Final = "wrk_1"
STEP_MS: Final = 1_000
COST: Final = FIGURES.index(FIGURE["cost_usd"])
ON_WORKER: Final = ChargeFilter(worker_id=WORKER)
NOISE: Final = Decimal("1e-10")
"""The ledger has twelve decimal places of each entry."""
Step = tuple[int, Turn]
"""The time, and the newest value of the changed turn."""


def steps_of(history: History) -> list[Step]:
    """The events of a history as turns that grow."""
    turns: dict[int | str, Turn] = {}
    newest: int | str | None = None
    look: FigureRead | None = None
    steps: list[Step] = []
    for number, event in enumerate(history.events, 1):
        at_ms, key = number * STEP_MS, newest
        following = history.events[number] if number < len(history.events) else None
        if isinstance(event, Sent):
            key = event.turn
            turns[key] = _sent(event, at_ms, look)
            look, newest = None, newest if event.refused else key
        elif isinstance(event, Read):
            read = _figures(event, at_ms)
            if isinstance(following, Sent) and following.read_before and not following.refused:
                look = read
                continue
            if key is not None:
                before = turns[key]
                turns[key] = replace(
                    before, reads=with_read(before, read), snapshot=_snapshot(read), read_ms=at_ms
                )
        else:
            key = event.turn
            # Of a message that did not arrive a program never learns that it completed.
            status = TurnStatus.UNKNOWN if event.left_running else TurnStatus.COMPLETED
            turns[key] = replace(turns[key], status=status, ended_ms=at_ms)
        if key is not None:
            steps.append((at_ms, turns[key]))
    return steps


def _sent(event: Sent, at_ms: int, look: FigureRead | None) -> Turn:
    request = TurnRequest(f"turn_{event.turn}", "hello", at_ms, target_id=None if event.creates else WORKER)
    before = None if look is None else _snapshot(look)
    turn = Turn(request, TurnStatus.ACCEPTED, worker_id=WORKER, before=before, sent_ms=at_ms)
    if look is not None:
        turn = replace(turn, before_ms=look.at_ms)
    return replace(turn, status=TurnStatus.REJECTED, ended_ms=at_ms) if event.refused else turn


def _figures(read: Read, at_ms: int) -> FigureRead:
    (usd,) = read.meters
    return FigureRead(
        at_ms, Usage(cost_usd=None if usd is None else Decimal(usd)), NO_COSTS, read.busy, read.prompts
    )


def _snapshot(read: FigureRead) -> Snapshot:
    return Snapshot(WORKER, running_flag=read.busy, usage=read.usage, prompts=read.prompts)


class Played:
    """One history that is written into a ledger."""

    def __init__(self, ledgers: Sequence[Ledger], path: Path, history: History, seed: int) -> None:
        self.ledgers = ledgers
        """One for each program."""
        self.path = path
        self.history = history
        self.random = Random(seed)
        self.sessions = [Session(f"ses_{at}", 0, worker_id=WORKER if at else None) for at in range(2)]
        self.of_turn: dict[str, int] = {}
        """Turn id → its session."""
        self.in_doubt: set[str] = set()
        """Turns of which the program does not learn whether they arrived."""
        self.noted: list[tuple[int, Decimal, Decimal]] = []
        """Times with the amounts of that time: the total, and its suspense."""
        self.rulings = 0
        self.faults: list[str] = []

    async def play(self) -> None:
        for at_ms, turn in steps_of(self.history):
            await self._enter(turn)
            await self._note(at_ms)
            await self._rule(at_ms + 1)
            await self._note(at_ms + 1)
        for at_ms, total, unexplained in self.noted:
            with opened(self.path, at_ms + 1) as rows:
                suspense = sum_buckets(
                    rows.report(Selection(which=ON_WORKER), NO_LIMIT_RULES).suspense
                ).usd.value or Decimal(0)
                charged = sum_buckets(rows.buckets(GroupBy.DAY, ON_WORKER)).usd.value or Decimal(0)
            if (charged + suspense, suspense) != (total, unexplained):
                self.faults.append(f"as of {at_ms}: {charged} + {suspense} instead of {total}, {unexplained}")

    async def _enter(self, turn: Turn) -> None:
        is_first = not self.of_turn
        if not is_first and turn.turn_id not in self.of_turn and self.random.random() < 0.15:
            self.in_doubt.add(turn.turn_id)
        if turn.turn_id in self.in_doubt and turn.status is TurnStatus.COMPLETED:
            turn = replace(turn, status=TurnStatus.UNKNOWN)
        at = self.of_turn.setdefault(turn.turn_id, 0 if is_first else self.random.randrange(2))
        session = self.sessions[at]
        ledger = self.ledgers[at]
        if all(stored.turn_id != turn.turn_id for stored in session.turns):
            await ledger.open_turn(session, turn.request, start=StartPolicy.UNMEASURED)
        session = put_turn(session, turn)
        if turn.live:
            await ledger.charge(session)
        else:
            await ledger.close_turn(session, turn.turn_id)
        self.sessions[at] = session

    async def _rule(self, at_ms: int) -> None:
        """The person may decide something."""
        random, choice = self.random, self.random.random()
        ledger = random.choice(self.ledgers)
        if choice < 0.15:
            await ledger.rulings.set_basis("", WORKER, random.choice([*BASIS_CHOICES.values()]).stored, at_ms)
        elif choice < 0.5 and (buckets := await ledger.charges.suspense(ON_WORKER)):
            rise = random.choice(buckets[0].rises)
            await self._assign(ledger, rise.number, random.choice([*self.of_turn]), at_ms)
        elif choice < 0.65 and (
            assigned := (await ledger.charges.report(Selection(which=ON_WORKER))).assigned
        ):
            await self._assign(
                ledger, random.choice(assigned).number, random.choice([None, *self.of_turn]), at_ms
            )
        else:
            return
        self.rulings += 1

    async def _assign(self, ledger: Ledger, number: int, turn_id: str | None, at_ms: int) -> None:
        try:
            await ledger.rulings.assign(number, turn_id, at_ms)
        except SettingsError:
            self.rulings -= 1

    async def _note(self, at_ms: int) -> None:
        """Compare all places, and record their amounts."""
        ledger = self.random.choice(self.ledgers)
        charges = ledger.charges
        suspense = await charges.suspense(ON_WORKER)
        unexplained = sum_buckets(suspense).usd.value or Decimal(0)
        shown = {
            str(by): sum_buckets([*await charges.buckets(by, ON_WORKER), *suspense]).usd.value
            for by in GroupBy
        }
        turns = await charges.turn_charges(ON_WORKER, -1)
        shown["rows"] = sum((turn.usd or Decimal(0) for turn in turns), unexplained)
        shown["limits"] = (await ledger.database.run(lambda db: spent(db, ON_WORKER))).usd.value
        shown["sessions"] = await self._sessions() + unexplained
        with opened(self.path) as rows:
            days = rows.buckets(GroupBy.DAY, ON_WORKER)
            shown["file"] = sum_buckets(
                [*days, *rows.report(Selection(which=ON_WORKER), NO_LIMIT_RULES).suspense]
            ).usd.value
        stored = await ledger.database.run(_rows)
        await self._sessions()
        if await ledger.database.run(_rows) != stored:
            self.faults.append(f"at {at_ms}: the sessions correct each other")
        for turn in await charges.turn_charges(ON_WORKER, -1):
            own = next((money for money in self._money() if money[0] == turn.turn_id), None)
            stored_state = turn.turn_id, turn.state, turn.final, turn.doubtful, turn.usd is None
            if own != stored_state:
                self.faults.append(f"at {at_ms}: the ledger has {stored_state}, the session {own}")
        expected = await ledger.database.run(_expected)
        wrong = {place: usd for place, usd in shown.items() if abs((usd or Decimal(0)) - expected) > NOISE}
        if wrong:
            self.faults.append(f"at {at_ms}: {wrong} instead of {expected}")
        self.noted.append((at_ms, shown["rows"] or Decimal(0), unexplained))

    def _money(self) -> Iterator[tuple[str, AmountState, bool, bool, bool]]:
        """What the receipts show of each turn: its state, whether it is a gap, doubtful, unknown."""
        for session in self.sessions:
            shown = session_money(session.turns, session.elsewhere).turns
            for turn, own in zip(session.turns, shown, strict=True):
                yield turn.turn_id, own.state, own.final, Unit.USD in own.doubts, own.usd is None

    async def _sessions(self) -> Decimal:
        total = Decimal(0)
        for at, session in enumerate(self.sessions):
            elsewhere = await self.ledgers[at].charge(session)
            self.sessions[at] = replace(session, elsewhere=elsewhere)
            total += session_money(session.turns, elsewhere).usd.value or Decimal(0)
        return total


def _rows(connection: sqlite3.Connection) -> tuple[int, ...]:
    """How many charges and rises are stored."""
    counts = "SELECT (SELECT COUNT(*) FROM charges), (SELECT COUNT(*) FROM suspense)"
    return tuple(connection.execute(counts).fetchone())


def _expected(connection: sqlite3.Connection) -> Decimal:
    """The total of the worker by the stored readings."""
    bare = Session("", 0, WORKER)
    index = MoneyIndex()
    index((), others(connection, bare))
    meter = index.results[WORKER][COST] if WORKER in index.results else None
    if meter is None:
        return Decimal(0)
    if meter.by_turn:
        return sum(map(Decimal, meter.per_turn.values()), Decimal(0))
    return Decimal(meter.total or 0)


async def faults(history: History, seed: int, path: Path) -> tuple[list[str], int]:
    """All faults, and the number of rulings."""
    async with opened_ledger(path) as one, opened_ledger(path) as other:
        played = Played((one, other), path, history, seed)
        await played.play()
    return played.faults, played.rulings


def play(history: History, seed: int, path: Path) -> tuple[list[str], int]:
    """`faults`, outside of a loop."""
    return asyncio.run(faults(history, seed, path))
