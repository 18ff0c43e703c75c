"""`handinger-tui replay`: replayed turns equal the stored ones, and nothing is sent, read or written."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.cli.wiring import RandomIds, new_clock
from handinger_tui.core.money import turn_events
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.engine.replay import LONGEST_PAUSE_S, Pace, Replay, ReplayClock
from handinger_tui.ledger.ledger import FileAccess
from tests.cli.program import environ, start
from tests.e2e.runner import run
from tests.ledger.damage import create_history, damaged
from tests.ledger.samples import answered, frame, opened, play, session, turn_request
from tests.ledger.test_search import filled, streamed
from tests.wire.recordings import Recording, Tape, recordings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from handinger_tui.core.turns.session import Session

HOSTILE = "\x1b]52;c;ZXZpbA==\x07\x1b[2Jred\u202e\x9b31m"


def contents(home: Path) -> dict[str, str]:
    """The files of a history that hold data; readers share a memory file and an empty log."""
    paths = (
        path for path in home.iterdir() if path.name.startswith("history.db") and path.suffix != ".db-shm"
    )
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.stat().st_size}


def of(recording: Recording) -> list[Frame]:
    """The frames of a turn that has this stream as its answer."""
    settled = {"status": "completed", "recovered": False, "fault": None}
    return Tape().note(Marker.SENDING).body(recording).note(Marker.SETTLED, **settled).frames


async def replayed(path: Path, session_id: str, pace: Pace) -> tuple[Session, Replay]:
    """The stored session, and the replay at its end."""
    async with opened(path, access=FileAccess.READ) as ledger:
        stored = await ledger.load(session_id)
        assert stored is not None
        replay = Replay(stored, ledger.frames, pace, new_clock(), RandomIds())
        async with asyncio.timeout(60):
            await replay.run()
        await replay.engine.aclose()
    return stored, replay


async def test_replayed_turns_equal_the_stored_ones(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        now = session()
        for number, recording in enumerate(recordings()):
            now = await play(ledger, now, turn_request(f"turn_{number}", recording.name), of(recording))
        now = await play(ledger, now, turn_request("turn_answered"), answered())
        await play(ledger, now, turn_request("turn_failed"), answered(status="failed"))
    stored, replay = await replayed(path, "ses_1", Pace(0))
    assert len(stored.turns) > 10
    shown = replay.engine.session("ses_1")
    assert shown.turns == stored.turns
    assert [turn.text for turn in shown.turns] == [turn.text for turn in stored.turns]
    assert replay.folded == []
    assert replay.is_over


async def test_a_turn_without_frames_is_shown_as_stored_with_a_note(own_home: Path) -> None:
    path = own_home / "history.db"
    events: list[dict[str, object]] = [json.loads(_delta(f"word {at} ")) for at in range(60)]
    async with opened(path) as ledger:
        now = await play(
            ledger, session(), turn_request("turn_1"), streamed({"type": "text-start", "id": "t"}, *events)
        )
        await play(ledger, now, turn_request("turn_2"), answered())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM packed")
    stored, replay = await replayed(path, "ses_1", Pace(0))
    assert replay.engine.session("ses_1").turns == stored.turns
    assert "word 59" in stored.turns[0].text
    assert replay.folded == [1]
    ran = await asyncio.to_thread(run, "replay", "ses_1", "--speed", "0", home=own_home)
    assert "Turn 1 is shown at once: how it arrived is no longer stored." in ran.err
    assert "word 59" in ran.out


async def test_a_turn_that_another_program_is_storing_is_played_up_to_its_last_frame(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        begun = [*Tape().note(Marker.SENDING).frames, frame(1, '{"type": "text-start", "id": "t"}')]
        await ledger.open_turn(session(), turn_request("turn_1"))
        for one in begun:
            ledger.append("turn_1", one)
        stored = await ledger.load("ses_1")
        assert stored is not None
        assert stored.turns[0].live
        for at in range(2, 5):
            ledger.append("turn_1", frame(at, _delta(f"{at} ")))
        replay = Replay(stored, ledger.frames, Pace(0), new_clock(), RandomIds())
        await replay.run()
    assert replay.folded == []
    assert replay.engine.session("ses_1").turns[0].text == "2 3 4 "


def test_the_json_of_many_turns_takes_linear_time(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count, events = 40, 0
    events_of_turn = turn_events.events_of_turn

    def counted(*words: Any, **named: Any) -> Any:
        nonlocal events
        events += 1
        return events_of_turn(*words, **named)

    async def fill() -> None:
        async with opened(own_home / "history.db") as ledger:
            now = session()
            for number in range(count):
                frames = [one._replace(at_ms=one.at_ms + number * 10_000) for one in answered(number)]
                now = await play(
                    ledger, now, turn_request(f"turn_{number}", created_ms=number * 10_000), frames
                )

    asyncio.run(fill())
    monkeypatch.setattr(turn_events, "events_of_turn", counted)
    ran = run("replay", "ses_1", "--json", "--speed", "0", home=own_home)
    assert len(ran.out.splitlines()) == count
    # Each turn, its predecessor, and its stored data: the square of the count would be 1,600.
    assert 0 < events < 10 * count


class Sleepless(ReplayClock):
    """A clock that only records the requested delays."""

    def __init__(self) -> None:
        super().__init__(new_clock())
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("pace", "pauses"),
    [
        (Pace(), [0.5, LONGEST_PAUSE_S]),
        (Pace(4.0), [0.125, LONGEST_PAUSE_S / 4]),
        (Pace(1.0, full_pauses=True), [0.5, 3600.0]),
        (Pace(0), []),
    ],
)
async def test_frames_follow_each_other_at_the_pace_of_the_original(
    tmp_path: Path, pace: Pace, pauses: list[float]
) -> None:
    deltas = ('{"type": "text-start", "id": "t"}', *(_delta(text) for text in ("a", "b", "c")))
    times = (5_000, 5_000, 5_500, 3_605_500)
    frames = [
        Frame(at, time, Framing.SSE, text) for at, (time, text) in enumerate(zip(times, deltas, strict=True))
    ]
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(), turn_request(created_ms=5_000), frames)
        stored = await ledger.load("ses_1")
        assert stored is not None
        clock = Sleepless()
        texts: list[str] = []
        replay = Replay(stored, ledger.frames, pace, clock, RandomIds())
        replay.engine.subscribe(lambda _id: texts.append(replay.engine.session("ses_1").turns[-1].text))
        await replay.run()
    assert [round(seconds, 3) for seconds in clock.slept if seconds > 0.01] == pauses
    assert list(dict.fromkeys(texts)) == (["", "a", "ab", "abc"] if pauses else ["", "abc"])
    assert clock.now_ms() == times[-1]


def _delta(text: str) -> str:
    return json.dumps({"type": "text-delta", "id": "t", "delta": text})


async def test_a_pause_holds_the_replay_and_a_skip_ends_the_turn_immediately(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        events = [frame(at, _delta(f"{at} ")) for at in range(1, 20)]
        frames = [frame(0, '{"type": "text-start", "id": "t"}'), *events]
        slow = [one._replace(at_ms=5_000 + one.seq * 1_000_000) for one in frames]
        now = await play(ledger, session(), turn_request("turn_1", created_ms=5_000), slow)
        await play(ledger, now, turn_request("turn_2"), answered())
        stored = await ledger.load("ses_1")
        assert stored is not None
        replay = Replay(stored, ledger.frames, Pace(1.0, full_pauses=True), new_clock(), RandomIds())
        changed = asyncio.Event()
        replay.engine.subscribe(lambda _id: changed.set())
        replay.on_change = changed.set

        async def until(holds: Callable[[], object]) -> None:
            while not holds():
                changed.clear()
                await changed.wait()

        playing = asyncio.create_task(replay.run())
        await until(lambda: replay.number == 1)
        actor = replay.engine.actor("ses_1")
        await until(lambda: actor.session.turns and actor.session.turns[-1].parts)
        replay.toggle()
        # The next turn waits for the end of the pause.
        actor.detach()
        await until(lambda: replay.number == 2)
        assert actor.session.turns == stored.turns[:1]
        replay.toggle()
        await asyncio.wait_for(playing, 60)
        assert actor.session.turns == stored.turns


def without_seq(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name != "seq"} for line in lines]


def test_it_prints_the_stream_json_of_the_original_run(own_home: Path) -> None:
    originals = [
        run("--local", "-p", prompt, "--output-format", "stream-json", home=own_home)
        for prompt in ("echo **bold** text", "sources about csv and json")
    ]
    for original in originals:
        assert original.code == 0
        ran = run(
            "replay", original.result["session_id"], "--speed", "max", "--output-format", "stream-json",
            home=own_home,
        )  # fmt: skip
        assert ran.code == 0
        assert [line["seq"] for line in ran.lines] == [*range(len(ran.lines))]
        # The intermediate statuses that a run prints depend on its speed.
        replayed, first = without_seq(ran.lines), without_seq(original.lines)
        assert [line for line in replayed if line["type"] != "status"] == [
            line for line in first if line["type"] != "status"
        ]
        assert [line for line in replayed if line["type"] == "status"][-1]["status"] == "completed"


def test_a_replay_opens_no_socket_and_writes_nothing(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(filled(own_home / "history.db"))
    before = contents(own_home)

    def refuse(*_args: object, **_named: object) -> None:
        pytest.fail("a socket was opened")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for session_id in ("ses_1", "ses_2", "ses_3"):
        for form in ("text", "json", "stream-json"):
            assert run("replay", session_id, "--output-format", form, "--speed", "0", home=own_home).code == 0
    assert contents(own_home) == before


async def test_hostile_text_is_as_harmless_as_live(own_home: Path) -> None:
    async with opened(own_home / "history.db") as ledger:
        events: list[dict[str, object]] = [{"type": "text-start", "id": "t"}, json.loads(_delta(HOSTILE))]
        await play(ledger, session(title=HOSTILE), turn_request(prompt=HOSTILE), streamed(*events))
    for form in ("text", "json", "stream-json"):
        ran = await asyncio.to_thread(
            run, "replay", "ses_1", "--output-format", form, "--speed", "0", home=own_home
        )
        assert "red" in ran.out
        assert not {*"\x1b\x07\x9b\u202e"} & {*ran.out, *ran.err}
        assert "\\u001b" not in ran.out


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("ses_x",), "No session or worker id starts with ses_x."),
        (("ses_",), "3 sessions start with ses_."),
        (("ses_1", "--speed", "-1"), "argument --speed: it must be a number from 0, or max"),
        (("ses_1", "--speed", "nan"), "argument --speed: it must be a number from 0, or max"),
        (("ses_1", "--speed", "fast"), "argument --speed: it must be a number from 0, or max"),
    ],
)
def test_wrong_values_are_refused(own_home: Path, argv: tuple[str, ...], problem: str) -> None:
    asyncio.run(filled(own_home / "history.db"))
    ran = run("replay", *argv, home=own_home)
    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err
    assert "_parse" not in ran.err


def test_damage_is_reported_before_the_turns(tmp_path: Path) -> None:
    asyncio.run(create_history(tmp_path / "history.db"))
    damaged(tmp_path / "history.db", "page", 1)
    shown = tmp_path / "shown"
    with shown.open("wb") as both:
        process = start(
            environ(tmp_path), "replay", "ses_1", "--speed", "max", stdout=both.fileno(), stderr=both.fileno()
        )
    assert process.wait(60) == 0
    first, *lines = shown.read_text("utf-8").splitlines()
    assert "The history is damaged. This is what can be read of it" in first
    assert lines
    assert not [line for line in lines if "damaged" in line]
