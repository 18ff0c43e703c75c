"""What is written for notices, by what the terminal takes; texts of others cannot become commands in it."""

from __future__ import annotations

import re
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.ui.terminal.notices import (
    NOTHING_RUNS,
    Outside,
    ProgramState,
    ProgramStatus,
    Toast,
    by_answer_of_tmux,
    outside,
    status_of_program,
    takes_nothing,
    takes_queries,
)

ONE_OSC = re.compile(r"\x1b\](9|99|777|7501);([^\x00-\x1f\x7f-\x9f]*)\x1b\\")
XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({**XTERM}, Outside()),
        ({"TERM": "alacritty"}, Outside()),
        ({**XTERM, "TERM_PROGRAM": "Apple_Terminal", "TERM_PROGRAM_VERSION": "455"}, Outside()),
        ({"TERM": "xterm-kitty"}, Outside(Toast.KITTY)),
        ({"TERM": "foot"}, Outside(Toast.TITLED)),
        ({"TERM": "rxvt-unicode-256color"}, Outside(Toast.TITLED)),
        (
            {"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty", "TERM_PROGRAM_VERSION": "1.1.3"},
            Outside(Toast.TITLED),
        ),
        (
            {**XTERM, "TERM_PROGRAM": "ghostty", "TERM_PROGRAM_VERSION": "1.2.0"},
            Outside(Toast.TITLED, progress=True),
        ),
        (
            {**XTERM, "TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20240203-110809"},
            Outside(Toast.TITLED),
        ),
        # An older one would show the progress as a notification "4;3".
        ({**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.2"}, Outside(Toast.PLAIN)),
        (
            {**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.6"},
            Outside(Toast.PLAIN, progress=True),
        ),
        (
            {**XTERM, "LC_TERMINAL": "iTerm2", "LC_TERMINAL_VERSION": "3.10.0"},
            Outside(Toast.PLAIN, progress=True),
        ),
        ({**XTERM, "VTE_VERSION": "7603"}, Outside()),
        ({**XTERM, "VTE_VERSION": "8001"}, Outside(progress=True)),
        ({**XTERM, "WT_SESSION": "1"}, Outside(progress=True)),
        # Variables of the terminal from which this one was started.
        ({**XTERM, "TERM_PROGRAM": "vscode", "VTE_VERSION": "8001", "WT_SESSION": "1"}, Outside()),
        ({"TERM": "dumb", "TERM_PROGRAM": "ghostty"}, Outside()),
        ({"TERM_PROGRAM": "ghostty"}, Outside()),
    ],
)
def test_what_a_terminal_takes_is_decided_by_its_own_name(environ: dict[str, str], expected: Outside) -> None:
    assert outside(environ) == expected


@pytest.mark.parametrize("inside", ["TMUX", "STY", "ZELLIJ"])
def test_inside_another_program_the_variables_of_the_terminal_mean_nothing(inside: str) -> None:
    around = {"TERM": "xterm-kitty", "TERM_PROGRAM": "ghostty", "TERM_PROGRAM_VERSION": "9"}
    assert outside({**around, inside: "1"}) == Outside()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("on;ghostty 1.3.0\n", Outside(Toast.TITLED, progress=True, wrapped=True)),
        ("all;iTerm2 3.6.7\n", Outside(Toast.PLAIN, progress=True, wrapped=True)),
        ("on;kitty(0.36.4)\n", Outside(Toast.KITTY, wrapped=True)),
        ("on;XTerm(390)\n", Outside()),
        ("on;\n", Outside()),
        ("off;ghostty 1.3.0\n", Outside()),
        # Older ones have no such option.
        (";ghostty 1.3.0\n", Outside()),
        ("", Outside()),
    ],
)
def test_tmux_decides_whether_anything_comes_through(answer: str, expected: Outside) -> None:
    assert by_answer_of_tmux(answer) == expected


def test_through_tmux_each_sequence_is_wrapped() -> None:
    text = Outside(Toast.TITLED, wrapped=True).notification("Heat pumps", "finished")
    assert text == "\x1bPtmux;\x1b\x1b]777;notify;Heat pumps;finished\x1b\x1b\\\x1b\\"


hostile = st.text() | st.sampled_from(
    [
        "4;3",
        "9;4;0",
        "1;500",
        "a\x1b\\b\x1b]52;c;QQ==\x07",
        "x;y;z",
        "\x9d0;t\x9c",
        "\u202egnp.exe",
        "🎉" * 400,
    ]
)


@given(toast=st.sampled_from([Toast.PLAIN, Toast.TITLED, Toast.KITTY]), title=hostile, text=hostile)
def test_texts_of_others_stay_texts(toast: Toast, title: str, text: str) -> None:
    """One sequence for each that we mean: no end in between, no command of ConEmu, no third part."""
    written = Outside(toast).notification(title, text)
    parts = ONE_OSC.findall(written)
    assert "".join(f"\x1b]{number};{body}\x1b\\" for number, body in parts) == written
    assert [number for number, _ in parts] == [str(toast)] * (2 if toast is Toast.KITTY else 1)
    if toast is Toast.PLAIN:
        assert not re.match(r"\d+;", parts[0][1])
    if toast is Toast.TITLED:
        assert parts[0][1].startswith("notify;")


@given(record=hostile, title=hostile, message=hostile, state=st.sampled_from(ProgramState))
def test_a_program_status_keeps_its_form_and_its_limits(
    record: str, title: str, message: str, state: ProgramState
) -> None:
    written = ProgramStatus(state, record, title, message).sequence
    ((number, body),) = ONE_OSC.findall(written)
    assert number == "7501"
    assert len(written.encode()) <= 4096
    members = dict(pair.split("=", 1) for pair in body.split(":"))
    assert set(members) <= {"state", "id", "kind", "app", "title", "msg"}
    assert members["state"] == state
    assert re.fullmatch(r"[A-Za-z0-9_.+-]{1,32}", members.get("id", "a"))
    for name, most in (("title", 192), ("msg", 2048)):
        data = b64decode(members.get(name, ""), validate=True)
        assert len(data) <= most
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", data.decode())


def test_the_program_says_first_what_needs_the_person_then_what_runs_then_what_ended() -> None:
    ended = ProgramStatus(ProgramState.DONE, "ses_1", "One", "finished in 3 s")
    works = ProgramStatus(ProgramState.WORKING, "ses_2", "Two")
    held = ProgramStatus(ProgramState.BLOCKED, "ses_3", "Three", "The queue is held.")
    blocked = ProgramState.BLOCKED
    assert status_of_program("2 need you", [works, held]) == ProgramStatus(blocked, message="2 need you")
    assert status_of_program("", [held, works, ended]) == ProgramStatus(blocked, message="Three")
    assert status_of_program("", [works, ended]) == ProgramStatus(ProgramState.WORKING, message="Two")
    assert status_of_program("", [ended]) == ProgramStatus(ProgramState.DONE, message="finished in 3 s")
    assert status_of_program("", []) == NOTHING_RUNS


@pytest.mark.parametrize(
    ("environ", "silent", "may_ask"),
    [
        (XTERM, False, True),
        ({**XTERM, "TMUX": "/tmp/tmux-0/default,1,0"}, False, True),
        ({"TERM": "linux"}, False, False),
        ({**XTERM, "STY": "1.pts-0.host"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({}, True, False),
    ],
)
def test_a_terminal_that_would_show_it_as_text_gets_nothing(
    environ: dict[str, str], *, silent: bool, may_ask: bool
) -> None:
    assert (takes_nothing(environ), takes_queries(environ)) == (silent, may_ask)
