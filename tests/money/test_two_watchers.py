"""Two programs of one history at one turn: one of them writes it, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from handinger_tui.core.money.attribution import MoneyIndex, session_money
from handinger_tui.core.stream import Frame, Framing
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import NO_RELATED_HISTORY, put_turn
from handinger_tui.core.turns.turn import StartPolicy, TurnStatus
from handinger_tui.ledger.frames import stored_frames
from tests.chaos.processes import ended
from tests.ledger.samples import answered, frame, opened, play, session, turn_request, worker
from tests.money.opened_app import opened_app
from tests.money.paid_service import WORDS, PaidService
from tests.money.programs import Person

ANSWER = "".join(WORDS)
HALF = "".join(WORDS[:5])
"""The text that is printed at least of an answer without an end."""


def until_printed(process: subprocess.Popen[str], text: str) -> str:
    """Wait until a program has printed `text`; returns all that it has printed."""
    assert process.stdout is not None
    printed = ""
    while text not in printed:
        # Not `read`, which would consume more than it returns: the end is read by `communicate`.
        piece = os.read(process.stdout.fileno(), 4096).decode()
        assert piece, f"It ended after {printed!r}."
        printed += piece
    return printed


def frames_of(history: Path) -> list[Frame]:
    """The stored frames of the only turn."""
    with closing(sqlite3.connect(history)) as connection:
        ((turn_id,),) = connection.execute("SELECT turn_id FROM turns").fetchall()
        return stored_frames(connection, turn_id)


def numbers(history: Path) -> list[int]:
    return [frame.seq for frame in frames_of(history)]


def streamed(history: Path) -> int:
    """How many events of the stream are stored."""
    return sum(frame.framing is Framing.SSE for frame in frames_of(history))


def test_a_turn_that_another_program_watches_is_shown_and_stored_once(
    service: PaidService, tmp_path: Path
) -> None:
    service.late = None
    person, history = Person(service, tmp_path), tmp_path / "history.db"
    sender = person.start("-p", "hello")
    printed = until_printed(sender, HALF)
    watcher = person.start("attach", "wrk_1", "-p")
    shown = until_printed(watcher, HALF)
    service.late = 0.0
    service.finish()
    sent, watched = ended(sender), ended(watcher)
    assert (sent.code, watched.code) == (0, 0)
    assert (printed + sent.out, shown + watched.out) == (ANSWER + "\n", ANSWER + "\n")
    # start, text-start, one for each word, text-end, finish, [DONE]
    assert streamed(history) == len(WORDS) + 5
    assert numbers(history) == [*range(len(numbers(history)))]
    assert service.posts == ["hello"]
    costs = person.json_of("costs")
    assert (costs["total"]["turns"], Decimal(costs["total"]["cost_usd"])) == (1, service.truth)


def test_a_program_that_shows_the_turn_of_another_continues_it_after_a_kill(
    service: PaidService, tmp_path: Path
) -> None:
    service.late = None
    person = Person(service, tmp_path)
    sender = person.start("-p", "hello")
    until_printed(sender, HALF)
    watcher = person.start("attach", "wrk_1", "-p", "--json")
    assert service.wait_for_reads(1)
    sender.kill()
    sender.communicate()
    service.late = 0.0
    service.finish()
    watched = ended(watcher)
    assert (watched.code, watched.result["text"]) == (0, ANSWER)
    costs = person.json_of("costs")
    assert (costs["total"]["turns"], costs["total"]["unpriced_turns"]) == (1, 0)
    assert Decimal(costs["total"]["cost_usd"]) == service.truth == 1


async def test_the_app_shows_a_turn_that_a_script_sends(
    service: PaidService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.late = None
    person = Person(service, tmp_path)
    script = person.start("-p", "hello")
    assert await asyncio.to_thread(until_printed, script, HALF)
    async with opened_app(person, monkeypatch) as opened:
        await opened.send("/attach wrk_1")
        await opened.shows(ANSWER.strip())
        assert opened.session.turns[-1].live
        service.late = 0.0
        service.finish()
        assert (await asyncio.to_thread(ended, script)).code == 0
        await opened.until(lambda: [turn.status for turn in opened.session.turns] == [TurnStatus.COMPLETED])
        await opened.shows("$1.00", "today $1.00")
    assert service.posts == ["hello"]


async def test_frames_that_two_programs_store_of_one_turn_are_all_kept(tmp_path: Path) -> None:
    """Both have read the end of the turn, and add a reading of the worker."""
    path = tmp_path / "h.db"
    async with opened(path) as first, opened(path) as second:
        await play(first, session(), turn_request(), answered())
        count = len(await first.frames("turn_1"))
        for ledger, text in ((first, '{"id": "a"}'), (second, '{"id": "b"}'), (first, '{"id": "c"}')):
            number = count + (text == '{"id": "c"}')
            ledger.append("turn_1", frame(number, text, Framing.JSON, "after"))
            await ledger.flush()
        stored = [(one.seq, one.data) for one in await second.frames("turn_1", count)]
        assert stored == [(count, '{"id": "a"}'), (count + 1, '{"id": "b"}'), (count + 2, '{"id": "c"}')]


async def test_a_program_with_an_older_copy_of_a_turn_removes_nothing(tmp_path: Path) -> None:
    """Both have the session open; one of them reads late costs of a turn that has ended."""
    path = tmp_path / "h.db"
    messages = [
        {"id": role, "role": role, "parts": [{"type": "text", "text": text}]}
        for role, text in (("user", "hello"), ("assistant", "an answer"))
    ]
    async with opened(path) as first, opened(path) as second:
        frames = answered("0.10", messages=messages)
        await play(first, session(), turn_request(), frames)
        older = await second.load("ses_1")
        assert older is not None
        assert await second.charge(older) == NO_RELATED_HISTORY
        late = frame(len(frames), worker("0.25", messages=messages), Framing.JSON, "after")
        first.append("turn_1", late)
        now = put_turn(session(), fold(turn_request(), [*frames, late]))
        await first.close_turn(now, "turn_1")

        others = await second.charge(older)
        (charge,) = await second.charges.turn_charges()
        assert (charge.usd, charge.corrections) == (Decimal("0.25"), 1)
        # It shows its old copy, until it reads the session again.
        assert [money.usd for money in MoneyIndex()(older.turns, others)] == [Decimal("0.25")]
        assert session_money(older.turns, others).usd == session_money(now.turns).usd
        loaded = await second.load("ses_1")
        assert loaded is not None
        assert (loaded.turns, loaded.elsewhere) == (now.turns, NO_RELATED_HISTORY)
        assert await second.charge(loaded) == NO_RELATED_HISTORY


async def test_an_open_turn_belongs_to_the_program_that_runs_it(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as first:
        async with opened(path) as second:
            await first.open_turn(session(), turn_request(), start=StartPolicy.UNMEASURED)
            assert [await ledger.claim("turn_1") for ledger in (second, first, second)] == [
                False,
                True,
                False,
            ]
            running = await play(second, session("ses_2"), turn_request("turn_2"), answered(status="running"))
            assert running.turns[0].status is TurnStatus.RUNNING
            # No program watches it: the first that claims it gets it.
            assert [await ledger.claim("turn_2") for ledger in (first, second)] == [True, False]
            assert await second.unsettled() == []
        assert await first.claim("turn_1")
