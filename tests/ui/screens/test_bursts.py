"""Several keys that come in one piece, as over a slow line: each takes effect after those before it."""

from __future__ import annotations

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from handinger_tui.core.money.limits import LimitUnmeasured
from handinger_tui.ui.dialogs.pickers import Picker
from handinger_tui.ui.ports import Opening
from handinger_tui.ui.type_ahead import ENTER_TOO_EARLY
from tests.engine.fakes import FakeLog
from tests.ui.fakes import Desktop, launch, summary
from tests.ui.screens.test_key_bytes import press
from tests.ui.screens.test_reserved import UNMEASURED
from tests.ui.screens.test_workers import WATCH, desktop_with


async def burst(desktop: Desktop, pilot: Pilot[None], *keys: str) -> None:
    """Letters and names of keys to which the app comes at once."""
    for key in keys:
        desktop.app.post_message(Key(key, key if len(key) == 1 else None))
    await pilot.pause()


@pytest.mark.parametrize("key", ["ctrl+s", "ctrl+r"])
@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (["a", "b", "backspace", "c"], "ac"),
        ([*"one", "ctrl+w", "x"], "x"),
        (["a", "tab", "b"], "ab"),
        (["a", "b", "left", "c"], "acb"),
    ],
)
async def test_a_list_takes_typed_keys_in_order(key: str, keys: list[str], text: str) -> None:
    desktop = Desktop()
    desktop.history.rows = [summary("heat"), summary("tea")]
    desktop.history.texts = ["one", "two"]
    async with desktop.running() as pilot:
        await pilot.press(key)
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Picker))
        field = desktop.app.screen.query_one(Input)
        await burst(desktop, pilot, *keys)
        await desktop.until(pilot, lambda: field.value == text)
        assert field.value == text
        assert desktop.app.focused is field


async def test_an_enter_that_comes_too_early_for_what_opens_says_so() -> None:
    desktop = Desktop()
    desktop.history.rows = [summary("heat"), summary("tea")]
    async with desktop.running() as pilot:
        await press(desktop, pilot, "\x13tea\r")
        await desktop.until(pilot, lambda: ENTER_TOO_EARLY in desktop.notices())
        assert isinstance(desktop.app.screen, Picker)
        assert desktop.app.screen.query_one(Input).value == "tea"


async def test_an_enter_that_is_handled_late_answers_nothing_that_opened_after_it() -> None:
    desktop = Desktop()
    desktop.history.rows = [summary("heat"), summary("tea")]
    async with desktop.running() as pilot:
        early = Key("enter", None)
        await press(desktop, pilot, "\x13")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Picker))
        await desktop.settle(pilot)
        desktop.app.post_message(early)
        await desktop.until(pilot, lambda: ENTER_TOO_EARLY in desktop.notices())
        assert isinstance(desktop.app.screen, Picker)
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)


async def test_messages_of_one_burst_that_are_not_sent_never_become_one() -> None:
    desktop = Desktop()
    desktop.log.forbids = LimitUnmeasured(UNMEASURED)
    async with desktop.running() as pilot:
        await press(desktop, pilot, "one\rtwo\rthr")
        # Not between the keys, one of which would answer it.
        await desktop.shows(pilot, "Send anyway?")
        assert desktop.work.prompt.text == "onetwothr"
        await press(desktop, pilot, "\x1b")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "twothr")
        await desktop.shows(pilot, "Send anyway?")
        await press(desktop, pilot, "\x1b")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "thr")
        assert desktop.work.prompt.message_history.texts == ["one", "two"]
    assert desktop.api.posts == []


async def test_enter_opens_the_session_that_was_typed_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []

    async def load(_log: FakeLog, session_id: str) -> None:
        requested.append(session_id)

    monkeypatch.setattr(FakeLog, "load", load)
    desktop = Desktop(launch=launch(Opening.FRESH))
    desktop.history.rows = [summary("heat"), summary("tea")]
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About heat")
        await burst(desktop, pilot, *"tea", "enter")
        await desktop.until(pilot, lambda: requested == ["ses_tea"])


async def test_a_worker_is_saved_with_the_letters_typed_before_the_key() -> None:
    desktop, templates = desktop_with(WATCH)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/workers")
        await desktop.shows(pilot, "Price watch")
        await pilot.press("e")
        await desktop.until(pilot, lambda: isinstance(desktop.app.focused, Input))
        await burst(desktop, pilot, *"!!!", "backspace", "?", "ctrl+s")
        await desktop.until(pilot, lambda: "change" in dict(templates.sent))
    assert dict(templates.sent)["change"].title == "Price watch!!?"
