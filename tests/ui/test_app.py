"""The app: first frame, connection, failure, themes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace
from textual.app import App
from textual.color import Color
from textual.driver import Driver
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Region
from textual.message_pump import MessagePump
from textual.theme import Theme
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import WorkerFailed

from handinger_tui import __version__
from handinger_tui.core.errors import LedgerError, SettingsError
from handinger_tui.core.turns.turn import Rope, TextPart, Turn, TurnRequest, TurnStatus
from handinger_tui.ui.commands.command import Command, CommandContext
from handinger_tui.ui.keys import KEYS
from handinger_tui.ui.terminal.driver import TerminalDriver
from handinger_tui.ui.terminal.input import BACKGROUND_QUERY, TerminalBackground
from handinger_tui.ui.themes import DARK, LIGHT, MIDNIGHT, THEMES, by_name, first_theme
from handinger_tui.ui.widgets.welcome import Welcome
from handinger_tui.ui.work import screen as footing
from handinger_tui.ui.work.paint_scheduler import PAINTS_PER_S
from tests.ui.fakes import LOCAL, NOW_MS, Desktop, answers, launch, summary
from tests.ui.pilot import strips_of


async def test_the_first_frame_is_painted_before_the_connection() -> None:
    desktop = Desktop(gate=asyncio.Event())
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "connecting…", "Three things to try", "Ask a worker")
        assert not desktop.work.controller.connected
        await pilot.press("h", "i")
        assert desktop.gate is not None
        desktop.gate.set()
        await desktop.shows(pilot, "New session")
        assert desktop.work.prompt.text == "hi"


def test_the_welcome_text_does_not_wait_for_the_first_resize_event() -> None:
    # That event comes 60 ms after the first paint.
    assert "Three things to try" in Welcome(local=True).render().plain


async def test_of_the_recent_sessions_only_rows_that_changed_are_drawn_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A key waits for what is drawn, and the ages of sessions change again and again.
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Three things to try", "New session")
        welcome = desktop.work.pane.welcome
        drawn = list[tuple[Region, ...]]()
        monkeypatch.setattr(welcome, "refresh", lambda *regions: drawn.append(regions))
        rows = [summary(name) for name in ("a", "b")]
        welcome.show_recent(rows, {}, NOW_MS)
        welcome.show_recent(rows, {}, NOW_MS)
        assert drawn == [()], "all of it, since rows were added; then nothing"
        renamed = [rows[0], replace(rows[1], title="Another title")]
        welcome.show_recent(renamed, {}, NOW_MS)
        (region,) = drawn[1]
        assert region.height == 1
        assert "Another title" in welcome.render().plain.split("\n")[region.y]


async def test_a_failed_start_has_a_reason_and_a_hint_and_can_be_retried() -> None:
    desktop = Desktop(fails=[SettingsError("The key has a space.", "Set HANDINGER_API_KEY again.")])
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "The key has a space.", "Set HANDINGER_API_KEY again.", "Quit")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.controller.session_id)


async def test_the_app_can_quit_after_a_failed_start() -> None:
    desktop = Desktop(fails=[LedgerError("The history is locked.")])
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "The history is locked.")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.return_code == 1)
    assert desktop.app.farewell == []


QUESTION = "The API key was never sent to x.test before. Send it?"


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_the_key_does_not_go_to_a_new_host_by_enter(key: str) -> None:
    remembered: list[str] = []
    asking = launch(host_question=QUESTION, trust_host=lambda: remembered.append("yes"))
    desktop = Desktop(launch=asking)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, QUESTION, "Quit", "Send the key")
        assert not desktop.work.controller.connected
        await pilot.press(key)
        await desktop.until(pilot, lambda: desktop.app.return_code == 1)
        assert not desktop.work.controller.connected
    assert remembered == []


async def test_a_yes_sends_the_key_and_is_remembered() -> None:
    remembered: list[str] = []
    asking = launch(host_question=QUESTION, trust_host=lambda: remembered.append("yes"))
    desktop = Desktop(launch=asking)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, QUESTION)
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: desktop.work.controller.session_id)
    assert remembered == ["yes"]


async def _crashed(desktop: Desktop) -> None:
    async with desktop.running() as pilot:

        def crash() -> None:
            secret = "sk-very-" + "secret"
            raise ZeroDivisionError(f"{len(secret)} \x1b]0;title\x07")

        desktop.app.call_later(crash)
        await desktop.until(pilot, lambda: desktop.app._exit or desktop.app._exception)


async def test_a_crash_shows_no_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    desktop = Desktop()
    with pytest.raises(ZeroDivisionError):
        await _crashed(desktop)
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "sk-very-secret" not in shown
    assert "\x1b]0" not in shown


async def _broken_command(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails on a hostile text, with a key in its words and among its variables."""

    async def fail(_to: CommandContext, _argument: str) -> None:
        secret = "sk-very-" + "secret"
        typed = "a private prompt"
        raise ZeroDivisionError(f"{secret} {len(typed)} \x1b]0;title\x07")

    broken = Command("copy", "Fails", fail)
    monkeypatch.setattr(footing, "command_named", lambda _name: broken)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/copy")
        await desktop.until(pilot, lambda: desktop.app._exit or desktop.app._exception)


