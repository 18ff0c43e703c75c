"""Sequences: what a terminal sends, cut into keys, reports and pastes before Textual's parser sees it.

Textual's parser collects whatever follows an ESC until it makes sense: ESC CR becomes Enter, ESC d types
a letter, an ESC just before a letter is lost, and an ESC in a paste has the rest of it typed, line breaks
included. Here every sequence has an end that does not depend on time, so that it may be torn anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Final, Literal, NamedTuple

ESC: Final = "\x1b"
PASTE_BEGINS: Final = "\x1b[200~"
PASTE_ENDS: Final = "\x1b[201~"
MOUSE_TAIL: Final = 3
"""Characters behind `ESC [ M`, of any kind."""

_WHOLE: Final = re.compile(
    rf"""\x1b(?:
        \[M.{{{MOUSE_TAIL}}}         # the mouse, as terminals without SGR reports tell it
      | \[\[[A-E]                    # function keys of the Linux console
      | \[(?![M\[])[ -?]{{0,60}}[@-~]
      | O[A-DFHMP-Sa-d]              # cursor and function keys; other letters are typed behind an ESC
      | (?![\[O])[^\x1b]
    )""",
    re.VERBOSE | re.DOTALL,
)
_BEGUN: Final = re.compile(rf"\x1b(?:\[(?:[ -?]{{0,60}}|M.{{0,{MOUSE_TAIL - 1}}}|\[)?|O)?\Z", re.DOTALL)
"""A sequence that is not all there, or a lone ESC."""
_REPORT: Final = re.compile(r"\x1b\[[ -?M]")
"""Nobody types what begins so."""
_EXTENDED: Final = re.compile(r"\x1b\[([\d:;]+)([u~ABCDEFHPQRS])")
_ALT: Final = 2
_PLAIN_OR_SHIFT: Final = ("", "0", "1", "2")
_RELEASED: Final = "3"
_OTHER_KEYS: Final = "27"
"""`ESC [ 27 ; modifiers ; code ~`: how xterm tells modified keys (modifyOtherKeys)."""


class Piece(NamedTuple):
    """`text` of a kind. "paste" is the text between its marks; "typed" holds no ESC."""

    kind: Literal["typed", "sequence", "paste"]
    text: str


class Cutter:
    """Takes what is read, in pieces of any size; what is not complete waits in `held`."""

    def __init__(self) -> None:
        self.held = ""
        self._pasted: list[str] | None = None

    def cut(self, data: str) -> Iterator[Piece]:
        """The pieces that are complete now."""
        text, self.held = self.held + data, ""
        while text:
            if self._pasted is not None:
                text = yield from self._paste(text)
            elif (at := text.find(ESC)) != 0:
                end = len(text) if at < 0 else at
                yield Piece("typed", text[:end])
                text = text[end:]
            elif _BEGUN.match(text):
                self.held, text = text, ""
            else:
                whole = _WHOLE.match(text)
                piece = ESC if whole is None else whole[0]
                text = text[len(piece) :]
                if piece == PASTE_BEGINS:
                    self._pasted = []
                else:
                    yield Piece("sequence", piece)

    def _paste(self, text: str) -> Generator[Piece, None, str]:
        """The rest of a paste, and what follows it. Its end may be torn; nothing else in it is a sequence."""
        pasted, end, behind = text.partition(PASTE_ENDS)
        parts = self._pasted = self._pasted or []
        if end:
            self._pasted = None
            yield Piece("paste", "".join([*parts, pasted]))
            return behind
        torn = next((n for n in range(len(PASTE_ENDS) - 1, 0, -1) if text.endswith(PASTE_ENDS[:n])), 0)
        parts.append(text[: len(text) - torn])
        self.held = text[len(text) - torn :]
        return ""

    @property
    def waits(self) -> bool:
        """What is held may be a key after all: time tells."""
        return bool(self.held) and self._pasted is None

    @property
    def sure(self) -> bool:
        """What is held is the beginning of a report, and no key."""
        return _REPORT.match(self.held) is not None

    def let_go(self) -> str:
        """What was held, and is held no more."""
        held, self.held = self.held, ""
        return held


def plain(sequence: str) -> str:
    """A key in the spelling that Textual reads right; "" for one that was let go, or is none.

    Three spellings of modified keys come with a text: of Alt+Enter Textual would then make Enter.
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
        elif texts == [code] and _held(modifiers) & _ALT:
            # Alt made no other letter of it.
            texts = []
    spelled = [code, *([modifiers] if len(fields) > 1 else []), *([":".join(texts)] if texts else [])]
    return f"{ESC}[{';'.join(spelled)}{end}"


def _held(modifiers: str) -> int:
    """The modifiers as bits."""
    return int(modifiers or "1") - 1
