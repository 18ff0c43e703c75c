"""`echo …`: repeats the rest of the instruction."""

from __future__ import annotations

from handinger_tui.local.turn_context import Rule, TurnContext
from handinger_tui.local.words import first_word


async def _perform(context: TurnContext) -> None:
    rest = context.text.lstrip()[len("echo") :].strip()
    await context.say(rest or "(nothing followed the word echo)")


RULE = Rule(
    name="echo",
    when="the first word is *echo*",
    does="It says the rest back, character for character",
    example="echo **bold** and `code`",
    matches=lambda context: (
        first_word(context.text) == "echo" and context.text.lstrip().lower().startswith("echo")
    ),
    perform=_perform,
)
