"""A letter stands on the screen before anything else that follows from it has been told."""

from __future__ import annotations

from typing import Any

import pytest
from textual import on
from textual.app import ComposeResult
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Label, TextArea

from handinger_tui.ui.terminal import immediate_paint
from handinger_tui.ui.terminal.diff_app import DiffApp
from handinger_tui.ui.widgets.paste_chips import PastedTextArea
from tests.ui.emulator import EmulatedDriver, driver_of


class Desk(DiffApp):
    """A box for text under a line that says how long it is."""

    CSS = "PastedTextArea { height: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self.driver_class = EmulatedDriver
        self.told: list[str] = []

    def compose(self) -> ComposeResult:
        yield Label("", id="length")
        yield PastedTextArea(id="box")

    @on(TextArea.Changed)
    def _changed(self) -> None:
        box = self.query_one(PastedTextArea)
        self.told.append(f"heard {box.text!r}")
        self.query_one("#length", Label).update(f"{len(box.text)} signs")

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        if self.told:
            self.told.append("paint")

    def on_event_of(self, text: str) -> None:
        """Type into the queue of the app, as a terminal does."""
        for sign in text:
            self.post_message(Key(sign, sign))


async def letters(pilot: Pilot[None], text: str) -> list[str]:
    """What happens once they are typed, in order."""
    app = pilot.app
    assert isinstance(app, Desk)
    await pilot.pause()
    app.told = ["typed"]
    app.on_event_of(text)
    box = app.query_one(PastedTextArea)
    while not box.text.endswith(text) or f"heard {box.text!r}" not in app.told:
        await pilot.pause()
    await pilot.pause()
    return app.told


async def test_a_letter_is_painted_before_others_hear_of_it() -> None:
    app = Desk()
    async with app.run_test(headless=False, size=(40, 8)) as pilot:
        assert (await letters(pilot, "a"))[:3] == ["typed", "paint", "heard 'a'"]
        assert "a" in "\n".join(driver_of(app).terminal.display)
        assert (await letters(pilot, "b"))[:3] == ["typed", "paint", "heard 'ab'"]
        assert "2 signs" in "\n".join(driver_of(app).terminal.display)


async def test_the_terminal_may_draw_a_letter_before_others_hear_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = Desk()
    monkeypatch.setattr(immediate_paint, "yield_processor", lambda: app.told.append("gave way"))
    async with app.run_test(headless=False, size=(40, 8)) as pilot:
        assert (await letters(pilot, "a"))[:4] == ["typed", "paint", "gave way", "heard 'a'"]


async def test_a_burst_is_not_painted_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(immediate_paint, "MIN_INTERVAL_S", 60.0)
    app = Desk()
    async with app.run_test(headless=False, size=(40, 8)) as pilot:
        told = await letters(pilot, "a" * 30)
        first = next(at for at, what in enumerate(told) if what.startswith("heard"))
        assert told[:first] == ["typed", "paint"]
        assert told.count("paint") < 10
        assert "a" * 30 in "\n".join(driver_of(app).terminal.display)


async def test_a_box_that_grows_is_laid_out_first() -> None:
    app = Desk()
    async with app.run_test(headless=False, size=(20, 8)) as pilot:
        await letters(pilot, "x" * 45)
        shown = [line.rstrip() for line in driver_of(app).terminal.display]
        assert app.query_one(PastedTextArea).size.height == 3
        assert "".join(shown).count("x") == 45


async def test_nothing_is_painted_in_a_batch() -> None:
    app = Desk()
    async with app.run_test(headless=False, size=(40, 8)) as pilot:
        with app.batch_update():
            assert "paint" not in await letters(pilot, "a")
        await pilot.pause()
        assert "a" in "\n".join(driver_of(app).terminal.display)
