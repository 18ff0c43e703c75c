"""Files that a typed or pasted text names, and pasted texts too long to show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from handinger_tui.core.patterns import late
from handinger_tui.core.record import dataclass

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


_TOKEN: Final = late(
    r"""(?<![^\s(\[{<'",;:])        # at the start of a word: after @, an address goes on
        (?:(?P<escaped>\\@)
          |@"(?P<quoted>(?:[^"\\\n]|\\.)+)(?P<end>"?)
          |@(?P<bare>(?:[^\s"\\]|\\[^\n])+))""",
    re.VERBOSE,
)
_ESCAPED: Final = late(r"\\(.)", re.DOTALL)
_SURE: Final = late(r"(?:~|\.{1,2})?/|.*\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,5}$", re.DOTALL)
"""Texts that can hardly be meant as anything but a file: a rooted path, or an extension at the end."""
_CLOSING: Final = {")": "(", "]": "[", "}": "{", ">": "<"}


@dataclass(frozen=True, slots=True)
class MentionedFile:
    """A prompt whose tokens became plain file names, so that it still reads, and the paths they named."""

    text: str
    paths: tuple[str, ...]
    """As typed, unescaped; each once, in the order of the text."""


def mentioned(prompt: str, is_file: Callable[[str], bool] | None = None) -> MentionedFile:
    """The files that a prompt names with `@`.

    With `is_file`, a token that need not be a path (`@alice`, `@types/node`) is one only
    if there is such a file; rooted paths, quoted ones and names with an extension are
    files in any case, so that a mistyped one is not silently left out.
    """
    paths: dict[str, None] = {}

    def plain(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "@"
        if found["quoted"] and not found["end"]:
            return found.group()
        path, rest = _path_of(found)
        if not path or not (found["quoted"] or is_file is None or _SURE.match(path) or is_file(path)):
            return found.group()
        paths[path] = None
        return base_name(path) + rest

    return MentionedFile(_TOKEN.sub(plain, prompt), tuple(paths))


def _path_of(found: re.Match[str]) -> tuple[str, str]:
    """The path, and the end of the sentence that sticks to it."""
    if found["quoted"]:
        return _ESCAPED.sub(r"\1", found["quoted"]), ""
    path = found["bare"]
    while path and _sticks(path):
        path = path[:-1]
    # Dots alone are "…", not the folder above.
    path = "" if not path.strip(".") else path
    return _ESCAPED.sub(r"\1", path), found["bare"][len(path) :]


def _sticks(path: str) -> bool:
    """Whether the last sign belongs to the sentence rather than to the path."""
    last = path[-1]
    if path.endswith(f"\\{last}"):
        return False
    if last in _CLOSING:
        return path.count(last) > path.count(_CLOSING[last])
    return last in ".,;:!?'"


def base_name(path: str) -> str:
    """The last step of a path."""
    return path.rstrip("/").rpartition("/")[2] or path


# -- completion ----------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Typing:
    """A token under the cursor: `prompt[start:end]`, the `@` included. `path` is what it says so far."""

    start: int
    end: int
    path: str

    @property
    def folder(self) -> str:
        """The folder to list: with its slash, "" for the current one."""
        head, slash, _ = self.path.rpartition("/")
        return head + slash

    @property
    def prefix(self) -> str:
        """How the names in it have to begin."""
        return self.path.rpartition("/")[2]

    @property
    def hidden(self) -> bool:
        """Whether hidden files are asked for."""
        return self.prefix.startswith(".")


def typing_at(prompt: str, cursor: int) -> Typing | None:
    """The token that ends at the cursor, None when there is none; a lone `@` counts here."""
    if cursor and prompt[cursor - 1] == "@" and _TOKEN.match(f"{prompt[:cursor]}x", cursor - 1):
        return Typing(cursor - 1, cursor, "")
    if prompt[:cursor].endswith('@"') and _TOKEN.match(f"{prompt[:cursor]}x", cursor - 2):
        return Typing(cursor - 2, cursor, "")
    for found in _TOKEN.finditer(prompt[:cursor]):
        if found.end() == cursor and not found["escaped"] and not found["end"]:
            text = found["quoted"] or found["bare"]
            return Typing(found.start(), cursor, _ESCAPED.sub(r"\1", text))
    return None


def complete(path: str, entries: Iterable[str]) -> tuple[str, ...]:
    """The paths that `path` may become, from the names in its folder; folders end with `/`.

    Names that begin as typed come first, then those that differ in case only.
    """
    head, slash, prefix = path.rpartition("/")
    folded = prefix.casefold()
    matching = [name for name in entries if name.casefold().startswith(folded)]
    matching.sort(key=lambda name: not name.startswith(prefix))
    return tuple(f"{head}{slash}{name}" for name in matching)


def as_token(path: str) -> str:
    """How a path is written in a prompt; a folder in quotes stays open, to be gone on with."""
    bare = _TOKEN.fullmatch(f"@{path}")
    if bare is not None and bare["bare"] and _path_of(bare) == (path, ""):
        return f"@{path}"
    quoted = re.sub(r'(["\\])', r"\\\1", path)
    return f'@"{quoted}' + ("" if path.endswith("/") else '"')


# -- pasted texts ------------------------------------------------------------------------------
BIG_CHARACTERS: Final = 2_000
BIG_LINES: Final = 20
_CHIP: Final = late(r"\[pasted text ([0-9]{1,6}): [0-9,]{1,20} characters\]")


def is_big(text: str) -> bool:
    """Whether a pasted text is folded: it would push everything else out of sight."""
    return len(text) > BIG_CHARACTERS or text.count("\n") >= BIG_LINES


def fold(text: str, number: int) -> str:
    """The chip that stands for the pasted text `number`, from 1."""
    return f"[pasted text {number}: {len(text):,} characters]"


def unfold(prompt: str, pasted: Sequence[str]) -> str:
    """The prompt with every chip replaced by its text; `pasted[0]` is number 1.

    What only looks like a chip stays, and chips within a pasted text do too.
    """

    def whole(found: re.Match[str]) -> str:
        number = int(found[1])
        if not 1 <= number <= len(pasted) or found.group() != fold(pasted[number - 1], number):
            return found.group()
        return pasted[number - 1]

    return _CHIP.sub(whole, prompt)


def composed(
    prompt: str, pasted: Sequence[str], is_file: Callable[[str], bool] | None = None
) -> MentionedFile:
    """What is sent: `mentioned`, then `unfold`, for an `@` in a pasted text is no file."""
    named = mentioned(prompt, is_file)
    return MentionedFile(unfold(named.text, pasted), named.paths)


@dataclass(frozen=True, slots=True)
class PastedText:
    """A chip in a prompt: `prompt[start:end]` stands for the pasted text `number`."""

    start: int
    end: int
    number: int


def folds_in(prompt: str, pasted: Sequence[str]) -> tuple[PastedText, ...]:
    """The chips of a prompt that stand for a text, in order."""
    if not pasted or "[pasted text " not in prompt:
        return ()
    found = (PastedText(*chip.span(), int(chip[1])) for chip in _CHIP.finditer(prompt))
    return tuple(
        one
        for one in found
        if 1 <= one.number <= len(pasted)
        and prompt[one.start : one.end] == fold(pasted[one.number - 1], one.number)
    )


def renumbered(prompt: str, pasted: Sequence[str], number: Callable[[int], int]) -> str:
    """The prompt with `number(n)` in the chip of the pasted text n."""
    pieces, at = [], 0
    for one in folds_in(prompt, pasted):
        pieces += [prompt[at : one.start], fold(pasted[one.number - 1], number(one.number))]
        at = one.end
    return "".join([*pieces, prompt[at:]])


def refolded(prompt: str, pasted: Sequence[str]) -> str:
    """The prompt with chips for the pasted texts that stand in it, as when they came."""
    for number, text in enumerate(pasted, 1):
        prompt = prompt.replace(text, fold(text, number)) if is_big(text) else prompt
    return prompt


def without(prompt: str, path: str) -> str:
    """The prompt in which the tokens for `path` are plain names."""

    def plain(found: re.Match[str]) -> str:
        if found["escaped"] or (found["quoted"] and not found["end"]):
            return found.group()
        named, rest = _path_of(found)
        return base_name(path) + rest if named == path else found.group()

    return _TOKEN.sub(plain, prompt)
