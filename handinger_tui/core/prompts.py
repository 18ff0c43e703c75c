"""The prompt: commands and messages, mentioned files, pasted texts, drafts, and stored attachments.

A mention is `@` and a path in the text. A chip like "[pasted text 1: 3,412 characters]" replaces a long
pasted text. A draft is stored as one text (`pack_draft`): its own text, or JSON after a control character
that cannot be typed. The attachments of a turn are stored as JSON (`attachments_to_text`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from msgspec.structs import asdict

from handinger_tui.core.figures import count
from handinger_tui.core.jsontext import Json, NotJson, as_list, as_object, dump, list_at, parse
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.turn import (
    DRAFT,
    Attachment,
    Lineage,
    LineageKind,
    Turn,
    TurnRequest,
    TurnStatus,
)

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session


class Empty(Struct, frozen=True):
    """Nothing was typed except white space."""


class Prompt(Struct, frozen=True):
    """Text for the worker. `sign`: its first character if that is one of `SIGNS`, else ""."""

    text: str
    sign: str = ""


class CommandLine(Struct, frozen=True):
    """A slash command, which may not exist: `name` in lower case without the slash, `argument` stripped."""

    name: str
    argument: str = ""


Typed = Empty | Prompt | CommandLine

QUIT_WORDS: Final = frozenset({"exit", "quit", ":q"})
"""Words that quit most programs of this kind. They are never sent as paid text."""


def is_quit_word(text: str) -> bool:
    """Whether the text is a single word that quits the program."""
    return text.strip().lower() in QUIT_WORDS


SIGNS: Final = {"!": "Shell commands do not run here.", "#": "Nothing is added to a memory here."}
"""First characters that are commands in other programs, and a note on what they do not do here."""


def classify(text: str) -> Typed:
    """Classify a typed text as prompt, command or nothing.

    Every text that begins with a slash is a command, so that a mistyped command is never sent as paid text. A
    text that begins with two slashes is sent with one.
    """
    stripped = text.strip()
    if not stripped:
        return Empty()
    if stripped.startswith("//"):
        return Prompt(stripped[1:])
    if stripped.startswith("/"):
        name, _, argument = stripped[1:].replace("\n", " ").partition(" ")
        return CommandLine(name.lower(), argument.strip())
    if is_quit_word(stripped):
        return CommandLine("quit")
    return Prompt(text.strip("\n"), stripped[0] if stripped[0] in SIGNS else "")


MAX_PASTED: Final = 32_768
"""A pasted text with more characters is not a list of paths."""
MAX_PATH: Final = 4096
"""Characters of a path."""
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
"""One shell word. Only `_BLANK` separates words, since names of macOS screenshots contain other spaces."""
_WINDOWS_WORD: Final = re.compile(r"""["']([^"']+)["']|([^\s"']+)""")
_WORD_PIECE: Final = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^'"\\]+)""", re.DOTALL)
_ESCAPE_IN_QUOTES: Final = re.compile(r'\\(["\\$`])')


def pasted_paths(text: str) -> tuple[str, ...]:
    """The paths of which a pasted text may consist; () if it is certainly something else.

    The caller must check that all of them exist: "/costs now" could be two files. `~/` is not expanded.
    """
    text = text.strip(_BLANK)
    if not text or len(text) > MAX_PASTED or _CONTROL.search(text):
        return ()
    candidates = [_absolute_path(word) for word in _words(text)]
    if not candidates or None in candidates:
        # Perhaps one path per line, with unquoted spaces.
        lines = (line.strip(_BLANK) for line in re.split(r"\r\n|\r|\n", text))
        candidates = [_absolute_path(_unquoted_line(line)) for line in lines if line]
    paths = [path for path in candidates if path is not None]
    return tuple(paths) if len(paths) == len(candidates) <= MAX_PATHS else ()


def named_paths(text: str) -> tuple[str, ...]:
    """The paths typed after a command: without quotes or escapes, one path that may contain spaces."""
    text = text.strip()
    words = _words(text) if re.search(r"""["'\\]""", text) else []
    return tuple(words or [text]) if text else ()


def _words(text: str) -> list[str]:
    """The words as a shell splits them; [] if quotes do not close, or for an unquoted Windows path."""
    if _DRIVE.match(text.lstrip("\"'")):
        # On Windows a backslash is not an escape, and only names with spaces are quoted.
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
    is_quoted = len(line) > 2 and line[0] == line[-1] and line[0] in "\"'"
    return line[1:-1] if is_quoted else line


def _absolute_path(word: str) -> str | None:
    if word[:6].lower() == "file:/":
        # RFC 8089 also allows the short form without a host.
        word = word if word[5:7] == "//" else f"file://{word[5:]}"
        try:
            url = urlsplit(word)
        except ValueError:
            return None
        # ? and # belong to the name: programs often do not escape them.
        raw_path = word[7 + len(url.netloc) :]
        path = unquote(raw_path, errors="surrogateescape") if url.netloc in ("", "localhost") else ""
        path = path[1:] if _DRIVE.match(path[1:]) else path
    else:
        path = word
    is_rooted = path.startswith(("/", "~/")) or _DRIVE.match(path)
    return path if is_rooted and not _NOT_IN_A_PATH.search(path) and len(path) <= MAX_PATH else None


_TOKEN: Final = re.compile(
    r"""(?<![^\s(\[{<'",;:])        # only at the start of a word: an e-mail address has a word before @
        (?:(?P<escaped>\\@)
          |@"(?P<quoted>(?:[^"\\\n]|\\.)+)(?P<end>"?)
          |@(?P<bare>(?:[^\s"\\]|\\[^\n])+))""",
    re.VERBOSE,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_LOOKS_LIKE_FILE: Final = re.compile(r"(?:~|\.{1,2})?/|.*\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,5}$", re.DOTALL)
"""Almost certainly a file: a rooted path, or a name with an extension."""
_CLOSING: Final = {")": "(", "]": "[", "}": "{", ">": "<"}


class FileMentions(Struct, frozen=True):
    """A prompt in which mentions are replaced by file names, and the paths of the mentions."""

    text: str
    paths: tuple[str, ...]
    """The distinct paths as typed, without escapes, in the order of the text."""


def file_mentions(prompt: str, is_file: Callable[[str], bool] | None = None) -> FileMentions:
    """The files that a prompt mentions with `@`.

    With `is_file`, a token that may be something else (`@alice`, `@types/node`) is a mention only if the file
    exists. Rooted paths, quoted paths and names with an extension always are, so that a mistyped file is not
    silently omitted.
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

    return FileMentions(_TOKEN.sub(replace_token, prompt), tuple(paths))


def _path_of(token: re.Match[str]) -> tuple[str, str]:
    """Split a token into its path ("" with open quotes, or if too long) and trailing punctuation."""
    if (token["quoted"] and not token["end"]) or len(token.group()) > MAX_PATH:
        return "", ""
    if token["quoted"]:
        return _ESCAPED.sub(r"\1", token["quoted"]), ""
    path = token["bare"]
    while path and _ends_in_punctuation(path):
        path = path[:-1]
    # Only dots: an ellipsis, not the parent folder.
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
class PartialMention(Struct, frozen=True):
    """A mention that is being typed, from its `@` at `start` up to the cursor. `path`: the path so far."""

    start: int
    path: str

    @property
    def folder(self) -> str:
        """The folder to list, with its slash; "" for the current folder."""
        head, slash, _ = self.path.rpartition("/")
        return head + slash

    @property
    def prefix(self) -> str:
        """The beginning of the names to list."""
        return self.path.rpartition("/")[2]

    @property
    def hidden(self) -> bool:
        """Whether to list hidden files."""
        return self.prefix.startswith(".")


def partial_mention_at(prompt: str, cursor: int) -> PartialMention | None:
    """The mention that ends at the cursor, or None. A single `@` counts as one."""
    if cursor and prompt[cursor - 1] == "@" and _TOKEN.match(f"{prompt[:cursor]}x", cursor - 1):
        return PartialMention(cursor - 1, "")
    if prompt[:cursor].endswith('@"') and _TOKEN.match(f"{prompt[:cursor]}x", cursor - 2):
        return PartialMention(cursor - 2, "")
    for token in _TOKEN.finditer(prompt[:cursor]):
        if token.end() == cursor and not token["escaped"] and not token["end"]:
            text = token["quoted"] or token["bare"]
            return PartialMention(token.start(), _ESCAPED.sub(r"\1", text))
    return None


def complete(path: str, entries: Iterable[str]) -> tuple[str, ...]:
    """The completions of `path` by the names in its folder, in which folders end with `/`.

    Names that match in case come first, then those that match otherwise.
    """
    head, slash, prefix = path.rpartition("/")
    folded = prefix.casefold()
    matching = [name for name in entries if name.casefold().startswith(folded)]
    matching.sort(key=lambda name: not name.startswith(prefix))
    return tuple(f"{head}{slash}{name}" for name in matching)


def as_mention(path: str) -> str:
    """The mention of a path. For a folder quotes stay open, so that the path can be extended."""
    bare = _TOKEN.fullmatch(f"@{path}")
    if bare is not None and bare["bare"] and _path_of(bare) == (path, ""):
        return f"@{path}"
    quoted = re.sub(r'(["\\])', r"\\\1", path)
    return f'@"{quoted}' + ("" if path.endswith("/") else '"')


# -- pasted texts ------------------------------------------------------------------------------
LONG_PASTE_CHARACTERS: Final = 2_000
LONG_PASTE_LINES: Final = 20
CARRIED: Final = "This is a conversation with another worker. Continue from here."
"""The beginning of a conversation that a fork carries over."""
_CHIP: Final = re.compile(r"\[(?:pasted text|conversation so far) ([0-9]{1,6}): [0-9,]{1,20} characters\]")


def is_long_paste(text: str) -> bool:
    """Whether a pasted text is replaced by a chip, since it would fill the prompt box."""
    return len(text) > LONG_PASTE_CHARACTERS or text.count("\n") >= LONG_PASTE_LINES


def chip_name(text: str, number: int) -> str:
    """The name of the pasted text `number` (from 1)."""
    return f"{'conversation so far' if text.startswith(CARRIED) else 'pasted text'} {number}"


def chip_text(text: str, number: int) -> str:
    """The chip for the pasted text `number` (from 1)."""
    return f"[{chip_name(text, number)}: {len(text):,} characters]"


def message_of_fork(prompt: str, pasted: Sequence[str]) -> Typed | None:
    """What goes with the conversation that a fork carries over, as a chip or unfolded; None: it is no fork.

    A command that is typed there is never sent as paid text, either.
    """
    carried = [text for text in pasted if text.startswith(CARRIED)]
    text = expand_chips(prompt, pasted) if carried else prompt
    message = text
    for one in carried:
        message = message.replace(one, "")
    return None if message == text else classify(message)


def expand_chips(prompt: str, pasted: Sequence[str]) -> str:
    """The prompt with every chip replaced by its text; `pasted[0]` is number 1.

    Text that only looks like a chip is unchanged, and so are chips inside of a pasted text.
    """
    return _with_chips(prompt, pasted, lambda number: pasted[number - 1])


def _with_chips(prompt: str, pasted: Sequence[str], replacement: Callable[[int], str]) -> str:
    """The prompt with `replacement(n)` for the chip of the pasted text n."""
    pieces, at = [], 0
    for chip in chips_in(prompt, pasted):
        pieces += [prompt[at : chip.start], replacement(chip.number)]
        at = chip.end
    return "".join([*pieces, prompt[at:]])


def compose(prompt: str, pasted: Sequence[str], is_file: Callable[[str], bool] | None = None) -> FileMentions:
    """The text to send: `file_mentions`, then `expand_chips`, so that `@` in a pasted text names no file."""
    mentions = file_mentions(prompt, is_file)
    return FileMentions(expand_chips(mentions.text, pasted), mentions.paths)


class PasteChip(Struct, frozen=True):
    """A chip in a prompt: `prompt[start:end]` represents the pasted text `number`."""

    start: int
    end: int
    number: int


def chips_in(prompt: str, pasted: Sequence[str]) -> tuple[PasteChip, ...]:
    """The chips of a prompt, in order."""
    if not pasted or "[" not in prompt:
        return ()
    chips = (PasteChip(*match.span(), int(match[1])) for match in _CHIP.finditer(prompt))
    return tuple(
        chip
        for chip in chips
        if 1 <= chip.number <= len(pasted)
        and prompt[chip.start : chip.end] == chip_text(pasted[chip.number - 1], chip.number)
    )


def renumbered(prompt: str, pasted: Sequence[str], number: Callable[[int], int]) -> str:
    """The prompt with the number n in each chip replaced by `number(n)`."""
    return _with_chips(prompt, pasted, lambda old: chip_text(pasted[old - 1], number(old)))


def collapse_pastes(prompt: str, pasted: Sequence[str]) -> str:
    """The prompt with its long pasted texts replaced by chips; the inverse of `expand_chips`."""
    for number, text in enumerate(pasted, 1):
        prompt = prompt.replace(text, chip_text(text, number)) if is_long_paste(text) else prompt
    return prompt


def without_mention(prompt: str, path: str) -> str:
    """The prompt with the mentions of `path` replaced by its file name."""

    def replace_token(token: re.Match[str]) -> str:
        if token["escaped"]:
            return token.group()
        token_path, suffix = _path_of(token)
        return base_name(path) + suffix if token_path == path else token.group()

    return _TOKEN.sub(replace_token, prompt)


_JSON_MARK: Final = "\x1e"
_TEXT_MEMBERS: Final = ("path", "name", "media_type", "sha256")


class Draft(Struct, frozen=True):
    """A message that is not sent yet. `pasted[0]`: the text of chip number 1 in `text`.

    `lineage`: the earlier message from which it was made.
    """

    text: str = ""
    files: tuple[Attachment, ...] = ()
    pasted: tuple[str, ...] = ()
    lineage: Lineage | None = None
    others: tuple[str, ...] = ()
    """Other texts that were typed and not sent: restored, they are in the prompt history."""


def draft_of_request(request: TurnRequest) -> Draft:
    """The draft for sending a message again."""
    return Draft(request.prompt, request.attachments, lineage=request.lineage)


def draft_as_typed(
    text: str, files: Iterable[Attachment], pasted: Sequence[str], lineage: Lineage | None = None
) -> Draft:
    """The draft in the prompt, with only those pasted texts whose chips are in the text."""
    used = tuple(dict.fromkeys(chip.number for chip in chips_in(text, pasted)))
    renumbered_text = renumbered(text, pasted, lambda number: used.index(number) + 1)
    return Draft(renumbered_text, tuple(files), tuple(pasted[number - 1] for number in used), lineage)


def history_entry(text: str, files: Iterable[Attachment]) -> str:
    """A message for the prompt history: attachments are added as mentions."""
    # A mention cannot contain a line end; such a file must be attached again.
    tokens = (as_mention(file.path) for file in files if "\n" not in file.path)
    return " ".join([text, *tokens]).strip(" ")


def pack_draft(draft: Draft) -> str:
    """Serialize a draft into one text."""
    if draft == Draft(draft.text):
        return draft.text
    lineage = None if draft.lineage is None else asdict(draft.lineage)
    members = {"text": draft.text, "files": _to_json(draft.files), "pasted": draft.pasted, "lineage": lineage}
    return _JSON_MARK + dump({**members, "others": draft.others})


def unpack_draft(text: str) -> Draft:
    """The inverse of `pack_draft`; any other text is a draft without attachments."""
    if not text.startswith(_JSON_MARK):
        return Draft(text)
    try:
        fields = as_object(parse(text[1:]))
    except NotJson:
        return Draft(text)
    pasted, others = (
        tuple(item for item in list_at(fields, name) if isinstance(item, str))
        for name in ("pasted", "others")
    )
    lineage = lineage_of(fields.get("lineage"))
    return Draft(str(fields.get("text") or ""), _from_json(fields.get("files")), pasted, lineage, others)


def attachments_to_text(attachments: Iterable[Attachment]) -> str:
    """Attachments as ASCII JSON."""
    return dump(_to_json(attachments))


def attachments_from_text(text: str) -> tuple[Attachment, ...]:
    """The inverse of `attachments_to_text`."""
    return _from_json(parse(text))


def lineage_words(lineage: Lineage) -> str:
    """How a message was made from an earlier one, in words."""
    match lineage.kind:
        case LineageKind.EDIT:
            return f"edited from message {lineage.number}"
        case LineageKind.RETRY:
            return f"message {lineage.number} again"
        case LineageKind.FORK:
            return f"forked from “{clean_line(lineage.title, 60)}”, message {lineage.number}"


def lineage_to_text(lineage: Lineage | None) -> str | None:
    """A lineage as ASCII JSON."""
    return None if lineage is None else dump(asdict(lineage))


def lineage_from_text(text: str) -> Lineage | None:
    """The inverse of `lineage_to_text`; None for any other text."""
    try:
        return lineage_of(parse(text))
    except NotJson:
        return None


def lineage_of(value: Json) -> Lineage | None:
    """The lineage in a JSON object; None for anything else."""
    fields = as_object(value)
    try:
        kind = LineageKind(str(fields.get("kind")))
    except ValueError:
        return None
    session_id, turn_id, title = (str(fields.get(name) or "") for name in ("session_id", "turn_id", "title"))
    return Lineage(kind, session_id, turn_id, count(fields.get("number")) or 0, title)


def _to_json(attachments: Iterable[Attachment]) -> list[dict[str, str | int]]:
    members = (*_TEXT_MEMBERS, "size")
    return [{key: getattr(attachment, key) for key in members} for attachment in attachments]


def _from_json(value: Json) -> tuple[Attachment, ...]:
    attachments = []
    for item in map(as_object, as_list(value)):
        texts = {key: str(item.get(key) or "") for key in _TEXT_MEMBERS}
        attachments.append(Attachment(size=count(item.get("size")) or 0, **texts))
    return tuple(attachments)


# -- forks -------------------------------------------------------------------------------------
MAX_FORK: Final = 100_000
"""Characters of a conversation in the first message of a fork; the oldest messages are omitted."""


def fork_text(session: Session, last: Turn) -> str:
    """The conversation up to and including the turn `last`, for a new worker; "" if nothing was delivered."""
    upto = next(at for at, turn in enumerate(session.turns, 1) if turn.turn_id == last.turn_id)
    delivered = [
        turn
        for turn in session.turns[:upto]
        if turn.status not in DRAFT and turn.status is not TurnStatus.QUEUED
    ]
    pieces: list[str] = []
    length = 0
    for turn in reversed(delivered):
        piece = _piece(turn)
        length += len(piece)
        if length > MAX_FORK and pieces:
            break
        pieces.append(piece[:MAX_FORK])
    if not pieces:
        return ""
    omitted = len(delivered) - len(pieces)
    head = CARRIED
    if omitted:
        head += f" The first {omitted} of {len(delivered)} messages are left out."
    return "\n\n".join([head, *reversed(pieces)])


def _piece(turn: Turn) -> str:
    paragraphs = [f"## User\n\n{turn.request.prompt.strip()}"]
    if turn.text.strip():
        paragraphs.append(f"## Worker\n\n{turn.answer.strip()}")
    sources = [part for part in turn.parts if isinstance(part, SourcePart) and part.url]
    if sources:
        listed = (
            f"- {clean_line(part.title or '', 200)} {part.url}".replace("-  ", "- ") for part in sources
        )
        paragraphs.append("\n".join(["Sources:", *dict.fromkeys(listed)]))
    names = [clean_line(part.filename or "", 200) for part in turn.parts if isinstance(part, FilePart)]
    if any(names):
        paragraphs.append(f"Files created (not attached): {', '.join(filter(None, names))}")
    return "\n\n".join(paragraphs)
