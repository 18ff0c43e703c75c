"""Every recording, over real HTTP, through `handinger-tui -p … --json`.

Every recording, also cut at every byte, is tested at the reader (`tests/api/test_sse.py`) and the fold
(`tests/core/test_recordings.py`), so a few of them go over HTTP here, each in one way, and the ways
alternate. All recordings in all ways: `pytest -m slow tests/e2e/test_recordings.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.core.projections import expected_tools
from tests.e2e.runner import run
from tests.wire.recordings import Recording, recordings
from tests.wire.replay import Player, playing

FRESH = [one for one in recordings() if not one.meta.get("prior_messages")]
"""The others continue an earlier message that a new request lacks; they are checked at the reducer."""
CHUNKS = ("5", "6", "6.0.183", "7", "cf-streams", "ndjson")


CHOSEN = (
    *("5/data-parts", "5/multi-step", "5/plain-text-no-id", "6/error-mid-stream", "6/metadata-usage"),
    *("6/tool-provider-executed", "6.0.183/tool-approval-request", "7/abort-mid-stream"),
    *("7/custom-and-reasoning-file", "cf-streams/errored", "cf-streams/replay-then-tail"),
    *("ndjson/tool-single", "text/json-string-deltas", "replay/several-starts", "ai4/tools"),
    *("worker/snapshots-error", "worker/snapshots-sources-files", "openai/failed"),
    *("openai/reasoning-citations",),
)
"""Each family, and each kind of part and of end in some family: what the result object shows."""


def of(*families: str) -> list[Recording]:
    return [one for one in FRESH if one.family in families]


def played(recording: Recording, pace: str, home: Path, *argv: str) -> dict[str, Any]:
    player = Player(recording, pace, tasks=argv == TASK)
    with playing(player) as url:
        # A task that is read between the end of the POST and its arrival would be what is shown.
        pause = {"HANDINGER_POLL_INTERVAL": "2"} if player.tasks else {}
        ran = run("-p", "hello", "--json", *argv, home=home, base_url=url, **pause)
    assert player.posts == 1
    return ran.result


def test_each_family_is_chosen() -> None:
    chosen = [recording for recording in FRESH if recording.name in CHOSEN]
    assert len(chosen) == len(CHOSEN)
    assert {recording.family for recording in chosen} == {recording.family for recording in FRESH}


PACES = ("whole", "events", "bytes", "splits")
NEW, CONTINUED, TASK = (), ("-w", "wrk_1"), ("--generation", "tasks")
"""`TASK`: the service streams the answer to the POST, as services before 0.24.0 may."""
NAMES = {NEW: "create", CONTINUED: "continue", TASK: "task"}
Way = tuple[tuple[str, ...], str]


def every(*families: str, ways: Sequence[Way]) -> pytest.MarkDecorator:
    """Each recording of these families in each way (a worker and a pace).

    All but one way of the chosen recordings are slow tests.
    """
    chosen = [recording.name for recording in of(*families) if recording.name in CHOSEN]
    usual = {name: at % len(ways) for at, name in enumerate(chosen)}
    return pytest.mark.parametrize(
        ("recording", "worker", "pace"),
        [
            pytest.param(
                recording,
                worker,
                pace,
                id=f"{NAMES[worker]}-{pace}-{recording.name}",
                marks=[] if turn == usual.get(recording.name) else [pytest.mark.slow],
            )
            for recording in of(*families)
            for turn, (worker, pace) in enumerate(ways)
        ],
    )


BOTH = [(worker, pace) for pace in PACES for worker in (NEW, CONTINUED)]
CREATED = [*((NEW, pace) for pace in PACES), (TASK, "events")]


@every(*CHUNKS, ways=[(NEW, "whole"), (TASK, "splits"), (NEW, "bytes"), (CONTINUED, "events")])
def test_ui_chunks(recording: Recording, pace: str, worker: tuple[str, ...], tmp_path: Path) -> None:
    result, expected = played(recording, pace, tmp_path, *worker), recording.expected
    assert result["text"] == expected["text"]
    assert result["texts"] == expected["texts"]
    assert result["reasonings"] == expected["reasoning"]
    assert result["reasoning"] == "".join(expected["reasoning"])
    assert expected_tools(expected) == result["tools"]
    assert [(s["id"], s["url"], s["title"]) for s in result["sources"]] == [
        (s["sourceId"], s.get("url"), s.get("title")) for s in expected["sources"]
    ]
    assert [(f["url"], f["media_type"]) for f in result["files"]] == [
        (f["url"], f["mediaType"]) for f in expected["files"]
    ]
    assert result["data"] == [
        {"type": part["type"], "id": part.get("id"), "data": part["data"]} for part in expected["data"]
    ]
    assert result["errors"] == expected["errors"]
    assert result["aborted"] == expected["aborted"]
    assert result["finish_reason"] == expected["finish_reason"]
    assert result["metadata"] == (expected["metadata"] or {})
    assert result["posts_sent"] == 1
    assert result["usage"] is None


@every("text", ways=CREATED)
def test_text_bodies(recording: Recording, worker: tuple[str, ...], pace: str, tmp_path: Path) -> None:
    result = played(recording, pace, tmp_path, *worker)
    assert (result["text"], result["status"]) == (recording.expected["text"], "completed")


@every("replay", ways=[*BOTH, (TASK, "bytes")])
def test_replays_end_with_the_newest_answer(
    recording: Recording, pace: str, worker: tuple[str, ...], tmp_path: Path
) -> None:
    result, last = played(recording, pace, tmp_path, *worker), recording.expected["messages"][-1]
    assert result["text"] == recording.expected["final_text"]
    assert result["reasonings"] == last["reasoning"]
    assert [tool["id"] for tool in result["tools"]] == [tool["toolCallId"] for tool in last["tools"]]
    assert [source["id"] for source in result["sources"]] == [
        source["sourceId"] for source in last["sources"]
    ]


@every("worker", ways=BOTH)
def test_worker_snapshots(recording: Recording, pace: str, worker: tuple[str, ...], tmp_path: Path) -> None:
    # When continued, the read before the POST finds the same text that the stream will end with. The
    # requested
    # worker is the one of the recording: answers about another one change nothing.
    expected = recording.expected
    worker = ("-w", expected["id"] or "wrk_1") if worker else ()
    result = played(recording, pace, tmp_path, *worker)
    assert result["text"] == expected["text"]
    assert result["worker_id"] == (worker[1] if worker else expected["id"])
    assert [(f["filename"], f["media_type"], f["url"]) for f in result["files"]] == [
        (f["filename"], f["mediaType"], f["url"]) for f in expected["files"]
    ]
    assert [(s["id"], s["title"], s["url"]) for s in result["sources"]] == [
        (s["id"], s["title"], s["url"]) for s in expected["sources"]
    ]
    if expected["error"]:
        assert (result["status"], result["error"]["message"]) == ("failed", expected["error"]["message"])
    else:
        assert result["status"] == "completed"


@every("ai4", ways=CREATED)
def test_data_streams_of_the_fourth_major(
    recording: Recording, worker: tuple[str, ...], pace: str, tmp_path: Path
) -> None:
    result, expected = played(recording, pace, tmp_path, *worker), recording.expected
    assert result["text"] == expected["text"]
    assert result["reasonings"] == expected["reasoning"]
    assert [(t["id"], t["input"], t["output"]) for t in result["tools"]] == [
        (t["toolCallId"], t["args"], t["result"]) for t in expected["tools"]
    ]
    assert [source["url"] for source in result["sources"]] == [
        source["url"] for source in expected["sources"]
    ]
    assert result["finish_reason"] == expected["finish_reason"]
    assert result["errors"] == expected["errors"]


@every("openai", ways=CREATED)
def test_responses(recording: Recording, worker: tuple[str, ...], pace: str, tmp_path: Path) -> None:
    result, expected = played(recording, pace, tmp_path, *worker), recording.expected
    assert result["text"] == expected["streamed_text"]
    assert result["reasonings"] == expected["reasoning"]
    assert result["errors"] == expected["errors"]
    assert [tool["name"] for tool in result["tools"]] == [tool["name"] for tool in expected["tools"]]
    assert [(s["url"], s["title"]) for s in result["sources"]] == [
        (s["url"], s["title"]) for s in expected["sources"]
    ]
    assert (result["status"] == "completed") == (expected["status"] == "completed")
