"""An app that writes only changed cells, asks widgets only for visible lines, and crashes discreetly.

The screen buffer keeps the cells that the terminal shows; updates are written as the difference from it.
A cell is (character, pen). Terminals disagree about the width of some characters. A strip with
such a character is "odd": it is only ever written completely, as Textual would write it, and each
of its cells is (the text of the complete strip, column within it).

Every update writes only the difference, a full one, too: Textual makes one for each change behind a
dialog. Where another program may have written on the screen (after a resize or a return from the shell),
the buffer forgets what it knows, and everything is written. When most lines of a widget moved up or down,
the terminal scrolls them itself, and the content beside them is restored.

Textual asks for all lines of every widget whose parent overlaps with the rectangle around all changes, and
of all containers behind it: for a typed letter, the complete transcript, and for a clock in the header with
new text below, the complete screen. The compositor here asks for fewer.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from itertools import compress, count
from operator import is_not
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from rich.console import COLOR_SYSTEMS, Console, RenderableType
from rich.style import Style
from textual import content, events
from textual.app import App
from textual.driver import Driver
from textual.geometry import Offset, Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Tooltip

from handinger_tui.core.formatting import joined
from handinger_tui.core.safety import clean
from handinger_tui.ui.terminal import (
    ChopsUpdate,
    Compositor,
    CompositorUpdate,
    LayoutUpdate,
    Missing,
)
from handinger_tui.ui.terminal.programs import Foreground

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

# -- cells ---------------------------------------------------------------------------------------
TAME: Final = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u0482"
    "\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2190-\u2199\u2200-\u22ff\u2500-\u25fc\u25ff"
    "\u2713\u2717\u276f\u2800-\u28ff]*"
)
"""Characters that take one cell in every terminal: no combining, no wide ones, no emoji."""

_OFF: Final = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
"""The SGR number that ends each attribute; bold and dim end together."""


class Pen(dict[str, "Cell"]):
    """The style of a character as SGR numbers; also a cache of its cells, one per character."""

    __slots__ = ("_transitions", "attributes", "back", "fore")
    # Pens compare by identity. The C functions of `object` are used because they are called for every cell.
    __hash__ = object.__hash__  # type: ignore[assignment]  # a dict has none
    __eq__ = object.__eq__

    def __init__(self, attributes: frozenset[str], fore: str, back: str) -> None:
        super().__init__()
        self.attributes: Final = attributes
        self.fore: Final = fore
        self.back: Final = back
        self._transitions: dict[Pen, str] = {}

    def __missing__(self, text: str) -> Cell:
        cell = self[text] = (text, self)
        return cell

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
CellRow = list[Cell | None]
"""One line of the screen; None for a cell with unknown content."""


MAX_STRIPS: Final = 400
"""Maximum number of strips whose cells are cached: a few screens."""


def _drop_oldest(cache: dict[Any, Any]) -> None:
    if len(cache) >= MAX_STRIPS:
        for old in list(cache)[: MAX_STRIPS // 2]:
            del cache[old]


class Pens:
    """All pens, and a cache of the cells of recently written strips."""

    def __init__(self) -> None:
        self.plain: Final = Pen(frozenset(), "", "")
        self._pens: dict[tuple[frozenset[str], str, str], Pen] = {(frozenset(), "", ""): self.plain}
        self._by_codes: dict[str, Pen] = {"": self.plain}
        self._strips: dict[int, tuple[Strip, tuple[list[Cell], bool]]] = {}
        self._odd: dict[str, list[Cell]] = {}
        """The cells of odd strips by their text: cells are compared by identity."""

    def cells(self, strip: Strip, console: Console) -> tuple[list[Cell], bool]:
        """Return the cells of a strip (the same objects for the same strip) and whether the strip is odd."""
        # The strip is cached with its cells: while it is alive, no other strip can have its id.
        cached = self._strips.get(id(strip))
        if cached is not None:
            return cached[1]
        _drop_oldest(self._strips)
        converted = self._cells(strip, console)
        self._strips[id(strip)] = (strip, converted)
        return converted

    def _cells(self, strip: Strip, console: Console) -> tuple[list[Cell], bool]:
        cells: list[Cell] = []
        for text, style, control in strip:
            if control or TAME.fullmatch(text) is None or (style is not None and style.link):
                rendered, width = strip.render(console), strip.cell_length
                _drop_oldest(self._odd)
                return self._odd.setdefault(rendered, [(rendered, column) for column in range(width)]), True
            cells += map(self._pen(style, console).__getitem__, text)
        return cells, False

    def _pen(self, style: Style | None, console: Console) -> Pen:
        if style is None or console.color_system is None:
            return self.plain
        # "\x1b[", the numbers, "m", one character, and the reset "\x1b[0m"; only the character if plain.
        codes = style.render("x", color_system=COLOR_SYSTEMS[console.color_system])[2:-6]
        pen = self._by_codes.get(codes)
        if pen is None:
            # One pen for all codes of the same look: an empty transition would be a reset.
            look = _parse_codes(codes)
            pen = self._by_codes[codes] = self._pens.setdefault(look, Pen(*look))
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


# -- the screen buffer ---------------------------------------------------------------------------
GAP: Final = 6
"""Maximum number of unchanged cells to rewrite: moving the cursor over so few takes more bytes."""
LEAST_LINES: Final = 3
"""Minimum number of lines that moved by the same distance before the terminal scrolls them."""
LEAST_CELLS: Final = 16
"""Minimum width of a strip that counts as evidence for a move."""
LEAST_SHARE: Final = 0.5
"""Minimum share of moved lines in a widget: with fewer, writing all its lines takes fewer bytes."""


class PlacedStrip(NamedTuple):
    """A strip and its position on the screen."""

    y: int
    x: int
    strip: Strip


class Move(NamedTuple):
    """Lines `top` to `bottom` (exclusive) move up by `by`, down if negative."""

    top: int
    bottom: int
    by: int


SHOW_CURSOR: Final = "\x1b[?25h"
HIDE_CURSOR: Final = "\x1b[?25l"


class ScreenBuffer:
    """The content of the terminal's screen; None for a cell that another program may have written."""

    def __init__(self) -> None:
        self.scrolls = 0
        """Number of scrolls done by the terminal; used by tests."""
        self.shows_cursor = False
        """Whether the cursor of the terminal is visible after the next update."""
        self._has_cursor = False
        """Whether it is visible now."""
        self._pens = Pens()
        self._size = 0, 0
        self._rows: list[CellRow] = []
        self._strips: list[dict[int, Strip]] = []
        """Per line, the strips that are completely visible, by their columns."""
        self._odd: list[set[int]] = []
        """Per line, the columns at which odd strips begin (see `cells`)."""

    def update(self, update: CompositorUpdate) -> CompositorUpdate:
        """Return an equivalent update that writes fewer bytes. The buffer changes only when it is written."""
        if isinstance(update, ChopsUpdate | LayoutUpdate):
            return _DiffUpdate(self, update)
        return update

    def forget(self, region: Region | None = None) -> None:
        """Mark the screen, or a region of it, as unknown: another program may have written there."""
        if region is None:
            self._has_cursor = False
            self._reset(*self._size)
            return
        width, height = self._size
        left, right = max(0, region.x), min(width, region.right)
        for y in range(max(0, region.y), min(height, region.bottom)):
            row = self._rows[y].copy()
            row[left:right] = [None] * (right - left)
            self._rows[y] = row
            strips = self._strips[y].items()
            self._strips[y] = {x: strip for x, strip in strips if x >= right or x + strip.cell_length <= left}

    def _reset(self, width: int, height: int) -> None:
        self._size = width, height
        self._rows = [[None] * width for _ in range(height)]
        self._strips = [{} for _ in range(height)]
        self._odd = [set() for _ in range(height)]

    def write(self, update: CompositorUpdate, console: Console) -> str:
        """Return the output for an update, which counts as written from now on.

        The cursor is hidden while it is written, and shown only where something has it.
        """
        had_cursor, self._has_cursor = self._has_cursor, self.shows_cursor
        text = self._written(update, console)
        before = HIDE_CURSOR if had_cursor and (text or not self.shows_cursor) else ""
        return before + text + (SHOW_CURSOR if self.shows_cursor and (text or not had_cursor) else "")

    def _written(self, update: CompositorUpdate, console: Console) -> str:
        size: tuple[int, int]
        if isinstance(update, LayoutUpdate):
            size, pieces = update.region.size, _all_pieces(update)
        else:
            assert isinstance(update, ChopsUpdate), "`update` wraps no other type"  # noqa: S101  # narrows the type
            size, pieces = (update.chop_ends[0][-1], len(update.chops)), _pieces(update)
        if size != self._size:
            self._reset(*size)
        return self._write(list(pieces), console)

    def _write(self, pieces: list[PlacedStrip], console: Console) -> str:
        move = self._detect_move(pieces)
        old = self._rows.copy()
        for piece in pieces:
            y = piece.y
            if self._strips[y].get(piece.x) is not piece.strip:
                if self._rows[y] is old[y]:
                    self._rows[y] = old[y].copy()
                self._put(self._rows[y], piece, console)
        writer = DiffWriter(self._pens)
        if move is not None:
            self.scrolls += 1
            writer.scroll(*move)
            old = self._rows_after_move(move, old)
        for y, row in enumerate(self._rows):
            writer.row(y, old[y], row, odd=bool(self._odd[y]))
        return writer.text()

    def _rows_after_move(self, move: Move, rows: list[CellRow]) -> list[CellRow]:
        """Return what the terminal shows after it has scrolled lines."""
        unknown: CellRow = [None] * self._size[0]
        inside = range(move.top, move.bottom)
        return [
            row if y not in inside else rows[y + move.by] if y + move.by in inside else unknown
            for y, row in enumerate(rows)
        ]

    def _put(self, row: CellRow, piece: PlacedStrip, console: Console) -> None:
        y, x, strip = piece
        cells, odd = self._pens.cells(strip, console)
        end = min(len(row), x + len(cells))
        row[x:end] = cells[: end - x]
        strips = self._strips[y]
        for other, old in list(strips.items()):
            if other < end and x < other + old.cell_length:
                del strips[other]
                # The visible rest of an odd strip beside the new one stays odd.
                if x <= other and other + old.cell_length <= end:
                    self._odd[y].discard(other)
        strips[x] = strip
        if odd:
            self._odd[y].add(x)

    def _detect_move(self, pieces: list[PlacedStrip]) -> Move | None:
        """Return the move that most of the lines made, None if they did not move."""
        if len(pieces) <= LEAST_LINES:
            return None
        before: dict[tuple[int, int], int | None] = {}
        for y, strips in enumerate(self._strips):
            for x, strip in strips.items():
                key = (x, id(strip))
                # Empty lines may be the same strip in many places.
                before[key] = None if key in before else y
        votes: Counter[tuple[int, int, int]] = Counter()
        for y, x, strip in pieces:
            previous = before.get((x, id(strip)))
            if previous is not None and strip.cell_length >= LEAST_CELLS:
                votes[x, strip.cell_length, previous - y] += 1
        if not votes:
            return None
        (x, width, by), count = votes.most_common(1)[0]
        if not by or count < LEAST_LINES:
            return None
        # Lines of the same column and width belong to the same widget.
        lines = [piece.y for piece in pieces if piece.x == x and piece.strip.cell_length == width]
        top, bottom = min(lines), max(lines) + 1
        worth = abs(by) < bottom - top and count >= LEAST_SHARE * len(lines)
        return Move(top, bottom, by) if worth else None


