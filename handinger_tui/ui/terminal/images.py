"""Real pictures in the terminal (kitty graphics protocol): detection, transfer and removal."""

from __future__ import annotations

import asyncio
import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from textual.driver import Driver

from handinger_tui.core.safety.cleaning import PLACEHOLDER
from handinger_tui.ui.terminal.terminal_replies import USUAL_CELL, ReplyDriver

CHUNK: Final = 4096
"""Maximum number of base64 characters in one escape sequence."""
_RANGES: Final = (
    "305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 59c-5a1 "
    "5a8-5a9 5ab-5ac 5af 5c4 610-617 657-65b 65d-65e 6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec 730 732-733 "
    "735-736 73a 73d 73f-741 743 745 747 749-74a 7eb-7f1 7f3 816-819 81b-823 825-827 829-82d 951 "
    "953-954 f82-f83 f86-f87 135d-135f 17dd 193a 1a17 1a75-1a7c 1b6b 1b6d-1b73 1cd0-1cd2 1cda-1cdb "
    "1ce0 1dc0-1dc1 1dc3-1dc9 1dcb-1dcc 1dd1-1de6 1dfe 20d0-20d1 20d4-20d7 20db-20dc 20e1 20e7 20e9 "
    "20f0 2cef-2cf1 2de0-2dff a66f a67c-a67d a6f0-a6f1 a8e0-a8f1 aab0 aab2-aab3 aab7-aab8 aabe-aabf "
    "aac1 fe20-fe26 10a0f 10a38 1d185-1d189 1d1aa-1d1ad 1d242-1d244"
)
"""Code points (hex) of the combining marks that encode row and column numbers, in protocol order."""
MOST_CELLS: Final = 297
"""Maximum number of rows and of columns: there are no more marks."""

_QUERY_ID: Final = 31
ASK: Final = f"\x1b_Gi={_QUERY_ID},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[c"
"""Queries for graphics support, the terminal name, and DA1.

Every terminal answers DA1, which ends the wait.
"""
_TAKES: Final = f"\x1b_Gi={_QUERY_ID};OK"
_NAME: Final = re.compile(r"\x1bP>\|(kitty|ghostty)[ (]v?(\d{1,4})\.(\d{1,4})")
_SINCE: Final = {"kitty": (0, 28), "ghostty": (1, 0)}
"""Terminals and minimum versions with working placeholders; others support graphics without them."""


def shows_pictures(answers: Sequence[str]) -> bool:
    """Whether the answers to `ASK` report support for real pictures."""
    takes = any(answer.startswith(_TAKES) for answer in answers)
    names = [match for match in map(_NAME.match, answers) if match is not None]
    return takes and any((int(name[2]), int(name[3])) >= _SINCE[name[1]] for name in names)


def is_last_answer(answer: str) -> bool:
    """Whether this is the answer to the last query of `ASK` (DA1)."""
    return answer.startswith("\x1b[?")


def transmit(number: int, png: bytes, columns: int, rows: int) -> Iterator[str]:
    """Yield the sequences that send a picture for `columns` × `rows` cells; all must be written, in order."""
    body = b64encode(png).decode()
    settings = f"a=T,U=1,f=100,t=d,i={number},c={columns},r={rows},q=2"
    for at in range(0, len(body), CHUNK):
        more = int(at + CHUNK < len(body))
        yield f"\x1b_G{settings if at == 0 else 'q=2'},m={more};{body[at : at + CHUNK]}\x1b\\"


