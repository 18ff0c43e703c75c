"""Errors and cuts, at the registry itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handinger_tui.local.http import Instruction, RequestLimits
from handinger_tui.local.registry import Registry
from handinger_tui.local.turn_context import Rule, TurnConfig, TurnContext
from handinger_tui.local.worker import LocalTurn

if TYPE_CHECKING:
    import pytest


def registry_of(rule: Rule) -> Registry:
    return Registry("http://127.0.0.1:1", TurnConfig(0, (rule,)), RequestLimits(), has_tasks=False)


async def followed(turn: LocalTurn) -> str:
    return "".join([text async for text in turn.follow(10)])


async def test_an_error_in_a_rule_is_reported_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    async def perform(context: TurnContext) -> None:
        await context.say("so far")
        raise KeyError(context.text)

    registry = registry_of(Rule("broken", "always", "It breaks", "x", lambda _context: True, perform))
    conversation, turn = registry.start(Instruction("private words"))
    text = await followed(turn)
    await registry.close()
    assert '"errorText":"The local worker failed (KeyError)."' in text
    assert text.endswith("data: [DONE]\n\n")
    assert '"finishReason":"error"' in text
    assert "private words" not in text.replace('"text":"private words"', "")
    worker = conversation.as_worker()
    assert worker["running"] is False
    assert worker["output_text"] == "so far"
    assert worker["error"] is not None
    assert [record.getMessage() for record in caplog.records] == [
        "a task of the local worker failed: KeyError"
    ]
    assert caplog.records[0].exc_info is None


async def test_a_cut_turn_keeps_its_text_and_has_no_end() -> None:
    speaking = asyncio.Event()

    async def perform(context: TurnContext) -> None:
        await context.say("said before the cut")
        speaking.set()
        await asyncio.Event().wait()

    registry = registry_of(Rule("endless", "always", "It waits", "x", lambda _context: True, perform))
    conversation, turn = registry.start(Instruction("go"))
    reader = asyncio.create_task(followed(turn))
    await speaking.wait()
    await registry.close()
    text = await reader
    assert "[DONE]" not in text
    assert '"type":"finish"' not in text
    assert conversation.as_worker()["output_text"] == "said before the cut"
    assert conversation.as_worker()["running"] is False