class _DiffUpdate(CompositorUpdate):
    """An update that is compared with the screen buffer when Textual writes it."""

    def __init__(self, buffer: ScreenBuffer, update: CompositorUpdate) -> None:
        self._buffer = buffer
        self._update = update

    def render_segments(self, console: Console) -> str:
        """Return the output for the terminal."""
        return self._buffer.write(self._update, console)


def _all_pieces(update: LayoutUpdate) -> Iterator[PlacedStrip]:
    """Yield the strips of a full update."""
    for y, line in enumerate(update.strips):
        x = 0
        for strip in line:
            yield PlacedStrip(y, x, strip)
            x += strip.cell_length


def _pieces(update: ChopsUpdate) -> Iterator[PlacedStrip]:
    """Yield the strips of a partial update, cropped as Textual crops them."""
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x >= last or end <= first:
                continue
            if first <= x < last and end <= last:
                yield PlacedStrip(y, x, strip)
            else:
                yield PlacedStrip(y, x, strip.crop(0, min(end, last) - x))


class DiffWriter:
    """Collects the output. The pen of the terminal is plain before and after."""

    def __init__(self, pens: Pens) -> None:
        self._plain = pens.plain
        self._pen: Pen = pens.plain
        self._out: list[str] = []
        self._y = self._x = -1
        """Line and column of the cursor; the column is -1 if the position is unknown."""

    def scroll(self, top: int, bottom: int, by: int) -> None:
        """Let the terminal scroll lines `top` to `bottom` (exclusive) up by `by`, down if negative.

        It uses margins and line feeds, which every terminal since the VT100 supports. Sequences that
        scroll by a number are less portable.
        """
        move = f"\x1b[{bottom}H" + "\n" * by if by > 0 else f"\x1b[{top + 1}H" + "\x1bM" * -by
        self._out.append(f"\x1b[{top + 1};{bottom}r{move}\x1b[r")
        self._x = -1

    def row(self, y: int, old: CellRow, new: CellRow, *, odd: bool) -> None:
        """Write the changed cells of line `y`; `odd` means that the line has odd cells."""
        if old is new:
            return
        changed = list(compress(count(), map(is_not, old, new)))
        if not changed:
            return
        first_odd = next((x for x in changed if _is_odd(new[x])), None) if odd else None
        if first_odd is not None:
            # It may take more cells than expected, so everything to its right is written again.
            changed = [*(x for x in changed if x < first_odd), *range(first_odd, len(new))]
        start = end = changed[0]
        for x in changed:
            if x - end > GAP or (odd and any(map(_is_odd, new[end + 1 : x]))):
                self._run(y, new, start, end + 1)
                start = x
            end = x
        self._run(y, new, start, end + 1)

    def text(self) -> str:
        """Return the output so far and end it with the plain pen."""
        self._reset_pen()
        return "".join(self._out)

    def _reset_pen(self) -> None:
        if self._pen is not self._plain:
            self._out.append("\x1b[m")
            self._pen = self._plain

    def _run(self, y: int, row: CellRow, start: int, end: int) -> None:
        first = row[start]
        if first is not None and isinstance(first[1], int) and first[1]:
            # A cell of an odd strip can only be written with the complete strip.
            begin = start - first[1]
            head = row[begin] if begin >= 0 else None
            if head is not None and head[0] is first[0] and head[1] == 0:
                start = begin
        add, pen = self._out.append, self._pen
        for x in range(start, end):
            cell = row[x]
            if cell is None:
                continue
            text, own = cell
            if isinstance(own, int):
                if own == 0:
                    # A complete odd strip: the position of the cursor is unknown after it.
                    self._reset_pen()
                    self._move(y, x)
                    add(text)
                    pen, self._x = self._pen, -1
                continue
            if x != self._x or y != self._y:
                self._move(y, x)
            if own is not pen:
                add(pen.to(own))
                self._pen = pen = own
            add(text)
            self._x = x + 1

    def _move(self, y: int, x: int) -> None:
        if y == self._y and 0 <= self._x < x:
            self._out.append(f"\x1b[{x - self._x}C")
        elif (y, x) != (self._y, self._x):
            self._out.append(f"\x1b[{y + 1};{x + 1}H")
        self._y, self._x = y, x


