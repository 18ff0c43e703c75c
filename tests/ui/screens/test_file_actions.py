"""Files by panel and command: saved with progress, links renewed, opened after a check, copied."""

from __future__ import annotations

import asyncio

from textual.widgets import Input

from handinger_tui.core.errors import Refused
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.ui.dialogs import Question, TextQuestion
from handinger_tui.ui.pages.preview import PreviewScreen
from handinger_tui.ui.work.screen import WorkScreen
from tests.ui.screens.preview_files import desktop_with, shown, with_files

ELF = b"\x7fELF\x02\x01\x01"


async def test_all_new_files_are_saved_even_if_one_fails() -> None:
    desktop = desktop_with(a_txt=b"one", b_txt=b"two", c_txt=b"three")
    desktop.files.fails["https://x.test/b.txt"] = Refused(ErrorKind.NOT_FOUND, "There is no such file.")
    desktop.files.gate = asyncio.Event()
    async with with_files(desktop, 120, 40) as pilot:
        await pilot.press("f4", "a")
        await desktop.shows(pilot, "saving 33% of 3 B")
        await pilot.press("a")
        desktop.files.gate.set()
        await desktop.until(pilot, lambda: "Saved 2 files, the last to /downloads/c.txt" in desktop.notices())
        assert "b.txt: There is no such file." in desktop.notices()
        assert [part.filename for part in desktop.files.saved] == ["a.txt", "c.txt"]
        await desktop.shows(pilot, "✓ saved /downloads/a.txt")
        # A saved file is not saved again.
        desktop.files.fails.clear()
        await pilot.press("a")
        await desktop.until(pilot, lambda: len(desktop.files.saved) == 3)
        assert [part.filename for part in desktop.files.saved][2:] == ["b.txt"]


async def test_one_file_is_saved_into_a_folder_that_is_typed_and_offered_again() -> None:
    desktop = desktop_with(a_txt=b"one", b_txt=b"two")
    async with with_files(desktop, 120, 40) as pilot:
        await pilot.press("f4", "S")
        await desktop.shows(pilot, "Save a.txt to which folder?", "/downloads")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, WorkScreen))
        assert desktop.files.saved == []
        await pilot.press("enter")
        await desktop.shows(pilot, "1 of 2", "1  one")
        await pilot.press("D")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, TextQuestion))
        desktop.app.screen.query_one(Input).value = "/elsewhere"
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Saved a.txt to /elsewhere/a.txt" in desktop.notices())
        await pilot.press("D")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, TextQuestion))
        assert desktop.app.screen.query_one(Input).value == "/elsewhere"
        await pilot.press("escape")
        # All others are saved to the usual folder.
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, PreviewScreen))
        await pilot.press("d")
        await desktop.until(pilot, lambda: "Saved a.txt to /downloads/a.txt" in desktop.notices())


async def test_an_expired_link_is_renewed_on_request() -> None:
    desktop = desktop_with(a_txt=b"one")
    desktop.files.expired = set(desktop.files.bodies)
    async with with_files(desktop) as pilot:
        await desktop.send(pilot, "/download")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        await desktop.shows(pilot, "The link has expired", "costs nothing")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "a.txt: The service answered 403." in desktop.notices())
        assert desktop.files.reread == []
        await desktop.send(pilot, "/download")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        await pilot.click("#answer-1")
        await desktop.until(pilot, lambda: "Saved a.txt to /downloads/a.txt" in desktop.notices())
        assert desktop.files.reread == ["w1"]


async def test_a_document_is_saved_once_and_opened() -> None:
    desktop = desktop_with(a_csv=b"a,b\n", b_txt=b"words")
    async with with_files(desktop, 120, 40) as pilot:
        await pilot.press("f4", "y")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "https://x.test/a.csv")
        await pilot.press("o")
        await desktop.until(pilot, lambda: desktop.files.opened == ["/downloads/a.csv"])
        await pilot.press("y")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "/downloads/a.csv")
        await pilot.press("o")
        await desktop.until(pilot, lambda: len(desktop.files.opened) == 2)
        assert len(desktop.files.saved) == 1
        # The file was removed: it is saved again.
        desktop.files.disk.clear()
        await pilot.press("o")
        await desktop.until(pilot, lambda: len(desktop.files.opened) == 3)
        assert len(desktop.files.saved) == 2
        desktop.files.programs = False
        desktop.app.copy_to_clipboard("")
        await pilot.press("o")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "/downloads/a.csv")


