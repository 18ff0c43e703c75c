"""Key sequences: cut terminal input into keys, reports and pastes before Textual's parser sees it.

Textual's parser collects everything after an ESC until it recognizes it: ESC CR becomes Enter, ESC d types
a letter, an ESC just before a letter is lost, and after an ESC in a paste the rest of the paste is typed,
including line breaks. Here the end of a sequence does not depend on time, so input may be split anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Final, Literal, NamedTuple

ESC: Final = "\x1b"
PASTE_BEGINS: Final = "\x1b[200~"
PASTE_ENDS: Final = "\x1b[201~"
MOUSE_TAIL: Final = 3
"""Number of arbitrary characters after `ESC [ M`."""

_COMPLETE: Final = re.compile(
    rf"""\x1b(?:
        \[M.{{{MOUSE_TAIL}}}         # the mouse, from terminals without SGR reports
      | \[\[[A-E]                    # function keys of the Linux console
      | \[(?![M\[])[ -?]{{0,60}}[@-~]
      | O[A-DFHMP-Sa-d]              # cursor and function keys; other letters are typed after an ESC
      | (?![\[O])[^\x1b]
    )""",
    re.VERBOSE | re.DOTALL,
)
_INCOMPLETE: Final = re.compile(rf"\x1b(?:\[(?:[ -?]{{0,60}}|M.{{0,{MOUSE_TAIL - 1}}}|\[)?|O)?\Z", re.DOTALL)
"""An incomplete sequence, or a lone ESC."""
_REPORT: Final = re.compile(r"\x1b\[[ -?M]")
"""The beginning of a report; typed keys never begin like this."""
_EXTENDED: Final = re.compile(r"\x1b\[([\d:;]+)([u~ABCDEFHPQRS])")
_ALT: Final = 2
_PLAIN_OR_SHIFT: Final = ("", "0", "1", "2")
_RELEASED: Final = "3"
_OTHER_KEYS: Final = "27"
"""In `ESC [ 27 ; modifiers ; code ~`, xterm's form of modified keys (modifyOtherKeys)."""


class Piece(NamedTuple):
    """A piece of input. A "paste" is the text between the paste marks; "typed" text holds no ESC."""

    kind: Literal["typed", "sequence", "paste"]
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
                    yield Piece("sequence", piece)

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
        """Whether held text is the beginning of a report and not a key."""
        return _REPORT.match(self.held) is not None

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
        elif texts == [code] and _modifier_bits(modifiers) & _ALT:
            # Alt did not change the character.
            texts = []
    output = [
        code,
        *([modifiers] if len(fields) > 1 else []),
        *([":".join(texts)] if texts else []),
    ]
    return f"{ESC}[{';'.join(output)}{end}"


def _modifier_bits(modifiers: str) -> int:
    """Return the modifiers as bits."""
    return int(modifiers or "1") - 1
