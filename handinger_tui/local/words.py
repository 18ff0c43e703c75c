"""Small rules over words and Markdown that the repertoire shares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_LONGEST_CELL = 120


def words_of(text: str) -> list[str]:
    """Return the words in small letters: letters and digits, joined by inner apostrophes or hyphens."""
    return [word.lower() for word in _WORD.findall(text)]


def first_word(text: str) -> str:
    """Return the first word in small letters, or the empty string."""
    found = _WORD.search(text)
    return found.group().lower() if found else ""


def mentions(text: str, wanted: Iterable[str]) -> bool:
    """Tell whether one of the wanted words stands in the text as a whole word."""
    return not set(wanted).isdisjoint(words_of(text))


def names_path(text: str, path: str) -> bool:
    """Tell whether a file's path stands in the text by itself, not as a piece of something longer."""
    return re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-]|\.\w)", text) is not None


def cell(value: object) -> str:
    """Return text that stays one cell of a Markdown table: one line, no bars or ticks, cut when long."""
    text = " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1].rstrip("\\") + "…"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], numeric: Iterable[int] = ()) -> str:
    """Return a Markdown table; the columns in `numeric` are set to the right."""
    right = set(numeric)
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join("---:" if index in right else "---" for index in range(len(header))) + "|",
    ]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def fence(text: str) -> str:
    """Return a code fence that the text cannot close by itself."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}\n{text}\n{ticks}"
