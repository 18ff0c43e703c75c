"""Cells: a strip as one value per column, so that two lines can be compared column by column.

A cell is (character, pen). Terminals disagree about the width of some characters. A strip with
such a character is "odd": it is only ever written completely, as Textual would write it, and each
of its cells is (the text of the complete strip, column within it).
"""

from __future__ import annotations

import re
from typing import Final

from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style
from textual.strip import Strip

TAME: Final = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u0482"
    "\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2190-\u2199\u2200-\u22ff\u2500-\u25fc\u25ff"
    "\u2713\u2717\u276f\u2800-\u28ff]*"
)
"""Characters that take one cell in every terminal: no combining, no wide ones, no emoji."""

_OFF: Final = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
"""The SGR number that ends each attribute; bold and dim end together."""
_MARKS: Final = frozenset(("4", "5", "7", "9", "21", "51", "52", "53"))
"""SGR attributes that are visible on an empty cell, too."""


class Pen(dict[str, "Cell"]):
    """The style of a character as SGR numbers; also a cache of its cells, one per character."""

    __slots__ = ("_draws", "_transitions", "attributes", "back", "blank", "fore")
    # Pens compare by identity. The C functions of `object` are used because they are called for every cell.
    __hash__ = object.__hash__  # type: ignore[assignment]  # a dict has none
    __eq__ = object.__eq__

    def __init__(self, attributes: frozenset[str], fore: str, back: str) -> None:
        super().__init__()
        self.attributes: Final = attributes
        self.fore: Final = fore
        self.back: Final = back
        self.blank: Pen = self
        """The pen that draws the same empty cell with the fewest SGR numbers."""
        self._transitions: dict[Pen, str] = {}
        self._draws: dict[Pen, bool] = {}

    def __missing__(self, text: str) -> Cell:
        pen = self.blank if text == " " else self
        cell: Cell = (text, pen) if pen is self else pen[text]
        self[text] = cell
        return cell

    def draws_blank(self, pen: Pen) -> bool:
        """Whether an empty cell of `pen` looks the same when it is written with this pen."""
        cached = self._draws.get(pen)
        if cached is None:
            cached = self._draws[pen] = self._draws_blank(pen)
        return cached

    def _draws_blank(self, pen: Pen) -> bool:
        return self.back == pen.back and not pen.attributes and self.attributes.isdisjoint(_MARKS)

    def to(self, pen: Pen) -> str:
        """Return the shortest sequence that changes this pen into another."""
        cached = self._transitions.get(pen)
        if cached is None:
            cached = self._transitions[pen] = self._transition(pen)
        return cached

    def _transition(self, pen: Pen) -> str:
        removed = self.attributes - pen.attributes
        codes: list[str] = []
        if not removed.issubset(_OFF):
            return f"\x1b[{';'.join(('0', *pen.codes()))}m"
        codes += sorted({_OFF[code] for code in removed})
        restored = {code for code in pen.attributes if _OFF.get(code) in codes}
        codes += sorted((pen.attributes - self.attributes) | restored)
        if self.fore != pen.fore:
            codes.append(pen.fore or "39")
        if self.back != pen.back:
            codes.append(pen.back or "49")
        short, full = ";".join(codes), ";".join(("0", *pen.codes())).removesuffix(";")
        return f"\x1b[{short if len(short) <= len(full) else full}m"

    def codes(self) -> list[str]:
        """Return the SGR numbers of this pen."""
        return [*sorted(self.attributes), *filter(None, (self.fore, self.back))]


Cell = tuple[str, "Pen | int"]
Row = list[Cell | None]
"""One line of the screen; None for a cell with unknown content."""


class Pens:
    """All pens, and a cache of the cells of recently written strips."""

    MAX_STRIPS: Final = 400
    """Maximum number of strips whose cells are cached: a few screens."""

    def __init__(self) -> None:
        self.plain: Final = Pen(frozenset(), "", "")
        self._pens: dict[tuple[frozenset[str], str, str], Pen] = {(frozenset(), "", ""): self.plain}
        self._by_codes: dict[str, Pen] = {"": self.plain}
        self._strips: dict[int, tuple[Strip, tuple[list[Cell], bool]]] = {}

    def cells(self, strip: Strip, console: Console) -> tuple[list[Cell], bool]:
        """Return the cells of a strip (the same objects for the same strip) and whether the strip is odd."""
        # The strip is cached with its cells: while it is alive, no other strip can have its id.
        cached = self._strips.get(id(strip))
        if cached is not None:
            return cached[1]
        if len(self._strips) >= self.MAX_STRIPS:
            for old in list(self._strips)[: self.MAX_STRIPS // 2]:
                del self._strips[old]
        converted = self._cells(strip, console)
        self._strips[id(strip)] = (strip, converted)
        return converted

    def _cells(self, strip: Strip, console: Console) -> tuple[list[Cell], bool]:
        cells: list[Cell] = []
        for text, style, control in strip:
            if control or TAME.fullmatch(text) is None or (style is not None and style.link):
                rendered = strip.render(console)
                return [(rendered, column) for column in range(strip.cell_length)], True
            cells += map(self._pen(style, console).__getitem__, text)
        return cells, False

    def _pen(self, style: Style | None, console: Console) -> Pen:
        if style is None or console.color_system is None:
            return self.plain
        # "\x1b[", the numbers, "m", one character, and the reset "\x1b[0m"; only the character if plain.
        codes = style.render("x", color_system=COLOR_SYSTEMS[console.color_system])[2:-6]
        pen = self._by_codes.get(codes)
        if pen is None:
            pen = self._by_codes[codes] = self._pen_of(*_parse_codes(codes))
        return pen

    def _pen_of(self, attributes: frozenset[str], fore: str, back: str) -> Pen:
        existing = self._pens.get((attributes, fore, back))
        if existing is not None:
            return existing
        pen = self._pens[attributes, fore, back] = Pen(attributes, fore, back)
        if attributes.isdisjoint(_MARKS) and (attributes or fore):
            pen.blank = self._pen_of(frozenset(), "", back)
        return pen


def _parse_codes(codes: str) -> tuple[frozenset[str], str, str]:
    """Split the numbers of an SGR sequence into attributes, foreground and background."""
    attributes: set[str] = set()
    fore = back = ""
    numbers = iter(codes.split(";"))
    for number in numbers:
        color = number
        if number in ("38", "48"):
            kind = next(numbers)
            color = ";".join((number, kind, *(next(numbers) for _ in range(3 if kind == "2" else 1))))
        value = int(number)
        if 30 <= value <= 39 or 90 <= value <= 97:
            fore = "" if value == 39 else color
        elif 40 <= value <= 49 or 100 <= value <= 107:
            back = "" if value == 49 else color
        else:
            attributes.add(number)
    return frozenset(attributes), fore, back
