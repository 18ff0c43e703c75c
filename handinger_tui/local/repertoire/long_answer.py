"""`long N` or `slow N`: writes N paragraphs of computed, true statements, to try scrolling and waiting."""

from __future__ import annotations

from math import isqrt

from handinger_tui.local.turn_context import Rule, TurnContext
from handinger_tui.local.words import fence, first_word, table, words_of

USUAL_PARAGRAPHS = 30
MOST_PARAGRAPHS = 2000
_CODE_EVERY = 5
_TABLE_EVERY = 7
_HEADING_EVERY = 10


def paragraphs_wanted(text: str) -> int:
    """Return the first whole number in the text, limited to 1 and the maximum; without one, the default."""
    for word in words_of(text):
        if word.isascii() and word.isdecimal():
            # The length is checked first: Python refuses to parse thousands of digits.
            return (
                max(1, min(int(word), MOST_PARAGRAPHS))
                if len(word) <= len(str(MOST_PARAGRAPHS))
                else MOST_PARAGRAPHS
            )
    return USUAL_PARAGRAPHS


def divisors(number: int) -> list[int]:
    """Return all divisors of a number in ascending order."""
    small = [candidate for candidate in range(1, isqrt(number) + 1) if number % candidate == 0]
    return sorted({*small, *(number // candidate for candidate in small)})


def paragraph(number: int) -> str:
    """Return a paragraph about a number; some have a heading, a table or code."""
    all_divisors = divisors(number)
    is_prime = len(all_divisors) == 2
    lines = [f"## From {number} on"] if number % _HEADING_EVERY == 1 else []
    counted = "1 divisor" if len(all_divisors) == 1 else f"{len(all_divisors)} divisors"
    nature = "is **prime**" if is_prime else f"has {counted}: {', '.join(map(str, all_divisors))}"
    powers = f"Its square is {number**2:,}, its cube {number**3:,}; in binary it is `{number:b}`."
    lines.append(f"Paragraph {number}. The number {number} {nature}. {powers}")
    if number % _CODE_EVERY == 0:
        lines.append(fence(f"{number} = 0b{number:b}\n{number} = 0x{number:x}"))
    if number % _TABLE_EVERY == 0:
        lines.append(
            table(
                ["factor", "product"], [(factor, factor * number) for factor in range(1, 4)], numeric=(0, 1)
            )
        )
    return "\n\n".join(lines)


async def _perform(context: TurnContext) -> None:
    count = paragraphs_wanted(context.text)
    text = "\n\n".join(
        [f"# {count} paragraphs about numbers", *(paragraph(number) for number in range(1, count + 1))]
    )
    await context.say(text)


RULE = Rule(
    name="long",
    when="the first word is *long* or *slow*",
    does=f"It writes as many paragraphs as you say, {USUAL_PARAGRAPHS} untold, {MOST_PARAGRAPHS:,} at most",
    example="long 12",
    matches=lambda context: first_word(context.text) in {"long", "slow"},
    perform=_perform,
)
