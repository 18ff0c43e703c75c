"""Summarizes attached files one after the other, each by its type."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct
from msgspec.structs import asdict

from handinger_tui.local.repertoire import tables
from handinger_tui.local.text import cell, looks_binary, table, words_of
from handinger_tui.local.turn_context import Rule, TurnContext
from handinger_tui.local.workspace import StoredFile

_TABLE_ENDINGS = (".csv", ".tsv", ".tab")
_SHOWN = 8
_SHORTEST_WORD = 4
"""Shorter words are mostly function words and are left out of the frequencies."""


class TextCounts(Struct, frozen=True):
    """The result of the tool `count_words`."""

    words: int
    different: int
    lines: int
    characters: int
    frequent: list[tuple[str, int]]

    def as_output(self) -> dict[str, object]:
        """Return the counts as a JSON value."""
        return asdict(self)


def counts_of(text: str) -> TextCounts:
    """Count words, lines and characters. A final line break does not start another line."""
    words = words_of(text)
    lines = text.count("\n") + (not text.endswith("\n") and text != "")
    frequent = Counter(word for word in words if len(word) >= _SHORTEST_WORD).most_common(_SHOWN)
    return TextCounts(len(words), len(set(words)), lines, len(text), frequent)


async def _summarize_text(context: TurnContext, file: StoredFile) -> None:
    decoded = await context.read(file)
    if decoded is None:
        return
    name = cell(file.path)
    counts = await context.compute("count_words", {"path": file.path}, lambda: counts_of(decoded.text))
    if counts is None:
        await context.say(
            f"## {name}\n\nI read {decoded.size:,} bytes ({decoded.encoding}) but did not count the words."
        )
        return
    await context.think("The counts are ready. I cannot judge what the text means.")
    rows = [
        ("words", f"{counts.words:,}"),
        ("different words", f"{counts.different:,}"),
        ("lines", f"{counts.lines:,}"),
        ("characters", f"{counts.characters:,}"),
    ]
    answer = f"## {name}\n\n{table(['count', 'value'], rows, numeric=(1,))}\n\nRead as {decoded.encoding}."
    if decoded.cut:
        answer += "\n\nOnly the beginning was read because the file is too large."
    if counts.frequent:
        frequent = table(["word", "times"], counts.frequent, numeric=(1,))
        answer += f"\n\n### Frequent words\n\nWith {_SHORTEST_WORD} letters or more:\n\n{frequent}"
    await context.say(answer)


async def _describe_bytes(context: TurnContext, file: StoredFile) -> None:
    await context.say(
        f"## {cell(file.path)}\n\nThis is not text, and I can only read text. It has "
        f"{len(file.content):,} bytes, media type `{file.media_type}` by its name, SHA-256 `{file.digest}`."
    )


async def _perform(context: TurnContext) -> None:
    for file in context.requested_files():
        if looks_binary(file.content):
            await _describe_bytes(context, file)
        elif file.path.lower().endswith(_TABLE_ENDINGS):
            await tables.summarize(context, file)
        else:
            await _summarize_text(context, file)


RULE = Rule(
    name="attachments",
    when="a file is attached, or the text names one sent before",
    does="It summarizes text; for CSV and TSV it creates statistics, a report, a table and a chart",
    example="summarize this (with a file attached)",
    matches=lambda context: bool(context.requested_files()),
    perform=_perform,
)
