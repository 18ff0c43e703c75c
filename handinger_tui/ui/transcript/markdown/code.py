"""Code blocks: colored once they are complete, plain while they grow or when they are huge."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from textual.content import Content, Span

from handinger_tui.ui.transcript.rows.row import PREFIX, Row, styled

if TYPE_CHECKING:
    from pygments.lexer import Lexer


_loaded: Final[set[str]] = set()


def loaded(language: str) -> bool:
    """`lexer_of` answers at once."""
    return language in _loaded


def load(language: str) -> None:
    """Make `lexer_of` answer at once; any thread may."""
    lexer_of(language)


def lexer_of(language: str) -> Lexer:
    """The language's lexer, or one that finds nothing."""
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415 - as said above
    from pygments.util import ClassNotFound  # noqa: PLC0415 - as said above

    try:
        found = get_lexer_by_name(language, stripnl=False, ensurenl=True, tabsize=8)
    except ClassNotFound:
        found = get_lexer_by_name("text", stripnl=False, ensurenl=True, tabsize=8)
    # However it came: what a preview or a card loaded is not waited for again.
    _loaded.add(language)
    return found


MAX_COLOURED: Final = 40_000
"""Characters above which a block stays plain: colouring more would hold up the screen (0.1 s)."""
AT_ONCE: Final = 6_000
"""Characters above which a block of an answer is coloured in steps, after it is shown: 10 ms."""
STEP: Final = 500
"""Tokens in one step."""
KEPT: Final = 64
"""Blocks whose colours are remembered."""
MAX_LINE: Final = 2_000
"""A longer line is data, not code, and can make a lexer slow."""

_COLOURS: Final = {
    ("Keyword",): "code-key",
    ("Operator", "Word"): "code-key",
    ("Name", "Tag"): "code-key",
    ("Name", "Builtin"): "code-function",
    ("Name", "Function"): "code-function",
    ("Name", "Class"): "code-function",
    ("Name", "Decorator"): "code-function",
    ("Name", "Attribute"): "code-function",
    ("Literal", "String"): "code-string",
    ("Literal", "Number"): "code-number",
    ("Comment",): "code-comment",
    ("Generic", "Deleted"): "bad",
    ("Generic", "Inserted"): "good",
    ("Generic", "Heading"): "code-key",
    ("Generic", "Subheading"): "code-key",
}


def plain_lines(text: str) -> list[Content]:
    """Lines of code without colours."""
    return [Content(line.expandtabs(4)) for line in text.split("\n")]


def coloured_lines(text: str, language: str, *, later: bool = False) -> Sequence[Content]:
    """Lines of code, coloured where the language is known and the block is not huge.

    With `later` a block that `waits` is plain until somebody has gone through its `colouring`.
    """
    if not colourable(text, language) or (later and waits(text, language)):
        return plain_lines(text)
    found = _known.get((text, language))
    return colours(text, language) if found is None else found


def colourable(text: str, language: str) -> bool:
    """The block has colours."""
    return bool(language) and len(text) <= MAX_COLOURED and max(map(len, text.split("\n"))) <= MAX_LINE


def colours(text: str, language: str) -> Sequence[Content]:
    """All of `colouring` in one go."""
    for _step in colouring(text, language):
        pass
    return _known[text, language]


def colouring(text: str, language: str) -> Iterator[None]:
    """Make a block's colours in steps of about 5 ms; then `coloured_lines` has them."""
    if (text, language) in _known:
        return
    plain = text.expandtabs(4)
    lines = plain.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    found: list[list[Span]] = [[] for _ in lines]
    for count, span in enumerate(_spans(plain, language), 1):
        if span is not None:
            for number in range(bisect_right(starts, span.start) - 1, len(lines)):
                if starts[number] >= span.end:
                    break
                start, end = span.start - starts[number], span.end - starts[number]
                found[number].append(Span(max(0, start), min(len(lines[number]), end), span.style))
        if count % STEP == 0:
            yield
    _known[text, language] = [Content(line, marks) for line, marks in zip(lines, found, strict=True)]
    if len(_known) > KEPT:
        _known.popitem(last=False)


_known: Final[OrderedDict[tuple[str, str], Sequence[Content]]] = OrderedDict()


def _spans(code: str, language: str) -> Iterator[Span | None]:
    """A span for each token that has a colour, None for each other one."""
    lexer = lexer_of(language)
    at = 0
    for kind, token in lexer.get_tokens("\n".join(code.splitlines())):
        name = _name_of(kind)
        yield Span(at, at + len(token), "." + PREFIX + name) if name is not None else None
        at += len(token)


@lru_cache(512)
def _name_of(kind: tuple[str, ...]) -> str | None:
    """The style of a kind of token: its own, or that of the kind it belongs to."""
    kinds = (kind[:size] for size in range(len(kind), 0, -1))
    return next((_COLOURS[one] for one in kinds if one in _COLOURS), None)


def code_rows(text: str, name: str, lines: Sequence[Content], later: str = "") -> list[Row]:
    """A code block: a line that names the language, then the code, on a band of its own."""
    return [code_head(name, (text, len(lines) + 1), later), *map(code_row, lines)]


def code_head(name: str, code: tuple[str, int] | None = None, later: str = "") -> Row:
    """The line that names the language."""
    return Row(styled(name or "text", "code-name"), "code", band=True, wide=True, code=code, later=later)


def waits(text: str, language: str) -> bool:
    """With `later`, `coloured_lines` gives plain ones for now: it is long, or the first of its language."""
    long = len(text) > AT_ONCE or not loaded(language)
    return long and (text, language) not in _known and colourable(text, language)


def code_row(line: Content) -> Row:
    """One line of a code block."""
    return Row(line, "code", wrap=False, band=True, wide=True)
