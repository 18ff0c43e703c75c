"""Whatever ends the program, and whenever: no mode of the terminal stays on."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.rawterm import RawTerminal, rawterm

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(sys.platform != "linux", reason="setsid --ctty is of Linux"),
]
MODE: Final = re.compile(rb"\x1b\[\?(\d+)([hl])")
CURSOR, WRAP = 25, 7
MOUSE_ON, MOUSE_OFF = b"\x1b[?1003h", b"\x1b[?1003l"
EARLY, FIRST, STREAMING = "Ask a worker", "Three things to try", "Paragraph 3."
"""Words of the early prompt, of the first screen, and of a running answer."""

LEFT = "\x1b[?1049l"
"""The screen is the shell's again."""


def modes(data: bytes) -> set[int]:
    """The modes that are on after these bytes."""
    on = {CURSOR, WRAP}
    for number, end in MODE.findall(data):
        (on.add if end == b"h" else on.discard)(int(number))
    return on


@contextmanager
def moving_mouse(terminal: RawTerminal) -> Iterator[None]:
    """A mouse that moves as long as mouse reports are enabled.

    A terminal reports nothing before it has processed what the program wrote, however slow it is.
    """
    ended = threading.Event()

    def move() -> None:
        for at in count():
            if ended.wait(0.005):
                return
            is_on = terminal.output.rfind(MOUSE_ON) > terminal.output.rfind(MOUSE_OFF)
            if is_on and terminal.has_read_all:
                terminal.send(b"\x1b[<35;%d;%dM" % (at % 100 + 1, at % 30 + 1))

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (EARLY, b"\x04"),
        pytest.param(EARLY, b"\x03\x03", marks=pytest.mark.slow),
        (FIRST, b"\x11\x04"),
        (STREAMING, b"\x03\x03"),
    ],
    ids=["early ^D", "early ^C ^C", "first screen ^Q ^D", "in an answer ^C ^C"],
)
def test_quitting_at_any_moment_resets_the_modes(tmp_path: Path, moment: str, end: bytes) -> None:
    argv = ("--local", "long 300") if moment == STREAMING else ("--local",)
    with rawterm(*argv, home=tmp_path, in_control=True, HANDINGER_LOCAL_PACE="0.1") as terminal:
        with moving_mouse(terminal):
            terminal.wait_for(moment)
            terminal.send(end)
            assert terminal.ends() == 0
        assert modes(bytes(terminal.output)) == {CURSOR, WRAP}
        assert terminal.output.count(b"\x1b[<u") >= len(re.findall(rb"\x1b\[>\d+u", terminal.output))
        assert terminal.attributes() == terminal.first_attributes
        assert b"[<35;" not in terminal.output, "no report is echoed"


@pytest.mark.parametrize(
    ("moment", "number", "code"), [(EARLY, signal.SIGINT, 130), (STREAMING, signal.SIGTERM, 143)]
)
def test_a_signal_at_any_moment_resets_the_modes(
    tmp_path: Path, moment: str, number: signal.Signals, code: int
) -> None:
    argv = ("--local", "long 300") if moment == STREAMING else ("--local",)
    with rawterm(*argv, home=tmp_path, in_control=True, HANDINGER_LOCAL_PACE="0.1") as terminal:
        with moving_mouse(terminal):
            terminal.wait_for(moment)
            terminal.signal(number)
            assert terminal.ends() == code
        assert modes(bytes(terminal.output)) == {CURSOR, WRAP}
        assert terminal.attributes() == terminal.first_attributes


def test_another_interrupt_while_the_program_ends_changes_nothing(tmp_path: Path) -> None:
    with rawterm("--local", home=tmp_path, in_control=True) as terminal:
        terminal.wait_for(FIRST)
        terminal.send(b"\x03\x03")
        terminal.wait_for(FIRST, LEFT)
        while terminal.is_running:
            terminal.signal(signal.SIGINT)
            time.sleep(0.002)
        # 130: one of them came before the app was gone.
        assert terminal.ends() in {0, 130}
