"""--raw is for pipes and files, never for a terminal, with every command and every other option."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.main import main
from tests.e2e.runner import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chaos.server import FaultServer

ANSWER = "a\x1b[31337mCANARY\x1b]0;x\x07\u202eb"
SCENARIO = {"id": "raw", "op": "continue", "deltas": [ANSWER[:4], ANSWER[4:]]}


@contextmanager
def on_a_terminal() -> Iterator[tuple[int, io.StringIO]]:
    """A real terminal as stdout; yields its other end, and stderr."""
    master, slave = os.openpty()
    os.set_blocking(master, False)
    with os.fdopen(slave, "w") as out, redirect_stdout(out), redirect_stderr(io.StringIO()) as err:
        yield master, err
    os.close(master)


def nothing_came(master: int) -> bool:
    sys.stdout.flush()
    try:
        return not os.read(master, 1)
    except BlockingIOError:
        return True


@pytest.mark.parametrize("more", [(), ("--json",), ("--output-format", "stream-json"), ("-o", "x.txt")])
@pytest.mark.parametrize("command", [("-p", "hi"), ("attach", "w1"), ()])
def test_raw_output_to_a_terminal_is_refused(command: tuple[str, ...], more: tuple[str, ...]) -> None:
    with on_a_terminal() as (master, err):
        assert main([*command, "--raw", *more]) == Exit.USAGE
        assert nothing_came(master)
        assert "cannot be used when stdout is a terminal" in err.getvalue()


def test_raw_output_to_a_pipe_is_unchanged(server: FaultServer, tmp_path: Path) -> None:
    world = server.begin(SCENARIO)
    argv = ("-p", "hello", "-w", world.worker_id, "--raw")
    ran = run(*argv, "-o", str(tmp_path / "x.txt"), home=tmp_path, base_url=server.base_of(world))
    assert ran.out == ANSWER + "\n"
    assert (tmp_path / "x.txt").read_text("utf-8") == ran.out
    assert "\x1b" not in ran.err
    world = server.begin(SCENARIO)
    ran = run("attach", world.worker_id, "--json", "--raw", home=tmp_path, base_url=server.base_of(world))
    assert ran.out.isascii()
    assert ran.out.count("\n") == 1


def test_a_terminal_as_the_output_file_is_refused_and_receives_nothing(
    server: FaultServer, tmp_path: Path
) -> None:
    master, slave = os.openpty()
    os.set_blocking(master, False)
    link = tmp_path / "answer.txt"
    link.symlink_to(os.ttyname(slave))
    world = server.begin(SCENARIO)
    argv = ("-p", "hello", "-w", world.worker_id, "--raw", "-o", str(link))
    ran = run(*argv, home=tmp_path, base_url=server.base_of(world))
    assert ran.code == Exit.LOCAL_IO
    assert "Cannot save the answer" in ran.err
    assert link.is_symlink()
    assert nothing_came(master)
    os.close(slave)
    os.close(master)
