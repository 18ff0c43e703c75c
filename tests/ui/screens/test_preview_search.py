"""Finding in the preview of a text: every match is marked, counted, and reachable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input

from handinger_tui.ui.dialogs import TextQuestion
from handinger_tui.ui.pages.page_view import MAX_MATCHES, PageView, find, plain_rows
from handinger_tui.ui.pages.preview import PreviewScreen
from handinger_tui.ui.transcript.painting import RowBuffer
from handinger_tui.ui.work.screen import WorkScreen
from tests.ui.pilot import strips_of
from tests.ui.screens import preview_files
from tests.ui.screens.preview_files import desktop_with, shown, view, with_files

if TYPE_CHECKING:
    from tests.ui.fakes import Desktop

LOG = "\n".join(
    f"line {n}: " + ("Pump [b]7[/b] failed" if n % 50 == 9 else "all is well") for n in range(200)
)
PROSE = "# Pumps\n\n" + "Many words stand here before the pump is named and after it, too. " * 40


async def ask(desktop: Desktop, pilot: Pilot[None], text: str) -> None:
    """Type a search text over the content of the field."""
    await pilot.press("slash")
    await desktop.until(pilot, lambda: isinstance(desktop.app.screen, TextQuestion))
    desktop.app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await desktop.until(pilot, lambda: isinstance(desktop.app.screen, PreviewScreen))


def marked(desktop: Desktop) -> list[str]:
    """The marked texts on the screen, the current match in capitals."""
    shown_view = view(desktop)
    assert isinstance(shown_view, PageView)
    here = shown_view.get_component_styles("transcript--match-here").background.rich_color
    other = (
        shown_view.background_colors[1] + shown_view.get_component_styles("transcript--match").background
    ).rich_color
    return [
        segment.text.upper() if segment.style.bgcolor == here else segment.text.lower()
        for strip in strips_of(desktop.app.screen)
        for segment in strip
        if segment.style is not None and segment.style.bgcolor in (here, other)
    ]


async def test_matches_are_marked_counted_and_visited_before_n_means_next_file() -> None:
    desktop = desktop_with(a_log=LOG.encode(), b_txt=b"other\n")
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        await ask(desktop, pilot, "pump [B]7")
        await desktop.shows(pilot, "“pump [B]7” · 1 of 4", "line 9:")
        assert marked(desktop) == ["PUMP [B]7"]
        for keys, counter, line in (
            ("n", "2 of 4", "line 59:"),
            ("n", "3 of 4", "line 109:"),
            ("N", "2 of 4", "line 59:"),
        ):
            await pilot.press(keys)
            await desktop.shows(pilot, counter, line)
        await pilot.press("N", "N")
        await desktop.shows(pilot, "4 of 4", "line 159:")
        await pilot.press("n")
        await desktop.shows(pilot, "1 of 4", "line 9:")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "of 4" not in desktop.text())
        assert isinstance(desktop.app.screen, PreviewScreen)
        assert marked(desktop) == []
        await pilot.press("n")
        await desktop.shows(pilot, "1  other")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, WorkScreen))


async def test_a_missing_text_is_reported_and_esc_in_the_question_changes_nothing() -> None:
    desktop = desktop_with(a_txt=b"one two\n")
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        await ask(desktop, pilot, "three")
        await desktop.shows(pilot, "“three”.")
        await pilot.press("slash")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, TextQuestion))
        assert desktop.app.screen.query_one(Input).value == "three"
        await pilot.press("escape")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, PreviewScreen))
        await desktop.shows(pilot, "“three”.")


async def test_matches_in_wrapped_markdown_are_marked_at_every_width() -> None:
    desktop = desktop_with(a_md=PROSE.encode())
    async with with_files(desktop) as pilot:
        await shown(desktop, pilot)
        await ask(desktop, pilot, "the pump is")
        await desktop.shows(pilot, "1 of 40")
        for width in (60, 90):
            await pilot.resize_terminal(width, 30)
            await preview_files.arrived(desktop, pilot)
            words = " ".join(marked(desktop)).split()
            assert words[:3] == ["THE", "PUMP", "IS"]
            assert set(words[3:]) == {"the", "pump", "is"}


@given(st.lists(st.text("ab", max_size=12), min_size=1, max_size=20), st.text("ab", min_size=1, max_size=3))
def test_every_match_is_located_and_painted_in_place(lines: list[str], text: str) -> None:
    rows = plain_rows(lines)
    sheet = RowBuffer(40)
    sheet.replace(0, list(rows.lines))
    result = find(sheet.rows, text)
    assert len(result.matches) == sum(line.count(text) for line in lines)
    for number, match in enumerate(result.matches):
        (span,) = (span for span in result.spans(sheet, 40, match.row) if span.number == number)
        assert (span.y, span.right - span.left) == (match.row, len(text))
        assert lines[match.row][match.start : match.end] == text


def test_the_number_of_matches_is_bounded() -> None:
    result = find(plain_rows(["e" * 1000] * 11).lines, "e")
    assert (len(result.matches), result.more) == (MAX_MATCHES, True)
    assert result.status == "“e” · 1 of 10,000+"
