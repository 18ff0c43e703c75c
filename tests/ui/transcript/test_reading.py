"""Selecting, copying, finding and folding."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest
from textual.geometry import Offset
from textual.selection import Selection

from handinger_tui.core.turns.turn import ReasoningPart, Rope, TurnStatus
from handinger_tui.ui.transcript.layout import Verbosity
from tests.ui.pilot import running
from tests.ui.transcript.sample import ANSWER, COMPLETE, FAILED, LIVE, RECEIPT
from tests.ui.transcript.screen import Stage, screen_lines, session, text_part, turn

DATA = Path(__file__).parents[1] / "data"


def everything() -> Stage:
    return Stage(session(COMPLETE, FAILED, LIVE), receipt=RECEIPT)


@pytest.mark.parametrize("width", [80, 120])
async def test_a_representative_turn_has_its_golden_screen(width: int) -> None:
    app = everything()
    async with running(app, size=(width, 90)) as pilot:
        await pilot.pause()
        shown = [app.transcript.line(y).text.rstrip() for y in range(app.transcript.transcript_layout.height)]
    golden = DATA / f"transcript-{width}.txt"
    assert "\n".join(shown).rstrip() + "\n" == golden.read_text("utf-8"), (
        "look at the file before replacing it"
    )


async def test_folded_lines_unfold_on_a_click_and_fold_again() -> None:
    app = everything()
    async with running(app, size=(80, 40)) as pilot:
        await pilot.pause()
        app.transcript.scroll_to(y=0)
        await pilot.pause()
        folded = screen_lines(app)
        row = next(y for y, line in enumerate(folded) if "web_search" in line)
        await pilot.click(app.transcript, offset=(10, row))
        await pilot.pause()
        unfolded = screen_lines(app)
        assert unfolded[: row - 1] == folded[: row - 1]
        assert any('"score": 0.93' in line for line in unfolded)
        await pilot.click(app.transcript, offset=(10, row))
        await pilot.pause()
        assert screen_lines(app) == folded


async def test_details_unfold_and_fold_everything_in_place() -> None:
    app = everything()
    async with running(app, size=(80, 24)) as pilot:
        await pilot.pause()
        app.transcript.scroll_to(y=8)
        await pilot.pause()
        before = screen_lines(app)
        app.transcript.toggle_details()
        await pilot.pause()
        assert screen_lines(app)[0] == before[0]
        layout = app.transcript.transcript_layout
        assert any("Reading the file" in app.transcript.line(y).text for y in range(layout.height))
        app.transcript.toggle_details()
        await pilot.pause()
        assert screen_lines(app) == before


async def test_thoughts_stay_one_line_while_they_come() -> None:
    def thinking(text: str) -> Stage:
        return Stage(session(turn(1, ReasoningPart(Rope() + text), status=TurnStatus.ACCEPTED)))

    app = thinking("one\ntwo\nthree")
    async with running(app, size=(60, 12)) as pilot:
        await pilot.pause()
        assert "  ▸ thinking… 3 lines" in screen_lines(app)
        grown = turn(1, ReasoningPart(Rope() + "one\ntwo\nthree\nfour"), status=TurnStatus.ACCEPTED)
        app.transcript.show(session(grown))
        await pilot.pause()
        assert "  ▸ thinking… 4 lines" in screen_lines(app)


async def test_unfolded_thoughts_grow_like_an_answer() -> None:
    app = Stage(session(turn(1, ReasoningPart(Rope() + "First."), status=TurnStatus.ACCEPTED)))
    async with running(app, size=(60, 20)) as pilot:
        await pilot.pause()
        app.transcript.toggle_details()
        text = "First."
        for word in ("\n\nSecond *step*", ".\n\n- a\n- b\n", "- c\n\nThird."):
            text += word
            app.transcript.show(session(turn(1, ReasoningPart(Rope() + text), status=TurnStatus.ACCEPTED)))
            await pilot.pause()
        streamed = screen_lines(app)
        for _ in Verbosity:
            app.transcript.toggle_details()
        await pilot.pause()
        assert screen_lines(app) == streamed
        assert "    Second step." in streamed


async def test_the_mouse_selects_over_blocks_and_wide_characters() -> None:
    app = Stage(session(turn(1, text_part("First 東京 line.\n\n- item *one*\n- item two\n"), prompt="Ask")))
    async with running(app, size=(60, 12)) as pilot:
        await pilot.pause()
        lines = screen_lines(app)
        top = next(y for y, line in enumerate(lines) if "First" in line)
        await pilot.mouse_down(app.transcript, offset=(8, top))
        await pilot.hover(app.transcript, offset=(11, top + 2))
        await pilot.mouse_up(app.transcript, offset=(11, top + 2))
        await pilot.pause()
        assert app.screen.get_selected_text() == "東京 line.\n\n• item one"
        plain, marked = app.transcript.line(top), app.transcript.render_line(top)
        assert marked.text == plain.text
        selected = [segment for segment in marked if segment.text == "東"]
        before = [segment for segment in plain if "東京" in segment.text]
        assert selected[0].style is not None
        assert before[0].style is not None
        assert selected[0].style.color == before[0].style.color != selected[0].style.bgcolor
        assert selected[0].style.bgcolor != before[0].style.bgcolor


async def test_selected_text_is_what_is_on_the_screen() -> None:
    app = everything()
    async with running(app, size=(80, 24)) as pilot:
        await pilot.pause()
        selected = app.transcript.get_selection(Selection(Offset(2, 0), Offset(7, 1)))
        assert selected is not None
        assert selected[0] == "Which invoices in the export are late,\nand w"


LONG_CODE = "def f(first, second):\n    return first + second + " + "argument_" * 8 + "\n\n    # end"


async def test_wrapped_code_is_marked_and_copied_as_it_was_written() -> None:
    source = (
        f"See:\n\n> - In a list:\n>\n>   ```python\n{{}}\n>   ```\n\n```python\n{LONG_CODE}\n```\n".format(
            "\n".join(f">   {line}" for line in LONG_CODE.split("\n"))
        )
    )
    app = Stage(session(turn(1, text_part(source), prompt="Ask")))
    async with running(app, size=(50, 40)) as pilot:
        await pilot.pause()
        lines = screen_lines(app)
        assert sum("↳ " in line for line in lines) >= 4
        heads = [y for y, line in enumerate(lines) if line.strip(" ▎") == "python"]
        assert len(heads) == 2
        for head in heads:
            last = next(y for y in range(head, len(lines)) if "# end" in lines[y])
            selection = Selection(Offset(0, head + 1), Offset(49, last))
            copied = app.transcript.get_selection(selection)
            assert copied is not None
            assert copied[0] == LONG_CODE
        app.transcript.move_cursor(-1)
        app.transcript.move_cursor(-1)
        assert app.transcript.copy_current() == LONG_CODE


async def test_the_cursor_copies_sources() -> None:
    app = Stage(session(turn(1, text_part(ANSWER), prompt="My *question*"), turn(2, text_part("Last."))))
    async with running(app, size=(80, 24)) as pilot:
        await pilot.pause()
        view = app.transcript
        assert view.cursor.text is None
        assert view.copy_current() == "Last."
        copies = []
        for _ in range(6):
            view.move_cursor(-1)
            await pilot.pause()
            copies.append(str(view.cursor.text))
            assert any(line.startswith("▌") for line in screen_lines(app))
        assert copies[:2] == ["Last.", "A question?"]
        assert copies[2].startswith("from decimal import Decimal\n")
        assert copies[3:] == [ANSWER, "My *question*", "My *question*"]
        view.move_cursor(1)
        assert view.copy_current() == ANSWER
        view.cursor.clear()
        assert view.cursor.text is None


async def test_find_visits_and_marks_all_matches() -> None:
    turns = [
        turn(n, text_part(f"Nothing here {n}.\n\n" * 10 + ("The Needle.\n" if n % 10 == 3 else "")))
        for n in range(60)
    ]
    app = Stage(session(*turns))
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        view = app.transcript
        assert view.search.find("needle") == 6
        places = []
        for _ in range(7):
            await pilot.pause()
            row = next(y for y, line in enumerate(screen_lines(app)) if "The Needle." in line)
            places.append(view.scroll_offset.y + row)
            styles = {segment.style for segment in view.render_line(row) if "Needle" in segment.text}
            assert len(styles) == 1
            view.search.step(-1)
        assert places[:6] == sorted(places[:6], reverse=True)
        assert len(set(places[:6])) == 6
        view.search.step(1)
        assert view.search.find("no such text") == 0
        view.search.clear()


async def test_find_unfolds_what_hides_the_match() -> None:
    app = everything()
    async with running(app, size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.transcript.search.find("Late payments") == 1
        await pilot.pause()
        assert any('"title": "Late payments"' in line for line in screen_lines(app))


async def test_matches_of_the_session_before_are_not_counted_in_this_one() -> None:
    app = Stage(session(turn(1, text_part("needle " * 5))))
    async with running(app, size=(80, 24)) as pilot:
        await pilot.pause()
        view = app.transcript
        view.search.start("needle")
        counting = view.search.counting()
        assert counting is not None
        other = session(turn(9, text_part("Elsewhere, a needle.")))
        view.show(type(other)("other", 0, turns=other.turns))
        # The same text is searched in the other session before the thread has counted.
        view.search.start("needle")
        view.search.add(counting(inf))
        assert view.search.total == 0
        assert view.search.find("needle") == 1


async def test_another_session_replaces_everything() -> None:
    app = everything()
    async with running(app, size=(80, 24)) as pilot:
        await pilot.pause()
        app.transcript.move_cursor(-1)
        other = session(turn(9, text_part("Elsewhere.")))
        app.transcript.show(type(other)("other", 0, turns=other.turns))
        await pilot.pause()
        lines = screen_lines(app)
        assert "  Elsewhere." in lines
        assert app.transcript.cursor.text is None


async def test_fewer_turns_than_before() -> None:
    app = everything()
    async with running(app, size=(80, 24)) as pilot:
        await pilot.pause()
        app.transcript.show(session(COMPLETE))
        await pilot.pause()
        app.transcript.show(session())
        await pilot.pause()
        assert not any(screen_lines(app))
