"""Sources and the answers that mention them: panel, transcript, command, browser, clipboard, files."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, OptionList

from handinger_tui.ui.panels.sources import SourcesPanel
from tests.engine.fakes import FakeApi, Script, worker
from tests.ui.fakes import PRICED, Desktop
from tests.wire.recordings import DONE, sse

FILLER = "\n\n".join(f"Paragraph {number} of the answer." for number in range(40))
PAGES = (
    ("https://docs.example/csv", "Tables as CSV"),
    ("https://docs.example/json", "Objects as JSON"),
    ("https://other.example/never", "Nobody names it"),
)
ANSWER = f"First [1].\n\n{FILLER}\n\nThen [the objects](https://docs.example/json) and [1] again."


def cites(text: str, *pages: tuple[str, str]) -> Script:
    """A stream with sources, then an answer."""
    script: Script = [sse(type="start", messageId="msg_1")]
    for at, (url, title) in enumerate(pages):
        script.append(sse(type="source-url", sourceId=f"s{at}", url=url, title=title))
    script += [sse(type="text-start", id="t"), sse(type="text-delta", id="t", delta=text)]
    return [*script, sse(type="text-end", id="t"), sse(type="finish", finishReason="stop"), DONE]


def cited(*pages: tuple[str, str], text: str = ANSWER, **members: object) -> Desktop:
    api = FakeApi(starts=[cites(text, *(pages or PAGES))], workers=[worker("", **PRICED)])
    return Desktop(api=api, **members)  # type: ignore[arg-type]  # members under their own names


async def answered_sources(desktop: Desktop, pilot: Pilot[None]) -> SourcesPanel:
    """Ask, wait for the answer, go to the panel."""
    await desktop.send(pilot, "What is a table?")
    await desktop.until(pilot, lambda: desktop.session.turns and not desktop.session.busy)
    await pilot.press("f3")
    await desktop.settle(pilot)
    return desktop.work.sidebar.panel(SourcesPanel)


def marked(desktop: Desktop) -> list[str]:
    """The lines of the transcript with a mention that is marked."""
    view = desktop.work.transcript
    ground = view.strip_cache.palette.row("match-here").rich_style.bgcolor
    lines = [view.render_line(y) for y in range(view.size.height)]
    return [
        line.text.strip("▌ ")
        for line in lines
        if any(part.style is not None and part.style.bgcolor == ground for part in line)
    ]


async def test_a_key_walks_through_the_places_that_name_a_source_and_back() -> None:
    desktop = cited()
    async with desktop.running(80, 24) as pilot:
        panel = await answered_sources(desktop, pilot)
        assert desktop.app.focused is panel
        await pilot.press("m")
        await desktop.until(pilot, lambda: marked(desktop) == ["First [1]."])
        assert "First [1]." in desktop.text()
        await pilot.press("m")
        assert marked(desktop) == ["Then the objects and [1] again."]
        await desktop.shows(pilot, "Then the objects and [1] again.")
        await pilot.press("m")
        assert marked(desktop) == ["First [1]."]
        await pilot.press("down", "m")
        assert marked(desktop) == ["Then the objects and [1] again."]
        await pilot.press("down", "m")
        await desktop.until(
            pilot, lambda: "No answer mentions source 3, Nobody names it." in desktop.notices()
        )
        # From the text to the source again.
        desktop.work.browsing.browse(desktop.work.transcript)
        await pilot.press("M")
        assert desktop.work.transcript.highlight.mention is not None
        assert marked(desktop) == ["First [1]."]
        await pilot.press("m", "s")
        await desktop.until(pilot, lambda: desktop.app.focused is panel)
        assert panel.current is not None
        assert panel.current.number == 2
        await desktop.shows(pilot, "1 of 1")
        desktop.work.browsing.browse(desktop.work.transcript)
        await pilot.press("m", "s")
        await desktop.until(pilot, lambda: panel.current is not None and panel.current.number == 1)
        await desktop.shows(pilot, "2 of 2")
        await pilot.press("escape", "escape")
        assert not marked(desktop)
        assert desktop.work.prompt.has_focus


async def test_from_the_message_under_the_cursor_to_the_first_source_it_names() -> None:
    desktop = cited()
    async with desktop.running(120, 40) as pilot:
        panel = await answered_sources(desktop, pilot)
        desktop.work.browsing.browse(desktop.work.transcript)
        await pilot.press("s")
        await desktop.until(pilot, lambda: "No source is mentioned here." in desktop.notices())
        # The list of sources at its end, then the answer itself.
        await pilot.press("k", "k", "k", "s")
        await desktop.until(pilot, lambda: desktop.app.focused is panel)
        assert panel.current is not None
        assert panel.current.number == 1
        assert marked(desktop) == ["First [1]."]


async def test_keys_without_mentions_show_a_message() -> None:
    desktop = cited(text="Nothing is named here.")
    async with desktop.running(120, 40) as pilot:
        await answered_sources(desktop, pilot)
        desktop.work.browsing.browse(desktop.work.transcript)
        await pilot.press("m")
        await desktop.until(pilot, lambda: "No sources are mentioned." in desktop.notices())
        assert "3 not mentioned" in desktop.text()


@pytest.mark.parametrize("browser", [True, False])
async def test_a_plain_source_opens_immediately_and_is_copied_without_a_browser(browser: bool) -> None:
    desktop = cited(browser=browser)
    async with desktop.running(120, 40) as pilot:
        await answered_sources(desktop, pilot)
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.opened == ["https://docs.example/csv"])
        if not browser:
            await desktop.until(pilot, lambda: "No browser here" in desktop.notices())
            assert desktop.app.clipboard == "https://docs.example/csv"


ODD = (
    ("https://user@evil.example/", "A page", "the text left of @ is not the host"),
    ("https://evil.example/", "bank.example", "the text says bank.example"),
    ("https://bаnk.example/", "Our bank", "the actual host is xn--"),
    ("mailto:ada@example.org", "Write to us", "it starts an email"),
)
"""Address, title, and the question."""


async def test_a_misleading_source_needs_a_confirmation() -> None:
    desktop = cited(*((url, title) for url, title, _ in ODD))
    async with desktop.running(120, 40) as pilot:
        await answered_sources(desktop, pilot)
        for at, (url, _title, reason) in enumerate(ODD):
            await pilot.press("enter")
            await desktop.shows(pilot, "This link may be misleading", reason)
            await pilot.press("enter")
            await desktop.until(pilot, partial(_on_top, desktop, 1))
            assert len(desktop.opened) == at, "the safe answer has the focus"
            await pilot.press("enter")
            await desktop.shows(pilot, reason)
            desktop.app.screen.query_one("#answer-1", Button).press()
            await desktop.until(pilot, partial(_opened, desktop, at + 1))
            assert desktop.opened[-1] == url
            await desktop.until(pilot, partial(_on_top, desktop, 1))
            await pilot.press("down")


def _on_top(desktop: Desktop, count: int) -> bool:
    return len(desktop.app.screen_stack) == count


def _opened(desktop: Desktop, count: int) -> bool:
    return len(desktop.opened) == count


async def test_only_web_addresses_are_opened() -> None:
    desktop = cited(("javascript:alert(1)", "A page"), ("file:///etc/passwd", "Another"))
    async with desktop.running(120, 40) as pilot:
        await answered_sources(desktop, pilot)
        await pilot.press("enter", "down", "enter")
        await desktop.until(pilot, lambda: desktop.notices().count("Not opened:") == 2)
        assert not desktop.opened


async def test_address_and_footnotes_go_to_the_clipboard() -> None:
    desktop = cited()
    async with desktop.running(120, 40) as pilot:
        await answered_sources(desktop, pilot)
        await pilot.press("y")
        await desktop.until(pilot, lambda: desktop.app.clipboard == "https://docs.example/csv")
        await pilot.press("f")
        await desktop.until(pilot, lambda: "Copied 3 sources as Footnotes" in desktop.notices())
        assert desktop.app.clipboard.startswith(
            "[^1]: Tables as CSV. docs.example. <https://docs.example/csv>\n[^2]: Objects as JSON."
        )


async def test_the_export_key_asks_for_the_form_and_saves() -> None:
    desktop = cited()
    async with desktop.running(80, 24) as pilot:
        await answered_sources(desktop, pilot)
        for downs, suffix in enumerate((".md", ".md", ".json", ".bib")):
            await pilot.press("e")
            await desktop.shows(pilot, "Save 3 sources as")
            desktop.app.screen.query_one(OptionList).highlighted = downs
            await pilot.press("enter")
            await desktop.until(pilot, partial(_written, desktop, downs + 1))
            name, text = desktop.written[-1]
            assert name == f"sources-{desktop.session.session_id}{suffix}"
            assert "docs.example/csv" in text
        await desktop.until(pilot, lambda: "Saved to /downloads/sources-" in desktop.notices())
        assert [one["id"] for one in json.loads(desktop.written[2][1])] == [
            "source-1", "source-2", "source-3",
        ]  # fmt: skip
        await pilot.press("e")
        await desktop.shows(pilot, "Save 3 sources as")
        await pilot.press("escape")
        await desktop.settle(pilot)
        assert len(desktop.written) == 4


def _written(desktop: Desktop, count: int) -> bool:
    return len(desktop.written) == count


async def test_the_command_lists_groups_copies_and_saves() -> None:
    desktop = cited()
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "/sources export bibtex")
        await desktop.until(pilot, lambda: "This session has no sources." in desktop.notices())
        panel = await answered_sources(desktop, pilot)
        await pilot.press("escape")
        await desktop.send(pilot, "/sources hosts")
        await desktop.until(pilot, lambda: desktop.app.focused is panel)
        await desktop.until(pilot, lambda: re.search("^ +docs.example +2$", desktop.text(), re.MULTILINE))
        await pilot.press("escape")
        await desktop.send(pilot, "/sources turns")
        await desktop.shows(pilot, "Turn 1 · What is a table?")
        await pilot.press("escape")
        await desktop.send(pilot, "/sources export bibtex")
        await desktop.until(pilot, lambda: len(desktop.written) == 1)
        assert desktop.written[0][1].startswith("@misc{docsexample-1,")
        await desktop.send(pilot, "/sources copy markdown")
        await desktop.until(pilot, lambda: "as Markdown list" in desktop.notices())
        assert desktop.app.clipboard.startswith("1. [Tables as CSV](<https://docs.example/csv>)")
        await desktop.send(pilot, "/sources footnotes")
        await desktop.until(pilot, lambda: "as Footnotes" in desktop.notices())
        for wrong in ("export word", "sideways", "copy word"):
            desktop.app.clear_notifications()
            await desktop.send(pilot, f"/sources {wrong}")
            await desktop.until(pilot, lambda: "Unknown " in desktop.notices())
        assert len(desktop.written) == 1
        await desktop.send(pilot, "/sources export Tea.JSON")
        await desktop.until(pilot, lambda: _written(desktop, 2))
        assert desktop.written[1][0] == "Tea.JSON"
        assert desktop.written[1][1].startswith("[\n")
