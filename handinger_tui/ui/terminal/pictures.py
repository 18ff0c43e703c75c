"""Pictures: whether the terminal shows real ones, and which of ours it holds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from typing import Final

from textual.driver import Driver

from handinger_tui.ui.terminal.hearing import USUAL_CELL, HearingDriver
from handinger_tui.ui.terminal.kitty import (
    ASK,
    MOST_CELLS,
    delete,
    last_answer,
    shows_pictures,
    through_tmux,
    transmit,
)

AUTO: Final = "auto"
KITTY: Final = "kitty"
WRITE: Final = 128 << 10
"""Characters that are written at once: the queue to the terminal holds some tens of writes."""
_NEVER: Final = ("dumb", "linux", "screen", "tmux")
"""Beginnings of TERM: terminals that show a question, and those that stand between us and the one asked."""


class Pictures:
    """One for the app, made when the first picture is looked at."""

    def __init__(self, driver: Driver | None, choice: str, environ: Mapping[str, str]) -> None:
        self._driver = driver if isinstance(driver, HearingDriver) else None
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
