"""Quiet transcripts: runs of tool calls and thoughts are one line each; and the time of each turn."""

from __future__ import annotations

import pytest

from handinger_tui.core.turns.turn import Part, ReasoningPart, Rope, StepPart, ToolPart, ToolState, TurnStatus
from handinger_tui.ui.transcript.layout import Verbosity
from tests.ui.pilot import running
from tests.ui.transcript.screen import Stage, grown, screen_lines, session, text_part, turn

DAY_MS = 86_400_000


def call(number: int, state: ToolState = ToolState.OUTPUT_AVAILABLE, output: str = "") -> ToolPart:
    return ToolPart(str(number), f"web_search_{number}", state, input={"q": number}, output=output or "ok")


def thought(text: str = "Hm.", *, open_: bool = False) -> ReasoningPart:
    return ReasoningPart(Rope() + text, open_)


WORK = (thought(), call(1), StepPart(), call(2, ToolState.OUTPUT_ERROR), call(3, output="the needle"))
PARTS: tuple[Part, ...] = (*WORK, text_part("First."), call(4), text_part("Second."))
TIMES = (1_000, 2_000, 3_000, 3_000, 4_000, 13_000, 14_000, 14_500)
BOTH = ("▸ ✗ 3 tool calls · 1 thought · 12 s · 1 failed", "▸ ● 1 tool call · 0.5 s")


async def lines_in(app: Stage, verbosity: Verbosity, height: int = 60) -> list[str]:
    """What is on a screen of this height in this verbosity."""
    async with running(app, size=(80, height)) as pilot:
        while app.transcript.transcript_layout.folding.verbosity is not verbosity:
            app.transcript.toggle_details()
        await pilot.pause()
        return [line.strip() for line in screen_lines(app) if line.strip()]


async def test_a_run_of_tool_calls_and_thoughts_is_one_line_with_its_count_and_time() -> None:
    app = Stage(session(turn(1, *PARTS, part_ms=TIMES, ended_ms=20_000)))
    lines = await lines_in(app, Verbosity.RUNS)
    assert lines[1:] == [BOTH[0], "First.", BOTH[1], "Second."]


async def test_the_verbosities_follow_each_other_and_come_back() -> None:
    app = Stage(session(turn(1, *PARTS, part_ms=TIMES)))
    async with running(app, size=(80, 60)) as pilot:
        screens = []
        for _ in Verbosity:
            await pilot.pause()
            screens.append(screen_lines(app))
            app.transcript.toggle_details()
        await pilot.pause()
        assert screen_lines(app) == screens[0]
        assert [sum("web_search_" in line for line in screen) for screen in screens] == [4, 4, 0]
        assert [any("the needle" in line for line in screen) for screen in screens] == [False, True, False]


@pytest.mark.parametrize(
    ("times", "ended_ms"), [(TIMES[:2], 20_000), ((), 20_000), (TIMES[:6], None), ((), None)]
)
async def test_a_time_that_was_not_streamed_is_not_shown(
    times: tuple[int, ...], ended_ms: int | None
) -> None:
    app = Stage(session(turn(1, *PARTS, part_ms=times, ended_ms=ended_ms)))
    lines = await lines_in(app, Verbosity.RUNS)
    assert [line for line in lines if "tool call" in line] == [
        "▸ ✗ 3 tool calls · 1 thought · 1 failed",
        "▸ ● 1 tool call",
    ]


async def test_the_last_run_takes_until_the_end_of_the_turn() -> None:
    app = Stage(session(turn(1, call(1), part_ms=(1_000,), ended_ms=6_400)))
    assert "▸ ● 1 tool call · 5.4 s" in await lines_in(app, Verbosity.RUNS)


async def test_what_waits_for_the_person_stands_by_itself() -> None:
    parts = (call(1), call(2, ToolState.APPROVAL_REQUESTED), call(3))
    lines = await lines_in(Stage(session(turn(1, *parts))), Verbosity.RUNS)
    assert lines[1] == lines[3] == "▸ ● 1 tool call"
    assert "web_search_2  needs approval" in lines[2]


async def test_a_run_grows_in_its_line_and_says_what_is_being_done() -> None:
    first = turn(1, call(1), thought(open_=True), status=TurnStatus.ACCEPTED, part_ms=(1_000, 2_000))
    app = Stage(session(first))
    async with running(app, size=(80, 30)) as pilot:
        app.transcript.toggle_details()
        app.transcript.toggle_details()
        shown = app.transcript.session
        assert shown is not None
        lines = []
        for parts in (
            (call(1), thought("More.", open_=True)),
            (call(1), thought("More."), call(2, ToolState.INPUT_AVAILABLE)),
            (call(1), thought("More."), call(2), text_part("Done", open_=True)),
        ):
            times = (1_000, 2_000, 3_000, 4_000)[: len(parts)]
            app.transcript.show(session(turn(1, *parts, status=TurnStatus.ACCEPTED, part_ms=times)))
            await pilot.pause()
            lines.append(next(line.strip() for line in screen_lines(app) if "tool call" in line))
        assert lines == [
            "▸ ○ 1 tool call · 1 thought · thinking…",
            "▸ ○ 2 tool calls · 1 thought · web_search_2 running…",
            "▸ ● 2 tool calls · 1 thought · 3.0 s",
        ]
        # Text that grows behind it leaves the line as it is.
        latest = app.transcript.session
        assert latest is not None
        app.transcript.show(grown(latest, text_part("Done, and more.", open_=True)))
        await pilot.pause()
        assert lines[-1] in [line.strip() for line in screen_lines(app)]