async def test_a_crash_is_reported_in_a_private_file_and_one_line_on_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    monkeypatch.setenv("SOME_SETTING", "of-this-machine")
    desktop = Desktop(
        launch=launch(crash_folder=folder, conceal=lambda text: text.replace("sk-very-secret", "…"))
    )
    with pytest.raises(WorkerFailed):
        await _broken_command(desktop, monkeypatch)
    assert desktop.app.return_code == 1
    (report,) = folder.iterdir()
    assert report.stat().st_mode & 0o777 == 0o600
    text = report.read_text("utf-8")
    assert __version__ in text
    assert f"textual {version('textual')}" in text
    assert "ZeroDivisionError: … 16 ]0;title" in text
    assert "in fail" in text
    for hidden in ("sk-very-secret", "a private prompt", "\x1b", "of-this-machine"):
        assert hidden not in text
    assert capsys.readouterr().err == ""
    failed = "handinger-tui crashed. Your history is safe."
    assert desktop.app.farewell == [f"{failed} Report: {report}"]


async def test_a_crash_whose_report_cannot_be_saved_is_reported_on_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    desktop = Desktop(
        launch=launch(
            crash_folder=tmp_path / "file", conceal=lambda text: text.replace("sk-very-secret", "…")
        )
    )
    with pytest.raises(WorkerFailed):
        await _broken_command(desktop, monkeypatch)
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "sk-very-secret" not in shown


async def test_no_control_character_of_any_widget_reaches_the_terminal() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.work.mount(Static("evil\x1b]0;title\x07 \u202etxt", markup=False), before="#pane")
        await desktop.shows(pilot, "evil")
        filters = desktop.app.get_line_filters()
        strips = strips_of(desktop.app.screen)
        text = "".join(s.text for strip in strips for s in strip.apply_filter(filters[-1], Color(0, 0, 0)))
        assert "evil" in text
        assert not {"\x1b", "\x07", "\u202e"} & set(text)


async def test_a_quiet_app_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: not desktop.session.busy)
        await desktop.settle(pilot)
        await desktop.until(pilot, lambda: desktop.work.scheduler.asleep)
        painted: list[object] = []
        monkeypatch.setattr(desktop.app, "_display", lambda _screen, what: painted.append(what))
        # Longer than any timer of ours that may still run.
        ticks = itertools.count()
        timer = desktop.app.set_interval(0.3, lambda: next(ticks), repeat=3)
        await desktop.until(pilot, lambda: timer._task is None or timer._task.done())
        assert [what for what in painted if what is not None] == []


async def test_any_number_of_news_before_a_tick_is_one_paint(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: not desktop.session.busy)
        await desktop.until(pilot, lambda: desktop.work.scheduler.asleep)
        painted: list[object] = []
        show = desktop.work.pane.show

        def counted(*given: Any, **kwargs: Any) -> None:
            painted.append(given)
            show(*given, **kwargs)

        monkeypatch.setattr(desktop.work.pane, "show", counted)
        for _ in range(1_000):
            desktop.work.scheduler.request()
        assert not painted
        await desktop.until(pilot, lambda: desktop.work.scheduler.asleep)
        assert len(painted) == 1


async def test_keys_can_be_remapped() -> None:
    desktop = Desktop(launch=launch(keys=(("work.help", "f9"),)))
    async with desktop.running() as pilot:
        await pilot.press("f9")
        await desktop.shows(pilot, "Search keys and commands")
        await pilot.press(*"keys and")
        await desktop.shows(pilot, "F9  ")


