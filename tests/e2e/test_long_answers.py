"""An answer of any length in plain mode: each line is read out once, and it can be left in the middle."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from handinger_tui.cli.exit_codes import Exit
from tests.e2e.long_answers import KINDS, numbers_in, writing_worker
from tests.e2e.test_plain import PATIENCE_S, Plain, plain

pytestmark = pytest.mark.terminal


@pytest.mark.parametrize("count", [80, pytest.param(20_000, marks=pytest.mark.slow)])
def test_each_line_of_a_long_answer_is_read_out_once(tmp_path: Path, count: int) -> None:
    with writing_worker() as (server, _), plain(tmp_path, "--plain", server=server) as it:
        for number, kind in enumerate(KINDS, 1):
            it.enters(f"write {kind} {count}")
            assert numbers_in(it.reads(f"done: turn {number}, ")) == [*range(count)], kind
        it.enters("/quit")
        assert it.ends() == 0


def interrupt(it: Plain) -> None:
    it.kill(signal.SIGINT)
    it.reads("Press Ctrl+C again to quit.")
    it.kill(signal.SIGINT)


def hang_up(it: Plain) -> None:
    it.kill(signal.SIGHUP)


def end_input(it: Plain) -> None:
    it.type("\x04")


@pytest.mark.parametrize(("leave", "code"), [(interrupt, 130), (hang_up, 143), (end_input, 0)])
def test_who_leaves_in_the_middle_of_a_long_answer_hears_it_all_later(
    tmp_path: Path, leave: object, code: int
) -> None:
    count = 600
    with writing_worker() as (server, may_go_on):
        with plain(tmp_path, "--plain", server=server) as it:
            it.enters(f"hold items {count}")
            it.reads(f"Line {count // 2 - 2} ")
            assert callable(leave)
            leave(it)
            assert it.ends() == code
            numbers = numbers_in("\n".join(it.lines))
            assert numbers == [*range(len(numbers))]
            assert "still running: it may keep charging." in "\n".join(it.lines)
        with plain(tmp_path, "--plain", "-c", server=server) as it:
            may_go_on.set()
            assert numbers_in(it.reads("done: turn 1, ")) == [*range(count)]
            it.enters("/quit")
            assert it.ends() == 0


@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", Exit.LOCAL_IO)])
def test_a_terminal_that_takes_nothing_keeps_no_program(tmp_path: Path, key: str, code: int) -> None:
    with writing_worker() as (server, _), plain(tmp_path, "--plain", server=server) as it:
        it.enters("write items 5000")
        it.reads("Line 5 ")
        # Ctrl+S: the terminal takes no more. Ctrl+C lets it take what fits, which nobody reads.
        it.type("\x13")
        give_up = time.monotonic() + PATIENCE_S
        while it.is_running:
            assert time.monotonic() < give_up
            it.type(key)
            time.sleep(0.2)
        assert it.ends() == code
