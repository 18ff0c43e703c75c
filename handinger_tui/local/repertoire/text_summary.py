"""Summary of a text file: counted, not understood."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handinger_tui.local.words import cell, table, words_of

if TYPE_CHECKING:
    from handinger_tui.local.turn_context import TurnContext
    from handinger_tui.local.workspace import StoredFile

WORDS_PER_MINUTE = 230
"""A usual speed of silent reading."""
_SHOWN = 8
_LONGEST_LINES = 3
_LINE_BEGINNING = 100
_SHORTEST_WORD = 4
"""Shorter words are mostly grammar and are left out of the frequencies."""


@dataclass(frozen=True, slots=True)
class TextCounts:
    """What the tool `count_words` finds. Lines are (number, characters, beginning of the text)."""

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
        """Reading time, begun seconds counted."""
        return -(-self.words * 60 // WORDS_PER_MINUTE)


def counts_of(text: str) -> TextCounts:
    """Count. A closing line break does not begin another line."""
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


async def summarise(desk: TurnContext, file: StoredFile) -> None:
    """Read one file, count, and say what came out."""
    reading = await desk.read(file)
    if reading is None:
        return
    name = cell(file.path)
    counts = await desk.compute("count_words", {"path": file.path}, lambda: counts_of(reading.text))
    if counts is None:
        await desk.say(
            f"## {name}\n\nI read {reading.size:,} bytes ({reading.encoding}); the words are not counted."
        )
        return
    await desk.think("The counts are there. I lay them out; I cannot judge what the text means.")
    cut = "\n\nOnly the beginning was read; the file is larger than I look at." if reading.cut else ""
    await desk.say(f"## {name}\n\n{_overview(counts, reading.encoding)}{cut}{_details(counts)}")


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
    how = f"Read as {encoding}; reading time at {WORDS_PER_MINUTE} words a minute."
    return f"{table(['count', 'value'], rows, numeric=(1,))}\n\n{how}"


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
