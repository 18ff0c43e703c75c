"""The guided tour: describes the program, the rules of the local worker, and its simulated prices."""

from __future__ import annotations

from handinger_tui.local import formats, prices
from handinger_tui.local.text import cell, fence, first_word, table
from handinger_tui.local.turn_context import Rule, TurnContext

GREETINGS = frozenset({"hello", "hi", "hey", "help", "tour", "start", "hallo", "hola"})


def _opening_text(context: TurnContext) -> str:
    introduction = (
        "You asked for the tour."
        if first_word(context.text) in GREETINGS
        else (f"I found no rule for **{cell(context.text)}**, so here is the tour instead.")
    )
    return (
        "# A local worker, and what it can do\n\n"
        f"{introduction} I am a **demonstration worker built into this program**. I am not an AI: I look for "
        "words by a few fixed rules, compute what I can, and make up nothing. You talk to me because no "
        "API key is set, or because `--local` was given. Everything goes over real HTTP to a small server on "
        "this machine, so you see the program itself at work and not a film of it."
    )


def _abilities_text(context: TurnContext) -> str:
    rows = [(rule.name, rule.when, f"{rule.does}.") for rule in context.setting.rules]
    examples = "\n".join(rule.example for rule in context.setting.rules)
    return (
        "## What I understand\n\nThe first rule that fits is used, from the top.\n\n"
        + table(["rule", "used when", "what happens"], rows)
        + "\n\nThings to type:\n\n"
        + fence(examples)
    )


def _program_text(context: TurnContext) -> str:
    home = context.setting.home
    place = f"under `{home}`" if home is not None else "in its data folder (`handinger-tui doctor` names it)"
    return (
        "## The program around me\n\n"
        "- **Enter** sends, **Ctrl+J** starts a new line, **F1** shows all keys, **Ctrl+P** finds commands.\n"
        "- **Shift+Tab** changes the budget of the next turn, **Ctrl+O** unfolds reasoning and tool calls.\n"
        "- Attach a CSV or a text file with `-f PATH`; files I make can be saved from the Files panel.\n"
        "- **Esc** while I work offers to stop *watching*. I go on; the published API cannot stop a run.\n"
        f"- The program keeps your sessions {place}. I keep mine in memory and forget all at my end.\n\n"
        "For the real service set a key and start again:\n\n"
        + fence("export HANDINGER_API_KEY=hdg_live_...\nhandinger-tui")
    )


def _money_text() -> str:
    price_rows = [(what, formats.number_text(usd)) for what, usd in prices.PRICE_ROWS]
    levels = [(level, "no bound" if calls is None else calls) for level, calls in prices.TOOL_CALLS.items()]
    return (
        "## Money: pretend, but exact\n\n"
        "Nobody is charged for a local turn. The counters move by this table, so that the cost panel has "
        f"something true to add up. A token is {prices.CHARACTERS_PER_TOKEN} characters, a credit "
        f"{formats.number_text(prices.USD_PER_CREDIT)} USD.\n\n"
        + table(["for", "USD"], price_rows, numeric=(1,))
        + "\n\nA budget bounds the tool calls of one turn:\n\n"
        + table(["budget", "tool calls"], levels, numeric=(1,))
    )


async def _perform(context: TurnContext) -> None:
    await context.say(_opening_text(context))
    await context.use("list_rules", {}, lambda: _rule_names(context))
    await context.say(_abilities_text(context))
    await context.say(_program_text(context) + "\n\n" + _money_text())


async def _rule_names(context: TurnContext) -> list[str]:
    return [rule.name for rule in context.setting.rules]


RULE = Rule(
    name="tour",
    when="nothing else fits, or you say *hello*, *help* or *tour*",
    does="It tells what this program and I can do",
    example="tour",
    matches=lambda _desk: True,
    perform=_perform,
)
