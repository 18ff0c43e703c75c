"""Lines entered while the app connects, by raw bytes: worked through in order, or kept for the person."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from time import monotonic

import pytest

from handinger_tui.core.attention import READ_S
from handinger_tui.core.money.limits import LimitUnmeasured
from handinger_tui.ui import interaction
from handinger_tui.ui.dialogs.help import HelpScreen
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.sessions.drafts import FRESH_DRAFT
from handinger_tui.ui.work import composer
from tests.engine.fakes import says, worker
from tests.ui.fakes import PRICED, Desktop, answers, launch
from tests.ui.screens.test_key_bytes import press
from tests.ui.screens.test_reserved import UNMEASURED
from tests.ui.screens.test_sessions import stored
from tests.ui.sizes import at_each_size


def connecting(*replies: str, opening: Opening = Opening.FRESH) -> Desktop:
    """A desktop that connects when its gate is opened."""
    return Desktop(api=answers(*replies), gate=asyncio.Event(), launch=launch(opening))


def connect(desktop: Desktop) -> None:
    assert desktop.gate is not None
    desktop.gate.set()


def sent(desktop: Desktop) -> list[str]:
    return [post.prompt for post in desktop.api.posts]


@at_each_size
async def test_a_limit_entered_while_connecting_is_set(size: tuple[int, int]) -> None:
    desktop = connecting()
    async with desktop.running(*size) as pilot:
        await press(desktop, pilot, "/limit day 0.02\r")
        await desktop.shows(pilot, "Waiting until you are connected", "/limit day 0.02")
        connect(desktop)
        await desktop.until(pilot, lambda: "limit set to $0.02" in desktop.notices())
        assert [limit.amount for limit in desktop.limits.kept] == [Decimal("0.02")]
        assert desktop.work.prompt.text == ""


@at_each_size
async def test_two_early_messages_are_two_messages_in_order(size: tuple[int, int]) -> None:
    desktop = connecting("First", "Second")
    async with desktop.running(*size) as pilot:
        await press(desktop, pilot, "one\rtwo\r")
        await desktop.shows(pilot, "Waiting until you are connected", "one", "two")
        await press(desktop, pilot, "thr")
        connect(desktop)
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        assert sent(desktop) == ["one", "two"]
        assert desktop.work.prompt.text == "thr"
        await desktop.until(pilot, lambda: "Waiting until" not in desktop.text())


async def test_a_key_that_needs_the_connection_waits_like_a_typed_command() -> None:
    desktop = connecting("First")
    async with desktop.running() as pilot:
        await press(desktop, pilot, "one\r")
        await pilot.press("f7", "f7")
        await desktop.shows(pilot, "Waiting until you are connected", "one", "/runs")
        assert desktop.text().count("/runs") == 1
        await press(desktop, pilot, "tea")
        connect(desktop)
        await desktop.shows(pilot, "known on this computer")
        assert sent(desktop) == ["one"]
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        assert desktop.work.prompt.text == "tea"


async def test_an_early_budget_counts_for_the_message_behind_it_alone() -> None:
    desktop = connecting("First")
    async with desktop.running() as pilot:
        await press(desktop, pilot, "/budget high\rone\r/budget low\r")
        await desktop.shows(pilot, "/budget high")
        connect(desktop)
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 1)
        assert desktop.api.posts[0].budget == "high"
        await desktop.until(pilot, lambda: desktop.work.controller.budget == "low")


async def test_enter_on_the_empty_prompt_while_connecting_says_so() -> None:
    desktop = connecting()
    async with desktop.running() as pilot:
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: "Press Enter again once connected" in desktop.notices())
        connect(desktop)
        await desktop.until(pilot, lambda: desktop.work.controller.session_id)
        assert sent(desktop) == []


async def test_help_and_an_unknown_command_do_not_wait() -> None:
    desktop = connecting()
    async with desktop.running() as pilot:
        await press(desktop, pilot, "/hepl\r")
        await desktop.until(pilot, lambda: "Unknown command /hepl" in desktop.notices())
        assert desktop.work.prompt.text == "/hepl"
        await press(desktop, pilot, "\x15/help\r")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, HelpScreen))


async def test_esc_takes_the_last_line_back() -> None:
    desktop = connecting("First")
    async with desktop.running() as pilot:
        await press(desktop, pilot, "one\rtwo\r")
        await desktop.shows(pilot, "Waiting until you are connected", "two")
        await press(desktop, pilot, "\x1b")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "two")
        connect(desktop)
        await desktop.until(pilot, lambda: sent(desktop) == ["one"])
        await desktop.settle(pilot)
        assert desktop.work.prompt.text == "two"


SEE_FIRST = "This is your last session"


async def used(*replies: str, draft: str = "") -> Desktop:
    """A desktop that opens its last session, chosen by default, once it is connected."""
    desktop = await stored(Opening.LAST_OR_FRESH)
    desktop.gate = asyncio.Event()
    desktop.api.starts += [says(reply) for reply in replies]
    desktop.api.workers += [worker("", **PRICED)]
    if draft:
        desktop.history.drafts[desktop.history.rows[0].session_id] = draft
    return desktop


@at_each_size
async def test_early_messages_for_a_session_that_was_not_seen_stand_in_the_prompt_one_by_one(
    size: tuple[int, int],
) -> None:
    desktop = await used("First", "Second", draft="kept")
    async with desktop.running(*size) as pilot:
        await press(desktop, pilot, "one\rtwo\r")
        await desktop.shows(pilot, "Waiting until you are connected", "two")
        connect(desktop)
        await desktop.until(pilot, lambda: SEE_FIRST in desktop.notices())
        await desktop.until(pilot, lambda: not desktop.work.composer.is_unseen(monotonic()))
        assert desktop.work.prompt.text == "one"
        assert sent(desktop) == []
        assert "kept" in desktop.work.prompt.message_history.texts
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "two")
        assert sent(desktop) == ["one"]
        await desktop.shows(pilot, "✓ completed")
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: sent(desktop) == ["one", "two"])


async def test_an_early_message_behind_a_text_in_the_prompt_says_what_it_waits_for() -> None:
    desktop = await used("First")
    async with desktop.running() as pilot:
        await press(desktop, pilot, "one\rtwo")
        await desktop.shows(pilot, "Waiting until you are connected", "one")
        connect(desktop)
        await desktop.shows(pilot, "Waiting for your next Enter", "one")
        assert desktop.work.prompt.text == "two"
        assert sent(desktop) == []


async def test_a_slash_command_and_an_empty_enter_on_a_used_history_have_an_effect() -> None:
    desktop = await used(draft="kept")
    async with desktop.running() as pilot:
        await press(desktop, pilot, "/limit day 0.02\r\r")
        connect(desktop)
        await desktop.until(pilot, lambda: "limit set to $0.02" in desktop.notices())
        assert sent(desktop) == []
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "kept")


async def test_enter_between_the_session_and_its_prompts_waits_and_keeps_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop, released = connecting("First", "Second"), asyncio.Event()

    async def prompts(_limit: int = 500) -> list[str]:
        await released.wait()
        return []

    monkeypatch.setattr(desktop.history, "prompts", prompts)
    async with desktop.running() as pilot:
        await press(desktop, pilot, "one\r")
        connect(desktop)
        await desktop.until(pilot, lambda: desktop.work.controller.session_id)
        await press(desktop, pilot, "two\r")
        await desktop.shows(pilot, "one", "two")
        assert sent(desktop) == []
        released.set()
        await desktop.until(pilot, lambda: sent(desktop) == ["one", "two"])


async def test_after_a_session_that_cannot_be_opened_nothing_is_sent_and_enter_works_again() -> None:
    desktop = Desktop(
        api=answers("First"), gate=asyncio.Event(), launch=launch(Opening.CHOSEN, session="nothing")
    )
    async with desktop.running() as pilot:
        await press(desktop, pilot, "one\r")
        await desktop.shows(pilot, "Waiting until you are connected")
        connect(desktop)
        await desktop.until(pilot, lambda: "No session starts with nothing" in desktop.notices())
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one")
        await desktop.until(pilot, lambda: not desktop.work.composer.is_unseen(monotonic()))
        assert sent(desktop) == []
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: sent(desktop) == ["one"])


async def test_an_enter_that_is_dropped_never_joins_two_lines() -> None:
    desktop = Desktop(api=answers("First"))
    async with desktop.running() as pilot:
        await desktop.settle(pilot)
        # The help covers the prompt; what is typed behind it was not meant for it.
        await press(desktop, pilot, "\x0eone\rtwo")
        await desktop.settle(pilot)
        await desktop.until(pilot, lambda: sent(desktop) == ["one"] or "one" in desktop.work.prompt.text)
        assert "onetwo" not in desktop.work.prompt.text
        assert "onetwo" not in sent(desktop)


async def test_lines_that_wait_are_on_the_disk_with_the_draft() -> None:
    desktop = connecting("One")
    async with desktop.running() as pilot:
        await press(desktop, pilot, "two\r")
        desktop.log.forbids = LimitUnmeasured(UNMEASURED)
        connect(desktop)
        # The question names no text: were the program killed now, only the disk would have it.
        await desktop.shows(pilot, "Send anyway?")
        await desktop.until(pilot, lambda: "two" in "".join(desktop.history.drafts.values()))
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "two")
    assert sent(desktop) == []


async def test_the_draft_that_an_early_message_replaces_is_on_the_disk_when_the_terminal_is_closed() -> None:
    desktop = await used(draft="kept")
    async with desktop.running() as pilot:
        await press(desktop, pilot, "one\r")
        connect(desktop)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one")
        await desktop.end_by_signal(pilot, 129)
    # On a busy machine the draft as it was before the message came into the prompt, which has both.
    on_disk = "".join([*desktop.history.texts, *desktop.history.drafts.values()])
    assert "kept" in on_disk
    assert "one" in on_disk


async def comes_back(killed: Desktop, text: str, before: list[str]) -> None:
    """The next program has this text in its prompt, and those before it in the history of its prompt."""
    again = Desktop()
    again.history.drafts = killed.history.drafts
    async with again.running() as pilot:
        await again.until(pilot, lambda: again.work.prompt.text == text)
        assert again.work.prompt.message_history.texts[-2:] == before


async def test_early_lines_come_back_one_by_one_after_a_kill() -> None:
    desktop = connecting("One")
    async with desktop.running() as pilot:
        await press(desktop, pilot, "one\r/limit day 7\rtwo\r")
        await desktop.shows(pilot, "Waiting until you are connected", "one", "/limit day 7", "two")
        desktop.log.forbids = LimitUnmeasured(UNMEASURED)
        connect(desktop)
        await desktop.shows(pilot, "Send anyway?")
        await desktop.until(pilot, lambda: "two" in "".join(desktop.history.drafts.values()))
    await comes_back(desktop, "one", ["/limit day 7", "two"])


@pytest.mark.parametrize("opening", [Opening.FRESH, Opening.CHOSEN])
async def test_a_message_of_the_command_line_that_is_not_sent_replaces_no_text(opening: Opening) -> None:
    desktop = Desktop(gate=asyncio.Event(), launch=launch(opening, session="nothing", prompt="given"))
    desktop.history.drafts[FRESH_DRAFT] = "kept"
    desktop.log.forbids = LimitUnmeasured(UNMEASURED)
    async with desktop.running() as pilot:
        if opening is Opening.CHOSEN:
            await press(desktop, pilot, "typed early")
            await desktop.until(pilot, lambda: desktop.work.prompt.text == "typed early")
        connect(desktop)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "given")
        await desktop.settle(pilot)
        texts = desktop.work.prompt.message_history.texts
        assert ("kept" if opening is Opening.FRESH else "typed early") in texts
    assert sent(desktop) == []


async def test_messages_that_are_being_sent_come_back_one_by_one_after_a_kill() -> None:
    desktop = Desktop()
    desktop.log.forbids = LimitUnmeasured(UNMEASURED)
    async with desktop.running() as pilot:
        await press(desktop, pilot, "one\rtwo\rthr")
        await desktop.shows(pilot, "Send anyway?")
        await desktop.until(pilot, lambda: "thr" in "".join(desktop.history.drafts.values()))
    await comes_back(desktop, "thr", ["one", "two"])


async def test_a_question_about_an_earlier_message_waits_for_a_pause_in_typing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop = connecting("One")
    async with desktop.running() as pilot:
        await press(desktop, pilot, "two\r")
        desktop.log.forbids = LimitUnmeasured(UNMEASURED)
        # On a busy machine there are pauses between the keys of the test.
        with monkeypatch.context() as patch:
            patch.setattr(interaction, "TYPING_S", 60.0)
            await press(desktop, pilot, "thr")
            await desktop.until(pilot, lambda: desktop.work.prompt.text == "thr")
            connect(desktop)
            await desktop.until(pilot, lambda: "Waiting until" not in desktop.text())
            await press(desktop, pilot, "ee")
            await desktop.until(pilot, lambda: desktop.work.prompt.text == "three")
            assert "Send anyway?" not in desktop.text()
        await desktop.shows(pilot, "Send anyway?")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "Send anyway?" not in desktop.text())
        texts = "\n".join([desktop.work.prompt.text, *desktop.work.prompt.message_history.texts])
        assert "two" in texts
        assert "three" in texts


async def test_what_is_typed_while_a_question_is_open_goes_to_the_prompt() -> None:
    desktop = Desktop(api=answers("One"))
    async with desktop.running() as pilot:
        desktop.log.forbids = LimitUnmeasured(UNMEASURED)
        await press(desktop, pilot, "one\r")
        await desktop.shows(pilot, "Send anyway?")
        await press(desktop, pilot, " and more")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "Send anyway?" not in desktop.text())
        # It is not joined to the message that was not sent.
        assert desktop.work.prompt.text == " and more"
        assert desktop.work.prompt.message_history.texts == ["one"]
    assert sent(desktop) == []


async def test_what_is_typed_before_a_draft_can_be_seen_is_not_joined_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a busy machine more time passes between two keys of the test.
    monkeypatch.setattr(composer, "SEEN_AFTER_S", 60.0)
    desktop = await used("First", draft="kept")
    async with desktop.running() as pilot:
        connect(desktop)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "kept")
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: "Your draft is back." in desktop.notices())
        assert sent(desktop) == []
        # The session can have been seen by then.
        await asyncio.sleep(READ_S)
        await press(desktop, pilot, "one\r")
        await desktop.until(pilot, lambda: sent(desktop) == ["one"])
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "kept")
