"""Killed at any moment: kill -9 on a real process with a real database, then a fresh start.

HANDINGER_TEST_KILLS says how many in each generation (6), HANDINGER_TEST_SEED which ones (1).
Each kill waits for a request at the server, then for a random
moment more, so that it also falls between and into writes of the database.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from handinger_tui.core.stream import Marker as FrameNote
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ledger.frames import stored_frames
from tests.chaos.data import SCENARIOS, SHORT
from tests.chaos.judge import prompt_for
from tests.chaos.processes import Place, ended
from tests.chaos.restart import start_again
from tests.chaos.server import FaultServer, wait_until
from tests.chaos.steps import CLOSING, EVENT_STREAM, delta, opening
from tests.chaos.table import Note
from tests.chaos.world import World
from tests.e2e.runner import run

KILLS: Final = int(os.environ.get("HANDINGER_TEST_KILLS", "6"))
SEED: Final = os.environ.get("HANDINGER_TEST_SEED", "1")
START_UP_S: Final = 0.7
END_S: Final = 15.0
"""A run that misses its signal takes longer for its recovery; the machine may be slow."""
WORDS: Final = [f"w{number:02} " for number in range(20)]
LIMITS: Final = SHORT | {"HANDINGER_RECOVERY_WINDOW": "0.8", "HANDINGER_POLL_INTERVAL": "0.05"}

ANSWER: Final[list[dict[str, Any]]] = [
    {"sleep": 100},
    {"head": {"headers": {**EVENT_STREAM, "Location": "/api/workers/{{id}}"}}},
    {"open": 1},
    {"deltas": [0, None], "every_ms": 25},
    {"close": 1},
]
ANSWER_OF_A_TASK: Final[list[dict[str, Any]]] = [{"work_ms": 25}, {"worker": {}}]
"""A task is answered when its turn is over. It continues after the client has disconnected."""
ACCEPTING: Final[dict[str, list[dict[str, Any]]]] = {
    "at once": [{"accept": {}}],
    "late": [{"sleep": 150}, {"accept": {}}],
}
generations = pytest.mark.parametrize("tasks", [False, True], ids=["workers", "tasks"])


def limits(world: World) -> dict[str, str]:
    return LIMITS | ({"HANDINGER_GENERATION": "tasks"} if world.tasks else {})


def target(world: World) -> tuple[str, ...]:
    """How the command line names the conversation that a turn continues."""
    return ("--task" if world.tasks else "-w", world.worker_id) if world.op == "continue" else ()


@dataclass(frozen=True)
class Moment:
    """When to kill: so many milliseconds after something happened."""

    name: str
    reached: Callable[[World], bool]
    later_s: float


def moment_of(chance: random.Random) -> Moment:
    """A moment in the life of a turn: from the start of the program to after its end."""
    kind = chance.choices(["start", "look", "post", "delta", "after"], weights=[3, 2, 5, 12, 3])[0]
    if kind == "start":
        return Moment(kind, lambda world: True, chance.uniform(0, START_UP_S))
    later = chance.uniform(0, 0.15)
    if kind == "delta":
        number = chance.randint(1, len(WORDS))
        return Moment(f"delta {number}", lambda world: world.sent >= number, later / 4)
    conditions: dict[str, Callable[[World], bool]] = {
        "look": lambda world: bool(world.exchanges),
        "post": lambda world: world.posts > 0,
        "after": lambda world: world.gets > 0,
    }
    return Moment(kind, conditions[kind], later)


def rows(database: Path, query: str) -> list[Any]:
    """Rows as another process sees them: only what has been committed."""
    return read(database, lambda connection: connection.execute(query).fetchall())


def frames_in(database: Path) -> list[tuple[int, str, str, str]]:
    """Number, framing, event and data of the frames of all turns, packed or not."""

    def stored(connection: sqlite3.Connection) -> list[tuple[int, str, str, str]]:
        turns = connection.execute("SELECT turn_id FROM turns ORDER BY place").fetchall()
        frames = (frame for (turn_id,) in turns for frame in stored_frames(connection, turn_id))
        return [(one.seq, str(one.framing), one.event, one.data) for one in frames]

    return read(database, stored)


def read(database: Path, query: Callable[[sqlite3.Connection], list[Any]]) -> list[Any]:
    if not database.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return query(connection)
    except sqlite3.OperationalError as problem:
        # The process was killed, or the file read, before the first migration was committed.
        if "no such table" in str(problem):
            return []
        raise


def server_events() -> list[str]:
    """The data of every event of the stream, in order."""
    events = [*opening("m1a"), *map(delta, WORDS), *CLOSING]
    return [*(json.dumps(event) for event in events), "[DONE]"]


@generations
@pytest.mark.parametrize("number", range(KILLS))
def test_kill(number: int, server: FaultServer, tmp_path: Path, note: Note, *, tasks: bool) -> None:
    chance = random.Random(f"{SEED}-{number}")
    accepting, moment = chance.choice(sorted(ACCEPTING)), moment_of(chance)
    op = chance.choice(["continue", "continue", "create"])
    world = server.begin(killable(accepting, op, tasks=tasks), tasks=tasks)
    place = Place(server, tmp_path)
    process = place.start(world, "-p", prompt_for(world), *target(world), "--json", env=limits(world))
    assert wait_until(world, lambda: moment.reached(world))
    # The random moment is the experiment itself; nothing is waited for.
    time.sleep(moment.later_s)
    committed = frames_in(place.database)
    process.kill()
    ended(process)

    kept = check_history(place, world, committed)
    check_the_start(place, world)
    note(f"seed {SEED}, {op}, {moment.name} +{moment.later_s * 1000:.0f} ms, {kept} frames kept", world, 0)


@generations
@pytest.mark.parametrize("number", range(max(1, KILLS // 2)))
def test_stopped_by_a_signal(
    number: int, server: FaultServer, tmp_path: Path, note: Note, *, tasks: bool
) -> None:
    """SIGTERM or SIGINT at any moment: a quick end, nothing lost, and `attach` brings the remainder."""
    chance = random.Random(f"stop-{SEED}-{number}")
    accepting, moment = chance.choice(sorted(ACCEPTING)), moment_of(chance)
    # While Python itself starts, an interrupt is Python's to answer.
    stop_signal = signal.SIGTERM if moment.name == "start" else chance.choice([signal.SIGTERM, signal.SIGINT])
    world = server.begin(killable(accepting, tasks=tasks), tasks=tasks)
    place = Place(server, tmp_path)
    process = place.start(world, "-p", prompt_for(world), *target(world), "--json", env=limits(world))
    assert wait_until(world, lambda: moment.reached(world))
    time.sleep(moment.later_s)
    begun = time.monotonic()
    process.send_signal(stop_signal)
    ran = ended(process)
    seconds = time.monotonic() - begun
    assert seconds < END_S
    assert ran.code in {0, 128 + stop_signal, -stop_signal}
    check_history(place, world, [])
    if world.prompts:
        base_url = server.base_of(world)
        back = run("attach", world.worker_id, "--json", home=place.data, base_url=base_url, **limits(world))
        assert (back.code, back.result["text"]) == (0, "".join(WORDS))
        assert place.turns_of(world) == [(prompt_for(world), "completed")]
    assert world.posts <= 1
    note(
        f"seed {SEED}, {stop_signal.name} {moment.name} +{moment.later_s * 1000:.0f} ms, {ran.code}",
        world,
        seconds,
    )


def killable(accepting: str, op: str = "continue", *, tasks: bool = False) -> dict[str, Any]:
    server = {op: [ACCEPTING[accepting] + (ANSWER_OF_A_TASK if tasks else ANSWER)]}
    return {"id": "killed", "op": op, "deltas": WORDS, "history": op == "continue", "server": server}


def check_history(place: Place, world: World, committed: list[Any]) -> int:
    """The history right after the kill; returns how many frames it holds."""
    assert rows(place.database, "PRAGMA integrity_check") in ([], [("ok",)])
    frames = frames_in(place.database)
    assert frames[: len(committed)] == committed, "a committed frame is missing"
    assert [seq for seq, *_ in frames] == list(range(len(frames)))
    events = [data for _, framing, _, data in frames if framing == "sse"]
    assert events == server_events()[: len(events)]
    prompts = rows(place.database, "SELECT prompt FROM turns")
    if world.posts:
        assert prompts == [(prompt_for(world),)]
        assert FrameNote.SENDING in [event for _, _, event, _ in frames]
    else:
        assert prompts in ([], [(prompt_for(world),)])
    return len(frames)


def check_the_start(place: Place, world: World) -> None:
    """The next start settles the turn by GETs, once, with its true status."""
    turns = rows(place.database, "SELECT status, settled_ms FROM turns")
    frames = frames_in(place.database)
    # A message that arrived is answered sometime; the window is for those that never do.
    patient = {"HANDINGER_RECOVERY_WINDOW": "60"} if world.prompts else {}
    sessions = start_again(place.database, place.server.base_of(world), limits(world) | patient)
    open_before = [status for status, settled_ms in turns if settled_ms is None]
    assert len(sessions) == len(open_before)
    assert frames_in(place.database)[: len(frames)] == frames
    assert start_again(place.database, place.server.base_of(world), limits(world)) == []
    assert world.posts <= 1
    assert len(world.prompts) <= 1
    assert rows(place.database, "SELECT COUNT(*) FROM charges WHERE kind = 'charge'") in ([], [(len(turns),)])
    events = [event for _, _, event, _ in frames]
    for session in sessions:
        (turn,) = session.turns
        if world.prompts and turn.worker_id is not None:
            assert (turn.status, turn.text) == (TurnStatus.COMPLETED, "".join(WORDS))
            assert turn.draft is None
        else:
            check_unanswered(world, turn, sent=FrameNote.SENDING in events)
    answers = rows(place.database, "SELECT text FROM answers WHERE text <> ''")
    with_worker = rows(place.database, "SELECT 1 FROM turns WHERE worker_id IS NOT NULL")
    assert answers == ([("".join(WORDS),)] if world.prompts and with_worker else [])


def check_unanswered(world: World, turn: Turn, *, sent: bool) -> None:
    """An answer cannot be confirmed: the text is a draft again, and the fault says whether it may cost."""
    assert turn.draft == prompt_for(world)
    assert turn.fault is not None
    if sent and world.op == "create" and not world.tasks:
        # Without its id, it is impossible to check whether a worker was started.
        assert turn.status is TurnStatus.UNKNOWN
        assert turn.fault.may_have_been_charged
    else:
        assert turn.status is (TurnStatus.NOT_DELIVERED if sent else TurnStatus.NOT_SENT)
        assert not turn.fault.may_have_been_charged


def test_killed_while_watching_a_turn_sent_elsewhere(server: FaultServer, tmp_path: Path) -> None:
    """We never sent it, so it is not `not sent`: it runs, and is watched again after the start."""
    hung = {"subscribe": [[{"head": {}}, {"open": 1}, {"hang": 30000}], "default"]}
    world = server.begin({**SCENARIOS["attach-running"], "start_running": 4, "server": hung})
    place = Place(server, tmp_path)
    process = place.start(world, "attach", world.worker_id, "--json")
    assert wait_until(world, lambda: any(one.op == "subscribe" for one in world.exchanges))
    # The stream hangs: what came before it is committed within a quarter of a second.
    assert wait_for_rows(place, "SELECT 1 FROM frames WHERE event = 'watching'")
    process.kill()
    ended(process)
    (session,) = start_again(place.database, server.base_of(world), LIMITS)
    assert session.current is not None
    assert (session.current.status, session.current.text) == (TurnStatus.COMPLETED, world.text)
    assert world.posts == 0


def test_killed_right_after_a_new_worker_has_sent_its_id(server: FaultServer, tmp_path: Path) -> None:
    """Once any part of the answer is shown, the worker can be read again after a crash."""
    world = server.begin(killable("at once", "create"))
    place = Place(server, tmp_path)
    process = place.start(world, "-p", prompt_for(world), "--output-format", "stream-json", env=LIMITS)
    assert process.stdout is not None
    assert any('"text-delta"' in line for line in process.stdout)
    process.kill()
    ended(process)
    (session,) = start_again(place.database, server.base_of(world), LIMITS)
    assert session.current is not None
    assert (session.current.status, session.current.text) == (TurnStatus.COMPLETED, "".join(WORDS))
    assert world.posts == 1


def wait_for_rows(place: Place, query: str, deadline_s: float = 30.0) -> bool:
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if rows(place.database, query):
            return True
        time.sleep(0.02)
    return False