def _is_odd(cell: Cell | None) -> bool:
    return cell is None or isinstance(cell[1], int)


OSC_52: Final = "OSC 52"
"""The name of the way through the terminal, which does not report whether the text arrived."""
LONGEST_COPY: Final = 1_000_000
"""Maximum number of characters copied through the terminal; terminals drop what is too long for them."""


def copy_report(text: str, what: str, way: str) -> tuple[str, Literal["information", "warning"]]:
    """The sentence about a copy of `text`, which `what` names; `way` is "" where none took it."""
    if way:
        return f"Copied {what} ({len(text):,} characters, {way}).", "information"
    return f"Not copied: {len(text):,} characters do not fit through the terminal.", "warning"


# -- the compositor and the app ------------------------------------------------------------------
def clip_paints(screen: Screen[Any]) -> None:
    """Let `screen` paint with a `ClippedCompositor`; without Textual's compositor nothing changes."""
    if not issubclass(Compositor, Missing):
        screen._compositor = ClippedCompositor()


def select_to_pointer(screen: Screen[Any]) -> None:
    """Continue a selection that is being made to what the mouse is over now: the text moved below it."""
    state = getattr(screen, "_select_state", None)
    if state is None or state.end is None or not getattr(screen, "_selecting", False):
        return
    at = screen.app.mouse_position
    widget, offset = screen.get_widget_and_offset_at(*at)
    if widget is not None and widget is state.end.content_widget and offset is not None:
        screen._select_state = state.update_end(at, state.end._replace(content_offset=offset))


