"""What is near but not in sight is made ready while nothing else is to do, and nothing moves by it."""

from __future__ import annotations

import pytest

from handinger_tui.core.turns.turn import ReasoningPart, Rope
from handinger_tui.ui.transcript import layout as books
from handinger_tui.ui.transcript.layout import STEP_CHARS
from handinger_tui.ui.transcript.markdown.document import LiveMarkdown
from tests.ui.transcript.documents import DOCUMENTS
from tests.ui.transcript.sample import COMPLETE, FAILED, RECEIPT
from tests.ui.transcript.screen import Stage, screen_lines, session, text_part, turn

LONG = "".join(f"Paragraph {n} of *a long* answer, with some more words in it.\n\n" for n in range(300))


def conversation() -> Stage:
    """Several kinds of turns; the last one is higher than the screen."""
    texts = [turn(n, text_part(text)) for n, text in enumerate(DOCUMENTS.values(), 10)]
    thought = turn(90, ReasoningPart(Rope() + LONG, open=False), text_part(LONG))
    return Stage(session(*texts, COMPLETE, FAILED, thought, turn(91, text_part(LONG))), receipt=RECEIPT)


def make_ready(app: Stage) -> int:
    """All steps; how many there were."""
    steps = 0
    while app.transcript.prepare():
        steps += 1
    return steps


async def test_the_first_page_up_lays_out_and_paints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    app = conversation()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        layout = app.transcript.transcript_layout
        assert layout is not None
        app.transcript.scroll_to(y=layout.start(len(layout.turns) - 1))
        await pilot.pause()
        assert make_ready(app) > 2
        laid: list[str] = []
        update = LiveMarkdown.update

        def counted(live: LiveMarkdown, text: str, *, done: bool) -> int:
            laid.append(text)
            return update(live, text, done=done)

        monkeypatch.setattr(LiveMarkdown, "update", counted)
        strip_cache = app.transcript.strip_cache
        assert strip_cache is not None
        painted = strip_cache.painted
        before = screen_lines(app)
        app.transcript.scroll_page_up()
        await pilot.pause()
        assert screen_lines(app) != before
        assert laid == []
        assert strip_cache.painted == painted


async def test_nothing_moves_and_nothing_is_drawn() -> None:
    app = conversation()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        layout = app.transcript.transcript_layout
        assert layout is not None
        app.transcript.scroll_to(y=layout.start(20))
        await pilot.pause()
        before = (screen_lines(app), app.transcript.scroll_offset, layout.height, app.transcript.lines_drawn)
        assert make_ready(app)
        await pilot.pause()
        after = (screen_lines(app), app.transcript.scroll_offset, layout.height, app.transcript.lines_drawn)
        assert after == before
        assert make_ready(app) == 0


@pytest.mark.parametrize("unfolded", [False, True])
async def test_what_was_made_ready_looks_as_if_it_had_not_been(unfolded: bool) -> None:
    plain, ready = conversation(), conversation()
    seen: list[list[str]] = []
    for app, prepares in ((plain, False), (ready, True)):
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            if unfolded:
                app.transcript.toggle_details()
            while app.transcript.scroll_offset.y:
                if prepares:
                    make_ready(app)
                app.transcript.scroll_page_up()
                await pilot.pause()
            layout = app.transcript.transcript_layout
            assert layout is not None
            seen.append([app.transcript.line(y).text for y in range(layout.height)])
    assert seen[0] == seen[1]


async def test_steps_are_small_and_not_more_than_two_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    app = conversation()
    sizes: list[int] = []
    update = LiveMarkdown.update

    def counted(live: LiveMarkdown, text: str, *, done: bool) -> int:
        sizes[-1] += len(text) - len(live._source)
        return update(live, text, done=done)

    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        layout, strip_cache = app.transcript.transcript_layout, app.transcript.strip_cache
        assert layout is not None
        assert strip_cache is not None
        app.transcript.scroll_to(y=layout.start(len(layout.turns) - 1))
        await pilot.pause()
        painted = strip_cache.painted
        monkeypatch.setattr(LiveMarkdown, "update", counted)
        sizes.append(0)
        while app.transcript.prepare():
            sizes.append(0)
        assert sum(sizes) >= len(LONG)
        assert max(sizes) <= STEP_CHARS
        assert strip_cache.painted - painted <= 2 * 24


async def test_huge_turns_wait_until_they_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "PREPARED", 10_000)
    app = Stage(session(turn(1, text_part(LONG)), turn(2, text_part("a line\n\n" * 5))))
    async with app.run_test(size=(80, 6)) as pilot:
        await pilot.pause()
        make_ready(app)
        assert app.transcript.transcript_layout is not None
        assert not app.transcript.transcript_layout.turns[0].available_blocks
