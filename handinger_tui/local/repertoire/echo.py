"""`echo …`: says the rest of the instruction back."""

from __future__ import annotations

from handinger_tui.local.turn_context import Rule, TurnContext
from handinger_tui.local.words import first_word


async def _perform(desk: TurnContext) -> None:
    rest = desk.text.lstrip()[len("echo") :].strip()
    await desk.say(rest or "(nothing followed the word echo)")


RULE = Rule(
    name="echo",
    when="the first word is *echo*",
    does="It says the rest back, character for character",
    example="echo **bold** and `code`",
    matches=lambda desk: first_word(desk.text) == "echo" and desk.text.lstrip().lower().startswith("echo"),
    perform=_perform,
)
