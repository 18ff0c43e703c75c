"""Names behind an `@`: offered during typing, completed, never in the way; other text is sent unchanged."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from tests.ui.disk import Disk, chips, count_is, desktop_with, files_of, posts


# -- completion --------------------------------------------------------------------------------
async def test_a_name_is_completed_from_the_folder_and_folders_go_on(folder: Path) -> None:
    desktop = desktop_with("Done")
    async with desktop.running() as pilot:
        await pilot.press(*"sum @")
        await desktop.shows(pilot, "reports/", "sales old.csv", "sales.csv")
        assert ".secret" not in desktop.text()
        await pilot.press(*"rep", "tab")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "sum @reports/")
        await desktop.shows(pilot, "› q3.md")
        await pilot.press("tab")
        await desktop.until(pilot, lambda: chips(desktop) == ["q3.md 5 B Markdown"])
        assert desktop.work.prompt.text == "sum @reports/q3.md "
        await pilot.press("u", "p", "enter")
        await desktop.until(pilot, lambda: desktop.api.posts)
        await desktop.until(pilot, lambda: not chips(desktop))
    request = desktop.api.posts[0]
    assert (request.prompt, files_of(desktop)) == ("sum q3.md up", ["q3.md"])
    assert request.attachments[0].path == str(folder / "reports" / "q3.md")


@pytest.mark.usefixtures("folder")
async def test_a_name_with_a_space_is_quoted_and_enter_accepts_the_selected_one() -> None:
    desktop = desktop_with("Done")
    async with desktop.running() as pilot:
        await pilot.press(*"@sal")
        await desktop.shows(pilot, "› sales old.csv", "  sales.csv")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == '@"sales old.csv" ')
        assert not desktop.api.posts
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert (desktop.api.posts[0].prompt, files_of(desktop)) == ("sales old.csv ", ["sales old.csv"])


@pytest.mark.usefixtures("folder")
async def test_escape_closes_the_list_until_the_next_word_and_enter_sends() -> None:
    desktop = desktop_with("Done")
    async with desktop.running() as pilot:
        await pilot.press(*"@sal")
        await desktop.shows(pilot, "› sales old.csv")
        await pilot.press("escape", "e", "enter")
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert desktop.api.posts[0].prompt == "@sale"


@pytest.mark.usefixtures("folder")
async def test_hidden_files_are_offered_on_request_and_the_command_completes_bare_names() -> None:
    desktop = desktop_with()
    async with desktop.running() as pilot:
        await pilot.press(*"@.s")
        await desktop.shows(pilot, "› .secret")
        desktop.work.prompt.put("")
        await pilot.press(*"/file sales", "space")
        await desktop.shows(pilot, "› sales old.csv")
        await pilot.press("tab", "enter")
        await desktop.until(pilot, lambda: chips(desktop) == ["sales old.csv 4 B CSV"])
        assert desktop.work.prompt.text == ""


@pytest.mark.usefixtures("folder")
async def test_a_slow_disk_blocks_nothing_and_is_read_once_at_a_time() -> None:
    disk = Disk(gate=threading.Event())
    desktop = desktop_with(disk=disk)
    async with desktop.running() as pilot:
        await pilot.press(*"@sales")
        assert desktop.work.prompt.text == "@sales"
        await desktop.until(pilot, lambda: disk.looks)
        assert disk.looks == ["*"]
        assert "sales.csv" not in desktop.text()
        assert disk.gate is not None
        disk.gate.set()
        await desktop.shows(pilot, "sales.csv")
    assert threading.get_ident() not in disk.threads


async def test_a_large_folder_is_listed_to_a_limit_and_searched_by_typing(folder: Path) -> None:
    for number in range(300):
        (folder / f"f{number:03}").touch()
    desktop = desktop_with()
    async with desktop.running() as pilot:
        await pilot.press(*"@f")
        await desktop.shows(pilot, "› f000")
        await pilot.press(*"299")
        await desktop.until(pilot, lambda: "f000" not in desktop.text())
        await pilot.press("backspace")
        await desktop.shows(pilot, "› f290")


async def test_a_hostile_name_is_not_offered_and_is_shown_cleaned(folder: Path) -> None:
    name = "evil\x1b]0;x\x07\u202egnp\n.csv"
    (folder / name).write_text("x")
    (folder / "event.csv").write_text("x")
    desktop = desktop_with(attachments=(name,))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: chips(desktop))
        await desktop.shows(pilot, "evil]0;xgnp .csv")
        await pilot.press(*"@ev")
        await desktop.shows(pilot, "› event.csv")
        assert desktop.text().count("evil") == 1, "only the attachment"


# -- what is no file ---------------------------------------------------------------------------
@pytest.mark.usefixtures("folder")
async def test_text_with_an_at_sign_is_sent_unchanged() -> None:
    texts = ["mail me@example.org, @alice!", "@Override and a@b", "see @ home", r"not \@sales.csv"]
    desktop = desktop_with(*["Done"] * len(texts))
    async with desktop.running() as pilot:
        for at, text in enumerate(texts):
            await desktop.send(pilot, text)
            await desktop.until(pilot, partial(count_is, posts, desktop, at + 1))
            await desktop.until(pilot, lambda: not desktop.session.busy)
            sent = text.replace("\\@", "@")
            assert (desktop.api.posts[at].prompt, files_of(desktop, at)) == (sent, [])
