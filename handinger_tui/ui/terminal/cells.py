"""Cells: a strip as one value per column, so that two lines can be compared column by column.

A cell is (character, pen). Terminals do not agree how wide some characters
are; a strip that holds such a one is "odd": it is only ever written as a whole,
as Textual would, and each of its cells is (the whole strip, column within it).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from textual.strip import Strip

if TYPE_CHECKING:
    from rich.console import Console
    from rich.style import Style

TAME: Final = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u0482"
    "\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2190-\u2199\u2200-\u22ff\u2500-\u25fc\u25ff"
    "\u2713\u2717\u276f\u2800-\u28ff]*"
)
"""Characters that take one cell everywhere: no combining ones, no wide ones, no emoji."""

PICTURE: Final = "picture"
"""In the meta of a style: (number, row, column, ground), for a cell that shows a piece of a real picture.
What stands there as text is what to show where the picture cannot be; whatever paints over a cell, or tints
it, takes the meta away and leaves that."""
_PICTURE: Final = PICTURE.encode()

_OFF: Final = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
"""What ends an attribute; bold and dim end together."""
_MARKS: Final = frozenset(("4", "5", "7", "9", "21", "51", "52", "53"))
"""Attributes that are seen on an empty cell, too."""


class Pen(dict[str, "Cell"]):
    """How a character is drawn, by the numbers of its SGR sequence; also keeps its own cells, one of each."""

    __slots__ = ("_draws", "_steps", "attributes", "back", "blank", "fore")
    # One pen is one pen, whatever cells it keeps. Not functions of ours: they are asked for every cell.
    __hash__ = object.__hash__  # type: ignore[assignment]  # a dict has none
    __eq__ = object.__eq__

    def __init__(self, attributes: frozenset[str], fore: str, back: str) -> None:
        super().__init__()
        self.attributes: Final = attributes
        self.fore: Final = fore
        self.back: Final = back
        self.blank: Pen = self
        """The pen that draws the same empty cell with the fewest numbers."""
        self._steps: dict[Pen, str] = {}
        self._draws: dict[Pen, bool] = {}

    def __missing__(self, text: str) -> Cell:
        pen = self.blank if text == " " else self
        cell: Cell = (text, pen) if pen is self else pen[text]
        self[text] = cell
        return cell

    def draws_blank(self, pen: Pen) -> bool:
        """An empty cell of `pen` may be written while this pen is down."""
        found = self._draws.get(pen)
        if found is None:
            found = self._draws[pen] = self._draws_blank(pen)
        return found

    def _draws_blank(self, pen: Pen) -> bool:
        return self.back == pen.back and not pen.attributes and self.attributes.isdisjoint(_MARKS)

    def to(self, pen: Pen) -> str:
        """The shortest sequence that changes this pen into another."""
        found = self._steps.get(pen)
        if found is None:
            found = self._steps[pen] = self._step(pen)
        return found

    def _step(self, pen: Pen) -> str:
        gone = self.attributes - pen.attributes
        codes: list[str] = []
        if not gone.issubset(_OFF):
            return f"\x1b[{';'.join(('0', *pen.codes()))}m"
        codes += sorted({_OFF[code] for code in gone})
        again = {code for code in pen.attributes if _OFF.get(code) in codes}
        codes += sorted((pen.attributes - self.attributes) | again)
        if self.fore != pen.fore:
            codes.append(pen.fore or "39")
        if self.back != pen.back:
            codes.append(pen.back or "49")
        short, whole = ";".join(codes), ";".join(("0", *pen.codes())).removesuffix(";")
        return f"\x1b[{short if len(short) <= len(whole) else whole}m"

    def codes(self) -> list[str]:
        """Its numbers."""
        return [*sorted(self.attributes), *filter(None, (self.fore, self.back))]


Cell = tuple[str, "Pen | int"]
Row = list[Cell | None]
"""One line of the screen; None where nobody knows what stands there."""


class Pens:
    """All pens, and the cells of the strips that were written last."""

    KEPT: Final = 400
    """Strips whose cells are kept: some screens full."""

    def __init__(self) -> None:
        self.plain: Final = Pen(frozenset(), "", "")
        self._pens: dict[tuple[frozenset[str], str, str], Pen] = {(frozenset(), "", ""): self.plain}
        self._by_codes: dict[str, Pen] = {"": self.plain}
        self._strips: dict[int, tuple[Strip, tuple[list[Cell], bool]]] = {}

    def cells(self, strip: Strip, console: Console) -> tuple[list[Cell], bool]:
        """The cells of a strip, of the same strip the same ones; and whether it is odd."""
        # The strip is kept beside its cells, so that its id cannot become another's.
        found = self._strips.get(id(strip))
        if found is not None:
            return found[1]
        if len(self._strips) >= self.KEPT:
            for old in list(self._strips)[: self.KEPT // 2]:
                del self._strips[old]
        made = self._cells(strip, console)
        self._strips[id(strip)] = (strip, made)
        return made

    def _cells(self, strip: Strip, console: Console) -> tuple[list[Cell], bool]:
        made: list[Cell] = []
        for text, style, control in strip:
            # Nothing is unpickled for other strips.
            if style is not None and style._meta is not None and _PICTURE in style._meta:
                piece = self._piece(text, style, console)
                if piece is not None:
                    made.append(piece)
                    continue
            if control or TAME.fullmatch(text) is None or (style is not None and style.link):
                whole = strip.render(console)
                return [(whole, column) for column in range(strip.cell_length)], True
            made += map(self._pen(style, console).__getitem__, text)
        return made, False

    def _pen(self, style: Style | None, console: Console) -> Pen:
        if style is None or console._color_system is None:  # as Strip.render reads it
            return self.plain
        codes = style._make_ansi_codes(console._color_system)  # as Style.render does
        pen = self._by_codes.get(codes)
        if pen is None:
            pen = self._by_codes[codes] = self._made(*_read(codes))
        return pen

    def _piece(self, text: str, style: Style, console: Console) -> Cell | None:
        """The cell of a real picture; None where the style is of something else."""
        mark = style.meta.get(PICTURE)
        if mark is None or len(text) != 1 or console._color_system is None:
            return None
        # Needed once a real picture is shown.
        from handinger_tui.ui.terminal.images import colour_of, placeholder  # noqa: PLC0415 - as said above

        number, row, column, (red, green, blue) = mark
        pen = self._made(frozenset(), colour_of(number), f"48;2;{red};{green};{blue}")
        return pen[placeholder(row, column)]

    def _made(self, attributes: frozenset[str], fore: str, back: str) -> Pen:
        known = self._pens.get((attributes, fore, back))
        if known is not None:
            return known
        pen = self._pens[attributes, fore, back] = Pen(attributes, fore, back)
        if attributes.isdisjoint(_MARKS) and (attributes or fore):
            pen.blank = self._made(frozenset(), "", back)
        return pen


def _read(codes: str) -> tuple[frozenset[str], str, str]:
    """Attributes, foreground and background of an SGR sequence's numbers."""
    attributes: set[str] = set()
    fore = back = ""
    numbers = iter(codes.split(";"))
    for number in numbers:
        colour = number
        if number in ("38", "48"):
            kind = next(numbers)
            colour = ";".join((number, kind, *(next(numbers) for _ in range(3 if kind == "2" else 1))))
        value = int(number)
        if 30 <= value <= 39 or 90 <= value <= 97:
            fore = "" if value == 39 else colour
        elif 40 <= value <= 49 or 100 <= value <= 107:
            back = "" if value == 49 else colour
        else:
            attributes.add(number)
    return frozenset(attributes), fore, back
