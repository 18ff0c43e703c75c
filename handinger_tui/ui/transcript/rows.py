"""What is shown of a turn, as slots, and the rows of each kind of slot: one function per kind, in a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import compress
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from textual.content import Content
from textual.style import Style

from handinger_tui.core.evidence import (
    STRUCTURED,
    cached_host,
    file_name,
    files_by_tool,
    files_of_turn,
    one_line,
    sources_of_turn,
    structured_of,
)
from handinger_tui.core.formatting import day_text, duration, local_time, plural, size
from handinger_tui.core.prompts import lineage_words
from handinger_tui.core.safety import clean, clean_line, host_of
from handinger_tui.core.stream import CustomPart, FilePart, SourcePart
from handinger_tui.core.turns.turn import (
    FREE,
    TRIGGER_WORDS,
    DataPart,
    Fault,
    Part,
    ReasoningPart,
    Retry,
    StepPart,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    TurnRequest,
    TurnStatus,
    parts_of,
)
from handinger_tui.ui.transcript.code import code_rows, highlighted_lines
from handinger_tui.ui.transcript.document import render
from handinger_tui.ui.transcript.painting import (
    ASIDE,
    BOLD,
    EMPTY,
    INDENT,
    NOT_BOLD,
    Row,
    indented,
    link_style,
    styled,
    width_of,
    wrapped,
)

if TYPE_CHECKING:
    from handinger_tui.core.jsontext import Json


class TurnEnd(NamedTuple):
    """The data of the line about a turn that did not complete."""

    status: TurnStatus
    fault: Fault | None
    errors: tuple[str, ...]
    why: str | None
    cost: str = ""
    """What a refused turn cost; "" for nothing."""
    next_step: str = ""
    """How its message is sent again; "" for nothing to say."""
    has_begun: bool = False
    """Whether something of the answer arrived."""


class ProgressLine(NamedTuple):
    """The data of a status line."""

    status: TurnStatus
    activity: str | None
    quiet: bool
    """Whether nothing of the answer has arrived yet."""
    retry: Retry | None = None


class Sources(NamedTuple):
    """All sources of a turn, shown as one line at its end."""

    parts: tuple[SourcePart, ...]


class Replaced(NamedTuple):
    """Streamed text that the final text of the service does not contain."""

    text: str


class Written(NamedTuple):
    """A tool call that wrote a file, and the file."""

    tool: ToolPart
    file: FilePart


class Structured(NamedTuple):
    """The structured output of a turn."""

    value: Json


class Skipped(NamedTuple):
    """The number of events that could not be read."""

    events: int


class ReceiptLine(NamedTuple):
    """The receipt line of a turn."""

    text: str


Slot = (
    TurnRequest | TextPart | ReasoningPart | ToolPart | FilePart | DataPart | CustomPart
    | ProgressLine | Sources | Structured | Replaced | Written | Skipped | TurnEnd | ReceiptLine
)  # fmt: skip
"""What is shown of a turn. It omits steps; sources are one line at the end."""

SHOWN_PARTS: Final = frozenset((TextPart, ReasoningPart, ToolPart, FilePart, DataPart, CustomPart))
"""Kinds of parts that have a slot each."""


def _part_slots(turn: Turn) -> list[Slot]:
    """Return the slots of the parts; a file that a tool wrote is in the slot of the call."""
    files = files_of_turn(turn)
    if not files:
        shown = map(SHOWN_PARTS.__contains__, map(type, turn.parts))
        return list(compress(turn.parts, shown))  # type: ignore[arg-type]  # a step and a source are not shown
    slots: list[Slot] = []
    written = files_by_tool(turn.parts, files)
    merged = {file.url for file in written.values()}
    for at, part in enumerate(turn.parts):
        if at in written and isinstance(part, ToolPart):
            slots.append(Written(part, written[at]))
        elif isinstance(part, StepPart | SourcePart):
            continue
        elif not (isinstance(part, FilePart) and part.url in merged):
            slots.append(part)
    streamed = {part.url for part in parts_of(turn.parts, FilePart)} | merged
    slots += [file for file in files if file.url not in streamed]
    return slots


def slots_of(turn: Turn, receipt: str, next_step: str = "") -> list[Slot]:
    """Return all slots of a turn, in order. Parts keep their identity.

    `next_step`: how a message that did not arrive is sent again.
    """
    slots: list[Slot] = [turn.request, *_part_slots(turn)]
    if turn.replaced_text:
        slots.append(Replaced(turn.replaced_text))
    output = structured_of(turn)
    if output is not None:
        slots.append(Structured(output))
    if sources := sources_of_turn(turn):
        slots.append(Sources(sources))
    if turn.skipped:
        slots.append(Skipped(turn.skipped))
    if turn.live:
        slots.append(ProgressLine(turn.status, turn.activity, len(slots) == 1, turn.retry))
    if turn.status in ERROR_TITLES:
        why = turn.incomplete or turn.stream_fault or turn.abort_reason
        cost = receipt if turn.status in FREE else ""
        slots.append(TurnEnd(turn.status, turn.fault, turn.errors, why, cost, next_step, bool(turn.parts)))
    if receipt and turn.status not in FREE:
        slots.append(ReceiptLine(receipt))
    return slots


def has_same_rows(old: Slot, new: Slot) -> bool:
    """Whether both slots have the same rows. Parts are compared by identity: comparing their text is slow."""
    if old is new:
        return True
    if isinstance(old, Written) and isinstance(new, Written):
        return old.tool is new.tool and old.file == new.file
    small = isinstance(
        old, ProgressLine | Sources | Structured | Skipped | TurnEnd | ReceiptLine | Replaced | FilePart
    )
    return small and type(old) is type(new) and old == new


def slot_key(slot: Slot, number: int) -> str:
    """Return a stable key of a slot: the index of a part, or the type name of any other (unique) slot."""
    return f"{number}" if isinstance(slot, Part | Written) else type(slot).__name__


# -- rows ----------------------------------------------------------------------------------
MAX_DEPTH: Final = 60


def pretty(value: object, indent: str = "") -> str:
    """Format JSON over several lines with exact numbers; deeper than `MAX_DEPTH` values are "…"."""
    if len(indent) > 2 * MAX_DEPTH:
        return '"…"'
    inner = indent + "  "
    if isinstance(value, dict) and value:
        lines = (
            f"{inner}{json.dumps(str(key), ensure_ascii=False)}: {pretty(item, inner)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join(inner + pretty(item, inner) for item in value) + f"\n{indent}]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


FOLDED: Final = "▸ "
UNFOLDED: Final = "▾ "
SHOWN_CHARS: Final = 20_000
"""Maximum number of characters shown of a tool's input or output; characters after them are only counted."""


