"""Slash commands: every offered one works, and none is ever sent as a paid message."""

from __future__ import annotations

import errno
import importlib
import pkgutil

import pytest

from handinger_tui.core.export.session_file import SCHEMA
from handinger_tui.core.stream import RawFrame
from handinger_tui.ui import commands
from handinger_tui.ui.commands import COMMANDS, command_named, completions, unknown_command_text
from handinger_tui.ui.commands.command import Command
from handinger_tui.ui.panels.panel import CopyLink
from handinger_tui.ui.sessions.controller import SessionController
from handinger_tui.ui.themes import DARK, LIGHT
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.fakes import PRICED, Desktop, answers, launch
from tests.ui.screens.test_queue import running
from tests.wire.recordings import DONE, sse

FILES = [
    {"filename": name, "mediaType": "text/csv", "url": f"https://x.test/{name}", "size": 2048}
    for name in ("a", "b")
]
SOURCES = [{"id": "s1", "url": "https://pumps.example/all", "title": "All about pumps"}]


def test_every_module_of_the_folder_is_in_the_table() -> None:
    tables = []
    for info in pkgutil.iter_modules(commands.__path__):
        module = importlib.import_module(f"{commands.__name__}.{info.name}")
        tables += [
            table
            for table in vars(module).values()
            if isinstance(table, tuple) and table and all(isinstance(one, Command) for one in table)
        ]
    assert {c.name for table in tables for c in table} == {c.name for c in COMMANDS}


def test_names_and_aliases_are_unique() -> None:
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(set(names)) == len(names)


def test_a_mistyped_command_is_refused_with_a_suggestion() -> None:
    assert "Did you mean /sessions?" in unknown_command_text("sesions")
    assert "/help lists all" in unknown_command_text("xyzzy")
    assert "Nothing was sent" in unknown_command_text("sesions")
    assert command_named("sesions") is None


def test_completion_offers_commands_and_only_matching_aliases() -> None:
    controller = SessionController("standard")
    names = [name for name, _ in completions("/re", controller)]
    assert names == ["/resume", "/rename", "/retry", "/reading", "/receipt", "/redraw"]
    assert "/clear" not in [name for name, _ in completions("/", controller)]


async def test_a_mistyped_command_is_not_sent_and_stays_in_the_prompt() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/sesions")
        await desktop.until(pilot, lambda: "Did you mean /sessions?" in desktop.notices())
        assert desktop.work.prompt.text == "/sesions"
    assert desktop.api.posts == []


async def test_the_next_enter_ends_the_line_about_the_one_before() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "/retry 9")
        await desktop.shows(pilot, "No message 9. Use /retry with 1, or last.")
        await desktop.send(pilot, "/edit")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "Hi")
        await desktop.settle(pilot)
        assert "No message 9" not in desktop.text()


async def test_two_slashes_send_a_text_that_begins_with_one() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "//etc is a folder")
        await desktop.until(pilot, lambda: desktop.api.posts)
    assert desktop.api.posts[0].prompt == "/etc is a folder"


async def test_tab_completes_the_marked_command() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press("slash", "r", "e")
        await desktop.shows(pilot, "› /resume", "/rename", "/receipt")
        await pilot.press("down", "tab")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "/rename ")
        await desktop.until(pilot, lambda: "/receipt" not in desktop.text())


async def test_unlimited_needs_a_typed_word_and_is_highlighted() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/budget unlimited")
        await desktop.shows(pilot, "Unlimited budget?")
        await pilot.press("enter")
        await pilot.pause()
        assert desktop.work.controller.budget == "standard"
        await pilot.press(*"unlimited", "enter")
        await desktop.shows(pilot, "unlimited · no cost history yet ─")
        assert desktop.work.controller.budget == "unlimited"
        await pilot.press("shift+tab")


