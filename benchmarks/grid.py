"""Grid: the characters of a terminal's screen, and what moves, writes and erases them."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

from benchmarks.queries import COLUMNS, ROWS


def cells(character: str) -> int:
    """Columns a character takes: 0, 1 or 2."""
    if combining(character) or character in "\u200b\u200d\ufe0e\ufe0f":
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


class Grid:
    """A grid of characters and a cursor. `changed`: rows touched since somebody last cleared it."""

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        self.columns, self.height = columns, rows
        self.changed: set[int] = set()
        self._grid = [self._blank() for _ in range(rows)]
        self._x = self._y = self._top = 0
        self._bottom = rows - 1
        self._kept = (0, 0)

    def row(self, y: int) -> str:
        """One row as text."""
        return "".join(self._grid[y])

    @property
    def text(self) -> str:
        """All rows, without the blanks at their ends."""
        return "\n".join(self.row(y).rstrip() for y in range(self.height))

    # -- writing -------------------------------------------------------------------------
    def _blank(self) -> list[str]:
        return [" "] * self.columns

    def write(self, text: str) -> None:
        """Text without controls, wrapped at the right edge."""
        if text.isascii() and self._x + len(text) <= self.columns:
            self._grid[self._y][self._x : self._x + len(text)] = text
            self._x += len(text)
            self.changed.add(self._y)
            return
        for character in text:
            self._put(character, cells(character))

    def _put(self, character: str, width: int) -> None:
        if not width:
            return
        if self._x + width > self.columns:
            self._x = 0
            self.down()
        self._grid[self._y][self._x : self._x + width] = [character, ""][:width]
        self._x += width
        self.changed.add(self._y)

    def down(self) -> None:
        """LF: one row down; at the end of the region it scrolls."""
        if self._y == self._bottom:
            self.scroll_up([1])
        else:
            self._y = min(self.height - 1, self._y + 1)

    def _move(self, x: int, y: int) -> None:
        self._x = min(max(0, x), self.columns - 1)
        self._y = min(max(0, y), self.height - 1)

    def _shift(self, first: int, count: int, *, up: bool) -> None:
        """Rows `first` to the bottom of the region move by `count`; blank ones come in."""
        count = min(count, self._bottom - first + 1)
        part = self._grid[first : self._bottom + 1]
        new = [self._blank() for _ in range(count)]
        part = [*part[count:], *new] if up else [*new, *part[: len(part) - count]]
        self._grid[first : self._bottom + 1] = part
        self.changed.update(range(first, self._bottom + 1))

    # -- what sequences ask for ------------------------------------------------------------
    def scroll_up(self, numbers: list[int]) -> None:
        """SU."""
        self._shift(self._top, numbers[0] or 1, up=True)

    def scroll_down(self, numbers: list[int]) -> None:
        """SD."""
        self._shift(self._top, numbers[0] or 1, up=False)

    def insert_lines(self, numbers: list[int]) -> None:
        """IL; the cursor goes to the start of its line."""
        if self._top <= self._y <= self._bottom:
            self._shift(self._y, numbers[0] or 1, up=False)
            self._x = 0

    def delete_lines(self, numbers: list[int]) -> None:
        """DL; the cursor goes to the start of its line."""
        if self._top <= self._y <= self._bottom:
            self._shift(self._y, numbers[0] or 1, up=True)
            self._x = 0

    def region(self, numbers: list[int]) -> None:
        """DECSTBM; the cursor goes home."""
        top, bottom = ((*numbers, 0, 0))[:2]
        self._top, self._bottom = max(top, 1) - 1, min(bottom or self.height, self.height) - 1
        self._move(0, 0)

    def place(self, numbers: list[int]) -> None:
        """CUP."""
        down, right = ((*numbers, 0, 0))[:2]
        self._move((right or 1) - 1, (down or 1) - 1)

    def column(self, numbers: list[int]) -> None:
        """CHA."""
        self._move((numbers[0] or 1) - 1, self._y)

    def line(self, numbers: list[int]) -> None:
        """VPA."""
        self._move(self._x, (numbers[0] or 1) - 1)

    def step(self, right: int, down: int, numbers: list[int]) -> None:
        """CUU, CUD, CUF, CUB: the region's edges hold back a cursor that comes from inside."""
        count = numbers[0] or 1
        top = self._top if self._y >= self._top else 0
        bottom = self._bottom if self._y <= self._bottom else self.height - 1
        self._move(self._x + right * count, min(max(top, self._y + down * count), bottom))

    def erase(self, numbers: list[int]) -> None:
        """ED."""
        rows = {0: range(self._y + 1, self.height), 1: range(self._y)}.get(numbers[0], range(self.height))
        for y in rows:
            self._grid[y] = self._blank()
        self.changed.update(rows)
        if numbers[0] in (0, 1):
            self.erase_line(numbers)

    def erase_line(self, numbers: list[int]) -> None:
        """EL."""
        x = min(self._x, self.columns - 1)
        start, end = {0: (x, self.columns), 1: (0, x + 1)}.get(numbers[0], (0, self.columns))
        self._grid[self._y][start:end] = [" "] * (end - start)
        self.changed.add(self._y)

    def erase_letters(self, numbers: list[int]) -> None:
        """ECH."""
        end = min(self.columns, self._x + (numbers[0] or 1))
        self._grid[self._y][self._x : end] = [" "] * (end - self._x)
        self.changed.add(self._y)

    def delete_letters(self, numbers: list[int]) -> None:
        """DCH."""
        row, count = self._grid[self._y], min(numbers[0] or 1, self.columns - self._x)
        self._grid[self._y] = row[: self._x] + row[self._x + count :] + [" "] * count
        self.changed.add(self._y)

    def insert_letters(self, numbers: list[int]) -> None:
        """ICH."""
        row, count = self._grid[self._y], min(numbers[0] or 1, self.columns - self._x)
        self._grid[self._y] = (row[: self._x] + [" "] * count + row[self._x :])[: self.columns]
        self.changed.add(self._y)
