"""Terminal input: cuts it into keys, reports, replies and pastes, and makes Textual's messages of them.

Textual's parser collects everything after an ESC until it recognizes it: ESC CR becomes Enter, ESC d types
a letter, an ESC just before a letter is lost, a late reply of the terminal is typed into the prompt, and
after an ESC in a paste the rest of the paste is typed, including line breaks. Here input is first cut into
pieces whose ends do not depend on time; Textual's parser reads them one by one. Where the terminal does not
mark pastes, only time shows what was pasted (`Burst`).
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

from handinger_tui.core.safety import LONE_JOINER
from handinger_tui.ui.terminal import XTermParser

ESC: Final = "\x1b"
CONTROL_SEQUENCE: Final = "\x1b["
"""The beginning of control sequences: of most keys, of reports and of replies."""
PASTE_BEGINS: Final = "\x1b[200~"
PASTE_ENDS: Final = "\x1b[201~"
INTERRUPTS: Final = ("\x03", "\x1b[99;5u")
"""Ctrl+C, in both forms."""
LOST_END_S: Final = 0.5
"""Seconds of silence in a paste after which a Ctrl+C ends it: its end was lost, and all keys with it."""
PASTE_QUERY: Final = "\x1b[?2004$p"
"""Asks the terminal whether it marks pastes (DECRQM)."""
_MARKS_PASTES: Final = re.compile(r"\x1b\[\?2004;[123]\$y")
"""The reply that it does."""
ACTING: Final = "\r\n\t"
"""Characters of texts that are keys with effects: Enter sends, and so does Tab while a turn runs."""
_PASTED: Final = re.compile(r"[\r\n][^\r\n]|\t[^\t]")
"""One of them with something else behind it: in a burst, it was pasted."""
BURST_S: Final = 0.05
"""Seconds between characters of one burst: no person types so fast."""
BURST_CHARACTERS: Final = 1 << 20
"""A longer unmarked paste becomes several."""
TWICE_S: Final = 0.3
"""Most seconds between the two presses of a key that is pressed twice by mistake."""
REPEAT_S: Final = 0.13
"""Most seconds between two characters of a key that is held down."""
FIRST_REPEAT_S: Final = 1.2
"""Most seconds between the press of a key that is held down and its second character."""
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
graphics (APC). Asked for are only the background color and the program status; a program that used the
terminal before may have asked for others."""
BACKGROUND_QUERY: Final = "\x1b]11;?\x1b\\"
"""Asks the terminal for its background color (OSC 11)."""
_STATUS_REPLY: Final = "\x1b]7501;?"
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
"""The rest of a report whose ESC came so much earlier that it became Esc: the mouse, or the focus. A
person who types these characters sends them one by one."""
_EXTENDED: Final = re.compile(r"\x1b\[([\d:;]+)([u~ABCDEFHPQRS])")
_ALT: Final = 2
_PLAIN_OR_SHIFT: Final = ("", "0", "1", "2")
_SHIFT_ALT_CTRL: Final = 7
_REPEATED: Final = "2"
_RELEASED: Final = "3"
_ENTERS: Final = ("13", "57414")
"""The codes of Enter and of the keypad's Enter."""
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

    def __init__(self, *, debug: bool = False, marks_pastes: bool = False) -> None:
        self._cutter = Cutter()
        self._burst = Burst(monotonic())
        self._marks_pastes = marks_pastes
        """Whether the terminal has shown that it marks pastes; all other text is typed then, however fast."""
        self._held_since = 0.0
        self._is_torn = False
        """Whether the held ESC is probably the beginning of a report."""
        self._escaped_at: float | None = None
        """When an ESC with nothing behind it became Esc; None once other input has come."""
        self._enters = Enters()
        self._fed_at = 0.0
        """When input came last."""
        self._parser = XTermParser(debug)

    @property
    def is_waiting(self) -> bool:
        """Whether characters are held, about which `tick` decides later."""
        return self._cutter.is_waiting or self._burst.is_open or self._enters.held is not None

    def feed(self, data: str) -> Iterator[Message]:
        """Yield the messages of the input."""
        for message in self._decided(data):
            yield from self._enters.pass_on(message, self._fed_at)

    def tick(self, quiet_at: float | None = None) -> Iterator[Message]:
        """Release held input after its time limit; nothing had come by `quiet_at` (the default is now)."""
        now = monotonic() if quiet_at is None else quiet_at
        for message in self._decided_late(now):
            yield from self._enters.pass_on(message, now)
        yield from self._enters.release(now)

    def _decided(self, data: str) -> Iterator[Message]:
        escaped_at, self._escaped_at = self._escaped_at, None
        if data in INTERRUPTS and self._cutter.is_pasting and monotonic() - self._fed_at > LOST_END_S:
            data = PASTE_ENDS
        self._fed_at = monotonic()
        if escaped_at is not None and monotonic() - escaped_at < LATE_REPORT_S:
            late = _LATE_REPORT.match(data)
            data = data[late.end() :] if late is not None else data
        is_after_report = False
        for piece in self._cutter.cut(data):
            is_after_report = piece.kind == "sequence" and _REPORT.match(piece.text) is not None
            yield from self._ordered(piece)
        if self._cutter.is_waiting:
            self._held_since, self._is_torn = monotonic(), is_after_report

    def _decided_late(self, now: float) -> Iterator[Message]:
        if not self._cutter.is_waiting:
            if self._burst.is_over(now):
                yield from self._end_burst()
            return
        is_report = self._cutter.is_report
        # No key that is pressed sends ESC [ alone: more will follow, on a slow line later.
        is_torn = self._is_torn or self._cutter.held == CONTROL_SEQUENCE
        wait_s = LATE_REPORT_S if is_torn else constants.ESCAPE_DELAY
        if now - self._held_since < (INCOMPLETE_REPORT_S if is_report else wait_s):
            return
        held = self._cutter.release()
        if not is_report:
            yield from self._end_burst(is_paste=True)
            self._escaped_at = monotonic() if held == ESC else None
            yield Key("escape", ESC)
            if len(held) > 1:
                yield from self._parser.feed(held[1:])

    def _ordered(self, piece: Piece) -> Iterator[Message]:
        """The messages of a piece, behind the burst before it unless they are only reports."""
        if piece.kind == "typed" and (self._burst.is_open or not self._marks_pastes):
            if typed := self._burst.add(piece.text, monotonic()):
                yield from self._messages(typed)
            return
        messages = list(self._messages(piece))
        self._marks_pastes |= piece.kind == "paste" or _MARKS_PASTES.fullmatch(piece.text) is not None
        if any(isinstance(message, Key | Paste) for message in messages):
            yield from self._end_burst(is_paste=True)
        yield from messages

    def _end_burst(self, *, is_paste: bool = False) -> Iterator[Message]:
        if piece := self._burst.end(is_paste=is_paste):
            yield from self._messages(piece)

    def _messages(self, piece: Piece) -> Iterable[Message]:
        if piece.kind == "paste":
            return [Paste(piece.text.replace("\x00", ""))]
        if piece.kind == "typed":
            return map(_as_text, self._parser.feed(LONE_JOINER.sub("", piece.text)))
        return _answers_in(piece.text) if piece.kind == "reply" else self._sequence(piece.text)

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


