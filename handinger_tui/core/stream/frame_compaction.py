"""Gather: the same turn told in fewer frames, so that a long session opens quickly.

Frames stay stored as they arrived. What is gathered is a second telling of them in
which each run of deltas to one text is one delta: `fold` makes the same turn of both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from handinger_tui.core.jsontext import Json, NotJson, as_object, dump, parse
from handinger_tui.core.stream.frames import Frame, Framing

RULE: Final = 1
"""Which frames become one. Tellings by another rule are not read."""
DELTAS: Final = ("text-delta", "reasoning-delta")
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_MEMBERS: Final = {"type", "id", "delta"}


def gathered(frames: Iterable[Frame]) -> list[Frame]:
    """The frames with each run of deltas as one, which has number and time of its first."""
    told: list[Frame] = []
    run: list[str] = []
    first: Frame | None = None
    of: tuple[Json, Json] | None = None
    for frame in frames:
        delta = _delta(frame)
        key = None if delta is None else (delta["type"], delta["id"])
        if key != of and first is not None:
            told.append(_one(first, of, run))
            first, run = None, []
        if delta is None:
            told.append(frame)
            continue
        if first is None:
            first, of = frame, key
        run.append(str(delta["delta"]))
    if first is not None:
        told.append(_one(first, of, run))
    return told


def _delta(frame: Frame) -> dict[str, Json] | None:
    """The members of a plain delta. Halves of a surrogate pair would be one sign when joined: left alone."""
    if (
        frame.framing is not Framing.SSE
        or frame.event
        or frame.id is not None
        or "-delta" not in frame.data[:40]
    ):
        return None
    data = frame.data
    # Plain ASCII without an escape by number holds no half: told sooner than searched.
    if ("\\u" in data or not data.isascii()) and _HALF.search(data):
        return None
    try:
        said = as_object(parse(data))
    except NotJson:
        return None
    plain = said.keys() == _MEMBERS and said["type"] in DELTAS
    return said if plain and isinstance(said["id"], str) and isinstance(said["delta"], str) else None


def _one(first: Frame, of: tuple[Json, Json] | None, run: list[str]) -> Frame:
    if len(run) == 1 or of is None:
        return first
    data = dump({"type": of[0], "id": of[1], "delta": "".join(run)})
    return Frame(first.seq, first.at_ms, Framing.SSE, data)
