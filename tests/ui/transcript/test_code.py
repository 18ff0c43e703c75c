"""Long code blocks are shown plain and coloured in steps; in the end they are what one go would give."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pygments.lexer import Lexer
from textual.highlight import HighlightTheme, highlight
from textual.pilot import Pilot

from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.transcript.markdown import code
from handinger_tui.ui.transcript.markdown import code as lexers
from handinger_tui.ui.transcript.markdown.code import (
    AT_ONCE,
    STEP,
    highlight_code,
    highlight_steps,
    is_deferred,
)
from handinger_tui.ui.transcript.markdown.document import render
from handinger_tui.ui.transcript.rows.row import Row
from tests.ui.transcript.screen import Stage, grown, session, text_part, turn

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


class Colours(HighlightTheme):
    """Our names by Textual's own way."""

    STYLES = {kind: ".transcript--" + name for kind, name in code._STYLES.items()}  # noqa: RUF012  # as the base


@pytest.mark.parametrize("language", SAMPLES)
def test_colours_are_those_of_textual(language: str) -> None:
    text = SAMPLES[language] * 3
    whole = highlight(text.expandtabs(4), language=language, theme=Colours)
    spans = [span for span in whole.spans if span.style != "$text"]
    lines = highlight_code(text, language)
    assert "\n".join(line.plain for line in lines) == text.expandtabs(4)
    start = 0
    for line in lines:
        end = start + len(line.plain)
        seen = [(max(s.start, start) - start, min(s.end, end) - start, s.style) for s in spans]
        ours = [(span.start, span.end, span.style) for span in line.spans if span.start < span.end]
        assert ours == [one for one in seen if one[0] < one[1]]
        start = end + 1


def long_block(name: str, lines: int = 200, indent: str = "    ") -> str:
    return "".join(f"{indent}total_{name}_{n} = row['weight'] * {n}  # both\n" for n in range(lines))


def test_a_step_is_no_more_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    text, counts = long_block("steps"), [0]
    name_of = code._name_of

    def counted(kind: tuple[str, ...]) -> str | None:
        counts[-1] += 1
        return name_of(kind)

    monkeypatch.setattr(code, "_name_of", counted)
    steps = highlight_steps(text, "python")
    while next(steps, "the end") is None:
        counts.append(0)
    assert len(counts) > 5
    assert max(counts) <= STEP


def rows_of(app: Stage) -> list[Row]:
    layout = app.transcript.transcript_layout
    assert layout is not None
    return [row for block in layout.turns[-1].blocks or () for row in block.buffer.rows]


async def coloured(pilot: Pilot[None], app: Stage) -> None:
    """Wait until no row is pale."""
    for _ in range(1000):
        await pilot.pause()
        if not any(row.deferred_language for row in rows_of(app)):
            return
        # A language is loaded in a thread, which needs the interpreter too.
        await asyncio.sleep(0.001)
    raise AssertionError("never coloured")


async def test_a_language_is_loaded_in_a_thread_when_its_first_block_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[threading.Thread] = []
    lexer_of = lexers.lexer_of

    def noted(language: str) -> Lexer:
        threads.append(threading.current_thread())
        return lexer_of(language)

    monkeypatch.setattr(lexers, "_loaded", set())
    monkeypatch.setattr(lexers, "lexer_of", noted)
    source = "```lua\nlocal unseen = 1 -- note\n```\n"
    app = Stage(session(turn(1, text_part(source))))
    async with app.run_test(size=(80, 20)) as pilot:
        await coloured(pilot, app)
        # The first to need it is a thread; once it is loaded, the screen uses it too.
        assert threads[0] is not threading.main_thread()
        expected = [row.look() for row in render(source, 77)]
        assert [row.look() for row in rows_of(app)][-len(expected) :] == expected
        assert not is_deferred("local more = 2", "lua")


async def test_a_long_block_is_shown_plain_and_coloured_soon_after() -> None:
    text, inner = long_block("soon"), long_block("inner", indent="  ")
    source = f"Text.\n\n- item\n\n  ```python\n{inner}  ```\n\n```python\n{text}```\n\nEnd.\n"
    assert len(inner) > AT_ONCE
    head = source[: source.index("```\n\nEnd")]
    shown = session(turn(1, text_part(head, open_=True), status=TurnStatus.ACCEPTED))
    app = Stage(shown)
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        app.transcript.show(grown(shown, text_part(source, open_=True)))
        last = rows_of(app)[-3]
        assert "total_soon_199" in last.content.plain
        assert not last.content.spans
        await coloured(pilot, app)
        expected = [row.look() for row in render(source, 77)]
        shown_rows = [row.look() for row in rows_of(app)]
        at = shown_rows.index(expected[0])
        assert shown_rows[at : at + len(expected)] == expected
        assert not is_deferred(text.removesuffix("\n"), "python")
