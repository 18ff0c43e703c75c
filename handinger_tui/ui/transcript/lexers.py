"""Lexers: what colours a language is loaded when its first block is shown, and not before.

The library takes 30 ms and 1 MB, a language 3 to 25 ms and half a megabyte: whoever
must not be held up by that loads it in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
