"""Real pictures: whether the terminal shows them, which of ours it holds, and the bytes that bring them."""

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
"""Characters of base64 in one sequence, at most."""
_RANGES: Final = (
    "305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 59c-5a1 "
    "5a8-5a9 5ab-5ac 5af 5c4 610-617 657-65b 65d-65e 6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec 730 732-733 "
    "735-736 73a 73d 73f-741 743 745 747 749-74a 7eb-7f1 7f3 816-819 81b-823 825-827 829-82d 951 "
    "953-954 f82-f83 f86-f87 135d-135f 17dd 193a 1a17 1a75-1a7c 1b6b 1b6d-1b73 1cd0-1cd2 1cda-1cdb "
    "1ce0 1dc0-1dc1 1dc3-1dc9 1dcb-1dcc 1dd1-1de6 1dfe 20d0-20d1 20d4-20d7 20db-20dc 20e1 20e7 20e9 "
    "20f0 2cef-2cf1 2de0-2dff a66f a67c-a67d a6f0-a6f1 a8e0-a8f1 aab0 aab2-aab3 aab7-aab8 aabe-aabf "
    "aac1 fe20-fe26 10a0f 10a38 1d185-1d189 1d1aa-1d1ad 1d242-1d244"
)
"""The marks that count, as the protocol lists them."""
MOST_CELLS: Final = 297
"""Rows and columns that there are marks for."""

_QUESTION: Final = 31
ASK: Final = f"\x1b_Gi={_QUESTION},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[c"
"""Whether it takes graphics, its name, and what every terminal answers, so that no answer is an answer."""
_TAKES: Final = f"\x1b_Gi={_QUESTION};OK"
_NAME: Final = re.compile(r"\x1bP>\|(kitty|ghostty)[ (]v?(\d{1,4})\.(\d{1,4})")
_SINCE: Final = {"kitty": (0, 28), "ghostty": (1, 0)}
"""Whose placeholders are known to work. Others take graphics and know no placeholders."""


def shows_pictures(answers: Sequence[str]) -> bool:
    """What the answers to `ASK` say."""
    takes = any(answer.startswith(_TAKES) for answer in answers)
    names = [found for found in map(_NAME.match, answers) if found is not None]
    return takes and any((int(name[2]), int(name[3])) >= _SINCE[name[1]] for name in names)


def last_answer(answer: str) -> bool:
    """The one that ends what `ASK` asks."""
    return answer.startswith("\x1b[?")


def transmit(number: int, png: bytes, columns: int, rows: int) -> Iterator[str]:
    """A picture for so many cells, in sequences; all of them have to be written, in order."""
    body = b64encode(png).decode()
    told = f"a=T,U=1,f=100,t=d,i={number},c={columns},r={rows},q=2"
    for at in range(0, len(body), CHUNK):
        more = int(at + CHUNK < len(body))
        yield f"\x1b_G{told if at == 0 else 'q=2'},m={more};{body[at : at + CHUNK]}\x1b\\"


def delete(number: int) -> str:
    """The terminal forgets a picture, and frees what it kept of it."""
    return f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\"


def through_tmux(sequence: str) -> str:
    """For the terminal around tmux, where its `allow-passthrough` lets it pass."""
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"


@cache
def marks() -> tuple[str, ...]:
    """The mark of each number."""
    ends = [[int(end, 16) for end in piece.split("-")] for piece in _RANGES.split()]
    return tuple(chr(code) for piece in ends for code in range(piece[0], piece[-1] + 1))


def placeholder(row: int, column: int) -> str:
    """What stands in one cell of a picture."""
    return f"{PLACEHOLDER}{marks()[row]}{marks()[column]}"


def colour_of(number: int) -> str:
    """The numbers of the SGR sequence that says whose placeholder it is."""
    return f"38;2;{number >> 16 & 255};{number >> 8 & 255};{number & 255}"


AUTO: Final = "auto"
KITTY: Final = "kitty"
WRITE: Final = 128 << 10
"""Characters that are written at once: the queue to the terminal holds some tens of writes."""
_NEVER: Final = ("dumb", "linux", "screen", "tmux")
"""Beginnings of TERM: terminals that show a question, and those that stand between us and the one asked."""


class Pictures:
    """One for the app, made when the first picture is looked at."""

    def __init__(self, driver: Driver | None, choice: str, environ: Mapping[str, str]) -> None:
        self._driver = driver if isinstance(driver, ReplyDriver) else None
        self._write = driver.write if driver is not None else str
        self._choice, self._environ = choice, environ
        self._answers: list[str] = []
        self._heard = asyncio.Event()
        self._able = False
        self._held: set[int] = set()
        # Of 24 bits, so that it is a colour; others use small ones. Two for ours, in turn.
        self._number = int.from_bytes(os.urandom(3)) | 0x010102
        if self._driver is not None:
            self._driver.parting = self.parting

    @property
    def cell(self) -> tuple[int, int]:
        """Pixels of a cell: width, height."""
        return self._driver.cell_pixels() if self._driver is not None else USUAL_CELL

    async def able(self) -> bool:
        """Whether real pictures are shown; the terminal is asked once, and may take its time."""
        term = self._environ.get("TERM", "")
        if self._driver is None or self._environ.get("NO_COLOR") or term in ("", "dumb"):
            return False
        if self._choice != AUTO:
            return self._choice == KITTY
        if not self._may_ask(term):
            return False
        if not self._heard.is_set():
            # Again where a suspension swallowed the answer: two answers do no harm.
            self._answers.clear()
            self._driver.ears.ask()
            self._write(ASK)
            await self._heard.wait()
        return self._able

    def _may_ask(self, term: str) -> bool:
        between = self._environ.get("TMUX") or self._environ.get("STY")
        return not (
            between or term.startswith(_NEVER) or self._environ.get("TERM_PROGRAM") == "Apple_Terminal"
        )

    def heard(self, answer: str) -> None:
        """The terminal has answered."""
        self._answers.append(answer)
        if last_answer(answer):
            self._able = shows_pictures(self._answers)
            self._heard.set()

    def next_number(self) -> int:
        """The number of the next picture."""
        self._number ^= 1
        return self._number

    def fits(self, columns: int, rows: int) -> bool:
        """There are marks for so many cells."""
        return columns <= MOST_CELLS and rows <= MOST_CELLS

    def show(self, number: int, png: bytes, columns: int, rows: int) -> None:
        """Send it; its placeholders may be written from now on."""
        self._held.add(number)
        for piece in _joined(map(self._passed, transmit(number, png, columns, rows))):
            self._write(piece)

    def remove(self, number: int) -> None:
        """It is not looked at any more."""
        if number in self._held:
            self._held.remove(number)
            self._write(self._passed(delete(number)))

    def parting(self) -> str:
        """The terminal is left: nothing of ours stays there."""
        held, self._held = sorted(self._held), set()
        return "".join(self._passed(delete(number)) for number in held)

    def _passed(self, sequence: str) -> str:
        return through_tmux(sequence) if self._environ.get("TMUX") else sequence


def _joined(sequences: Iterator[str]) -> Iterator[str]:
    """Few large pieces."""
    joined, length = [], 0
    for sequence in sequences:
        joined.append(sequence)
        length += len(sequence)
        if length >= WRITE:
            yield "".join(joined)
            joined, length = [], 0
    if joined:
        yield "".join(joined)
