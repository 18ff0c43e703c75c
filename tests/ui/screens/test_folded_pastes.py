"""Large pasted texts: folded to a chip, sent completely, unfolded, removed, never split."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from textual.events import Paste

from handinger_tui.core.prompts import chip_text, chips_in
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.widgets.prompt import PromptBox
from tests.engine.fakes import FakeApi
from tests.ui.fakes import Desktop, answers, launch

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = "a line of some length\n" * 2_000
CHIP = chip_text(LONG, 1)


def desktop_with(*texts: str) -> Desktop:
    return Desktop(api=answers(*texts), launch=launch(Opening.FRESH))


async def test_a_large_paste_is_one_chip_and_is_sent_as_its_text() -> None:
    desktop = desktop_with("Done")
    async with desktop.running() as pilot:
        await pilot.press(*"see ")
        desktop.app.post_message(Paste(LONG))
        await desktop.until(pilot, lambda: desktop.work.prompt.text == f"see {CHIP}")
        await desktop.shows(pilot, "pasted text 1  44,000 characters, 2,001 lines ✕")
        await pilot.press("!", "enter")
        await desktop.until(pilot, lambda: desktop.api.posts)
        await desktop.until(pilot, lambda: not desktop.work.pane.chips.display)
        await desktop.until(pilot, lambda: not desktop.session.busy)
        await pilot.press("up")
        assert desktop.work.prompt.text == f"see {CHIP}!"
    assert desktop.api.posts[0].prompt == f"see {LONG}!"


@pytest.mark.parametrize(
    "keys", [["backspace"], ["ctrl+w"], ["left", "delete"], ["left", "shift+right", "backspace"]]
)
async def test_a_chip_is_deleted_completely(keys: list[str]) -> None:
    desktop = desktop_with()
    async with desktop.running() as pilot:
        await pilot.press(*"see ")
        desktop.app.post_message(Paste(LONG))
        await desktop.until(pilot, lambda: desktop.work.prompt.text == f"see {CHIP}")
        await pilot.press(*keys)
        assert desktop.work.prompt.text == "see "


async def test_the_cursor_goes_past_a_chip_and_nothing_is_typed_into_it() -> None:
    desktop = desktop_with()
    async with desktop.running() as pilot:
        desktop.app.post_message(Paste(LONG))
        await desktop.until(pilot, lambda: desktop.work.prompt.text == CHIP)
        await pilot.press("left", "x", "right", "y")
        assert desktop.work.prompt.text == f"x{CHIP}y"
        desktop.work.prompt.move_cursor((0, 9))
        await pilot.press("z")
        assert desktop.work.prompt.text in (f"xz{CHIP}y", f"x{CHIP}zy")


async def test_a_chip_unfolds_by_key_and_by_mouse_and_can_be_edited() -> None:
    desktop = desktop_with("Done")
    short = "line\n" * 30
    async with desktop.running() as pilot:
        desktop.app.post_message(Paste(short))
        await desktop.shows(pilot, "pasted text 1  150 characters, 31 lines ✕")
        await pilot.press("f8")
        await desktop.shows(pilot, "Enter Expand")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == short)
        assert not desktop.work.pane.chips.display
        await pilot.press("x")
        assert desktop.work.prompt.text == f"{short}x"
        desktop.work.prompt.put("")
        desktop.app.post_message(Paste(short))
        await desktop.shows(pilot, "pasted text 2")
        await pilot.click("#chips", offset=(4, 0))
        await desktop.until(pilot, lambda: desktop.work.prompt.text == short)


async def test_an_undelivered_text_is_restored_folded() -> None:
    desktop = Desktop(api=FakeApi(starts=[]), launch=launch(Opening.FRESH))
    async with desktop.running() as pilot:
        desktop.app.post_message(Paste(LONG))
        await desktop.until(pilot, lambda: desktop.work.prompt.text == CHIP)
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == CHIP)
        await desktop.shows(pilot, "pasted text 1")


async def test_text_that_looks_like_a_chip_is_text() -> None:
    desktop = desktop_with("Done")
    async with desktop.running() as pilot:
        await desktop.send(pilot, CHIP)
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert desktop.api.posts[0].prompt == CHIP


DEEDS: tuple[Callable[[PromptBox], object], ...] = (
    lambda box: box.on_paste(Paste("line\n" * 2_000)),
    lambda box: box.insert("x"),
    lambda box: box.insert("\n"),
    PromptBox.action_cursor_left,
    PromptBox.action_cursor_right,
    PromptBox.action_cursor_up,
    PromptBox.action_cursor_down,
    PromptBox.action_cursor_word_left,
    PromptBox.action_cursor_word_right,
    PromptBox.action_cursor_line_start,
    PromptBox.action_cursor_line_end,
    lambda box: box.action_cursor_left(select=True),
    lambda box: box.action_cursor_right(select=True),
    lambda box: box.action_cursor_word_left(select=True),
    PromptBox.action_delete_left,
    PromptBox.action_delete_right,
    PromptBox.action_delete_word_left,
    PromptBox.action_delete_word_right,
    PromptBox.action_delete_to_start_of_line,
    PromptBox.action_delete_to_end_of_line,
    lambda box: box.undo(),
    PromptBox.action_redo,
    lambda box: box.move_cursor((0, 7)),
)


@pytest.mark.parametrize("seed", range(3))
async def test_no_edit_leaves_half_of_a_chip(seed: int) -> None:
    chance = random.Random(seed)
    desktop = desktop_with()
    async with desktop.running():
        box, most = desktop.work.prompt, 0
        for _ in range(400):
            deed = chance.choice(DEEDS)
            deed(box)
            folds = chips_in(box.text, box.pasted.texts)
            most = max(most, len(folds))
            remainder = "".join(
                box.text[before.end if before else 0 : after.start if after else None]
                for before, after in zip([None, *folds], [*folds, None], strict=True)
            )
            assert set(remainder) <= {"x", "\n"}, (deed, box.text)
    assert most > 1


async def test_the_line_below_the_prompt_names_the_chips_while_there_are_some() -> None:
    desktop = desktop_with()
    async with desktop.running() as pilot:
        desktop.app.post_message(Paste(LONG))
        await desktop.shows(pilot, "Enter to send · F8 attachments")
        await pilot.press("ctrl+u")
        await desktop.shows(pilot, "? help · / commands")
        assert "F8" not in desktop.text()
