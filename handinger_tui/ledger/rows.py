"""Rows: database values ↔ core values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from handinger_tui.core.drafts import attachments_of
from handinger_tui.core.frames import Frame, Framing
from handinger_tui.core.money import EXACT, INT64_MAX
from handinger_tui.core.session import Session, SessionSummary
from handinger_tui.core.turn import Order, Trigger, TurnStatus

Cell = str | bytes | int | None
Row = Mapping[str, Any]
"""A `sqlite3.Row` is read by column name; its values have no static type."""


class TurnFrame(NamedTuple):
    """A frame and the turn it belongs to."""

    turn_id: str
    frame: Frame


def pack(text: str) -> str | bytes:
    """`text` as it can be stored: itself, or bytes where half a surrogate pair stands in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def pack_optional(text: str | None) -> str | bytes | None:
    """`pack`, None staying None."""
    return None if text is None else pack(text)


def unpack(value: str | bytes) -> str:
    """The inverse of `pack`."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def unpack_optional(value: str | bytes | None) -> str | None:
    """The inverse of `pack_optional`."""
    return None if value is None else unpack(value)


def fitting(number: int | None) -> int | None:
    """`number` where an INTEGER column can hold it, else None."""
    return number if number is not None and abs(number) <= INT64_MAX else None


def frame_row(item: TurnFrame) -> tuple[Cell, ...]:
    """Columns of `frames`, in order of the table."""
    frame = item.frame
    return (
        pack(item.turn_id),
        frame.seq,
        frame.at_ms,
        str(frame.framing),
        pack(frame.event),
        pack_optional(frame.id),
        pack(frame.data),
    )


FRAME_COLUMNS: Final = "seq, at_ms, framing, event, id, data"


def frame_of(row: Iterable[Any]) -> Frame:
    """Read a row of `FRAME_COLUMNS`."""
    # By place and without a call for each text: an answer may have fifty thousand frames.
    seq, at_ms, framing, event, frame_id, data = row
    return Frame(
        seq,
        at_ms,
        _FRAMINGS.get(framing) or Framing(framing),
        data if isinstance(data, str) else unpack(data),
        event if isinstance(event, str) else unpack(event),
        frame_id if isinstance(frame_id, str) else unpack_optional(frame_id),
    )


_FRAMINGS: Final = {str(framing): framing for framing in Framing}


def order_of(row: Row) -> Order:
    """Read a row of `turns` as the order it was."""
    return Order(
        turn_id=unpack(row["turn_id"]),
        prompt=unpack(row["prompt"]),
        created_ms=row["created_ms"],
        worker_id=unpack_optional(row["ordered_worker_id"]),
        budget=unpack_optional(row["budget"]),
        attachments=attachments_of(row["attachments"]),
        seen_before=row["seen_before"],
        trigger=trigger_of(row["started_by"]),
    )


def trigger_of(stored: str | None) -> Trigger:
    """What started a turn; UNKNOWN for a turn from before this was recorded."""
    return Trigger.UNKNOWN if stored is None else Trigger(stored)


def session_of(row: Row) -> Session:
    """Read a row of `sessions`, without its turns."""
    return Session(
        session_id=unpack(row["session_id"]),
        created_ms=row["created_ms"],
        worker_id=unpack_optional(row["worker_id"]),
        task_id=unpack_optional(row["task_id"]),
        generation=unpack(row["generation"]),
        base_url=unpack(row["base_url"]),
        title=unpack(row["title"]),
        updated_ms=row["updated_ms"],
        unread=bool(row["unread"]),
    )


def summary_of(row: Row) -> SessionSummary:
    """Read a row of the list of sessions (`reads.SUMMARIES`)."""
    status = row["last_status"]
    return SessionSummary(
        session_id=unpack(row["session_id"]),
        worker_id=unpack_optional(row["worker_id"]),
        title=unpack(row["title"]),
        created_ms=row["created_ms"],
        updated_ms=row["updated_ms"],
        turns=row["turns"],
        last_status=None if status is None else TurnStatus(status),
        cost_usd=scaled(row["usd_high"], row["usd_low"], 12),
        credits=scaled(row["credits_high"], row["credits_low"], 6),
        unpriced=row["turns"] - row["usd_known"],
        unread=bool(row["unread"]),
        base_url=unpack(row["base_url"]),
        uncredited=row["turns"] - row["credits_known"],
        live=bool(row["live"]),
    )


def scaled(high: int | None, low: int | None, places: int) -> Decimal | None:
    """Millions and rest (see `totals.SPLIT`) as an exact amount of `places` decimals."""
    if high is None or low is None:
        return None
    number = Decimal(high * 1_000_000 + low)
    return number.scaleb(-places, EXACT) if places else number
