"""Markdown as lines to be heard: a paragraph, an item of a list or a row of a table is one line.

Each line begins with a label, so that no text of a worker looks like a line of the program. None has a
character that a terminal obeys, nor one that only draws.
"""

from __future__ import annotations

import re
from calendar import month_name
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count, takewhile
from textwrap import dedent
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean, clean_line, host_of

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MOST_PARSED: Final = 100_000
"""Characters that the parser gets at once."""
_BOXES: Final = dict.fromkeys(range(0x2500, 0x25A0), " ")
"""Lines, corners and blocks: they draw, and mean nothing when they are read out."""
_ITEM: Final = re.compile(r"(?:[-*+]|[0-9]{1,9}[.)])[ \t]")
"""How an item of a list begins that stands in no other list."""
_MARKS: Final = r"\n\\`*_\[\]<>&~|#!"
_PLAIN: Final = re.compile(rf"\s{{0,3}}(?:([-*+]|[0-9]{{1,9}}\.)[ \t]+)?([^\s+=\-{_MARKS}][^{_MARKS}]*)\s*")
"""A line in which nothing is Markdown but perhaps the mark of an item: most are, and need no parser."""
_PLAIN_CELLS: Final = re.compile(r"[^\\`*_\[\]<>&~#!]*")
"""A line of a table in which nothing but its bars is Markdown."""


_UNITS: Final = {
    "s": "second",
    "min": "minute",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "B": "byte",
    "kB": "kilobyte",
    "MB": "megabyte",
    "GB": "gigabyte",
    "TB": "terabyte",
}
_LARGE: Final = {"k": "thousand", "M": "million", "B": "billion", "T": "trillion"}
_QUANTITY: Final = re.compile(
    r"(?<![\w.,$])(?P<number>[0-9][0-9,]*(?:\.[0-9]+)?)"
    r" (?P<unit>s|min|h|d|[kMGT]?B|m(?= [0-9]| ago|\W*$|[,.;)]))\b"
)
"""A number with a unit. "5 m cable" is none: a time in minutes has something else behind it."""
_MOMENT: Final = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00))?(?![\w-])")
_SIGNS: Final = (
    (re.compile(r"\s*·\s*"), ", "),
    (re.compile(r"\s*→\s*"), " to "),
    (re.compile(r"(?<=\d)×"), " times the usual"),
    (re.compile(r"~(?=[$\d<])"), "about "),
    (re.compile(r"<(?=[$\d])"), "less than "),
    (re.compile(r">(?=[$+\d])"), "more than "),
    # Behind an amount; behind an id or a name, which may end with a digit, too, something was left out.
    (re.compile(r"(?<![\w-])(-?[$€]?\d[\d,.]*[kMBT]?%?)…"), r"\1 so far"),
    (re.compile(r"±0%"), "no change"),
    (re.compile(r"\bVs\. "), "Versus "),
    (re.compile(r"(?<!\S)—$"), "unknown"),
    (re.compile(r"\bsim\."), "simulated"),
    (re.compile(r"\bin ms\b"), "in milliseconds"),
    (re.compile(r"(?<!\w)#(?=\w)"), "tag "),
)
_NAME: Final = re.compile(r"(“[^”]*”)")


def in_words(text: str) -> str:
    """A text of ours with its signs, units and times as words. What is in quotation marks stays as it is."""
    return "".join(
        piece if piece.startswith("“") else _in_words(piece) for piece in _NAME.split(text) if piece
    )


def _in_words(text: str) -> str:
    for sign, words in _SIGNS:
        text = sign.sub(words, text)
    text = _MOMENT.sub(_moment, text)
    text = re.sub(r"(?<=\d)[kMBT]\b", lambda match: f" {_LARGE[match.group()]}", text)
    return _QUANTITY.sub(_quantity, text)


def _quantity(match: re.Match[str]) -> str:
    """A number with its unit; of "05 s" and "12.0 kB" without what only aligns."""
    number = match["number"].removesuffix(".0").lstrip("0") or "0"
    number = f"0{number}" if number.startswith((".", ",")) else number
    return f"{number} {_UNITS[match['unit']]}{'' if number == '1' else 's'}"


def _moment(match: re.Match[str]) -> str:
    year, month, day, clock = match.groups()
    if not 0 < int(month) < 13:
        return match.group()
    return f"{month_name[int(month)]} {int(day)}, {year}" + (f", {clock} UTC" if clock else "")


def line(label: str, text: str) -> str:
    """A label and a text, in one line. A text of ours goes through `in_words` first."""
    return f"{label}: {one_line(text)}"


