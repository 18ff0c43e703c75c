"""Edge cases: a killed earlier run, an editor, a failing history, a session of another service."""

from __future__ import annotations

import re
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.events import Paste
from textual.pilot import Pilot
from textual.widget import Widget

from handinger_tui.core.errors import ApiError, Locked, Unreachable
from handinger_tui.core.turns.session import Session, SessionSummary
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.ui.dialogs import yes_or_no
from handinger_tui.ui.ports import Account, Opening
from handinger_tui.ui.widgets.frame import FooterLine
from tests.engine.fakes import FakeApi, FakeLog, says, worker
from tests.ui.fakes import (
    LOCAL,
    PRICED,
    REMOTE,
    Desktop,
    FakeHistory,
    FakeWebhooks,
    answers,
    launch,
    summary,
)
from tests.ui.screens.test_sending import held


class LockedHistory(FakeHistory):
    """A history that another process holds."""

    async def rename(self, session_id: str, title: str) -> None:
        raise Locked("The history is locked.", "Close the other program.")

    async def prompts(self, limit: int = 500) -> list[str]:
        raise Locked("The history is locked.", "Close the other program.")


class LockedDesktop(Desktop):
    """An app on it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.history = LockedHistory(self.log)


async def test_without_an_editor_the_message_names_the_setting() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        desktop.work.prompt.put("half a thought")
        await pilot.press("ctrl+g")
        await desktop.until(pilot, lambda: "Set EDITOR" in desktop.notices())
        assert desktop.work.prompt.text == "half a thought"


async def test_the_editor_gets_the_text_and_gives_it_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "editor"
    script.write_text('#!/bin/sh\nprintf "%s and more\\n" "$(cat "$1")" > "$1"\n')
    script.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(script))
    desktop = Desktop()
    async with desktop.running() as pilot:
        # The test has no terminal that could be suspended.
        monkeypatch.setattr(desktop.app, "suspend", nullcontext)
        desktop.work.prompt.put("half a thought")
        await pilot.press("ctrl+g")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "half a thought and more")


async def test_an_editor_that_does_not_exist_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "/nowhere/editor --wait")
    desktop = Desktop()
    async with desktop.running() as pilot:
        monkeypatch.setattr(desktop.app, "suspend", nullcontext)
        desktop.work.prompt.put("half a thought")
        await pilot.press("ctrl+g")
        await desktop.until(pilot, lambda: "Cannot start the editor" in desktop.notices())
        assert desktop.work.prompt.text == "half a thought"


async def test_a_locked_history_is_reported_at_the_start_and_the_given_prompt_is_kept() -> None:
    desktop = LockedDesktop(launch=launch(prompt="Do it"), api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "The history is locked" in desktop.notices())
        assert desktop.work.prompt.text == "Do it"
    assert desktop.api.posts == []


async def test_a_locked_history_does_not_end_the_session_list() -> None:
    desktop = LockedDesktop(launch=launch(Opening.FRESH))
    desktop.history.rows = [summary("heat")]
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About heat")
        await pilot.press("f2")
        await desktop.shows(pilot, "Rename the session")
        assert "The history is locked" not in desktop.text(), "it would cover the question"
        await pilot.press("x", "enter")
        await desktop.shows(pilot, "The history is locked")
        await desktop.shows(pilot, "About heat")


async def test_an_unreadable_worker_gets_no_prompt() -> None:
    trouble: ApiError = Unreachable(ErrorKind.CONNECT, "Cannot reach the service.")
    desktop = Desktop(
        api=FakeApi(workers=[trouble]), launch=launch(Opening.WORKER, worker="w9", prompt="Go on please")
    )
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "Cannot reach the service" in desktop.notices())
        assert desktop.work.prompt.text == "Go on please"
    assert desktop.api.posts == []


async def test_a_session_of_another_service_is_shown_but_gets_nothing_sent() -> None:
    first = Desktop(api=answers("An answer"))
    async with first.running() as pilot:
        await first.send(pilot, "A question")
        await first.until(pilot, lambda: first.session.turns and not first.session.busy)
    log = ForeignLog(**vars(first.log))
    desktop = Desktop(log=log, launch=launch(Opening.LAST), api=answers("Never"))
    desktop.history.rows = [row_of(first)]
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "An answer")
        await desktop.send(pilot, "More")
        await desktop.until(pilot, lambda: "elsewhere.test" in desktop.notices())
        assert desktop.work.prompt.text == "More"
    assert desktop.api.posts == []


class ForeignLog(FakeLog):
    """A history whose sessions belong to another service."""

    async def load(self, session_id: str) -> Session | None:
        loaded = await super().load(session_id)
        return None if loaded is None else replace(loaded, base_url="https://elsewhere.test")


def row_of(desktop: Desktop) -> SessionSummary:
    return summary("x", session_id=desktop.session.session_id, worker_id="w1")


async def test_warnings_of_the_start_are_shown_as_plain_text() -> None:
    desktop = Desktop(warnings=("No history: [/] the folder is read-only.",))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "No history: [/] the folder" in desktop.notices())


async def after_a_kill() -> tuple[Desktop, str]:
    """The program after one that was killed at half an answer, and the id of its session."""
    script, _gate = held("Half")
    first = Desktop(api=FakeApi(starts=[script], workers=[worker("", busy=True)]))
    async with first.running() as pilot:
        await first.send(pilot, "Do it")
        await first.shows(pilot, "Half")
        as_killed = deepcopy(first.log)
    done = worker("Half and whole", prompt="Do it", **PRICED)
    desktop = Desktop(log=as_killed, launch=launch(Opening.LAST), api=FakeApi(workers=[done]))
    desktop.history.rows = [row_of(first)]
    return desktop, first.session.session_id


async def test_open_turns_of_a_killed_run_are_settled_by_reading_and_never_resent() -> None:
    desktop, _ = await after_a_kill()
    async with desktop.running() as pilot:
        await desktop.until(
            pilot, lambda: "1 message was interrupted last time; checking…" in desktop.notices()
        )
        await desktop.shows(pilot, "Half and whole", "✓ completed")
    assert desktop.api.posts == []


async def test_a_message_that_a_killed_run_had_sent_is_no_draft_any_more() -> None:
    desktop, session_id = await after_a_kill()
    # Killed before the stored message was removed from the draft of its session, new by then.
    desktop.history.drafts = {"fresh": "Do it", session_id: "Do it"}
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Half and whole", "✓ completed")
        assert desktop.work.prompt.text == ""
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: not desktop.session.turns)
        assert desktop.work.prompt.text == ""


@pytest.mark.parametrize(("badge", "forms"), [(REMOTE, "(work )?…f00d|work"), (LOCAL, "LOCAL")])
async def test_the_header_leaves_out_an_account_that_does_not_fit(badge: Account, forms: str) -> None:
    desktop = Desktop(api=answers("Hi"), badge=badge)
    async with desktop.running(88, 24) as pilot:
        await desktop.send(pilot, "Compare")
        await desktop.shows(pilot, "✓ completed")
        for width in range(88, 19, -4):
            await pilot.resize_terminal(width, 24)
            await desktop.settle(pilot)
            line = desktop.text().split("\n")[0].rstrip()
            account = re.split(r"\d s +|  +", line)[-1]
            assert re.fullmatch(forms, account) or (width < 40 and "✓ com" in account), (width, line)
            assert line.startswith(" Compare"), (width, line)
            assert len(line) <= width


async def run_one_and_queue_five(desktop: Desktop, pilot: Pilot[None]) -> None:
    await desktop.send(pilot, "One")
    await desktop.until(pilot, lambda: desktop.session.busy)
    for number in range(5):
        await desktop.send(pilot, f"Queued {number}")
    await desktop.shows(pilot, "Queued 2  standard  +2 more")


@pytest.mark.parametrize(
    "typed", ["/", "\n".join(f"line {number}" for number in range(12))], ids=["offers", "long"]
)
async def test_the_prompt_is_in_sight_on_a_low_screen(typed: str) -> None:
    script, _gate = held("One")
    desktop = Desktop(api=FakeApi(starts=[script]))
    async with desktop.running(60, 24) as pilot:
        await run_one_and_queue_five(desktop, pilot)
        desktop.work.prompt.put(typed)
        for height in (20, 16, 12, 10, 8):
            await pilot.resize_terminal(60, height)
            await desktop.settle(pilot)
            edge = "│" if height >= 10 else " "
            assert f"{edge} {typed.splitlines()[-1]}" in desktop.text(), height
            assert re.search(r"Queued \d  standard  \+\d more", desktop.text()), height


SIZES = ((20, 6), (20, 8), (40, 10), (60, 15), (80, 20), (200, 60))
"""The smallest of each form: lowest of all, without a frame, low, with room for a dialog, usual, wide."""
LONG_PASTE = "a line of some length\n" * 2_000


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("/", ()),
        ("\n".join(f"line {number}" for number in range(12)), ()),
        ("", ("ctrl+f",)),
        ("", ("f3",)),
        ("", ("up",)),
    ],
    ids=["offers", "long", "find", "panel", "queue"],
)
async def test_the_prompt_is_visible_at_every_size_with_everything_above_it(
    typed: str, keys: tuple[str, ...]
) -> None:
    script, _gate = held("One")
    desktop = Desktop(api=FakeApi(starts=[script]))
    async with desktop.running(80, 24) as pilot:
        await run_one_and_queue_five(desktop, pilot)
        work = desktop.work
        work.pane.trouble("The service answered 500. " * 8)
        for _ in range(3):
            desktop.app.post_message(Paste(LONG_PASTE))
        await desktop.shows(pilot, "pasted text 3")
        chips = work.prompt.text
        work.prompt.put("")
        await pilot.press(*keys)
        await desktop.settle(pilot)
        focused = desktop.app.focused
        if not keys:
            work.prompt.put(typed if typed == "/" else f"{typed} {chips}")
        for width, height in (*SIZES, SIZES[0]):
            await pilot.resize_terminal(width, height)
            await desktop.settle(pilot)
            assert desktop.app.focused is focused
            for widget in (work.prompt, work.pane.query_one("#hint"), work.query_one(FooterLine), focused):
                assert rows_in_sight(desktop, widget), (widget, width, height, desktop.text())
            caret = work.prompt.cursor_screen_offset
            assert work.prompt.region.intersection(work.region).contains_point(caret), (width, height)
            if height >= 24:
                assert re.search(r"Queued \d  standard  \+2 more", desktop.text())


PAGES = (
    "help", "palette", "sessions", "runs", "history", "ledger", "limits", "rename", "receipt", "schedule",
    "budgets", "webhook", "settings", "budget unlimited", "data 1",
)  # fmt: skip


@pytest.mark.parametrize("pages", [PAGES[at::3] for at in range(3)], ids=", ".join)
async def test_what_has_the_focus_on_a_page_is_visible_at_every_size(pages: tuple[str, ...]) -> None:
    body = worker("", messages=None, structured_output={"rows": [1, 2]}, **PRICED)
    desktop = Desktop(api=FakeApi(starts=[says("Hello", message_id="msg_1")], workers=[body]))
    desktop.webhooks = FakeWebhooks()
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "A question")
        await desktop.shows(pilot, "✓ completed")
        for page in pages:
            await pilot.resize_terminal(80, 24)
            desktop.work.run_command(*page.split(" ", 1))
            await desktop.until(pilot, lambda: desktop.app.screen is not desktop.work)
            screen = desktop.app.screen
            for width, height in (*SIZES, SIZES[0]):
                await pilot.resize_terminal(width, height)
                await pilot.pause()
                assert desktop.app.screen is screen, page
                focused = desktop.app.focused
                assert rows_in_sight(desktop, focused), (page, width, height, focused, desktop.text())
            await pilot.press("escape")
            await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
            assert desktop.app.focused is desktop.work.prompt, page


def rows_in_sight(desktop: Desktop, widget: Widget | None) -> int:
    """The rows of a widget that are neither outside its containers nor outside the screen."""
    placed = desktop.app.screen._compositor.visible_widgets.get(widget) if widget is not None else None
    return 0 if placed is None else placed[0].intersection(placed[1]).height


async def test_the_buttons_of_a_question_are_whole_on_a_narrow_screen() -> None:
    desktop = Desktop()
    async with desktop.running(40, 24) as pilot:
        desktop.app.push_screen(yes_or_no("Sure?", "It costs.", yes="Raise limit and send", no="Cancel"))
        await desktop.shows(pilot, "Cancel", "Raise limit and send")


async def test_an_empty_prompt_history_says_so() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press("ctrl+r")
        await desktop.shows(pilot, "No earlier prompts yet.")


async def test_the_answer_to_one_command_is_not_left_below_the_answer_to_the_next() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/nonsense")
        await desktop.shows(pilot, "Unknown command /nonsense.")
        desktop.work.prompt.put("")
        await desktop.send(pilot, "/theme")
        # Too long for the line near the prompt.
        await desktop.shows(pilot, "Theme: dark.")
        assert "Unknown command" not in desktop.text()
