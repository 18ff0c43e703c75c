"""Inline Markdown: emphasis, code, links and images as one `Content`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from textual.content import Content, Span
from textual.style import Style

from handinger_tui.core.safety import Verdict, clean, judge_link
from handinger_tui.ui.transcript.painting import pieces
from handinger_tui.ui.transcript.row import BOLD, EMPTY, ITALIC, PREFIX, STRIKE, link_style

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

PICTURE: Final = "▣"
_PLAIN: Final = re.compile(r"[\w ,;()%$+=\"'/-]*", re.ASCII)
"""Text that cannot contain Markdown (a URL needs a dot, a colon or an at sign)."""

_SOFT: Final = re.compile(r"(?<![ \\])\n[ \t]*")
"""A line end that equals a space; after a space or a backslash it may be a hard break."""

LIMIT: Final = 2_000
"""Maximum number of characters parsed at once: parsing is quadratic in the worst case (many open brackets).
"""

References = dict[str, object]


def new_parser() -> MarkdownIt:
    """Return a parser of Markdown. HTML is disabled and shown as text."""
    from markdown_it import MarkdownIt  # noqa: PLC0415  # 40 ms: not before the first answer

    parser = MarkdownIt("gfm-like", {"html": False})
    if parser.linkify is not None:
        # Otherwise every "setup.py" and "README.md" becomes a link: both end like a country domain.
        parser.linkify.set({"fuzzy_link": False})
    return parser


@lru_cache(1)
def _parser() -> MarkdownIt:
    return new_parser()


def inline(text: str, references: References | None = None) -> Content:
    """Convert inline Markdown to content."""
    text = _SOFT.sub(" ", text)
    if len(text) > LIMIT:
        return EMPTY.join(inline(piece, references) for piece in pieces(text, LIMIT))
    if _PLAIN.fullmatch(text):
        return Content(text)
    if references:
        return _Writer().write(_parse(text, references))
    return _cached(text)


@lru_cache(512)
def _cached(text: str) -> Content:
    return _Writer().write(_parse(text, {}))


def _parse(text: str, references: References) -> list[Token]:
    tokens = _parser().parseInline(text, {"references": dict(references)})
    return [child for token in tokens for child in token.children or ()]


class _Writer:
    """Builds content in one pass over inline tokens; opening and closing tokens delimit its spans."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.at = 0
        self.spans: list[Span] = []
        self.open: list[tuple[str, int, str]] = []

    def write(self, tokens: list[Token]) -> Content:
        for token in tokens:
            self._token(token)
        while self.open:
            self._close()
        return Content("".join(self.pieces), self.spans)

    def _text(self, text: str) -> None:
        # markdown-it decodes entities and percent escapes, so its output must be cleaned.
        text = clean(text).replace("\n", " ").replace("\t", " ")
        self.pieces.append(text)
        self.at += len(text)

    def _token(self, token: Token) -> None:
        if token.type == "text":
            self._text(token.content)
        elif token.type == "softbreak":
            self._text(" ")
        elif token.type == "hardbreak":
            self.pieces.append("\n")
            self.at += 1
        elif token.type == "code_inline":
            self._styled(token.content, "code-span")
        elif token.type == "image":
            self._image(token)
        elif token.nesting == 1:
            self.open.append((token.type, self.at, str(token.attrs.get("href", ""))))
        elif token.nesting == -1:
            self._close()
        else:
            self._text(token.content)

    def _styled(self, text: str, name: str, *more: Style) -> None:
        start = self.at
        self._text(text)
        self.spans.append(Span(start, self.at, "." + PREFIX + name))
        self.spans += [Span(start, self.at, style) for style in more]

    def _close(self) -> None:
        if not self.open:
            return
        kind, start, href = self.open.pop()
        if kind == "link_open":
            self._link(start, href)
            return
        style = {"strong_open": BOLD, "em_open": ITALIC, "s_open": STRIKE}.get(kind)
        if style is not None and self.at > start:
            self.spans.append(Span(start, self.at, style))

    def _link(self, start: int, href: str) -> None:
        if self.at == start:
            self._text(href)
        link_text = "".join(self.pieces)[start:]
        self._mark_link(start, href, link_text)

    def _mark_link(self, start: int, href: str, link_text: str) -> None:
        """Turn the text since `start` into a link. If the link needs attention, its host is appended."""
        self.spans.append(Span(start, self.at, "." + PREFIX + "link"))
        self.spans.append(Span(start, self.at, link_style(href, link_text)))
        link = judge_link(href, link_text)
        if link.verdict is Verdict.ASK and link.host and link.host not in link_text.lower():
            self._styled(f" ({link.host})", "faint")
        elif link.verdict is Verdict.ASK and link.host:
            self._styled(f" (leads to {link.host})", "faint")

    def _image(self, token: Token) -> None:
        """Write the alternative text after a picture sign. Images are never fetched."""
        source = str(token.attrs.get("src", ""))
        name = token.content or judge_link(source).host or "picture"
        start = self.at
        self._text(f"{PICTURE} {name}")
        if source:
            self._mark_link(start, source, name)
        else:
            self.spans.append(Span(start, self.at, "." + PREFIX + "link"))