JOINERS: Final = "\u200c\u200d"
"""The first is inside words, as of Persian, the second inside emoji; keyboards and pickers type them."""


class _Joiner(str):
    """A joiner as text, for which Python and so every field of Textual does not take it."""

    __slots__ = ()

    def isprintable(self) -> bool:
        return True


def _as_text(message: Message) -> Message:
    """The message of a typed character; a joiner is text like the letters around it."""
    if isinstance(message, Key) and message.character and message.character in JOINERS:
        return Key(message.key, _Joiner(message.character))
    return message


class TerminalBackground(Message):
    """The terminal has named its background color."""

    def __init__(self, is_light: bool) -> None:
        super().__init__()
        self.is_light = is_light


class TakesStatus(Message):
    """The terminal has answered that it takes program status."""


def _answers_in(reply: str) -> list[Message]:
    if reply.startswith(_STATUS_REPLY):
        return [TakesStatus()]
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


class Burst:
    """Decides what is pasted where the terminal does not mark it: what comes faster than a person types.

    A line break or Tab with something behind it in the same burst was pasted, and so is all that comes with
    it. One behind text waits for what may follow; one that comes alone is a key at once.
    """

    def __init__(self, now: float) -> None:
        self._held: list[str] = []
        self._characters = 0
        self._held_at = 0.0
        self._is_paste = False
        self._text_at = now
        """When other text came last, perhaps read by the early prompt."""

    @property
    def is_open(self) -> bool:
        """Whether what comes next may belong to a paste."""
        return self._is_paste or bool(self._held)

    def add(self, text: str, now: float) -> Piece | None:
        """Add text; returns what is decided now."""
        follows_text = self.is_open or now - self._text_at <= BURST_S
        if text.strip(ACTING):
            self._text_at = now
        self._held_at = now
        self._held.append(text)
        self._characters += len(text)
        if not self._is_paste:
            together = "".join(self._held)
            before = together.rstrip(ACTING)
            self._is_paste = _PASTED.search(together) is not None
            if not self._is_paste and (before == together or not (before or follows_text)):
                return self.end()
        if self._characters > BURST_CHARACTERS:
            piece, self._is_paste = self.end(), True
            return piece
        return None

    def is_over(self, now: float) -> bool:
        """Whether nothing came for so long that it is decided."""
        return self.is_open and now - self._held_at > BURST_S

    def end(self, *, is_paste: bool = False) -> Piece | None:
        """Return what is held, as a paste if it is one already or `is_paste`."""
        text, is_paste = "".join(self._held), is_paste or self._is_paste
        self._held, self._characters, self._is_paste = [], 0, False
        return Piece("paste" if is_paste else "typed", text) if text else None