def ask_background(app: App[Any]) -> None:
    """Ask the terminal for its background color, where the driver can; the answer is a message."""
    ask = getattr(getattr(app, "_driver", None), "ask_background", None)
    if ask is not None:
        ask()


def mark_terminal(app: App[Any], sequence: str, undo: str = "") -> None:
    """Write a sequence that draws nothing. `undo`: what takes it back when the terminal is given up."""
    mark = getattr(getattr(app, "_driver", None), "mark", None)
    if mark is not None:
        mark(sequence, undo)


class ClippedCompositor(Compositor):
    """Textual's compositor with the same result, but fewer requested lines."""

    _painted: tuple[Region, ...] = ()
    """The changed regions while a partial update is rendered; outside of them nothing is written."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Render what changed."""
        self._painted = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._painted = ()

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if crop is None:
            yield from super()._get_renders(crop)
            return
        painted = self._painted or (crop,)
        # Widgets are ordered from front to back.
        for widget, (region, clip) in self.visible_widgets.items():
            # Complete lines: a cropped strip would be a new object, which the screen buffer
            # does not recognize.
            row_clip = clip.intersection(Region(clip.x, crop.y, clip.width, crop.height))
            visible = region.intersection(row_clip)
            # Textual lets a region without cells overlap with its neighbors.
            if not visible or not any(map(visible.overlaps, painted)):
                continue
            yield region, row_clip, widget.render_lines(visible.translate(-region.offset))
            if visible.contains_region(crop):
                # It hides everything behind it.
                return


