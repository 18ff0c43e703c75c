"""What is said of a turn: each thing once, in lines of which every one begins with a label of ours."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core import read_aloud
from handinger_tui.core.figures import CATEGORIES, Usage
from handinger_tui.core.read_aloud import MOST_PARSED, Reading, block_lines, in_words, paragraphs
from handinger_tui.core.runs import Board
from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.session import LOCAL, Session, SessionSummary
from handinger_tui.core.turns.turn import (
    FREE,
    UNENDED,
    ErrorKind,
    Fault,
    Part,
    Rope,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    TurnRequest,
    TurnStatus,
)
from handinger_tui.core.voice import (
    Speech,
    Spoken,
    heartbeat,
    help_line,
    receipt_lines,
    run_lines,
    session_lines,
    speak,
    spoken_before,
)
from handinger_tui.ui.commands import COMMANDS
from handinger_tui.ui.widgets.session_rows import rows_of
from tests.core.projections import EVERYTHING, ORDER
from tests.core.test_runs import ENDED, NOW, PLAN, RUNNING, usd
from tests.wire.recordings import Tape

LABEL = re.compile(
    r"(worker|heading|code|table|tool|sending|sent|turn \d+|watching|checking|source \d+|file \d+|done|ended"
    r"|left running|cost|still running): "
)
ONLY_LIVE = re.compile("sending|sent|checking|worker: The final answer differs")
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u2500-\u259f\u202a-\u202e\u2066-\u2069]")


FIRST = Speech(1)


def turn(*parts: Part, status: TurnStatus = TurnStatus.COMPLETED, **more: Any) -> Turn:
    return Turn(TurnRequest("turn_1", "Why?", 0), status, parts=parts, **more)


def text(words: str, *, is_open: bool = False) -> TextPart:
    return TextPart(Rope() + words, is_open)


def lines_of(*values: Turn, speech: Speech = FIRST, now_ms: int = 0) -> list[str]:
    """All lines for the values of one turn, one after the other."""
    spoken, lines = Spoken(), list[str]()
    for value in values:
        spoken, more = speak(spoken, Session("ses_1", 0, turns=(value,)), value, speech, now_ms)
        lines += more
    return lines


def check(lines: list[str]) -> None:
    for one in lines:
        assert LABEL.match(one), one
        assert not FORBIDDEN.search(one), ascii(one)
        assert one == one.rstrip()


# -- text ------------------------------------------------------------------------------------
MARKDOWN = st.lists(
    st.sampled_from(
        ["\n", "\n\n", "- item ", "1. one ", "```py\n", "```\n", "~~~\n", "| A | B |\n", "|---|---|\n",
         "# Head ", "    deep ", "word ", "**bold** ", "[a link](https://a.example/b) ", "> quote ",
         "\r\n", "&#27;[31m"]
    )
    | st.text(max_size=5)
, max_size=12).map("".join)  # fmt: skip


@settings(max_examples=60)
@given(MARKDOWN, st.lists(st.integers(0, 200), max_size=6), st.sampled_from([10, 40, MOST_PARSED]))
def test_a_text_gives_the_same_lines_in_any_pieces(words: str, cuts: list[int], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Of long blocks, too.
        patch.setattr(read_aloud, "MOST_PARSED", most)
        check_pieces(words, cuts)


def check_pieces(words: str, cuts: list[int]) -> None:
    at_once = paragraphs(words, Reading(), is_complete=True)[1]
    at, lines = Reading(), list[str]()
    for cut in sorted(cuts):
        at, more = paragraphs(words[:cut], at, is_complete=False)
        lines += more
    lines += paragraphs(words, at, is_complete=True)[1]
    assert lines == at_once
    check(at_once)


@settings(max_examples=60)
@given(st.text())
def test_no_text_leaves_its_lines(words: str) -> None:
    hostile = (
        f"{words}\x1b[2J\r\b\n\ndone: turn 1, $0.00\n\n```\nyou> {words}\n```\n\n| a{words} |\n|---|\n| b |\n"
    )
    check(lines_of(turn(text(hostile), ToolPart("c", words, ToolState.OUTPUT_ERROR, words, error=words))))


def test_lines_without_markdown_are_as_those_of_the_parser() -> None:
    for words in ("Two pumps.", "- one", "* one", "12. twelve", "  a: b", "1.5 kW", "-1 degree", "- - x"):
        # What is emphasized needs the parser.
        assert block_lines(words) == [one.removesuffix(" so") for one in block_lines(f"{words} **so**")]


def test_markdown_becomes_words() -> None:
    lines = lines_of(
        turn(
            text(
                "# Prices\n\nTwo **pumps**\nof [A](https://a.example/x):\n\n- one\n- `two`\n\n"
                "3. three\n\n   more\n\n"
                "| Model | Price |\n|---|---|\n| A | $4,200 |\n| B | |\n\n"
                "```py\nif x:\n    ┌─┐\n    y()\n```\n"
            )
        )
    )
    assert lines[:-1] == [
        "sent: turn 1",
        "heading: Prices",
        "worker: Two pumps of A (a.example):",
        "worker: - one",
        "worker: - two",
        "worker: 3. three",
        "worker: more",
        "table: 2 rows. Row 1. Model: A. Price: $4,200.",
        "table: Row 2. Model: B. Price: empty.",
        "code: py, 3 lines",
        "code: if x:",
        "code:     y()",
    ]


def test_long_blocks_are_read_as_short_ones() -> None:
    count, much = 1_000, "much " * 25
    rows = [f"| {much}{number} | **{number}** \\| x |" for number in range(count)]
    code = [f"    print('{much}{number}')" for number in range(count)]
    prose = [f"> {much}*{number}*" for number in range(count)]
    words = "\n".join(["Two:", "| Name | Price |", "|---|---|", *rows, "", "```py", *code, "```", *prose, ""])
    assert min(map(len, map("\n".join, (rows, code, prose)))) > MOST_PARSED
    assert paragraphs(words, Reading(), is_complete=True)[1] == [
        "worker: Two:",
        f"table: {count:,} rows. Row 1. Name: {much}0. Price: 0 | x.",
        *(f"table: Row {at + 1}. Name: {much}{at}. Price: {at} | x." for at in range(1, count)),
        f"code: py, {count:,} lines",
        *(f"code: {row}" for row in code),
        *(f"worker: {much}{number}" for number in range(count)),
    ]


def test_what_stands_before_code_and_tables_does_not_wait_for_their_end() -> None:
    for block in ("```\ncode\n", "| A | B |\n|---|---|\n| 1 | 2 |\n"):
        reading, lines = paragraphs(f"Look:\n{block}", Reading(), is_complete=False)
        assert lines == ["worker: Look:"]
        assert reading.begin == len("Look:\n")


def test_an_answer_comes_by_paragraphs_and_each_once() -> None:
    running = [
        turn(text(words, is_open=True), status=TurnStatus.ACCEPTED)
        for words in ("One", "One.\n\nTw", "One.\n\nTwo.\n")
    ]
    assert lines_of(*running) == ["sent: turn 1. What you type now is queued.", "worker: One."]
    ended = turn(text("One.\n\nTwo.\n"))
    assert [one for one in lines_of(*running, ended, ended) if "worker" in one] == [
        "worker: One.",
        "worker: Two.",
    ]
    at_end = lines_of(*running, speech=Speech(1, at_end=True))
    assert at_end == ["sent: turn 1. What you type now is queued."]


def test_a_text_that_the_service_replaces_is_repeated_with_a_note() -> None:
    lines = lines_of(
        turn(text("Wrong.\n\nx", is_open=True), status=TurnStatus.ACCEPTED), turn(text("Right."))
    )
    assert lines[1:4] == [
        "worker: Wrong.",
        "worker: The final answer differs from what came before. Here is the final answer.",
        "worker: Right.",
    ]


def test_of_a_long_answer_no_more_than_an_item_is_read_again() -> None:
    words = "".join(f"- line {number}\n" for number in range(2_000))
    at, lines = Reading(), list[str]()
    for end in range(0, len(words), 4096):
        at, more = paragraphs(words[:end], at, is_complete=False)
        # What is looked at again is no more than one item.
        assert end - at.begin < 100
        lines += more
    lines += paragraphs(words, at, is_complete=True)[1]
    assert lines == [f"worker: - line {number}" for number in range(2_000)]


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        ("12 s, 1 m 05 s, 1 h 00 m", "12 seconds, 1 minute 5 seconds, 1 hour 0 minutes"),
        ("12.0 kB, 1.5 MB, 1 B", "12 kilobytes, 1.5 megabytes, 1 byte"),
        ("read 5 m ago, 2 d ago", "read 5 minutes ago, 2 days ago"),
        ("a 5 m cable", "a 5 m cable"),
        ("2026-11-25T10:00:00.123Z", "November 25, 2026, 10:00:00 UTC"),
        ("2026-12-01, 2026-13-01", "December 1, 2026, 2026-13-01"),
        ("~$1.23k · <$0.01", "about $1.23 thousand, less than $0.01"),
        (">999% · $0.04…", "more than 999%, $0.04 so far"),
        ("12%… · -$1,234.50… · $1.23M…", "12% so far, -$1,234.50 so far, $1.23 million so far"),
        ("Attaching wrk_01M8T4-90…", "Attaching wrk_01M8T4-90…"),
        ("cost —", "cost unknown"),
        ("—", "unknown"),
        ("3×", "3 times the usual"),
        ("$0.04 → $0.05", "$0.04 to $0.05"),
        ("Vs. median: ±0%", "Versus median: no change"),
        ("“5 s · #x” took 5 s", "“5 s · #x” took 5 seconds"),
        ("#home, sim.", "tag home, simulated"),
    ],
)  # fmt: skip
def test_signs_units_and_times_of_ours_are_words(ours: str, words: str) -> None:
    assert in_words(ours) == words


JUNK = re.compile(
    r"[·→×~±…—★]|\d (?:s|m|h|d|ms|[kMGT]?B)\b|\d-\d\d-\d\d|\d[kMBT]\b|\b[Vv]s\.|\bsim\.|_[0-9A-Z]{16}"
)


def test_receipts_lists_and_the_help_are_words() -> None:
    for status in set(TurnStatus) - {TurnStatus.QUEUED}:
        value = turn(
            text("Hi"),
            status=status,
            sent_ms=0,
            ended_ms=72_000,
            read_ms=90_000,
            message_id="msg_" + "0A" * 9,
        )
        lines = [*receipt_lines(Session("ses_" + "1a" * 9, 0, turns=(value,)), value, ())]
        assert len(lines) > 15
        assert not [one for one in lines if JUNK.search(one)]
        is_free, so_far = status in FREE, " so far" if status in UNENDED else ""
        categories = ", ".join(figure.label for figure in CATEGORIES)
        assert is_free or f"receipt: Unknown{so_far}: {categories}" in lines
    board = Board((replace(RUNNING, title="Pumps"), replace(ENDED, base_url=LOCAL, pinned=True)), (PLAN,))
    summary = SessionSummary(
        "ses_1",
        "wrk_1",
        "Pumps",
        0,
        0,
        1,
        TurnStatus.RUNNING,
        usd("0.31", open_turns=1),
        tags=("home",),
        pinned=True,
    )
    lists = [*run_lines(board, NOW), *session_lines(rows_of([summary], {}, 7_200_000))]
    assert [one.partition(": ")[0] for one in lists] == ["runs", "run 1", "run 2", "run 3", "session 1"]
    assert not [one for one in lists if JUNK.search(one)]
    helps = [help_line(*command.help) for command in COMMANDS]
    assert not [one for one in helps if JUNK.search(one) or re.search(r"[\[\]|]", one)]


# -- turns -----------------------------------------------------------------------------------
def tool(state: ToolState, number: int = 1) -> ToolPart:
    return ToolPart(f"call_{number}", "web_search", state, input={"query": f"pump {number}"})


def test_a_tool_is_named_when_it_has_ended_with_its_time() -> None:
    spoken, lines = Spoken(), list[str]()
    values = [
        (turn(tool(ToolState.INPUT_AVAILABLE), status=TurnStatus.ACCEPTED), 0),
        (turn(tool(ToolState.OUTPUT_AVAILABLE), status=TurnStatus.ACCEPTED), 12_000),
        (turn(tool(ToolState.OUTPUT_AVAILABLE), tool(ToolState.OUTPUT_ERROR, 2)), 13_000),
    ]
    for value, now_ms in values:
        spoken, more = speak(spoken, Session("ses_1", 0, turns=(value,)), value, Speech(1), now_ms)
        lines += more
    tools = [one for one in lines if one.startswith("tool")]
    assert tools == ["tool: web_search, pump 1: done, 12 seconds", "tool: web_search, pump 2: failed"]


def test_the_end_names_what_the_turn_took_and_found() -> None:
    value = turn(
        text("Hi"),
        SourcePart("s", "https://a.example/x", "A"),
        FilePart("https://a.example/prices.csv", "text/csv", "prices.csv", 12_000),
        sent_ms=0,
        ended_ms=72_000,
        own_usage=Usage(cost_usd=None),
    )
    assert lines_of(value)[2:] == [
        "source 1: A, a.example",
        "file 1: prices.csv, 12 kilobytes",
        "done: turn 1, 1 minute 12 seconds, cost unknown, 1 source, 1 file",
    ]


@pytest.mark.parametrize(
    ("status", "charged", "words"),
    [
        (TurnStatus.FAILED, True, "ended: turn 1, failed, COST. Broken. You may have been charged. next"),
        (TurnStatus.REJECTED, False, "ended: turn 1, rejected. Broken. Nothing was charged. next"),
        (TurnStatus.NOT_SENT, False, "ended: turn 1, not sent. Broken. next"),
        (TurnStatus.UNKNOWN, True,
         "ended: turn 1, delivery unknown, COST. Broken. You may have been charged. next"),
        (TurnStatus.RUNNING, True,
         "left running: turn 1, COST. The worker keeps running and may keep charging."),
    ],
)  # fmt: skip
def test_a_turn_that_did_not_complete_gives_its_reason_and_whether_it_may_cost(
    status: TurnStatus, charged: bool, words: str
) -> None:
    fault = Fault(ErrorKind.SERVER, "Broken", may_have_been_charged=charged)
    lines = lines_of(turn(status=status, fault=fault, sent_ms=0), speech=Speech(1, next_step="next"))
    assert lines[-1] == words.replace("COST", "cost unknown")


def test_a_late_cost_is_named_only_if_the_amount_differs() -> None:
    first = turn(text("Hi"))
    spoken, _ = speak(Spoken(), Session("s", 0, turns=(first,)), first, Speech(1), 0)
    assert speak(replace(spoken, cost="$0.04"), Session("s", 0, turns=(first,)), first, Speech(1), 0)[1] == []
    # The same answer may come again in a later reading.
    read_again = replace(first, parts=(text("Hi"),))
    before = spoken_before(Session("s", 0, turns=(first,)), first, 0)
    assert speak(before, Session("s", 0, turns=(read_again,)), read_again, FIRST, 0)[1] == []
    assert speak(before, Session("s", 0, turns=(first,)), first, Speech(1), 0)[1] == []


def test_a_turn_that_is_watched_again_broke_off_nowhere() -> None:
    left = turn(status=TurnStatus.RUNNING, sent_ms=0)
    checked = replace(left, status=TurnStatus.CHECKING)
    spoken = spoken_before(Session("s", 0, turns=(left,)), left, 0)
    spoken, lines = speak(spoken, Session("s", 0, turns=(checked,)), checked, FIRST, 0)
    assert lines == ["watching: turn 1. What you type now is queued."]
    assert speak(spoken, Session("s", 0, turns=(checked,)), checked, FIRST, 0)[1] == []


def test_a_turn_that_was_left_running_is_done_when_a_reading_shows_it() -> None:
    left = turn(
        text("One.\n\n"), SourcePart("s", "https://a.example/x", "A"), status=TurnStatus.RUNNING, sent_ms=0
    )
    read = replace(left, status=TurnStatus.COMPLETED, ended_ms=72_000)
    lines = lines_of(left, read, read)
    assert [one.partition(":")[0] for one in lines] == ["sent", "worker", "left running", "source 1", "done"]


def test_a_heartbeat_comes_after_thirty_silent_seconds() -> None:
    value = turn(tool(ToolState.INPUT_AVAILABLE), status=TurnStatus.ACCEPTED, sent_ms=0)
    session = Session("s", 0, turns=(value,))
    spoken, _ = speak(Spoken(), session, value, Speech(4), 0)
    assert heartbeat(spoken, session, value, 4, 29_999) == (spoken, [])
    spoken, lines = heartbeat(spoken, session, value, 4, 30_000)
    assert lines == ["still running: turn 4, 30 seconds, cost unknown so far, web_search"]
    assert heartbeat(spoken, session, value, 4, 59_999)[1] == []
    ended = turn(text("x"))
    assert heartbeat(spoken, session, ended, 4, 99_999)[1] == []


def test_recorded_turns_give_the_same_lines_in_pieces_and_at_once() -> None:
    assert len(EVERYTHING) > 90
    for recording in EVERYTHING:
        folding, values = Fold(ORDER), list[Turn]()
        # Long recordings in steps, as the program takes them.
        frames = Tape().body(recording).frames
        for at, frame in enumerate(frames):
            folding.take(frame)
            if at % (1 + len(frames) // 100) == 0:
                values.append(folding.turn)
        ended = replace(folding.turn, status=TurnStatus.COMPLETED)
        in_pieces, at_once = lines_of(*values, ended), lines_of(ended)
        check(in_pieces)
        pieces, once = ([one for one in lines if not ONLY_LIVE.match(one)] for lines in (in_pieces, at_once))
        if not any("The final answer differs" in one for one in in_pieces):
            assert sorted(pieces) == sorted(once), recording.name
        assert set(once) <= set(pieces), recording.name
