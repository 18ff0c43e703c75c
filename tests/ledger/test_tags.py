"""Tags in the history: stored, kept with the charges, and assigned by rules when they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.core.tags import PROJECT_KINDS, TAG_KINDS, Labels, TagRules, rules_in
from handinger_tui.ledger.repair import repair
from tests.ledger.raw_rows import old_file
from tests.ledger.samples import (
    WORKER,
    answered,
    look,
    opened,
    play,
    query,
    remote_turns,
    session,
    turn_request,
)

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.ledger.ledger import Ledger

RULES = TagRules(
    rules_in({"green": "title:*green*", "here": "folder:/srv"}, str, TAG_KINDS, "/home/ada"),
    rules_in({"acme": ["tag:tea", "folder:/srv/acme"]}, str, PROJECT_KINDS, "/home/ada"),
)


async def fill(ledger: Ledger) -> None:
    ledger.run = ledger.run._replace(profile="work", folder="/srv/acme")
    await play(ledger, session("ses_1", title="Green tea"), turn_request("t1", "Which?"), answered())
    ledger.run = ledger.run._replace(profile="home", folder="/elsewhere")
    await play(ledger, session("ses_2", title="Black tea"), turn_request("t2", "Which?"), answered())


async def test_tags_of_a_session_and_of_its_worker(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await fill(ledger)
        history = ledger.history
        await history.tag("session", "ses_1", ["b", "a"])
        await history.tag("session", "ses_1", ["a"])
        await history.tag("worker", WORKER, ["w"])
        assert await history.labels("ses_1") == Labels(("a", "b"), ("w",))
        assert await history.labels("ses_2") == Labels((), ("w",))
        assert [row.tags for row in await history.sessions()] == [("w",), ("a", "b", "w")]
        await history.tag("session", "ses_1", remove=["a", "w", "none"])
        assert await history.labels("ses_1") == Labels(("b",), ("w",))
        assert await history.tags() == ["b", "w"]
    async with opened(tmp_path / "h.db") as ledger:
        assert await ledger.history.labels("ses_1") == Labels(("b",), ("w",))


async def test_rules_are_applied_when_tags_are_read_and_store_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await fill(ledger)
        ledger.apply(RULES)
        assert await ledger.history.labels("ses_1") == Labels(rules=("green", "here"), project="acme")
        assert await ledger.history.labels("ses_2") == Labels()
        await ledger.history.tag("session", "ses_2", ["tea"])
        assert await ledger.history.labels("ses_2") == Labels(("tea",), project="acme")
        assert await ledger.history.tags() == ["green", "here", "tea"]
        ledger.apply(TagRules())
        assert await ledger.history.labels("ses_1") == Labels()
    assert look(path, "SELECT * FROM tags") == [("session", "ses_2", "tea")]


async def test_a_session_keeps_its_starting_folder(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await fill(ledger)
        again = await ledger.load("ses_1")
        assert again is not None
        await play(ledger, again, turn_request("t3", "More?", target_id=WORKER), answered())
    assert look(path, "SELECT * FROM origins") == [("ses_1", "/srv/acme"), ("ses_2", "/elsewhere")]
    assert look(path, "SELECT turn_id, profile FROM turn_totals ORDER BY turn_id") == [
        *(("t1", "work"), ("t2", "home"), ("t3", "home")),
    ]


async def test_turns_that_are_adopted_have_the_profile_that_read_them(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        ledger.run = ledger.run._replace(profile="work", folder="/srv")
        await ledger.adopt(session("ses_9", worker_id=WORKER), remote_turns("a", 2))
    assert look(path, "SELECT DISTINCT profile FROM turn_totals") == [("work",)]
    assert look(path, "SELECT * FROM origins") == [("ses_9", "/srv")]


async def test_tags_and_folder_are_kept_with_the_charges_of_a_deleted_session(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await fill(ledger)
        await ledger.history.tag("session", "ses_1", ["a"])
        await ledger.history.delete("ses_1")
        assert await ledger.history.tags() == ["a"]
        assert [row.session_id for row in await ledger.history.sessions()] == ["ses_2"]
    assert ("ses_1", "/srv/acme") in look(tmp_path / "h.db", "SELECT * FROM origins")


async def test_an_old_history_has_no_tags_and_unknown_origins(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    file = old_file(path)
    file.execute(
        "INSERT INTO sessions (session_id, generation, base_url, title, created_ms, updated_ms)"
        " VALUES ('ses_1', 'workers', 'https://one.example', 'Green tea', 1, 2)"
    )
    file.execute(
        "INSERT INTO turns (turn_id, session_id, prompt, created_ms, attachments, status, run, settled_ms)"
        " VALUES ('t1', 'ses_1', 'hello', 5, '[]', 'completed', 'r', 9)"
    )
    file.close()
    async with opened(path) as ledger:
        ledger.apply(RULES)
        ledger.run = ledger.run._replace(profile="work", folder="/srv")
        assert await ledger.history.labels("ses_1") == Labels(rules=("green",))
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        # It was started elsewhere, in an unknown folder.
        await play(ledger, loaded, turn_request("t2"), answered())
        assert await ledger.history.labels("ses_1") == Labels(rules=("green",))
    assert look(path, "SELECT turn_id, profile FROM turn_totals ORDER BY turn_id") == [
        ("t1", None),
        ("t2", "work"),
    ]


async def test_search_by_tag_and_project(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await fill(ledger)
        ledger.apply(RULES)
        await ledger.history.tag("session", "ses_1", ["a"])
        await ledger.history.tag("worker", WORKER, ["w"])

        async def ids_of(text: str) -> list[str]:
            return [hit.summary.session_id for hit in await ledger.history.search(query(text))]

        assert await ids_of("tag:w") == ["ses_2", "ses_1"]
        assert await ids_of("tag:GREEN") == ["ses_1"]
        assert await ids_of("tag:w tag:a") == ["ses_1"]
        assert await ids_of("tag:a black") == []
        assert await ids_of("tag:w black") == ["ses_2"]
        assert await ids_of("project:acme which") == ["ses_1"]
        assert await ids_of("project:acme project:other") == ["ses_1"]
        assert await ids_of("tag:none") == []


async def test_damaged_tags_and_titles_fail_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await fill(ledger)
        await ledger.database.run(lambda db: db.execute("UPDATE sessions SET title = CAST(x'ff41' AS TEXT)"))
        await ledger.database.run(
            lambda db: db.execute("INSERT INTO tags VALUES ('session', 'ses_1', CAST(x'ff1b5b' AS TEXT))")
        )
        await ledger.database.run(lambda db: db.execute("INSERT INTO origins VALUES ('ses_3', x'ff')"))
        ledger.apply(RULES)
        assert [row.tags for row in await ledger.history.sessions()] == [(), ("(unreadable)", "here")]
        assert [hit.summary.session_id for hit in await ledger.history.search(query("tag:here"))] == ["ses_1"]


async def test_tags_and_origins_are_saved_from_a_damaged_history(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await fill(ledger)
        await ledger.history.tag("session", "ses_1", ["a"])
        await ledger.history.tag("worker", WORKER, ["w"])
    saved = repair(path)
    assert (saved.count("tags"), saved.count("origins"), saved.lost) == (2, 2, ())
    assert saved.path is not None
    assert look(saved.path, "SELECT name FROM tags ORDER BY name") == [("a",), ("w",)]
    assert look(saved.path, "SELECT DISTINCT profile FROM turn_totals ORDER BY 1") == [("home",), ("work",)]
