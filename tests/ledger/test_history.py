"""Lists, searches, titles, drafts and deletions of the history."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.stream import Framing, Marker
from handinger_tui.core.turns.session import Service, SessionPreview, SessionSummary
from handinger_tui.core.turns.turn import FREE, UNSENT, StartPolicy, TurnStatus
from tests.ledger.samples import WORKER, answered, frame, opened, play, query, session, turn_request
from tests.wire.recordings import Tape


async def test_sessions_are_listed_without_their_frames(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        old = await play(
            ledger, session("ses_old"), turn_request("turn_1", "first words\nmore"), answered("0.5")
        )
        await play(ledger, old, turn_request("turn_2", "again", target_id=WORKER), answered("null"))
        await ledger.open_turn(
            session("ses_new", title="A title", unread=True, base_url="https://a.example"),
            turn_request("turn_3", created_ms=9_000),
        )
        assert await ledger.history.sessions() == [
            SessionSummary(
                "ses_new", None, "A title", 1_000, 9_000, 0, TurnStatus.QUEUED,
                unread=True, base_url="https://a.example", queued=1,
            ),
            SessionSummary(
                "ses_old", WORKER, "first words", 1_000, 2_000, 2, TurnStatus.COMPLETED,
                usd=Total(Decimal("0.5"), 1, unsettled=True),
                credits=Total(Decimal(8), 1, doubtful=True, open_turns=1, unsettled=True),
            ),
        ]  # fmt: skip
        assert [summary.session_id for summary in await ledger.history.sessions(limit=1)] == ["ses_new"]


async def test_a_preview_has_the_newest_message_and_the_end_of_its_answer(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        assert await ledger.history.preview("ses_1") == SessionPreview()
        one = await play(ledger, session("ses_1"), turn_request("turn_1", "first"), answered("0.5"))
        answer = (await ledger.history.preview("ses_1")).answer
        assert answer == one.turns[0].text != ""
        second = turn_request("turn_2", "second", target_id=WORKER)
        await ledger.open_turn(one, second, start=StartPolicy.MEASURED)
        assert await ledger.history.preview("ses_1") == SessionPreview("second")
        # What waits in the queue was not sent: no answer is due.
        await ledger.open_turn(one, turn_request("turn_3", "third", target_id=WORKER))
        assert await ledger.history.preview("ses_1") == SessionPreview("second")
        await ledger.open_turn(session("ses_2"), turn_request("turn_4", "fourth"))
        assert await ledger.history.preview("ses_2") == SessionPreview("fourth", waits=True)
        await ledger.history.pin("ses_1", 1)
        assert [row.session_id for row in await ledger.history.sessions() if row.pinned] == ["ses_1"]


async def test_an_id_may_be_abbreviated(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session("ses_abc", worker_id="wrk_1"), turn_request("turn_1", created_ms=1))
        await ledger.open_turn(session("ses_abd", worker_id="wrk_12"), turn_request("turn_2", created_ms=2))
        await ledger.open_turn(
            session("ses_x", stored_worker_id="task_7"), turn_request("turn_3", created_ms=3)
        )
        assert await ledger.history.find("ses_ab") == ["ses_abd", "ses_abc"]
        assert await ledger.history.find("ses_abc") == ["ses_abc"]
        assert await ledger.history.find("wrk_12") == ["ses_abd"]
        assert await ledger.history.find("wrk_1") == ["ses_abc"]
        assert await ledger.history.find("wrk_") == ["ses_abd", "ses_abc"]
        assert await ledger.history.find("task") == ["ses_x"]
        assert await ledger.history.find("ses%") == []
        assert await ledger.history.find("_") == []


async def test_prompts_are_listed_once_with_the_newest_last(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        for number, prompt in enumerate(["a", "b", "a", "", "c \ud800", "b"]):
            await ledger.open_turn(session(), turn_request(f"turn_{number}", prompt))
        assert await ledger.history.prompts() == ["a", "c \ud800", "b"]
        assert await ledger.history.prompts(limit=2) == ["c \ud800", "b"]


async def test_search_finds_prompts_and_answers_in_every_script(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(
            ledger,
            session("ses_1"),
            turn_request("turn_1", "Größe der Stadt"),
            answered(text="100% von Zürich"),
        )
        await play(
            ledger,
            session("ses_2"),
            turn_request("turn_2", "東京の天気"),
            answered(text="x" * 100 + " needle " * 3),
        )
        await ledger.open_turn(
            session("ses_3", title="Kept title"), turn_request("turn_3", "half \ud83d a pair")
        )

        async def ids_of(text: str) -> list[str]:
            return [hit.summary.session_id for hit in await ledger.history.search(query(text))]

        assert await ids_of("GRÖSSE zürich") == ["ses_1"]
        assert await ids_of("京の") == ["ses_2"]
        assert await ids_of("100%") == ["ses_1"]
        assert await ids_of("1_0") == []
        assert await ids_of('"') == []
        assert await ids_of("pair") == ["ses_3"]
        assert await ids_of("größe needle") == []
        assert await ids_of("  ") == []
        assert await ids_of("needle") == ["ses_2"]
        assert await ids_of("kept") == ["ses_3"]
        assert await ids_of("kept pair") == []
        assert len(await ledger.history.search(query("a"), limit=1)) == 1


async def test_a_title_set_by_the_user_stays(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(title="from the program"), turn_request(), answered())
        await ledger.history.rename("ses_1", "mine \udc80")
        await play(ledger, now, turn_request("turn_2"), answered())
        assert [summary.title for summary in await ledger.history.sessions()] == ["mine \udc80"]


async def test_a_session_is_unread_until_it_is_read(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(unread=True), turn_request())
        await ledger.history.mark_read("ses_1")
        assert [summary.unread for summary in await ledger.history.sessions()] == [False]


async def test_only_marking_changes_unread(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(), turn_request(), answered())
        await ledger.history.mark_unread("ses_1")
        await play(ledger, now, turn_request("turn_2"), answered())
        assert [summary.unread for summary in await ledger.history.sessions()] == [True]
        await ledger.history.mark_read("ses_1")
        await play(ledger, replace(now, unread=True), turn_request("turn_3"), answered())
        assert [summary.unread for summary in await ledger.history.sessions()] == [False]


async def test_programs_on_one_session_have_a_draft_each(tmp_path: Path) -> None:
    path, session_id = tmp_path / "h.db", "ses_1"
    async with opened(path) as one, opened(path) as other:
        await one.history.save_draft(session_id, "of one")
        assert await other.history.draft(session_id) == "", "the draft of a program that runs is its own"
        await other.history.save_draft(session_id, "of the other")
        await other.history.save_draft(session_id, "")
        await other.history.save_draft(session_id, "of the other, again")
        assert await one.history.draft(session_id) == "of one"
    left = set()
    for _ in range(2):
        async with opened(path) as later:
            assert await later.history.draft("ses") == ""
            left.add(await later.history.draft(session_id))
            # Typed on, and killed: it is still one draft.
            await later.history.save_draft(session_id, await later.history.draft(session_id) + "!")
        async with opened(path) as later:
            left.add(await later.history.draft(session_id))
            await later.history.save_draft(session_id, "")
    assert left == {"of one", "of one!", "of the other, again", "of the other, again!"}
    async with opened(path) as later:
        assert await later.history.draft(session_id) == ""


async def test_of_two_programs_that_start_at_once_only_one_continues_a_draft(tmp_path: Path) -> None:
    path, session_id = tmp_path / "h.db", "ses_1"
    async with opened(path) as ended:
        await ended.history.save_draft(session_id, "typed before the end")
    async with opened(path) as one, opened(path) as other:
        drafts = await asyncio.gather(*(ledger.history.draft(session_id) for ledger in (one, other)))
        assert sorted(drafts) == ["", "typed before the end"]
    async with opened(path) as later:
        assert await later.history.draft(session_id) == "typed before the end", "nothing was typed in between"


async def test_a_deleted_session_leaves_no_draft_of_any_program(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as one, opened(tmp_path / "h.db") as other:
        for ledger in (one, other):
            await ledger.history.save_draft("ses_1", "secret")
            await ledger.history.save_draft("ses_10", "kept")
        await one.history.delete("ses_1")
        rows = await one.database.run(lambda db: db.execute("SELECT text FROM drafts").fetchall())
        assert [row["text"] for row in rows] == ["kept", "kept"]


async def test_drafts_are_kept_before_there_is_a_session(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.history.save_draft("ses_1", "half a thought")
        await ledger.history.save_draft("ses_1", "half a thought \ud800\x00 more")
    async with opened(tmp_path / "h.db") as ledger:
        assert await ledger.history.draft("ses_1") == "half a thought \ud800\x00 more"
        assert await ledger.history.draft("ses_2") == ""
        await ledger.history.save_draft("ses_1", "")
        assert await ledger.history.draft("ses_1") == ""


async def test_texts_that_were_not_sent_are_among_the_prompts_in_the_order_of_time(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session("ses_1"), turn_request("turn_1", "sent"), answered())
        await ledger.history.keep_unsent(["first", "sent later", "second"])
        await ledger.history.keep_unsent([f"many {number}" for number in range(198)])
        await ledger.history.keep_unsent(["\ud800\x00"])
        assert (await ledger.history.prompts())[:3] == ["sent", "second", "many 0"]
        newer = turn_request("turn_2", "many 7", created_ms=9_999_999_999_999)
        await play(ledger, session("ses_2"), newer, answered())
        await ledger.history.keep_unsent(["many 3"])
    async with opened(tmp_path / "h.db") as ledger:
        assert (await ledger.history.prompts())[-3:] == ["\ud800\x00", "many 3", "many 7"]
        await ledger.history.delete("ses_2")
        prompts = await ledger.history.prompts()
        assert prompts[-1] == "many 3"
        assert "many 7" not in prompts


async def test_a_deleted_session_leaves_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session("ses_1"), turn_request("turn_1", "secret"), answered(text="secret"))
        await play(ledger, session("ses_2"), turn_request("turn_2", "kept"), answered(text="kept"))
        await ledger.history.save_draft("ses_1", "secret")
        ledger.append("turn_1", frame(9, "late"))
        await ledger.history.delete("ses_1")
        ledger.append("turn_1", frame(10, "too late"))
        await ledger.flush()
        assert await ledger.load("ses_1") is None
        assert await ledger.frames("turn_1") == []
        assert await ledger.history.draft("ses_1") == ""
        assert await ledger.history.search(query("secret")) == []
        assert [summary.session_id for summary in await ledger.history.sessions()] == ["ses_2"]


async def test_the_last_session_is_that_of_the_newest_message(tmp_path: Path) -> None:
    """A clock that went back and a late reading of an earlier turn do not change it."""
    async with opened(tmp_path / "h.db") as ledger:
        assert await ledger.history.last() is None
        first = await play(ledger, session("ses_1"), turn_request("turn_1", created_ms=9_000_000), answered())
        await play(ledger, session("ses_2"), turn_request("turn_2", created_ms=5_000), answered())
        await ledger.close_turn(replace(first, updated_ms=99_000_000), "turn_1")
        assert await ledger.history.last() == "ses_2"
        (newest, _) = await ledger.history.sessions()
        assert (newest.session_id, newest.updated_ms) == ("ses_1", 9_000_000)


async def test_the_session_of_a_worker_is_found_behind_any_number_of_newer_ones_and_by_its_service(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        ours, theirs = Service("https://a.example", "workers"), Service("https://b.example", "workers")
        for name, service, at in (("ses_1", ours, 1), ("ses_2", ours, 2), ("ses_3", theirs, 3)):
            own = session(name, worker_id=WORKER, base_url=service.base_url)
            await ledger.open_turn(own, turn_request(f"turn_{name}", created_ms=at))
        for number in range(250):
            newer = session(f"ses_new_{number}", worker_id=f"wrk_new_{number}", base_url=ours.base_url)
            await ledger.open_turn(newer, turn_request(f"turn_new_{number}", created_ms=100 + number))
        history = ledger.history
        assert await history.of_worker(WORKER, ours) == "ses_2"
        assert await history.of_worker(WORKER, theirs) == "ses_3"
        assert await history.of_worker(WORKER, Service(ours.base_url, "tasks")) is None
        assert await history.of_worker(WORKER[:-1], ours) is None
        assert len(await history.sessions()) == 253
        assert [one.session_id for one in await history.sessions(base_urls=(theirs.base_url,))] == ["ses_3"]
        assert len(await history.sessions(3, base_urls=(theirs.base_url, ours.base_url))) == 3
        assert await history.sessions(running=True) == []


async def test_sessions_whose_newest_turn_was_left_running_are_listed_however_old(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        left = (
            frame(
                0, '{"status": "running", "recovered": false, "fault": null}', Framing.NOTE, Marker.SETTLED
            ),
        )
        await play(ledger, session("ses_left"), turn_request("turn_1", created_ms=1), left)
        for number in range(250):
            newer = turn_request(f"turn_new_{number}", created_ms=100 + number)
            await ledger.open_turn(session(f"ses_{number}"), newer)
        assert [one.session_id for one in await ledger.history.sessions(running=True)] == ["ses_left"]


@pytest.mark.parametrize("status", sorted(FREE | UNSENT))
async def test_a_message_that_did_not_start_hides_no_running_turn(tmp_path: Path, status: TurnStatus) -> None:
    """A worker that still runs is listed, and not only the message that it did not get."""
    async with opened(tmp_path / "h.db") as ledger:
        left = Tape().note(Marker.SENDING).note(Marker.SETTLED, status="running", recovered=False, fault=None)
        played = await play(ledger, session(worker_id=WORKER), turn_request(created_ms=1), left.frames)
        later = turn_request("turn_2", "and then", created_ms=2)
        if status is TurnStatus.QUEUED:
            await ledger.open_turn(played, later)
        else:
            ended = Tape().note(Marker.SETTLED, status=str(status), recovered=False, fault=None)
            assert (await play(ledger, played, later, ended.frames)).turns[1].status is status
        (listed,) = await ledger.history.sessions(running=True)
        assert (listed.session_id, listed.last_status) == ("ses_1", TurnStatus.RUNNING)
