"""The prompt: lines, history, drafts, budget, pastes, and the keys that quit."""

from __future__ import annotations

from textual.events import Key, Paste

from handinger_tui.core.turns.session import Session
from handinger_tui.ui.sessions.drafts import FRESH_DRAFT
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import PRICED, Desktop, answers


async def test_three_keys_and_a_backslash_break_the_line() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press("a", "ctrl+j", "b", "shift+enter", "c", "alt+enter", "d", "backslash", "enter", "e")
        assert desktop.work.prompt.text == "a\nb\nc\nd\ne"
        assert desktop.api.posts == []


async def test_fast_corrections_keep_their_order() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        for key in (*"abcdef", *["backspace"] * 4, *"xyz", "left", "left", "1", "home", "0", "enter"):
            desktop.app.post_message(Key(key, key if len(key) == 1 else None))
        await desktop.shows(pilot, "✓ completed")
    assert [request.prompt for request in desktop.api.posts] == ["0abx1yz"]


async def test_up_and_down_walk_through_the_history_and_keep_the_draft() -> None:
    desktop = Desktop()
    desktop.history.texts = ["older", "newer"]
    async with desktop.running() as pilot:
        prompt = desktop.work.prompt
        prompt.put("being written")
        texts = []
        for key in ("up", "up", "up", "down", "down", "down"):
            await pilot.press(key)
            texts.append(prompt.text)
        assert texts == ["newer", "older", "older", "newer", "being written", "being written"]


async def test_up_stays_in_a_text_of_several_lines_until_its_first() -> None:
    desktop = Desktop()
    desktop.history.texts = ["older"]
    async with desktop.running() as pilot:
        desktop.work.prompt.put("one\ntwo")
        await pilot.press("up")
        assert desktop.work.prompt.text == "one\ntwo"
        await pilot.press("up")
        assert desktop.work.prompt.text == "older"


async def test_history_search_puts_the_chosen_text_into_the_prompt() -> None:
    desktop = Desktop()
    desktop.history.texts = ["a heat pump", "a kettle", "a teapot"]
    async with desktop.running() as pilot:
        await pilot.press("ctrl+r")
        await desktop.shows(pilot, "Prompt history", "a teapot")
        await pilot.press("h", "e", "a", "t")
        await desktop.until(pilot, lambda: "a teapot" not in desktop.text())
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "a heat pump")


async def test_cleared_text_is_in_the_history_which_does_not_claim_that_it_was_sent() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press(*"never sent", "ctrl+c")
        await desktop.until(pilot, lambda: not desktop.work.prompt.text)
        await pilot.press("ctrl+r")
        await desktop.shows(pilot, "Prompt history", "never sent")
        assert "before" not in desktop.text_of("#picker")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "never sent")
        assert desktop.api.posts == []


async def test_shift_tab_goes_through_three_budgets_and_the_order_carries_it() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        budgets = []
        for _ in range(3):
            await pilot.press("shift+tab")
            await desktop.settle(pilot)
            budgets.append(desktop.work.controller.budget)
        assert budgets == ["high", "low", "standard"]
        await pilot.press("shift+tab")
        await desktop.shows(pilot, " high · no cost history yet ─")
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert desktop.api.posts[0].budget == "high"


async def test_ctrl_c_clears_into_the_history_and_leaves_at_the_second_press() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        desktop.work.prompt.put("half a thought")
        await pilot.press("ctrl+c")
        assert desktop.work.prompt.text == ""
        await pilot.press("up")
        assert desktop.work.prompt.text == "half a thought"
        await pilot.press("ctrl+c", "ctrl+c")
        await desktop.until(pilot, lambda: "again to quit" in desktop.notices())
        desktop.now_ms += 5_000
        await pilot.press("ctrl+c")
        assert desktop.app._exit is False
        # The clock of the machine is set back.
        desktop.now_ms -= 3_600_000
        await pilot.press("ctrl+c")
        assert desktop.app._exit is False
        await pilot.press("ctrl+c")
        await desktop.until(pilot, lambda: desktop.app._exit)


async def test_ctrl_d_leaves_only_from_an_empty_prompt() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        desktop.work.prompt.put("text")
        await pilot.press("ctrl+d")
        await pilot.pause()
        assert desktop.app._exit is False
        desktop.work.prompt.put("")
        await pilot.press("ctrl+d")
        await desktop.until(pilot, lambda: desktop.app._exit)


async def test_leaving_keeps_what_was_typed_and_the_next_start_brings_it_back() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        desktop.work.prompt.put("unsent")
        desktop.work.run_command("quit")
        await desktop.until(pilot, lambda: desktop.app._exit)
    assert desktop.history.drafts[FRESH_DRAFT] == "unsent"
    again = Desktop()
    again.history.drafts = desktop.history.drafts
    async with again.running():
        assert again.work.prompt.text == "unsent"


async def test_typing_is_kept_on_disk_after_a_pause_and_forgotten_once_sent() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await pilot.press("h", "i")
        await desktop.until(pilot, lambda: desktop.history.drafts.get(FRESH_DRAFT) == "hi")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.history.drafts.get(FRESH_DRAFT) == "")


async def test_every_session_has_its_own_draft() -> None:
    desktop = Desktop(api=FakeApi(starts=[says("Hello")], workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: not desktop.session.busy)
        first: Session = desktop.session
        desktop.work.prompt.put("for the first")
        await pilot.press("ctrl+n")
        await desktop.shows(pilot, "New session")
        assert desktop.work.prompt.text == ""
        desktop.work.prompt.put("for a new one")
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "for a new one")
    assert desktop.history.drafts[first.session_id] == "for the first"


async def test_a_paste_loses_its_control_characters() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        desktop.app.post_message(Paste("a\x1b]0;title\x07b\r\nc\u202e"))
        await desktop.until(pilot, lambda: desktop.work.prompt.text)
        assert desktop.work.prompt.text == "a]0;titleb\nc"


async def test_a_large_paste_is_complete_and_the_next_key_works() -> None:
    desktop = Desktop()
    text = "a line of some length\n" * 2_000
    async with desktop.running() as pilot:
        desktop.work.prompt.put(text)
        await pilot.press("x")
        assert desktop.work.prompt.text == text + "x"
        assert desktop.work.prompt.size.height <= 10


async def test_tab_on_the_empty_prompt_of_a_fresh_session_brings_ideas() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press("tab")
        first = desktop.work.prompt.text
        assert first in desktop.text()
        desktop.work.prompt.put("")
        await pilot.press("tab")
        assert desktop.work.prompt.text not in ("", first)


async def test_a_question_mark_on_the_empty_prompt_is_help_and_else_a_sign() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press("w", "question_mark")
        assert desktop.work.prompt.text == "w?"
        desktop.work.prompt.put("")
        await pilot.press("question_mark")
        await desktop.shows(pilot, "Search keys and commands")
        await pilot.press("escape")
        assert desktop.work.prompt.text == ""
