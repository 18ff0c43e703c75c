"""The rules of the local worker in the order in which they are matched; the last one matches everything.

To add one, write its function here or in a module next to this one, and its line in `REPERTOIRE`.
"""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from math import isqrt
from typing import TYPE_CHECKING

from msgspec import Struct

from handinger_tui.local import prices
from handinger_tui.local.file_summaries import FILE_SUMMARIES
from handinger_tui.local.formats import fence, first_word, has_word, number_text, table, words_of
from handinger_tui.local.turn_context import Rule, TurnContext, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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
        lines.append(fence(f"{number} = 0b{number:b}\n{number} = 0x{number:x}"))
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


def _opening_text() -> str:
    return (
        "# A local demo worker\n\n"
        "I am a **demo worker built into handinger-tui**. I am not an AI: I follow fixed rules, compute "
        "what I can and invent nothing. I answer because no API key is set or because `--local` was given. "
        "Everything goes over real HTTP to a small server on this computer, so what you see is how "
        "handinger-tui really works."
    )


def _abilities_text(context: TurnContext) -> str:
    rows = [(rule.name, rule.when, f"{rule.does}.") for rule in context.config.rules]
    examples = "\n".join(rule.example for rule in context.config.rules if rule.example)
    return (
        "## What I understand\n\nThe first matching rule applies.\n\n"
        + table(["rule", "when", "what happens"], rows)
        + "\n\nThings to type:\n\n"
        + fence(examples)
    )


def _program_text() -> str:
    return (
        "## Using handinger-tui\n\n"
        "- **Enter** sends, **Ctrl+J** adds a line, **F1** shows all keys, **Ctrl+P** lists all commands.\n"
        "- **Shift+Tab** changes the budget of the next turn, **Ctrl+O** shows reasoning and tool details.\n"
        "- Attach a CSV or text file with `@` or `-f PATH`. Save the files I create from the Files panel.\n"
        "- **Esc** while I work offers to stop *watching*. I keep running; the API cannot stop a run.\n"
        "- handinger-tui keeps your sessions in its data folder (`handinger-tui doctor` shows it). "
        "My own data is lost when I stop.\n\n"
        "To use the real service, set a key and restart:\n\n"
        + fence("export HANDINGER_API_KEY=hdg_live_...\nhandinger-tui")
    )


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
    await context.say(_opening_text())
    await context.compute("list_rules", {}, lambda: [rule.name for rule in context.config.rules])
    await context.say(_abilities_text(context))
    await context.say(_program_text() + "\n\n" + _money_text())


async def _answer_shortly(context: TurnContext) -> None:
    opening = "Hello!" if first_word(context.text) in GREETINGS else NOT_UNDERSTOOD
    examples = " · ".join(f"`{rule.example}`" for rule in context.config.rules if rule.example)
    await context.say(
        f"{opening} I am a local demo worker that follows a few rules. Try one of these:\n\n{examples}"
    )


# -- report on … -------------------------------------------------------------------------------
_PRIME_BLOCK = 1000
_PRIME_BLOCKS = 12

Rows = list[tuple[str, Decimal]]


class Topic(Struct, frozen=True):
    """What can be computed: one table of rows, each a label and a number."""

    words: frozenset[str]
    """Those that select it."""
    title: str
    row: str
    """Heading of the labels."""
    number: str
    """Heading of the numbers."""
    method: str
    """How the rows are computed, as a sentence."""
    rows: Callable[[], Rows]
    additive: bool
    """Whether the sum of the numbers means anything."""


def prime_counts() -> Rows:
    """Return the number of primes in each of the first blocks of a thousand numbers."""
    size = _PRIME_BLOCK * _PRIME_BLOCKS
    sieve = bytearray([1]) * size
    sieve[0:2] = b"\x00\x00"
    for number in range(2, int(size**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, size, number)))
    return [
        (f"from {start}", Decimal(sum(sieve[start : start + _PRIME_BLOCK])))
        for start in range(0, size, _PRIME_BLOCK)
    ]


TOPICS = (
    Topic(
        frozenset({"primes", "prime", "numbers"}),
        f"Primes below {_PRIME_BLOCK * _PRIME_BLOCKS:,}",
        "block",
        "primes",
        "Counted with the sieve of Eratosthenes, in blocks of a thousand.",
        prime_counts,
        additive=True,
    ),
    Topic(
        frozenset({"prices", "price", "costs", "cost", "money"}),
        "Prices of the local worker",
        "for",
        "usd",
        "The price table. The money is simulated.",
        lambda: [(price.unit, price.usd) for price in prices.PRICES],
        additive=False,
    ),
)


