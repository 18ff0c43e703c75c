"""Files that go with a message: dropped, by command or option; sent or refused, and kept."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
from textual.events import Paste

from handinger_tui.ui.ports import Opening
from handinger_tui.ui.sessions.drafts import FRESH_DRAFT
from handinger_tui.ui.work.entering import OTHER_SESSION
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.disk import Disk, chips, count_is, desktop_with, files_of, posts
from tests.ui.fakes import PRICED, Desktop, launch, summary
from tests.ui.screens.test_sending import held


# -- dropped and pasted --------------------------------------------------------------------------
def as_is(paths: list[Path]) -> str:
    return " ".join(map(str, paths))


def quoted(paths: list[Path]) -> str:
    return " ".join(shlex.quote(str(path)) for path in paths) + " "


def escaped(paths: list[Path]) -> str:
    return " ".join(str(path).replace(" ", "\\ ") for path in paths)


def addresses(paths: list[Path]) -> str:
    return "\r\n".join(path.as_uri() for path in paths)


SPELLED: tuple[tuple[Callable[[list[Path]], str], list[str]], ...] = (
    (as_is, ["sales.csv"]),
    (quoted, ["sales.csv", "sales old.csv"]),
    (escaped, ["sales old.csv", "sales.csv"]),
    (addresses, ["sales old.csv", "sales.csv"]),
)


async def test_dropped_files_become_chips(folder: Path) -> None:
    desktop = desktop_with(*["Done"] * len(SPELLED))
    async with desktop.running() as pilot:
        for at, (spelled, names) in enumerate(SPELLED):
            desktop.work.prompt.put("add ")
            desktop.app.post_message(Paste(spelled([folder / name for name in names])))
            await desktop.until(pilot, partial(count_is, chips, desktop, len(names)))
            assert desktop.work.prompt.text == "add "
            await pilot.press("u", "p", "enter")
            await desktop.until(pilot, partial(count_is, posts, desktop, at + 1))
            await desktop.until(pilot, lambda: not desktop.session.busy and not chips(desktop))
            assert (desktop.api.posts[at].prompt, files_of(desktop, at)) == ("add up", names)


async def test_enter_right_behind_a_drop_waits_for_it(folder: Path) -> None:
    disk = Disk(gate=threading.Event())
    desktop = desktop_with("Done", disk=disk)
    async with desktop.running() as pilot:
        await pilot.press(*"sum ")
        desktop.app.post_message(Paste(str(folder / "sales.csv")))
        await desktop.until(pilot, lambda: disk.looks)
        await pilot.press("enter")
        assert not desktop.api.posts
        assert disk.gate is not None
        disk.gate.set()
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert (desktop.api.posts[0].prompt, files_of(desktop)) == ("sum ", ["sales.csv"])


async def test_a_command_whose_dropped_file_is_read_while_another_session_opens_is_answered(
    folder: Path,
) -> None:
    disk = Disk(gate=threading.Event())
    desktop = desktop_with("Done", disk=disk)
    async with desktop.running() as pilot:
        first = desktop.session.session_id
        await pilot.press(*"/budget ")
        desktop.app.post_message(Paste(str(folder / "sales.csv")))
        await desktop.until(pilot, lambda: disk.looks)
        await pilot.press("enter", "ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != first)
        assert disk.gate is not None
        disk.gate.set()
        await desktop.shows(pilot, OTHER_SESSION)


async def test_a_path_without_a_file_stays_text_and_a_folder_is_reported(folder: Path) -> None:
    desktop = desktop_with()
    async with desktop.running() as pilot:
        desktop.app.post_message(Paste("/nowhere/at/all.csv"))
        await desktop.until(
            pilot, lambda: desktop.work.prompt.text and not desktop.work.composer.snapshot().drops
        )
        assert (desktop.work.prompt.text, desktop.notices()) == ("/nowhere/at/all.csv", "")
        desktop.work.prompt.put("")
        desktop.app.post_message(Paste(f"{folder / 'sales.csv'} {folder / 'reports'}"))
        await desktop.until(pilot, lambda: "is a folder" in desktop.notices())
        assert not chips(desktop)
        assert "sales.csv" in desktop.work.prompt.text


# -- chips ---------------------------------------------------------------------------------------
async def test_chips_are_removed_by_key_and_by_mouse(folder: Path) -> None:
    desktop = desktop_with()
    async with desktop.running() as pilot:
        desktop.work.prompt.put("/file sales.csv")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: len(chips(desktop)) == 1)
        desktop.work.prompt.put("see @reports/q3.md and")
        await desktop.until(pilot, lambda: len(chips(desktop)) == 2)
        await desktop.shows(pilot, " q3.md  5 B Markdown ✕   sales.csv  22 B CSV ✕")
        await pilot.press("f8", "left")
        await desktop.shows(pilot, "›q3.md  5 B Markdown ✕   sales.csv", "Del Remove")
        await pilot.press("delete")
        await desktop.until(pilot, lambda: chips(desktop) == ["sales.csv 22 B CSV"])
        assert desktop.work.prompt.text == "see q3.md and"
        row = desktop.work.pane.chips.content_region
        column = desktop.text().split("\n")[row.y].index("✕")
        await pilot.click(offset=(column, row.y))
        await desktop.until(pilot, lambda: not chips(desktop))
        assert desktop.work.prompt.has_focus
    assert (folder / "sales.csv").exists()


@pytest.mark.usefixtures("folder")
async def test_ctrl_c_clears_the_text_first_and_then_the_files() -> None:
    desktop = desktop_with()
    async with desktop.running() as pilot:
        desktop.work.prompt.put("/file sales.csv")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: chips(desktop))
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Add a message" in desktop.notices())
        await pilot.press("x", "ctrl+c")
        assert (desktop.work.prompt.text, len(chips(desktop))) == ("", 1)
        await pilot.press("ctrl+c")
        await desktop.until(pilot, lambda: not chips(desktop))
        assert desktop.app._exit is False


async def test_many_chips_take_three_rows_and_tell_how_many_more(folder: Path) -> None:
    names = [f"measurement {number:02}.csv" for number in range(14)]
    for name in names:
        (folder / name).write_text("x")
    desktop = desktop_with(attachments=tuple(names))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: len(chips(desktop)) == 14)
        await desktop.shows(pilot, " more")
        assert desktop.work.pane.chips.size.height == 3
        await pilot.press("f8")
        await desktop.shows(pilot, "›measurement 13.csv")


# -- refused before anything is sent ----------------------------------------------------------------
def card_tells(desktop: Desktop, why: str) -> bool:
    return why in " ".join(desktop.text_of("#card").split())


REFUSED = {
    "missing.csv": "File not found: missing.csv",
    "./reports": "is a folder",
    "reports/": "is a folder",
    "./pipe": "is not a regular file",
    "/dev/null": "is not a regular file",
    "./broken": "is a link to a missing file",
    "./huge.bin": "the maximum is",
    "~nobody-at-all/x.csv": "Cannot read ~nobody-at-all/x.csv",
}


async def test_a_message_that_cannot_be_sent_is_reported_and_kept(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "broken").symlink_to("nowhere")
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(1 << 30)
    desktop = desktop_with()
    async with desktop.running() as pilot:
        desktop.work.prompt.put("/file sales.csv")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: chips(desktop))
        for token, why in REFUSED.items():
            await desktop.send(pilot, f"sum up @{token} now")
            await desktop.until(pilot, partial(card_tells, desktop, why))
            assert desktop.work.prompt.text == f"sum up @{token} now"
            assert "sales.csv 22 B CSV" in chips(desktop)
            await pilot.press("escape")
            await desktop.until(pilot, lambda: not desktop.work.pane.card.display)
    assert not desktop.api.posts
    assert not desktop.log.requests


@pytest.mark.parametrize("named", [True, False], ids=["named", "chosen"])
async def test_a_changed_file_is_reported_once_and_the_next_enter_sends_it(
    folder: Path, *, named: bool
) -> None:
    desktop = desktop_with("Done")
    async with desktop.running() as pilot:
        desktop.work.prompt.put("sum @sales.csv up" if named else "/file sales.csv")
        if not named:
            await pilot.press("enter")
        await desktop.until(pilot, lambda: chips(desktop) == ["sales.csv 22 B CSV"])
        (folder / "sales.csv").write_text("day,units\nwed,9\n")
        desktop.work.prompt.put("sum @sales.csv up" if named else "sum up")
        await pilot.press("enter")
        await desktop.shows(pilot, "sales.csv changed since it was attached")
        assert not desktop.api.posts
        assert chips(desktop) == ["sales.csv 16 B CSV"]
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert [file.size for file in desktop.api.posts[0].attachments] == [16]


async def test_a_chosen_file_that_went_away_is_marked(folder: Path) -> None:
    desktop = desktop_with("Done")
    async with desktop.running() as pilot:
        desktop.work.prompt.put("/file sales.csv")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: chips(desktop))
        (folder / "sales.csv").unlink()
        await desktop.send(pilot, "sum up")
        await desktop.until(pilot, lambda: chips(desktop) == ["sales.csv not found"])
        assert desktop.work.prompt.text == "sum up"
        (folder / "sales.csv").write_text("day,units\nmon,4\ntue,6\n")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert files_of(desktop) == ["sales.csv"]


# -- queued, given back, kept ------------------------------------------------------------------------
@pytest.mark.usefixtures("folder")
async def test_a_queued_message_shows_its_files_and_gives_them_back() -> None:
    script, gate = held("One")
    api = FakeApi(starts=[script, says("Two", message_id="b")], workers=[worker("", **PRICED)])
    desktop = Desktop(api=api, launch=launch(Opening.FRESH, disk=Disk()))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "first")
        await desktop.send(pilot, "sum up @sales.csv")
        await desktop.shows(pilot, " 1  sum up sales.csv  + sales.csv")
        await pilot.press("up", "enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "sum up sales.csv")
        assert chips(desktop) == ["sales.csv 22 B CSV"]
        await pilot.press("enter")
        await desktop.shows(pilot, " 1  sum up sales.csv  + sales.csv")
        gate.set()
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
    assert files_of(desktop, 1) == ["sales.csv"]


@pytest.mark.usefixtures("folder")
async def test_an_undelivered_message_is_restored_with_its_files() -> None:
    desktop = Desktop(api=FakeApi(starts=[]), launch=launch(Opening.FRESH, disk=Disk()))
    async with desktop.running() as pilot:
        desktop.work.prompt.put("/file sales.csv")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: chips(desktop))
        await desktop.send(pilot, "sum it up")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "sum it up")
        await desktop.until(pilot, lambda: chips(desktop) == ["sales.csv 22 B CSV"])


async def test_the_history_brings_text_in_which_the_files_are_named(folder: Path) -> None:
    desktop = desktop_with("Done")
    async with desktop.running() as pilot:
        desktop.work.prompt.put(f"/file {folder / 'sales.csv'}")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: chips(desktop))
        await desktop.send(pilot, "sum it up")
        await desktop.until(pilot, lambda: desktop.api.posts and not chips(desktop))
        await desktop.until(pilot, lambda: not desktop.session.busy)
        await pilot.press("up")
        assert desktop.work.prompt.text == f"sum it up @{folder / 'sales.csv'}"
        assert not desktop.work.pane.completion.open


@pytest.mark.usefixtures("folder")
async def test_files_stay_with_the_draft_of_their_session_and_over_a_restart() -> None:
    desktop = desktop_with("Hello")
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        first = desktop.session.session_id
        desktop.work.prompt.put("/file sales.csv")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: chips(desktop))
        desktop.work.prompt.put("for later")
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: not chips(desktop) and not desktop.work.prompt.text)
        desktop.app.post_message(Paste("long\n" * 30))
        await desktop.until(pilot, lambda: chips(desktop))
        desktop.history.rows = [summary("first", session_id=first)]
        desktop.work.run_command("sessions", first)
        await desktop.until(pilot, lambda: chips(desktop) == ["sales.csv 22 B CSV"])
        assert desktop.work.prompt.text == "for later"
        desktop.work.run_command("quit")
        await desktop.until(pilot, lambda: desktop.app._exit)
    again = desktop_with("Done")
    again.history.drafts = desktop.history.drafts
    assert set(again.history.drafts) == {first, FRESH_DRAFT}
    async with again.running() as pilot:
        assert chips(again) == ["pasted text 1 150 characters, 31 lines"]
        # An Enter that comes with the draft does not send it.
        await again.until(pilot, lambda: not again.work.composer.is_unseen(monotonic()))
        await pilot.press("enter")
        await again.until(pilot, lambda: again.api.posts)
    assert again.api.posts[0].prompt == "long\n" * 30


async def test_files_of_the_command_line_without_a_prompt_are_chips(folder: Path) -> None:
    desktop = desktop_with("Done", attachments=("sales.csv",))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: chips(desktop) == ["sales.csv 22 B CSV"])
        await desktop.send(pilot, "sum it up")
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert desktop.api.posts[0].attachments[0].path == str(folder / "sales.csv")


@pytest.mark.usefixtures("folder")
async def test_a_first_prompt_whose_file_is_missing_stays_with_the_other_file() -> None:
    desktop = desktop_with(prompt="sum up", attachments=("sales.csv", "gone.csv"))
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "File not found: gone.csv")
        await desktop.until(pilot, lambda: chips(desktop) == ["sales.csv 22 B CSV"])
        assert desktop.work.prompt.text == "sum up"
    assert not desktop.api.posts


@pytest.mark.usefixtures("folder")
async def test_files_of_the_command_line_that_are_not_there_are_named_on_a_card() -> None:
    desktop = desktop_with(attachments=("gone.csv", "sales.csv"))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "File not found: gone.csv" in desktop.text_of("#card"))
        assert chips(desktop) == ["sales.csv 22 B CSV"]
