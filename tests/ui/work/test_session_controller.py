"""The session controller alone, on a real engine with scripted ports: no app, no screen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from handinger_tui.core.errors import NoSuchSession
from handinger_tui.core.prompts import Draft
from handinger_tui.ui.sessions.controller import SessionController, StillConnecting
from handinger_tui.ui.sessions.drafts import FRESH_DRAFT, DraftStore, draft_name
from tests.ledger.raw_rows import DAY_MS
from tests.ledger.samples import opened
from tests.ui.fakes import Desktop, answers, summary

if TYPE_CHECKING:
    from handinger_tui.ui.ports import Connection


async def connected(desktop: Desktop) -> tuple[SessionController, str]:
    controller = SessionController("standard")
    return controller, controller.connect(await desktop.connect())


async def test_commands_before_the_connection_are_refused() -> None:
    controller = SessionController("low")
    assert not controller.connected
    assert not controller.running
    with pytest.raises(StillConnecting, match="Still connecting"):
        controller.new_session()
    controller.connect(await Desktop().connect())
    with pytest.raises(StillConnecting):
        _ = controller.session


async def test_a_message_goes_to_its_own_session_whatever_is_on_the_screen() -> None:
    desktop = Desktop(api=answers("one"))
    controller, first = await connected(desktop)
    controller.show(first)
    controller.show(controller.new_session())
    await controller.engine.actor(first).send("for the first", "low")
    await desktop.engine.actor(first).settled()
    assert controller.session.turns == ()
    (turn,) = controller.actor(first).session.turns
    assert (turn.request.prompt, turn.request.budget) == ("for the first", "low")
    await desktop.engine.aclose()


async def test_an_id_that_fits_none_or_several_opens_nothing() -> None:
    desktop = Desktop()
    controller, _ = await connected(desktop)
    desktop.history.rows = [summary("ab"), summary("ac")]
    assert await controller.find("ses_ab") == "ses_ab"
    for prefix, words in (("ses_a", "2 sessions start"), ("ses_x", "No session starts")):
        with pytest.raises(NoSuchSession, match=words):
            await controller.find(prefix)
    with pytest.raises(NoSuchSession, match="Session not found"):
        await controller.open("ses_ab")


async def test_the_first_turn_changes_the_name_of_a_draft() -> None:
    desktop = Desktop(api=answers("one"))
    controller, session_id = await connected(desktop)
    drafts, actor = controller.drafts, controller.actor(session_id)
    assert draft_name(actor.session) == FRESH_DRAFT
    await actor.send("first", "low")
    assert draft_name(actor.session) == session_id
    await drafts.save(session_id, Draft("first and more"))
    await drafts.remove_sent(session_id, Draft("first"))
    assert (await drafts.read(actor)).text == " and more"
    await actor.settled()
    await desktop.engine.aclose()


async def test_a_draft_that_is_saved_while_a_sent_message_leaves_it_is_not_lost(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        drafts = DraftStore(lambda: cast("Connection", SimpleNamespace(history=ledger.history)))
        await drafts.save("ses_1", Draft("first and more"))
        removal = asyncio.create_task(drafts.remove_sent("ses_1", Draft("first")))
        await asyncio.sleep(0)
        await drafts.save("ses_1", Draft("typed since then"))
        await removal
        assert await ledger.history.draft("ses_1") == "typed since then"


async def test_at_midnight_all_is_to_be_counted_though_nothing_was_written() -> None:
    desktop = Desktop()
    controller, _ = await connected(desktop)
    news = await controller.news()
    assert news is not None
    controller.counted_day = news.day
    assert await controller.news() is None
    desktop.limits.now_ms += DAY_MS
    assert await controller.news() is not None
    again = await controller.news()
    assert again is not None, "until it was counted"
    controller.counted_day = again.day
    assert await controller.news() is None


async def test_a_new_task_of_a_stored_worker_costs_what_its_worker_costs() -> None:
    desktop = Desktop()
    controller, _ = await connected(desktop)
    controller.show(controller.new_session(stored_worker_id="wrk_9"))
    await controller.typical_cost("high")
    assert desktop.ledger.requests == [("wrk_9", "high")]
