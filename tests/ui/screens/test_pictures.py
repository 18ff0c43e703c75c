"""Real pictures in previews: only where the terminal shows them, gone when they are not looked at."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from PIL import Image
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from handinger_tui.core.safety.cleaning import PLACEHOLDER
from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.dialogs.confirm import Problem
from handinger_tui.ui.ports import AppOptions
from handinger_tui.ui.preview.pictures import PictureView
from handinger_tui.ui.terminal.images import Pictures
from tests.ui.emulator import driver_of
from tests.ui.fakes import Desktop, launch
from tests.ui.kitty import DONE, GRAPHICS, NAMED, KittyDriver
from tests.ui.screens import previewing as made_of
from tests.ui.screens.previewing import desktop_with, made, shown, view


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As kitty tells of itself."""
    for name in ("NO_COLOR", "TMUX", "STY", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-kitty")
    monkeypatch.setenv("COLORTERM", "truecolor")


class Silent(KittyDriver):
    """Does not answer by itself."""

    answers = ()


class WezTerm(KittyDriver):
    """Takes graphics, and knows no placeholders."""

    answers = (GRAPHICS, NAMED.format("WezTerm 20240203"), DONE)


def kitty(desktop: Desktop) -> KittyDriver:
    driver = driver_of(desktop.app)
    assert isinstance(driver, KittyDriver)
    return driver


def pieces(desktop: Desktop) -> int:
    """Cells of the terminal with a piece of a picture."""
    screen = kitty(desktop).terminal
    return sum(cell.data.startswith(PLACEHOLDER) for row in screen.buffer.values() for cell in row.values())


def blocks(desktop: Desktop) -> int:
    return sum(line.count("▀") for line in kitty(desktop).terminal.display)


@asynccontextmanager
async def looking(
    driver: type[KittyDriver] = KittyDriver, choice: str = "auto", **files: bytes
) -> AsyncIterator[tuple[Desktop, Pilot[None]]]:
    """A preview of a picture."""
    desktop = desktop_with(**(files or {"red_png": made_of.png(300, 200)}))
    given = Desktop(api=desktop.api, files=desktop.files, launch=AppOptions(desktop.connect, pictures=choice))
    async with made(given, driver=driver) as pilot:
        assert kitty(given).asked == 0
        await shown(given, pilot)
        yield given, pilot


def real(desktop: Desktop) -> bool:
    found = view(desktop)
    assert isinstance(found, PictureView)
    return found.real


async def test_a_picture_is_real_in_kitty_and_gone_with_its_preview() -> None:
    async with looking() as (desktop, pilot):
        await desktop.until(pilot, lambda: pieces(desktop))
        ((number, png),) = kitty(desktop).gallery.pictures.items()
        columns, rows = kitty(desktop).gallery.places[number]
        assert pieces(desktop) == columns * rows > 1000
        assert blocks(desktop) == 0
        # Ours, of the pixels: nothing of the file's bytes.
        with Image.open(io.BytesIO(png)) as sent:
            assert (sent.format, sent.size, sent.getpixel((1, 1))) == ("PNG", (300, 200), (255, 0, 0))
        await pilot.press("escape")
        await desktop.until(pilot, lambda: not kitty(desktop).gallery.pictures)
        await desktop.until(pilot, lambda: not pieces(desktop))
        assert desktop.work.prompt.text == ""


async def test_the_next_file_and_another_size_leave_one_picture_at_most() -> None:
    async with looking(red_png=made_of.png(300, 200), b_png=made_of.png(80, 200), c_txt=b"x") as (
        desktop,
        pilot,
    ):
        seen = set()
        for _ in range(2):
            await desktop.until(pilot, lambda: real(desktop))
            (number,) = kitty(desktop).gallery.pictures
            seen.add(kitty(desktop).gallery.places[number])
            await pilot.press("n")
            await made_of.arrived(desktop, pilot)
        assert len(seen) == 2
        await desktop.until(pilot, lambda: not kitty(desktop).gallery.pictures)
        await pilot.press("n")
        await desktop.until(pilot, lambda: pieces(desktop))
        driver_of(desktop.app).resize(70, 24)
        await pilot.resize_terminal(70, 24)
        await desktop.until(pilot, lambda: real(desktop) and pieces(desktop) > 100)
        (number,) = kitty(desktop).gallery.pictures
        columns, rows = kitty(desktop).gallery.places[number]
        await desktop.until(pilot, lambda: pieces(desktop) == columns * rows)
        assert kitty(desktop).asked == 1


async def test_half_blocks_stand_there_until_the_terminal_has_answered_however_late() -> None:
    async with looking(Silent) as (desktop, pilot):
        await desktop.until(pilot, lambda: blocks(desktop))
        assert kitty(desktop).asked == 1
        kitty(desktop).answer(GRAPHICS, NAMED.format("ghostty 1.1.0"))
        await pilot.pause()
        assert not real(desktop)
        kitty(desktop).answer(DONE)
        await desktop.until(pilot, lambda: pieces(desktop))
        assert blocks(desktop) == 0


async def test_what_stands_before_a_picture_leaves_half_blocks_or_its_other_cells() -> None:
    async with looking() as (desktop, pilot):
        await desktop.until(pilot, lambda: pieces(desktop))
        whole = pieces(desktop)
        desktop.app.notify("A passing line")
        await desktop.until(pilot, lambda: "A passing line" in "\n".join(kitty(desktop).terminal.display))
        assert 0 < pieces(desktop) <= whole
        desktop.app.push_screen(Problem("A question", "over it"))
        await desktop.until(pilot, lambda: pieces(desktop) == 0 and blocks(desktop) > 0)
        await pilot.press("escape")
        await desktop.until(pilot, lambda: pieces(desktop))


async def test_a_shell_or_an_editor_finds_no_picture_and_coming_back_brings_it_again() -> None:
    async with looking() as (desktop, pilot):
        await desktop.until(pilot, lambda: real(desktop))
        (number,) = kitty(desktop).gallery.pictures
        kitty(desktop).suspend_application_mode()
        assert not kitty(desktop).gallery.pictures
        kitty(desktop).resume_application_mode()
        await desktop.app._post_message(kitty(desktop).SignalResume())
        await desktop.until(pilot, lambda: kitty(desktop).gallery.pictures and pieces(desktop))
        assert number not in kitty(desktop).gallery.pictures
    assert not kitty(desktop).gallery.pictures


@pytest.mark.parametrize(("driver", "choice", "asked"), [(WezTerm, "auto", 1), (KittyDriver, "blocks", 0)])
async def test_elsewhere_half_blocks_stay(driver: type[KittyDriver], choice: str, asked: int) -> None:
    async with looking(driver, choice) as (desktop, pilot):
        await desktop.until(pilot, lambda: blocks(desktop))
        if begun := [one for one in pilot.app.workers if one.group == "sharpen"]:
            await pilot.app.workers.wait_for_complete(begun)
        assert not real(desktop)
        assert (kitty(desktop).asked, kitty(desktop).gallery.pictures) == (asked, {})


async def test_only_a_terminal_of_its_own_is_asked() -> None:
    driver = KittyDriver(HandingerApp(launch()), size=(80, 24))
    for choice, environ in (
        ("auto", {"TERM": "xterm-kitty", "NO_COLOR": "1"}), ("kitty", {"TERM": "xterm", "NO_COLOR": "1"}),
        ("auto", {"TERM": "dumb"}), ("kitty", {"TERM": "dumb"}), ("auto", {}), ("auto", {"TERM": "linux"}),
        ("auto", {"TERM": "xterm", "TMUX": "/tmp/x,1,0"}), ("auto", {"TERM": "tmux-256color"}),
        ("auto", {"TERM": "xterm", "STY": "1.x"}),
        ("auto", {"TERM": "xterm", "TERM_PROGRAM": "Apple_Terminal"}),
    ):  # fmt: skip
        assert not await Pictures(driver, choice, environ).supported(), (choice, environ)
    assert not await Pictures(HeadlessDriver(HandingerApp(launch())), "kitty", {"TERM": "xterm"}).supported()
    assert driver.asked == 0


async def test_who_says_kitty_is_not_asked() -> None:
    async with looking(Silent, "kitty") as (desktop, pilot):
        await desktop.until(pilot, lambda: pieces(desktop))
        assert kitty(desktop).asked == 0


async def test_a_bomb_and_a_broken_picture_are_never_sent() -> None:
    async with looking(bomb_png=made_of.bomb(), torn_png=made_of.png(64, 64)[:60]) as (desktop, pilot):
        await desktop.shows(pilot, "Not decoded")
        await pilot.press("n")
        await desktop.shows(pilot, "Not shown")
        assert (kitty(desktop).asked, kitty(desktop).gallery.pictures) == (0, {})
