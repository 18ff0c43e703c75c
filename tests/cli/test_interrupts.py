"""A signal ends the program at any moment: real processes, a service that counts POSTs."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from handinger_tui.cli import signals
from handinger_tui.cli.args import parse
from handinger_tui.cli.commands.schema import schema_id
from handinger_tui.cli.run_output import end_early, progress_of
from handinger_tui.core.errors import LedgerError
from tests.cli.program import environ, service, start
from tests.e2e.runner import KEY

UP = """
import sys

class Finder:
    def find_spec(self, name, *_):
        if name == "handinger_tui.cli.signals":
            sys.stderr.write("up\\n")
            sys.stderr.flush()

sys.meta_path.insert(0, Finder())
from handinger_tui.cli.main import main
sys.exit(main())
"""
"""Prints a line at the first instruction of the program: the start of Python is not ours."""

SWALLOWED = """
import os, signal, sys, weakref

class Anything:
    pass

class Finder:
    def find_spec(self, name, *_):
        if name == "handinger_tui.cli.headless":
            # Python drops what a callback of a weak reference raises, and imports have such callbacks.
            thing = Anything()
            self.kept = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.NUMBER))
            del thing

sys.meta_path.insert(0, Finder())
from handinger_tui.cli.main import main
sys.exit(main())
"""

NO_HANDLERS = """
import asyncio, sys

def refuse(*_):
    raise NotImplementedError

# As the loops of Windows.
asyncio.SelectorEventLoop.add_signal_handler = refuse
from handinger_tui.cli.main import main
sys.exit(main())
"""
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGQUIT: 131}
TURN = ("-p", "hello", "--json")


def only_object(out: str) -> dict[str, object]:
    (line,) = out.splitlines()
    value: dict[str, object] = json.loads(line)
    return value


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        *((signal.SIGINT, moment) for moment in (0.0, 0.06, 0.15, 0.3)),
        *((signal.SIGTERM, moment) for moment in (0.03, 0.1, 0.2)),
    ],
)
def test_a_signal_at_any_moment_ends_the_program(
    number: signal.Signals, moment: float, tmp_path: Path
) -> None:
    with service() as (player, url):
        process = start(environ(tmp_path, url), *TURN, code=UP)
        assert process.stderr is not None
        assert process.stderr.readline() == "up\n"
        # The only test with a random moment: either of two ends is right.
        time.sleep(moment)
        before = player.posts == 0
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode in {CODES[number], -number} if before else process.returncode is not None
    if process.returncode == CODES[number]:
        assert only_object(out)["schema"] == schema_id("result")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGQUIT"])
def test_a_signal_whose_exception_python_drops_ends_the_program(number: str, tmp_path: Path) -> None:
    with service() as (player, url):
        process = start(environ(tmp_path, url), *TURN, code=SWALLOWED.replace("NUMBER", number))
        out, err = process.communicate(timeout=60)
    assert (process.returncode, player.requests) == (CODES[signal.Signals[number]], [])
    assert "Traceback" not in err
    result = only_object(out)
    assert (result["status"], result["draft"], result["posts_sent"]) == ("not_sent", "hello", 0)


def test_an_interrupt_that_python_drops_before_our_handlers_ends_the_program(tmp_path: Path) -> None:
    code = SWALLOWED.replace("NUMBER", "SIGINT").replace("cli.headless", "cli.signals")
    with service() as (player, url):
        process = start(environ(tmp_path, url), *TURN, code=code)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, player.requests) == (130, [])
    assert "Traceback" not in err
    result = only_object(out)
    assert (result["status"], result["draft"]) == ("not_sent", "hello")
    assert json.loads(out)["error"]["kind"] == "interrupted"


@pytest.mark.parametrize("number", CODES)
def test_endless_standard_input_is_announced_and_can_be_interrupted(
    number: signal.Signals, tmp_path: Path
) -> None:
    with service() as (player, url):
        process = start(environ(tmp_path, url), *TURN, stdin=subprocess.PIPE)
        assert process.stderr is not None
        assert process.stderr.readline() == "Reading standard input…\n"
        process.send_signal(number)
        assert process.stdout is not None
        # Not `communicate`: that would end the input.
        assert process.wait(60) == CODES[number]
        out = process.stdout.read()
        process.communicate()
    assert player.requests == []
    assert (only_object(out)["status"], only_object(out)["draft"]) == ("not_sent", "hello")


def test_without_signals_in_the_event_loop_one_object_is_printed_too(tmp_path: Path) -> None:
    variables = environ(tmp_path, None, HANDINGER_LOCAL_PACE="1")
    argv = ("-p", "long 60", "--local", "--output-format", "stream-json")
    process = start(variables, *argv, code=NO_HANDLERS)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while json.loads(lines[-1])["type"] != "text-delta":
        lines.append(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    results = [one for one in map(json.loads, out.splitlines()) if one["type"] == "result"]
    assert [one["status"] for one in results] == ["running"]


def test_a_second_signal_does_not_cut_the_object(tmp_path: Path) -> None:
    with service() as (player, url):
        process = start(environ(tmp_path, url), *TURN, stdin=subprocess.PIPE)
        assert process.stderr is not None
        process.stderr.readline()
        for _ in range(5):
            process.send_signal(signal.SIGINT)
        out, _err = process.communicate(timeout=60)
    assert (process.returncode, player.requests) == (130, [])
    result = only_object(out)
    assert (result["status"], result["draft"]) == ("not_sent", "hello")
    assert json.loads(out)["error"]["kind"] == "interrupted"
    assert KEY not in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_signals_up_to_the_end_change_neither_exit_code_nor_output(number: int, tmp_path: Path) -> None:
    words = ("-p", "silent 300", "--local", "--output-format", "stream-json")
    process = start(environ(tmp_path), *words)
    assert process.stdout is not None
    while '"reasoning-delta"' not in process.stdout.readline():
        pass
    while process.poll() is None:
        process.send_signal(number)
        time.sleep(0.005)
    _, err = process.communicate(timeout=60)
    assert process.returncode == signals.CODES[number]
    assert "The local worker ends with this program, and the turn with it." in err
    assert "attach" not in err


def test_an_error_after_the_message_was_sent_never_claims_that_nothing_was_charged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["-p", "hello", "--json"]
    args = parse(words)
    progress_of(args).turn_id = "turn_1"
    assert end_early(LedgerError("The history is damaged."), words, args) == 10
    result = json.loads(capsys.readouterr().out)
    assert (result["status"], result["error"]["may_have_been_charged"]) == ("unknown", True)