def one_line(text: str) -> str:
    """A text in one line, without what only draws."""
    return " ".join(clean(text).translate(_BOXES).split())


class Reading(Struct, frozen=True):
    """How far a text was read out: where the next block begins, and how far its end was searched."""

    begin: int = 0
    searched: int = 0
    fence: str = ""
    """The marks of the code that is open at `searched`; "" outside of code."""
    by_rows: bool = False
    """The block is longer than `MOST_PARSED`: what is left of it is said line by line."""


def paragraphs(text: str, reading: Reading, *, is_complete: bool) -> tuple[Reading, list[str]]:
    """The lines for the blocks of a text that are complete, and how far it was read with them.

    A block ends before an empty line, an item of a list, a table and code, and behind code. `is_complete`:
    nothing follows.
    """
    lines: list[str] = []
    begin, at, fence, by_rows = reading.begin, reading.searched, reading.fence, reading.by_rows
    while at < len(text):
        end = text.find("\n", at)
        if end < 0 and not is_complete:
            break
        following = len(text) if end < 0 else end + 1
        row = text[at:following]
        was_code, fence = bool(fence), _fence_after(row, fence)
        if not was_code and (at > begin or by_rows):
            stop = at if fence else _end_before(row, text, begin, at)
            if stop is not None:
                lines += block_lines(text[begin:stop], by_rows=by_rows)
                begin, by_rows = stop, False
        at = following
        if was_code and not fence:
            lines += block_lines(text[begin:at])
            begin = at
    if is_complete:
        lines += block_lines(text[begin:at], by_rows=by_rows)
        begin, by_rows = at, False
    elif not fence:
        newest = _row_before(text, begin, at)
        if by_rows or (newest - begin > MOST_PARSED and not _is_table(text, begin)):
            # The newest line may be the first one of a table.
            lines += block_lines(text[begin:newest], by_rows=True)
            begin, by_rows = newest, True
    return Reading(begin, at, fence, by_rows), lines


def _end_before(row: str, text: str, begin: int, at: int) -> int | None:
    """Where a block ends to which the row at `at` does not belong; None: it does."""
    if not row.strip() or _ITEM.match(row):
        return at
    # A table begins with the line before.
    head = _row_before(text, begin, at)
    return head if "|" in text[head:at] and _is_delimiter(row) else None


def _row_before(text: str, begin: int, at: int) -> int:
    """Where the line begins that ends at `at`, or `begin`."""
    return max(begin, text.rfind("\n", begin, at - 1) + 1)


def _is_delimiter(row: str) -> bool:
    """Whether it is the second line of a table."""
    bare = row.strip()
    return "-" in bare and "|" in bare and not bare.strip("|-: \t")


def _is_table(text: str, begin: int) -> bool:
    """Whether a table begins there."""
    head = text.find("\n", begin) + 1
    return bool(head) and "|" in text[begin:head] and _is_delimiter(text[head : text.find("\n", head) + 1])


def _fence_after(row: str, fence: str) -> str:
    """The marks of the code block that is open behind a line; "" outside of one."""
    bare = row.strip()
    mark = "".join(takewhile(lambda char: char == bare[0], bare)) if bare[:3] in ("```", "~~~") else ""
    if not fence:
        # Code within a line has its marks at both ends.
        return "" if mark.startswith("`") and "`" in bare[len(mark) :] else mark
    return "" if mark.startswith(fence) and mark == bare else fence


