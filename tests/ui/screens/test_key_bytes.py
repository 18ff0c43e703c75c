"""The documented keys as terminals send them: one row per key, with its bytes and its effect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import pytest
from textual.command import CommandPalette
from textual.constants import ESCAPE_DELAY
from textual.events import Key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.prompts import Draft
from handinger_tui.core.safety import clean
from handinger_tui.engine.session_actor import SessionActor
from handinger_tui.ui.dialogs import Choice
from handinger_tui.ui.dialogs.help import HelpScreen
from handinger_tui.ui.dialogs.pickers import HistorySearch, SessionPicker
from handinger_tui.ui.pages.data import DataScreen
from handinger_tui.ui.spending.receipt import ReceiptScreen
from handinger_tui.ui.spending.screen import SpendingScreen
from handinger_tui.ui.terminal import input as terminal_input
from tests.engine.fakes import FakeApi, Script, says, worker
from tests.ui.fakes import PRICED, Desktop, summary, typed_only
from tests.wire.recordings import DONE, sse

ANSWER = "\n\n".join(f"Paragraph {number}" for number in range(60))
Holds = Callable[[Desktop], object]


def text_is(text: str) -> Holds:
    return lambda desktop: desktop.work.prompt.text == text


def shows(kind: type) -> Holds:
    return lambda desktop: isinstance(desktop.app.screen, kind)


def browses(name: str) -> Holds:
    return lambda desktop: desktop.work.browsing.browsed is not None and f"Browsing: {name}" in desktop.text()


def scrolled(share: float) -> Holds:
    """Whether the transcript is at this share of its rows; 0 is the top, 1 the end."""

    def holds(desktop: Desktop) -> bool:
        view = desktop.work.transcript
        return view.max_scroll_y > 0 and round(view.scroll_y / view.max_scroll_y, 1) == share

    return holds


def up_a_page(desktop: Desktop) -> bool:
    view = desktop.work.transcript
    return 0 < view.scroll_y < view.max_scroll_y


def panels_away(desktop: Desktop) -> bool:
    return not desktop.work.sidebar.display


def has_quit(desktop: Desktop) -> bool:
    return not desktop.app.is_running or desktop.app._exit


class KeyRow(NamedTuple):
    """`before` is typed first; then `sent` is pressed, and `holds` must come true.

    `posts`: messages sent. `undo` undoes what Esc does not; with `apart` nothing does, so it has its own app.
    """

    name: str
    before: str
    sent: str
    holds: Holds
    posts: int = 0
    undo: str = ""
    apart: bool = False


EDITING: Final = (
    ("Ctrl+J", "a", "\n", "a\n"),
    ("Alt+Enter", "a", "\x1b\r", "a\n"),
    ("Alt+Enter (CSI u)", "a", "\x1b[13;3u", "a\n"),
    ("Shift+Enter", "a", "\x1b[13;2u", "a\n"),
    ("Shift+Enter (Konsole)", "a", "\x1bOM", "a\n"),
    ("backslash, Enter", "a\\", "\r", "a\n"),
    ("Ctrl+U", "one two", "\x15", ""),
    ("Ctrl+W", "one two", "\x17", "one "),
    ("Alt+Backspace", "one two", "\x1b\x7f", "one "),
    ("Ctrl+K", "one two\x01", "\x0b", ""),
    ("Alt+D", "one two\x01", "\x1bd", " two"),
    ("Ctrl+Y", "one two\x17", "\x19", "one two"),
    ("Ctrl+_", "one two\x17", "\x1f", "one two"),
    ("Alt+Z", "one two\x17", "\x1bz", "one two"),
    ("Ctrl+A", "bc\x01", "a", "abc"),
    ("Ctrl+E", "ab\x01\x05", "c", "abc"),
    ("Home", "bc\x1b[H", "a", "abc"),
    ("End with text", "ab\x1b[H\x1b[F", "c", "abc"),
    ("Left with text", "a", "\x1b[Db", "ba"),
    ("Alt+Left", "one two\x1b[1;3D", "x", "one xtwo"),
    ("Alt+B", "one two\x1bb", "x", "one xtwo"),
    ("Alt+Right", "one two\x01\x1b[1;3C", "x", "onex two"),
    ("Backspace", "ab", "\x7f", "a"),
    ("Delete", "ab\x01", "\x1b[3~", "b"),
    ("Ctrl+X with a selection", "ab\x1b[1;2D", "\x18", "a"),
    ("Ctrl+D with text", "ab\x01", "\x04", "b"),
    ("Ctrl+Q", "a", "\x11b", "ab"),
    ("? with text", "a", "?", "a?"),
    ("paste", "a", "\x1b[200~b\nc\x1b[201~", "ab\nc"),
)
"""A name, what is typed first, what is pressed, and the text of the prompt after it."""
ROWS: Final = (
    KeyRow("Enter", "more", "\r", text_is(""), 1, apart=True),
    KeyRow("Up", "", "\x1b[A", text_is("Hi"), apart=True),
    KeyRow("Up (application)", "", "\x1bOA", text_is("Hi"), apart=True),
    KeyRow("Down", "\x1b[A", "\x1b[B", text_is(""), apart=True),
    KeyRow("Ctrl+R", "", "\x12", shows(HistorySearch)),
    KeyRow("Tab", "/exp", "\t", text_is("/export ")),
    KeyRow("Shift+Tab", "", "\x1b[Z", lambda desktop: desktop.work.controller.budget == "high", apart=True),
    KeyRow("Ctrl+C with text", "ab", "\x03", text_is("")),
    KeyRow("Ctrl+C with text, Up", "ab\x03", "\x1b[A", text_is("ab"), apart=True),
    KeyRow(
        "Ctrl+C with a selection",
        "ab\x1b[1;2D",
        "\x03",
        lambda desktop: (desktop.app.clipboard, desktop.work.prompt.text) == ("b", "ab"),
    ),
    KeyRow("Ctrl+C twice", "", "\x03\x03", has_quit, apart=True),
    KeyRow("Ctrl+D", "", "\x04", has_quit, apart=True),
    KeyRow("Ctrl+Z", "", "\x1a", lambda desktop: "No shell" in desktop.notices()),
    KeyRow("Esc, Esc", "\x1b\x1b", "a", text_is("a")),
    KeyRow("Ctrl+Up, Esc", "\x1b[1;5A\x1b", "a", text_is("a")),
    KeyRow("Enter while browsing", "\x1b[1;5A", "\r", shows(Choice)),
    KeyRow("Ctrl+Up", "a", "\x1b[1;5A", browses("answers")),
    KeyRow("a letter while browsing", "\x1b[1;5A", "x", text_is("x")),
    KeyRow("y", "\x1b[1;5A", "y", lambda desktop: desktop.app.clipboard == ANSWER),
    KeyRow("?", "", "?", shows(HelpScreen)),
    KeyRow("F1", "a", "\x1bOP", shows(HelpScreen)),
    KeyRow("F1 (Linux console)", "a", "\x1b[[A", shows(HelpScreen)),
    KeyRow("F2", "", "\x1bOQ", browses("Usage & cost")),
    KeyRow("F3", "", "\x1bOR", browses("Sources")),
    KeyRow("F4", "", "\x1bOS", browses("Files")),
    KeyRow("F5", "", "\x1b[15~", shows(DataScreen)),
    KeyRow("F6", "", "\x1b[17~", panels_away, undo="\x1b[17~"),
    KeyRow("Ctrl+B", "", "\x02", panels_away, undo="\x02"),
    KeyRow("F7", "", "\x1b[18~", lambda desktop: "Nothing runs, and nothing needs you" in desktop.text()),
    KeyRow("Left", "", "\x1b[D", lambda desktop: "Nothing runs, and nothing needs you" in desktop.text()),
    KeyRow("F9", "", "\x1b[20~", shows(SpendingScreen)),
    KeyRow("Ctrl+F", "a", "\x06", lambda desktop: desktop.work.browsing.is_finding),
    KeyRow("Ctrl+P", "", "\x10", shows(CommandPalette)),
    KeyRow("Ctrl+S", "", "\x13", shows(SessionPicker)),
    KeyRow("Ctrl+N", "", "\x0e", lambda desktop: not desktop.session.turns, apart=True),
    KeyRow("Ctrl+T", "", "\x14", shows(ReceiptScreen)),
    KeyRow("Ctrl+O", "\x1b[1;5H", "\x0f", lambda desktop: "considered" in desktop.text(), undo="\x0f"),
    KeyRow("PageUp", "", "\x1b[5~", up_a_page),
    KeyRow("PageDown", "\x1b[5~", "\x1b[6~", scrolled(1)),
    KeyRow("Ctrl+Home", "", "\x1b[1;5H", scrolled(0)),
    KeyRow("Ctrl+End", "\x1b[1;5H", "\x1b[1;5F", scrolled(1)),
    KeyRow("End", "\x1b[1;5H", "\x1b[F", scrolled(1)),
    KeyRow(
        "Alt+Up",
        "\x0e",
        "\x1b[1;3A",
        lambda desktop: desktop.session.turns and "Paragraph 59" in desktop.text(),
        apart=True,
    ),
    KeyRow("Alt+Down", "\x0e\x1b[1;3A", "\x1b[1;3B", lambda desktop: not desktop.session.turns, apart=True),
)


def answer() -> Script:
    """Reasoning, a long text, a source and data."""
    return [
        sse(type="start", messageId="msg_1"),
        sse(type="reasoning-start", id="r"),
        sse(type="reasoning-delta", id="r", delta="I considered it."),
        sse(type="reasoning-end", id="r"),
        sse(type="text-start", id="t"),
        sse(type="text-delta", id="t", delta=ANSWER),
        sse(type="text-end", id="t"),
        sse(type="source-url", sourceId="s", url="https://a.test", title="A"),
        sse(type="data-rows", id="d", data={"a": [1, 2]}),
        sse(type="finish", finishReason="stop"),
        DONE,
    ]


async def press(desktop: Desktop, pilot: Pilot[None], data: str) -> None:
    """Press keys whose bytes come in one read of the terminal."""
    parser = typed_only()
    messages = [*parser.feed(data)]
    while parser.is_waiting:
        # A lone ESC at the end is a key only after a delay.
        await pilot.pause(ESCAPE_DELAY)
        messages += parser.tick()
    for message in messages:
        desktop.app.post_message(message)


@asynccontextmanager
async def answered(width: int = 120) -> AsyncIterator[tuple[Desktop, Pilot[None]]]:
    """One turn is over."""
    files = [{"url": "https://x.test/a.csv", "filename": "a.csv", "mediaType": "text/csv"}]
    body = worker("", messages=None, files=files, **PRICED)
    desktop = Desktop(api=FakeApi(starts=[answer(), says("More")], workers=[body]))
    async with desktop.running(width, 40) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.settle(pilot)
        yield desktop, pilot
        assert not any((desktop.files.saved, desktop.files.opened, desktop.opened))


async def press_row(desktop: Desktop, pilot: Pilot[None], row: KeyRow) -> None:
    await press(desktop, pilot, row.before)
    await desktop.settle(pilot)
    assert not row.holds(desktop), f"{row.name}: it holds before the key is pressed"
    await press(desktop, pilot, row.sent)
    await desktop.until(pilot, lambda: row.holds(desktop))
    assert len(desktop.api.posts) == 1 + row.posts, row.name


@pytest.mark.parametrize("row", [row for row in ROWS if row.apart], ids=lambda row: row.name)
async def test_the_bytes_of_a_key_do_what_the_contract_says(row: KeyRow) -> None:
    async with answered() as (desktop, pilot):
        await press_row(desktop, pilot, row)


async def test_the_bytes_of_keys_do_what_the_contract_says_one_after_the_other() -> None:
    async with answered() as (desktop, pilot):
        work = desktop.work
        for row in ROWS:
            if row.apart:
                continue
            await press_row(desktop, pilot, row)
            # Back to where each of them begins.
            await press(desktop, pilot, row.undo)
            await desktop.until(pilot, lambda: desktop.app.screen.is_mounted)
            while desktop.app.screen is not work:
                desktop.app.pop_screen()
                await pilot.pause()
            if work.browsing.is_finding or work.browsing.browsed is not None:
                await press(desktop, pilot, "\x1b")
            await desktop.until(pilot, lambda: work.prompt.has_focus)
            work.prompt.put("")
            desktop.app.copy_to_clipboard("")
            await press(desktop, pilot, "\x1b[1;5F")
            await desktop.until(pilot, lambda: scrolled(1)(desktop))
            await desktop.settle(pilot)


async def test_the_bytes_of_a_key_edit_the_text() -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        for name, before, sent, text in EDITING:
            await press(desktop, pilot, before)
            await pilot.pause()
            assert desktop.work.prompt.text != text, name
            await press(desktop, pilot, sent)
            await desktop.until(pilot, lambda: desktop.work.prompt.text == text)  # noqa: B023 - awaited here
            desktop.work.prompt.put("")
        assert desktop.app.screen is desktop.work


@pytest.mark.parametrize("data", ["\x07", "\x18\x05"], ids=["Ctrl+G", "Ctrl+X Ctrl+E"])
async def test_the_text_can_be_written_in_an_editor(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def edit(_app: object, text: str) -> str:
        return f"{text} edited"

    monkeypatch.setattr("handinger_tui.ui.terminal.external_editor.edit", edit)
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        await press(desktop, pilot, f"typed{data}")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "typed edited")


async def test_ctrl_x_alone_changes_nothing_and_the_next_key_is_typed() -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        await press(desktop, pilot, "ab\x18\x18c\x05d")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "abcd")
        assert desktop.app.screen is desktop.work


async def test_ctrl_l_repaints_the_complete_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        redrawn: list[bool] = []
        monkeypatch.setattr(desktop.app, "redraw", lambda: redrawn.append(True))
        await press(desktop, pilot, "\x0c")
        await desktop.until(pilot, lambda: redrawn)


@pytest.mark.parametrize("enter", ["\x1b[B", "\x1b[1;5A"], ids=["Down", "Ctrl+Up"])
async def test_the_bytes_of_keys_choose_from_the_first_screen(enter: str) -> None:
    desktop = Desktop()
    desktop.history.rows = [summary("heat")]
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Recent sessions", "About heat")
        welcome = desktop.work.pane.welcome
        await press(desktop, pilot, enter)
        await desktop.until(pilot, lambda: desktop.work.browsing.browsed is welcome and welcome.has_focus)
        await press(desktop, pilot, "\x1b[B\x1b[A\x1b[B\x1b[B\r")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == welcome.ideas[2])
        assert desktop.work.prompt.has_focus
        assert desktop.api.posts == []


async def test_no_key_of_a_burst_is_lost_on_the_way_to_the_first_screen() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        welcome = desktop.work.pane.welcome
        await press(desktop, pilot, "\x1b[B" * 3)
        await desktop.until(pilot, lambda: f"› {welcome.ideas[2][:40]}" in desktop.text())
        await press(desktop, pilot, "\r")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == welcome.ideas[2])
        assert desktop.api.posts == []


@pytest.mark.parametrize(
    "opens",
    ["\x1bOP", "\x13", "\x12", "\x10"],
    ids=["help", "sessions", "history", "palette"],
)
async def test_what_is_typed_right_after_the_esc_of_a_dialog_is_typed_into_the_prompt(opens: str) -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        await press(desktop, pilot, opens)
        await desktop.until(pilot, lambda: desktop.app.screen is not desktop.work)
        await desktop.settle(pilot)
        await press(desktop, pilot, "\x1b\x1b[200~pasted \x1b[201~hello")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "pasted hello")
        assert desktop.app.screen is desktop.work


async def test_enter_pressed_twice_in_a_dialog_does_not_send_what_it_has_put_into_the_prompt() -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        await press(desktop, pilot, "an old text\x15\x12")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, HistorySearch))
        await desktop.settle(pilot)
        await press(desktop, pilot, "\r\r")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await press(desktop, pilot, "!")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "an old text!")
        assert desktop.api.posts == []


async def test_an_enter_held_down_in_a_dialog_does_not_send_what_it_has_put_into_the_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(terminal_input, "monotonic", lambda: now)
    parser = typed_only()
    desktop = Desktop()

    def enter_after(seconds: float) -> None:
        nonlocal now
        now += seconds
        for message in [*parser.tick(), *parser.feed("\r")]:
            desktop.app.post_message(message)

    async with desktop.running(120, 40) as pilot:
        await press(desktop, pilot, "an old text\x15\x12")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, HistorySearch))
        await desktop.settle(pilot)
        enter_after(9.0)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "an old text")
        await desktop.settle(pilot)
        for seconds in (0.5, *[0.033] * 20):
            enter_after(seconds)
        await desktop.settle(pilot)
        assert desktop.work.prompt.text == "an old text"
        assert desktop.api.posts == []
        enter_after(2.0)
        await desktop.until(pilot, lambda: desktop.api.posts)


async def test_a_refused_command_is_in_the_prompt_history() -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        await press(desktop, pilot, "/limit nonsense 5\r")
        await desktop.until(pilot, desktop.notices)
        await press(desktop, pilot, "\x1b[A")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "/limit nonsense 5")
        assert desktop.api.posts == []


@pytest.mark.parametrize(
    "opens",
    ["\x1b[20~", "\x14", "\x1b[15~", "\x13", "\x12", "\x10", "\x1bOP", "/ledger\r", "/limit\r", "/receipt\r"],
    ids=["F9", "^T", "F5", "^S", "^R", "^P", "F1", "/ledger", "/limit", "/receipt"],
)
async def test_keys_behind_one_that_opens_a_screen_never_reach_the_prompt(
    opens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with answered() as (desktop, pilot):
        draft = "" if opens.startswith("/") else "a draft"
        opened: list[object] = []
        push = desktop.app.push_screen

        def record(screen: Screen[object], **options: Any) -> object:
            opened.append(screen)
            return push(screen, **options)

        monkeypatch.setattr(desktop.app, "push_screen", record)
        await press(desktop, pilot, draft)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == draft)
        await press(desktop, pilot, f"{opens}z\r")
        await desktop.until(pilot, lambda: opened)
        await desktop.settle(pilot)
        assert desktop.work.prompt.text == draft
        assert len(desktop.api.posts) == 1


async def test_keys_behind_that_of_a_panel_belong_to_the_panel() -> None:
    async with answered(80) as (desktop, pilot):
        await press(desktop, pilot, "\x1bORy")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "https://a.test")
        await press(desktop, pilot, "\x1bOSy")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "https://x.test/a.csv")
        assert desktop.work.prompt.text == ""


async def test_keys_behind_that_of_the_find_bar_are_the_searched_text() -> None:
    async with answered() as (desktop, pilot):
        await press(desktop, pilot, "a draft")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "a draft")
        await press(desktop, pilot, "\x06Paragraph")
        await desktop.until(pilot, lambda: desktop.work.transcript.search.total > 0)
        assert desktop.work.query_one("#find Input", Input).value == "Paragraph"
        assert desktop.work.prompt.text == "a draft"


async def test_keys_behind_one_that_opens_nothing_are_typed_but_send_nothing() -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        await press(desktop, pilot, "a draft")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "a draft")
        # There is no receipt yet.
        await press(desktop, pilot, "\x14\rs")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "a drafts")
        assert "Nothing was sent" in desktop.notices()
        assert desktop.api.posts == []


async def other_sessions(desktop: Desktop, pilot: Pilot[None]) -> str:
    """Open a second session; the first has the draft "a draft". Returns the id of the first."""
    first = desktop.session.session_id
    await press(desktop, pilot, "a draft")
    await desktop.until(pilot, lambda: desktop.work.prompt.text == "a draft")
    await press(desktop, pilot, "\x0e")
    await desktop.until(pilot, lambda: desktop.session.session_id != first)
    desktop.history.rows = [summary("a", session_id=first)]
    await desktop.settle(pilot)
    return first


@pytest.mark.parametrize("slow", [False, True], ids=["", "slow disk"])
@pytest.mark.parametrize(
    ("opens", "typed", "sent"),
    [
        ("\x0e", "echo two", "echo two"),
        ("/new\r", "echo\x1b[200~ two\x1b[201~", "echo two"),
        ("\x1b[1;3A", "echo two", ""),
        ("\x1b[1;3B", "echo two", ""),
        ("/sessions {first}\r", "echo two", ""),
        ("/fork\r", "echo two", ""),
        # An earlier message, or an idea, that was not seen in the prompt.
        ("\x0e", "\x1b[A", ""),
        ("\x0e", "\t", ""),
        ("\x0e", "", ""),
    ],
    ids=["^N", "/new", "Alt+Up", "Alt+Down", "/sessions ID", "/fork", "^N Up", "^N Tab", "^N Enter"],
)
async def test_keys_behind_a_switch_go_to_the_other_session_and_send_nothing_that_was_not_seen(
    opens: str, typed: str, sent: str, slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with answered() as (desktop, pilot):
        first = desktop.session.session_id
        if "3" in opens or "{" in opens:
            await other_sessions(desktop, pilot)
        elif not opens.startswith("/"):
            await press(desktop, pilot, "a draft")
        before, read = desktop.session.session_id, desktop.work.controller.drafts.read

        async def slow_read(actor: SessionActor) -> Draft:
            await asyncio.sleep(0.1)
            return await read(actor)

        if slow:
            monkeypatch.setattr(desktop.work.controller.drafts, "read", slow_read)
        posts = len(desktop.api.posts)
        await press(desktop, pilot, f"{opens.format(first=first)}{typed}\r.")
        await desktop.until(pilot, lambda: desktop.work.prompt.text.endswith("."))
        assert desktop.session.session_id != before
        await desktop.settle(pilot)
        if sent:
            await desktop.until(pilot, lambda: desktop.work.prompt.text == "." and desktop.session.turns)
            assert [turn.request.prompt for turn in desktop.session.turns] == [sent]
        else:
            assert len(desktop.api.posts) == posts
            # The next Enter, behind what was seen, sends.
            await press(desktop, pilot, "\r")
            await desktop.until(pilot, lambda: len(desktop.api.posts) == posts + 1)
        assert desktop.session.session_id != before
        assert desktop.history.drafts.get(first, "a draft") in ("", "a draft")


async def test_keys_behind_the_enter_of_the_session_list_are_typed_into_the_chosen_session() -> None:
    async with answered() as (desktop, pilot):
        first = await other_sessions(desktop, pilot)
        await press(desktop, pilot, "\x13")
        await desktop.until(pilot, lambda: desktop.app.screen is not desktop.work)
        await desktop.shows(pilot, "About a")
        await press(desktop, pilot, "\r!\r")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "a draft!")
        assert desktop.session.session_id == first
        await desktop.settle(pilot)
        assert len(desktop.api.posts) == 1


async def test_keys_wait_for_a_question_that_needs_to_read_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answered() as (desktop, pilot):
        gate, usual = asyncio.Event(), desktop.ledger.typical_cost

        async def slow_typical_cost(*of: Any, **more: Any) -> TypicalCost:
            await gate.wait()
            return await usual(*of, **more)

        monkeypatch.setattr(desktop.ledger, "typical_cost", slow_typical_cost)
        await press(desktop, pilot, "a draft\x1b[1;5A")
        await desktop.until(pilot, lambda: desktop.work.browsing.browsed is desktop.work.transcript)
        await press(desktop, pilot, "\r\r\r\r")
        await desktop.until(pilot, lambda: desktop.work.interaction.is_opening)
        gate.set()
        await desktop.shows(pilot, "Copy this part")
        await desktop.settle(pilot)
        assert desktop.app.screen is not desktop.work
        assert desktop.work.prompt.text == "a draft"
        assert len(desktop.api.posts) == 1


async def test_a_key_waits_until_the_screen_that_is_opening_has_its_widgets() -> None:
    desktop = Desktop()
    async with desktop.running(80, 24) as pilot:
        await desktop.settle(pilot)
        screen = HelpScreen(())
        desktop.app.push_screen(screen)
        assert not screen.is_mounted
        # A key that was pressed before, and that no widget of the screen below has handled.
        unhandled = Key("pagedown", None)
        unhandled._set_forwarded()
        await desktop.app.on_event(unhandled)
        await desktop.until(pilot, lambda: any(text.scroll_offset.y for text in screen.query("#help-text")))


async def test_joiners_are_typed_like_the_letters_around_them() -> None:
    text = "می\u200cخواهم 👩\u200d👩\u200d👧"
    desktop = Desktop()
    async with desktop.running() as pilot:
        for message in typed_only().feed(text):
            desktop.app.post_message(message)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == text)
        # Where a paste loses it, because the letter behind it would not be measured, so do keys.
        for message in typed_only().feed(" ශ්\u200dරී."):
            desktop.app.post_message(message)
        await desktop.until(pilot, lambda: desktop.work.prompt.text == text + clean(" ශ්\u200dරී."))
        await pilot.press("ctrl+s")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, SessionPicker))
        for message in typed_only().feed(text):
            desktop.app.post_message(message)
        await desktop.until(pilot, lambda: desktop.app.screen.query_one(Input).value == text)