class RowOptions(Struct, frozen=True):
    """How a slot is shown: the width in cells, whether it is unfolded, and when its turn began."""

    width: int
    unfolded: bool = False
    when: str = ""
    """The time of the turn, beside its prompt."""
    growing: bool = True
    """Whether more of it may come."""


class WorkRun(NamedTuple):
    """What the line of a run says. `ms`: None while it goes on, and where nobody saw all of it."""

    calls: int
    thoughts: int
    failed: int = 0
    doing: str = ""
    ms: int | None = None


class Look(NamedTuple):
    """How a slot is shown, apart from its content."""

    unfolded: bool
    when: str = ""
    """The time of the turn; only its prompt has it."""
    run: WorkRun | None = None
    """The run that begins with the slot; its line stands above the rows of the slot."""
    is_run_open: bool = False
    hidden: bool = False
    """Whether only the line of its run is shown in place of it."""


def truncated(content: Content, width: int) -> Content:
    """Cut content to one line of at most `width` cells, with an ellipsis if something is missing."""
    if width_of(content.plain) <= width:
        return content
    return wrapped(content, max(2, width - 1), words=False)[0].rstrip() + styled("…", "faint")


def fold_line(options: RowOptions, *pieces: Content) -> Row:
    """Return the one-line form of a foldable slot; a click on it toggles the folding."""
    mark = styled(UNFOLDED if options.unfolded else FOLDED, "faint")
    return Row(truncated(EMPTY.join(pieces), options.width - 2), "tool", mark, INDENT, wide=True)


def run_line(run: WorkRun, width: int, *, unfolded: bool) -> Row:
    """Return the line of a run: "3 tool calls · 1 thought · 12 s"."""
    glyph, color = ("○ ", "busy") if run.doing else ("✗ ", "bad") if run.failed else ("● ", "good")
    counts = (
        plural(run.calls, "tool call") if run.calls else "",
        plural(run.thoughts, "thought") if run.thoughts else "",
        "" if run.ms is None else duration(max(0, run.ms)),
    )
    return fold_line(
        RowOptions(width, unfolded),
        styled(glyph, color),
        styled(" · ".join(filter(None, counts)), "faint"),
        styled(f" · {run.failed} failed" if run.failed else "", "bad"),
        styled(f" · {run.doing}" if run.doing else "", "busy"),
    )


