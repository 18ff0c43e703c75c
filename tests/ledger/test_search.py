"""The search over all sessions, with its index, without it, and with a damaged one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import put_turn
from handinger_tui.core.turns.turn import Attachment
from handinger_tui.ledger.ledger import FileAccess, Ledger
from tests.ledger.samples import WORKER, answered, look, opened, play, query, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.core.search import SearchHit


async def hits(ledger: Ledger, text: str) -> list[SearchHit]:
    return await ledger.history.search(query(text))


async def ids(ledger: Ledger, text: str) -> list[str]:
    return [hit.summary.session_id for hit in await hits(ledger, text)]


def streamed(*events: dict[str, object]) -> list[Frame]:
    """A turn whose answer is a UI message stream with these events."""
    opening = json.dumps(
        {"via": "post", "status": 200, "content_type": "text/event-stream", "worker_id": WORKER}
    )
    closing_note = json.dumps({"status": "completed", "recovered": False, "fault": None})
    data = [json.dumps(event) for event in events]
    frames = [Frame(1 + at, 1001 + at, Framing.SSE, text) for at, text in enumerate(data)]
    return [
        Frame(0, 1000, Framing.NOTE, opening, Marker.OPENED),
        *frames,
        Frame(len(frames) + 1, 2000, Framing.NOTE, closing_note, Marker.SETTLED),
    ]


async def filled(path: Path) -> None:
    async with opened(path) as ledger:
        first = await play(
            ledger, session("ses_1"), turn_request("turn_1", "Rivers of Europe"), answered("0.75", "Danube")
        )
        await play(
            ledger,
            first,
            turn_request("turn_2", "And the longest?"),
            answered("1.5", "the Volga, not the Danube"),
        )
        attached = (Attachment("/tmp/x", "quarter report.csv", 3, "text/csv"),)  # only a name
        await play(
            ledger,
            session("ses_2"),
            turn_request("turn_3", "Sum", attachments=attached, budget="low"),
            answered("0.1", "42"),
        )
        await play(
            ledger,
            session("ses_3"),
            turn_request("turn_4", "Look it up"),
            streamed(
                {
                    "type": "source-url",
                    "sourceId": "s",
                    "url": "https://a.example/dnieper",
                    "title": "Dnieper",
                },
                {
                    "type": "tool-input-available",
                    "toolCallId": "t",
                    "toolName": "web_search",
                    "input": {"q": "Tisza"},
                },
            ),
        )


async def test_every_member_of_a_turn_is_searched(tmp_path: Path) -> None:
    await filled(tmp_path / "h.db")
    async with opened(tmp_path / "h.db", access=FileAccess.READ) as ledger:
        assert await ids(ledger, "danube") == ["ses_1"]
        assert await ids(ledger, "dan*") == ["ses_1"]
        assert await ids(ledger, "dan") == []
        assert await ids(ledger, '"quarter report"') == ["ses_2"]
        assert await ids(ledger, "a.example/dnieper") == ["ses_3"]
        assert await ids(ledger, "web_search tisza") == ["ses_3"]
        (hit,) = await hits(ledger, "danube -volga")
        assert (hit.turn_id, hit.number, hit.turns) == ("turn_1", 1, 1)
        (hit,) = await hits(ledger, "danube")
        assert (hit.turn_id, hit.number, hit.turns) == ("turn_2", 2, 2)
        assert hit.snippet.marked("[", "]") == "the Volga, not the [Danube]"
        assert await ids(ledger, "has:file") == ["ses_2"]
        assert await ids(ledger, "has:source") == ["ses_3"]
        assert await ids(ledger, "budget:low") == ["ses_2"]
        dear = [one for one in await ledger.history.sessions() if (one.usd.value or 0) > Decimal("0.5")]
        assert await ids(ledger, "cost>0.5") == [one.session_id for one in dear]
        assert 0 < len(dear) < 3
        assert await ids(ledger, "rivers budget:low") == []
        assert sorted(await ids(ledger, "worker:wrk_1 status:completed until:today")) == [
            "ses_1",
            "ses_2",
            "ses_3",
        ]
        assert await ids(ledger, "since:2026-01-01") == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE search_entries SET indexed = 0",
        "DELETE FROM search_words_data",
        "UPDATE search_words_data SET block = X'FFFF'",
        "UPDATE search_words_docsize SET sz = X''",
        "UPDATE search_words_config SET v = 99",
        "DROP TABLE search_words_idx",
        "DROP TABLE search_words",
    ],
)
async def test_without_its_index_the_search_finds_the_same(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)
    for access in (FileAccess.READ, FileAccess.WRITE):
        async with opened(path, access=access) as ledger:
            assert ledger.problem is None
            assert await ids(ledger, "danube") == ["ses_1"]
    async with opened(path) as ledger:
        assert ledger.problem is None
        # Turns are stored, and sessions deleted, nevertheless.
        await play(ledger, session("ses_9"), turn_request("turn_9", "The Rhine"), answered())
        await ledger.history.delete("ses_1")
        assert await ids(ledger, "rhine") == ["ses_9"]
        assert await ids(ledger, "danube") == []


async def test_turns_of_an_earlier_version_are_searched_and_indexed(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM search_entries")
    async with opened(path) as ledger:
        assert await ids(ledger, "danube") == ["ses_1"]
        assert await ids(ledger, "tisza") == []
        assert [await ledger.history.index_some(3) for _ in range(3)] == [3, 1, 0]
        assert await ids(ledger, "tisza") == ["ses_3"]
    assert look(path, "SELECT COUNT(*) FROM search_entries WHERE indexed = 1") == [(4,)]


async def test_a_deleted_session_is_removed_from_the_index(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    await filled(path)
    async with opened(path) as ledger:
        await ledger.history.delete("ses_1")
    sql = "SELECT COUNT(*) FROM search_words WHERE search_words MATCH ?"
    assert look(path, sql, "danube") == [(0,)]
    assert look(path, sql, "sum") == [(1,)]


async def test_the_index_holds_only_the_new_answer_of_a_turn_that_is_closed_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(), turn_request(), answered(text="the Danube"))
        await ledger.close_turn(put_turn(now, fold(turn_request(), answered(text="the Elbe"))), "turn_1")
        assert await ids(ledger, "danube") == []
        assert await ids(ledger, "elbe") == ["ses_1"]


WORDS = st.sampled_from(
    ["a", "ab", "abc", "Ä", "ß", "\u6771", "\u4eac", "\u0e01\u0e33", "\U0001f389", "x_y", "\ud800", "-", "\n"]
)
TEXT = (
    st.lists(WORDS, max_size=8).map(" ".join)
    | st.lists(WORDS, max_size=8).map("".join)
    | st.text(max_size=20)
)
QUERIES = st.lists(
    WORDS.map(lambda one: f'"{one}"')
    | WORDS
    | WORDS.map(lambda one: f"-{one}")
    | WORDS.map(lambda one: f"{one}*"),
    min_size=1,
    max_size=4,
)


@settings(max_examples=8)
@given(st.lists(TEXT, min_size=12, max_size=12), st.lists(QUERIES.map(" ".join) | TEXT, min_size=12))
async def test_the_index_agrees_with_a_plain_comparison(texts: list[str], queries: list[str]) -> None:
    ledger = Ledger(None)
    await ledger.start()
    for number, text in enumerate(texts):
        request = turn_request(f"turn_{number}", "")
        await play(ledger, session(f"ses_{number}"), request, answered(text=text))
    for text in queries:
        with suppress(SettingsError):
            wanted = query(text)
            expected = {f"ses_{number}" for number, one in enumerate(texts) if wanted.matches(one)}
            assert not wanted.terms or set(await ids(ledger, text)) == expected
    await ledger.aclose()
