"""Stored turns are loaded unchanged: the ledger and the memory cannot differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.errors import LedgerError
from handinger_tui.core.prompts import attachments_from_text, attachments_to_text
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import put_turn
from handinger_tui.core.turns.turn import Attachment, Lineage, LineageKind, StartPolicy, TurnStatus
from handinger_tui.ledger.ledger import Ledger
from tests.ledger.charge_rows import charges
from tests.ledger.samples import WORKER, answered, frame, names, opened, play, session, stored, turn_request
from tests.wire.recordings import Recording, Tape, recordings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ODD = "\ud83d half \x00 nul \udc00 " + "\u2028\x1b]52;c;\x07 end"
any_text = st.text(st.characters(codec=None), max_size=200)


@pytest.mark.parametrize("recording", recordings(), ids=lambda recording: recording.name)
async def test_a_loaded_recording_is_the_folded_one(recording: Recording, tmp_path: Path) -> None:
    frames = Tape().note(Marker.SENDING).body(recording).frames
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(), turn_request())
        for one in frames:
            ledger.append("turn_1", one)
        assert await ledger.frames("turn_1") == frames
        await ledger.flush()
    async with opened(tmp_path / "h.db") as ledger:
        assert await ledger.frames("turn_1") == frames
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.turns == (fold(turn_request(), frames),)


@pytest.mark.parametrize("recording", recordings("6", "worker", "ai4"), ids=lambda recording: recording.name)
async def test_a_cut_and_replayed_recording_loads_as_it_was_received(
    recording: Recording, tmp_path: Path
) -> None:
    tape = Tape().note(Marker.SENDING).body(recording, until=len(recording.pieces) // 2)
    tape.note(Marker.RETRYING, attempt=1, wait_ms=500, reason="lost").body(recording, via="replay")
    frames = tape.note(Marker.SETTLED, status="completed", recovered=True, fault=None).frames
    async with opened(tmp_path / "h.db") as ledger:
        live = await play(ledger, session(), turn_request(), frames)
    async with opened(tmp_path / "h.db") as ledger:
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.turns == live.turns


async def test_every_member_of_a_session_and_a_request_is_stored(tmp_path: Path) -> None:
    full = session(
        worker_id=ODD,
        stored_worker_id="wrk_1",
        generation="tasks",
        base_url="https://x.example",
        title=ODD,
        unread=True,
    )
    what = turn_request(
        "turn_" + ODD,
        ODD,
        target_id=ODD,
        budget="high",
        attachments=(Attachment("/a/\udcff", "ü.txt", 2**62, "text/plain", "ab" * 32),),
        seen_before=3,
        lineage=Lineage(LineageKind.FORK, ODD, ODD, 7, ODD),
    )
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(full, what)
    async with opened(tmp_path / "h.db") as ledger:
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.turns[0].request == what
        assert replace(loaded, turns=(), updated_ms=0) == full


@given(any_text, any_text, st.none() | any_text, st.sampled_from([Framing.SSE, Framing.TEXT, Framing.LINES]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_text_is_stored_unchanged(
    memory: Ledger, data: str, event: str, name: str | None, framing: Framing
) -> None:
    turn_id = f"turn_{len(await memory.history.prompts(10_000)) + 1}"
    await memory.open_turn(session(), turn_request(turn_id, f"{turn_id} {data}"))
    sent = Frame(0, 1, framing, data, event, name)
    memory.append(turn_id, sent)
    await memory.flush()
    assert await memory.frames(turn_id) == [sent]
    loaded = await memory.load("ses_1")
    assert loaded is not None
    assert loaded.turns[-1].request.prompt == f"{turn_id} {data}"


@pytest.fixture
async def memory() -> AsyncIterator[Ledger]:
    async with opened(None) as ledger:
        yield ledger


@given(st.text(st.characters(codec=None)), st.integers(min_value=0, max_value=2**80))
def test_attachments_survive(name: str, size: int) -> None:
    chosen = (Attachment(name, name, size, name, name),)
    assert attachments_from_text(attachments_to_text(chosen)) == chosen


async def test_turns_are_loaded_in_order(tmp_path: Path) -> None:
    now = session()
    async with opened(tmp_path / "h.db") as ledger:
        for number in range(5):
            frames = answered(number, f"answer {number}")
            now = await play(ledger, now, turn_request(f"turn_{9 - number}", f"prompt {number}"), frames)
    async with opened(tmp_path / "h.db") as ledger:
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert stored(loaded) == stored(now)
        assert loaded.worker_id == WORKER


async def test_an_unknown_session_does_not_exist(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        assert await ledger.load("ses_9") is None
        assert await ledger.frames("turn_9") == []


async def test_one_turn_is_opened_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(), turn_request())
        with pytest.raises(LedgerError):
            await ledger.open_turn(session("ses_2"), turn_request())
        assert await ledger.load("ses_2") is None


async def test_a_turn_that_was_never_closed_is_unsettled(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(), turn_request("turn_1"), answered())
        what = turn_request("turn_2", target_id=WORKER)
        await ledger.open_turn(session("ses_2"), what, start=StartPolicy.UNMEASURED)
    async with opened(tmp_path / "h.db") as ledger:
        ((owner, unsettled),) = await ledger.unsettled()
        assert (owner.session_id, owner.worker_id, unsettled) == ("ses_2", None, what)
        assert [summary.live for summary in await ledger.history.sessions()] == [True, False]
        settled = await ledger.load("ses_2")
        assert settled is not None
        turn = replace(settled.turns[0], status=TurnStatus.NOT_DELIVERED)
        await ledger.close_turn(put_turn(settled, turn), "turn_2")
        assert await ledger.unsettled() == []


async def test_a_turn_that_is_watched_again_is_unsettled_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(), turn_request(), answered(status="running"))
        assert await ledger.unsettled() == []
        assert await ledger.claim("turn_1")
        assert [what.turn_id for _, what in await ledger.unsettled()] == ["turn_1"]
        await ledger.close_turn(now, "turn_1")
        assert await ledger.unsettled() == []


async def test_a_request_for_a_new_worker_stays_one(tmp_path: Path) -> None:
    """A worker that is created later must not look like an existing one."""
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(), turn_request())
        ledger.append("turn_1", Tape().note(Marker.OPENED, worker_id=WORKER).frames[0])
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.worker_id == WORKER
        assert loaded.turns[0].request.target_id is None


async def test_closing_folds_a_turn_that_is_not_in_memory(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(), turn_request())
        for one in answered(0.25):
            ledger.append("turn_1", one)
        await ledger.close_turn(session(), "turn_1")
        _, charge = await charges(ledger)
        assert str(charge.usd) == "0.250000000000"
        await ledger.close_turn(session(), "turn_unknown")


async def test_a_ledger_in_memory_works_the_same_and_reports_it() -> None:
    async with opened(None) as ledger:
        assert ledger.problem is not None
        assert "memory" in ledger.problem
        now = await play(ledger, session(), turn_request(), answered())
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert stored(loaded) == stored(now)


async def test_a_closed_ledger_raises(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "h.db")
    await ledger.start()
    assert ledger.problem is None
    await ledger.aclose()
    await ledger.aclose()
    with pytest.raises(LedgerError):
        ledger.append("turn_1", frame(0, "x"))
    with pytest.raises(LedgerError):
        await ledger.history.sessions()


async def test_a_ledger_that_was_never_started_can_be_closed(tmp_path: Path) -> None:
    await Ledger(tmp_path / "h.db").aclose()
    assert names(tmp_path) == []


async def test_an_edited_queued_turn_replaces_the_old_one(tmp_path: Path) -> None:
    async with opened(tmp_path / "history.db") as ledger:
        for name in ("turn_1", "turn_2", "turn_3"):
            await ledger.open_turn(session(), turn_request(name, prompt=name))
        withdrawn = Frame(0, 5, Framing.NOTE, '{"status":"not_sent","recovered":false}', Marker.SETTLED)
        await ledger.open_turn(session(), turn_request("turn_4", prompt="edited"), ("turn_2", withdrawn))
        await ledger.move_last(["turn_1"])
    async with opened(tmp_path / "history.db") as ledger:
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert [(turn.request.prompt, turn.status) for turn in loaded.turns] == [
            ("edited", TurnStatus.QUEUED),
            ("turn_3", TurnStatus.QUEUED),
            ("turn_2", TurnStatus.NOT_SENT),
            ("turn_1", TurnStatus.QUEUED),
        ]
        # It has ended by its frames; after a crash the next program only closes it, with its charge.
        assert [one.prompt for _, one in await ledger.unsettled()] == ["edited", "turn_3", "turn_2", "turn_1"]


@pytest.mark.parametrize("status", ["running", "unknown"])
async def test_a_turn_that_ran_in_a_worker_without_a_name_is_looked_at_again(status: str) -> None:
    sent = turn_request()
    tape = Tape().note(Marker.SENDING).note(Marker.OPENED, via="post", status=200, content_type="text/plain")
    tape.note(Marker.SETTLED, status=status, recovered=False, fault=None)
    async with opened(None) as ledger:
        await play(ledger, session(), sent, tape.frames)
        read = [one.session_id for one in await ledger.sessions_to_read(sent.created_ms)]
        # One in doubt stays so: nothing could be read.
        assert read == (["ses_1"] if status == "running" else [])
