"""The terminal of plain mode: lines in and lines out, each in a thread of its own.

The terminal itself edits the line that is typed (canonical mode), so the program never moves a cursor. Output
goes on while a line is typed; the terminal keeps what was typed, and Ctrl+R shows it once more. Writing may
block, as after Ctrl+S: then only the thread waits.
"""

from __future__ import annotations

import asyncio
import os
import queue
import select
from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.read_aloud import in_words, line, one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

TOGETHER_S: Final = 0.05
"""Lines that come within this time of each other were pasted: nobody types so fast."""
PASTE_S: Final = 0.5
"""The same once there are two: a slow line brings a paste in pieces, and none of them may count as the Enter
that sends all."""
LONGEST_LINE: Final = 4095
"""Bytes of a line that a terminal passes on; it drops what is behind them."""
READ_BYTES: Final = 1 << 16
CLOSE_S: Final = 2.0
"""Most seconds that leaving waits for a terminal that takes no output."""


class Entered(Struct, frozen=True):
    """A line of the person. `is_pasted`: it came together with others, so its end was no Enter."""

    text: str
    at_s: float = 0.0
    """When it was read (monotonic)."""
    is_pasted: bool = False
    is_cut: bool = False
    """The terminal may have dropped its end."""
    is_early: bool = False
    """It was typed before a session was shown."""


class LineReader:
    """Reads lines from a descriptor. `take` gets each of them, then None at the end, in the loop."""

    def __init__(self, descriptor: int, take: Callable[[Entered | None], object]) -> None:
        self._descriptor = descriptor
        self.is_terminal = os.isatty(descriptor)
        self._take = take
        self._begun = b""
        self._has_ended = False
        self.unfinished = ""
        """What was typed, and passed on by the terminal without an Enter (Ctrl+D), before the end."""

    def start(self) -> None:
        """Read from now on, to the end of the input or of the program."""
        Thread(target=self._read, args=(asyncio.get_running_loop(),), daemon=True, name="lines").start()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        # The loop may be closed: then the program ends.
        with suppress(RuntimeError):
            while not self._has_ended and (lines := self._next_lines()):
                for entered in lines:
                    loop.call_soon_threadsafe(self._take, entered)
            self.unfinished = self._begun.decode("utf-8", "replace").strip()
            loop.call_soon_threadsafe(self._take, None)

    def _next_lines(self) -> list[Entered]:
        """The next line, or the lines of a paste; none at the end of the input."""
        rows: list[bytes] = []
        at_s = 0.0
        while not rows or (self.is_terminal and self._has_more(PASTE_S if len(rows) > 1 else TOGETHER_S)):
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except OSError:
                # The terminal was closed.
                data = b""
            if not data:
                self._has_ended = True
                break
            at_s = at_s or monotonic()
            *complete, self._begun = (self._begun + data).split(b"\n")
            rows += complete
        is_pasted = self.is_terminal and len(rows) > 1
        return [
            Entered(
                row.decode("utf-8", "replace").rstrip("\r"),
                at_s,
                is_pasted,
                is_cut=self.is_terminal and len(row) >= LONGEST_LINE,
            )
            for row in rows
        ]

    def _has_more(self, within_s: float) -> bool:
        return bool(select.select([self._descriptor], [], [], within_s)[0])


class Output:
    """Appends lines to a stream. Nothing is ever moved or written over."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._is_line_open = False
        """The cursor stands behind a prompt, or behind what the terminal echoed."""
        self._prompted_s = 0.0
        self.is_closed = False
        """The terminal is gone, or the reader of the output; or it took nothing at the end."""
        self._thread = Thread(target=self._write, daemon=True, name="output")
        self._thread.start()

    def tell(self, label: str, text: str) -> None:
        """Write one line with a label. The text is ours; names in it stand in quotation marks."""
        self.put(line(label, in_words(text)))

    def put(self, *lines: str) -> None:
        """Write lines that `core.read_aloud` or `core.voice` has made."""
        for one in lines:
            start = "\n" if self._is_line_open else ""
            self._is_line_open = False
            self._pieces.put(f"{start}{one}\n")

    def prompt(self, text: str = "you") -> None:
        """Write a prompt, unless the line is behind one."""
        if not self._is_line_open:
            self._is_line_open, self._prompted_s = True, monotonic()
            self._pieces.put(f"{one_line(text)}> ")

    def entered(self, at_s: float) -> None:
        """The person ended a line at this time (monotonic): what comes next stands on a new one.

        Not behind a prompt that was written later, and where no terminal echoes the line break.
        """
        if self._is_terminal and at_s > self._prompted_s:
            self._is_line_open = False

    def interrupted(self) -> None:
        """The terminal has echoed a Ctrl+C."""
        self._is_line_open = self._is_terminal

    def ring(self) -> None:
        """Ring the bell of the terminal."""
        if self._is_terminal:
            self._pieces.put("\a")

    def close(self) -> None:
        """Wait until everything is written, but not forever: the terminal may be stopped.

        What is not written by then is lost.
        """
        self._pieces.put("\n" if self._is_line_open else "")
        self._pieces.put(None)
        self._thread.join(CLOSE_S)
        self.is_closed |= self._thread.is_alive()

    def _write(self) -> None:
        while (piece := self._pieces.get()) is not None:
            if self.is_closed:
                continue
            try:
                self._stream.write(piece)
                if self._pieces.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                self.is_closed = True
        with suppress(OSError, ValueError):
            self._stream.flush()
