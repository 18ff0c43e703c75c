"""Summarizes a text file by counting words and lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handinger_tui.local.words import cell, table, words_of

if TYPE_CHECKING:
    from handinger_tui.local.turn_context import TurnContext
    from handinger_tui.local.workspace import StoredFile

WORDS_PER_MINUTE = 230
"""A typical speed of silent reading."""
_SHOWN = 8
_LONGEST_LINES = 3
_LINE_BEGINNING = 100
_SHORTEST_WORD = 4
"""Shorter words are mostly function words and are left out of the frequencies."""


@dataclass(frozen=True, slots=True)
class TextCounts:
    """The result of the tool `count_words`. Lines are (number, characters, beginning of the text)."""

    characters: int
    lines: int
    empty_lines: int
    words: int
    distinct_words: int
    frequent: list[tuple[str, int]]
    longest_lines: list[tuple[int, int, str]]

    def as_output(self) -> dict[str, object]:
        """Return the counts as a JSON value."""
        return {
            "characters": self.characters,
            "lines": self.lines,
            "emptyLines": self.empty_lines,
            "words": self.words,
            "distinctWords": self.distinct_words,
            "frequent": self.frequent,
            "longestLines": self.longest_lines,
            "readingSeconds": self.reading_seconds,
        }

    @property
    def reading_seconds(self) -> int:
        """The reading time in seconds, rounded up."""
        return -(-self.words * 60 // WORDS_PER_MINUTE)


def counts_of(text: str) -> TextCounts:
    """Count words, lines and characters. A final line break does not start another line."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    words = words_of(text)
    frequent = Counter(word for word in words if len(word) >= _SHORTEST_WORD).most_common(_SHOWN)
    longest = sorted(enumerate(lines, 1), key=lambda numbered: -len(numbered[1]))[:_LONGEST_LINES]
    return TextCounts(
        characters=len(text),
        lines=len(lines),
        empty_lines=sum(not line.strip() for line in lines),
        words=len(words),
        distinct_words=len(set(words)),
        frequent=frequent,
        longest_lines=[(number, len(line), line[:_LINE_BEGINNING]) for number, line in longest if line],
    )


async def summarize(context: TurnContext, file: StoredFile) -> None:
    """Read a file, count, and report the counts."""
    decoded = await context.read(file)
    if decoded is None:
        return
    name = cell(file.path)
    counts = await context.compute("count_words", {"path": file.path}, lambda: counts_of(decoded.text))
    if counts is None:
        await context.say(
            f"## {name}\n\nI read {decoded.size:,} bytes ({decoded.encoding}); the words are not counted."
        )
        return
    await context.think("The counts are there. I lay them out; I cannot judge what the text means.")
    cut = "\n\nOnly the beginning was read; the file is larger than I look at." if decoded.cut else ""
    await context.say(f"## {name}\n\n{_overview(counts, decoded.encoding)}{cut}{_details(counts)}")


def _overview(counts: TextCounts, encoding: str) -> str:
    minutes, seconds = divmod(counts.reading_seconds, 60)
    rows = [
        ("words", f"{counts.words:,}"),
        ("different words", f"{counts.distinct_words:,}"),
        ("lines", f"{counts.lines:,}"),
        ("of them empty", f"{counts.empty_lines:,}"),
        ("characters", f"{counts.characters:,}"),
        ("reading time", f"{minutes} min {seconds} s"),
    ]
    note = f"Read as {encoding}; reading time at {WORDS_PER_MINUTE} words a minute."
    return f"{table(['count', 'value'], rows, numeric=(1,))}\n\n{note}"


def _details(counts: TextCounts) -> str:
    parts = []
    if counts.frequent:
        frequent = table(["word", "times"], counts.frequent, numeric=(1,))
        parts.append(f"\n\n### Frequent words\n\nOf {_SHORTEST_WORD} letters or more:\n\n{frequent}")
    if counts.longest_lines:
        parts.append(
            "\n\n### Longest lines\n\n"
            + table(["line", "characters", "text"], counts.longest_lines, numeric=(0, 1))
        )
    return "".join(parts)
