"""Input reader: the event loop itself reads the terminal, so no thread delays a key."""

from __future__ import annotations

import os
from asyncio import AbstractEventLoop, TimerHandle
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Final

from textual.message import Message

from handinger_tui.ui.terminal.terminal_replies import ReplyParser

READ: Final = 1 << 16
AGAIN_S: Final = 0.02
"""Seconds between checks whether an incomplete sequence was a key after all."""


class InputReader:
    """Reads a terminal: `on_message` gets each message, `on_hangup` is called once the terminal is closed.

    Exceptions of the parser and of `on_message` go to `on_error`: an unhandled error in the event loop
    would only be printed over the screen.
    """

    def __init__(
        self,
        fd: int,
        parser: ReplyParser,
        on_message: Callable[[Message], None],
        on_hangup: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._fd: Final = fd
        self._parser: Final = parser
        self._on_message: Final = on_message
        self._on_hangup: Final = on_hangup
        self._on_error: Final = on_error
        self._decode: Final = getincrementaldecoder("utf-8")("replace").decode
        self._loop: AbstractEventLoop | None = None
        self._timer: TimerHandle | None = None

    def start(self, loop: AbstractEventLoop) -> None:
        """Start reading.

        Raises:
            OSError, NotImplementedError: the event loop cannot wait for this kind of file.
        """
        # An empty context: messages must not inherit the context variables of the caller.
        Context().run(loop.add_reader, self._fd, self._read)
        self._loop = loop
        self._schedule_check()

    def stop(self) -> None:
        """Stop reading; an incomplete sequence is dropped."""
        if self._loop is not None:
            self._loop.remove_reader(self._fd)
            self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def feed(self, data: bytes) -> None:
        """Handle input as if it had just been read."""
        if text := self._decode(data):
            self._deliver(lambda: self._parser.feed(text))

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ)
        except BlockingIOError:
            return
        except OSError:
            # Linux reports a closed terminal this way.
            data = b""
        if data:
            self.feed(data)
        else:
            self.stop()
            self._on_hangup()

    def _deliver(self, parse: Callable[[], Iterable[Message]]) -> None:
        try:
            for message in parse():
                self._on_message(message)
        except Exception as problem:  # noqa: BLE001 - reported to `on_error`
            self.stop()
            self._on_error(problem)
        self._schedule_check()

    def _schedule_check(self) -> None:
        if self._loop is not None and self._timer is None and self._parser.unsure:
            self._timer = self._loop.call_later(AGAIN_S, self._check_again)

    def _check_again(self) -> None:
        self._timer = None
        self._deliver(self._parser.tick)