async def test_budgets_by_name_and_unknown_ones() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/budget low")
        await desktop.shows(pilot, " low · no cost history yet ─")
        await desktop.send(pilot, "/budget gigantic")
        await desktop.until(pilot, lambda: "Unknown budget gigantic" in desktop.notices())
        await desktop.send(pilot, "/budget")
        await desktop.until(pilot, lambda: "The budget is low" in desktop.notices())


async def test_receipt_rename_copy_and_find() -> None:
    desktop = Desktop(api=answers("The **whole** answer"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/receipt")
        await desktop.until(pilot, lambda: "Nothing was sent" in desktop.notices())
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        await desktop.send(pilot, "/receipt")
        await desktop.shows(pilot, "Receipt", "3 steps", "By category")
        await pilot.press("escape")
        await desktop.send(pilot, "/rename A better title")
        await desktop.shows(pilot, "A better title")
        await desktop.send(pilot, "/copy")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "The **whole** answer")
        await desktop.send(pilot, "/find whole")
        await desktop.until(pilot, lambda: "1 match." in desktop.notices())
        await pilot.press("escape")
        await desktop.send(pilot, "/find nowhere")
        await desktop.until(pilot, lambda: "No matches" in desktop.notices())


async def test_an_answer_that_is_not_complete_is_copied_as_far_as_it_came() -> None:
    desktop, gate = running()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "first")
        await desktop.shows(pilot, "Half")
        await desktop.send(pilot, "/copy")
        await desktop.until(pilot, lambda: "Copied the answer so far (4 characters" in desktop.notices())
        assert desktop.app.clipboard == "Half"
        gate.set()


async def test_a_text_that_is_too_long_for_the_terminal_is_copied_by_a_program_or_not_at_all() -> None:
    async def xclip(_text: str) -> str:
        return "xclip"

    desktop = Desktop()
    async with desktop.running() as pilot:
        for length, program, expected in (
            (1_000_000, None, "Copied it (1,000,000 characters, OSC 52)."),
            (1_000_001, None, "Not copied: 1,000,001 characters do not fit through the terminal."),
            (1_000_002, xclip, "Copied it (1,000,002 characters, xclip)."),
        ):
            desktop.app.copy_with_program = program
            desktop.work.interaction.copy("x" * length, "it")
            await desktop.until(pilot, lambda: expected in desktop.notices())  # noqa: B023 - awaited here
        assert len(desktop.app.clipboard) == 1_000_000


async def test_a_copied_address_has_no_line_break() -> None:
    address = "https://x.test/a\nrm -rf ~\r\n\u2028"
    desktop = Desktop(api=FakeApi(starts=[[sse(type="start", messageId="m"), *_hostile(address), DONE]]))
    async with desktop.running() as pilot:
        desktop.work.post_message(CopyLink(address))
        await desktop.until(pilot, lambda: desktop.app.clipboard == "https://x.test/a rm -rf ~")
        await desktop.send(pilot, "Hi")
        await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
        await pilot.press("ctrl+up")
        copies = set()
        for _ in range(3):
            before = desktop.notices().count("Copied")
            await pilot.press("k", "y")
            await desktop.until(pilot, lambda: desktop.notices().count("Copied") > before)  # noqa: B023 - awaited here
            copies.add(desktop.app.clipboard)
        assert {"- A title: https://x.test/a rm -rf ~", "https://x.test/a rm -rf ~"} <= copies
        assert not any("\nrm" in copied for copied in copies)


def _hostile(address: str) -> list[RawFrame]:
    source = sse(type="source-url", sourceId="s", url=address, title="A\ntitle")
    return [
        source,
        sse(type="file", url=address, mediaType="text/csv"),
        sse(type="finish", finishReason="stop"),
    ]


async def test_the_address_of_the_worker_is_shown_and_copied() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/email")
        await desktop.until(pilot, lambda: "has no worker." in desktop.notices())
        assert desktop.requests == []
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "/email")
        await desktop.shows(pilot, "Email this worker", "w1@mail.test", "may cost")
        assert "Copied" not in desktop.notices()
        await pilot.press("enter")
        await desktop.shows(pilot, "Copied the worker's email address")
        assert desktop.app.clipboard == "w1@mail.test"
        assert desktop.requests == ["w1"]


