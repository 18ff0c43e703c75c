"""Selecting with the mouse: beyond the edges, over the scroll bar, while scrolling, over wide characters."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from handinger_tui.core.turns.turn import TurnStatus
from tests.ui.pilot import running
from tests.ui.transcript.screen import Stage, grown, screen_lines, session, text_part, turn

LINES = "\n\n".join(f"Line {number} of the answer." for number in range(60))


class Framed(Stage):
    """The transcript with a line of text above and one below it, both of which can be selected."""

    def compose(self) -> ComposeResult:
        yield Static("above")
        yield self.transcript
        yield Static("below")


def framed(text: str) -> Framed:
    app = Framed(session(turn(1, text_part(text), prompt="Ask")))
    app.transcript.styles.height = "1fr"
    return app


async def drag(pilot: Pilot[None], start: tuple[int, int], *ways: tuple[int, int]) -> str:
    """Drag over positions on the screen; returns what is selected."""
    await pilot.mouse_down(offset=start)
    for way in ways:
        await pilot.hover(offset=way)
    await pilot.mouse_up(offset=ways[-1])
    await pilot.pause()
    return pilot.app.screen.get_selected_text() or ""


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ((9, 5), (20, 14), (9, 5), (60, 13)),  # below: to the last visible line
        ((9, 5), (20, 0), (0, 1), (9, 5)),  # above: from the first visible line
        ((9, 5), (59, 9), (9, 5), (60, 9)),  # on the scroll bar: to the end of that line
        ((9, 9), (59, 5), (60, 5), (9, 9)),
        ((3, 14), (20, 9), (20, 9), (60, 13)),  # from below
        ((3, 14), (3, 0), (0, 1), (60, 13)),  # across
    ],
)
async def test_a_selection_ends_where_the_mouse_leaves_the_visible_lines(
    start: tuple[int, int], end: tuple[int, int], first: tuple[int, int], last: tuple[int, int]
) -> None:
    app = framed(LINES)
    async with running(app, size=(60, 15)) as pilot:
        app.transcript.scroll_to(y=40)
        await pilot.pause()
        top = app.transcript.scroll_offset.y
        lines = {y: app.transcript.line(top + y - 1).text.rstrip() for y in range(1, 14)}
        copied = await drag(pilot, start, (30, 7), end)
        expected = [lines[y][2:] for y in range(first[1], last[1] + 1)]
        expected[-1] = lines[last[1]][: last[0]][2:]
        expected[0] = expected[0][max(0, first[0] - 2) :]
        assert copied == "\n".join(expected).rstrip("\n")
        assert "above" not in copied
        assert "below" not in copied


@pytest.mark.parametrize("row", [12, 13])
async def test_a_selection_at_the_edge_scrolls_and_goes_on(row: int) -> None:
    app = framed(LINES)
    async with running(app, size=(60, 15)) as pilot:
        app.transcript.scroll_to(y=0)
        await pilot.pause()
        lines = [app.transcript.line(y).text.rstrip()[2:] for y in range(60)]
        await pilot.mouse_down(offset=(2, 5))
        await pilot.hover(offset=(30, 7))
        await pilot.hover(offset=(30, row))
        # The pilot reports no distance, without which Textual does not begin to scroll.
        app.screen._check_auto_scroll(app.transcript, (30, row), 1)
        while app.transcript.scroll_offset.y < 9:
            await pilot.pause(0.01)
        await pilot.mouse_up(offset=(30, row))
        await pilot.pause()
        copied = (app.screen.get_selected_text() or "").split("\n")
        last = app.transcript.scroll_offset.y + row - 1
        assert copied == [*lines[4 : last + 1]][: len(copied)]
        assert len(copied) >= 9 + row - 5


async def test_the_character_under_the_mouse_begins_and_ends_a_selection() -> None:
    line = "emoji 👩‍👩‍👧‍👦 family, cafe\u0301\u0302 漢字 end"
    app = framed(line)
    async with running(app, size=(60, 15)) as pilot:
        await pilot.pause()
        y = next(y for y, text in enumerate(screen_lines(app), 1) if "emoji" in text)
        assert await drag(pilot, (7, y), (9, y), (8, y)) == " 👩‍👩‍👧‍👦"
        marked = app.transcript.render_line(y - 1)
        assert "👩‍👩‍👧‍👦" in [segment.text for segment in marked], "torn, it would take more cells"
        assert await drag(pilot, (11, y), (12, y), (16, y)) == "family"
        assert await drag(pilot, (19, y), (20, y), (22, y)) == "cafe\u0301\u0302"
        assert await drag(pilot, (24, y), (25, y), (26, y)) == "漢字"
        assert await drag(pilot, (29, y), (30, y), (31, y)) == "end"


async def test_a_wrapped_line_is_copied_as_one() -> None:
    address = "https://example.com/" + "path/" * 20
    first = "A paragraph that is longer than the screen is wide, with `code` in it, and so it is wrapped."
    code = "a = '" + "x" * 60 + " " * 20 + "end'"
    text = f"{first}\n\n- {first}\n\n> {first}\n\n{address}\n\nFirst  \nsecond\n\n```\n{code}\n```"
    app = framed(text)
    async with running(app, size=(60, 50)) as pilot:
        await pilot.pause()
        copied = await drag(pilot, (2, 1), (20, 20), (30, 49))
        shown = first.replace("`", "")
        for expected in (shown, f"• {shown}", f"▎ {shown}", address, "First\nsecond", code):
            assert f"\n{expected}\n" in f"{copied}\n"


async def test_text_does_not_move_while_it_is_selected_and_follows_again_behind_that() -> None:
    part = text_part(LINES, open_=True)
    shown = session(turn(1, part, prompt="Ask", status=TurnStatus.ACCEPTED))
    app = Framed(shown)
    app.transcript.styles.height = "1fr"
    async with running(app, size=(60, 15)) as pilot:
        await pilot.pause()
        before = screen_lines(app)[:-1]
        copied = await drag(pilot, (2, 3), (9, 5), (20, 7))
        app.transcript.show(shown := grown(shown, text_part(f"{LINES}\n\nMore.\n\nAnd more.", open_=True)))
        await pilot.pause()
        assert screen_lines(app)[:-1] == before
        assert "new lines" in screen_lines(app)[-1]
        assert app.screen.get_selected_text() == copied
        await pilot.click(offset=(5, 5))
        app.transcript.show(shown := grown(shown, text_part(f"{LINES}\n\nMore.\n\nAnd the end.", open_=True)))
        await pilot.pause()
        # The click has put the cursor on the answer.
        assert "▌ And the end." in screen_lines(app)
        assert "new lines" not in "".join(screen_lines(app))
        assert await drag(pilot, (2, 3), (9, 5), (20, 7))
        app.transcript.follow()
        await pilot.pause()
        assert not app.screen.get_selected_text()


async def test_the_selection_of_one_session_is_not_that_of_another() -> None:
    app = framed(LINES)
    async with running(app, size=(60, 15)) as pilot:
        await pilot.pause()
        assert await drag(pilot, (2, 3), (9, 5), (20, 7))
        shown = session(turn(1, text_part("Something else.\n\n" * 20)))
        app.transcript.show(replace(shown, session_id="another"))
        await pilot.pause()
        assert not app.screen.get_selected_text()


async def test_a_session_is_still_shown_and_followed_once_the_screen_is_gone() -> None:
    app = framed(LINES)
    async with running(app, size=(60, 15)):
        pass
    assert not app.transcript.is_attached
    app.transcript.show(session(turn(1, text_part("Done."), prompt="Ask"), turn(2, text_part("Late."))))
    app.transcript.follow()
