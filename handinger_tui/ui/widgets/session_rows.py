"""Stored sessions in columns: title, status, cost and age, for the session list and the first screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from msgspec.structs import replace
from textual.content import Content

from handinger_tui.core.columns import Align, Column, Row, Tone, with_signs
from handinger_tui.core.formatting import ago, day_text, local_time, middle_cut, plural, wrapped_text
from handinger_tui.core.prompts import lineage_words
from handinger_tui.core.safety import clean, clean_line
from handinger_tui.core.turns.session import (
    LOCAL,
    Session,
    SessionPreview,
    SessionSummary,
    with_queue,
    with_status,
)
from handinger_tui.core.turns.turn import STATUS_WORDS, TRIGGER_WORDS, TurnStatus
from handinger_tui.ui.widgets.column_list import ScreenColumns
from handinger_tui.ui.widgets.status_text import (
    running_for,
    so_far,
    style_and_sign,
    under_way,
)

ID_TAIL: Final = 6
"""Characters of a session id that distinguish rows which are otherwise the same."""
COLUMNS: Final = (
    Column(style=Tone.BAR),
    Column(least=10, fill=True, close=True),
    Column(close=True),
    Column(rank=4, style=Tone.FAINT),
    Column(),
    Column(rank=3, close=True),
    Column(align=Align.POINT),
    Column(rank=1, align=Align.RIGHT, style=Tone.FAINT),
)
"""Mark, title, the end of the id, tags, the sign of the status and its words, cost, age."""
_SHORT: Final = {TurnStatus.RUNNING: "still running", TurnStatus.CHECKING: "checking"}


def rows_of(
    summaries: Sequence[SessionSummary], opened: Mapping[str, Session], now_ms: int, current: str = ""
) -> list[Row]:
    """One row for each session.

    `opened`: sessions in memory, by id; their state is newer. `current`: the id of the one on the screen.
    """
    rows = [_row(one, opened.get(one.session_id), now_ms, current) for one in summaries]
    counts = Counter(row.cells[1:] for row in rows)
    for at, (one, row) in enumerate(zip(summaries, rows, strict=True)):
        if counts[row.cells[1:]] > 1:
            # Two sessions that look the same are distinguished by their ids.
            tail = f"…{one.session_id[-ID_TAIL:]}"
            rows[at] = replace(row, cells=(*row.cells[:2], tail, *row.cells[3:]))
    return rows


def session_rows(
    summaries: Sequence[SessionSummary],
    opened: Mapping[str, Session],
    now_ms: int,
    width: int,
    current: str = "",
) -> list[Content]:
    """The rows as lines of at most `width` cells."""
    rows = rows_of(summaries, opened, now_ms, current)
    columns = ScreenColumns(COLUMNS, rows)
    return [columns.line(row, width) for row in rows]


def _row(one: SessionSummary, opened: Session | None, now_ms: int, current: str) -> Row:
    (sign, style), status, under_way_cost = _status(one, opened, now_ms)
    cost = under_way_cost or session_cost(one, "simulated")
    return Row(
        (
            "○" if one.unread else "◆" if one.session_id == current else " ",
            clean_line(one.name or "Untitled", 200),
            "",
            " ".join(f"#{name}" for name in one.tags),
            sign,
            status,
            cost,
            ago(one.updated_ms or one.created_ms, now_ms),
        ),
        styles={1: Tone.STRONG if one.unread else Tone.PLAIN, 4: style, 5: style},
        briefs={6: with_signs(cost.replace("simulated", "sim."))},
    )


def headings(summaries: Sequence[SessionSummary], now_ms: int) -> list[str]:
    """The heading above each session: its day, where that is not the day of the one before it."""
    today = local_time(now_ms).date()
    days = [PINNED if one.pinned else _day(one.updated_ms or one.created_ms, today) for one in summaries]
    return [day if at == 0 or day != days[at - 1] else "" for at, day in enumerate(days)]


PINNED: Final = "Pinned"


def _day(at_ms: int, today: date) -> str:
    day = local_time(at_ms).date()
    ago_days = (today - day).days
    if ago_days in (0, 1):
        return ("Today", "Yesterday")[ago_days]
    return f"{day:%A}" if 0 < ago_days < WEEK else day_text(day, today.year)


WEEK: Final = 7
"""Days that are named by their day of the week."""


def preview_text(preview: SessionPreview, width: int, height: int) -> Content:
    """The newest message of a session and the end of its answer, in so many lines of so many cells."""
    counts = (preview.files, "file"), (preview.sources, "source")
    facts = [plural(count, name) for count, name in counts if count]
    prompt = _wrapped(preview.prompt, width)
    head = [*prompt[:PROMPT_LINES], *(["…"] if len(prompt) > PROMPT_LINES else [])]
    room = max(0, height - len(head) - 1 - bool(facts) * 2)
    answer = _wrapped(preview.answer, width)[-room:] if room else []
    return Content("\n").join(
        [
            *(Content.styled(line, "bold") for line in head),
            Content(""),
            *(map(Content, answer or ["Not sent yet." if preview.waits else "No answer yet."])),
            *([Content(""), Content.styled(" · ".join(facts), "$text-muted")] if facts else []),
        ]
    )


PROMPT_LINES: Final = 4


def _wrapped(text: str, width: int) -> list[str]:
    lines = clean(text).strip().splitlines()
    return [piece for line in lines for piece in wrapped_text(line, max(10, width)) or [""]]


def session_details(row: SessionSummary, opened: Session | None, now_ms: int, width: int) -> Content:
    """What the row of a session leaves out: status in words, turns, gaps of its cost, origin, and its ids.

    Ids are cut in the middle where `width` cells are too few for both.
    """
    _, status, cost = _status(row, opened, now_ms)
    facts = [status, plural(row.turns, "turn")]
    facts.append(cost or ("" if row.only_imported else session_cost(row)))
    facts += [f"#{name}" for name in row.tags] + ([f"project {row.project}"] if row.project else [])
    if row.imported:
        facts.append(f"{plural(row.imported, 'turn')} imported, not charged here")
    if row.trigger.elsewhere:
        facts.append(TRIGGER_WORDS[row.trigger])
    if row.lineage is not None:
        facts.append(lineage_words(row.lineage))
    labels = (f"{row.kind} ", " · session ")
    worker, session = clean_line(row.worker_id or "none yet", 80), clean_line(row.session_id, 80)
    id_cells = width - sum(map(len, labels))
    # What the shorter one leaves of its half, the other one has.
    rooms = [max(id_cells // 2, id_cells - len(other)) for other in (session, worker)]
    worker, session = map(middle_cut, (worker, session), rooms)
    return Content.assemble(
        (" · ".join(fact for fact in facts if fact), "$foreground"),
        (f"\n{labels[0]}{worker}{labels[1]}{session}", "$text-muted"),
    )


def session_cost(row: SessionSummary, simulated: str = "(simulated)") -> str:
    """The cost of a session: "$1.20 so far", "$1.20 + 2 unknown (simulated)", "unknown", "imported"."""
    if row.only_imported:
        return "imported"
    total = row.cost if row.turns else ""
    has_value = row.usd.value is not None or row.credits.value is not None
    total = f"{total} {simulated}" if has_value and row.base_url == LOCAL else total
    return f"{total} + imported" if row.imported else total


def _status(row: SessionSummary, opened: Session | None, now_ms: int) -> tuple[tuple[str, str], str, str]:
    """Sign and style, the words, and the cost of a turn under way ("" without one).

    A running turn adds its elapsed time. The queue in memory is newer than that of the row.
    """
    sign, words, cost = _status_of_turns(row, opened, now_ms)
    queued = row.queued if opened is None else len([*with_status(opened.turns, {TurnStatus.QUEUED})])
    return sign, with_queue(words, queued), cost


def _status_of_turns(
    row: SessionSummary, opened: Session | None, now_ms: int
) -> tuple[tuple[str, str], str, str]:
    turn = under_way(opened) if opened is not None else None
    if opened is not None and turn is not None and (turn.live or turn.status is TurnStatus.RUNNING):
        words = _SHORT.get(turn.status, STATUS_WORDS[turn.status])
        return ("○", "$warning"), f"{words} · {running_for(turn, now_ms)}", so_far(opened, turn)
    if row.last_status is None:
        return ("·", "$text-muted"), "empty", ""
    if row.last_status is TurnStatus.RUNNING and row.base_url == LOCAL:
        return ("◌", "$warning"), STATUS_WORDS[TurnStatus.INCOMPLETE], ""
    if row.last_status is TurnStatus.RUNNING:
        # The last reading of the worker may be old.
        return ("◌", "$warning"), "was running", ""
    style, sign = style_and_sign(row.last_status)
    if row.last_status is TurnStatus.COMPLETED:
        style = "$text-muted"
    return (sign, style), _SHORT.get(row.last_status, STATUS_WORDS[row.last_status]), ""
