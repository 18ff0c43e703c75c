"""Code blocks: highlighted once complete, plain while they are streamed or when they are huge."""

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


def is_lexer_loaded(language: str) -> bool:
    """Whether `lexer_of` returns at once for this language."""
    return language in _loaded


def load_lexer(language: str) -> None:
    """Load the lexer, so that `lexer_of` returns at once. Any thread may call this."""
    lexer_of(language)


def lexer_of(language: str) -> Lexer:
    """Return the lexer of a language, or a plain text lexer for an unknown one."""
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415 - loaded with the first code block
    from pygments.util import ClassNotFound  # noqa: PLC0415 - loaded with the first code block

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=True, tabsize=8)
    except ClassNotFound:
        lexer = get_lexer_by_name("text", stripnl=False, ensurenl=True, tabsize=8)
    # Recorded here, so that a language loaded by any caller counts as loaded.
    _loaded.add(language)
    return lexer


MAX_HIGHLIGHTED: Final = 40_000
"""Characters above which a block stays plain: highlighting more would block the screen (0.1 s)."""
AT_ONCE: Final = 6_000
"""Characters (10 ms) above which a block of an answer is highlighted in steps after it is shown."""
STEP: Final = 500
"""Tokens highlighted in one step."""
KEPT: Final = 64
"""Maximum number of blocks whose highlighted lines are cached."""
MAX_LINE: Final = 2_000
"""Maximum line length in characters. A longer line is data, not code, and can make a lexer slow."""

_STYLES: Final = {
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
    """Return the lines of code without highlighting."""
    return [Content(line.expandtabs(4)) for line in text.split("\n")]


def highlighted_lines(text: str, language: str, *, defer_highlight: bool = False) -> Sequence[Content]:
    """Return the lines of code, highlighted if the language is known and the block is not huge.

    With `defer_highlight` a block for which `is_deferred` holds stays plain until its `highlight_steps`
    have been run.
    """
    if not can_highlight(text, language) or (defer_highlight and is_deferred(text, language)):
        return plain_lines(text)
    cached = _highlighted.get((text, language))
    return highlight_code(text, language) if cached is None else cached


def can_highlight(text: str, language: str) -> bool:
    """Whether the block can be highlighted: it names a language and is not huge."""
    return bool(language) and len(text) <= MAX_HIGHLIGHTED and max(map(len, text.split("\n"))) <= MAX_LINE


def highlight_code(text: str, language: str) -> Sequence[Content]:
    """Highlight a block in one go."""
    for _step in highlight_steps(text, language):
        pass
    return _highlighted[text, language]


def highlight_steps(text: str, language: str) -> Iterator[None]:
    """Highlight a block in steps of about 5 ms and cache the result for `highlighted_lines`."""
    if (text, language) in _highlighted:
        return
    plain = text.expandtabs(4)
    lines = plain.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    spans: list[list[Span]] = [[] for _ in lines]
    for count, span in enumerate(_spans(plain, language), 1):
        if span is not None:
            for number in range(bisect_right(starts, span.start) - 1, len(lines)):
                if starts[number] >= span.end:
                    break
                start, end = span.start - starts[number], span.end - starts[number]
                spans[number].append(Span(max(0, start), min(len(lines[number]), end), span.style))
        if count % STEP == 0:
            yield
    _highlighted[text, language] = [Content(line, marks) for line, marks in zip(lines, spans, strict=True)]
    if len(_highlighted) > KEPT:
        _highlighted.popitem(last=False)


_highlighted: Final[OrderedDict[tuple[str, str], Sequence[Content]]] = OrderedDict()


def _spans(code: str, language: str) -> Iterator[Span | None]:
    """Yield a span for each token that has a color, None for each other one."""
    lexer = lexer_of(language)
    at = 0
    for kind, token in lexer.get_tokens("\n".join(code.splitlines())):
        name = _name_of(kind)
        yield Span(at, at + len(token), "." + PREFIX + name) if name is not None else None
        at += len(token)


@lru_cache(512)
def _name_of(kind: tuple[str, ...]) -> str | None:
    """Return the style name of a token type: its own, or that of its nearest parent type."""
    kinds = (kind[:size] for size in range(len(kind), 0, -1))
    return next((_STYLES[one] for one in kinds if one in _STYLES), None)


def code_rows(text: str, name: str, lines: Sequence[Content], deferred_language: str = "") -> list[Row]:
    """Return the rows of a code block: a line with the language, then the code, on a background band."""
    return [code_head(name, (text, len(lines) + 1), deferred_language), *map(code_row, lines)]


def code_head(name: str, code: tuple[str, int] | None = None, deferred_language: str = "") -> Row:
    """Return the first row of a code block, which names the language."""
    return Row(
        styled(name or "text", "code-name"),
        "code",
        band=True,
        wide=True,
        code=code,
        deferred_language=deferred_language,
    )


def is_deferred(text: str, language: str) -> bool:
    """Whether highlighting is deferred: the block is long, or the lexer of its language is not loaded yet."""
    long = len(text) > AT_ONCE or not is_lexer_loaded(language)
    return long and (text, language) not in _highlighted and can_highlight(text, language)


def code_row(line: Content) -> Row:
    """Return the row of one line of a code block."""
    return Row(line, "code", wrap=False, band=True, wide=True)
