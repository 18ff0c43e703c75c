"""A stream that is cut at any byte and sent again: the turn ends as if nothing had happened."""

from __future__ import annotations

import base64
import codecs
import random
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.api.frame_readers import LineReader, SseReader
from handinger_tui.core.stream import Framing, Marker, RawFrame
from handinger_tui.core.turns.fold import Fold
from handinger_tui.core.turns.turn import Turn, TurnRequest, judge
from tests.chaos.data import SHORT
from tests.core.projections import EVERYTHING
from tests.e2e.runner import run
from tests.wire.recordings import SUFFIXES, Recording, Tape

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.server import FaultServer

ORDER: Final = TurnRequest("turn_1", "", 0)
LIMIT: Final = 8 << 20
STREAMS: Final = [one for one in EVERYTHING if one.family not in ("worker", "replay")]
LARGE: Final = 50_000
"""Bytes of a stream that is cut at fewer places: each cut folds all of it."""
OVER_HTTP: Final = [
    pytest.param(one, id=one.name, marks=[] if at % 8 == 0 else pytest.mark.slow)
    for at, one in enumerate(STREAMS)
]
"""An eighth: what a cut does to each is proved at the fold, here and in `tests/core/test_recordings.py`."""
PATIENT: Final = SHORT | {
    f"HANDINGER_{name}": "60"
    for name in ("CONNECT_TIMEOUT", "FIRST_BYTE_TIMEOUT", "IDLE_TIMEOUT", "MAX_WAIT", "RECOVERY_WINDOW")
}
"""The service is never silent here, however slow the machine is."""
VIAS: Final = ("subscribe", "replay")
HOP: Final = {"connection", "transfer-encoding", "keep-alive", "content-length", "date"}
SAME: Final = (
    "status",
    "text",
    "texts",
    "reasoning",
    "reasonings",
    "tools",
    "sources",
    "files",
    "data",
    "metadata",
    "errors",
    "aborted",
    "finish_reason",
    "structured_output",
    "error",
)


def arrived(recording: Recording, cut: int) -> list[RawFrame]:
    """The frames that the client has read from the first `cut` bytes when the connection breaks."""
    body = recording.body[:cut]
    framing = SUFFIXES[recording.path.suffix]
    if framing is Framing.SSE:
        return SseReader(LIMIT).feed(body)
    if framing is Framing.LINES or recording.opened["encoding"] == "ai4":
        return LineReader(LIMIT).feed(body)
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(body)
    return [RawFrame(Framing.TEXT, text)] if text else []


def broken_at(tape: Tape, recording: Recording, cut: int, via: str) -> Tape:
    tape.note(Marker.OPENED, **{**recording.opened, "via": via})
    for piece in arrived(recording, cut):
        tape.take(piece)
    return tape.note(Marker.CLOSED, clean=False).note(Marker.WATCHING)


def final(recording: Recording, tape: Tape) -> tuple[Any, ...]:
    """Every member of a turn that the screen shows."""
    folding = Fold(ORDER)
    for frame in tape.frames:
        folding.take(frame)
    turn: Turn = folding.turn
    return (
        judge(turn),
        turn.text,
        turn.parts,
        turn.message_id,
        turn.metadata,
        turn.finish_reason,
        turn.finished,
        turn.errors,
    )


def check_cuts(recording: Recording, cuts: list[tuple[int, str]], via: str) -> None:
    tape = Tape()
    for at, (cut, how) in enumerate(cuts):
        broken_at(tape, recording, cut, how if at else "post")
    assert final(recording, tape.body(recording, via=via)) == final(recording, Tape().body(recording))


@pytest.mark.parametrize("recording", STREAMS, ids=lambda one: one.name)
def test_cut_at_many_bytes(recording: Recording) -> None:
    """The first and last bytes, the ends of lines, and random others."""
    size = len(recording.body)
    chance = random.Random(recording.name)
    ends = [at for at in range(size) if recording.body[at : at + 1] == b"\n"]
    most = 10 if size < LARGE else 2
    some = chance.sample(ends, min(most, len(ends))) + chance.sample(range(size + 1), min(2 * most, size))
    for cut in sorted({0, 1, size - 1, size, *some, *(at + 1 for at in some)}):
        check_cuts(recording, [(min(cut, size), "post")], chance.choice(VIAS))


@settings(deadline=None, max_examples=75)
@given(st.data())
def test_replays_that_are_cut_too(data: st.DataObject) -> None:
    """The replays are cut too, each at a byte of its own; the last one is complete."""
    recording = data.draw(st.sampled_from(STREAMS))
    cut = st.tuples(st.integers(0, len(recording.body)), st.sampled_from(VIAS))
    check_cuts(recording, data.draw(st.lists(cut, min_size=1, max_size=4)), data.draw(st.sampled_from(VIAS)))


# -- over HTTP --------------------------------------------------------------------------------
def steps(recording: Recording, cut: int | None, ending: str) -> list[dict[str, Any]]:
    headers = {name: value for name, value in recording.meta["headers"].items() if name not in HOP}
    body = base64.b64encode(recording.body[:cut]).decode()
    reply: list[dict[str, Any]] = [{"head": {"headers": headers}}, {"b64": body}]
    return [*reply, {ending: 1}] if cut is not None else [*reply, {"complete": 1}, {"end": 1}]


def result(server: FaultServer, home: Path, recording: Recording, cut: int | None, ending: str) -> Any:
    expected = recording.expected
    text = expected.get("text", expected.get("streamed_text", ""))
    complete = steps(recording, None, "")
    scenario = {
        "id": "cut",
        "op": "continue",
        "deltas": [text],
        "server": {
            "continue": [[{"accept": {}}, *steps(recording, cut, ending)]],
            "subscribe": [complete],
            "replay": [complete],
        },
    }
    world = server.begin(scenario)
    argv = ("-p", "hello", "-w", world.worker_id, "--json")
    ran = run(*argv, home=home, base_url=server.base_of(world), **PATIENT)
    assert world.posts == len(world.prompts) == 1
    return {name: ran.result[name] for name in SAME}


@pytest.mark.parametrize("recording", OVER_HTTP)
def test_cut_over_http(recording: Recording, server: FaultServer, tmp_path: Path) -> None:
    chance = random.Random(recording.name)
    cut, ending = chance.randrange(len(recording.body)), chance.choice(["fin", "rst"])
    uncut = result(server, tmp_path / "uncut", recording, None, "")
    assert result(server, tmp_path / "cut", recording, cut, ending) == uncut
