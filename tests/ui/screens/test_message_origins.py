"""What stands in the prompt says where it comes from: an earlier message, a fork; and budgets of sessions."""

from __future__ import annotations

from handinger_tui.core.prompts import CARRIED, CommandLine, Empty, Prompt, chip_text, message_of_fork
from tests.ui.fakes import Desktop, answers
from tests.ui.screens.test_key_bytes import press
from tests.ui.screens.test_resend import answered
from tests.ui.screens.test_sending import held
from tests.ui.sizes import at_each_size

SHIFT_TAB = "\x1b[Z"
CTRL_N = "\x0e"
ALT_UP = "\x1b[1;3A"


@at_each_size
async def test_editing_an_earlier_message_is_named_and_esc_restores_the_draft(size: tuple[int, int]) -> None:
    async with answered("one", "two") as (desktop, pilot):
        await pilot.resize_terminal(*size)
        await press(desktop, pilot, "half a thought")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "half a thought")
        desktop.work.run_command("edit", "1")
        await desktop.until(pilot, lambda: "Editing message 1 · Enter to send" in desktop.text_of("#hint"))
        assert "Esc to cancel" in desktop.text_of("#hint")
        await press(desktop, pilot, " and more\x1b")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "half a thought")
        await desktop.until(pilot, lambda: "Editing" not in desktop.text_of("#hint"))
        assert "one and more" in desktop.work.prompt.message_history.texts
        assert len(desktop.api.posts) == 2


async def test_behind_an_edited_message_that_was_sent_the_draft_comes_back() -> None:
    async with answered("one") as (desktop, pilot):
        await press(desktop, pilot, "half a thought")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "half a thought")
        desktop.work.run_command("edit", "1")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one")
        await press(desktop, pilot, " again\r")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "half a thought")
        await desktop.settle(pilot)
        assert desktop.api.posts[1].prompt == "one again"
        assert "Editing" not in desktop.text_of("#hint")


@at_each_size
async def test_a_fork_is_named_and_needs_a_message(size: tuple[int, int]) -> None:
    async with answered("one") as (desktop, pilot):
        await pilot.resize_terminal(*size)
        await press(desktop, pilot, "/fork\r")
        await desktop.shows(pilot, "conversation so far 1", "Add a message, then Enter")
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: "Add a message to go with" in desktop.notices())
        await press(desktop, pilot, "   \r")
        await desktop.settle(pilot)
        # A command of somebody who has changed their mind is no message, either.
        await press(desktop, pilot, "/new")
        await desktop.shows(pilot, "/new", "Add a message, then Enter")
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: "A command cannot follow" in desktop.notices())
        assert len(desktop.api.posts) == 1
        await press(desktop, pilot, "\x7f" * 4)
        await press(desktop, pilot, "go on\r")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        assert desktop.api.posts[1].prompt.startswith(CARRIED)


def test_a_carried_conversation_alone_is_recognized_folded_or_not() -> None:
    text = f"{CARRIED}\n\n## User\n\none"
    chip = chip_text(text, 1)
    assert chip.startswith("[conversation so far 1: ")
    assert message_of_fork(f"{chip}\n\n", [text]) == Empty()
    assert message_of_fork(f"{text}\n", [text]) == Empty()
    assert message_of_fork(f"{chip}\n\n/edit 1", [text]) == CommandLine("edit", "1")
    assert message_of_fork(f"{chip}\n\ngo on", [text]) == Prompt("go on")
    assert message_of_fork("/edit", [text]) is None
    assert message_of_fork(f"{chip_text('long', 1)} /edit", ["long"]) is None


async def test_the_budget_belongs_to_the_session() -> None:
    async with answered("one") as (desktop, pilot):
        await press(desktop, pilot, SHIFT_TAB)
        await desktop.until(pilot, lambda: "high" in desktop.text_of("#entry"))
        await press(desktop, pilot, CTRL_N)
        await desktop.until(pilot, lambda: not desktop.session.turns)
        await desktop.until(pilot, lambda: "standard" in desktop.text_of("#entry"))
        await press(desktop, pilot, "new\r")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        assert desktop.api.posts[1].budget == "standard"
        await press(desktop, pilot, ALT_UP)
        await desktop.until(pilot, lambda: "high" in desktop.text_of("#entry"))
        await press(desktop, pilot, "more\r")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 3)
        assert desktop.api.posts[2].budget == "high"


@at_each_size
async def test_a_queued_message_shows_its_budget_also_behind_a_long_text(size: tuple[int, int]) -> None:
    script, gate = held("Half")
    desktop = Desktop(api=answers())
    desktop.api.starts.append(script)
    async with desktop.running(*size) as pilot:
        await desktop.send(pilot, "Do it")
        await desktop.shows(pilot, "Half")
        await press(desktop, pilot, "short\r")
        await press(desktop, pilot, SHIFT_TAB + "long " * 40 + "\r")
        await desktop.until(pilot, lambda: len(desktop.queued) == 2)
        await desktop.settle(pilot)
        rows = [row.rstrip() for row in desktop.text_of("#queue").split("\n")]
        assert rows[0].endswith("short  standard")
        assert rows[1].endswith(" high")
        for turn in desktop.queued:
            await desktop.engine.actor(desktop.session.session_id).withdraw(turn.turn_id)
        gate.set()
        await desktop.shows(pilot, "✓ completed")
