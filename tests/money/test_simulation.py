"""Random lives of a history with real engines: every place shows the truth, or says what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.money.simulated_service import Habit, Trouble
from tests.money.simulation import Life

LIVES = 2


@pytest.mark.parametrize("tasks", [False, True])
def test_all_places_show_the_truth_at_every_step(tmp_path: Path, *, tasks: bool) -> None:
    """`python -m tests.money.soak --lives 1000` plays more."""
    lives = {seed: Life(seed, tmp_path / f"{seed}.db", tasks=tasks) for seed in range(LIVES)}
    assert not {seed: wrong for seed, life in lives.items() if (wrong := life.faults())}
    # A program that marked everything, or stored nothing, would pass.
    turns, exact = (sum(getattr(one.places, name) for one in lives.values()) for name in ("turns", "plain"))
    assert turns >= 2 * LIVES
    assert exact >= turns / 2


@pytest.mark.parametrize(
    ("seed", "tasks", "trouble", "habits"),
    [
        # Messages of others that are adopted while they run: later readings were taken for stale ones.
        (28, False, None, (Habit.LATE, Habit.STRANGERS)),
        # Costs of an older turn of a task that come late.
        (26, True, None, (Habit.IMPORTS, Habit.LATE)),
        (2087, True, None, (Habit.FROZEN, Habit.LATE)),
        # Two turns within a millisecond: another program put their readings into another order.
        (12, False, None, (Habit.FROZEN, Habit.PROGRAMS, Habit.QUEUE, Habit.STRANGERS)),
        # Behind a message that failed with 500, no reading was used: neither late costs nor those of others.
        (121, False, Trouble.OUTAGE, (Habit.LATE,)),
        # Figures of each turn: late costs of a turn were those of the message that failed behind it.
        (103, False, Trouble.OUTAGE, (Habit.LATE, Habit.PAST, Habit.PER_TURN, Habit.UNREAD)),
        # Two programs began two workers in one session: the older one was not read any more.
        (600083, False, Trouble.NIGHT, (Habit.FROZEN, Habit.LATE, Habit.PROGRAMS)),
        (600071, True, Trouble.TOGETHER, (Habit.FROZEN,)),
        # An amount that is unknown by another meaning stayed in the ledger.
        (600201, False, None, (Habit.IMPORTS, Habit.PAST, Habit.PER_TURN, Habit.STRANGERS)),
        # A program whose copy of the session lacked the turns of another one read the task and used nothing.
        (700004, True, Trouble.SLOW, (Habit.LATE, Habit.PROGRAMS)),
        (700073, True, Trouble.TOGETHER, (Habit.FREE, Habit.LATE, Habit.QUEUE, Habit.RULINGS)),
        # An imported session went on with a task: the late costs that it read are those of the other session.
        (1000945, True, None, (Habit.IMPORTS, Habit.LATE, Habit.PAST)),
        # Messages of others are adopted after a rise in their time is in suspense: zero was their amount.
        (1000571, False, Trouble.NIGHT, (Habit.IMPORTS, Habit.PAST, Habit.STRANGERS, Habit.UNREAD)),
        # A message is sent behind one whose end was not read: only the session had the doubt about its cost.
        (1000205, False, Trouble.OUTAGE, (Habit.QUEUE,)),
        # Two programs began a worker each in one session: one had not seen the other's, and did not read it.
        (2000183, True, Trouble.TOGETHER, (Habit.CREDITS, Habit.FROZEN, Habit.LATE, Habit.PER_TURN)),
        # The newest message may have begun a worker that nobody named: the older one was not read any more.
        (2000135, False, Trouble.SLOW, (Habit.FREE, Habit.PROGRAMS, Habit.UNREAD)),
        # Of two readings within a millisecond, the later one said that the rise is that of others.
        (2001290, False, Trouble.TOGETHER, (Habit.PAST, Habit.STRANGERS)),
        # A program whose copy lacked a confirming reading of figures of one turn took the confirmation back.
        (3001846, True, None, (Habit.PAST, Habit.PROGRAMS, Habit.QUEUE)),
        # While a message of others ran, a program did not take the turns that another one had added before.
        (3001910, True, Trouble.TOGETHER, (Habit.LATE, Habit.QUEUE, Habit.RULINGS, Habit.STRANGERS)),
        # What the reading of `/attach` showed was not entered where the history had the session already.
        (4001493, True, None, (Habit.LATE, Habit.PAST)),
        # A message that was adopted and one that was sent within a millisecond.
        (4000628, False, None, (Habit.CREDITS, Habit.PAST, Habit.PROGRAMS, Habit.STRANGERS)),
        # The last reading of a turn was used before the turns of the other program were taken.
        (5000666, True, Trouble.TOGETHER, (Habit.FREE, Habit.FROZEN, Habit.LATE, Habit.PER_TURN)),
        # What the reading before a turn showed of earlier ones was entered at the end of that turn only.
        (6000836, True, Trouble.NIGHT, (Habit.LATE, Habit.PER_TURN, Habit.QUEUE, Habit.UNREAD)),
        # A session was opened and its worker read: late costs that this showed were not entered.
        (7002901, False, Trouble.SLOW, (Habit.CREDITS, Habit.RULINGS, Habit.STRANGERS)),
        # The reading after a refusal showed late costs of another turn.
        (7003331, True, Trouble.SLEEP, (Habit.FREE, Habit.LATE, Habit.PROGRAMS, Habit.RULINGS)),
        # Figures of each turn: those of a later message of others were taken for the one adopted before it.
        (7003685, False, None, (Habit.PAST, Habit.PER_TURN, Habit.PROGRAMS, Habit.STRANGERS)),
        # Two messages of others are adopted at once: those of a third one were taken for those of the second.
        (7011869, False, None, (Habit.PER_TURN, Habit.STRANGERS)),
        # Final because another message followed, and no longer once that was refused: it stayed final.
        (7011924, False, Trouble.SLOW, (Habit.FREE, Habit.IMPORTS, Habit.LATE)),
        # Rising figures of each turn were taken for totals, although every turn began at zero.
        (7016375, False, None, (Habit.FREE, Habit.PAST, Habit.PER_TURN)),
        # What another program had recorded of a turn stayed where nothing changed in this one.
        (7036743, False, Trouble.TOGETHER, (Habit.STRANGERS, Habit.UNREAD)),
        # Turns that another program added changed the places of others, whose shares stayed as they were.
        (7022682, False, None, (Habit.FROZEN, Habit.PER_TURN, Habit.PROGRAMS, Habit.STRANGERS)),
        # A fall that may be a reset: a turn that would share a rise by it was not computed again.
        (7054670, False, None, (Habit.PER_TURN, Habit.UNREAD)),
        # A second session adopted a message that came before the newest one: it got the figures of that one.
        (7055015, False, Trouble.TOGETHER, (Habit.FROZEN, Habit.IMPORTS, Habit.PER_TURN, Habit.STRANGERS)),
        # Zero, which others shared, became unknown: it stayed zero in the ledger.
        (2000888, False, Trouble.TOGETHER, (Habit.CREDITS, Habit.PAST, Habit.QUEUE, Habit.UNREAD)),
    ],
)
def test_what_random_lives_found(
    seed: int, trouble: Trouble | None, habits: tuple[Habit, ...], tmp_path: Path, *, tasks: bool
) -> None:
    life = Life(seed, tmp_path / "h.db", tasks=tasks, habits=frozenset(habits), trouble=trouble)
    assert life.faults() == []
