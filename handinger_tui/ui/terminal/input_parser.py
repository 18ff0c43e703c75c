"""Input parser: makes messages of terminal input, whose pieces may be split anywhere.

Textual's parser collects everything after an ESC until it recognizes it: ESC CR becomes Enter, ESC d types
a letter, an ESC just before a letter is lost, a late reply of the terminal is typed into the prompt, and
after an ESC in a paste the rest of the paste is typed, including line breaks. Here input is first cut into
keys, reports, replies and pastes, whose ends do not depend on time; Textual's parser reads them one by one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterable, Iterator
from time import monotonic
from typing import Final, Literal, NamedTuple

from textual import constants
from textual.color import Color
from textual.events import Key, Paste
from textual.message import Message

from handinger_tui.ui.terminal.textual_private import XTermParser

ESC: Final = "\x1b"
CONTROL_SEQUENCE: Final = "\x1b["
"""The beginning of control sequences: of most keys, of reports and of replies."""
PASTE_BEGINS: Final = "\x1b[200~"
PASTE_ENDS: Final = "\x1b[201~"
MOUSE: Final = "\x1b[M"
"""The beginning of a report of the mouse, from terminals without SGR reports."""
MOUSE_TAIL: Final = 3
"""Number of arbitrary characters after it."""
INCOMPLETE_REPORT_S: Final = 5.0
"""Seconds after which an incomplete report or reply is dropped."""
LATE_REPORT_S: Final = 1.0
"""Seconds for which the rest of a report is expected after its ESC. An ESC at the end of a read, directly
after a report of the mouse, probably begins the next one, and becomes Esc only after this time."""

_REPLY_BEGINS: Final = r"\x1b(?:\]\d{1,4};|P(?:>\||[01][$+]r)|_G)"
_REPLY_BODY: Final = r"[^\x00-\x1f\x7f-\x9f]{0,4096}"
_REPLY: Final = re.compile(_REPLY_BEGINS)
"""The beginning of a reply that is a control string: colors (OSC), the terminal's name and settings (DCS),
graphics (APC). Only the background color is asked for; a program that used the terminal before may have asked
for others."""
BACKGROUND_QUERY: Final = "\x1b]11;?\x1b\\"
"""Asks the terminal for its background color (OSC 11)."""
_HEX: Final = "([0-9a-fA-F]{1,4})"
_BACKGROUND_REPLY: Final = re.compile(rf"\x1b\]11;rgba?:{_HEX}/{_HEX}/{_HEX}")
_COMPLETE: Final = re.compile(
    rf"""{_REPLY_BEGINS}{_REPLY_BODY}(?:\x1b\\|\x9c|\x07)
    |\x1b(?:
        \[M.{{{MOUSE_TAIL}}}
      | \[\[[A-E]                    # function keys of the Linux console
      | \[(?![M\[])[ -?]{{0,60}}[@-~]
      | O[A-DFHMP-Sa-d]              # cursor and function keys; other letters are typed after an ESC
      | (?![\[O])[^\x1b]
    )""",
    re.VERBOSE | re.DOTALL,
)
_INCOMPLETE: Final = re.compile(
    rf"""(?:
      \x1b(?:\[(?:[ -?]{{0,60}}|M.{{0,{MOUSE_TAIL - 1}}}|\[)?|O|\]\d{{0,4}}|P(?:>|[01][$+]?)?|_)?
    | {_REPLY_BEGINS}{_REPLY_BODY}\x1b?
    )\Z""",
    re.VERBOSE | re.DOTALL,
)
"""An incomplete sequence, or a lone ESC."""
_REPORT: Final = re.compile(r"\x1b\[[ -?M]")
"""The beginning of a report; typed keys never begin like this."""
_LATE_REPORT: Final = re.compile(r"\[(?:<[\d;-]+[Mm]|[IO]\Z)")
"""The rest of a report whose ESC came so much earlier that it was taken for Esc: the mouse, or the focus. A
person who types these characters sends them one by one."""
_EXTENDED: Final = re.compile(r"\x1b\[([\d:;]+)([u~ABCDEFHPQRS])")
_ALT: Final = 2
_PLAIN_OR_SHIFT: Final = ("", "0", "1", "2")
_RELEASED: Final = "3"
_OTHER_KEYS: Final = "27"
"""In `ESC [ 27 ; modifiers ; code ~`, xterm's form of modified keys (modifyOtherKeys)."""
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


class InputParser:
    """Makes messages of terminal input: keys, the mouse, pastes and reports. Replies are dropped."""

    def __init__(self, *, debug: bool = False) -> None:
        self._cutter = Cutter()
        self._held_since = 0.0
        self._is_torn = False
        """Whether the held ESC is probably the beginning of a report."""
        self._escaped_at: float | None = None
        """When an ESC with nothing behind it was taken for Esc; None once other input has come."""
        self._parser = XTermParser(debug)

    @property
    def is_waiting(self) -> bool:
        """Whether held characters may be a key or the beginning of a sequence; `tick` decides later."""
        return self._cutter.is_waiting

    def feed(self, data: str) -> Iterator[Message]:
        """Yield the messages of the input."""
        escaped_at, self._escaped_at = self._escaped_at, None
        if escaped_at is not None and monotonic() - escaped_at < LATE_REPORT_S:
            late = _LATE_REPORT.match(data)
            data = data[late.end() :] if late is not None else data
        is_after_report = False
        for piece in self._cutter.cut(data):
            is_after_report = piece.kind == "sequence" and _REPORT.match(piece.text) is not None
            yield from self._messages(piece)
        if self._cutter.is_waiting:
            self._held_since, self._is_torn = monotonic(), is_after_report

    def tick(self) -> Iterator[Message]:
        """Release held input after its time limit."""
        if not self._cutter.is_waiting:
            return
        is_report = self._cutter.is_report
        # No key that is pressed sends ESC [ alone: more will follow, on a slow line later.
        is_torn = self._is_torn or self._cutter.held == CONTROL_SEQUENCE
        patience_s = LATE_REPORT_S if is_torn else constants.ESCAPE_DELAY
        if monotonic() - self._held_since < (INCOMPLETE_REPORT_S if is_report else patience_s):
            return
        held = self._cutter.release()
        if not is_report:
            self._escaped_at = monotonic() if held == ESC else None
            yield Key("escape", ESC)
            if len(held) > 1:
                yield from self._parser.feed(held[1:])

    def _messages(self, piece: Piece) -> Iterable[Message]:
        if piece.kind == "paste":
            return [Paste(piece.text.replace("\x00", ""))]
        if piece.kind == "typed":
            return self._parser.feed(piece.text)
        return _background_in(piece.text) if piece.kind == "reply" else self._sequence(piece.text)

    def _sequence(self, sequence: str) -> Iterable[Message]:
        if sequence == ESC:
            return [Key("escape", ESC)]
        if sequence == _LINE_BREAK:
            return [Key("shift+enter", None)]
        if sequence[1] in "[O":
            return self._control_sequence(sequence)
        if sequence[1] in META:
            return [Key(META[sequence[1]], None)]
        if sequence == _BACKTAB and os.environ.get("TERM", "").startswith("linux"):
            return self._parser.feed(_BACKTAB)
        return [Key("escape", ESC), *self._parser.feed(sequence[1:])]

    def _control_sequence(self, sequence: str) -> list[Message]:
        normalized_form = normalized(sequence)
        if not normalized_form:
            return []
        # A sequence that Textual does not know would make its parser wait for more input.
        if any(XTermParser().feed(normalized_form)):
            return list(self._parser.feed(normalized_form))
        is_report = sequence[-1].isalpha() or sequence[-1] == "~" or sequence.startswith(MOUSE)
        if is_report and len(sequence) > len("\x1b[x"):
            return []
        return [Key("escape", ESC), *self._parser.feed(sequence[1:])]


class TerminalBackground(Message):
    """The terminal has named its background color."""

    def __init__(self, is_light: bool) -> None:
        super().__init__()
        self.is_light = is_light


def _background_in(reply: str) -> list[Message]:
    match = _BACKGROUND_REPLY.match(reply)
    if match is None:
        return []
    # Each part has one to four hexadecimal digits.
    color = Color(*(round(255 * int(digits, 16) / (16 ** len(digits) - 1)) for digits in match.groups()))
    return [TerminalBackground(is_light=color.brightness > 0.5)]


class Piece(NamedTuple):
    """A piece of input. A "paste" is the text between the paste marks; "typed" text holds no ESC."""

    kind: Literal["typed", "sequence", "reply", "paste"]
    text: str


class Cutter:
    """Cuts input that arrives in pieces of any size; an incomplete sequence waits in `held`."""

    def __init__(self) -> None:
        self.held = ""
        self._pasted: list[str] | None = None

    def cut(self, data: str) -> Iterator[Piece]:
        """Yield the pieces that are complete now."""
        text, self.held = self.held + data, ""
        while text:
            if self._pasted is not None:
                text = yield from self._paste(text)
            elif (at := text.find(ESC)) != 0:
                end = len(text) if at < 0 else at
                yield Piece("typed", text[:end])
                text = text[end:]
            elif _INCOMPLETE.match(text):
                self.held, text = text, ""
            else:
                match = _COMPLETE.match(text)
                piece = ESC if match is None else match[0]
                text = text[len(piece) :]
                if piece == PASTE_BEGINS:
                    self._pasted = []
                else:
                    yield Piece("reply" if _REPLY.match(piece) else "sequence", piece)

    def _paste(self, text: str) -> Generator[Piece, None, str]:
        """Continue a paste and return the text after it. Only its end mark is a sequence; it may be split."""
        pasted, end, rest = text.partition(PASTE_ENDS)
        parts = self._pasted = self._pasted or []
        if end:
            self._pasted = None
            yield Piece("paste", "".join([*parts, pasted]))
            return rest
        overlap = next((n for n in range(len(PASTE_ENDS) - 1, 0, -1) if text.endswith(PASTE_ENDS[:n])), 0)
        parts.append(text[: len(text) - overlap])
        self.held = text[len(text) - overlap :]
        return ""

    @property
    def is_waiting(self) -> bool:
        """Whether held text may still turn out to be a key, which only a timeout decides."""
        return bool(self.held) and self._pasted is None

    @property
    def is_report(self) -> bool:
        """Whether held text is the beginning of a report or reply and not a key."""
        return _REPORT.match(self.held) is not None or _REPLY.match(self.held) is not None

    def release(self) -> str:
        """Return the held text and clear it."""
        text, self.held = self.held, ""
        return text


def normalized(sequence: str) -> str:
    """Normalize a key sequence to the form that Textual reads correctly.

    Returns "" for a released key and for an invalid sequence. Three forms of modified keys include a text,
    from which Textual would read Alt+Enter as Enter.
    """
    match = _EXTENDED.fullmatch(sequence)
    if match is None:
        return sequence
    fields, end = [field.split(":") for field in match[1].split(";")], match[2]
    numbers = [number for field in fields for number in field if number]
    if any(len(number) > 7 or int(number) > 0x10FFFF for number in numbers):
        return ""
    code, modifiers, texts = fields[0][0], "", list[str]()
    if len(fields) > 1:
        modifiers = fields[1][0]
        if fields[1][1:2] == [_RELEASED]:
            return ""
    if len(fields) > 2:
        texts = [number for number in fields[2] if number and chr(int(number)).isprintable()]
        if end == "~" and code == _OTHER_KEYS:
            code, end = fields[2][0] or "0", "u"
            if modifiers in _PLAIN_OR_SHIFT and texts:
                return chr(int(code))
            texts = []
        elif texts == [code] and (int(modifiers or "1") - 1) & _ALT:
            # Alt did not change the character.
            texts = []
    output = [
        code,
        *([modifiers] if len(fields) > 1 else []),
        *([":".join(texts)] if texts else []),
    ]
    return f"{ESC}[{';'.join(output)}{end}"
