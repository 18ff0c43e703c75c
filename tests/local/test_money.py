"""Usage and costs: they only grow, and they agree with the published price table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.local import formats

if TYPE_CHECKING:
    import httpx

Run = Callable[..., tuple[dict[str, Any], list[Any]]]


def exact(client: httpx.Client, worker_id: str) -> dict[str, Any]:
    """Read a worker with its numbers as decimal texts."""
    return dict(json.loads(client.get(f"/api/workers/{worker_id}").text, parse_float=Decimal))


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def tokens(characters: int) -> int:
    return math.ceil(characters / 4)


def expected_counts(text: str, events: list[Any]) -> dict[str, int]:
    """Count from the stream alone, by the rules in the docstring of the price table."""
    given = {"input": len(text), "output": 0, "reasoning": 0}
    for event in events:
        match event["type"]:
            case "text-delta":
                given["output"] += len(event["delta"])
            case "reasoning-delta":
                given["reasoning"] += len(event["delta"])
            case "tool-input-available":
                given["output"] += len(compact(event["input"]))
            case "tool-output-available":
                given["input"] += len(compact(event["output"]))
            case _:
                pass
    return {
        **{f"{kind}Tokens": tokens(characters) for kind, characters in given.items()},
        "steps": sum(event["type"] == "start-step" for event in events),
        "calls": sum(event["type"] == "tool-input-available" for event in events),
    }


@pytest.mark.parametrize("text", ["tour", "report on python", "sources", "long 9", "echo x", "fail"])
def test_a_turn_costs_what_the_table_says(client: httpx.Client, run_turn: Run, text: str) -> None:
    shown, events = run_turn(text)
    worker = exact(client, shown["id"])
    usage, costs, counts = worker["usage"], worker["costs"], expected_counts(text, events[:-1])
    for name in ("inputTokens", "outputTokens", "reasoningTokens", "steps"):
        assert usage[name] == counts[name], name
    assert usage["totalTokens"] == counts["inputTokens"] + counts["outputTokens"] + counts["reasoningTokens"]
    model = counts["inputTokens"] * Decimal("0.002") + (
        usage["outputTokens"] + usage["reasoningTokens"]
    ) * Decimal("0.008")
    assert costs["modelCostUsd"] == model / 1000
    assert costs["toolCostUsd"] == counts["calls"] * Decimal("0.001")
    assert costs["internalCostUsd"] == counts["steps"] * Decimal("0.0002")
    assert costs["sandboxCostUsd"] == worker["metadata"]["sandboxTenths"] * Decimal("0.00005")
    assert worker["metadata"]["sandboxTenths"] >= counts["calls"]
    assert usage["costUsd"] == sum(costs.values())
    assert usage["credits"] == math.ceil(usage["costUsd"] / Decimal("0.0001"))


def test_files_are_charged_as_cache_write_then_as_cache_read(
    client: httpx.Client, upload_turn: Run, run_turn: Run
) -> None:
    content = b"word " * 1000
    first, _ = upload_turn("count", [("files", ("w.txt", content))])
    assert first["usage"]["cacheWriteTokens"] == 1250
    assert first["usage"]["cacheReadTokens"] == 0
    second, _ = run_turn("count w.txt again", first["id"])
    assert second["usage"]["cacheWriteTokens"] == 1250
    assert second["usage"]["cacheReadTokens"] == 1250
    usage = exact(client, first["id"])
    cached = Decimal("0.0025") * 1250 / 1000 + Decimal("0.0002") * 1250 / 1000
    talked = usage["usage"]["inputTokens"] * Decimal("0.002")
    talked += (usage["usage"]["outputTokens"] + usage["usage"]["reasoningTokens"]) * Decimal("0.008")
    assert usage["costs"]["modelCostUsd"] == cached + talked / 1000


def test_counters_move_while_a_turn_runs_and_never_fall(slow_client: httpx.Client) -> None:
    worker_id = slow_client.post("/api/workers", json={"input": "long 90"}).json()["id"]
    readings = []
    # Each read waits for new text on the stream, so every read shows progress.
    with slow_client.stream("GET", f"/api/workers/{worker_id}/stream") as answer:
        for line in answer.iter_lines():
            if '"text-delta"' in line:
                worker = exact(slow_client, worker_id)
                readings.append({**worker["usage"], **worker["costs"]})
            if len(readings) == 12:
                break
    for former, later in pairwise(readings):
        assert all(later[name] >= former[name] for name in former)
    assert readings[-1]["outputTokens"] > readings[0]["outputTokens"] > 0
    assert readings[-1]["costUsd"] > readings[0]["costUsd"]
    assert readings[-1]["durationMs"] > readings[0]["durationMs"]


def test_totals_are_of_the_worker(client: httpx.Client, run_turn: Run) -> None:
    first, _ = run_turn("echo one")
    one = exact(client, first["id"])
    run_turn("echo one", first["id"])
    two = exact(client, first["id"])
    for name in ("inputTokens", "outputTokens", "reasoningTokens", "steps", "totalTokens", "costUsd"):
        assert two["usage"][name] == 2 * one["usage"][name], name
    assert two["metadata"]["turns"] == 2


def test_a_failed_turn_is_charged_for_what_it_did(run_turn: Run) -> None:
    worker, _ = run_turn("fail")
    assert worker["usage"]["outputTokens"] > 0
    assert worker["usage"]["costUsd"] > 0


def test_money_on_the_wire_is_exact(client: httpx.Client, run_turn: Run) -> None:
    worker = exact(client, run_turn("tour")[0]["id"])
    assert sum(worker["costs"].values()) == worker["usage"]["costUsd"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.10"), "0.1"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("3.000"), "3"),
        (Decimal("0.000"), "0"),
        (Decimal(100), "100"),
        (Decimal("1E+3"), "1000"),
    ],
)
def test_numbers_in_texts_are_short(value: Decimal, text: str) -> None:
    assert formats.number_text(value) == text


@pytest.mark.parametrize(("budget", "calls"), [("low", 1), ("standard", 5), ("high", 5), ("unlimited", 5)])
def test_a_budget_limits_the_tool_calls_and_is_named_in_the_text(
    run_turn: Run, budget: str, calls: int
) -> None:
    worker, events = run_turn("report on primes", budget=budget)
    assert sum(event["type"] == "tool-input-available" for event in events[:-1]) == calls
    assert worker["metadata"]["budget"] == budget
    assert ("Limited by the budget" in worker["output_text"]) == (budget == "low")


def test_without_a_word_the_budget_is_standard(run_turn: Run) -> None:
    worker, events = run_turn("echo x")
    assert worker["metadata"]["budget"] == events[0]["messageMetadata"]["budget"] == "standard"
