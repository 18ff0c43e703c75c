"""Decisions before the command line is parsed agree with the parser."""

from __future__ import annotations

import os
import pty
import select
import sys
import termios
import time
from itertools import chain, combinations

import pytest

from handinger_tui.cli import args, early_prompt, main
from handinger_tui.cli.early_prompt import EarlyFrame


def test_options_that_paint_the_early_prompt_show_the_screen() -> None:
    options = sorted(main.SCREEN_OPTIONS)
    mixtures = chain.from_iterable(combinations(options, count) for count in range(len(options) + 1))
    for mixture in mixtures:
        parsed = args.parse([*mixture, *mixture])
        assert args.shows_screen(parsed)
        given = vars(main.screen_options([*mixture, *mixture]))
        assert {name: value for name, value in vars(parsed).items() if value or name in given} == given


def test_lines_entered_before_the_terminal_is_raw_are_separate() -> None:
    ours, theirs = pty.openpty()
    interval = sys.getswitchinterval()
    try:
        # The terminal makes line feeds of Enter as long as it is not raw.
        os.write(ours, b"/limit day 1\rone\rtw")
        while select.select([theirs], [], [], 0)[0] == []:
            pass
        frame = EarlyFrame(theirs, theirs, termios.tcgetattr(theirs), 80, 24)
        assert frame.lines == ["/limit day 1", "one"]
        assert frame.finish() == ("tw", [b""])
    finally:
        sys.setswitchinterval(interval)
        os.close(ours)
        os.close(theirs)


def test_early_bytes_are_cut_where_a_pause_shows_that_they_were_not_pasted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([1.0, 1.3, 1.31, 1.6, 1.9, 1.95])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    typed = early_prompt.Typed()
    for data in (b"one", b"\r", b"two", b"\r", b"\xe6", b"\xbc\xa2"):
        typed.add(data)
    assert typed.text == "one"
    assert typed.pieces == [b"\rtwo", b"\r", b"\xe6\xbc\xa2"]


def test_threads_of_the_app_wait_no_longer_for_the_interpreter_than_those_of_the_early_prompt() -> None:
    before = sys.getswitchinterval()
    ours, theirs = pty.openpty()
    try:
        frame = EarlyFrame(theirs, theirs, termios.tcgetattr(theirs), 80, 24)
        during = sys.getswitchinterval()
        assert during < before
        frame.finish()
        assert sys.getswitchinterval() == during, "the app has the terminal now"
        sys.setswitchinterval(before)
        EarlyFrame(theirs, theirs, termios.tcgetattr(theirs), 80, 24).put_back()
        assert sys.getswitchinterval() == before, "there is no app"
    finally:
        sys.setswitchinterval(before)
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("attach wrk_1", True),
        ("attach wrk_1 -p", False),
        ("attach wrk_1 --json", False),
        ("attach wrk_1 -o answer.md", False),
        ("-r", True),
        ("-w wrk_1 -f picture.png", True),
        ("-p", False),
        ("--detach", False),
        ("--dry-run", False),
        ("-o answer.md", False),
        ("--output-format text", False),
        ("sessions", False),
        ("costs --json", False),
    ],
)
def test_the_screen_is_shown_unless_output_is_requested(line: str, shown: bool) -> None:
    assert args.shows_screen(args.parse(line.split())) is shown


def test_the_version_is_printed_as_by_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--version"]) == 0
    ours = capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        args.parse(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == ours
