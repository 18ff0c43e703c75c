"""What the local worker does with a turn: picks a rule, works by it, closes honestly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.local.turn_context import Rule, Setting, TurnContext

if TYPE_CHECKING:
    from handinger_tui.local.prices import Counts
    from handinger_tui.local.turns import Turn
    from handinger_tui.local.worker_record import WorkerRecord


def choose(desk: TurnContext) -> Rule:
    """Return the first rule that matches; the last one of the table always does."""
    return next(rule for rule in desk.setting.rules if rule.matches(desk))


async def perform(record: WorkerRecord, turn: Turn, setting: Setting) -> None:
    """Run one turn from `start` to `finish`.

    Whatever a rule raises reaches the readers as an error chunk, and then the caller.
    """
    desk = TurnContext(record, turn, setting)
    turn.emit(
        {
            "type": "start",
            "messageId": turn.builder.message_id,
            "messageMetadata": _introduction(record, turn),
        }
    )
    # A cancelled turn (the server stops) gets no closing chunks: its readers must see the cut.
    try:
        rule = choose(desk)
        await desk.think(f'The rule "{rule.name}" applies: {rule.when}. {rule.does}.')
        await rule.perform(desk)
        if desk.left_out or desk.troubles:
            await desk.say(_closing_note(desk))
    except Exception as error:
        turn.emit(
            {
                "type": "error",
                "errorText": f"The local worker has a fault of its own ({type(error).__name__}).",
            }
        )
        _finish(desk)
        raise
    _finish(desk)


def _finish(desk: TurnContext) -> None:
    desk.close()
    reason = "stop" if desk.turn.builder.error_text is None else "error"
    desk.turn.emit(
        {
            "type": "finish",
            "finishReason": reason,
            "messageMetadata": {"totalUsage": _total_usage(desk.turn.counts)},
        }
    )


def _introduction(record: WorkerRecord, turn: Turn) -> dict[str, object]:
    return {"workerId": record.id, "turnId": turn.id, "budget": turn.instruction.budget, "local": True}


def _total_usage(counts: Counts) -> dict[str, object]:
    return {
        "inputTokens": counts.input_tokens,
        "outputTokens": counts.output_tokens,
        "reasoningTokens": counts.reasoning_tokens,
        "cachedInputTokens": counts.cache_read_tokens,
        "totalTokens": counts.total_tokens,
    }


def _closing_note(desk: TurnContext) -> str:
    lines = []
    if desk.left_out:
        calls = ", ".join(f"`{tool}`" for tool in desk.left_out)
        made = desk.turn.counts.tool_calls
        allowed = f"`{desk.turn.instruction.budget}` allowed {made} tool call{'s' if made > 1 else ''}"
        lines.append(f"> **Cut by the budget.** {allowed}; not made: {calls}. A higher budget does the rest.")
    lines += [f"> **A tool had trouble.** {trouble}." for trouble in desk.troubles]
    return "\n>\n".join(lines)