def run_key(start: int) -> str:
    """Return a stable key of the run that begins with a slot."""
    return f"run {start}"


_TOOL_STATES: Final = {
    ToolState.INPUT_STREAMING: ("○", "busy"),
    ToolState.INPUT_AVAILABLE: ("○", "busy"),
    ToolState.APPROVAL_REQUESTED: ("?", "busy"),
    ToolState.APPROVAL_RESPONDED: ("○", "busy"),
    ToolState.OUTPUT_AVAILABLE: ("●", "good"),
    ToolState.OUTPUT_ERROR: ("✗", "bad"),
    ToolState.OUTPUT_DENIED: ("✗", "bad"),
}


def tool_rows(part: ToolPart, options: RowOptions, file: FilePart | None = None) -> list[Row]:
    """Return state, name and input of a tool call in one line; input and output as well when unfolded.

    `file`: what it wrote; it is shown in place of the input.
    """
    word = part.words(may_end=options.growing)
    glyph, color = _TOOL_STATES[ToolState.INPUT_AVAILABLE if part.preliminary else part.state]
    color = "faint" if part.unfinished and not options.growing else color
    summary = clean_line(part.input_text, 300) if part.input is None else one_line(part.input)
    name = clean_line(part.title or part.name, 80) or "tool"
    line = fold_line(
        options,
        styled(glyph + " ", color),
        styled(name, None, BOLD),
        styled(f"  {word}" if word else "", color),
        *(
            [styled("  "), _file_content(file)]
            if file
            else [styled(f"  {summary}" if summary else "", "faint")]
        ),
    )
    if not options.unfolded:
        return [line]
    rows = _value_rows("input", part.input if part.input is not None else part.input_text)
    if part.output is not None:
        rows += _value_rows("output", part.output)
    if part.error:
        rows += plain_rows(part.error, "bad")
    return [line, *indented(rows, INDENT, INDENT)]


def _value_rows(label: str, value: object) -> list[Row]:
    """Return a value as indented JSON, a string as its text, cut after `SHOWN_CHARS` characters."""
    text, language = (value, "") if isinstance(value, str) else (pretty(value), "json")
    visible_text = clean(text[:SHOWN_CHARS]).rstrip("\n")
    return code_rows(text.rstrip("\n"), label, highlighted_lines(visible_text, language)) + _cut_note(text)


def plain_rows(text: str, style: str) -> list[Row]:
    """Return external text unformatted in one style, cut after `SHOWN_CHARS` characters."""
    rows = [Row(Content(line.expandtabs(4)), style) for line in clean(text[:SHOWN_CHARS]).split("\n")]
    return rows + _cut_note(text)


def _cut_note(text: str) -> list[Row]:
    hidden = len(text) - SHOWN_CHARS
    return [Row(styled(f"… {hidden:,} more characters", "faint"))] if hidden > 0 else []


def json_rows(name: str, label: str, value: object, options: RowOptions) -> list[Row]:
    """Return the name and beginning of a value; all of it when unfolded."""
    line = fold_line(
        options, styled(clean_line(name, 80), None, BOLD), styled("  " + one_line(value), "faint")
    )
    return [line, *indented(_value_rows(label, value), INDENT, INDENT)] if options.unfolded else [line]


def replaced_rows(note: Replaced, options: RowOptions) -> list[Row]:
    """Return the rows of streamed text that the final text replaced; it stays readable."""
    line = fold_line(options, styled("Streamed text, replaced by the final answer", "faint"))
    return [line, *indented(plain_rows(note.text, "faint"), INDENT, INDENT)] if options.unfolded else [line]


PROMPT_MARK: Final = "❯ "
LEAST_SPACES: Final = 2
"""Between the first line of a prompt and its time."""
LINEAGE_MARK: Final = "↳ "


LONG_PROMPT_LINES: Final = 12
LONG_PROMPT_CHARS: Final = 1_200
"""A prompt with more lines or characters than this is folded."""
FOLDED_HEAD: Final = 4
FOLDED_TAIL: Final = 2
"""Lines shown of a folded prompt, from its beginning and its end: a question often follows a long text."""
FOLDED_CHARS: Final = 600
"""Characters shown of each end."""


