"""What a terminal gets when a turn ends: the bytes, in one that takes notices and in one that does not."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.rawterm import PATIENCE_S, RawTerminal, rawterm

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(sys.platform != "linux", reason="setsid --ctty is of Linux"),
]
GHOSTTY = {"TERM_PROGRAM": "ghostty", "TERM_PROGRAM_VERSION": "1.3.0"}
ALONE = dict.fromkeys(("TMUX", "STY", "ZELLIJ", "TERM_PROGRAM", "LC_TERMINAL", "VTE_VERSION"), "")
FOCUS_LOST = b"\x1b[O"
STATUS_ANSWER = b"\x1b]7501;?\x1b\\"
BELL = re.compile(rb"(?<!22;default)\x07")
FIRST_SCREEN = "Three things to try"


@contextmanager
def local(*argv: str, home: Path, **environ: str) -> Iterator[RawTerminal]:
    """The program with the local worker, in a terminal without a name but for that in `environ`."""
    variables = {**ALONE, "HANDINGER_LOCAL_PACE": "0.1", **environ}
    with rawterm("--local", *argv, home=home, rows=40, columns=120, in_control=True, **variables) as running:
        yield running


def wait_for_bytes(terminal: RawTerminal, wanted: bytes) -> None:
    """Look elsewhere until the bytes were written."""
    end = time.monotonic() + PATIENCE_S
    while not re.search(wanted, bytes(terminal.output)):
        assert time.monotonic() < end, bytes(terminal.output[-2000:])
        # An Enter that waits for what opens comes after the first of them, and gives the focus back.
        terminal.send(FOCUS_LOST)
        terminal.drain()


def test_who_looks_elsewhere_gets_one_notice_at_the_end_of_a_turn(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    script = tmp_path / "hook.py"
    script.write_text(
        "import json, os, sys\n"
        f"new = {str(facts)!r} + '.new'\n"
        "with open(new, 'w') as file:\n"
        "    json.dump({**json.load(sys.stdin), 'variables': sorted(os.environ)}, file)\n"
        f"os.rename(new, {str(facts)!r})\n"
    )
    tmp_path.joinpath("config.toml").write_text(f"on_done = {json.dumps([sys.executable, str(script)])}\n")
    with local(home=tmp_path, HANDINGER_API_KEY="hdg_secret", **GHOSTTY) as terminal:
        terminal.wait_for(FIRST_SCREEN)
        wait_for_bytes(terminal, re.escape(STATUS_ANSWER))
        assert b"\x1b]7501;state" not in terminal.output, "it has not answered"
        terminal.send(STATUS_ANSWER)
        wait_for_bytes(terminal, rb"7501;state=idle:app=handinger-tui\x1b")
        terminal.press("echo AAA")
        terminal.press("\r")
        wait_for_bytes(terminal, rb"7501;state=done:app=handinger-tui:msg=[^:]+\x1b")
        wait_for_bytes(terminal, rb"\x1b\]9;4;0\x1b")
        wait_for_bytes(terminal, rb"\x1b\]777;")
        output = bytes(terminal.output)
        (notification,) = re.findall(rb"\x1b\]777;([^\x1b]*)\x1b\\", output)
        assert re.fullmatch(rb"notify;echo AAA;finished in [\d.]+ s, \$0\.\d+ so far", notification)
        assert len(BELL.findall(output)) == 1
        assert output.index(b"state=working") < output.index(b"state=done")
        assert output.count(b"\x1b]9;4;3\x1b") == 1
        while not facts.exists():
            terminal.drain()
        terminal.press("\x03")
        terminal.press("\x03")
        assert terminal.ends() == 0
        at_end = bytes(terminal.output[len(output) :])
        assert b"\x1b]7501;state=clear\x1b\\" in at_end
        assert b"\x1b]9;4;0\x1b\\" in at_end
        assert b"\x1b]777;" not in at_end
    got = json.loads(facts.read_text())
    assert (got["event"], got["title"], got["result"]["status"]) == ("done", "echo AAA", "completed")
    assert "AAA" in got["result"]["text"]
    assert "HANDINGER_API_KEY" not in got["variables"]


def test_a_signal_takes_back_progress_and_status(tmp_path: Path) -> None:
    with local("long 300", home=tmp_path, **GHOSTTY) as terminal:
        terminal.wait_for("]7501;?")
        terminal.send(STATUS_ANSWER)
        terminal.wait_for("7501;state=working:id=")
        terminal.wait_for("]9;4;3")
        terminal.signal(signal.SIGTERM)
        assert terminal.ends() == 143
        assert terminal.output.rindex(b"\x1b]9;4;0\x1b\\") > terminal.output.rindex(b"\x1b]9;4;3\x1b\\")
        assert terminal.output.rindex(b"7501;state=clear") > terminal.output.rindex(b"7501;state=working")


@pytest.mark.parametrize(("notify", "bells"), [("auto", 1), pytest.param("off", 0, marks=pytest.mark.slow)])
def test_an_unknown_terminal_gets_the_bell_only(tmp_path: Path, notify: str, bells: int) -> None:
    tmp_path.joinpath("config.toml").write_text(f'notify = "{notify}"\n')
    with local(home=tmp_path) as terminal:
        terminal.wait_for(FIRST_SCREEN)
        terminal.press("echo AAA")
        terminal.press("\r")
        # The line below the answer is drawn after the bell.
        wait_for_bytes(terminal, rb"[\d.]+ s \xc2\xb7 \$0\.\d+ so far")
        terminal.drain()
        output = bytes(terminal.output)
        assert not re.search(rb"\x1b\](?:9|99|777|7501);[^?]", output)
        assert len(BELL.findall(output)) == bells


OUTER_NAME = b"\x1bP>|ghostty 1.3.0\x1b\\"
"""The answer of the terminal around tmux to the query of its name."""


@contextmanager
def shown_in_tmux(home: Path, passthrough: str) -> Iterator[Callable[[], bytes]]:
    """The program in tmux, in a terminal that says it is Ghostty; yields what reads that terminal's input."""
    tmux = ["tmux", "-L", f"handinger-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
    near, far = os.openpty()
    environ = {name: text for name, text in os.environ.items() if name not in ALONE}
    environ |= {"TERM": "xterm-256color", "HANDINGER_TUI_HOME": str(home), "HANDINGER_LOCAL_PACE": "0.1"}
    # The settings come first: a server ends with its last session.
    settings = ["set", "-g", "allow-passthrough", passthrough, ";", "set", "-g", "bell-action", "any", ";"]
    # Its message is sent at the start: an Enter may come too early on a busy machine.
    program = [sys.executable, "-m", "handinger_tui", "--local", "long 30"]
    client = subprocess.Popen(
        [*tmux, "start-server", ";", *settings, "new-session", "-s", "it", "-x", "100", "-y", "30", *program],
        stdin=far,
        stdout=far,
        stderr=far,
        env=environ,
        start_new_session=True,
    )
    os.close(far)
    output = bytearray()

    def read() -> bytes:
        if select.select([near], [], [], 0.1)[0]:
            piece = os.read(near, 1 << 16)
            output.extend(piece)
            if b"\x1b[>q" in piece:
                os.write(near, OUTER_NAME)
        return bytes(output)

    def keys(*words: str) -> None:
        subprocess.run([*tmux, "send-keys", "-t", "it", *words], check=True)

    def look_elsewhere() -> bytes:
        keys("-l", FOCUS_LOST.decode())
        return read()

    try:
        end = time.monotonic() + PATIENCE_S
        while b"[it]" not in read():
            assert time.monotonic() < end, bytes(output)
        # From before the turn on: on a busy machine it may end before the program has read that.
        while b"Paragraph 1" not in look_elsewhere():
            assert time.monotonic() < end, bytes(output)
        yield look_elsewhere
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
        client.kill()
        client.wait()
        os.close(near)


@pytest.mark.parametrize(
    ("passthrough", "notified"), [("on", True), pytest.param("off", False, marks=pytest.mark.slow)]
)
def test_through_tmux_a_notice_comes_only_where_tmux_passes_it_on(
    tmp_path: Path, passthrough: str, *, notified: bool
) -> None:
    with shown_in_tmux(tmp_path, passthrough) as look:
        end = time.monotonic() + PATIENCE_S
        wanted = rb"\x1b\]777;notify;long 30;finished in [^\x1b]*\x1b\\" if notified else rb"\x07"
        while not re.search(wanted, look()):
            assert time.monotonic() < end, look()[-2000:]
        output = look()
        assert b"\x07" in output
        assert (b"\x1b]777;" in output) is notified
        assert (b"\x1b]9;4;3" in output) is notified
