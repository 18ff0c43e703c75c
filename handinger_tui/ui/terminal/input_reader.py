"""Listening: what is typed is read by the loop itself. No thread stands between a key and the screen."""

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
"""How often to ask whether the beginning of a sequence was a key after all, while there is one."""


class InputReader:
    """Reads a terminal: `take` is given each message, `gone` is called once nothing can come any more.

    What either of them or the parser raises is handed to `failed`: an error in the loop itself would be
    written over the screen, and nothing more.
    """

    def __init__(
        self,
        fd: int,
        parser: ReplyParser,
        take: Callable[[Message], None],
        gone: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._fd: Final = fd
        self._parser: Final = parser
        self._take: Final = take
        self._gone: Final = gone
        self._failed: Final = failed
        self._decode: Final = getincrementaldecoder("utf-8")("replace").decode
        self._loop: AbstractEventLoop | None = None
        self._again: TimerHandle | None = None

    def start(self, loop: AbstractEventLoop) -> None:
        """Read from now on.

        Raises:
            OSError, NotImplementedError: the loop cannot wait for such a file.
        """
        # What a message means must not depend on who was at work when listening began.
        Context().run(loop.add_reader, self._fd, self._read)
        self._loop = loop
        self._watch()

    def stop(self) -> None:
        """Read no more; half a sequence is dropped."""
        if self._loop is not None:
            self._loop.remove_reader(self._fd)
            self._loop = None
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def hear(self, data: bytes) -> None:
        """As if it had just been read."""
        if text := self._decode(data):
            self._pass_on(lambda: self._parser.feed(text))

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ)
        except BlockingIOError:
            return
        except OSError:
            # Linux reports a terminal that hung up this way.
            data = b""
        if data:
            self.hear(data)
        else:
            self.stop()
            self._gone()

    def _pass_on(self, heard: Callable[[], Iterable[Message]]) -> None:
        try:
            for message in heard():
                self._take(message)
        except Exception as problem:  # noqa: BLE001 - as said above
            self.stop()
            self._failed(problem)
        self._watch()

    def _watch(self) -> None:
        if self._loop is not None and self._again is None and self._parser.unsure:
            self._again = self._loop.call_later(AGAIN_S, self._ask_again)

    def _ask_again(self) -> None:
        self._again = None
        self._pass_on(self._parser.tick)