async def test_a_session_is_exported_in_a_form_that_exists() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/export")
        await desktop.until(pilot, lambda: "Nothing to export yet" in desktop.notices())
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.send(pilot, "/export word")
        await desktop.until(pilot, lambda: "word. Use one of: md, html, json, text." in desktop.notices())
        await desktop.send(pilot, "/export ~/notes/tea.md")
        await desktop.until(pilot, lambda: "Use a name without a folder" in desktop.notices())
        assert desktop.written == []
        await desktop.send(pilot, "/export")
        await desktop.until(pilot, lambda: len(desktop.written) == 1)
        await desktop.send(pilot, "/export json")
        await desktop.until(pilot, lambda: len(desktop.written) == 2)
        await desktop.send(pilot, "/export Notes on Tea.HTML")
        await desktop.until(pilot, lambda: len(desktop.written) == 3)
    (markdown, text), (document, json_text), (page, page_text) = desktop.written
    assert page == "Notes on Tea.HTML"
    assert page_text.startswith("<!doctype html>")
    assert markdown.startswith("session-ses_")
    assert markdown.endswith(".md")
    assert "\n> Hi\n" in text
    assert document.endswith(".json")
    assert json_text.startswith(f'{{"schema":"{SCHEMA}"')


async def test_sources_files_and_downloads() -> None:
    body = worker("", files=FILES, sources=SOURCES, **PRICED)
    desktop = Desktop(api=FakeApi(starts=[says("Hello")], workers=[body]))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "/download")
        await desktop.until(pilot, lambda: "has no files" in desktop.notices())
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "All about pumps", "2.0 kB")
        await desktop.send(pilot, "/download")
        await desktop.until(pilot, lambda: "a number from 1 to 2" in desktop.notices())
        await desktop.send(pilot, "/download 2")
        await desktop.until(pilot, lambda: "Saved b to /downloads/b" in desktop.notices())
        await desktop.send(pilot, "/download all")
        await desktop.until(pilot, lambda: [part.filename for part in desktop.files.saved] == ["b", "a", "b"])
        await desktop.send(pilot, "/sources")
        await desktop.until(pilot, lambda: desktop.work.sidebar.panels["sources"].has_focus)
        await pilot.press("escape")
        assert desktop.work.prompt.has_focus
        await desktop.send(pilot, "/cost")
        await desktop.until(pilot, lambda: desktop.work.sidebar.panels["usage"].has_focus)


async def test_a_theme_is_chosen_by_name_and_kept() -> None:
    kept: list[str] = []
    desktop = Desktop(launch=launch(keep_theme=kept.append))
    async with desktop.running() as pilot:
        assert desktop.app.theme == DARK.name
        await desktop.send(pilot, "/theme")
        await desktop.until(
            pilot, lambda: "Theme: dark. Choose with /theme NAME: dark, light" in desktop.notices()
        )
        assert desktop.app.theme == DARK.name, "nothing changes without a name"
        await desktop.send(pilot, "/theme light")
        await desktop.until(pilot, lambda: kept == ["light"])
        assert desktop.app.theme == LIGHT.name
        await desktop.send(pilot, "/theme Handinger-Dark")
        await desktop.until(pilot, lambda: kept == ["light", "dark"])
        assert desktop.app.theme == DARK.name
        await desktop.send(pilot, "/theme pink")
        await desktop.until(pilot, lambda: "Unknown theme “pink" in desktop.notices())


async def test_details_unfold() -> None:
    script = [
        sse(type="start", messageId="m"),
        sse(type="reasoning-start", id="r"),
        sse(
            type="reasoning-delta", id="r", delta="First line of thought.\n\nSecond thought, hidden at first."
        ),
        sse(type="reasoning-end", id="r"),
        *says("Hello")[1:],
    ]
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        assert "hidden at first" not in desktop.text()
        await pilot.press("ctrl+o")
        await desktop.shows(pilot, "hidden at first")


