"""Helpers for words and Markdown, shared by the rules of the repertoire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_LONGEST_CELL = 120


def words_of(text: str) -> list[str]:
    """Return the words in lower case: letters and digits, joined by inner apostrophes or hyphens."""
    return [word.lower() for word in _WORD.findall(text)]


def first_word(text: str) -> str:
    """Return the first word in lower case, or the empty string."""
    match = _WORD.search(text)
    return match.group().lower() if match else ""


def mentions(text: str, wanted: Iterable[str]) -> bool:
    """Return whether the text has one of the wanted words as a whole word."""
    return not set(wanted).isdisjoint(words_of(text))


def names_path(text: str, path: str) -> bool:
    """Return whether the text has the path by itself, not as a part of a longer word or path."""
    return re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-]|\.\w)", text) is not None


def cell(value: object) -> str:
    """Return a value as a cell of a Markdown table: one line, escaped, cut to 120 characters."""
    text = " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1].rstrip("\\") + "…"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], numeric: Iterable[int] = ()) -> str:
    """Return a Markdown table; the columns in `numeric` are right-aligned."""
    right = set(numeric)
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join("---:" if index in right else "---" for index in range(len(header))) + "|",
    ]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def fence(text: str) -> str:
    """Return the text in a code fence that is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}\n{text}\n{ticks}"
