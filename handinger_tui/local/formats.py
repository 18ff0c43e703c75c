"""Formats of the local worker: identifiers, times and numbers on the wire; text, Markdown and charts."""

from __future__ import annotations

import codecs
import io
import json
import re
import secrets
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_RANDOM_BITS = 80


def new_id(prefix: str) -> str:
    """Return `prefix` and 26 base-32 characters: 48 bits of Unix milliseconds, then 80 random bits."""
    number = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    chars = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        chars.append(_DIGITS[digit])
    return prefix + "".join(reversed(chars))


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Format a time in UTC with milliseconds, such as `2026-05-11T09:14:22.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def well_formed(text: str) -> str:
    """Return a text with its lone surrogates replaced, which no encoding could carry."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def number_text(value: Decimal) -> str:
    """Return the shortest plain decimal text, without exponent: `0.00125`, `3`, `0`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text or "0"


def dumps(value: object) -> str:
    """Encode to compact JSON with raw non-ASCII text; Decimal becomes a plain number.

    Raises:
        TypeError: the value has no JSON representation.
    """
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, Mapping):
        members = (f"{json.dumps(str(key), ensure_ascii=False)}:{dumps(item)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "[" + ",".join(dumps(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


MAX_READ_BYTES = 8 * 1024 * 1024
"""Maximum bytes read from a file; the rest is ignored, and the output says so."""

_PREVIEW_CHARACTERS = 160
_PROBE_BYTES = 8192
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_LONGEST_CELL = 120


class ToolResult(Struct, frozen=True):
    """The result of a tool. Its output in the stream are its members, unless a subclass says otherwise."""

    def as_output(self) -> dict[str, object]:
        """Return the output as a JSON value."""
        return asdict(self)


class DecodedFile(ToolResult, frozen=True):
    """The text of a file, the encoding it was read in, its size in bytes, and whether it was cut."""

    path: str
    text: str
    encoding: str
    size: int
    cut: bool

    def as_output(self) -> dict[str, object]:
        """Return counts and a preview in place of the text."""
        return {
            "path": self.path,
            "bytes": self.size,
            "encoding": self.encoding,
            "characters": len(self.text),
            "lines": len(self.text.split("\n")) - self.text.endswith("\n"),
            "cut": self.cut,
            "preview": self.text[:_PREVIEW_CHARACTERS],
        }


def looks_binary(content: bytes) -> bool:
    """Return whether the beginning has NUL bytes and is not UTF-16: then it is not text."""
    return b"\x00" in content[:_PROBE_BYTES] and not content.startswith(_UTF16_MARKS)


def decode_file(path: str, content: bytes) -> DecodedFile:
    """Decode a file.

    UTF-16 is recognized by its byte order mark. All else is decoded as UTF-8, or as Windows-1252 with
    replacement characters if it is not valid UTF-8.
    """
    head = content[:MAX_READ_BYTES]
    cut = len(content) > MAX_READ_BYTES
    if head.startswith(_UTF16_MARKS):
        text, encoding = head.decode("utf-16", errors="replace"), "UTF-16"
    else:
        try:
            # `final` is False if cut: the cut may fall inside a multibyte character.
            text, encoding = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=not cut), "UTF-8"
        except UnicodeDecodeError:
            text, encoding = (
                head.decode("cp1252", errors="replace"),
                "Windows-1252 (a guess: it is not UTF-8)",
            )
    return DecodedFile(path, text.replace("\r\n", "\n").replace("\r", "\n"), encoding, len(content), cut)


def words_of(text: str) -> list[str]:
    """Return the words in lower case: letters and digits, joined by inner apostrophes or hyphens."""
    return [word.lower() for word in _WORD.findall(text)]


def first_word(text: str) -> str:
    """Return the first word in lower case, or the empty string."""
    match = _WORD.search(text)
    return match.group().lower() if match else ""


def has_word(text: str, wanted: Iterable[str]) -> bool:
    """Return whether the text has one of the wanted words as a whole word."""
    return not set(wanted).isdisjoint(words_of(text))


def names_path(text: str, path: str) -> bool:
    """Return whether the text has the path by itself, not as a part of a longer word or path."""
    return re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-]|\.\w)", text) is not None


def cell(value: object) -> str:
    """Return a value as a cell of a Markdown table: one line, escaped, cut to 120 characters."""
    text = " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1].rstrip("\\") + "…"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], numeric: Iterable[int] = ()) -> str:
    """Return a Markdown table; the columns in `numeric` are right-aligned."""
    right = set(numeric)
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join("---:" if index in right else "---" for index in range(len(header))) + "|",
    ]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def fence(text: str) -> str:
    """Return the text in a code fence that is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}\n{text}\n{ticks}"


# -- charts ----------------------------------------------------------------------------------
WIDTH = 720
MOST_BARS = 16
_MARGIN = 20
_HEAD = 54
_ROW = 30
_BAR = 20
_LONGEST_LABEL = 20
_LONGEST_TITLE = 60
_PAPER, _INK, _BLUE, _RED, _LINE = "#ffffff", "#20242c", "#2e6ebe", "#be463c", "#cdd2da"


def bar_chart(title: str, bars: Sequence[tuple[str, Decimal]]) -> bytes:
    """Return a PNG with one bar per (label, value), at most `MOST_BARS`; negative bars are red.

    The length of a bar is proportional to the absolute value; the number is written next to it.
    """
    from PIL import Image, ImageDraw, ImageFont  # 30 ms: for turns with charts

    visible = [(_shorten(label, _LONGEST_LABEL), value, _number_label(value)) for label, value in bars]
    visible = visible[:MOST_BARS]
    image = Image.new("RGB", (WIDTH, _HEAD + _ROW * max(1, len(visible)) + _MARGIN), _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(16)
    draw.text((_MARGIN, _MARGIN), _shorten(title, _LONGEST_TITLE), _INK, font)
    if not visible:
        draw.text((_MARGIN, _HEAD), "nothing to draw", _INK, font)
        return _png(image)
    axis = _MARGIN + max(draw.textlength(label, font) for label, _, _ in visible) + 12
    room = WIDTH - _MARGIN - axis - max(draw.textlength(number, font) for _, _, number in visible) - 12
    greatest = max(abs(value) for _, value, _ in visible) or Decimal(1)
    draw.line((axis - 2, _HEAD - 4, axis - 2, _HEAD + _ROW * len(visible)), _LINE, 2)
    for index, (label, value, number) in enumerate(visible):
        top = _HEAD + index * _ROW
        length = float(abs(value) / greatest) * room
        draw.text((_MARGIN, top), label, _INK, font)
        if length >= 1:
            draw.rectangle((axis, top, axis + length - 1, top + _BAR - 1), _BLUE if value >= 0 else _RED)
        draw.text((axis + length + 8, top), number, _INK, font)
    return _png(image)


def _png(image: Picture) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _shorten(text: str, longest: int) -> str:
    """Remove accents, which Pillow's own font lacks, join lines, and cut the text."""
    plain = "".join(
        char if char.isprintable() else " "
        for char in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(char)
    )
    one_line = " ".join(plain.split())
    return one_line if len(one_line) <= longest else one_line[: longest - 2] + ".."


def _number_label(value: Decimal) -> str:
    return number_text(round(value, 4)) if abs(value) < Decimal(10) ** 12 else f"{value:.3e}"