def is_long_prompt(request: TurnRequest) -> bool:
    """Whether the prompt is folded unless it is unfolded."""
    return request.prompt.count("\n") >= LONG_PROMPT_LINES or len(request.prompt) > LONG_PROMPT_CHARS


def _prompt_row(line: str, *, first: bool = False) -> Row:
    mark = styled(PROMPT_MARK, "prompt-mark") if first else INDENT
    return Row(Content(line.expandtabs(4)), "prompt", mark, INDENT, band=True)


def _folded_prompt(text: str) -> list[Row]:
    """Return the beginning and the end of a long prompt, and between them how much is not shown."""
    lines = text.split("\n")
    if len(lines) > LONG_PROMPT_LINES:
        head, tail = lines[:FOLDED_HEAD], lines[-FOLDED_TAIL:]
        note = plural(len(lines) - FOLDED_HEAD - FOLDED_TAIL, "more line")
    else:
        head, tail = "\n".join(lines)[:FOLDED_CHARS].split("\n"), []
        note = f"{len(text) - FOLDED_CHARS:,} more characters"
    head_text, tail_text = "\n".join(head)[:FOLDED_CHARS], "\n".join(tail)[-FOLDED_CHARS:]
    rows = [_prompt_row(line, first=not at) for at, line in enumerate(head_text.split("\n"))]
    rows.append(Row(styled(f"… {note}", "faint", NOT_BOLD), "prompt", styled(FOLDED, "faint"), band=True))
    return rows + [_prompt_row(line) for line in tail_text.split("\n") if tail]


def prompt_rows(request: TurnRequest, options: RowOptions) -> list[Row]:
    """Return the rows of the prompt, the message that it was made from, and its attachments."""
    text = clean(request.prompt)
    if is_long_prompt(request) and not options.unfolded:
        rows = _folded_prompt(text)
    else:
        rows = [_prompt_row(line, first=not at) for at, line in enumerate(text.split("\n"))]
    notes = []
    if request.lineage is not None:
        notes.append(f"{LINEAGE_MARK}{lineage_words(request.lineage)}")
    if request.trigger.elsewhere:
        notes.append(f"{LINEAGE_MARK}{TRIGGER_WORDS[request.trigger]}")
    notes += [f"+ {clean_line(file.name)}  {size(file.size)}" for file in request.attachments]
    faint = (styled(note, "faint", NOT_BOLD) for note in notes)
    rows += [Row(note, "prompt", INDENT, INDENT, band=True) for note in faint]
    return _with_time(rows, options) if options.when else rows


def _with_time(rows: list[Row], options: RowOptions) -> list[Row]:
    """Put the time at the right edge of the first row, or of one more where that has no room for it."""
    room, first = options.width - INDENT.cell_length, rows[0]
    spaces = room - width_of(first.content.plain) - width_of(options.when)
    time = styled(options.when, "faint", NOT_BOLD, Style.from_meta({ASIDE: True}))
    if spaces < LEAST_SPACES:
        # Behind a text that fills its row.
        pad = Content(" " * max(0, room - width_of(options.when)))
        return [*rows, Row(pad + time, "prompt", INDENT, INDENT, band=True)]
    content = EMPTY.join((first.content, Content(" " * spaces), time))
    return [replace(first, content=content), *rows[1:]]


def reasoning_line(part: ReasoningPart, options: RowOptions) -> Row:
    """Return the one line for reasoning, while it is streamed and after."""
    text = part.text.strip()
    lines = text.count("\n") + 1 if text else 0
    label = "thinking…" if part.open else "thought ·"
    return fold_line(
        options, styled(f"{label} {plural(lines, 'line')}" if lines else label.rstrip(" ·"), "faint")
    )


def turn_time(turns: Sequence[Turn], at: int) -> str:
    """Return the time of day of a turn, with its date where that is not the one of the turn before it."""
    times = [_local(turn.began_ms) for turn in turns[max(0, at - 1) : at + 1]]
    now = times[-1]
    if now is None:
        return ""
    is_same_day = len(times) > 1 and times[0] is not None and times[0].date() == now.date()
    return f"{now:%H:%M}" if is_same_day else f"{day_text(now, now.year)}, {now:%H:%M}"


def _local(at_ms: int) -> datetime | None:
    try:
        return local_time(at_ms)
    except (OverflowError, OSError, ValueError):
        return None