async def _write_report(context: TurnContext) -> None:
    topic = next((topic for topic in TOPICS if has_word(context.text, topic.words)), None)
    if topic is None:
        titles = "; ".join(f"*{topic.title}*" for topic in TOPICS)
        await context.say(f"I can only report on what I can compute: {titles}. Here is the first.")
        topic = TOPICS[0]
    rows = await context.compute("compute_table", {"topic": topic.title}, topic.rows)
    if rows is None:
        return
    await context.think(f"{len(rows)} rows computed. Next: a chart and the files.")
    report = _report(topic, rows)
    await context.say(report)
    picture = await context.write_chart("charts/chart.png", topic.title, rows)
    image = f"\n\n![{topic.title}]({picture.path})" if picture is not None else ""
    await context.write("report.md", "text/markdown", f"{report}{image}\n".encode())
    await context.write("data.csv", "text/csv", _csv_text(topic, rows).encode())
    files = context.record.workspace.files.values()
    await context.say(
        "### Files\n\n"
        + table(["file", "bytes"], [(file.path, len(file.content)) for file in files], numeric=(1,))
    )


def _report(topic: Topic, rows: Rows) -> str:
    listed = table(
        [topic.row, topic.number], [(label, number_text(value)) for label, value in rows], numeric=(1,)
    )
    closing = f"{len(rows)} rows in different units."
    if topic.additive:
        total = number_text(sum((value for _, value in rows), Decimal(0)))
        closing = f"Total: **{total}** in {len(rows)} rows."
    return f"# {topic.title}\n\n{topic.method}\n\n{listed}\n\n{closing}"


def _csv_text(topic: Topic, rows: Rows) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([topic.row, topic.number])
    writer.writerows((label, number_text(value)) for label, value in rows)
    return out.getvalue()


# -- all rules ---------------------------------------------------------------------------------
def _either(words: Sequence[str]) -> str:
    *others, last = (f"*{word}*" for word in words)
    return f"{', '.join(others)} or {last}" if others else last


def on_first_word(
    name: str, words: Sequence[str], does: str, example: str, perform: Callable[[TurnContext], Work]
) -> Rule:
    """Return a rule that applies where the first word is one of `words`."""
    when = f"the first word is {_either(words)}"
    return Rule(name, when, does, example, lambda context: first_word(context.text) in words, perform)


def on_word(
    name: str, words: Sequence[str], does: str, example: str, perform: Callable[[TurnContext], Work]
) -> Rule:
    """Return a rule that applies where the text has one of `words`."""
    when = f"the text has the word {_either(words)}"
    return Rule(name, when, does, example, lambda context: has_word(context.text, words), perform)


REPERTOIRE: tuple[Rule, ...] = (
    on_first_word(
        "fail",
        ("fail",),
        "It breaks off mid-sentence with an error; usage up to then still counts",
        "fail",
        _fail,
    ),
    Rule(
        "echo",
        "the first word is *echo*",
        "It repeats the text after *echo*",
        "echo **bold** text",
        # Not where punctuation comes before the word.
        lambda context: (
            first_word(context.text) == "echo" and context.text.lstrip().lower().startswith("echo")
        ),
        _echo,
    ),
    on_first_word(
        "long",
        ("long", "slow"),
        f"It writes that many paragraphs ({USUAL_PARAGRAPHS} by default, up to {MOST_PARAGRAPHS:,})",
        "long 12",
        _write_long,
    ),
    on_first_word(
        "silent",
        ("silent",),
        f"It says nothing for that many seconds ({USUAL_SILENCE} by default, up to {MOST_SILENCE:,})",
        "",
        _be_silent,
    ),
    FILE_SUMMARIES,
    on_word(
        "sources",
        ("sources", "source", "cite", "citations", "references"),
        "It lists well-known documents as sources without reading them",
        "sources about csv and json",
        _cite,
    ),
    on_word(
        "report",
        ("report", "file", "files", "chart"),
        "It computes primes or prices and creates report.md, data.csv and a chart",
        "report on primes",
        _write_report,
    ),
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
