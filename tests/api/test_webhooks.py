"""Webhooks over HTTP: addresses checked before sending, lost answers settled by reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.api.stored_workers import WebhookClient
from handinger_tui.core.errors import ApiError, BrokenContract, Doubtful, Refused, SettingsError
from handinger_tui.core.webhooks import (
    Delivery,
    check_address,
    delivery_outcome,
    delivery_reason,
    page_text,
    token_text,
)
from tests.api.server import Peer, Script, Server, as_json, raw

if TYPE_CHECKING:
    from handinger_tui.api.client import WorkerClient

HOOK = "https://receiver.example/hook"


def says(url: str | None, token: str | None) -> Script:
    return as_json(json.dumps({"url": url, "token": token}))


def reading(server: Server, change: Script, *reads: Script) -> None:
    """Answers GETs in their order (the last one repeats), and any change with `change`."""
    targets: list[str] = []

    async def serve(peer: Peer) -> None:
        is_read = peer.request.method == "GET"
        await (reads[min(len(targets), len(reads) - 1)] if is_read else change)(peer)
        if is_read:
            targets.append(peer.request.target)

    server.answer(serve)


async def test_a_webhook_is_read_and_its_token_is_not_printed(server: Server, client: WorkerClient) -> None:
    server.answer(says(HOOK, "whk_0123456789f00d"))
    webhook = await WebhookClient(client).read("w/1")
    assert server.requests[0].target == "/api/workers/w%2F1/webhook"
    assert webhook.url == HOOK
    assert "whk" not in repr(webhook)
    assert token_text(webhook, is_shown=False) == "hidden, ends in f00d"
    assert token_text(webhook, is_shown=True) == "whk_0123456789f00d"


async def test_an_invalid_answer_does_not_mean_no_webhook(server: Server, client: WorkerClient) -> None:
    server.answer(as_json("{}"))
    with pytest.raises(BrokenContract):
        await WebhookClient(client).read("w1")


async def test_changes_on_the_wire(server: Server, client: WorkerClient) -> None:
    webhooks = WebhookClient(client)
    reading(server, says(HOOK, "whk_2"), says(HOOK, "whk_1"))
    await webhooks.set("w1", f" {HOOK} ")
    await webhooks.renew_token("w1")
    await webhooks.clear("w1")
    sent = [(one.method, one.target, one.body) for one in server.requests if one.method != "GET"]
    assert sent == [
        ("PUT", "/api/workers/w1/webhook", b'{"url":"https://receiver.example/hook"}'),
        ("POST", "/api/workers/w1/webhook/regenerate-token", b""),
        ("DELETE", "/api/workers/w1/webhook", b""),
    ]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://receiver.example/", "starts with https"),
        ("ftp://receiver.example/", "starts with https"),
        ("receiver.example", "not an address"),
        ("https://", "not an address"),
        ("https://a b.example/", "not an address"),
        ("https://a.example:99999/", "not an address"),
        ("https://a.example/\x1b[31m", "not an address"),
        ("https://a.example/" + "x" * 2031, "2,049 characters"),
    ],
)
async def test_an_address_is_checked_before_sending(
    server: Server, client: WorkerClient, url: str, why: str
) -> None:
    with pytest.raises(SettingsError, match=why):
        await WebhookClient(client).set("w1", url)
    assert server.requests == []
    with pytest.raises(SettingsError):
        check_address("http://localhost/")
    assert check_address("http://localhost/", is_service_local=True) == "http://localhost/"
    assert len(check_address("https://a.example/" + "x" * 2030)) == 2048


async def test_a_lost_answer_is_settled_by_reading(server: Server, client: WorkerClient) -> None:
    webhooks = WebhookClient(client)
    reading(server, raw(b""), says(HOOK, "whk_1"))
    assert (await webhooks.set("w1", HOOK)).url == HOOK
    with pytest.raises(Doubtful) as caught:
        await webhooks.clear("w1")
    assert "it costs nothing" in caught.value.hint
    with pytest.raises(Doubtful, match="connection") as caught:
        await webhooks.renew_token("w1")
    assert "may have been replaced" in caught.value.hint
    reading(server, raw(b""), says(HOOK, "whk_1"), says(HOOK, "whk_2"))
    token = (await webhooks.renew_token("w1")).token
    assert token is not None
    assert token.reveal() == "whk_2"
    assert [one.method for one in server.requests].count("POST") == 2


async def test_a_refusal_is_not_in_doubt(server: Server, client: WorkerClient) -> None:
    reading(server, as_json('{"error":"Only the creator may."}', 403), says(None, None))
    with pytest.raises(Refused, match="Only the creator"):
        await WebhookClient(client).clear("w1")


async def test_deliveries_are_read_in_pages_with_missing_members(
    server: Server, client: WorkerClient
) -> None:
    entry: dict[str, Any] = {
        "id": "whe_1",
        "createdAt": "2026-11-27T12:00:00.000Z",
        "durationMs": 812,
        "errorMessage": "The receiver responded with status 500.",
        "requestStatus": "error",
        "responseStatus": 500,
        "taskId": "tsk_1",
        "taskTitle": "Prices",
        "url": HOOK,
        "workerId": "w1",
    }
    odd = {"durationMs": True, "responseStatus": "x", "requestStatus": ["error"], "createdAt": 7}
    server.answer(
        as_json(json.dumps({"logs": [entry, odd, None], "page": 2, "pageCount": 3, "totalCount": 120}))
    )
    page = await WebhookClient(client).deliveries("w1", 2)
    assert server.requests[0].target == "/api/workers/w1/webhook/executions?page=2"
    first, second = page.deliveries
    assert (first.moment, first.is_delivered, first.task_title) == (
        datetime(2026, 11, 27, 12, tzinfo=UTC), False, "Prices",
    )  # fmt: skip
    assert (delivery_outcome(first), delivery_reason(first)) == (
        "✗ 500",
        "The receiver responded with status 500.",
    )
    assert second == Delivery()
    assert delivery_outcome(second) == "not reported"
    assert page_text(page) == "120 deliveries · page 2 of 3"


async def test_an_error_of_a_service_without_webhooks(server: Server, client: WorkerClient) -> None:
    server.answer(as_json('{"error":"Unknown route."}', 404))
    with pytest.raises(ApiError) as caught:
        await WebhookClient(client).deliveries("w1")
    assert "API generation" in caught.value.hint
