"""`fail`: a turn that breaks in the middle of a sentence."""

from __future__ import annotations

from handinger_tui.local.turn_context import Rule, TurnContext
from handinger_tui.local.words import first_word

ERROR_TEXT = "This failure was asked for: the local worker was told to fail."


async def _perform(context: TurnContext) -> None:
    await context.break_off(
        "This turn fails on purpose, so that you can see how a failed turn looks. It breaks off in the mid",
        ERROR_TEXT,
    )


RULE = Rule(
    name="fail",
    when="the first word is *fail*",
    does="It breaks off in mid-sentence with an error; what was used until then is still charged",
    example="fail",
    matches=lambda context: first_word(context.text) == "fail",
    perform=_perform,
)