def delete(number: int) -> str:
    """Return the sequence that deletes a picture and frees its memory in the terminal."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


def through_tmux(sequence: str) -> str:
    """Wrap a sequence for the terminal around tmux; tmux must have `allow-passthrough` set."""
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


@cache
def marks() -> tuple[str, ...]:
    """Return the combining marks; the index is the encoded number."""
    ends = [[int(end, 16) for end in piece.split("-")] for piece in _RANGES.split()]
    return tuple(chr(code) for piece in ends for code in range(piece[0], piece[-1] + 1))


def placeholder(row: int, column: int) -> str:
    """Return the placeholder text for one cell of a picture."""
    return f"{PLACEHOLDER}{marks()[row]}{marks()[column]}"


def color_of(number: int) -> str:
    """Return the SGR color numbers that encode the picture id of a placeholder."""
    return f"38;2;{number >> 16 & 255};{number >> 8 & 255};{number & 255}"


AUTO: Final = "auto"
KITTY: Final = "kitty"
WRITE: Final = 128 << 10
"""Minimum number of characters per write: the queue to the terminal holds only some tens of writes."""
_NEVER: Final = ("dumb", "linux", "screen", "tmux")
"""Prefixes of TERM that are never queried: terminals that display the query, and terminal multiplexers."""


class Pictures:
    """The real pictures of the app; created when the first picture is shown."""

    def __init__(self, driver: Driver | None, choice: str, environ: Mapping[str, str]) -> None:
        self._driver = driver if isinstance(driver, ReplyDriver) else None
        self._write = driver.write if driver is not None else str
        self._choice, self._environ = choice, environ
        self._answers: list[str] = []
        self._answered = asyncio.Event()
        self._supported = False
        self._shown: set[int] = set()
        # The id has 24 bits, as it is encoded as a color; other programs use small ids. Two ids alternate.
        self._number = int.from_bytes(os.urandom(3)) | 0x010102
        if self._driver is not None:
            self._driver.exit_sequence = self.exit_sequence

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height of a cell in pixels."""
        return self._driver.cell_pixels() if self._driver is not None else USUAL_CELL

    async def supported(self) -> bool:
        """Return whether real pictures are supported.

        The terminal is queried once and may take long to answer.
        """
        term = self._environ.get("TERM", "")
        if self._driver is None or self._environ.get("NO_COLOR") or term in ("", "dumb"):
            return False
        if self._choice != AUTO:
            return self._choice == KITTY
        if not self._may_ask(term):
            return False
        if not self._answered.is_set():
            # Queried again if a suspension swallowed the answer: two answers are harmless.
            self._answers.clear()
            self._driver.reply_listener.expect_answers()
            self._write(ASK)
            await self._answered.wait()
        return self._supported

    def _may_ask(self, term: str) -> bool:
        between = self._environ.get("TMUX") or self._environ.get("STY")
        return not (
            between or term.startswith(_NEVER) or self._environ.get("TERM_PROGRAM") == "Apple_Terminal"
        )

    def handle_answer(self, answer: str) -> None:
        """Handle an answer of the terminal."""
        self._answers.append(answer)
        if is_last_answer(answer):
            self._supported = shows_pictures(self._answers)
            self._answered.set()

    def next_number(self) -> int:
        """Return the id for the next picture."""
        self._number ^= 1
        return self._number

    def fits(self, columns: int, rows: int) -> bool:
        """Whether there are enough marks for `columns` × `rows` cells."""
        return columns <= MOST_CELLS and rows <= MOST_CELLS

    def show(self, number: int, png: bytes, columns: int, rows: int) -> None:
        """Send a picture; its placeholders may be written from now on."""
        self._shown.add(number)
        for piece in _joined(map(self._for_terminal, transmit(number, png, columns, rows))):
            self._write(piece)

    def remove(self, number: int) -> None:
        """Delete a picture in the terminal, if it is there."""
        if number in self._shown:
            self._shown.remove(number)
            self._write(self._for_terminal(delete(number)))

    def exit_sequence(self) -> str:
        """Return the output that deletes all pictures, for leaving the terminal."""
        numbers, self._shown = sorted(self._shown), set()
        return "".join(self._for_terminal(delete(number)) for number in numbers)

    def _for_terminal(self, sequence: str) -> str:
        return through_tmux(sequence) if self._environ.get("TMUX") else sequence


def _joined(sequences: Iterator[str]) -> Iterator[str]:
    """Join sequences to pieces of at least `WRITE` characters."""
    joined, length = [], 0
    for sequence in sequences:
        joined.append(sequence)
        length += len(sequence)
        if length >= WRITE:
            yield "".join(joined)
            joined, length = [], 0
    if joined:
        yield "".join(joined)