@lru_cache(1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # 40 ms, with the first answer

    return MarkdownIt("gfm-like", {"html": False, "linkify": False})


def block_lines(block: str, *, by_rows: bool = False) -> list[str]:
    """The lines for one block of Markdown. `by_rows`: each of its lines is read as a block of its own."""
    if by_rows or len(block) > MOST_PARSED:
        lines = _long_block(block, by_rows=by_rows)
    elif plain := _PLAIN.fullmatch(block):
        mark = f"{plain[1] if plain[1][0].isdigit() else '-'} " if plain[1] else ""
        lines = iter([line("worker", mark + plain[2])])
    else:
        # What continues an item of a list is indented, and is no code.
        lines = _Block().lines(_parser().parse(dedent(block)))
    return [one for one in lines if not one.endswith(": ")]


def _long_block(block: str, *, by_rows: bool) -> Iterator[str]:
    """The lines for a block that is too long for the parser: code, a table, or lines read one by one."""
    rows = dedent(block).rstrip("\n").split("\n")
    if not by_rows and (fence := _fence_after(rows[0], "")):
        content = rows[1:] if _fence_after(rows[-1], fence) else rows[1:-1]
        yield from _code(rows[0].strip()[len(fence) :], "\n".join(content))
    elif not by_rows and _is_table(block, 0):
        yield from _table(_row_cells(rows[:2], row) for row in (rows[0], *rows[2:]))
    else:
        for row in rows:
            yield from [line("worker", row)] if len(row) > MOST_PARSED else block_lines(row)


def _row_cells(head: Sequence[str], row: str) -> list[str]:
    """The cells of a line of a table that begins with the lines `head`."""
    if _PLAIN_CELLS.fullmatch(row) or len(row) > MOST_PARSED:
        return [" ".join(cell.split()) for cell in row.strip().removeprefix("|").removesuffix("|").split("|")]
    parsed = [*_table_rows(iter(_parser().parse("\n".join((*head, row)))))]
    # A line that begins something else, as a quotation does, is no row for the parser.
    return parsed[1] if len(parsed) == 2 else [row]


class _Block:
    """Reads the tokens of a block."""

    def __init__(self) -> None:
        self._label = "worker"
        self._numbers: list[Iterator[int] | None] = []
        """For each list that is open the numbers of its next items; None: it has none."""
        self._mark = ""
        """What stands before the first text of an item."""

    def lines(self, parsed: Sequence[Token]) -> Iterator[str]:
        """The lines for all tokens."""
        tokens = iter(parsed)
        for token in tokens:
            match token.type:
                case "inline":
                    yield line(self._label, self._mark + _inline(token.children or ()))
                    self._mark = ""
                case "fence" | "code_block":
                    yield from _code(token.info, token.content)
                case "table_open":
                    yield from _table(_table_rows(tokens))
                case "heading_open":
                    self._label = "heading"
                case "heading_close":
                    self._label = "worker"
                case kind:
                    self._enter_list(kind, token)

    def _enter_list(self, kind: str, token: Token) -> None:
        if kind == "ordered_list_open":
            self._numbers.append(count(int(token.attrs.get("start", 1))))
        elif kind == "bullet_list_open":
            self._numbers.append(None)
        elif kind == "list_item_open":
            numbers = self._numbers[-1]
            self._mark = "- " if numbers is None else f"{next(numbers)}. "
        elif kind.endswith("_list_close"):
            self._numbers.pop()


def _inline(tokens: Sequence[Token]) -> str:
    """The text of a paragraph; behind a link whose text does not say it stands where it leads."""
    pieces: list[str] = []
    links: list[tuple[str, int]] = []
    """Host, and how many pieces stand before the link, of each one that is open."""
    for token in tokens:
        if token.type == "link_open":
            links.append((host_of(str(token.attrs.get("href", ""))), len(pieces)))
        elif token.type == "link_close" and links:
            host, since = links.pop()
            if host and host not in "".join(pieces[since:]):
                pieces.append(f" ({host})")
        else:
            pieces.append(" " if token.type in {"softbreak", "hardbreak"} else token.content)
    return "".join(pieces)


def _code(info: str, content: str) -> Iterator[str]:
    """The lines of a code block, behind one that counts them. Their indentation is a part of the code."""
    rows = clean(content).translate(_BOXES).expandtabs(4).rstrip("\n").split("\n")
    language = clean_line(info, 30)
    yield line("code", f"{f'{language}, ' if language else ''}{plural(len(rows), 'line')}")
    yield from (f"code: {row.rstrip()}" for row in rows if row.strip())


def _table_rows(tokens: Iterator[Token]) -> Iterator[list[str]]:
    """The cells of each row of a table, up to its end."""
    cells: list[str] = []
    for token in takewhile(lambda one: one.type != "table_close", tokens):
        if token.type == "inline":
            cells.append(" ".join(_inline(token.children or ()).split()))
        elif token.type == "tr_close":
            yield cells
            cells = []


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The rows of a table, with the head of its column before each cell."""
    heads, *body = rows
    for number, cells in enumerate(body, 1):
        size = f"{plural(len(body), 'row')}. " if number == 1 else ""
        yield line("table", f"{size}Row {number}. {_cells(heads, cells)}")
    if not body:
        yield line("table", f"0 rows. Columns: {', '.join(heads)}.")


def _cells(heads: Sequence[str], cells: Sequence[str]) -> str:
    pairs = [(head, cell) for head, cell in zip(heads, cells, strict=False) if head or cell]
    return " ".join(f"{head}: {cell or 'empty'}." if head else f"{cell}." for head, cell in pairs)