ENDS_WITHIN_S: Final = 2.0
"""Seconds that a foreground program gets to end by itself before it is killed."""


_DIVIDE: Final = "divide_line"
_divide: Final[Callable[[str, int, bool], list[int]] | None] = getattr(content, _DIVIDE, None)


def _divide_joined(text: str, width: int, fold: bool = True) -> list[int]:
    """The places in `text` at which a line of `width` cells ends: not between a number and its unit."""
    return [] if _divide is None else _divide(joined(text, "-"), width, fold)


def _keep_units() -> None:
    """From now on `Content` keeps a number and its unit on one line."""
    if _divide is not None:
        setattr(content, _DIVIDE, _divide_joined)


class DiffApp(App[None]):
    """An app whose output goes through a `ScreenBuffer`."""

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        self.screen_buffer = ScreenBuffer()
        self._has_crashed = False
        self.terminal_caret = False
        """Whether the cursor of the terminal is visible in fields, too. Lists always have it."""
        self.copy_with_program: Callable[[str], Awaitable[str]] | None = None
        """Copies a text with a program of this machine; returns its name, "" where there is none."""
        self.foreground = Foreground(lambda code: self.call_later(self.exit, return_code=code))
        _keep_units()
        super().__init__(driver_class=driver_class)

    def copy_to_clipboard(self, text: str, copied: Callable[[str], None] | None = None) -> None:
        """Copy cleaned text: its control sequences must not end a bracketed paste into a shell.

        Through the terminal unless the text is too long, and with a program of this machine where there is
        one; `copied` gets the name of the way, "" where none took it.
        """
        text, with_program = clean(text), self.copy_with_program
        terminal = OSC_52 if len(text) <= LONGEST_COPY else ""
        if terminal:
            super().copy_to_clipboard(text)

        async def copy_also() -> None:
            program = await with_program(text) if with_program is not None else ""
            if copied is not None:
                copied(program or terminal)

        self.run_worker(copy_also(), group="copy")

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """The screens that can be seen behind the top one.

        Textual asks only those below whether they hide others. So it would draw all of the top screen and of
        the next one whenever something changes on either.
        """
        is_hidden = self.screen.styles.background.a == 1
        return [] if is_hidden else super()._background_screens

    def shows(self, screen: Screen[Any]) -> bool:
        """Whether anything of a screen can be seen; no longer when the app ends."""
        stack = self.screen_stack
        return bool(stack) and (screen is stack[-1] or screen in self._background_screens)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Display an update; cells that the terminal already shows are not written again."""
        if isinstance(renderable, CompositorUpdate):
            renderable = self.screen_buffer.update(renderable)
            place = getattr(screen.focused, "terminal_cursor", None)
            # The caret of a field of Textual, which tells the app only when it moves.
            caret = getattr(screen.focused, "cursor_screen_offset", None)
            if caret is not None and getattr(screen.focused, "cursor_at_end", False):
                # Textual counts the cell that it draws behind the text of an input.
                caret -= Offset(1, 0)
            self.screen_buffer.shows_cursor = place is not None or (self.terminal_caret and caret is not None)
            self.cursor_position = place or caret or self.cursor_position
        super()._display(screen, renderable)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """No caret blinks without animations."""
        if self.animation_level == "none" and getattr(event.widget, "cursor_blink", False):
            event.widget.cursor_blink = False  # type: ignore[attr-defined] # a field of Textual has it

    def on_mount(self) -> None:
        """Redraw after a resume: a shell or an editor has used the terminal."""
        self.app_resume_signal.subscribe(self, lambda _app: self.redraw())

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Exit once no other program uses the terminal; a second call kills that program at once."""
        if self.foreground.delays_exit(return_code):
            self.set_timer(ENDS_WITHIN_S, self.foreground.kill)
        else:
            super().exit(result, return_code, message)

    # -- a crash -----------------------------------------------------------------------------------
    def _fatal_error(self) -> None:
        """End after a crash. Textual would print the values of variables, one of which may be the API key.

        One failure often causes others: only the first is reported.
        """
        self.bell()
        is_first, self._has_crashed = not self._has_crashed, True
        report = self.report_crash(sys.exception()) if is_first else None
        self.panic(*([] if report is None else [report]))

    def report_crash(self, error: BaseException | None) -> RenderableType | None:
        """Report a crash and return what is printed after the end; subclasses override it."""
        return None if error is None else f"{type(error).__name__}: {error}"

    # -- painting again --------------------------------------------------------------------------
    def _check_resize(self) -> None:
        """Tell the screens of a resize, also those that cannot be seen: they may be shown again."""
        event = self._resize_event
        super()._check_resize()
        if event is not None:
            for screen in set(super()._background_screens).difference(self._background_screens):
                screen.post_message(event)

    def on_resize(self) -> None:
        """Redraw after a resize: terminals rearrange their content, each in its own way."""
        # What a tooltip is about may be elsewhere now.
        for tooltip in self.screen.query(Tooltip):
            tooltip.display = False
        self.redraw()

    def redraw(self) -> None:
        """Write the complete screen, whatever the terminal shows."""
        self.screen_buffer.forget()
        self.refresh()

    def repair(self, widget: Widget) -> None:
        """Write one widget completely, whatever the terminal shows there."""
        self.screen_buffer.forget(widget.region)
        widget.refresh()
