"""Frame compaction: the same turn in fewer frames, so that a long session opens quickly.

The original frames stay stored. Compaction makes a second list of frames in which each
run of deltas to one text is one delta; `fold` computes the same turn from both lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from handinger_tui.core.jsontext import Json, NotJson, as_object, dump, parse
from handinger_tui.core.stream.frames import Frame, Framing

RULE: Final = 1
"""Version of the compaction rule. Stored compactions of another version are not read."""
DELTAS: Final = ("text-delta", "reasoning-delta")
_HALF_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_DELTA_FIELDS: Final = {"type", "id", "delta"}


def gathered(frames: Iterable[Frame]) -> list[Frame]:
    """The frames with each run of deltas joined into one, which has number and time of the run's first."""
    compacted: list[Frame] = []
    run: list[str] = []
    first: Frame | None = None
    run_key: tuple[Json, Json] | None = None
    for frame in frames:
        delta = _delta(frame)
        key = None if delta is None else (delta["type"], delta["id"])
        if key != run_key and first is not None:
            compacted.append(_joined_delta(first, run_key, run))
            first, run = None, []
        if delta is None:
            compacted.append(frame)
            continue
        if first is None:
            first, run_key = frame, key
        run.append(str(delta["delta"]))
    if first is not None:
        compacted.append(_joined_delta(first, run_key, run))
    return compacted


def _delta(frame: Frame) -> dict[str, Json] | None:
    """The fields of a plain delta, else None. A delta with half a surrogate pair is never joined."""
    if (
        frame.framing is not Framing.SSE
        or frame.event
        or frame.id is not None
        or "-delta" not in frame.data[:40]
    ):
        return None
    data = frame.data
    # ASCII without \u escapes cannot hold half a pair; this check is cheaper than the search.
    if ("\\u" in data or not data.isascii()) and _HALF_PAIR.search(data):
        return None
    try:
        fields = as_object(parse(data))
    except NotJson:
        return None
    is_plain = fields.keys() == _DELTA_FIELDS and fields["type"] in DELTAS
    return fields if is_plain and isinstance(fields["id"], str) and isinstance(fields["delta"], str) else None


def _joined_delta(first: Frame, run_key: tuple[Json, Json] | None, run: list[str]) -> Frame:
    if len(run) == 1 or run_key is None:
        return first
    data = dump({"type": run_key[0], "id": run_key[1], "delta": "".join(run)})
    return Frame(first.seq, first.at_ms, Framing.SSE, data)
