"""The replies of a healthy service: scripts for every operation that a scenario does not define."""

from __future__ import annotations

from typing import Any

from tests.chaos.requests import Request
from tests.chaos.steps import CLOSING, EVENT_STREAM, delta
from tests.chaos.world import Step, World

HEAD: Step = {"head": {"headers": EVENT_STREAM}}
NO_ROUTE: Step = {"json": {"error": {"message": "no such route", "code": "not_found"}}, "status": 404}


def usual(op: str, world: World, request: Request) -> list[Step]:
    """The steps of a healthy answer."""
    if op in ("continue", "create"):
        if request.streamed:
            return [HEAD, {"accept": {}}, {"full": 1}]
        return [{"accept": {}}, {"complete": 1}, {"worker": {}}]
    if op == "replay":
        return _replay(world)
    if op == "subscribe":
        return _subscribe(world)
    healthy: dict[str, list[Step]] = {
        "get": [{"worker": {}}],
        "file": [{"file": {"text": "file body\n"}}],
        "list": [{"json": {"object": "list", "data": []}}],
    }
    return healthy.get(op, [NO_ROUTE])


def _replay(world: World) -> list[Step]:
    """The complete conversation as one stream of messages, the running one to its end."""
    steps: list[Step] = [HEAD]
    answers = [message for message in world.messages() if message["role"] == "assistant"]
    for message in answers:
        live = world.running and message is answers[-1]
        events: list[dict[str, Any]] = [
            {"type": "start", "messageId": message["id"]},
            {"type": "text-start", "id": "t1"},
        ]
        text = message["parts"][0]["text"]
        steps += [{"sse": event} for event in events]
        if text:
            steps.append({"again": delta(text)})
        if live:
            steps.append({"deltas": (world.sent, None)})
        steps += [{"sse": CLOSING[0]}, {"sse": CLOSING[-1]}]
    return [*steps, {"raw": "data: [DONE]\n\n"}, {"complete": 1}, {"end": 1}]


def _subscribe(world: World) -> list[Step]:
    """The remainder of the running answer, without what was sent before; no content when none runs."""
    if not world.running:
        return [{"head": {"status": 204, "headers": {}, "framing": "none"}}]
    begun = {"type": "start", "messageId": f"m{len(world.prompts)}a"}
    return [
        HEAD,
        {"sse": begun},
        {"sse": {"type": "text-start", "id": "t1"}},
        {"deltas": (world.sent, None)},
        {"close": 1},
    ]