def _file_content(part: FilePart) -> Content:
    """Return the name of a file, a link, and its size and type."""
    details = clean_line(part.media_type, 60)
    if part.size is not None:
        details = f"{size(part.size)}  {details}"
    name = styled(file_name(part), "link", link_style(part.url))
    return EMPTY.join((name, styled("  " + details, "faint")))


def file_row(part: FilePart, options: RowOptions) -> Row:
    """Return the row of a file that the worker created."""
    content = truncated(_file_content(part), options.width - 2)
    return Row(content, "tool", styled("▤ ", "accent"), INDENT, wide=True)


def sources_rows(sources: Sources, options: RowOptions) -> list[Row]:
    """Return the number of sources; the sources themselves when unfolded."""
    hosts = list(dict.fromkeys(filter(None, (cached_host(part.url or "") for part in sources.parts))))
    line = fold_line(
        options, styled(f"Sources: {len(sources.parts)}"), styled("  " + ", ".join(hosts[:6]), "faint")
    )
    if not options.unfolded:
        return [line]
    rows = [_source_row(number, part) for number, part in enumerate(sources.parts, 1)]
    return [line, *indented(rows, INDENT, INDENT)]


def _source_row(number: int, part: SourcePart) -> Row:
    host = host_of(part.url or "")
    title = clean_line(part.title or part.filename or host or part.source_id, 200) or "source"
    name = styled(title, "link", link_style(part.url)) if part.url else styled(title)
    tail = styled(f"  {host}" if host and host != title else "", "faint")
    return Row(EMPTY.join((name, tail)), first=styled(f"{number}. ", "bullet"), hanging=Content("   "))


FOLDABLE: Final = (ReasoningPart, ToolPart, Written, DataPart, CustomPart, Sources, Structured, Replaced)
LINES: Final = (*FOLDABLE, FilePart, Skipped)
"""Slots that are one line when folded: there is no empty row between two of them."""


def slot_rows(slot: Slot, options: RowOptions) -> list[Row]:  # noqa: C901, PLR0911, PLR0912 - one case per slot
    """Return the rows of a slot, without the Markdown of reasoning. `Block` lays out Markdown as it grows."""
    match slot:
        case TurnRequest():
            return prompt_rows(slot, options)
        case TextPart():
            return render(slot.text, options.width)
        case ReasoningPart():
            return [reasoning_line(slot, options)]
        case ToolPart():
            return tool_rows(slot, options)
        case Written():
            return tool_rows(slot.tool, options, slot.file)
        case FilePart():
            return [file_row(slot, options)]
        case DataPart():
            return json_rows(slot.name, "data", slot.data, options)
        case CustomPart():
            return json_rows(slot.kind, "part", slot.raw, options)
        case Structured():
            return json_rows(STRUCTURED, "data", slot.value, options)
        case Sources():
            return sources_rows(slot, options)
        case Replaced():
            return replaced_rows(slot, options)
        case Skipped():
            text = f"{plural(slot.events, 'event')} of this turn could not be read."
            return [Row(styled(text, "faint"))]
        case ProgressLine():
            return progress_rows(slot)
        case TurnEnd():
            return ending_rows(slot, options.width)
        case ReceiptLine():
            return [Row(styled(clean_line(slot.text)), "receipt", wide=True)]


def gap_between(before: Slot, after: Slot) -> bool:
    """Whether an empty row separates two slots."""
    is_unanswered = isinstance(before, TurnRequest) and isinstance(after, TurnEnd)
    return not (is_unanswered or (isinstance(before, LINES) and isinstance(after, LINES)))


def compact_gap_between(before: Slot, after: Slot) -> bool:
    """Whether an empty row separates two slots of a compact layout: a text from what came before it."""
    return isinstance(after, TextPart) and not isinstance(before, TurnRequest)


def source_of(slot: Slot) -> str:
    """Return the text that is copied for a slot: Markdown for answers, JSON for data, "" for decoration."""
    match slot:
        case TurnRequest():
            return slot.prompt
        case TextPart() | ReasoningPart() | Replaced() | ReceiptLine():
            return slot.text
        case Written():
            return f"{source_of(slot.file)}\n{source_of(slot.tool)}"
        case ToolPart():
            fields = {"tool": slot.name, "input": slot.input, "output": slot.output, "error": slot.error}
            return pretty({name: value for name, value in fields.items() if value is not None})
        case DataPart(data=value) | CustomPart(raw=value) | Structured(value=value):
            return pretty(value)
        case FilePart():
            # Pasted into a shell, a line break in an address would be Enter.
            return clean_line(slot.url, len(slot.url) + 1)
        case Sources():
            lines = (f"- {part.title or part.source_id}: {part.url or ''}" for part in slot.parts)
            return "\n".join(clean_line(line, len(line) + 1) for line in lines)
        case ProgressLine() | Skipped() | TurnEnd():
            return ""