async def test_the_palette_runs_commands() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press("ctrl+p")
        await desktop.shows(pilot, "Start a new session")
        await pilot.press(*"theme")
        await desktop.shows(pilot, "/theme")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "Theme: dark." in desktop.notices())


async def test_a_theme_that_cannot_be_kept_is_shown_all_the_same() -> None:
    def full(_name: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    desktop = Desktop(launch=launch(keep_theme=full))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/theme light")
        await desktop.until(pilot, lambda: "Not kept for the next start: No space left" in desktop.notices())
        assert desktop.app.theme == LIGHT.name


async def test_without_colors_there_is_no_theme_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.send(pilot, "/theme light")
        await desktop.until(pilot, lambda: "Colors are off (NO_COLOR, or" in desktop.notices())
        assert desktop.app.theme == DARK.name


@pytest.mark.parametrize("typed", ["/quit", "/exit", "quit", ":q"])
async def test_words_for_leaving_leave_and_are_never_sent(typed: str) -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await desktop.send(pilot, typed)
        await desktop.until(pilot, lambda: desktop.app._exit)
    assert desktop.api.posts == []


async def test_help_names_every_command_and_key_group() -> None:
    desktop = Desktop()
    async with desktop.running(120, 440) as pilot:
        await pilot.press("f1")
        await desktop.shows(pilot, "Commands", "Prompt", "Anywhere", "Browse mode", "Money")
        for command in COMMANDS:
            assert f"/{command.name}" in desktop.text()


@pytest.mark.parametrize(
    ("typed", "offered", "completed"),
    [
        ("/theme mid", ("/theme midnight",), "/theme midnight "),
        ("/budget h", ("/budget high",), "/budget high "),
        ("/limit ", ("/limit turn", "/limit session", "/limit worker", "/limit day"), "/limit turn "),
        ("/limits D", ("/limits day",), "/limits day "),
        ("/reading p", ("/reading per-turn",), "/reading per-turn "),
    ],
)
async def test_tab_completes_the_argument_of_a_command(
    typed: str, offered: tuple[str, ...], completed: str
) -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press(*typed)
        await desktop.shows(pilot, f"› {offered[0]}", *offered)
        await pilot.press("tab")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == completed)
        assert not desktop.work.pane.completion.open
        assert desktop.api.posts == []


async def test_an_offered_budget_is_set_only_by_enter_and_as_it_is_typed() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        before = desktop.work.controller.budget
        await pilot.press(*"/budget ", "down", "down", "tab")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "/budget high ")
        assert desktop.work.controller.budget == before
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.work.controller.budget == "high")
        await pilot.press(*"/budget l", "enter")
        await desktop.until(pilot, lambda: "Unknown budget l." in desktop.notices())
        assert desktop.work.controller.budget == "high"


async def test_arguments_that_nothing_begins_with_are_not_offered() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await pilot.press(*"/theme ")
        await desktop.until(pilot, lambda: desktop.work.pane.completion.open)
        await pilot.press("x")
        await desktop.until(pilot, lambda: not desktop.work.pane.completion.open)


async def test_the_palette_finds_a_command_by_each_name_and_shows_its_names_once() -> None:
    desktop = Desktop()
    async with desktop.running(100, 40) as pilot:
        for typed, summary, names in (
            ("receipt", "Show the receipt of the last turn, or of turn N", "/receipt  ^T"),
            ("usage", "Show usage and cost of this session", "/costs  /cost  /usage  /stats"),
        ):
            await pilot.press("ctrl+p", *typed)
            await desktop.shows(pilot, f"  {summary}\n", f"  {names}\n")
            assert desktop.text().count(names) == 1
            await pilot.press("escape", "escape")
            await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
