"""Previews: every kind of file in its view, with notes about missing parts, and without blocking."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from handinger_tui.core.errors import Refused
from handinger_tui.core.stream import FilePart
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.ui.dialogs import Question
from handinger_tui.ui.pages.page_view import PageView, PictureView
from handinger_tui.ui.pages.preview import PreviewScreen
from handinger_tui.ui.widgets.tables_and_trees import TableView, TreeView
from handinger_tui.ui.work.screen import WorkScreen
from tests.ui.golden.stored import check
from tests.ui.panels.stage import BAD
from tests.ui.pilot import strips_of
from tests.ui.screens import preview_files
from tests.ui.screens.preview_files import desktop_with, page, shown, view, with_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.fakes import Desktop

DEEP = b"[" * 100_000 + b"]" * 100_000


KINDS: dict[str, tuple[bytes, type, tuple[str, ...]]] = {
    "notes_txt": (preview_files.TEXT, PageView, ("text · 2 lines", "1  first line", "second [bold]line[/]")),
    "page_md": (preview_files.MARKDOWN, PageView, ("Markdown · 7 lines", "A title", "Some text with a link")),
    "code_py": (b"def f():\n    return 1\n", PageView, ("python source · 2 lines", "def f():")),
    "some_csv": (preview_files.CSV, TableView, ("CSV table · 2 rows × 2 columns", "name", "pear", "10")),
    "some_json": (b'{"a": [1, 2], "b": 1.50}', TreeView, ("JSON", "a: [] 2 items", "b: 1.50")),
    "red_png": (preview_files.png(8, 8), PictureView, ("PNG image · 8 × 8 pixels", "▀▀▀▀")),
    "a_pdf": (b"%PDF-1.4\n" + bytes(40), PageView, ("PDF", "Save it to open it.")),
    "a_zip": (b"PK\x03\x04" + bytes(40), PageView, ("ZIP archive", "Save it to open it.")),
    "torn_png": (preview_files.png(64, 64)[:60], PictureView, ("Not shown: the PNG is damaged",)),
    "bomb_png": (preview_files.bomb(), PageView, ("60,000 × 60,000 pixels", "Not decoded", "50 million")),
    "fake_txt": (
        preview_files.BINARY_TXT,
        PageView,
        ("name says text, its content is binary data", "Save it to open it."),
    ),
    "none_txt": (b"", PageView, ("empty file", "The file is empty.")),
}


async def test_every_kind_has_its_view_and_a_key_leads_to_the_next() -> None:
    desktop = desktop_with(**{name: body for name, (body, _, _) in KINDS.items()})
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        for number, (name, (_, widget, words)) in enumerate(KINDS.items(), 1):
            await desktop.shows(pilot, f"{name.replace('_', '.')}   {number} of {len(KINDS)}", *words)
            assert isinstance(view(desktop), widget)
            assert not BAD.search(desktop.text().replace("\n", ""))
            await pilot.press("n")
            await preview_files.arrived(desktop, pilot)
        await desktop.shows(pilot, f"1 of {len(KINDS)}")
        await pilot.press("p")
        await desktop.shows(pilot, f"{len(KINDS)} of {len(KINDS)}")


async def test_the_screen_as_people_see_it() -> None:
    desktop = desktop_with(
        some_csv=preview_files.large_csv(4000),
        some_json=preview_files.large_json(2000),
        page_md=preview_files.MARKDOWN,
    )
    async with with_files(desktop, 80, 24) as pilot:
        await shown(desktop, pilot)
        for name in ("csv", "json", "md"):
            await desktop.settle(pilot)
            check(f"preview-{name}", desktop.text())
            await pilot.press("n")
            await preview_files.arrived(desktop, pilot)


async def test_other_views_of_the_same_file() -> None:
    desktop = desktop_with(rows_json=b'[{"a": 1, "b": "x"}, {"a": 2}]')
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        for widget, word in ((TreeView, "0: {} 2 members"), (TableView, "a"), (PageView, '1  [{"a": 1')):
            assert isinstance(view(desktop), widget)
            await desktop.shows(pilot, word)
            assert view(desktop).has_focus
            await pilot.press("tab")
            await preview_files.arrived(desktop, pilot)
        assert isinstance(view(desktop), TreeView)


async def test_esc_stops_what_is_loading() -> None:
    desktop = desktop_with(a_txt=b"one\n")
    desktop.files.gate = asyncio.Event()
    async with with_files(desktop) as pilot:
        await desktop.send(pilot, "/preview 1")
        await desktop.shows(pilot, "Loading…", "Press Esc to stop")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, WorkScreen))
        await desktop.until(pilot, lambda: not [one for one in pilot.app.workers if one.group == "load"])


async def test_a_failed_load_is_reported_and_can_be_retried() -> None:
    desktop = desktop_with(a_txt=b"one\n", b_txt=b"two\n")
    desktop.files.expired = {"https://x.test/a.txt"}
    desktop.files.fails["https://x.test/b.txt"] = Refused(
        ErrorKind.NOT_FOUND, "There is no such file.", "Ask the worker for it."
    )
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        await desktop.shows(pilot, "may have expired", "(free)")
        assert desktop.files.reread == []
        await pilot.press("r")
        await desktop.shows(pilot, "1  one")
        assert desktop.files.reread == ["w1"]
        await pilot.press("n")
        await desktop.shows(pilot, "There is no such file. Ask the worker for it.")
        desktop.files.fails.clear()
        await pilot.press("r")
        await desktop.shows(pilot, "1  two")
        assert desktop.files.reread == ["w1"]


class Ticking(PreviewScreen):
    """A tick comes between the words and the end of the loading."""

    async def _show_message(self, text: str) -> None:
        await super()._show_message(text)
        self._show_progress()


async def test_what_went_wrong_is_not_written_over_by_how_far_it_was() -> None:
    desktop = desktop_with(a_txt=b"one\n")
    desktop.files.expired = {"https://x.test/a.txt"}
    async with with_files(desktop) as pilot:
        part = FilePart("https://x.test/a.txt", "text/plain", "a.txt", 4)
        await desktop.app.push_screen(Ticking([part], 0, desktop.work.files))
        await desktop.shows(pilot, "may have expired", "(free)")
        await desktop.settle(pilot)
        assert "Loading" not in desktop.text()


async def test_another_size_and_theme_lay_it_out_again() -> None:
    desktop = desktop_with(a_png=preview_files.png(400, 400), b_md=preview_files.MARKDOWN * 30)
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        for _ in range(2):
            for width in (60, 120):
                await pilot.resize_terminal(width, 24)
                await preview_files.arrived(desktop, pilot)
                assert desktop.text_of("#preview-body").strip()
            await pilot.press("n")
            await preview_files.arrived(desktop, pilot)
        before = strips_of(desktop.app.screen)
        desktop.app.theme = "handinger-light"
        await desktop.until(pilot, lambda: strips_of(desktop.app.screen) != before)


async def test_a_click_on_a_file_in_the_answer_shows_it() -> None:
    desktop = desktop_with(a_txt=b"one\n")
    async with with_files(desktop) as pilot:
        await desktop.shows(pilot, "▤ a.txt")
        rows = desktop.text().split("\n")
        y = next(at for at, row in enumerate(rows) if "▤ a.txt" in row)
        await pilot.click(offset=(rows[y].index("a.txt") + 1, y))
        await desktop.shows(pilot, "1  one")
        assert desktop.opened == []


async def test_text_is_selected_with_the_mouse_and_copied() -> None:
    desktop = desktop_with(a_txt=b"first words\nsecond words\n")
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        page_view = view(desktop)
        await pilot.mouse_down(page_view, offset=(5, 0))
        await pilot.hover(page_view, offset=(10, 1))
        await pilot.mouse_up(page_view, offset=(10, 1))
        await pilot.press("ctrl+c")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "first words\nsecond")
        await pilot.press("y")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "first words\nsecond words")
        await desktop.until(pilot, lambda: "Copied the text (24 characters" in desktop.notices())


@pytest.mark.parametrize("name", ["a_txt", "a_md", "a_py"])
async def test_a_copy_of_a_cut_text_is_not_called_the_text(name: str) -> None:
    desktop = desktop_with(**{name: b"first words\n" + b"x" * 5_000})
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        await pilot.press("y")
        await desktop.until(pilot, lambda: "Copied what is shown of the text (" in desktop.notices())


async def test_a_link_in_a_page_is_judged_first() -> None:
    text = b"[https://good.example/](https://evil.example/)\n"
    desktop = desktop_with(a_md=text)
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        await pilot.click("#preview-body PageView", offset=(4, 0))
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        await desktop.shows(pilot, "evil.example")
        assert desktop.opened == []


async def test_keys_work_while_large_files_load() -> None:
    desktop = desktop_with(
        a_csv=preview_files.large_csv(), b_json=preview_files.large_json(), c_json=DEEP, d_txt=b"end"
    )
    async with with_files(desktop) as pilot:
        await desktop.send(pilot, "/preview 1")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, PreviewScreen))
        for _ in range(3):
            longest = await longest_step(lambda: ready(desktop))
            assert longest < 0.5, f"the thread of the screen worked for {longest:.2f} s in one step"
            await pilot.press("n")
        # A closed preview is not awaited.
        await pilot.press("n", "n", "n", "n")
        await desktop.shows(pilot, "d.txt   4 of 4", "1  end")


def ready(desktop: Desktop) -> bool:
    """The file is on the screen."""
    body = page(desktop).query_one("#preview-body")
    return page(desktop).loaded is not None and any(
        isinstance(one, preview_files.ANY_VIEW) for one in body.children
    )


async def longest_step(done: Callable[[], bool]) -> float:
    """The most CPU seconds that the thread of the screen took in one step of its loop, until `done`.

    CPU, not time: on a busy machine a thread may wait for a second to be run at all.
    """
    longest, last = 0.0, time.thread_time()
    while not done():
        await asyncio.sleep(0.002)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return longest