async def test_a_click_on_the_line_of_a_run_opens_it_and_closes_it_again() -> None:
    app = Stage(session(turn(1, *PARTS, part_ms=TIMES)))
    async with running(app, size=(80, 60)) as pilot:
        app.transcript.toggle_details()
        app.transcript.toggle_details()
        await pilot.pause()
        closed = screen_lines(app)
        row = next(y for y, line in enumerate(closed) if "3 tool calls" in line)
        await pilot.click(app.transcript, offset=(10, row))
        await pilot.pause()
        opened = screen_lines(app)
        assert "▾ ✗ 3 tool calls" in opened[row]
        assert ["thought" in opened[row + 1], "web_search_1" in opened[row + 2]] == [True, True]
        # Each of them unfolds by itself.
        await pilot.click(app.transcript, offset=(10, row + 1))
        await pilot.pause()
        assert "Hm." in screen_lines(app)[row + 2]
        for _ in range(2):
            await pilot.click(app.transcript, offset=(10, row + 1))
            await pilot.pause()
        await pilot.click(app.transcript, offset=(10, row + 1))
        await pilot.pause()
        await pilot.click(app.transcript, offset=(10, row))
        await pilot.pause()
        assert screen_lines(app) == closed


async def test_what_is_found_inside_a_run_is_shown() -> None:
    app = Stage(session(turn(1, *PARTS)))
    async with running(app, size=(80, 60)) as pilot:
        app.transcript.toggle_details()
        app.transcript.toggle_details()
        await pilot.pause()
        assert app.transcript.search.find("the needle") == 1
        await pilot.pause()
        assert any("the needle" in line for line in screen_lines(app))


async def test_each_session_keeps_its_verbosity() -> None:
    one, other = session(turn(1, *PARTS)), session(turn(2, *PARTS))
    other = type(other)("other", 0, turns=other.turns)
    app = Stage(one)
    async with running(app, size=(80, 60)) as pilot:
        app.transcript.toggle_details()
        app.transcript.toggle_details()
        await pilot.pause()
        quiet = screen_lines(app)
        app.transcript.show(other)
        await pilot.pause()
        assert sum("web_search_" in line for line in screen_lines(app)) == 4
        app.transcript.show(one)
        await pilot.pause()
        assert screen_lines(app) == quiet


# -- the time of day -------------------------------------------------------------------------------
async def test_each_turn_has_its_time_and_the_first_of_a_day_its_date() -> None:
    times = (0, 60_000, DAY_MS + 3_600_000)
    turns = [turn(at, text_part("ok"), sent_ms=ms) for at, ms in enumerate(times)]
    lines = await lines_in(Stage(session(*turns)), Verbosity.LINES)
    prompts = [line.split("?")[1].strip() for line in lines if line.startswith("❯")]
    assert prompts == ["Jan 1, 00:00", "00:01", "Jan 2, 01:00"]


@pytest.mark.parametrize("prompt", ["x" * 78, "word " * 40, "寿" * 38, "\n" + "x" * 30])
async def test_a_time_hides_nothing_of_the_prompt_and_is_not_copied(prompt: str) -> None:
    app = Stage(session(turn(1, text_part("ok"), prompt=prompt)))
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        app.transcript.text_select_all()
        lines = screen_lines(app)
        shown = "".join("".join(lines[: lines.index("  ok")]).split())
        assert shown.replace("Jan1,00:00", "") == "❯" + "".join(prompt.split())
        assert "Jan1,00:00" in shown
        copied = app.transcript.get_selection(app.screen.selections[app.transcript])
        assert copied is not None
        assert "Jan 1" not in copied[0]


async def test_the_time_follows_a_message_that_was_sent_later_than_it_was_typed() -> None:
    app = Stage(session(turn(1, status=TurnStatus.QUEUED)))
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        assert any("00:00" in line for line in screen_lines(app))
        app.transcript.show(session(turn(1, status=TurnStatus.ACCEPTED, sent_ms=120_000)))
        await pilot.pause()
        assert any("00:02" in line for line in screen_lines(app))


async def test_a_call_in_a_turn_that_has_ended_is_not_shown_as_running() -> None:
    calls = (call(1, ToolState.INPUT_AVAILABLE), call(2, ToolState.INPUT_STREAMING))
    app = Stage(session(turn(1, *calls, status=TurnStatus.ACCEPTED)))
    async with running(app, size=(80, 30)) as pilot:
        words = []
        for status in (TurnStatus.ACCEPTED, TurnStatus.RUNNING, TurnStatus.COMPLETED):
            app.transcript.show(session(turn(1, *calls, status=status)))
            await pilot.pause()
            lines = [line for line in screen_lines(app) if "web_search" in line]
            words.append([line.split("  ")[2] for line in lines])
    assert words == [["running…", "preparing…"]] * 2 + [["result unknown"] * 2]
