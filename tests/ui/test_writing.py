"""What is written: at once where the terminal takes it, in order always, and nobody waits for it."""

from __future__ import annotations

import os
import pty
import select
import tty
from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import TextIO

import pytest
from textual.drivers._writer_thread import MAX_QUEUED_WRITES

from handinger_tui.ui.terminal import output_writer
from handinger_tui.ui.terminal.output_writer import OutputWriter

pytestmark = pytest.mark.timeout(60)


class Line:
    """A pseudo-terminal: our file, and the end that a terminal reads."""

    def __init__(self) -> None:
        self.far, near = pty.openpty()
        tty.setraw(near)
        self.file: TextIO = os.fdopen(near, "w", encoding="utf-8", errors="backslashreplace")

    def ready(self) -> bool:
        """Something can be read."""
        return bool(select.select([self.far], [], [], 0)[0])

    def read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        told = b""
        while len(told) < size:
            told += os.read(self.far, size - len(told))
        return told


@pytest.fixture
def line() -> Iterator[Line]:
    """Closed afterwards."""
    one = Line()
    yield one
    one.file.close()
    os.close(one.far)


def test_what_the_terminal_takes_needs_no_thread(line: Line) -> None:
    writer = OutputWriter(line.file)
    writer.write("a letter: é")
    # The thread does not even run.
    assert line.read(12) == "a letter: é".encode()
    writer.start()
    writer.stop()


def test_nobody_waits_for_a_slow_terminal_and_the_order_stays(line: Line) -> None:
    chance = Random(3)
    texts = [chr(chance.randint(0xA1, 0x2FFF)) * chance.randint(1, 30_000) for _ in range(MAX_QUEUED_WRITES)]
    writer = OutputWriter(line.file)
    writer.start()
    # Far more than fits into a pseudo-terminal, and nobody reads yet.
    for text in texts:
        writer.write(text)
    whole = "".join(texts).encode()
    assert line.read(len(whole)) == whole
    writer.stop()


def test_what_comes_while_the_thread_is_behind_goes_behind_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, slow = Event(), output_writer._write_all

    def held(fd: int, data: bytes) -> None:
        go.wait()
        slow(fd, data)

    monkeypatch.setattr(output_writer, "_write_all", held)
    monkeypatch.setattr(output_writer, "_write_some", lambda fd, data: os.write(fd, data[:1]))
    writer = OutputWriter(line.file)
    writer.start()
    writer.write("abc")
    # The terminal would take it now.
    writer.write("d")
    assert line.read(1) == b"a"
    assert not line.ready()
    go.set()
    assert line.read(3) == b"bcd"
    writer.stop()


def test_a_signal_in_the_middle_of_writing_may_write(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = OutputWriter(line.file)
    real = output_writer._write_some

    def interrupted(fd: int, data: bytes) -> int:
        monkeypatch.setattr(output_writer, "_write_some", real)
        writer.write("signal ")
        return real(fd, data)

    monkeypatch.setattr(output_writer, "_write_some", interrupted)
    writer.write("paint")
    assert line.read(12) == b"signal paint"
    writer.start()
    writer.stop()


def test_the_inherited_description_still_blocks(line: Line) -> None:
    writer = OutputWriter(line.file)
    writer.write("x")
    assert os.get_blocking(line.file.fileno())
    writer.start()
    writer.stop()


def test_one_that_does_not_block_loses_nothing(line: Line) -> None:
    os.set_blocking(line.file.fileno(), False)
    writer = OutputWriter(line.file)
    writer.start()
    text = "y" * 500_000
    writer.write(text)
    assert line.read(len(text)) == text.encode()
    writer.stop()
    os.set_blocking(line.file.fileno(), True)


def test_what_is_no_terminal_is_written_by_the_thread(tmp_path: Path) -> None:
    with (tmp_path / "screen").open("w", encoding="utf-8") as file:
        writer = OutputWriter(file)
        writer.write("one ")
        writer.start()
        writer.write("two é")
        writer.stop()
    assert (tmp_path / "screen").read_text("utf-8") == "one two é"


def test_a_sign_that_the_terminal_has_no_bytes_for_is_spelt(line: Line) -> None:
    near = os.dup(line.file.fileno())
    with os.fdopen(near, "w", encoding="latin-1", errors="backslashreplace") as file:
        writer = OutputWriter(file)
        writer.write("é東")
        assert line.read(7) == b"\xe9\\u6771"
        writer.start()
        writer.stop()


def test_writing_to_a_closed_terminal_ends() -> None:
    far, near = pty.openpty()
    terminal = os.fdopen(near, "w")
    writer = OutputWriter(terminal)
    writer.start()
    os.close(far)
    for _ in range(10 * MAX_QUEUED_WRITES):
        writer.write("x" * 1000)
    writer.stop()
    assert not writer.is_alive()
    terminal.close()


def test_a_terminal_that_is_closed_while_the_thread_waits_for_it_lets_it_go() -> None:
    far, near = pty.openpty()
    tty.setraw(near)
    terminal = os.fdopen(near, "w")
    writer = OutputWriter(terminal)
    writer.start()
    writer.write("x" * 1_000_000)
    ending = Thread(target=writer.stop)
    ending.start()
    os.close(far)
    ending.join()
    assert not writer.is_alive()
    terminal.close()
