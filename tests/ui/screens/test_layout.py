"""Narrow and wide screens, and the texts of the header, the footer and links."""

from __future__ import annotations

from collections import Counter

import pytest
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widget import Widget

from tests.engine.fakes import FakeApi, worker
from tests.ui.fakes import PRICED, Desktop, answers
from tests.ui.screens.test_sending import held


async def test_panels_are_next_to_a_wide_transcript_and_toggled_by_key() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Usage & cost", "✓ completed")
        await pilot.press("ctrl+b")
        await desktop.until(pilot, lambda: "Usage & cost" not in desktop.text())
        await desktop.until(pilot, lambda: "turn $0.0123" in desktop.text_of("#hint"))
        await pilot.press("ctrl+b")
        await desktop.shows(pilot, "Usage & cost")
        # The panel has the amount, so the hint below the prompt does not repeat it.
        await desktop.until(pilot, lambda: "turn $0.0123" not in desktop.text_of("#hint"))
        await desktop.shows(pilot, "│ This turn $0.0123")


async def test_narrow_screens_show_the_money_in_one_line_and_panels_above_the_transcript() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "turn $0.0123", "✓ completed")
        assert "Usage & cost" not in desktop.text()
        await pilot.press("f2")
        await desktop.shows(pilot, "Usage & cost", "1,500")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "Usage & cost" not in desktop.text())
        assert desktop.work.prompt.has_focus


async def test_another_width_moves_the_panels() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await pilot.resize_terminal(130, 40)
        await desktop.shows(pilot, "Usage & cost", "1,500")
        await pilot.resize_terminal(80, 24)
        await desktop.until(pilot, lambda: "Usage & cost" not in desktop.text())
        await desktop.shows(pilot, "turn $0.0123")


@pytest.mark.parametrize("size", [(40, 8), (80, 24), (130, 40)])
async def test_each_widget_is_styled_once_at_the_start(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, styled = Stylesheet.apply, Counter[Widget]()

    def count(sheet: Stylesheet, node: DOMNode, **options: object) -> None:
        if isinstance(node, Widget):
            styled[node] += 1
        apply(sheet, node, **options)  # type: ignore[arg-type]  # whatever Textual gives

    monkeypatch.setattr(Stylesheet, "apply", count)
    desktop = Desktop()
    async with desktop.running(*size):
        # The prompt gets the focus, which styles it and all around it again.
        others = set(styled) - set(desktop.work.prompt.ancestors_with_self)
        assert {styled[one] for one in others} == {1}


async def test_panels_are_widened_by_command_and_by_mouse() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(140, 40) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Usage & cost", "✓ completed")
        before = desktop.work.sidebar.size.width
        await desktop.send(pilot, "/panels wider")
        await desktop.until(pilot, lambda: desktop.work.sidebar.size.width > before)
        wider = desktop.work.sidebar.size.width
        grip = desktop.work.sidebar.region.x
        await pilot.mouse_down("#grip")
        await pilot.hover(None, (grip + 10, 10))
        await pilot.mouse_up(None, (grip + 10, 10))
        await desktop.until(pilot, lambda: desktop.work.sidebar.size.width == wider - 10)


async def test_typing_never_moves_the_view_and_keys_scroll_from_the_prompt() -> None:
    text = "\n\n".join(f"Paragraph {number}" for number in range(80))
    desktop = Desktop(api=answers(text))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed", "Paragraph 79")
        await pilot.press("ctrl+home")
        await desktop.shows(pilot, "Paragraph 1")
        await pilot.press("a", "b")
        assert "Paragraph 1" in desktop.text()
        assert desktop.work.prompt.text == "ab"
        await pilot.press("pagedown")
        await desktop.until(pilot, lambda: "❯ Hi" not in desktop.text())
        await pilot.press("ctrl+end")
        await desktop.shows(pilot, "Paragraph 79")


async def test_the_clock_of_the_header_runs_only_during_a_turn_and_paints_no_transcript() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Half")
        await desktop.settle(pilot)
        transcript = desktop.work.transcript
        drawn = transcript.lines_drawn
        for passed, label in ((65_000, "1 m 05 s"), (1_000, "1 m 06 s"), (60_000, "2 m 06 s")):
            desktop.now_ms += passed
            await desktop.shows(pilot, f"working · {label}")
        assert transcript.lines_drawn == drawn
        gate.set()
        await desktop.until(pilot, lambda: desktop.work.scheduler.asleep)


async def test_a_title_from_outside_is_text_and_never_markup() -> None:
    desktop = Desktop(api=answers("[b]bold[/] [/] \x1b]0;title\x07"))
    async with desktop.running() as pilot:
        await desktop.send(pilot, "[red]What[/] is [/] \x1b]0;title\x07this?")
        await desktop.shows(
            pilot, "[red]What[/] is [/] ]0;titlethis?", "[b]bold[/] [/] ]0;title", "✓ completed"
        )


@pytest.mark.parametrize(
    ("url", "opened"),
    [("https://pumps.example/all", True), ("javascript:alert(1)", False), ("https://x@evil.example/", False)],
)
async def test_links_are_judged_before_they_are_opened(url: str, *, opened: bool) -> None:
    desktop = Desktop()
    async with desktop.running() as pilot:
        desktop.work.transcript.action_link(url)
        if opened:
            await desktop.until(pilot, lambda: desktop.opened == [url])
        elif url.startswith("javascript"):
            await desktop.until(pilot, lambda: "Not opened" in desktop.notices())
        else:
            await desktop.shows(pilot, "may be misleading", "It leads to evil.example.")
            await pilot.press("enter")
            await desktop.until(pilot, lambda: "may not lead" not in desktop.text())
        assert (desktop.opened == [url]) is opened


@pytest.mark.parametrize("length", [300, 1700])
async def test_an_address_with_much_data_is_shown_completely_first(length: int) -> None:
    url = "https://evil.example/?d=" + "QUFB" * (length // 4) + "END"
    desktop = Desktop(api=answers(f"[Click to verify]({url})\n\n![logo]({url})"))
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "Hi")
        # Both show their target before any question.
        await desktop.shows(pilot, "Click to verify (evil.example)", "logo (evil.example)")
        desktop.work.transcript.action_link(url, "Click to verify")
        await desktop.shows(pilot, "may be misleading", "It leads to evil.example.", "Cancel", "Open")
        await pilot.press("tab", "tab", "end")
        await desktop.shows(pilot, "QUFBEND" if length > 600 else "Cancel", "Open")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "may not lead" not in desktop.text())
        assert desktop.opened == []


async def test_without_a_browser_the_link_is_copied() -> None:
    desktop = Desktop(browser=False)
    async with desktop.running() as pilot:
        desktop.work.transcript.action_link("https://pumps.example/all")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "https://pumps.example/all")
        assert "No browser here" in desktop.notices()


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (40, " Enter Send  Esc Stop watching  F1 Help"),
        (80, " Enter Send  Esc Stop watching  Tab Queue  ⇧Tab Budget  F1 Help  ^S Sessions"),
        (
            120,
            " Enter Send  Esc Stop watching  Tab Queue  ⇧Tab Budget  F1 Help  ^S Sessions"
            "  ^N New  ^B Panels  ^P Commands",
        ),
    ],
)
async def test_the_footer_shows_what_matters_now_first_and_cuts_nothing(width: int, shown: str) -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running(200, 24) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "Half")
        await pilot.resize_terminal(width, 24)
        await desktop.until(pilot, lambda: desktop.text().splitlines()[-1] == shown)
        gate.set()
        await desktop.until(pilot, lambda: "Esc Stop watching" not in desktop.text())