class Enters:
    """Drops the second Enter of one pressed twice, and the repeats of one that is held down.

    They would send what the first has put into the prompt. The first repeat may come as late as a press that
    is meant; only the next one shows what it was.
    """

    def __init__(self) -> None:
        self.held: Key | None = None
        """An Enter behind another one, which may be the first repeat."""
        self._entered_at = 0.0
        """When an Enter came last with no other key behind it."""
        self._passed_at = 0.0
        """When that was one which was passed on."""

    def pass_on(self, message: Message, now: float) -> Iterator[Message]:
        """Yield the message, and an Enter that was held before it; a repeat is dropped or held."""
        if not isinstance(message, Key | Paste):
            yield message
            return
        enter = message if isinstance(message, Key) and message.key == "enter" else None
        silence_s = now - self._entered_at
        if not enter or silence_s > REPEAT_S:
            yield from self._pass_held()
        self.held, self._entered_at = None, now if enter else 0.0
        if enter is None or silence_s > FIRST_REPEAT_S:
            self._passed_at = self._entered_at
            yield message
        elif silence_s > REPEAT_S and now - self._passed_at > TWICE_S:
            self.held = enter

    def release(self, now: float) -> Iterator[Message]:
        """Yield a held Enter that was pressed."""
        if now - self._entered_at > REPEAT_S:
            yield from self._pass_held()

    def _pass_held(self) -> Iterator[Message]:
        if self.held is not None:
            message, self.held, self._passed_at = self.held, None, self._entered_at
            yield message


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
        pasted, end, following = text.partition(PASTE_ENDS)
        parts = self._pasted = self._pasted or []
        if end:
            self._pasted = None
            yield Piece("paste", "".join([*parts, pasted]))
            return following
        overlap = next((n for n in range(len(PASTE_ENDS) - 1, 0, -1) if text.endswith(PASTE_ENDS[:n])), 0)
        parts.append(text[: len(text) - overlap])
        self.held = text[len(text) - overlap :]
        return ""

    @property
    def is_pasting(self) -> bool:
        """Whether a paste has begun whose end has not come."""
        return self._pasted is not None

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
        if (
            fields[1][1:2] == [_REPEATED]
            and code in _ENTERS
            and not (int(modifiers or "1") - 1) & _SHIFT_ALT_CTRL
        ):
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
