"""Long code blocks are shown plain and then colored by a thread, with the same result as in one step."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from handinger_tui.core.turns.turn import ToolPart, ToolState, TurnStatus
from handinger_tui.ui.transcript.code import AT_ONCE, highlighted_lines, is_deferred
from handinger_tui.ui.transcript.document import render
from handinger_tui.ui.transcript.painting import COMPONENTS, Row
from tests.ui.pilot import running
from tests.ui.transcript.screen import Stage, grown, look, screen_lines, session, text_part, turn

SAMPLES = {
    "python": '@mark\nclass A(B):\n\tdef f(self):  # note\n        return f\'{x}\' + """two\nlines"""\n',
    "json": '{"a": [1, 2.5, null], "b": "é"}\n',
    "javascript": "const a = `x${1}`; // note\n/* more */ function f() { return /re/g; }\n",
    "html": "<div class='a'>&amp;<script>let b = 1;</script></div>\n",
    "sql": "SELECT a, COUNT(*) FROM b WHERE c = 'd' -- note\n",
    "diff": "@@ -1 +1 @@\n-old\n+new\n",
    "bash": 'for x in *; do echo "$x" # note\ndone\n',
    "nosuchlanguage": "plain text\n",
}


@pytest.mark.parametrize("language", SAMPLES)
def test_colors_change_no_text(language: str) -> None:
    text = SAMPLES[language] * 3
    lines = highlighted_lines(text, language)
    assert [line.plain for line in lines] == text.expandtabs(4).split("\n")
    assert any(line.spans for line in lines) is (language != "nosuchlanguage")
    for line in lines:
        for span in line.spans:
            assert str(span.style).removeprefix(".") in COMPONENTS
            assert 0 <= span.start < span.end <= len(line.plain)


def long_block(name: str, lines: int = 200, indent: str = "    ") -> str:
    return "".join(f"{indent}total_{name}_{n} = row['weight'] * {n}  # both\n" for n in range(lines))


def rows_of(app: Stage) -> list[Row]:
    layout = app.transcript.transcript_layout
    return [row for block in layout.turns[-1].blocks for row in block.buffer.rows]


async def colored(pilot: Pilot[None], app: Stage) -> None:
    """Wait until no row is pale."""
    for _ in range(1000):
        await pilot.pause()
        if not any(row.deferred_language for row in rows_of(app)):
            return
        # A language is loaded in a thread, which needs the interpreter too.
        await asyncio.sleep(0.001)
    raise AssertionError("never colored")


async def test_the_first_block_of_a_language_is_plain_until_its_lexer_is_loaded() -> None:
    source = "```lua\nlocal unseen = 1 -- note\n```\n"
    app = Stage(session(turn(1, text_part(source))))
    async with running(app, size=(80, 20)) as pilot:
        await colored(pilot, app)
        expected = [look(row) for row in render(source, 77)]
        assert [look(row) for row in rows_of(app)][-len(expected) :] == expected
        assert not is_deferred("local more = 2", "lua")


async def test_a_long_block_is_shown_plain_and_colored_soon_after() -> None:
    text, inner = long_block("soon"), long_block("inner", indent="  ")
    source = f"Text.\n\n- item\n\n  ```python\n{inner}  ```\n\n```python\n{text}```\n\nEnd.\n"
    assert len(inner) > AT_ONCE
    head = source[: source.index("```\n\nEnd")]
    shown = session(turn(1, text_part(head, open_=True), status=TurnStatus.ACCEPTED))
    app = Stage(shown)
    async with running(app, size=(80, 20)) as pilot:
        # A long turn is laid out in pieces.
        while app.transcript.transcript_layout.unfinished:
            await pilot.pause(0.01)
        app.transcript.show(grown(shown, text_part(source, open_=True)))
        last = rows_of(app)[-3]
        assert "total_soon_199" in last.content.plain
        assert not last.content.spans
        await colored(pilot, app)
        expected = [look(row) for row in render(source, 77)]
        shown_rows = [look(row) for row in rows_of(app)]
        at = shown_rows.index(expected[0])
        assert shown_rows[at : at + len(expected)] == expected
        assert not is_deferred(text.removesuffix("\n"), "python")


LONG_LINE = f'{{"data": "{"QUJD" * 4_000}", "words": "{"some words " * 400}"}}'
MANY_LINES = "\n".join(
    f"value_{number} = compute({number})  # the line with that number" for number in range(1200)
)
LARGE = f"first = 1\n    second = '{'x ' * 4_000}'\n{LONG_LINE}\n" + MANY_LINES[:10_000]
IN_TEXT: dict[str, tuple[str, str]] = {
    "alone": ("", ""),
    "in a list": ("1. Do this:\n\n", "   "),
    "in a nested list": ("- Do this:\n  - and this:\n\n", "    "),
    "in a quote": ("> See:\n>\n", "> "),
}


@pytest.mark.parametrize(
    "code", [LONG_LINE, MANY_LINES[:40_000], LARGE], ids=["long line", "many lines", "large"]
)
@pytest.mark.parametrize("place", IN_TEXT)
async def test_a_large_block_is_copied_as_it_was_written_and_the_text_behind_it_is_text(
    place: str, code: str
) -> None:
    before, lead = IN_TEXT[place]
    block = "\n".join(f"{lead}{line}" for line in f"```text\n{code}\n```".split("\n"))
    app = Stage(session(turn(1, text_part(f"{before}{block}\n\nThe **end**.\n"), prompt="Ask")))
    async with running(app, size=(80, 24)) as pilot:
        await pilot.pause()
        while app.transcript.transcript_layout.unfinished:
            await pilot.pause(0.01)
        assert "  The end." in screen_lines(app)
        app.transcript.move_cursor(-1)
        assert app.transcript.copy_current() == code


async def test_a_long_output_of_a_tool_is_copied_completely() -> None:
    output = "".join(f"line {number}\n" for number in range(10_000))
    tool = ToolPart("call", "shell", ToolState.OUTPUT_AVAILABLE, input={"command": "cat"}, output=output)
    app = Stage(session(turn(1, tool, prompt="Ask")))
    async with running(app, size=(80, 24)) as pilot:
        app.transcript.toggle_details()
        await pilot.pause()
        app.transcript.move_cursor(-1)
        assert app.transcript.copy_current() == output.removesuffix("\n")
