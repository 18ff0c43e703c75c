"""/tag, /untag and /project, their completion, and tags in the session list."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from handinger_tui.core.turns.session import SessionSummary
from handinger_tui.ui.widgets.session_rows import session_details, session_rows
from tests.ui.fake_money import NOW_MS
from tests.ui.fakes import Desktop, answers, summary


async def test_tags_are_added_shown_removed_and_offered() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/tag tea")
        await desktop.until(pilot, lambda: "Nothing to tag yet" in desktop.notices())
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Hello")
        await desktop.settle(pilot)
        await desktop.send(pilot, "/tag Client-A #q4")
        await desktop.until(pilot, lambda: "Tags: client-a, q4." in desktop.notices())
        assert desktop.history.tagged[desktop.work.controller.session_id] == {"client-a", "q4"}
        # Every argument is completed, not only the first one.
        desktop.work.prompt.put("/untag q4 cl")
        await desktop.shows(pilot, "/untag q4 client-a")
        await pilot.press("tab", "enter")
        await desktop.until(pilot, lambda: "Tags: none." in desktop.notices())
        await desktop.send(pilot, "/tag --worker w")
        worker_id = desktop.work.controller.session.worker_id
        await desktop.until(pilot, lambda: desktop.history.tagged.get(str(worker_id)) == {"w"})
    assert len(desktop.api.posts) == 1


async def test_a_project_is_set_and_lifted_before_anything_was_sent() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.history.project_of["ses_old"] = "acme"
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/project")
        await desktop.until(
            pilot, lambda: "has no project. To set one, use /project NAME" in desktop.notices()
        )
        desktop.work.prompt.put("/project ac")
        await desktop.shows(pilot, "acme")
        await pilot.press("tab", "enter")
        await desktop.until(pilot, lambda: "Project: acme." in desktop.notices())
        session_id = desktop.work.controller.session_id
        assert desktop.history.project_of[session_id] == "acme"
        await desktop.send(pilot, "/project two words")
        await desktop.until(pilot, lambda: "cannot name a tag or project" in desktop.notices())
        await desktop.send(pilot, "/project off")
        await desktop.until(pilot, lambda: not desktop.history.project_of[session_id])
    assert desktop.api.posts == []


@pytest.mark.parametrize("name", ["=cmd()", "a\x1b[2J", "a,b", "x" * 41])
async def test_a_hostile_name_is_refused(name: str) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Hello")
        await desktop.send(pilot, f"/tag {name}")
        await desktop.until(pilot, lambda: "cannot name a tag" in desktop.notices())
        assert desktop.history.tagged == {}
        assert "\x1b" not in desktop.notices()


def row(**members: object) -> SessionSummary:
    return replace(summary("1", title="Green tea"), **members)


def test_tags_are_in_the_list_only_where_there_is_room() -> None:
    tagged = row(tags=("client-a", "q4"), project="acme")
    (wide,) = session_rows([tagged], {}, NOW_MS, 80)
    assert "  #client-a #q4  " in wide.plain
    assert wide.cell_length == session_rows([row()], {}, NOW_MS, 80)[0].cell_length
    (narrow,) = session_rows([tagged], {}, NOW_MS, 40)
    assert "#" not in narrow.plain
    assert narrow.cell_length <= 40
    (long,) = session_rows([row(title="A very long title " * 9, tags=("client-a",))], {}, NOW_MS, 60)
    assert "#" not in long.plain
    # The line below the list has what the row omits.
    assert "#client-a · #q4 · project acme" in session_details(tagged, None, NOW_MS, 60).plain


async def test_the_session_list_finds_tags() -> None:
    desktop = Desktop()
    desktop.history.rows = [row(tags=("client-a",)), summary("2", title="Black tea")]
    async with desktop.running(60, 24) as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "Green tea", "Black tea")
        await pilot.press(*"nt-a")
        await desktop.until(pilot, lambda: "Black tea" not in desktop.text())
        assert "Green tea" in desktop.text()
