"""Hearing: answers of the terminal are taken out of what is typed, however late or torn they come.

Textual's parser knows a few answers; of any other one it makes keys, which would be typed
into the prompt. Until something was asked, all of this costs one look at a flag.
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

from handinger_tui.ui.terminal.key_sequences import ESC, Cutter, Piece, plain

_BODY: Final = r"[\x20-\x7e]{0,400}"
_END: Final = r"(?:\x1b\\|\x9c|\x07)"
ANSWER: Final = rf"\x1b_G{_BODY}{_END}|\x1bP>\|{_BODY}{_END}|\x1b\[\?[0-9;]{{0,60}}c"
"""About graphics, the name of the terminal, what it is able to."""
_BEGUN: Final = rf"\x1b(?:_G{_BODY}|P>\|{_BODY}|\[\?[0-9;]{{1,60}})\x1b?\Z"
"""An answer that is not all there: nothing that a person types begins so."""
_MAYBE: Final = r"\x1b(?:_|P>?|\[\??)?\Z"
"""The first signs of one, or of a key."""
_KEY_S: Final = 0.1
"""A key comes in one piece, within the time that Textual gives it."""
_TORN_S: Final = 5.0
"""The rest of an answer comes within this, or never."""


class TerminalAnswer(Message, bubble=False):
    """The terminal has answered."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: Final = text


class ReplyListener:
    """What of the input is an answer. One for a driver: what was asked may be answered after a suspension."""

    def __init__(self) -> None:
        self.asked = False
        self.waiting = False
        """The answer that ends every question is still to come."""
        self._held = ""
        self._since = 0.0

    def ask(self) -> None:
        """From now on answers come, the last of them one that every terminal gives (DA1)."""
        self.asked = self.waiting = True

    @property
    def holds(self) -> bool:
        """Something is held that may be the beginning of an answer."""
        return bool(self._held)

    def hear(self, data: str, now: float) -> tuple[str, list[str]]:
        """What is left for the keys, and the answers."""
        text, self._held = self._held + data, ""
        answers = re.findall(ANSWER, text)
        if answers:
            text = re.sub(ANSWER, "", text)
            self.waiting = self.waiting and not any(answer.endswith("c") for answer in answers)
        begun = re.search(_BEGUN, text) or (re.search(_MAYBE, text) if self.waiting else None)
        if begun is not None:
            self._held, self._since, text = begun[0], now, text[: begun.start()]
        return text, answers

    def let_go(self, now: float) -> str:
        """What was held and is a key after all; half an answer whose rest never came is dropped."""
        if not self._held:
            return ""
        sure = re.match(_BEGUN, self._held) is not None
        if now - self._since < (_TORN_S if sure else _KEY_S):
            return ""
        held, self._held = self._held, ""
        return "" if sure else held


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
"""Alt with a key, which most terminals send as ESC and the key. All others are Esc, then the key: whoever
presses Esc and types on sends the same bytes, and his letters must not be lost."""
_BACKTAB: Final = "\x1b\t"
"""Shift+Tab on the Linux console."""
_LINE_BREAK: Final = "\x1bOM"
"""Shift+Enter of Konsole, and Enter of a keypad in a mode that is never asked for."""


class ReplyParser(XTermParser):
    """As Textual's own, but for answers, which become messages, and for whatever begins with ESC."""

    def __init__(self, ears: ReplyListener, debug: bool = False) -> None:
        self._ears = ears
        self._cutter = Cutter()
        self._since = 0.0
        super().__init__(debug)

    @property
    def unsure(self) -> bool:
        """The last signs may be a key, or the beginning of something longer: time tells, by `tick`."""
        return self._ears.holds or self._cutter.waits

    def feed(self, data: str) -> Iterable[Message]:
        """Keys, and answers before them."""
        if not data:
            return super().feed(data)
        return self._heard(data) if self._ears.asked else self._cut(data)

    def _heard(self, data: str) -> Iterator[Message]:
        text, answers = self._ears.hear(data, monotonic())
        yield from map(TerminalAnswer, answers)
        if text:
            yield from self._cut(text)

    def _cut(self, data: str) -> Iterator[Message]:
        for piece in self._cutter.cut(data):
            yield from self._messages(piece)
        if self._cutter.waits:
            self._since = monotonic()

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
        spelled = plain(sequence)
        heard = list(super().feed(spelled)) if spelled else []
        if self._timeout_time is None:
            return heard
        # Textual does not know it, and waits for more: it is told that nothing comes.
        self._timeout_time = 0.0
        for _ in super().tick():
            pass
        report = sequence[-1].isalpha() or sequence[-1] == "~"
        if report and len(sequence) > len("\x1b[x"):
            return []
        return [Key("escape", ESC), *super().feed(sequence[1:])]

    def tick(self) -> Iterable[Message]:
        """Some time has passed."""
        now = monotonic()
        if self._ears.asked and (keys := self._ears.let_go(now)):
            yield from self._cut(keys)
        if self._cutter.waits:
            sure = self._cutter.sure
            if now - self._since >= (_TORN_S if sure else constants.ESCAPE_DELAY):
                held = self._cutter.let_go()
                if not sure:
                    yield Key("escape", ESC)
                    if len(held) > 1:
                        yield from super().feed(held[1:])


class ReplyDriver(Driver):
    """A driver that hears answers, and that has a last word to its terminal."""

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        self.ears: Final = ReplyListener()
        self.parting: Callable[[], str] = str
        """What to write before the terminal is left, for good or to the shell or an editor."""

    def cell_pixels(self) -> tuple[int, int]:
        """Width and height of a cell, as far as the terminal tells; else of a common one."""
        return USUAL_CELL


USUAL_CELL: Final = (10, 20)
