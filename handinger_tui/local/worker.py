"""Runs a turn: chooses a rule, performs it, and reports what the budget or a tool prevented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.local.turn_context import Rule, Setting, TurnContext

if TYPE_CHECKING:
    from handinger_tui.local.prices import Counts
    from handinger_tui.local.turns import Turn
    from handinger_tui.local.worker_record import WorkerRecord


def choose_rule(context: TurnContext) -> Rule:
    """Return the first rule that matches; the last one always does."""
    return next(rule for rule in context.setting.rules if rule.matches(context))


async def perform(record: WorkerRecord, turn: Turn, setting: Setting) -> None:
    """Run one turn from `start` to `finish`.

    An exception of a rule is emitted as an error chunk and then raised.
    """
    context = TurnContext(record, turn, setting)
    turn.emit(
        {
            "type": "start",
            "messageId": turn.builder.message_id,
            "messageMetadata": _start_metadata(record, turn),
        }
    )
    # A cancelled turn (the server stops) gets no final chunks: its readers must see that it was cut.
    try:
        rule = choose_rule(context)
        await context.think(f'The rule "{rule.name}" applies: {rule.when}. {rule.does}.')
        await rule.perform(context)
        if context.left_out or context.troubles:
            await context.say(_closing_note(context))
    except Exception as error:
        turn.emit(
            {
                "type": "error",
                "errorText": f"The local worker has a fault of its own ({type(error).__name__}).",
            }
        )
        _finish(context)
        raise
    _finish(context)


def _finish(context: TurnContext) -> None:
    context.close()
    reason = "stop" if context.turn.builder.error_text is None else "error"
    context.turn.emit(
        {
            "type": "finish",
            "finishReason": reason,
            "messageMetadata": {"totalUsage": _total_usage(context.turn.counts)},
        }
    )


def _start_metadata(record: WorkerRecord, turn: Turn) -> dict[str, object]:
    return {"workerId": record.id, "turnId": turn.id, "budget": turn.instruction.budget, "local": True}


def _total_usage(counts: Counts) -> dict[str, object]:
    return {
        "inputTokens": counts.input_tokens,
        "outputTokens": counts.output_tokens,
        "reasoningTokens": counts.reasoning_tokens,
        "cachedInputTokens": counts.cache_read_tokens,
        "totalTokens": counts.total_tokens,
    }


def _closing_note(context: TurnContext) -> str:
    lines = []
    if context.left_out:
        calls = ", ".join(f"`{tool}`" for tool in context.left_out)
        budget, count = context.turn.instruction.budget, context.turn.counts.tool_calls
        allowance = f"`{budget}` allowed {count} tool call{'s' if count > 1 else ''}"
        lines.append(
            f"> **Cut by the budget.** {allowance}; not made: {calls}. A higher budget does the rest."
        )
    lines += [f"> **A tool had trouble.** {trouble}." for trouble in context.troubles]
    return "\n>\n".join(lines)
