"""Questions about what may change while they are open."""

from __future__ import annotations

import pytest
from textual.app import App
from textual.widgets import Button, Input

from handinger_tui.core.acts import Moot
from handinger_tui.ui import dialogs
from handinger_tui.ui.dialogs import yes_or_no
from tests.ui.pilot import IdlePilot, running, strips_of


@pytest.fixture
def only_keys_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question looks whether its words are true when a key is pressed, and not meanwhile."""
    monkeypatch.setattr(dialogs, "LOOK_EVERY_S", 3600.0)


class Box:
    """A question on the screen, its words by now, and the answers so far."""

    def __init__(self, typed: str = "") -> None:
        self.words: str | Moot = "Two messages wait."
        self.answers: list[bool | None] = []
        self.question = yes_or_no("Send?", lambda: self.words, yes="Yes", no="No", typed=typed)
        self.app = App[None]()

    @property
    def text(self) -> str:
        return "\n".join("".join(segment.text for segment in strip) for strip in strips_of(self.question))

    async def ask(self, pilot: IdlePilot[None]) -> None:
        self.app.push_screen(self.question, self.answers.append)
        await pilot.pause()

    async def says(self, pilot: IdlePilot[None], words: str) -> None:
        while words not in self.text:
            await pilot.pause(0.01)


@pytest.mark.usefixtures("only_keys_look")
async def test_a_yes_is_one_to_the_words_of_now() -> None:
    box = Box()
    async with running(box.app) as pilot:
        await box.ask(pilot)
        await pilot.press("tab")
        box.words = "One message waits."
        await pilot.press("enter")
        assert box.answers == []
        await box.says(pilot, "One message waits.")
        # The safe answer has the focus again.
        await pilot.press("enter")
        assert box.answers == [False]


async def test_new_words_move_an_enter_that_is_under_way_to_the_safe_answer() -> None:
    box = Box()
    async with running(box.app) as pilot:
        await box.ask(pilot)
        await pilot.press("tab")
        box.words = "One message waits."
        await box.says(pilot, "One message waits.")
        await pilot.press("enter")
        assert box.answers == [False]


@pytest.mark.usefixtures("only_keys_look")
@pytest.mark.parametrize("typed", ["", "again"])
async def test_what_is_moot_says_why_and_can_only_be_closed(typed: str) -> None:
    box = Box(typed)
    async with running(box.app) as pilot:
        await box.ask(pilot)
        await pilot.press(*(typed or ["tab"]))
        box.words = Moot("It has left.")
        await pilot.press("enter")
        assert box.answers == []
        await box.says(pilot, "It has left.")
        assert [str(one.label) for one in box.question.query(Button) if one.display] == ["Close"]
        assert not any(one.display for one in box.question.query(Input))
        await pilot.press("enter")
        assert box.answers == [None]
