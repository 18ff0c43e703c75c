"""`sources`: cites well-known documents. Nothing is fetched, and the answer says so."""

from __future__ import annotations

from handinger_tui.local.turn_context import Rule, TurnContext
from handinger_tui.local.words import mentions, words_of

POINTERS: tuple[tuple[str, str, frozenset[str]], ...] = (
    (
        "asyncio: asynchronous I/O",
        "https://docs.python.org/3/library/asyncio.html",
        frozenset({"asyncio", "async", "python"}),
    ),
    (
        "csv: CSV file reading and writing",
        "https://docs.python.org/3/library/csv.html",
        frozenset({"csv", "table", "python"}),
    ),
    (
        "json: JSON encoder and decoder",
        "https://docs.python.org/3/library/json.html",
        frozenset({"json", "python"}),
    ),
    (
        "decimal: decimal arithmetic",
        "https://docs.python.org/3/library/decimal.html",
        frozenset({"decimal", "money", "cost", "python"}),
    ),
    ("RFC 9110: HTTP Semantics", "https://www.rfc-editor.org/rfc/rfc9110", frozenset({"http", "rfc", "web"})),
    (
        "RFC 8259: The JSON Data Interchange Format",
        "https://www.rfc-editor.org/rfc/rfc8259",
        frozenset({"json", "rfc"}),
    ),
    (
        "RFC 4180: Common Format for CSV Files",
        "https://www.rfc-editor.org/rfc/rfc4180",
        frozenset({"csv", "table", "rfc"}),
    ),
    (
        "RFC 7578: multipart/form-data",
        "https://www.rfc-editor.org/rfc/rfc7578",
        frozenset({"upload", "multipart", "rfc"}),
    ),
    (
        "HTML Standard: server-sent events",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html",
        frozenset({"sse", "stream", "streaming", "web"}),
    ),
    ("CommonMark specification", "https://spec.commonmark.org/", frozenset({"markdown", "commonmark"})),
    ("PNG specification", "https://www.w3.org/TR/png/", frozenset({"png", "image", "chart"})),
)
"""Title, URL, and the words that select it."""
USUAL_COUNT = 5


async def _perform(context: TurnContext) -> None:
    words_in_text = set(words_of(context.text))
    matches = [(title, url) for title, url, words in POINTERS if words & words_in_text]
    chosen = matches or [(title, url) for title, url, _ in POINTERS[:USUAL_COUNT]]
    how = (
        "Your words called up these"
        if matches
        else "None of your words called one up, so these are the first"
    )
    for title, url in chosen:
        context.cite(title, url)
    lines = [f"{number}. [{title}]({url}) [{number}]" for number, (title, url) in enumerate(chosen, 1)]
    await context.say(
        "## Pointers, not findings\n\n"
        f"{how} {len(chosen)} of the {len(POINTERS)} addresses this program carries. "
        "I did **not** fetch or read any of them: a local worker opens no connections.\n\n" + "\n".join(lines)
    )


RULE = Rule(
    name="sources",
    when="the text has the word *sources*, *source*, *cite*, *citations* or *references*",
    does="It gives addresses of well-known documents as sources, without having fetched them",
    example="sources about csv and json",
    matches=lambda context: mentions(context.text, ("sources", "source", "cite", "citations", "references")),
    perform=_perform,
)
