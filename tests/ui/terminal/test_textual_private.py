"""The private names of Textual that the terminal package uses: each exists and is used as expected.

When a test of this file fails after an upgrade, Textual's own behavior is in effect: slower, or less safe.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from rich.console import RenderableType
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.geometry import Offset, Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Static

from handinger_tui.ui.terminal import (
    ChopsUpdate,
    Compositor,
    CompositorUpdate,
    LayoutUpdate,
    Missing,
    XTermParser,
)
from handinger_tui.ui.terminal.diff_app import (
    DiffApp,
    ScreenBuffer,
    ask_background,
    clip_paints,
    select_to_pointer,
)
from handinger_tui.ui.terminal.driver import TerminalDriver, TerminalFile
from tests.ui.emulator import EmulatedDriver, driver_of
from tests.ui.pilot import running


class Recorder(DiffApp):
    """Records the updates that Textual displays, before they are compared."""

    def __init__(self) -> None:
        super().__init__()
        self.driver_class = EmulatedDriver
        self.updates: list[object] = []
        self.crashes: list[BaseException | None] = []

    def compose(self) -> ComposeResult:
        yield Static("first")

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        self.updates.append(renderable)
        super()._display(screen, renderable)

    def report_crash(self, error: BaseException | None) -> RenderableType | None:
        self.crashes.append(error)
        return "report"


async def test_compositor_updates_are_displayed_by_the_app() -> None:
    """`App._display`, `LayoutUpdate`, `ChopsUpdate` and `CompositorUpdate`."""
    app = Recorder()
    async with running(app, headless=False) as pilot:
        await pilot.pause()
        app.query_one(Static).update("second")
        async with asyncio.timeout(60):
            while not driver_of(app).terminal.display[0].startswith("second"):
                await pilot.pause()
        assert {LayoutUpdate, ChopsUpdate} <= {type(update) for update in app.updates}


async def test_other_updates_are_handled_by_textual(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Recorder()
    module = "handinger_tui.ui.terminal.diff_app"
    monkeypatch.setattr(f"{module}.ChopsUpdate", Missing)
    monkeypatch.setattr(f"{module}.LayoutUpdate", Missing)
    async with running(app, headless=False) as pilot:
        await pilot.pause()
        update = next(one for one in app.updates if isinstance(one, CompositorUpdate))
        assert ScreenBuffer().update(update) is update
        assert driver_of(app).terminal.display[0].startswith("first")


async def test_a_selection_that_is_being_made_goes_on_to_where_the_mouse_is() -> None:
    """`Screen._select_state` and `Screen._selecting`."""
    app = Recorder()
    async with running(app) as pilot:
        await pilot.mouse_down(offset=(0, 0))
        await pilot.hover(offset=(1, 0))
        app.mouse_position = Offset(3, 0)
        select_to_pointer(app.screen)
        assert app.screen.get_selected_text() == "firs"
        await pilot.mouse_up(offset=(3, 0))
        app.mouse_position = Offset(1, 0)
        select_to_pointer(app.screen)
        assert app.screen.get_selected_text() == "firs"


class Stack(Screen[None]):
    """Three lines in a box, a line below it, a line at the bottom."""

    CSS = "#box { height: 3; } #last { dock: bottom; height: 1; } Static { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        clip_paints(self)

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield from (Static(name, id=name) for name in ("one", "two", "three"))
        yield Static("four", id="four")
        yield Static("last", id="last")


@pytest.mark.parametrize(
    ("crop", "requested"),
    [
        (Region(0, 1, 40, 1), [Region(0, 1, 40, 1)]),
        (Region(5, 1, 3, 1), [Region(0, 1, 40, 1)]),
        (Region(0, 0, 40, 2), [Region(0, 1, 40, 1), Region(0, 0, 40, 1), Region(0, 0, 40, 3)]),
        (Region(0, 9, 40, 1), [Region(0, 9, 40, 1)]),
    ],
)
async def test_a_paint_asks_only_the_widgets_that_are_visible_in_it(
    crop: Region, requested: list[Region]
) -> None:
    """`Screen._compositor` and `Compositor._get_renders`."""
    app = App[None]()
    async with running(app, size=(40, 10)) as pilot:
        await app.push_screen(Stack())
        await pilot.pause()
        regions = [region for region, _, _ in app.screen._compositor._get_renders(crop)]
        assert regions == requested


async def test_between_two_distant_changes_nothing_is_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    """`Compositor._dirty_regions`."""
    app = App[None]()
    async with running(app, size=(40, 10)) as pilot:
        await app.push_screen(Stack())
        await pilot.pause()
        queries: list[str | None] = []
        for line in app.screen.query(Static):
            render_lines = line.render_lines

            def note(crop: Region, line: Static = line, render: Any = render_lines) -> list[Strip]:
                queries.append(line.id)
                return cast("list[Strip]", render(crop))

            monkeypatch.setattr(line, "render_lines", note)
        compositor = app.screen._compositor
        one, last = app.screen.query_one("#one"), app.screen.query_one("#last")
        one.refresh()
        last.refresh()
        compositor.update_widgets({one, last})
        update = compositor.render_partial_update()
        assert set(queries) == {"one", "last"}
        assert update is not None
        assert [y for y, _, _ in update.spans] == [0, 9]


async def test_without_textuals_compositor_the_screen_paints_as_textual_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("handinger_tui.ui.terminal.diff_app.Compositor", Missing)
    app = App[None]()
    async with running(app, size=(40, 10)) as pilot:
        await app.push_screen(Stack())
        await pilot.pause()
        assert type(app.screen._compositor) is Compositor


async def test_the_driver_is_asked_for_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """`App._driver`."""
    app, queries = Recorder(), [""]
    async with running(app):
        monkeypatch.setattr(app._driver, "ask_background", lambda: queries.append("asked"), raising=False)
        ask_background(app)
        assert queries.pop() == "asked"
        driver = app._driver
        del app._driver
        ask_background(app)
        assert queries == [""]
        app._driver = driver


async def test_a_crash_is_reported_by_the_app(capsys: pytest.CaptureFixture[str]) -> None:
    """`App._fatal_error`."""
    app = Recorder()

    def crash() -> None:
        secret = "made-up-secret"
        raise ValueError(len(secret))

    async def run() -> None:
        async with running(app) as pilot:
            app.call_later(crash)
            app.call_later(crash)
            await pilot.pause()

    with pytest.raises(ValueError, match="14"):
        await run()
    assert len(app.crashes) == 1
    assert isinstance(app.crashes[0], ValueError)
    shown = capsys.readouterr().err
    assert "report" in shown
    assert "made-up-secret" not in shown


async def test_the_writer_thread_writes_to_the_drivers_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """`LinuxDriver._file`."""
    assert "_file" in vars(LinuxDriver(App()))
    writers: list[object] = []

    class Stop(Exception):
        pass

    def writer_thread(file: object) -> None:
        writers.append(file)
        raise Stop

    monkeypatch.setattr(linux_driver, "WriterThread", writer_thread)

    with pytest.raises(Stop):
        TerminalDriver(App()).start_application_mode()
    assert isinstance(writers[0], TerminalFile)


def test_the_key_parser_makes_keys_of_sequences() -> None:
    """`XTermParser`."""
    (message,) = XTermParser().feed("\x1b[A")
    assert isinstance(message, Key)
    assert message.key == "up"


async def test_without_the_key_parser_textual_reads_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr("handinger_tui.ui.terminal.driver.XTermParser", Missing)
    monkeypatch.setattr(LinuxDriver, "run_input_thread", lambda _driver: called.append("Textual's"))
    TerminalDriver(App()).run_input_thread()
    assert called == ["Textual's"]


def test_a_number_and_its_unit_stay_on_one_line_of_a_text() -> None:
    """`textual.content.divide_line`."""
    DiffApp()
    text = "Read 0.1 s ago: 12 credits in 1 m 08 s, 2.0 kB."
    for width in range(10, len(text)):
        lines = [line.plain.rstrip() for line in Content(text).wrap(width)]
        assert " ".join(lines) == text
        for amount in ("0.1 s", "12 credits", "1 m 08 s,", "2.0 kB."):
            assert any(amount in line for line in lines), (width, lines)