def test_every_key_has_its_own_id_a_label_and_a_tooltip() -> None:
    assert len({key.id for key in KEYS}) == len(KEYS)
    assert all(key.label and key.tooltip for key in KEYS)


# -- themes ------------------------------------------------------------------------------
def _contrast(first: str, second: str) -> float:
    def light(color: str) -> float:
        parts = [value / 255 for value in Color.parse(color).rgb]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    one, other = sorted((light(first), light(second)), reverse=True)
    return (one + 0.05) / (other + 0.05)


TEXTS = ("foreground", "primary", "secondary", "accent", "warning", "error", "success", "text-muted")
BASES = ("primary", "link-color", "accent", "markdown-h1-color", "error", "success")
"""Focus, links, money, headings, bad and good."""
GROUNDS = ("background", "surface", "panel")
ROWS = ("block-hover-background", "block-cursor-blurred-background")
"""The row under the mouse, and that of the cursor in a list without the focus."""


@pytest.mark.parametrize("theme", [one for one in THEMES if not one.ansi], ids=lambda theme: theme.name)
def test_every_text_color_can_be_read_on_every_ground(theme: Theme) -> None:
    colors = theme.to_color_system().generate()
    least = 7 if "contrast" in theme.name else 4.5
    for text, ground in itertools.product((*TEXTS, "text-disabled", *BASES), GROUNDS):
        assert _contrast(colors[text], colors[ground]) >= least, (text, ground)
    for text, ground in itertools.product((*TEXTS, "text-disabled", *BASES), ROWS):
        assert _contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
    assert _contrast(colors["block-cursor-foreground"], colors["block-cursor-background"]) >= 4.5
    for badge in ("accent", "secondary", "warning", "primary"):
        assert _contrast(colors["background"], colors[badge]) >= 4.5, badge
    assert _contrast(colors["foreground"], colors["input-selection-background"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_each_color_has_one_meaning(theme: Theme) -> None:
    system = {**theme.to_color_system().generate(), **theme.variables}
    colors = [system[name] for name in BASES]
    assert len(set(colors)) == len(BASES)
    assert system["screen-selection-background"] not in (*colors, system["block-cursor-background"])
    if not theme.ansi:
        for one, other in itertools.combinations([Color.parse(color).rgb for color in colors], 2):
            assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) > 40**2, (one, other)


async def test_every_theme_paints_every_kind_of_screen_and_links_and_headings_in_their_own_colors() -> None:
    text = "# Title\n\n`b` [shown](https://d.test)\n\n```py\nx=1\n```"
    desktop = Desktop(api=answers(text), paints=True)
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed", "Title", "shown")
        for key, shown in (
            ("", "shown"),
            ("ctrl+s", "Sessions"),
            ("f1", "Search keys and commands"),
            ("ctrl+p", "Search for commands"),
            ("f2", "Usage & cost"),
        ):
            if key:
                await pilot.press(key)
            await desktop.shows(pilot, shown)
            for theme in THEMES:
                desktop.app.theme = theme.name
                await desktop.settle(pilot)
                assert shown in desktop.text()
                check_colors(desktop, theme)
            if key:
                await pilot.press("escape")
            await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)


def check_colors(desktop: Desktop, theme: Theme) -> None:
    """Links and headings of the answer have the colors of the theme."""
    palette = desktop.work.transcript.strip_cache.palette
    system = {**theme.to_color_system().generate(), **theme.variables}
    for name, variable in (("link", "link-color"), ("heading", "markdown-h1-color")):
        color = palette.style(f".transcript--{name}").foreground
        assert color is not None
        assert color.rgb == Color.parse(system[variable]).rgb, theme.name
    assert palette.style(".transcript--link").underline


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
async def test_the_app_starts_in_the_theme_of_the_settings(theme: Theme) -> None:
    assert Desktop(launch=launch(theme=theme.name)).app.theme == theme.name


@pytest.mark.parametrize(
    ("wanted", "environ", "name"),
    [
        (None, {}, DARK.name),
        (None, {"COLORFGBG": "0;15"}, LIGHT.name),
        (None, {"COLORFGBG": "15;default;0"}, DARK.name),
        ("light", {"COLORFGBG": "15;0"}, LIGHT.name),
        ("handinger-dark", {"COLORFGBG": "0;15"}, DARK.name),
        ("unheard-of", {}, DARK.name),
    ],
)
def test_the_first_theme(wanted: str | None, environ: dict[str, str], name: str) -> None:
    assert first_theme(wanted, environ) == name


