"""Decisions before the command line is parsed agree with the parser."""

from __future__ import annotations

import os
import pty
import sys
import termios
from itertools import chain, combinations

import pytest

from handinger_tui.cli import args, main
from handinger_tui.cli.early_prompt import EarlyFrame


def test_options_that_paint_the_early_prompt_show_the_screen() -> None:
    options = sorted(main.SCREEN_OPTIONS)
    mixtures = chain.from_iterable(combinations(options, count) for count in range(len(options) + 1))
    for mixture in mixtures:
        parsed = args.parse([*mixture, *mixture])
        assert args.shows_screen(parsed)
        given = vars(main.screen_options([*mixture, *mixture]))
        assert {name: value for name, value in vars(parsed).items() if value or name in given} == given


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
