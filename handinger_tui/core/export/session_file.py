"""The JSON file of a session, read again: `core.export.exporters` writes it.

Each turn has a `record`: its request and its stored frames. Everything else is for readers; an import
computes it again. A file is untrusted: anybody may have written it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from handinger_tui.core.decimals import INT64_MAX
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.figures import numbered
from handinger_tui.core.jsontext import (
    MAX_DEPTH,
    Json,
    JsonObject,
    NotJson,
    as_object,
    as_text,
    dump,
    list_at,
    parse,
    parse_exact,
    string_at,
)
from handinger_tui.core.prompts import lineage_of
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import FRAMINGS, UNREADABLE, Frame, Framing, Marker, without_figures
from handinger_tui.core.tags import tag_names
from handinger_tui.core.turns.fold import fold, is_understood
from handinger_tui.core.turns.session import NO_RELATED_HISTORY, TARGETS, RemoteTurn, Session, newest_target
from handinger_tui.core.turns.turn import (
    Attachment,
    ErrorKind,
    Fault,
    Trigger,
    TurnRequest,
    TurnStatus,
    outcome_object,
)

SCHEMA: Final = numbered("session", 2)
_FAMILY, _, _NEWEST = SCHEMA.rpartition("/")
READABLE: Final = tuple(f"{_FAMILY}/{number}" for number in range(1, int(_NEWEST) + 1))
"""What is read of a turn has not changed since the first one."""

MOST_MB: Final = 50
"""The largest file that is read unless the person allows more."""
_VALUES_OF_MB: Final = 80_000
"""So many values for each megabyte that may be read, about twice as many as an export has: in memory a value
takes up to 100 bytes."""
_MOST_MS: Final = 10**14
"""Later times (from the year 5138 on) are invalid."""
_MAX_DEPTH: Final = MAX_DEPTH + 20
"""Data of a worker may have the depth `MAX_DEPTH`, and the file adds some levels."""


# -- writing ---------------------------------------------------------------------------------
def without_costs(
    session: Session, frames: Mapping[str, Sequence[Frame]]
) -> tuple[Session, dict[str, list[Frame]]]:
    """A session and its frames without usage and costs, which are then unknown, not zero."""
    kept = {turn_id: [*map(_without_figures, of_turn)] for turn_id, of_turn in frames.items()}
    turns = tuple(fold(turn.request, kept.get(turn.turn_id, ())) for turn in session.turns)
    return replace(session, turns=turns, elsewhere=NO_RELATED_HISTORY), kept


_CODE: Final = re.compile(r"[0-9a-z]{1,2}:(?=[\[{])")
"""The start of a line of AI SDK 4."""


def _without_figures(frame: Frame) -> Frame:
    if frame.framing in (Framing.NOTE, Framing.TEXT):
        return frame
    code = _CODE.match(frame.data)
    start = code.end() if code is not None else 0
    try:
        content = parse_exact(frame.data[start:])
    except NotJson:
        return frame
    kept = without_figures(content)
    return frame if kept == content else frame._replace(data=frame.data[:start] + dump(kept))


# -- reading ---------------------------------------------------------------------------------
class SessionFile(NamedTuple):
    """The content of a file: a session without turns, its turns, and its tags."""

    session: Session
    turns: tuple[RemoteTurn, ...]
    """With messages that were not sent."""
    tags: tuple[str, ...]
    unsent: int
    """How many messages were not sent."""


def most_bytes(most_mb: int = MOST_MB) -> int:
    """The size of the largest file that is read, in bytes."""
    return most_mb * 1_000_000


def read_session(data: bytes, now_ms: int, most_mb: int = MOST_MB) -> SessionFile:
    """Read an exported session, which is imported at `now_ms`.

    Its size and the number of its values are checked before it is parsed, so that memory stays bounded. A
    decoder with types would refuse half a surrogate pair, which prompts may contain and which we export.

    Turns that were under way are closed, since their outcome is unknown.

    Raises:
        SettingsError: not such a file, or a part of it cannot be read.
    """
    # Each value but the first follows one of these; those inside texts count, too: frames are JSON in texts.
    values = sum(map(data.count, (b",", b"[", b"{")))
    if len(data) > most_bytes(most_mb) or values > most_mb * _VALUES_OF_MB:
        raise SettingsError(
            f"The file is larger than {most_mb} MB, or has as many values as one that is. {_NOTHING}",
            "If you trust it and have the memory (about 20 times its size), allow more with --max-mb.",
        )
    try:
        content = parse(data.decode("utf-8-sig"), _MAX_DEPTH)
    except ValueError:
        raise _unreadable("it is not a JSON document, or a part is missing") from None
    head = as_object(content)
    _check_schema(string_at(head, "schema"))
    where = "the session"
    label = _text(head, "generation", where)
    if label not in TARGETS:
        raise _unreadable("it is of an unknown generation of the API")
    turns: list[RemoteTurn] = []
    for number, item in enumerate(list_at(head, "turns"), 1):
        turns.append(_turn(as_object(item), f"turn {number}", now_ms))
    ids = {turn.request.turn_id for turn in turns}
    if not turns or len(ids) < len(turns):
        raise _unreadable("it has no turns" if not turns else "two of its turns have the same id")
    folded = [fold(*turn[:2]) for turn in turns]
    session = Session(
        session_id=_name(head, "session_id", where),
        created_ms=_moment(head, "created_ms", where),
        # What readers see of an id may lack characters: the frames have it as it came.
        worker_id=newest_target(folded) or _optional(head, "target", where),
        stored_worker_id=_optional(head, "template", where),
        generation=label,
        base_url=_text(head, "base_url", where),
        title=clean_line(_text(head, "title", where)),
        # A clock that was ahead must not keep the session at the top of lists.
        updated_ms=min(_moment(head, "updated_ms", where), now_ms),
    )
    return SessionFile(session, tuple(turns), _tags(head), sum(turn.unsent for turn in folded))


def _check_schema(schema: str) -> None:
    if schema in READABLE:
        return
    family, _, version = schema.rpartition("/")
    if family == _FAMILY and version.isdecimal():
        raise SettingsError(
            f"A newer version of handinger-tui wrote the file (format {clean_line(version, 20)}). {_NOTHING}",
            "Update handinger-tui.",
        )
    raise SettingsError(
        f"The file is not a session that handinger-tui exported. {_NOTHING}",
        "Make one with: handinger-tui export ID --format json -o FILE",
    )


_NOTHING: Final = "Nothing was imported."


def _unreadable(why: str) -> SettingsError:
    return SettingsError(f"The file cannot be read: {why}. {_NOTHING}", "Export the session again.")


def _tags(head: JsonObject) -> tuple[str, ...]:
    # Ignore tags that were damaged in the exporting history.
    texts = [as_text(one) or "" for one in list_at(head, "tags") if one != UNREADABLE]
    try:
        return tuple(tag_names(texts))
    except SettingsError:
        raise _unreadable("one of its tags is not a name") from None


def _turn(fields: JsonObject, where: str, now_ms: int) -> RemoteTurn:
    record = fields.get("record")
    if record is None:
        raise SettingsError(
            f"The file does not contain what arrived for {where}: an older version wrote it. {_NOTHING}",
            "Export the session again with this version.",
        )
    request = as_object(record)
    seen_before = request.get("seen_before")
    turn_request = TurnRequest(
        turn_id=_name(fields, "turn_id", where),
        prompt=_text(request, "prompt", where),
        created_ms=_moment(fields, "created_ms", where),
        target_id=_optional(request, "target", where),
        budget=_optional(fields, "budget", where),
        attachments=tuple(_attachment(as_object(one), where) for one in list_at(fields, "attachments")),
        seen_before=None if seen_before is None else _number(request, "seen_before", where, INT64_MAX),
        trigger=_TRIGGERS.get(string_at(fields, "trigger"), Trigger.UNKNOWN),
        lineage=lineage_of(fields.get("lineage")),
        imported_ms=now_ms,
    )
    rows = request.get("frames")
    if not isinstance(rows, list):
        raise _unreadable(f"{where} has no frames")
    frames = [_frame(at, row, where) for at, row in enumerate(rows)]
    try:
        return RemoteTurn(turn_request, (*frames, *_end(turn_request, frames)))
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        # The fold never raises for what servers send, but may do so for a forged marker.
        raise _unreadable(f"the frames of {where} contradict each other") from None


_TRIGGERS: Final = {str(one): one for one in Trigger}


def _attachment(fields: JsonObject, where: str) -> Attachment:
    # Without a path, so that an import never causes a file of this machine to be sent.
    name, media_type = (_text(fields, member, where) for member in ("name", "media_type"))
    return Attachment("", name, _number(fields, "size", where, INT64_MAX), media_type)


def _frame(seq: int, row: Json, where: str) -> Frame:
    match row:
        case [int(at_ms), str(framing), str(event), str() | None as frame_id, str(data)] if (
            not isinstance(at_ms, bool) and 0 <= at_ms <= _MOST_MS and framing in FRAMINGS
        ):
            frame = Frame(seq, at_ms, FRAMINGS[framing], data, event, frame_id)
            is_damaged = frame.framing is Framing.JSON and data == UNREADABLE
            if is_damaged or is_understood(frame):
                return frame
    raise _unreadable(f"frame {seq + 1} of {where} is not a frame")


_ENDS: Final = {
    TurnStatus.QUEUED: (TurnStatus.NOT_SENT, "It was waiting in a queue when the session was exported."),
    TurnStatus.SENDING: (TurnStatus.UNKNOWN, "It was being sent when the session was exported."),
    TurnStatus.ACCEPTED: (TurnStatus.INCOMPLETE, _RAN := "It was running when the session was exported."),
    TurnStatus.CHECKING: (TurnStatus.INCOMPLETE, _RAN),
    TurnStatus.RUNNING: (TurnStatus.INCOMPLETE, _RAN),
}
"""The status and the reason with which a turn that was under way is closed."""


def _end(turn_request: TurnRequest, frames: list[Frame]) -> list[Frame]:
    """The frame that closes a turn that was under way; [] for other turns."""
    turn = fold(turn_request, frames)
    if turn.status not in _ENDS:
        return []
    status, words = _ENDS[turn.status]
    fault = Fault(ErrorKind.INCOMPLETE, words, may_have_been_charged=status is not TurnStatus.NOT_SENT)
    at_ms = frames[-1].at_ms if frames else turn_request.created_ms
    return [Frame(len(frames), at_ms, Framing.NOTE, dump(outcome_object(status, fault)), Marker.SETTLED)]


# -- members ---------------------------------------------------------------------------------
_NAME: Final = re.compile(r"[0-9A-Za-z_.:-]{1,100}")
"""An id of ours."""


def _name(fields: JsonObject, name: str, where: str) -> str:
    text = _text(fields, name, where)
    if not _NAME.fullmatch(text):
        raise _unreadable(f"{name} of {where} is not an id")
    return text


def _text(fields: JsonObject, name: str, where: str) -> str:
    # Of any length, as services and people make them: what was exported can be imported.
    if not isinstance(value := fields.get(name), str):
        raise _unreadable(f"{name} of {where} is not a text")
    return value


def _optional(fields: JsonObject, name: str, where: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name, where)


def _number(fields: JsonObject, name: str, where: str, most: int) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise _unreadable(f"{name} of {where} is out of range")
    return value


def _moment(fields: JsonObject, name: str, where: str) -> int:
    return _number(fields, name, where, _MOST_MS)
