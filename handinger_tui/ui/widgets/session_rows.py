"""Stored sessions in columns: title, status, cost and age, for the session list and the first screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from handinger_tui.core.formatting import ago, middle_cut, plural
from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.money.words import cost_words
from handinger_tui.core.prompts import lineage_words
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import Session, SessionSummary
from handinger_tui.core.turns.turn import TRIGGER_WORDS, TurnStatus
from handinger_tui.ui.widgets.status_text import (
    STATUS_WORDS,
    running_for,
    so_far,
    style_and_sign,
    under_way,
)

NARROW: Final = 60
"""Width in cells below which the status is only a sign."""
MIN_TITLE: Final = 10
ID_TAIL: Final = 6
"""Characters of a session id that distinguish rows which are otherwise the same."""
_GAP: Final = "  "
_SHORT: Final = {TurnStatus.RUNNING: "still running", TurnStatus.CHECKING: "checking"}


class _Cells(NamedTuple):
    """The texts of a row; `style` and `sign` are those of the status."""

    title: str
    sign: str
    style: str
    status: str
    cost: str
    when: str


def session_rows(
    summaries: Sequence[SessionSummary],
    opened: Mapping[str, Session],
    now_ms: int,
    width: int,
    current: str = "",
) -> list[Content]:
    """One line for each session, in columns, at most `width` cells wide.

    `opened`: sessions in memory, by id; their state is newer. `current`: the id of the one on the screen.
    """
    is_narrow = width < NARROW
    simulated = "sim." if is_narrow else "simulated"
    cells = [_cells(row, opened.get(row.session_id), now_ms, simulated) for row in summaries]
    status_cells = 0 if is_narrow else max((cell_len(one.status) for one in cells), default=0)
    cost_cells = max((cell_len(one.cost) for one in cells), default=0)
    when_cells = max((cell_len(one.when) for one in cells), default=0)
    used = 2 + 1 + sum(len(_GAP) + each for each in (status_cells, cost_cells, when_cells)) + len(_GAP)
    title_cells = max(MIN_TITLE, width - used)
    counts = Counter(cells)
    lines = []
    for row, one in zip(summaries, cells, strict=True):
        mark = "●" if row.unread else "›" if row.session_id == current else " "
        # Two sessions that look the same are distinguished by their ids.
        tail = f" …{row.session_id[-ID_TAIL:]}" if counts[one] > 1 else ""
        title = Content(one.title).truncate(title_cells - len(tail), ellipsis=True).plain + tail
        tags = " ".join(f"#{name}" for name in row.tags)
        room = title_cells - cell_len(title) - len(_GAP)
        tags = f"{_GAP}{tags}" if tags and cell_len(tags) <= room else ""
        status = f"{one.sign} {one.status:<{status_cells}}" if status_cells else one.sign
        lines.append(
            Content.assemble(
                (f"{mark} ", "$primary"),
                (title, "bold" if row.unread else ""),
                (set_cell_size(tags, title_cells - cell_len(title)), "$text-muted"),
                (_GAP + status, one.style),
                (f"{_GAP}{one.cost:>{cost_cells}}", ""),
                (f"{_GAP}{one.when:>{when_cells}}", "$text-muted"),
            )
        )
    return lines


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
    if len(worker) + len(session) > id_cells:
        worker, session = middle_cut(worker, id_cells // 2), middle_cut(session, id_cells // 2)
    return Content.assemble(
        (" · ".join(fact for fact in facts if fact), "$foreground"),
        (f"\n{labels[0]}{worker}{labels[1]}{session}", "$text-muted"),
    )


def session_cost(row: SessionSummary) -> str:
    """The cost of a session: "$1.20 so far", "$1.20 + 2 unknown (simulated)", "unknown", "imported"."""
    return _cost(row, "(simulated)")


def _cost(row: SessionSummary, simulated: str) -> str:
    if row.only_imported:
        return "imported"
    total = cost_words(row.usd, row.credits) if row.turns else ""
    is_known = row.usd.value is not None or row.credits.value is not None
    total = f"{total} {simulated}" if is_known and row.base_url == LOCAL else total
    return f"{total} + imported" if row.imported else total


def _cells(row: SessionSummary, opened: Session | None, now_ms: int, simulated: str) -> _Cells:
    (sign, style), status, cost = _status(row, opened, now_ms)
    return _Cells(
        clean_line(row.name or "Untitled", 200),
        sign,
        style,
        status,
        cost or _cost(row, simulated),
        ago(row.updated_ms or row.created_ms, now_ms),
    )


def _status(row: SessionSummary, opened: Session | None, now_ms: int) -> tuple[tuple[str, str], str, str]:
    """Sign and style, the words, and the cost of a turn under way ("" without one).

    A running turn adds its elapsed time.
    """
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
