"""Showing a mention: located in the rows, scrolled into view, marked, and kept while the text moves."""

from __future__ import annotations

import pytest

from handinger_tui.core.citations import CitationReader, Mention
from handinger_tui.core.evidence import canonical_url
from handinger_tui.ui.transcript.document import render
from handinger_tui.ui.transcript.navigation import Anchor, anchor_of
from tests.ui.pilot import running
from tests.ui.transcript.screen import Stage, grown, screen_lines, session, text_part, turn

URL = "https://a.example/x"
KEY = canonical_url(URL)


def shown(text: str, which: int, key: str = KEY) -> str:
    """The text on the screen that the anchor of mark number `which` of `text` covers."""
    mark = CitationReader().marks(text)[which]
    rows = render(text, 80)
    anchor = anchor_of(rows, text, mark.start, mark.end, key)
    return f"{anchor.row}:{rows[anchor.row].content.plain[anchor.start : anchor.end]}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"See [the page]({URL}).", ["0:the page"]),
        (f"See {URL}.\n\nAnd {URL}/ again.", [f"0:{URL}", f"2:{URL}/"]),
        ("First [1].\n\nThen [1] and [2].\n", ["0:[1]", "2:[1]", "2:[2]"]),
        ("- a [1]\n- b [1]\n- c [1]\n", ["0:[1]", "1:[1]", "2:[1]"]),
        (f"| a | b |\n|---|---|\n| x | [1] |\n| y | [p]({URL}) |\n", ["2:[1]", "3:p"]),
        ("`a[1]` is code, [1] is none", ["0:[1]"]),
        ("Code:\n\n```\na[1]\n```\n\nText [1]", ["5:[1]"]),
        (f"Named [1] here.\n\n[1]: {URL}\n", ["0:1"]),
        ("In brackets 【1†page】 too", ["0:【1†page】"]),
        (f"**[bold]({URL})** and *[1]*", ["0:bold", "0:[1]"]),
    ],
)
def test_a_mention_is_located_in_the_rows(text: str, expected: list[str]) -> None:
    assert [shown(text, at) for at in range(len(expected))] == expected


def test_the_nearest_occurrence_is_the_anchor() -> None:
    lines = "\n\n".join(f"Line {number}." for number in range(20))
    text = f"See [1] here.\n\n{lines}\n\n```\n{URL}\n```\n\n{URL} at the end"
    rows = render(text, 80)
    at = text.rindex(URL)
    anchor = anchor_of(rows, text, at, at + len(URL), KEY)
    assert rows[anchor.row].content.plain.endswith("at the end")


def test_a_mention_that_is_not_shown_leads_to_the_nearest_row() -> None:
    text = "\n\n".join(f"Line {number}." for number in range(40))
    rows = render(text, 80)
    at = text.index("Line 30.")
    anchor = anchor_of(rows, text, at, at, "")
    assert anchor.end == 0
    assert abs(anchor.row - 60) < 3
    assert anchor_of([], "", 0, 0, "") == Anchor(0)


async def test_a_mention_far_away_is_brought_into_sight_and_marked() -> None:
    text = "\n\n".join(f"Paragraph {number} names [{number}]." for number in range(1, 80))
    app = Stage(session(turn(1, text_part(text)), turn(2, text_part("The end."))))
    async with running(app, size=(60, 20)) as pilot:
        await pilot.pause()
        view = app.transcript
        start = text.index("[40]")
        mention = Mention("turn-1", 0, start, start + 4)
        assert view.highlight.show(mention, "")
        assert view.highlight.mention == mention
        await pilot.pause()
        lines = screen_lines(app)
        at = next(y for y, line in enumerate(lines) if "[40]" in line)
        assert lines[at].startswith("▌")
        assert [line for line in lines if line.startswith("▌")] == [lines[at]]
        strip = view.render_line(at)
        ground = view.strip_cache.palette.row("match-here").rich_style.bgcolor
        assert [part.text for part in strip if part.style and part.style.bgcolor == ground] == ["[40]"]
        assert not view.following
        view.highlight.clear()
        await pilot.pause()
        assert not any(line.startswith("▌") for line in screen_lines(app))


async def test_the_mark_stays_on_its_words_while_text_grows_and_the_width_changes() -> None:
    text = f"Some words before it and then [a page with a long name]({URL}) is named here."
    shown_now = session(turn(1, text_part("First.")), turn(2, text_part(text)))
    app = Stage(shown_now)
    async with running(app, size=(70, 20)) as pilot:
        await pilot.pause()
        view = app.transcript
        assert view.highlight.show(Mention("turn-2", 0, text.index("["), text.index(")") + 1), KEY)
        view.show(grown(shown_now, text_part(f"{text}\n\nMore.\n\n{URL}")))
        await pilot.resize_terminal(40, 20)
        await pilot.pause()
        ground = view.strip_cache.palette.row("match-here").rich_style.bgcolor
        marked = [
            part.text
            for y in range(20)
            for part in view.render_line(y)
            if part.style and part.style.bgcolor == ground
        ]
        assert "".join(marked).replace(" ", "") == "apagewithalongname"
        assert len(marked) > 1, "at this width the name takes two lines"


async def test_a_place_that_is_not_there_is_refused() -> None:
    app = Stage(session(turn(1, text_part("A text"))))
    async with running(app, size=(60, 12)) as pilot:
        await pilot.pause()
        assert not app.transcript.highlight.show(Mention("turn-9", 0, 0, 1), "")
        assert not app.transcript.highlight.show(Mention("turn-1", 7, 0, 1), "")
        assert app.transcript.highlight.mention is None
        assert app.transcript.highlight.show(Mention("turn-1", 0, 0, 1), "")
        app.transcript.show(session(turn(1, text_part("A text"))))
        assert app.transcript.highlight.mention is not None
