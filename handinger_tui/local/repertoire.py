"""The rules of the local worker, in the order in which they are matched, and everything matches the last.

To add one, write its function here or in a module next to this one, and its line in `REPERTOIRE`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

from handinger_tui.local import prices
from handinger_tui.local.formats import first_word, has_word, number_text, table, words_of
from handinger_tui.local.reports import ATTACHMENTS, REPORT
from handinger_tui.local.turn_context import Rule, TurnContext

ERROR_TEXT = "This failure was requested: the message asked the local worker to fail."


async def _fail(context: TurnContext) -> None:
    await context.break_off(
        "This turn fails on purpose to show what a failed turn looks like. It breaks off in the mid",
        ERROR_TEXT,
    )


async def _echo(context: TurnContext) -> None:
    words = context.text.lstrip()[len("echo") :].strip()
    await context.say(words or "(nothing followed the word echo)")


USUAL_PARAGRAPHS = 30
MOST_PARAGRAPHS = 2000
_CODE_EVERY = 5
_TABLE_EVERY = 7
_HEADING_EVERY = 10


def number_in(text: str, usual: int, most: int) -> int:
    """Return the first whole number in the text, limited to 1 and `most`; without one, `usual`."""
    for word in words_of(text):
        if word.isascii() and word.isdecimal():
            # The length is checked first: Python refuses to parse thousands of digits.
            return max(1, min(int(word), most)) if len(word) <= len(str(most)) else most
    return usual


def divisors(number: int) -> list[int]:
    """Return all divisors of a number in ascending order."""
    small = [candidate for candidate in range(1, isqrt(number) + 1) if number % candidate == 0]
    return sorted({*small, *(number // candidate for candidate in small)})


def paragraph(number: int) -> str:
    """Return a paragraph about a number. Every tenth starts with a heading; others have a table or code."""
    all_divisors = divisors(number)
    is_prime = len(all_divisors) == 2
    lines = [f"## Numbers from {number}"] if number % _HEADING_EVERY == 1 else []
    counted = "1 divisor" if len(all_divisors) == 1 else f"{len(all_divisors)} divisors"
    nature = "is **prime**" if is_prime else f"has {counted}: {', '.join(map(str, all_divisors))}"
    powers = f"Its square is {number**2:,}, its cube {number**3:,}; in binary it is `{number:b}`."
    lines.append(f"Paragraph {number}. The number {number} {nature}. {powers}")
    if number % _CODE_EVERY == 0:
        lines.append(f"```\n{number} = 0b{number:b}\n{number} = 0x{number:x}\n```")
    if number % _TABLE_EVERY == 0:
        lines.append(
            table(
                ["factor", "product"], [(factor, factor * number) for factor in range(1, 4)], numeric=(0, 1)
            )
        )
    return "\n\n".join(lines)


async def _write_long(context: TurnContext) -> None:
    count = number_in(context.text, USUAL_PARAGRAPHS, MOST_PARAGRAPHS)
    text = "\n\n".join(
        [f"# {count} paragraphs about numbers", *(paragraph(number) for number in range(1, count + 1))]
    )
    await context.say(text)


USUAL_SILENCE = 300
MOST_SILENCE = 3600
"""Seconds at pace 1."""


async def _be_silent(context: TurnContext) -> None:
    seconds = number_in(context.text, USUAL_SILENCE, MOST_SILENCE)
    await context.wait(seconds)
    await context.say(f"I said nothing for {seconds:,} seconds, scaled by the pace of the local worker.")


CITING_WORDS = ("sources", "source", "cite", "citations", "references")
_PYTHON = "https://docs.python.org/3/library"
_RFC = "https://www.rfc-editor.org/rfc"
_EVENTS = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
POINTERS = (
    ("asyncio: asynchronous I/O", f"{_PYTHON}/asyncio.html", "asyncio async python"),
    ("csv: CSV file reading and writing", f"{_PYTHON}/csv.html", "csv table python"),
    ("json: JSON encoder and decoder", f"{_PYTHON}/json.html", "json python"),
    ("decimal: decimal arithmetic", f"{_PYTHON}/decimal.html", "decimal money cost python"),
    ("RFC 9110: HTTP Semantics", f"{_RFC}/rfc9110", "http rfc web"),
    ("RFC 8259: The JSON Data Interchange Format", f"{_RFC}/rfc8259", "json rfc"),
    ("RFC 4180: Common Format for CSV Files", f"{_RFC}/rfc4180", "csv table rfc"),
    ("RFC 7578: multipart/form-data", f"{_RFC}/rfc7578", "upload multipart rfc"),
    ("HTML Standard: server-sent events", _EVENTS, "sse stream streaming web"),
    ("CommonMark specification", "https://spec.commonmark.org/", "markdown commonmark"),
    ("PNG specification", "https://www.w3.org/TR/png/", "png image chart"),
)
"""Title, URL, and the words that select it."""
USUAL_COUNT = 5
"""How many are given when no word selects any."""


async def _cite(context: TurnContext) -> None:
    matches = [(title, url) for title, url, words in POINTERS if has_word(context.text, words.split())]
    chosen = matches or [(title, url) for title, url, _ in POINTERS[:USUAL_COUNT]]
    how = "These match your words:" if matches else "None match your words. Here are the first"
    for title, url in chosen:
        context.cite(title, url)
    lines = [f"{number}. [{title}]({url}) [{number}]" for number, (title, url) in enumerate(chosen, 1)]
    await context.say(
        "## Built-in links\n\n"
        f"{how} {len(chosen)} of {len(POINTERS)} built-in links. "
        "I did **not** read them; a local worker does not use the network.\n\n" + "\n".join(lines)
    )


TOUR_WORDS = frozenset({"tour", "start", "help"})
PHRASES = ("show me around", "what can you do")
GREETINGS = frozenset({"hello", "hi", "hey", "hallo", "hola"})
NOT_UNDERSTOOD = "I did not understand that."


OPENING = """\
# The local worker

