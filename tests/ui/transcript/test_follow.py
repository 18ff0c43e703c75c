"""The view follows at the end, and keeps its position anywhere else."""

from __future__ import annotations

from handinger_tui.core.turns.session import put_turn
from handinger_tui.core.turns.turn import TurnStatus
from tests.ui.pilot import running
from tests.ui.transcript.screen import Stage, grown, screen_lines, session, text_part, turn

LONG = "".join(f"Paragraph {n} of a long answer.\n\n" for n in range(60))


def streaming(text: str = LONG) -> Stage:
    return Stage(session(turn(1, text_part(text, open_=True), status=TurnStatus.ACCEPTED)))


async def test_follows_at_the_end() -> None:
    app = streaming()
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        assert app.shown is not None
        app.transcript.show(grown(app.shown, text_part(LONG + "The newest line.\n", open_=True)))
        await pilot.pause()
        assert any("The newest line." in line for line in screen_lines(app))
        assert app.transcript.following
        assert app.transcript.new_lines == 0


async def test_stays_put_when_scrolled_up_and_counts_new_lines() -> None:
    app = streaming()
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        app.transcript.scroll_to(y=10)
        await pilot.pause()
        before = screen_lines(app)
        assert app.shown is not None
        app.transcript.show(grown(app.shown, text_part(LONG + "One.\n\nTwo.\n\nThree.\n", open_=True)))
        await pilot.pause()
        after = screen_lines(app)
        assert after[:-1] == before[:-1]
        assert app.transcript.new_lines == 6
        assert after[-1].endswith("▼ 6 new lines · End")
        assert not app.transcript.following


async def test_two_rows_from_the_end_still_follows() -> None:
    app = streaming()
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        end = app.transcript.max_scroll_y
        app.transcript.scroll_to(y=end - 2)
        await pilot.pause()
        assert app.transcript.following
        app.transcript.scroll_to(y=end - 3)
        await pilot.pause()
        assert not app.transcript.following


async def test_end_and_the_pill_return_to_the_end() -> None:
    app = streaming()
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        text = LONG
        for back in ("end", "pill"):
            app.transcript.scroll_to(y=0)
            assert app.shown is not None
            text += f"More, then {back}.\n\n"
            app.transcript.show(grown(app.shown, text_part(text, open_=True)))
            await pilot.pause()
            assert app.transcript.new_lines
            if back == "end":
                app.transcript.focus()
                await pilot.press("end")
            else:
                await pilot.click(app.transcript, offset=(70, 19))
            await pilot.pause()
            assert app.transcript.scroll_offset.y == app.transcript.max_scroll_y
            assert app.transcript.new_lines == 0


async def test_a_new_prompt_scrolls_to_the_end() -> None:
    app = streaming()
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        app.transcript.scroll_to(y=0)
        await pilot.pause()
        assert app.shown is not None
        fresh = turn(2, prompt="The next question", status=TurnStatus.SENDING)
        app.transcript.show(put_turn(app.shown, fresh))
        await pilot.pause()
        assert any("The next question" in line for line in screen_lines(app))
        assert app.transcript.following


async def test_a_change_above_keeps_the_rows_in_sight() -> None:
    turns = [turn(n, text_part(f"Answer {n}.\n\n" * 20)) for n in range(6)]
    app = Stage(session(*turns))
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        app.transcript.scroll_to(y=app.transcript.max_scroll_y - 30)
        await pilot.pause()
        before = screen_lines(app)
        assert app.shown is not None
        app.transcript.show(put_turn(app.shown, turn(0, text_part("Much longer now.\n\n" * 90))))
        await pilot.pause()
        assert screen_lines(app)[:-1] == before[:-1]


async def test_resize_keeps_the_reading_position() -> None:
    text = "".join(f"Marker {n} " + "and a good many more words that wrap " * 6 + "\n\n" for n in range(80))
    app = Stage(session(turn(1, text_part(text)), turn(2, text_part(text))))
    async with running(app, size=(100, 24)) as pilot:
        await pilot.pause()
        app.transcript.scroll_to(y=120)
        await pilot.pause()
        top = next(line for line in screen_lines(app) if "Marker" in line).split(" and")[0]
        for size in ((60, 24), (140, 30), (100, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert any(top + " " in line for line in screen_lines(app)[:6]), size


async def test_scrolling_up_into_the_unknown_moves_by_what_was_scrolled() -> None:
    turns = [
        turn(n, text_part(f"Answer {n} " + "- item\n" * (n % 9) + "word " * 40 * (n % 7))) for n in range(80)
    ]
    app = Stage(session(*turns))
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        for _ in range(120):
            before = screen_lines(app)
            app.transcript.scroll_relative(y=-3)
            await pilot.pause()
            if app.transcript.scroll_offset.y == 0:
                break
            assert screen_lines(app)[3:] == before[:-3]
