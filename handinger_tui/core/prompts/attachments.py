"""Files that a typed or pasted text names, and pasted texts that are too long to show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

MAX_PASTED: Final = 32_768
"""Characters of a pasted text up to which it may be a list of paths."""
MAX_PATHS: Final = 100
"""Paths in one pasted text."""

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NOT_IN_A_PATH: Final = re.compile("[\x00-\x1f\x7f]")
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_BLANK: Final = " \t\r\n"
_WORD: Final = re.compile(
    rf"""[{_BLANK}]*(?P<word>
        (?:'[^']*' | "(?:[^"\\]|\\.)*" | \\. | [^{_BLANK}'"\\])+
    )(?=[{_BLANK}]|$)""",
    re.VERBOSE | re.DOTALL,
)
"""One shell word. Only `_BLANK` separates words: names of macOS screenshots hold other spaces."""
_WINDOWS_WORD: Final = re.compile(r"""["']([^"']+)["']|([^\s"']+)""")
_WORD_PIECE: Final = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^'"\\]+)""", re.DOTALL)
_ESCAPE_IN_QUOTES: Final = re.compile(r'\\(["\\$`])')


def pasted_paths(text: str) -> tuple[str, ...]:
    """The paths that a pasted text may consist of; () when it is certainly something else.

    The caller must check that all of them exist: "/costs now" could be two files.
    `~/` is not expanded.
    """
    text = text.strip(_BLANK)
    if not text or len(text) > MAX_PASTED or _CONTROL.search(text):
        return ()
    lines = (line.strip(_BLANK) for line in re.split(r"\r\n|\r|\n", text))
    unquoted_lines = [_unquoted_line(line) for line in lines if line]
    words = _words(text)
    candidates = [_absolute_path(word) for word in words] if words else []
    if not candidates or None in candidates:
        # Perhaps one path per line, with unquoted spaces.
        candidates = [_absolute_path(line) for line in unquoted_lines]
    paths = [path for path in candidates if path is not None]
    return tuple(paths) if len(paths) == len(candidates) <= MAX_PATHS else ()


def named_paths(text: str) -> tuple[str, ...]:
    """The paths typed after a command: one path, spaces included, unless there are quotes or escapes."""
    text = text.strip()
    words = _words(text) if re.search(r"""["'\\]""", text) else []
    return tuple(words or [text]) if text else ()


def _words(text: str) -> list[str]:
    """The words as a shell splits them; [] when quotes do not close, or for an unquoted Windows path."""
    if _DRIVE.match(text.lstrip("\"'")):
        # On Windows a backslash is no escape, and only names with spaces are quoted.
        words = [match[1] or match[2] for match in _WINDOWS_WORD.finditer(text)]
        return words if all(map(_DRIVE.match, words)) else []
    words = []
    at = 0
    while at < len(text.rstrip()):
        match = _WORD.match(text, at)
        if match is None:
            return []
        words.append("".join(map(_unescaped, _WORD_PIECE.finditer(match["word"]))))
        at = match.end()
    return words


def _unescaped(piece: re.Match[str]) -> str:
    single, double, escaped, bare = piece.groups()
    if double is not None:
        return _ESCAPE_IN_QUOTES.sub(r"\1", double)
    return next(part for part in (single, escaped, bare) if part is not None)


def _unquoted_line(line: str) -> str:
    if len(line) > 2 and line[0] == line[-1] and line[0] in "\"'":
        return line[1:-1]
    return line


def _absolute_path(word: str) -> str | None:
    if word[:6].lower() == "file:/":
        # RFC 8089 also allows the short form without a host.
        word = word if word[5:7] == "//" else f"file://{word[5:]}"
        try:
            url = urlsplit(word)
        except ValueError:
            return None
        # Text after ? and # belongs to the name: the program that made this URL did not escape them.
        raw_path = word[7 + len(url.netloc) :]
        path = unquote(raw_path, errors="surrogateescape") if url.netloc in ("", "localhost") else ""
        path = path[1:] if _DRIVE.match(path[1:]) else path
    else:
        path = word
    is_rooted = path.startswith(("/", "~/")) or _DRIVE.match(path)
    return path if is_rooted and not _NOT_IN_A_PATH.search(path) and len(path) <= 4096 else None


_TOKEN: Final = re.compile(
    r"""(?<![^\s(\[{<'",;:])        # only at the start of a word: an e-mail address has a word before @
        (?:(?P<escaped>\\@)
          |@"(?P<quoted>(?:[^"\\\n]|\\.)+)(?P<end>"?)
          |@(?P<bare>(?:[^\s"\\]|\\[^\n])+))""",
    re.VERBOSE,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_LOOKS_LIKE_FILE: Final = re.compile(r"(?:~|\.{1,2})?/|.*\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,5}$", re.DOTALL)
"""Texts that are almost certainly a file: a rooted path, or a name with an extension."""
_CLOSING: Final = {")": "(", "]": "[", "}": "{", ">": "<"}


class MentionedFile(Struct, frozen=True):
    """A prompt in which `@` tokens are replaced by plain file names, and the paths of those tokens."""

    text: str
    paths: tuple[str, ...]
    """As typed, without escapes; each once, in the order of the text."""


def mentioned(prompt: str, is_file: Callable[[str], bool] | None = None) -> MentionedFile:
    """The files that a prompt names with `@`.

    With `is_file`, a token that may be something else (`@alice`, `@types/node`) counts only
    if such a file exists. Rooted paths, quoted paths and names with an extension always
    count, so that a mistyped file is not silently left out.
    """
    paths: dict[str, None] = {}

    def replace_token(token: re.Match[str]) -> str:
        if token["escaped"]:
            return "@"
        path, suffix = _path_of(token)
        if not path or not (
            token["quoted"] or is_file is None or _LOOKS_LIKE_FILE.match(path) or is_file(path)
        ):
            return token.group()
        paths[path] = None
        return base_name(path) + suffix

    return MentionedFile(_TOKEN.sub(replace_token, prompt), tuple(paths))


def _path_of(token: re.Match[str]) -> tuple[str, str]:
    """Split a token into its path and trailing punctuation of the sentence; no path while quotes are open."""
    if token["quoted"] and not token["end"]:
        return "", ""
    if token["quoted"]:
        return _ESCAPED.sub(r"\1", token["quoted"]), ""
    path = token["bare"]
    while path and _ends_in_punctuation(path):
        path = path[:-1]
    # Dots alone are an ellipsis, not the parent folder.
    path = "" if not path.strip(".") else path
    return _ESCAPED.sub(r"\1", path), token["bare"][len(path) :]


def _ends_in_punctuation(path: str) -> bool:
    """Whether the last character belongs to the sentence rather than to the path."""
    last = path[-1]
    if path.endswith(f"\\{last}"):
        return False
    if last in _CLOSING:
        return path.count(last) > path.count(_CLOSING[last])
    return last in ".,;:!?'"


def base_name(path: str) -> str:
    """The last component of a path."""
    return path.rstrip("/").rpartition("/")[2] or path


# -- completion ----------------------------------------------------------------------------
class Typing(Struct, frozen=True):
    """An unfinished token: `prompt[start:end]`, with the `@`. `path` is the path typed so far."""

    start: int
    end: int
    path: str

    @property
    def folder(self) -> str:
        """The folder to list, with its slash; "" for the current folder."""
        head, slash, _ = self.path.rpartition("/")
        return head + slash

    @property
    def prefix(self) -> str:
        """The prefix of the names to list."""
        return self.path.rpartition("/")[2]

    @property
    def hidden(self) -> bool:
        """Whether hidden files are to be listed."""
        return self.prefix.startswith(".")


def typing_at(prompt: str, cursor: int) -> Typing | None:
    """The token that ends at the cursor, or None. A lone `@` counts as a token here."""
    if cursor and prompt[cursor - 1] == "@" and _TOKEN.match(f"{prompt[:cursor]}x", cursor - 1):
        return Typing(cursor - 1, cursor, "")
    if prompt[:cursor].endswith('@"') and _TOKEN.match(f"{prompt[:cursor]}x", cursor - 2):
        return Typing(cursor - 2, cursor, "")
    for token in _TOKEN.finditer(prompt[:cursor]):
        if token.end() == cursor and not token["escaped"] and not token["end"]:
            text = token["quoted"] or token["bare"]
            return Typing(token.start(), cursor, _ESCAPED.sub(r"\1", text))
    return None


def complete(path: str, entries: Iterable[str]) -> tuple[str, ...]:
    """The completions of `path` from the names in its folder; folders end with `/`.

    Names that match in case come first, then those that differ only in case.
    """
    head, slash, prefix = path.rpartition("/")
    folded = prefix.casefold()
    matching = [name for name in entries if name.casefold().startswith(folded)]
    matching.sort(key=lambda name: not name.startswith(prefix))
    return tuple(f"{head}{slash}{name}" for name in matching)


def as_token(path: str) -> str:
    """The token for a path. The quotes of a folder stay open, so that its path can be extended."""
    bare = _TOKEN.fullmatch(f"@{path}")
    if bare is not None and bare["bare"] and _path_of(bare) == (path, ""):
        return f"@{path}"
    quoted = re.sub(r'(["\\])', r"\\\1", path)
    return f'@"{quoted}' + ("" if path.endswith("/") else '"')


# -- pasted texts ------------------------------------------------------------------------------
BIG_CHARACTERS: Final = 2_000
BIG_LINES: Final = 20
_CHIP: Final = re.compile(r"\[pasted text ([0-9]{1,6}): [0-9,]{1,20} characters\]")


def is_big(text: str) -> bool:
    """Whether a pasted text is folded into a chip, since it would fill the prompt box."""
    return len(text) > BIG_CHARACTERS or text.count("\n") >= BIG_LINES


def fold(text: str, number: int) -> str:
    """The chip that stands for the pasted text `number` (counted from 1)."""
    return f"[pasted text {number}: {len(text):,} characters]"


def unfold(prompt: str, pasted: Sequence[str]) -> str:
    """The prompt with every chip replaced by its text; `pasted[0]` is number 1.

    Text that only looks like a chip stays, and so do chips inside a pasted text.
    """
    return _with_chips(prompt, pasted, lambda number: pasted[number - 1])


def _with_chips(prompt: str, pasted: Sequence[str], replacement: Callable[[int], str]) -> str:
    """The prompt with `replacement(n)` for the chip of the pasted text n."""
    pieces, at = [], 0
    for chip in folds_in(prompt, pasted):
        pieces += [prompt[at : chip.start], replacement(chip.number)]
        at = chip.end
    return "".join([*pieces, prompt[at:]])


def composed(
    prompt: str, pasted: Sequence[str], is_file: Callable[[str], bool] | None = None
) -> MentionedFile:
    """The text to send: `mentioned`, then `unfold`, so that an `@` in a pasted text names no file."""
    mentions = mentioned(prompt, is_file)
    return MentionedFile(unfold(mentions.text, pasted), mentions.paths)


class PastedText(Struct, frozen=True):
    """A chip in a prompt: `prompt[start:end]` stands for the pasted text `number`."""

    start: int
    end: int
    number: int


def folds_in(prompt: str, pasted: Sequence[str]) -> tuple[PastedText, ...]:
    """The chips of a prompt that stand for a pasted text, in order."""
    if not pasted or "[pasted text " not in prompt:
        return ()
    chips = (PastedText(*match.span(), int(match[1])) for match in _CHIP.finditer(prompt))
    return tuple(
        chip
        for chip in chips
        if 1 <= chip.number <= len(pasted)
        and prompt[chip.start : chip.end] == fold(pasted[chip.number - 1], chip.number)
    )


def renumbered(prompt: str, pasted: Sequence[str], number: Callable[[int], int]) -> str:
    """The prompt with `number(n)` in the chip of the pasted text n."""
    return _with_chips(prompt, pasted, lambda old: fold(pasted[old - 1], number(old)))


def refolded(prompt: str, pasted: Sequence[str]) -> str:
    """The prompt with its long pasted texts folded into chips again; the inverse of `unfold`."""
    for number, text in enumerate(pasted, 1):
        prompt = prompt.replace(text, fold(text, number)) if is_big(text) else prompt
    return prompt


def without(prompt: str, path: str) -> str:
    """The prompt with the tokens for `path` replaced by its plain file name."""

    def replace_token(token: re.Match[str]) -> str:
        if token["escaped"]:
            return token.group()
        token_path, suffix = _path_of(token)
        return base_name(path) + suffix if token_path == path else token.group()

    return _TOKEN.sub(replace_token, prompt)
