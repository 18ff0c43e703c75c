"""The cost of a change, in rows and paints; and no dangerous character is ever painted."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.content import Content
from textual.strip import Strip

from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import DataPart, ErrorKind, Fault, ToolPart, ToolState, Turn, TurnStatus
from handinger_tui.ui.themes import DARK, LIGHT
from handinger_tui.ui.transcript.layout import MIN_KEPT_TURNS
from handinger_tui.ui.transcript.painting import (
    MAX_CACHED_ROWS,
    ControlFilter,
    Row,
    RowBuffer,
    over,
    styled,
    width_of,
    wrapped,
)
from tests.ui.pilot import running
from tests.ui.transcript.screen import Stage, grown, session, text_part, turn

if TYPE_CHECKING:
    from collections.abc import Sequence

GRAPHEMES = ("a", " ", "漢", "e\u0301", "👩‍👩‍👧‍👦", "👍🏽", "1️⃣")

PAYLOADS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "terminal.shown.json").read_text("utf-8")
)["payloads"]
BAD = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0001]")


def test_a_number_and_its_unit_stay_on_one_line_where_both_fit() -> None:
    text = "8 s · 12 credits · 1 m 08 s · 2.0 kB · 漢字 5 s"
    for width in range(10, width_of(text)):
        lines = [line.plain for line in wrapped(styled(text, "faint"), width)]
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        for amount in ("8 s", "12 credits", "1 m 08 s", "2.0 kB", "5 s"):
            assert any(amount in line for line in lines), (width, lines)
    assert [line.plain for line in wrapped(styled("12 credits", ""), 7)] == ["12", "credits"]


@given(
    texts=st.lists(st.lists(st.sampled_from(GRAPHEMES), max_size=6).map("".join), max_size=4),
    start=st.integers(-2, 20),
    end=st.integers(-2, 20),
)
def test_what_is_drawn_over_a_line_changes_no_character_and_no_width(
    texts: list[str], start: int, end: int
) -> None:
    strip = Strip([Segment(text) for text in texts])
    marked = over(strip, start, end, Style(bold=True))
    assert marked.text == strip.text
    assert sum(width_of(text) for text, _, _ in marked) == strip.cell_length


def payload_text(payload: dict[str, Any]) -> str:
    if "repeat" in payload:
        part = payload["repeat"]
        return str(part["head"] + part["unit"] * min(part["times"], 4_000) + part["tail"])
    if "b64" in payload:
        return base64.b64decode(payload["b64"]).decode("utf-8", "surrogateescape")
    return str(payload.get("text") or "".join(payload["chunks"]))


def everywhere(text: str) -> Turn:
    """A turn with `text` in every external member."""
    return turn(
        1,
        text_part(text),
        ToolPart("c", text, ToolState.OUTPUT_ERROR, input={text: [text]}, output={"o": text}, error=text),
        ToolPart("d", "x", input_text=text),
        FilePart("https://f.example/" + text, text, text, 3),
        FilePart(text, "text/plain"),
        DataPart(text, {text: text}),
        SourcePart(text, text, text),
        SourcePart("s", "https://s.example/x", text),
        status=TurnStatus.FAILED,
        prompt=text,
        fault=Fault(ErrorKind.SERVER, text, 500),
        errors=(text,),
        replaced_text=text,
    )


# Folded, all texts are in the transcript of tests/ui/hostile.
@pytest.mark.parametrize("unfold", [pytest.param(False, marks=pytest.mark.slow), True])
async def test_no_payload_reaches_a_strip(unfold: bool) -> None:
    app = Stage(receipt="receipt")
    async with running(app, size=(60, 100)) as pilot:
        if unfold:
            app.transcript.toggle_details()
        for payload in PAYLOADS:
            app.transcript.show(Session(payload["id"], 0, turns=(everywhere(payload_text(payload)),)))
            await pilot.pause()
            assert app.is_running
            check_lines(app, payload["id"])
            if payload.get("must", {}).get("literal"):
                check_literal(app, payload["must"].get("visible", ()))


def shown_lines(app: Stage) -> list[Strip]:
    layout = app.transcript.transcript_layout
    return [app.transcript.line(y) for y in range(min(layout.height, 300))]


def check_lines(app: Stage, name: str) -> None:
    for strip in shown_lines(app):
        assert not BAD.search(strip.text), (name, strip.text)
        assert sum(width_of(segment.text) for segment in strip) == 60, (name, strip.text)
        for segment in strip:
            assert segment.style is None or segment.style.link is None, name
            action = segment.style.meta.get("@click") if segment.style else None
            assert action is None or (isinstance(action, tuple) and action[0] == "link"), (name, action)


def check_literal(app: Stage, words: Sequence[str]) -> None:
    shown = "".join("".join(strip.text.split()) for strip in shown_lines(app))
    for word in words:
        assert "".join(word.split()) in shown


async def test_markup_runs_no_action_and_links_are_only_posted() -> None:
    text = "[@click=app.quit]press[/] [link='file:///etc/passwd']x[/link] [here](https://e.example/a%2Fb?s=x%2By)"
    app = Stage(session(turn(1, text_part(text), prompt="hi")))
    async with running(app, size=(110, 10)) as pilot:
        await pilot.pause()
        row = next(y for y in range(10) if "press" in app.transcript.line(y).text)
        line = app.transcript.line(row).text
        for word in ("press", "here"):
            await pilot.click(app.transcript, offset=(line.index(word) + 1, row))
            await pilot.pause()
        assert app.is_running
        assert app.links == [("https://e.example/a%2Fb?s=x%2By", "here")]


def test_the_guard_drops_what_others_let_through() -> None:
    guard = ControlFilter()
    hostile = [
        Segment("a\x1b]52;c;x\x07b\u202ec", Style(link="https://e.example/")),
        Segment("d", Style(link="file:///etc/passwd", bold=True)),
        Segment("\x1b[2J", None, [(1,)]),  # type: ignore[list-item]  # stands for any code of Textual's own
    ]
    cleaned = guard.apply(hostile, Color(0, 0, 0))
    assert [segment.text for segment in cleaned] == ["a]52;c;xbc", "d", "\x1b[2J"]
    assert [segment.style and segment.style.link for segment in cleaned] == [None, None, None]
    assert cleaned[1].style is not None
    assert cleaned[1].style.bold


def test_the_guard_hands_clean_segments_on_as_they_are() -> None:
    clean = [
        Segment("text · 東京 ❤️ 👨‍👩‍👧", Style(bold=True)),
        Segment("x", Style(underline=True)),
    ]
    assert ControlFilter().apply(clean, Color(0, 0, 0)) is clean


async def test_it_has_begun_once_there_is_a_turn_to_show() -> None:
    """The Markdown parser, with 2.5 MB, is loaded then."""
    app = Stage(session())
    async with running(app, size=(80, 20)):
        assert not app.transcript.begun.is_set()
        app.transcript.show(session(turn(1)))
        assert app.transcript.begun.is_set()


async def test_showing_the_same_again_paints_nothing() -> None:
    shown = session(turn(1, text_part("Some text.\n\n" * 30)))
    app = Stage(shown)
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        app.transcript.lines_drawn = 0
        for value in (shown, session(*shown.turns), put_turn(shown, shown.turns[0])):
            app.transcript.show(value)
            await pilot.pause()
        assert app.transcript.lines_drawn == 0


async def test_a_delta_lays_out_one_page_and_paints_few_rows() -> None:
    text = "".join(f"Paragraph {n} of it.\n\n" for n in range(200))
    turns = [turn(n, text_part("Old answer.\n\n" * 10)) for n in range(300)]
    live = turn(999, text_part(text, open_=True), status=TurnStatus.ACCEPTED)
    shown = session(*turns, live)
    app = Stage(shown)
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        layout, strip_cache = app.transcript.transcript_layout, app.transcript.strip_cache
        assert layout.filled < 10, "only what is in sight is laid out"
        filled, painted = layout.filled, strip_cache.painted
        app.transcript.lines_drawn = 0
        for n in range(10):
            text += f"word{n} "
            shown = grown(shown, text_part(text, open_=True))
            app.transcript.show(shown)
            await pilot.pause()
        assert layout.filled - filled == 10
        assert strip_cache.painted - painted <= 20
        # Two scrolls of 20 lines, and the grown line with those below it for every other delta.
        assert app.transcript.lines_drawn <= 2 * 20 + 8 * 5


async def test_a_block_that_grows_paints_only_its_new_rows() -> None:
    text = "| City | Price |\n|---|---|\n" + "| Rome | 10 |\n" * 3
    shown = session(turn(1, text_part(text, open_=True), status=TurnStatus.ACCEPTED))
    app = Stage(shown)
    async with running(app, size=(80, 30)) as pilot:
        await pilot.pause()
        painted = app.transcript.strip_cache.painted
        for _ in range(10):
            text += "| Rome | 10 |\n"
            shown = grown(shown, text_part(text, open_=True))
            app.transcript.show(shown)
            await pilot.pause()
        assert app.transcript.strip_cache.painted - painted == 10


def test_a_row_of_which_only_the_style_of_a_word_changed_is_another_one() -> None:
    rows = RowBuffer(40)
    first, plain, code = Row(Content("first")), Row(Content("word")), Row(styled("word", "code-span"))
    assert rows.replace(0, [first, plain]) == 0
    assert rows.replace(0, [first, code]) == 1
    assert rows.rows[1] is code
    assert rows.replace(0, [Row(Content("first")), Row(styled("word", "code-span"))]) == 2
    assert rows.rows == [first, code]


async def test_another_theme_paints_the_same_text_in_other_colors() -> None:
    app = Stage(session(turn(1, text_part("# Title\n\ntext"))))
    async with running(app, size=(60, 12)) as pilot:
        app.theme = DARK.name
        await pilot.pause()
        dark = app.transcript.line(2)
        app.theme = LIGHT.name
        await pilot.pause()
        light = app.transcript.line(2)
        assert dark.text == light.text
        assert [s.style for s in dark] != [s.style for s in light]


async def test_a_long_conversation_opens_without_laying_it_out() -> None:
    turns = [turn(n, text_part("A line of an answer.\n\n" * 100)) for n in range(2_000)]
    app = Stage(session(*turns))
    async with running(app, size=(100, 45)) as pilot:
        await pilot.pause()
        layout, _strip_cache = app.transcript.transcript_layout, app.transcript.strip_cache
        assert layout.filled <= 3
        for y in range(0, int(app.transcript.max_scroll_y), 977):
            app.transcript.scroll_to(y=y)
        await pilot.pause()
        assert sum(bool(turn_layout.blocks) for turn_layout in layout.turns) <= 60 + 3, (
            "rows far off are dropped"
        )
        assert len(app.transcript.screen.query("*")) < 10, "no widget per message"


async def test_dropped_rows_come_back_the_same() -> None:
    turns = [turn(n, text_part(f"Answer {n}.\n\n- a\n- b\n")) for n in range(300)]
    app = Stage(session(*turns))
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        before = [app.transcript.line(y + app.transcript.scroll_offset.y).text for y in range(20)]
        app.transcript.scroll_home()
        for _ in range(130):
            app.transcript.scroll_page_down()
        app.transcript.follow()
        await pilot.pause()
        assert [app.transcript.line(y + app.transcript.scroll_offset.y).text for y in range(20)] == before


async def test_what_is_kept_of_a_long_conversation_is_bounded_by_rows() -> None:
    text = "".join(f"Line {n}.\n\n" for n in range(60))
    app = Stage(session(*(turn(at, text_part(text)) for at in range(1, 101))))
    async with running(app, size=(80, 20)):
        layout, strip_cache = app.transcript.transcript_layout, app.transcript.strip_cache
        for y in range(layout.height):
            app.transcript.line(y)
        assert len(strip_cache) <= MAX_CACHED_ROWS
        kept = [turn_layout for turn_layout in layout.turns if turn_layout.blocks]
        assert len(kept) == MIN_KEPT_TURNS
        filled = layout.filled
        for y in range(layout.height - 20, layout.height):
            app.transcript.line(y)
        assert layout.filled == filled


@pytest.mark.parametrize("seed", range(3))
async def test_lines_that_only_moved_up_are_not_drawn_again_and_are_right(seed: int) -> None:
    dice = Random(seed)
    # Estimated heights above the visible rows are not the true ones.
    turns = [turn(n, text_part("- an item\n" * 9 + "words " * dice.randint(1, 90))) for n in range(5)]
    text = "".join(f"Paragraph {n} of it.\n\n" for n in range(40))
    shown = session(*turns, turn(9, text_part(text, open_=True), status=TurnStatus.ACCEPTED))
    app = Stage(shown)
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        scrolled = drawn = 0
        for n in range(30):
            text += dice.choice((f"word{n} ", f"\n\nOne more, {n}.", "\n- an item", "\n```py\nx = 1\n```\n"))
            shown = grown(shown, text_part(text, open_=True))
            before, y = app.transcript.lines_drawn, app.transcript.scroll_offset.y
            app.transcript.show(shown)
            await pilot.pause()
            scrolled += app.transcript.scroll_offset.y > y
            drawn += app.transcript.lines_drawn - before
            kept = app.transcript.render_lines(app.transcript.size.region)
            app.transcript.refresh()
            again = app.transcript.render_lines(app.transcript.size.region)
            assert [list(strip) for strip in kept] == [list(strip) for strip in again]
            await pilot.pause()
        assert drawn < 20 * scrolled * 0.7
