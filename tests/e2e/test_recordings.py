"""Every recording, over real HTTP at four pacings, through `handinger-tui -p … --json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runner import run
from tests.wire.recordings import Recording, recordings
from tests.wire.replay import Player, playing

FRESH = [one for one in recordings() if not one.meta.get("prior_messages")]
"""A fresh request cannot know what the others continue; they are checked at the reducer."""
CHUNKS = ("5", "6", "6.0.183", "7", "cf-streams", "ndjson")


def of(*families: str) -> list[Recording]:
    return [one for one in FRESH if one.family in families]


def played(recording: Recording, pace: str, home: Path, *argv: str) -> dict[str, Any]:
    player = Player(recording, pace)
    with playing(player) as url:
        ran = run("-p", "hello", "--json", *argv, home=home, base_url=url)
    assert player.posts == 1
    return ran.result


paces = pytest.mark.parametrize("pace", ["whole", "events", "bytes", "splits"])


@pytest.mark.parametrize("recording", of(*CHUNKS), ids=lambda r: r.name)
@pytest.mark.parametrize(
    ("worker", "pace"),
    [
        # Cuts at every byte are tested at the reader; here the two extremes go over HTTP.
        *(pytest.param((), pace, id=f"create-{pace}") for pace in ("whole", "bytes")),
        pytest.param(("-w", "wrk_1"), "events", id="continue-events"),
    ],
)
def test_ui_chunks(recording: Recording, pace: str, worker: tuple[str, ...], tmp_path: Path) -> None:
    result, expected = played(recording, pace, tmp_path, *worker), recording.expected
    assert result["text"] == expected["text"]
    assert result["texts"] == expected["texts"]
    assert result["reasoning"] == expected["reasoning"]
    assert [_tool(tool) for tool in expected["tools"]] == result["tools"]
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


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": tool["toolCallId"],
        "name": tool["name"],
        "state": tool["state"],
        "input": tool.get("input", tool.get("rawInput")),
        "output": tool.get("output"),
        "error": tool.get("errorText"),
    }


@paces
@pytest.mark.parametrize("recording", of("text"), ids=lambda r: r.name)
def test_text_bodies(recording: Recording, pace: str, tmp_path: Path) -> None:
    result = played(recording, pace, tmp_path)
    assert (result["text"], result["status"]) == (recording.expected["text"], "completed")


@paces
@pytest.mark.parametrize("recording", of("replay"), ids=lambda r: r.name)
@pytest.mark.parametrize("worker", [(), ("-w", "wrk_1")], ids=["create", "continue"])
def test_replays_end_with_the_newest_answer(
    recording: Recording, pace: str, worker: tuple[str, ...], tmp_path: Path
) -> None:
    result, last = played(recording, pace, tmp_path, *worker), recording.expected["messages"][-1]
    assert result["text"] == recording.expected["final_text"]
    assert result["reasoning"] == last["reasoning"]
    assert [tool["id"] for tool in result["tools"]] == [tool["toolCallId"] for tool in last["tools"]]
    assert [source["id"] for source in result["sources"]] == [
        source["sourceId"] for source in last["sources"]
    ]


@paces
@pytest.mark.parametrize("recording", of("worker"), ids=lambda r: r.name)
@pytest.mark.parametrize("worker", [(), ("-w", "wrk_1")], ids=["create", "continue"])
def test_worker_snapshots(recording: Recording, pace: str, worker: tuple[str, ...], tmp_path: Path) -> None:
    # Continued, the look before the POST finds the very text that the stream will end with. The worker
    # asked for is the one that the recording speaks of: answers about another one change nothing.
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


@paces
@pytest.mark.parametrize("recording", of("ai4"), ids=lambda r: r.name)
def test_data_streams_of_the_fourth_major(recording: Recording, pace: str, tmp_path: Path) -> None:
    result, expected = played(recording, pace, tmp_path), recording.expected
    assert result["text"] == expected["text"]
    assert result["reasoning"] == expected["reasoning"]
    assert [(t["id"], t["input"], t["output"]) for t in result["tools"]] == [
        (t["toolCallId"], t["args"], t["result"]) for t in expected["tools"]
    ]
    assert [source["url"] for source in result["sources"]] == [
        source["url"] for source in expected["sources"]
    ]
    assert result["finish_reason"] == expected["finish_reason"]
    assert result["errors"] == expected["errors"]


@paces
@pytest.mark.parametrize("recording", of("openai"), ids=lambda r: r.name)
def test_responses(recording: Recording, pace: str, tmp_path: Path) -> None:
    result, expected = played(recording, pace, tmp_path), recording.expected
    assert result["text"] == expected["streamed_text"]
    assert result["reasoning"] == expected["reasoning"]
    assert result["errors"] == expected["errors"]
    assert [tool["name"] for tool in result["tools"]] == [tool["name"] for tool in expected["tools"]]
    assert [(s["url"], s["title"]) for s in result["sources"]] == [
        (s["url"], s["title"]) for s in expected["sources"]
    ]
    assert (result["status"] == "completed") == (expected["status"] == "completed")
