"""What a person asks of the history."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from handinger_tui.core.stream.frames import Framing, Marker, ReadReason
from handinger_tui.core.turns.session import SessionSummary
from handinger_tui.core.turns.turn import TurnStatus
from tests.ledger.made import WORKER, answered, frame, opened, order, play, session, worker


async def test_the_list_tells_each_session_without_its_frames(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        old = await play(ledger, session("ses_old"), order("turn_1", "first words\nmore"), answered("0.5"))
        await play(ledger, old, order("turn_2", "again", worker_id=WORKER), answered("null"))
        await ledger.open_turn(
            session("ses_new", title="A title", unread=True, base_url="https://a.example"),
            order("turn_3", created_ms=9_000),
        )
        assert await ledger.sessions() == [
            SessionSummary(
                "ses_new", None, "A title", 1_000, 9_000, 1, TurnStatus.QUEUED, unpriced=1, uncredited=1,
                unread=True, live=True,
                base_url="https://a.example",
            ),
            SessionSummary(
                "ses_old", WORKER, "first words", 1_000, 2_000, 2, TurnStatus.COMPLETED,
                cost_usd=Decimal("0.5"), credits=Decimal(8), unpriced=1,
            ),
        ]  # fmt: skip
        assert [summary.session_id for summary in await ledger.sessions(limit=1)] == ["ses_new"]


async def test_an_id_is_found_by_its_beginning(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session("ses_abc", worker_id="wrk_1"), order("turn_1", created_ms=1))
        await ledger.open_turn(session("ses_abd", worker_id="wrk_12"), order("turn_2", created_ms=2))
        await ledger.open_turn(session("ses_x", task_id="task_7"), order("turn_3", created_ms=3))
        assert await ledger.find("ses_ab") == ["ses_abd", "ses_abc"]
        assert await ledger.find("ses_abc") == ["ses_abc"]
        assert await ledger.find("wrk_12") == ["ses_abd"]
        assert await ledger.find("wrk_1") == ["ses_abc"]
        assert await ledger.find("wrk_") == ["ses_abd", "ses_abc"]
        assert await ledger.find("task") == ["ses_x"]
        assert await ledger.find("ses%") == []
        assert await ledger.find("_") == []


async def test_prompts_come_back_once_with_the_newest_last(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        for number, prompt in enumerate(["a", "b", "a", "", "c \ud800", "b"]):
            await ledger.open_turn(session(), order(f"turn_{number}", prompt))
        assert await ledger.prompts() == ["a", "c \ud800", "b"]
        assert await ledger.prompts(limit=2) == ["c \ud800", "b"]


async def test_search_finds_prompts_and_answers_in_every_script(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(
            ledger, session("ses_1"), order("turn_1", "Größe der Stadt"), answered(text="100% von Zürich")
        )
        await play(
            ledger, session("ses_2"), order("turn_2", "東京の天気"), answered(text="x" * 100 + " needle " * 3)
        )
        await ledger.open_turn(session("ses_3", title="Kept title"), order("turn_3", "half \ud83d a pair"))

        async def found(text: str) -> list[str]:
            return [hit.turn_id for hit in await ledger.search_turns(text)]

        assert await found("GRÖSSE zürich") == ["turn_1"]
        assert await found("京の") == ["turn_2"]
        assert await found("100%") == ["turn_1"]
        assert await found("1_0") == []
        assert await found('"') == []
        assert await found("pair") == ["turn_3"]
        assert await found("größe needle") == []
        assert await found("  ") == []
        (hit,) = await ledger.search_turns("needle")
        assert (hit.session_id, hit.title) == ("ses_2", "東京の天気")
        assert "needle" in hit.excerpt
        assert hit.excerpt.startswith("…")
        assert [summary.session_id for summary in await ledger.search("stadt")] == ["ses_1"]
        assert [summary.session_id for summary in await ledger.search("kept")] == ["ses_3"]
        assert await ledger.search("") == []
        assert len(await ledger.search_turns("a", limit=1)) == 1


async def test_a_title_of_ones_own_stays(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(title="from the program"), order(), answered())
        await ledger.rename("ses_1", "mine \udc80")
        await play(ledger, now, order("turn_2"), answered())
        assert [summary.title for summary in await ledger.sessions()] == ["mine \udc80"]


async def test_a_session_is_unread_until_it_is_read(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(unread=True), order())
        await ledger.mark_read("ses_1")
        assert [summary.unread for summary in await ledger.sessions()] == [False]


async def test_only_a_mark_changes_unread_never_an_older_value_of_the_session(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(), order(), answered())
        await ledger.mark_unread("ses_1")
        await play(ledger, now, order("turn_2"), answered())
        assert [summary.unread for summary in await ledger.sessions()] == [True]
        await ledger.mark_read("ses_1")
        await play(ledger, replace(now, unread=True), order("turn_3"), answered())
        assert [summary.unread for summary in await ledger.sessions()] == [False]


async def test_drafts_are_kept_before_there_is_a_session(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.save_draft("ses_1", "half a thought")
        await ledger.save_draft("ses_1", "half a thought \ud800\x00 more")
    async with opened(tmp_path / "h.db") as ledger:
        assert await ledger.draft("ses_1") == "half a thought \ud800\x00 more"
        assert await ledger.draft("ses_2") == ""
        await ledger.save_draft("ses_1", "")
        assert await ledger.draft("ses_1") == ""


async def test_a_deleted_session_is_gone_with_all_it_had(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session("ses_1"), order("turn_1", "secret"), answered(text="secret"))
        await play(ledger, session("ses_2"), order("turn_2", "kept"), answered(text="kept"))
        await ledger.save_draft("ses_1", "secret")
        ledger.append("turn_1", frame(9, "late"))
        await ledger.delete("ses_1")
        ledger.append("turn_1", frame(10, "too late"))
        await ledger.flush()
        assert await ledger.load("ses_1") is None
        assert await ledger.load_turn("turn_1") is None
        assert await ledger.frames("turn_1") == []
        assert await ledger.draft("ses_1") == ""
        assert await ledger.search("secret") == []
        assert [summary.session_id for summary in await ledger.sessions()] == ["ses_2"]


async def test_the_last_snapshot_is_the_newest_whole_worker(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        assert await ledger.last_snapshot(WORKER) is None
        now = await play(ledger, session(), order("turn_1"), answered("1"))
        frames = answered("2")
        await play(ledger, now, order("turn_2", worker_id=WORKER), frames)
        assert await ledger.last_snapshot(WORKER) == frames[2].data
        newer = worker("3")
        ledger.append("turn_2", frame(10, newer, Framing.JSON, ReadReason.DURING))
        ledger.append("turn_2", frame(11, "{broken", Framing.JSON, ReadReason.AFTER))
        ledger.append("turn_2", frame(12, '{"error": "no"}', Framing.JSON, ReadReason.AFTER))
        ledger.append("turn_2", frame(13, "{}", Framing.NOTE, Marker.SENDING))
        assert await ledger.last_snapshot(WORKER) == newer
        assert await ledger.last_snapshot("wrk_other") is None
