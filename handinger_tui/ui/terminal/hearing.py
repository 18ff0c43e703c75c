"""Hearing: answers of the terminal are taken out of what is typed, however late or torn they come.

Textual's parser knows a few answers; of any other one it makes keys, which would be typed
into the prompt. Until something was asked, all of this costs one look at a flag.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.message import Message

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


class Ears:
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


class HearingParser(XTermParser):
    """As Textual's own, but for answers: they become messages."""

    def __init__(self, ears: Ears, debug: bool = False) -> None:
        self._ears = ears
        super().__init__(debug)

    @property
    def unsure(self) -> bool:
        """The last signs may be a key, or the beginning of something longer: time tells, by `tick`."""
        return self._ears.holds or self._timeout_time is not None

    def feed(self, data: str) -> Iterable[Message]:
        """Keys, and answers before them."""
        return self._heard(data) if data and self._ears.asked else super().feed(data)

    def _heard(self, data: str) -> Iterable[Message]:
        text, answers = self._ears.hear(data, monotonic())
        yield from map(TerminalAnswer, answers)
        if text:
            yield from super().feed(text)

    def tick(self) -> Iterable[Message]:
        """Some time has passed."""
        if self._ears.asked and (keys := self._ears.let_go(monotonic())):
            yield from super().feed(keys)
        yield from super().tick()


class HearingDriver(Driver):
    """A driver that hears answers, and that has a last word to its terminal."""

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        self.ears: Final = Ears()
        self.parting: Callable[[], str] = str
        """What to write before the terminal is left, for good or to the shell or an editor."""

    def cell_pixels(self) -> tuple[int, int]:
        """Width and height of a cell, as far as the terminal tells; else of a common one."""
        return USUAL_CELL


USUAL_CELL: Final = (10, 20)
