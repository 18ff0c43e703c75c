"""Cards: what is one line until it is unfolded (tools, data, a replaced text)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from textual.content import Content

from handinger_tui.core.datasets import STRUCTURED
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.core.turn import CustomPart, DataPart, ToolPart, ToolState
from handinger_tui.ui.transcript.code import code_rows, coloured_lines
from handinger_tui.ui.transcript.pretty import one_line, pretty
from handinger_tui.ui.transcript.row import BOLD, INDENT, Row, indented, joined, styled
from handinger_tui.ui.transcript.slots import Replaced, Structured
from handinger_tui.ui.transcript.wrap import width_of, wrapped

FOLDED: Final = "▸ "
UNFOLDED: Final = "▾ "
SHOWN_CHARS: Final = 20_000
"""Characters of a tool's input or output that are shown; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a slot is shown: for a width in cells, and folded or not."""

    width: int
    unfolded: bool = False


def cut(content: Content, width: int) -> Content:
    """One line of at most `width` cells, with an ellipsis where something is missing."""
    if width_of(content.plain) <= width:
        return content
    return wrapped(content, max(2, width - 1), words=False)[0].rstrip() + styled("…", "faint")


def fold_line(look: Look, *pieces: Content) -> Row:
    """The one line of something that can be unfolded; a click on it does."""
    mark = styled(UNFOLDED if look.unfolded else FOLDED, "faint")
    return Row(cut(joined(pieces), look.width - 2), "tool", mark, INDENT, wide=True)


_TOOL_STATES: Final[Mapping[ToolState, tuple[str, str, str]]] = MappingProxyType(
    {
        ToolState.INPUT_STREAMING: ("○", "busy", "preparing…"),
        ToolState.INPUT_AVAILABLE: ("○", "busy", "running…"),
        ToolState.APPROVAL_REQUESTED: ("?", "busy", "waits for an approval"),
        ToolState.APPROVAL_RESPONDED: ("○", "busy", "approval answered"),
        ToolState.OUTPUT_AVAILABLE: ("●", "good", ""),
        ToolState.OUTPUT_ERROR: ("✗", "bad", "failed"),
        ToolState.OUTPUT_DENIED: ("✗", "bad", "denied"),
    }
)


def tool_rows(part: ToolPart, look: Look) -> list[Row]:
    """State, name and input in one line; input and output when unfolded."""
    glyph, colour, word = _TOOL_STATES[part.state]
    if part.preliminary:
        glyph, colour, word = "○", "busy", "running…"
    asked = clean_line(part.input_text, 300) if part.input is None else one_line(part.input)
    name = clean_line(part.title or part.name, 80) or "tool"
    line = fold_line(
        look,
        styled(glyph + " ", colour),
        styled(name, None, BOLD),
        styled(f"  {word}" if word else "", colour),
        styled(f"  {asked}" if asked else "", "faint"),
    )
    if not look.unfolded:
        return [line]
    rows = _labelled("input", part.input if part.input is not None else part.input_text)
    if part.output is not None:
        rows += _labelled("output", part.output)
    if part.error:
        rows += plain_rows(part.error, "bad")
    return [line, *inside(rows)]


def inside(rows: list[Row]) -> list[Row]:
    """What an unfolded line holds stands below its name."""
    return indented(rows, INDENT, INDENT)


def _labelled(label: str, value: object) -> list[Row]:
    """A value as indented JSON, a string as its text; cut where it is too long to be looked at."""
    text, language = (value, "") if isinstance(value, str) else (pretty(value), "json")
    shown = clean(text[:SHOWN_CHARS]).rstrip("\n")
    rows = code_rows(shown, label, coloured_lines(shown, language))
    if len(text) > SHOWN_CHARS:
        rows.append(Row(styled(f"… {len(text) - SHOWN_CHARS:,} more characters", "faint")))
    return rows


def plain_rows(text: str, style: str = "text") -> list[Row]:
    """A text from outside as it is, in one style, cut where it is too long to be looked at."""
    rows = [Row(Content(line.expandtabs(4)), style) for line in clean(text[:SHOWN_CHARS]).split("\n")]
    if len(text) > SHOWN_CHARS:
        rows.append(Row(styled(f"… {len(text) - SHOWN_CHARS:,} more characters", "faint")))
    return rows


def data_rows(part: DataPart, look: Look) -> list[Row]:
    """Structured data: its name and beginning, all of it when unfolded."""
    name = clean_line(part.name, 80)
    line = fold_line(look, styled(name, None, BOLD), styled("  " + one_line(part.data), "faint"))
    return [line, *inside(_labelled("data", part.data))] if look.unfolded else [line]


def structured_rows(output: Structured, look: Look) -> list[Row]:
    """Structured output, as a data part."""
    return data_rows(DataPart(STRUCTURED, output.value), look)


def custom_rows(part: CustomPart, look: Look) -> list[Row]:
    """A part of a kind that is kept but not understood."""
    name = clean_line(part.kind, 80)
    line = fold_line(look, styled(name, None, BOLD), styled("  " + one_line(part.raw), "faint"))
    return [line, *inside(_labelled("part", part.raw))] if look.unfolded else [line]


def replaced_rows(note: Replaced, look: Look) -> list[Row]:
    """Text that was streamed and then replaced stays readable."""
    line = fold_line(look, styled("The final text differs from what was streamed; the earlier text", "faint"))
    return [line, *inside(plain_rows(note.text, "faint"))] if look.unfolded else [line]