_PROGRESS: Final = {
    TurnStatus.QUEUED: "queued",
    TurnStatus.SENDING: "sending…",
    TurnStatus.ACCEPTED: "working…",
    TurnStatus.CHECKING: "connection lost; checking with the service (nothing is resent)…",
}
ERROR_TITLES: Final = {
    TurnStatus.INCOMPLETE: "Incomplete answer",
    TurnStatus.FAILED: "The worker failed",
    TurnStatus.RUNNING: "Detached",
    TurnStatus.REJECTED: "Rejected",
    TurnStatus.NOT_SENT: "Not sent",
    TurnStatus.NOT_DELIVERED: "Not delivered",
    TurnStatus.UNKNOWN: "Delivery unknown",
}
_CUT_OFF: Final = "Outcome unknown"
"""The title of a turn whose delivery is certain, since its answer began."""
_COSTS: Final = {
    TurnStatus.INCOMPLETE: "What arrived is saved. Ask the worker to continue.",
    TurnStatus.RUNNING: "The worker is still running, and you may be charged.",
}
"""The text about money; the receipt below an answer names its cost."""
_NOT_CHARGED: Final = ", not charged"
_ARRIVED: Final = frozenset({TurnStatus.REJECTED, TurnStatus.NOT_DELIVERED})
"""Statuses that do not say by themselves that nothing was charged."""


def progress_rows(progress: ProgressLine) -> list[Row]:
    """Return the status line of a live turn; no rows if the growing answer itself shows progress."""
    if progress.status is TurnStatus.ACCEPTED and not progress.quiet and not progress.activity:
        return []
    activity = clean_line(progress.activity or "", 200) or _PROGRESS.get(progress.status, "")
    text = activity if progress.retry is None else _retry_text(progress.retry)
    return [Row(styled(text, "busy"), first=styled("○ ", "busy"), hanging=Content("  "))]


def _retry_text(retry: Retry) -> str:
    wait = max(1, round(retry.wait_ms / 1000))
    reason = clean_line(retry.reason, 160) or "no answer"
    return f"retry {retry.number} after {wait} s: {reason} Nothing is resent. Esc to stop watching."


def ending_rows(ending: TurnEnd, width: int) -> list[Row]:
    """Return the one line about a turn that did not complete: why, what it may cost, what to do."""
    status, fault = ending.status, ending.fault
    mark, color = ("○ ", "busy") if status is TurnStatus.RUNNING else ("✗ ", "bad")
    title = _CUT_OFF if status is TurnStatus.UNKNOWN and ending.has_begun else ERROR_TITLES[status]
    is_charged = fault is None or fault.may_have_been_charged
    cost = ending.cost or (_COSTS.get(status, "") if is_charged else "")
    text = " ".join(filter(None, (*_reasons(ending), cost, ending.next_step)))
    tail = styled(f": {text}" if text else ".")
    lines = [EMPTY.join((styled(title, "error-title"), tail))]
    if status in _ARRIVED and not cost:
        # Left out where it would take one row more.
        lines.append(EMPTY.join((styled(title + _NOT_CHARGED, "error-title"), tail)))
    room = max(1, width - len(mark))
    line = min(reversed(lines), key=lambda one: len(wrapped(one, room)))
    return [Row(line, "error", styled(mark, color), Content("  "))]


def _reasons(ending: TurnEnd) -> list[str]:
    """Return why, in sentences, without what the title says; the status of HTTP stands in the last one."""
    fault = ending.fault
    message = fault.message.removesuffix(" Nothing was sent.") if fault else None
    texts = (clean_line(text, 1000).strip() for text in (message, ending.why, *ending.errors) if text)
    reasons = [text if text.endswith((".", "!", "?", "…")) else f"{text}." for text in texts if text]
    reasons = list(dict.fromkeys(reasons))[:6]
    http_status = fault.http_status if fault else None
    if http_status is None or str(http_status) in "".join(reasons):
        return reasons
    last = reasons.pop().rstrip(".") if reasons else "The service rejected it"
    return [*reasons, f"{last} ({http_status})."]