I am the **local worker, built into handinger-tui**. I am not an AI: I follow fixed rules, compute what I \
can and invent nothing. I answer where no API key is set, with `--local`, and at the address that \
`handinger-tui local` prints. Everything goes over real HTTP to a small server on this computer, so what you \
see is how handinger-tui really works."""


def _abilities_text(context: TurnContext) -> str:
    rows = [(rule.name, rule.when, f"{rule.does}.") for rule in context.config.rules]
    examples = "\n".join(rule.example for rule in context.config.rules if rule.example)
    return (
        "## What I understand\n\nThe first matching rule applies.\n\n"
        + table(["rule", "when", "what happens"], rows)
        + f"\n\nThings to type:\n\n```\n{examples}\n```"
    )


PROGRAM = """\
## Using handinger-tui

- **Enter** sends, **Ctrl+J** adds a line, **F1** shows all keys, **Ctrl+P** lists all commands.
- **Shift+Tab** changes the budget of the next turn, **Ctrl+O** shows reasoning and tool details.
- Attach a CSV or text file with `@` or `-f PATH`. Save the files I create from the Files panel.
- **Esc** while I work offers to stop *watching*. I keep running; the API cannot stop a run.
- handinger-tui keeps your sessions in its data folder (`handinger-tui doctor` shows it). \
My own data is lost when I stop.

To use the real service, set a key and restart:

```
export HANDINGER_API_KEY=hdg_live_...
handinger-tui
```"""


def _money_text() -> str:
    price_rows = [(price.unit, number_text(price.usd)) for price in prices.PRICES]
    levels = [(level, "no cap" if calls is None else calls) for level, calls in prices.TOOL_CALLS.items()]
    return (
        "## Simulated money\n\n"
        "Local turns cost nothing. These prices give the cost panel something to add up. "
        f"A token is {prices.CHARACTERS_PER_TOKEN} characters, a credit "
        f"{number_text(prices.USD_PER_CREDIT)} USD.\n\n"
        + table(["for", "USD"], price_rows, numeric=(1,))
        + "\n\nThe budget caps the tool calls of a turn:\n\n"
        + table(["budget", "tool calls"], levels, numeric=(1,))
    )


async def _give_tour(context: TurnContext) -> None:
    await context.say(OPENING)
    names = [rule.name for rule in context.config.rules]
    await context.call_tool("list_rules", {}, lambda: names, lambda names: names)
    await context.say(_abilities_text(context))
    await context.say(f"{PROGRAM}\n\n{_money_text()}")


async def _answer_shortly(context: TurnContext) -> None:
    opening = "Hello!" if first_word(context.text) in GREETINGS else NOT_UNDERSTOOD
    examples = " · ".join(f"`{rule.example}`" for rule in context.config.rules if rule.example)
    await context.say(
        f"{opening} I am the local worker and follow a few rules. Try one of these:\n\n{examples}"
    )


# -- all rules ---------------------------------------------------------------------------------
def _starts_with(*words: str) -> Callable[[TurnContext], bool]:
    return lambda context: first_word(context.text) in words


REPERTOIRE: tuple[Rule, ...] = (
    Rule(
        "fail",
        "the first word is *fail*",
        "It breaks off mid-sentence with an error; usage up to then still counts",
        "fail",
        _starts_with("fail"),
        _fail,
    ),
    Rule(
        "echo",
        "the first word is *echo*",
        "It repeats the text after *echo*",
        "echo **bold** text",
        # Not where punctuation comes before the word.
        lambda context: context.text.lower().split(maxsplit=1)[:1] == ["echo"],
        _echo,
    ),
    Rule(
        "long",
        "the first word is *long* or *slow*",
        f"It writes that many paragraphs ({USUAL_PARAGRAPHS} by default, up to {MOST_PARAGRAPHS:,})",
        "long 12",
        _starts_with("long", "slow"),
        _write_long,
    ),
    Rule(
        "silent",
        "the first word is *silent*",
        f"It says nothing for that many seconds ({USUAL_SILENCE} by default, up to {MOST_SILENCE:,})",
        "",
        _starts_with("silent"),
        _be_silent,
    ),
    ATTACHMENTS,
    Rule(
        "sources",
        "the text has a word such as *sources* or *cite*",
        "It lists well-known documents as sources without reading them",
        "sources about csv and json",
        lambda context: has_word(context.text, CITING_WORDS),
        _cite,
    ),
    REPORT,
    Rule(
        "tour",
        "you say *tour*, *help* or *show me around*",
        "It explains what handinger-tui and I can do",
        "tour",
        lambda context: (
            first_word(context.text) in TOUR_WORDS
            or any(phrase in context.text.lower() for phrase in PHRASES)
        ),
        _give_tour,
    ),
    Rule("other", "nothing else matches", "It lists what you can type", "", lambda _: True, _answer_shortly),
)