async def test_another_theme_changes_all_colors_of_the_prompt_at_once() -> None:
    desktop = Desktop(launch=launch(theme=DARK.name), paints=True)

    def colors() -> set[object]:
        # A selection, the cursor and plain text.
        line = desktop.work.prompt.render_lines(Region(0, 0, 40, 1))[0]
        return {(str(style.color), str(style.bgcolor)) for _, style, _ in line if style is not None}

    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Three things to try")
        await pilot.press(*"abcd", "shift+left", "shift+left")
        dark = colors()
        desktop.app.theme = LIGHT.name
        await desktop.until(pilot, lambda: colors() != dark)
        light = colors()
        assert not light & dark
        desktop.app.theme = DARK.name
        await desktop.until(pilot, lambda: colors() != light)
        assert colors() == dark


def test_a_theme_that_is_not_ours_has_no_name() -> None:
    assert by_name("nord") is None


@pytest.mark.parametrize(
    ("theme", "chosen", "shown"),
    [(None, None, LIGHT), (None, "handinger-midnight", MIDNIGHT), ("dark", None, DARK)],
)
async def test_the_terminals_background_decides_unless_a_theme_was_chosen(
    theme: str | None, chosen: str | None, shown: Theme
) -> None:
    desktop = Desktop(launch=launch(theme=theme))
    async with desktop.running() as pilot:
        if chosen:
            desktop.app.theme = chosen
        if theme is None:
            desktop.app.post_message(TerminalBackground(is_light=True))
        await pilot.pause()
        assert desktop.app.theme == shown.name


class RecordingDriver(HeadlessDriver, TerminalDriver):
    """Records what is written, without a terminal."""

    def __init__(self, app: App[Any]) -> None:
        Driver.__init__(self, app)
        self._writer_thread = None
        self.written = ""

    def write(self, data: str) -> None:
        self.written += data


@pytest.mark.parametrize(("theme", "no_color", "queries"), [(None, "", 1), ("dark", "", 1), (None, "1", 0)])
async def test_the_background_is_queried_unless_there_are_no_colors(
    monkeypatch: pytest.MonkeyPatch, theme: str | None, no_color: str, queries: int
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    desktop = Desktop(launch=launch(theme=theme))
    async with desktop.running():
        desktop.app._driver = driver = RecordingDriver(desktop.app)
        await desktop.app.on_ready()
    assert driver.written.count(BACKGROUND_QUERY) == queries


async def test_without_color_the_state_can_still_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    desktop = Desktop(badge=LOCAL, api=answers("Hello"))
    async with desktop.running() as pilot:
        assert desktop.app.no_color
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed", "LOCAL")


@pytest.fixture
def stop_ticks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Stops the periodic paints, so that from then on only immediate changes are painted."""
    set_interval, stopped = MessagePump.set_interval, Event()

    def stoppable(pump: MessagePump, interval: float, callback: Callable[[], None], **named: Any) -> Timer:
        def paint() -> None:
            if not stopped.is_set():
                callback()

        return set_interval(pump, interval, paint if interval == 1 / PAINTS_PER_S else callback, **named)

    monkeypatch.setattr(MessagePump, "set_interval", stoppable)
    return stopped.set


async def test_the_last_words_are_painted_without_waiting_for_a_tick(stop_ticks: Callable[[], None]) -> None:
    desktop = Desktop(api=answers("The very last words"))
    async with desktop.running() as pilot:
        stop_ticks()
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "The very last words")


async def test_a_text_that_ends_is_painted_immediately_during_its_turn(
    stop_ticks: Callable[[], None],
) -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        work = desktop.work
        actor = work.controller.engine.actor(work.controller.session_id)
        stop_ticks()
        part = TextPart(Rope() + "The very last words", open=True)
        request = TurnRequest("turn_1", "Hi", created_ms=1)
        running = Turn(request, status=TurnStatus.ACCEPTED, parts=(part,), open_text=(("t", 0),))
        actor.store.put(running)
        await pilot.pause()
        assert "The very last words" not in desktop.text()
        actor.store.put(replace(running, parts=(replace(part, open=False),), open_text=()))
        await desktop.shows(pilot, "The very last words")
        assert work.controller.session.busy
