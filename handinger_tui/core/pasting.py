"""Pasting: whether a pasted text is a list of files, as terminals deliver files dropped on them. Pure.

Seen: absolute paths, `~/`, `file://` addresses with percent signs; bare, within single or
double quotes, or with backslashes before odd signs; several with spaces or line ends between.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from handinger_tui.core.patterns import late

LONGEST: Final = 32_768
MOST: Final = 100

_CONTROL: Final = late("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_IN_A_PATH: Final = late("[\x00-\x1f\x7f]")
_DRIVE: Final = late(r"[A-Za-z]:[\\/]")
_BLANK: Final = " \t\r\n"
_WORD: Final = late(
    rf"""[{_BLANK}]*(?P<word>
        (?:'[^']*' | "(?:[^"\\]|\\.)*" | \\. | [^{_BLANK}'"\\])+
    )(?=[{_BLANK}]|$)""",
    re.VERBOSE | re.DOTALL,
)
"""No other blank parts words in a shell: macOS names its screenshots with one, and escapes none of it."""
_ON_WINDOWS: Final = late(r"""["']([^"']+)["']|([^\s"']+)""")
_PIECE: Final = late(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^'"\\]+)""", re.DOTALL)
_IN_QUOTES: Final = late(r'\\(["\\$`])')


def pasted_paths(text: str) -> tuple[str, ...]:
    """The paths that a pasted text may be; () when it surely is something else.

    It is for the caller to look whether all of them are there: "/costs now" could be two
    files. `~/` is left as it is.
    """
    text = text.strip(_BLANK)
    if not text or len(text) > LONGEST or _CONTROL.search(text):
        return ()
    lines = (line.strip(_BLANK) for line in re.split(r"\r\n|\r|\n", text))
    by_line = [_unquoted_line(line) for line in lines if line]
    words = _words(text)
    found = [_path(word) for word in words] if words else []
    if not found or None in found:
        # Names with bare spaces, one a line.
        found = [_path(line) for line in by_line]
    paths = [path for path in found if path is not None]
    return tuple(paths) if len(paths) == len(found) <= MOST else ()


def named_paths(text: str) -> tuple[str, ...]:
    """The paths typed behind a command: one, bare spaces included, unless there are quotes or escapes."""
    text = text.strip()
    words = _words(text) if re.search(r"""["'\\]""", text) else []
    return tuple(words or [text]) if text else ()


def _words(text: str) -> list[str]:
    """The words as a shell would split them; [] when quotes do not close, or for a bare path of Windows."""
    if _DRIVE.match(text.lstrip("\"'")):
        # Backslashes are no escapes there, and only names with spaces come in quotes.
        words = [found[1] or found[2] for found in _ON_WINDOWS.finditer(text)]
        return words if all(map(_DRIVE.match, words)) else []
    words = []
    at = 0
    while at < len(text.rstrip()):
        found = _WORD.match(text, at)
        if found is None:
            return []
        words.append("".join(map(_meant, _PIECE.finditer(found["word"]))))
        at = found.end()
    return words


def _meant(piece: re.Match[str]) -> str:
    single, double, escaped, bare = piece.groups()
    if double is not None:
        return _IN_QUOTES.sub(r"\1", double)
    return next(part for part in (single, escaped, bare) if part is not None)


def _unquoted_line(line: str) -> str:
    if len(line) > 2 and line[0] == line[-1] and line[0] in "\"'":
        return line[1:-1]
    return line


def _path(word: str) -> str | None:
    if word[:6].lower() == "file:/":
        # The short form, without a place for a host, is one too (RFC 8089).
        word = word if word[5:7] == "//" else f"file://{word[5:]}"
        try:
            address = urlsplit(word)
        except ValueError:
            return None
        # Signs after ? and # belong to the name: who made this address did not escape them.
        told = word[7 + len(address.netloc) :]
        path = unquote(told, errors="surrogateescape") if address.netloc in ("", "localhost") else ""
        path = path[1:] if _DRIVE.match(path[1:]) else path
    else:
        path = word
    rooted = path.startswith(("/", "~/")) or _DRIVE.match(path)
    return path if rooted and not _NOT_IN_A_PATH.search(path) and len(path) <= 4096 else None
