"""Terminal replies: separate the answers of the terminal from typed input, even late or split ones.

Textual's parser knows a few answers; it turns all others into keys, which would be typed into the prompt.
Until the first query is sent, this costs only one check of a flag.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any, Final

from textual import constants
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.events import Key, Paste
from textual.message import Message

from handinger_tui.ui.terminal.key_sequences import ESC, Cutter, Piece, normalized

_BODY: Final = r"[\x20-\x7e]{0,400}"
_END: Final = r"(?:\x1b\\|\x9c|\x07)"
ANSWER: Final = rf"\x1b_G{_BODY}{_END}|\x1bP>\|{_BODY}{_END}|\x1b\[\?[0-9;]{{0,60}}c"
"""An answer about graphics, the terminal name (XTVERSION) or device attributes (DA1)."""
_INCOMPLETE: Final = rf"\x1b(?:_G{_BODY}|P>\|{_BODY}|\[\?[0-9;]{{1,60}})\x1b?\Z"
"""An incomplete answer; typed input never begins like this."""
_MAYBE: Final = r"\x1b(?:_|P>?|\[\??)?\Z"
"""The first characters of an answer or of a key."""
_KEY_S: Final = 0.1
"""Seconds after which held characters are a key: keys arrive in one piece."""
_INCOMPLETE_S: Final = 5.0
"""Seconds after which an incomplete answer is dropped."""


class TerminalAnswer(Message, bubble=False):
    """An answer of the terminal."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: Final = text


class ReplyListener:
    """Separates answers from input. It belongs to the driver: an answer may arrive after a suspension."""

    def __init__(self) -> None:
        self.expecting = False
        """Whether any answer was ever expected; until then input is not searched for answers."""
        self.waiting = False
        """Whether the last answer (DA1) has not arrived yet."""
        self._pending = ""
        self._held_since = 0.0

    def expect_answers(self) -> None:
        """Expect answers from now on; the last one is DA1, which every terminal sends."""
        self.expecting = self.waiting = True

    @property
    def holds(self) -> bool:
        """Whether the beginning of a possible answer is held back."""
        return bool(self._pending)

    def split(self, data: str, now: float) -> tuple[str, list[str]]:
        """Split input into the text for the key parser and the complete answers."""
        text, self._pending = self._pending + data, ""
        answers = re.findall(ANSWER, text)
        if answers:
            text = re.sub(ANSWER, "", text)
            self.waiting = self.waiting and not any(answer.endswith("c") for answer in answers)
        incomplete = re.search(_INCOMPLETE, text) or (re.search(_MAYBE, text) if self.waiting else None)
        if incomplete is not None:
            self._pending, self._held_since, text = incomplete[0], now, text[: incomplete.start()]
        return text, answers

    def release(self, now: float) -> str:
        """Return held text that turned out to be a key; an answer that stays incomplete is dropped."""
        if not self._pending:
            return ""
        is_answer = re.match(_INCOMPLETE, self._pending) is not None
        if now - self._held_since < (_INCOMPLETE_S if is_answer else _KEY_S):
            return ""
        held, self._pending = self._pending, ""
        return "" if is_answer else held


META: Final = {
    "\r": "alt+enter",
    "\n": "alt+enter",
    "\x7f": "alt+backspace",
    "\x08": "alt+backspace",
    "b": "ctrl+left",
    "f": "ctrl+right",
    "d": "alt+d",
    "z": "alt+z",
}
"""Keys recognized with Alt, which most terminals send as ESC and the key.

Any other key after ESC counts as Esc and then the key: pressing Esc and typing on sends the same
bytes, and no letter may be lost.
"""
_BACKTAB: Final = "\x1b\t"
"""Shift+Tab on the Linux console."""
_LINE_BREAK: Final = "\x1bOM"
"""Shift+Enter of Konsole; also keypad Enter in a mode that this program never enables."""


class ReplyParser(XTermParser):
    """Textual's parser, extended: answers become messages, and sequences are cut by `Cutter`."""

    def __init__(self, reply_listener: ReplyListener, debug: bool = False) -> None:
        self._reply_listener = reply_listener
        self._cutter = Cutter()
        self._held_since = 0.0
        super().__init__(debug)

    @property
    def unsure(self) -> bool:
        """Whether held characters may be a key or the beginning of a sequence; `tick` decides later."""
        return self._reply_listener.holds or self._cutter.is_waiting

    def feed(self, data: str) -> Iterable[Message]:
        """Return the messages of the input, answers first."""
        if not data:
            return super().feed(data)
        return self._split_answers(data) if self._reply_listener.expecting else self._cut(data)

    def _split_answers(self, data: str) -> Iterator[Message]:
        text, answers = self._reply_listener.split(data, monotonic())
        yield from map(TerminalAnswer, answers)
        if text:
            yield from self._cut(text)

    def _cut(self, data: str) -> Iterator[Message]:
        for piece in self._cutter.cut(data):
            yield from self._messages(piece)
        if self._cutter.is_waiting:
            self._held_since = monotonic()

    def _messages(self, piece: Piece) -> Iterable[Message]:
        if piece.kind == "paste":
            return [Paste(piece.text.replace("\x00", ""))]
        if piece.kind == "typed":
            return super().feed(piece.text)
        if piece.text == ESC:
            return [Key("escape", ESC)]
        if piece.text == _LINE_BREAK:
            return [Key("shift+enter", None)]
        if piece.text[1] in "[O":
            return self._sequence(piece.text)
        if piece.text[1] in META:
            return [Key(META[piece.text[1]], None)]
        if piece.text == _BACKTAB and os.environ.get("TERM", "").startswith("linux"):
            return super().feed(_BACKTAB)
        return [Key("escape", ESC), *super().feed(piece.text[1:])]

    def _sequence(self, sequence: str) -> list[Message]:
        known_form = normalized(sequence)
        messages = list(super().feed(known_form)) if known_form else []
        if self._timeout_time is None:
            return messages
        # Textual does not know the sequence and waits for more input; end its wait.
        self._timeout_time = 0.0
        for _ in super().tick():
            pass
        is_report = sequence[-1].isalpha() or sequence[-1] == "~"
        if is_report and len(sequence) > len("\x1b[x"):
            return []
        return [Key("escape", ESC), *super().feed(sequence[1:])]

    def tick(self) -> Iterable[Message]:
        """Release held input after its time limit."""
        now = monotonic()
        if self._reply_listener.expecting and (keys := self._reply_listener.release(now)):
            yield from self._cut(keys)
        if self._cutter.is_waiting:
            is_report = self._cutter.is_report
            if now - self._held_since >= (_INCOMPLETE_S if is_report else constants.ESCAPE_DELAY):
                held = self._cutter.release()
                if not is_report:
                    yield Key("escape", ESC)
                    if len(held) > 1:
                        yield from super().feed(held[1:])


class ReplyDriver(Driver):
    """A driver that receives answers and writes an exit sequence before it leaves the terminal."""

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        self.reply_listener: Final = ReplyListener()
        self.exit_sequence: Callable[[], str] = str
        """Returns the output to write before the terminal is left, at the end or for a shell or an editor."""

    def cell_pixels(self) -> tuple[int, int]:
        """Return width and height of a cell in pixels as reported by the terminal, or else `USUAL_CELL`."""
        return USUAL_CELL


USUAL_CELL: Final = (10, 20)
"""Width and height in pixels of a common cell."""