async def test_executables_are_never_opened_and_unknown_files_need_a_confirmation() -> None:
    desktop = desktop_with(
        run_sh=b"echo", report_pdf=ELF, icon_desktop=b"[Desktop Entry]", page_html=b"<html>"
    )
    whys = (".sh files may run as programs", *["it is a program or a script"] * 2)
    async with with_files(desktop, 120, 40) as pilot:
        await pilot.press("f4")
        for count, why in enumerate(whys, 1):
            await pilot.press("o")
            await desktop.until(pilot, lambda: desktop.notices().count(", not opened: ") == count)  # noqa: B023 - awaited here
            assert desktop.notices().count(why) == max(1, whys[:count].count(why))
            await pilot.press("down")
        assert desktop.files.opened == []
        for opened in ([], ["/downloads/page.html"]):
            await pilot.press("o")
            await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
            await desktop.shows(pilot, "a web page may run scripts")
            await (pilot.click("#answer-1") if opened else pilot.press("escape"))
            await desktop.until(pilot, lambda: isinstance(desktop.app.screen, WorkScreen))
            await desktop.until(pilot, lambda: desktop.files.opened == opened)  # noqa: B023 - awaited here


async def test_a_saved_file_is_looked_at_from_the_disk() -> None:
    desktop = desktop_with(a_txt=b"one\n")
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        assert len(desktop.files.fetched) == 1
        await pilot.press("d")
        await desktop.until(pilot, lambda: "Saved a.txt to /downloads/a.txt" in desktop.notices())
        await pilot.press("escape")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, WorkScreen))
        desktop.files.disk["/downloads/a.txt"] = b"changed here\n"
        await shown(desktop, pilot)
        await desktop.shows(pilot, "saved copy", "1  changed here")
        assert len(desktop.files.fetched) == 1


async def test_commands_take_numbers_names_new_and_all() -> None:
    desktop = desktop_with(alpha_txt=b"one", beta_txt=b"two")
    odd = {
        "/preview 7": "File not found: 7. Use /preview with a number from 1 to 2 or a name.",
        "/preview": "Use /preview with a number from 1 to 2 or a name.",
        "/download nothing": "Use /download with a number from 1 to 2, a name, new, or all.",
    }
    async with with_files(desktop) as pilot:
        for typed, notice in odd.items():
            await desktop.send(pilot, typed)
            await desktop.until(pilot, lambda: notice in desktop.notices())  # noqa: B023 - awaited here
        await desktop.send(pilot, "/preview BET")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, PreviewScreen))
        await desktop.shows(pilot, "beta.txt   2 of 2")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, WorkScreen))
        for typed, count in (("2", 1), ("alpha.txt", 2), ("new", 4), ("all", 6)):
            await desktop.send(pilot, f"/download {typed}")
            await desktop.until(pilot, lambda: len(desktop.files.saved) == count)  # noqa: B023 - awaited here
        names = [part.filename for part in desktop.files.saved]
        assert names == ["beta.txt", "alpha.txt", *["alpha.txt", "beta.txt"] * 2]


async def test_a_link_is_renewed_by_the_worker_of_its_session() -> None:
    desktop = desktop_with(a_txt=b"one")
    desktop.files.expired, desktop.files.gate = set(desktop.files.bodies), asyncio.Event()
    async with with_files(desktop, 120, 40) as pilot:
        worker_id = desktop.session.worker_id
        await pilot.press("f4", "s")
        await desktop.shows(pilot, "saving")
        await pilot.press("escape", "ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.worker_id is None)
        desktop.files.gate.set()
        await desktop.shows(pilot, "The link has expired")
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: "Saved a.txt" in desktop.notices())
        assert desktop.files.reread == [worker_id]
