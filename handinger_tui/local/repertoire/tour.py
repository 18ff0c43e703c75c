"""The guided tour: describes the program, the rules of the local worker, and its simulated prices."""

from __future__ import annotations

from handinger_tui.local import formats, prices
from handinger_tui.local.text import fence, first_word, table
from handinger_tui.local.turn_context import Rule, TurnContext

TOUR_WORDS = frozenset({"tour", "start", "help"})
PHRASES = ("show me around", "what can you do")
GREETINGS = frozenset({"hello", "hi", "hey", "hallo", "hola"})
NOT_UNDERSTOOD = "I did not understand that."


def _opening_text() -> str:
    return (
        "# A local demo worker\n\n"
        "I am a **demo worker built into handinger-tui**. I am not an AI: I follow fixed rules, compute "
        "what I can and invent nothing. I answer because no API key is set or because `--local` was given. "
        "Everything goes over real HTTP to a small server on this computer, so what you see is how "
        "handinger-tui really works."
    )


def _abilities_text(context: TurnContext) -> str:
    rows = [(rule.name, rule.when, f"{rule.does}.") for rule in context.setting.rules]
    examples = "\n".join(rule.example for rule in context.setting.rules if rule.example)
    return (
        "## What I understand\n\nThe first matching rule applies.\n\n"
        + table(["rule", "when", "what happens"], rows)
        + "\n\nThings to type:\n\n"
        + fence(examples)
    )


def _program_text(context: TurnContext) -> str:
    home = context.setting.home
    place = f"under `{home}`" if home is not None else "in its data folder (`handinger-tui doctor` shows it)"
    return (
        "## Using handinger-tui\n\n"
        "- **Enter** sends, **Ctrl+J** adds a line, **F1** shows all keys, **Ctrl+P** lists all commands.\n"
        "- **Shift+Tab** changes the budget of the next turn, **Ctrl+O** shows reasoning and tool details.\n"
        "- Attach a CSV or text file with `@` or `-f PATH`. Save the files I create from the Files panel.\n"
        "- **Esc** while I work offers to stop *watching*. I keep running; the API cannot stop a run.\n"
        f"- handinger-tui keeps your sessions {place}. My own data is gone when I stop.\n\n"
        "To use the real service, set a key and restart:\n\n"
        + fence("export HANDINGER_API_KEY=hdg_live_...\nhandinger-tui")
    )


def _money_text() -> str:
    price_rows = [(what, formats.number_text(usd)) for what, usd in prices.PRICE_ROWS]
    levels = [(level, "no cap" if calls is None else calls) for level, calls in prices.TOOL_CALLS.items()]
    return (
        "## Simulated money\n\n"
        "Local turns cost nothing. These prices give the cost panel something to add up. "
        f"A token is {prices.CHARACTERS_PER_TOKEN} characters, a credit "
        f"{formats.number_text(prices.USD_PER_CREDIT)} USD.\n\n"
        + table(["for", "USD"], price_rows, numeric=(1,))
        + "\n\nThe budget caps the tool calls of a turn:\n\n"
        + table(["budget", "tool calls"], levels, numeric=(1,))
    )


async def _perform(context: TurnContext) -> None:
    await context.say(_opening_text())
    await context.use("list_rules", {}, lambda: _rule_names(context))
    await context.say(_abilities_text(context))
    await context.say(_program_text(context) + "\n\n" + _money_text())


async def _rule_names(context: TurnContext) -> list[str]:
    return [rule.name for rule in context.setting.rules]


def _asks_for_tour(text: str) -> bool:
    return first_word(text) in TOUR_WORDS or any(phrase in text.lower() for phrase in PHRASES)


RULE = Rule(
    name="tour",
    when="you say *tour*, *help* or *show me around*",
    does="It explains what handinger-tui and I can do",
    example="tour",
    matches=lambda context: _asks_for_tour(context.text),
    perform=_perform,
)


async def _answer_shortly(context: TurnContext) -> None:
    opening = "Hello!" if first_word(context.text) in GREETINGS else NOT_UNDERSTOOD
    examples = " · ".join(f"`{rule.example}`" for rule in context.setting.rules if rule.example)
    await context.say(
        f"{opening} I am a local demo worker that follows a few rules. Try one of these:\n\n{examples}"
    )


OTHER = Rule(
    name="other",
    when="nothing else matches",
    does="It lists what you can type",
    example="",
    matches=lambda _context: True,
    perform=_answer_shortly,
)
