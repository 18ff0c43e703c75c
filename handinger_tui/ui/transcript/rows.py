"""Parts as rows: one small function per kind of part, and the table that names them.

Every text from outside is cleaned here or in `markdown`, and becomes `Content`
directly: no markup parser ever sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from textual.content import Content

from handinger_tui.core.addresses import host_at
from handinger_tui.core.safety import clean, clean_line, host_of
from handinger_tui.core.turn import (
    CustomPart,
    DataPart,
    FilePart,
    Order,
    ReasoningPart,
    SourcePart,
    StepPart,
    TextPart,
    ToolPart,
)
from handinger_tui.core.words import plural, size
from handinger_tui.ui.transcript.cards import (
    Look,
    custom_rows,
    cut,
    data_rows,
    fold_line,
    inside,
    replaced_rows,
    structured_rows,
    tool_rows,
)
from handinger_tui.ui.transcript.endings import ending_rows, progress_rows
from handinger_tui.ui.transcript.markdown import render
from handinger_tui.ui.transcript.pretty import pretty
from handinger_tui.ui.transcript.row import INDENT, NOT_BOLD, Row, joined, link_style, styled
from handinger_tui.ui.transcript.slots import (
    Ending,
    Progress,
    Receipt,
    Replaced,
    Skipped,
    Slot,
    Sources,
    Structured,
)

PROMPT_MARK: Final = "❯ "


def prompt_rows(order: Order, _look: Look) -> list[Row]:
    """The prompt, and under it the files that went along."""
    mark, rest = styled(PROMPT_MARK, "prompt-mark"), INDENT
    rows = [
        Row(Content(line.expandtabs(4)), "prompt", rest if at else mark, rest, band=True)
        for at, line in enumerate(clean(order.prompt).split("\n"))
    ]
    for file in order.attachments:
        name = styled(f"+ {clean_line(file.name)}  {size(file.size)}", "faint", NOT_BOLD)
        rows.append(Row(name, "prompt", rest, rest, band=True))
    return rows


def text_rows(part: TextPart, look: Look) -> list[Row]:
    """An answer; a growing one has a LiveMarkdown of its own (page.py)."""
    return render(part.text, look.width)


def reasoning_line(part: ReasoningPart, look: Look) -> Row:
    """One line for all thoughts, while they come and after."""
    text = part.text.strip()
    lines = text.count("\n") + 1 if text else 0
    word = "thinking…" if part.open else "thought ·"
    return fold_line(look, styled(f"{word} {plural(lines, 'line')}" if lines else word.rstrip(" ·"), "faint"))


def reasoning_rows(part: ReasoningPart, look: Look) -> list[Row]:
    """The one line, and the thoughts themselves when unfolded."""
    body = render(part.text, look.width - 2) if look.unfolded else []
    return [reasoning_line(part, look), *inside(body)]


def file_rows(part: FilePart, look: Look) -> list[Row]:
    """A file the worker made: name, size and type; the name leads to it."""
    name = clean_line(part.filename or part.url.split("?")[0].rsplit("/", 1)[-1], 120) or "file"
    details = clean_line(part.media_type, 60)
    if part.size is not None:
        details = f"{size(part.size)}  {details}"
    content = joined((styled(name, "link", link_style(part.url)), styled("  " + details, "faint")))
    return [Row(cut(content, look.width - 2), "tool", styled("▤ ", "accent"), INDENT, wide=True)]


def sources_rows(sources: Sources, look: Look) -> list[Row]:
    """How many sources there are; which ones, when unfolded."""
    hosts = list(dict.fromkeys(filter(None, (host_at(part.url or "") for part in sources.parts))))
    line = fold_line(
        look, styled(f"Sources: {len(sources.parts)}"), styled("  " + ", ".join(hosts[:6]), "faint")
    )
    if not look.unfolded:
        return [line]
    return [line, *inside([_source_row(number, part) for number, part in enumerate(sources.parts, 1)])]


def _source_row(number: int, part: SourcePart) -> Row:
    host = host_of(part.url or "")
    title = clean_line(part.title or part.filename or host or part.source_id, 200) or "source"
    name = styled(title, "link", link_style(part.url)) if part.url else styled(title)
    tail = styled(f"  {host}" if host and host != title else "", "faint")
    return Row(joined((name, tail)), first=styled(f"{number}. ", "bullet"), rest=Content("   "))


def source_rows(part: SourcePart, look: Look) -> list[Row]:
    """One source alone; a turn shows all of its sources in one line instead."""
    return sources_rows(Sources((part,)), look)


def step_rows(_part: StepPart, _look: Look) -> list[Row]:
    """The border between two model calls is not shown: the receipt counts them."""
    return []


def skipped_rows(note: Skipped, _look: Look) -> list[Row]:
    """Some of the answer could not be read."""
    return [Row(styled(f"{plural(note.events, 'event')} of this turn could not be read.", "faint"))]


def receipt_rows(receipt: Receipt, _look: Look) -> list[Row]:
    """What the turn took."""
    return [Row(styled(clean_line(receipt.text)), "receipt", wide=True)]


RowsOf = Callable[[Any, Look], list[Row]]

PART_ROWS: Final[Mapping[type, RowsOf]] = MappingProxyType(
    {
        TextPart: text_rows,
        ReasoningPart: reasoning_rows,
        ToolPart: tool_rows,
        FilePart: file_rows,
        SourcePart: source_rows,
        DataPart: data_rows,
        CustomPart: custom_rows,
        StepPart: step_rows,
    }
)
SLOT_ROWS: Final[Mapping[type, RowsOf]] = MappingProxyType(
    {
        Order: prompt_rows,
        Sources: sources_rows,
        Structured: structured_rows,
        Replaced: replaced_rows,
        Skipped: skipped_rows,
        Progress: lambda slot, _look: progress_rows(slot),
        Ending: lambda slot, _look: ending_rows(slot),
        Receipt: receipt_rows,
        **PART_ROWS,
    }
)
FOLDABLE: Final = (ReasoningPart, ToolPart, DataPart, CustomPart, Sources, Structured, Replaced)
LINES: Final = (*FOLDABLE, FilePart, Skipped)
"""What is one line when folded: no empty row between two of these."""


def slot_rows(slot: Slot, look: Look) -> list[Row]:
    """The rows of anything that is shown."""
    return SLOT_ROWS[type(slot)](slot, look)


def gap_between(before: Slot, after: Slot) -> bool:
    """An empty row stands between the two."""
    return not (isinstance(before, LINES) and isinstance(after, LINES))


def _value_of(slot: DataPart | CustomPart | Structured) -> object:
    if isinstance(slot, DataPart):
        return slot.data
    return slot.raw if isinstance(slot, CustomPart) else slot.value


def source_of(slot: Slot) -> str:
    """What copying a slot gives: Markdown for answers, JSON for data, "" for decoration."""
    if isinstance(slot, Order):
        return slot.prompt
    if isinstance(slot, TextPart | ReasoningPart):
        return slot.text
    if isinstance(slot, Replaced | Receipt):
        return slot.text
    if isinstance(slot, ToolPart):
        kept = {"tool": slot.name, "input": slot.input, "output": slot.output, "error": slot.error}
        return pretty({name: value for name, value in kept.items() if value is not None})
    if isinstance(slot, DataPart | CustomPart | Structured):
        return pretty(_value_of(slot))
    if isinstance(slot, FilePart):
        return slot.url
    if isinstance(slot, Sources):
        return "\n".join(f"- {part.title or part.source_id}: {part.url or ''}" for part in slot.parts)
    return ""
