"""Formats of the local worker: identifiers, times and numbers on the wire, words, Markdown, charts."""

from __future__ import annotations

import io
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import json

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_RANDOM_BITS = 80


def new_id(prefix: str) -> str:
    """Return `prefix` and 26 base-32 characters: 48 bits of Unix milliseconds, then 80 random bits."""
    number = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return prefix + "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Format a time in UTC with milliseconds, such as `2026-05-11T09:14:22.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number_text(value: Decimal) -> str:
    """Return the shortest plain decimal text, without exponent: `0.00125`, `3`, `0`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


_ENCODER = json.Encoder(decimal_format="number")


def dumps(value: object) -> str:
    """Encode to compact JSON; Decimal becomes a number with all of its digits."""
    return _ENCODER.encode(value).decode()


_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_LONGEST_CELL = 120


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


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 row", "1,200 rows"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


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


# -- charts ----------------------------------------------------------------------------------
WIDTH = 720
MOST_BARS = 16
_MARGIN = 20
_HEAD = 54
_ROW = 30
_BAR = 20
_LABEL = 180
"""Width of the labels, and of the numbers."""
_LONGEST_LABEL = 20
_PAPER, _INK, _BLUE = "#ffffff", "#20242c", "#2e6ebe"


def bar_chart(title: str, bars: Sequence[tuple[str, Decimal]]) -> bytes:
    """Return a PNG with one bar per (label, value), at most `MOST_BARS`, with the number next to it."""
    from PIL import Image, ImageDraw, ImageFont  # 30 ms: for turns with charts

    bars = bars[:MOST_BARS]
    image = Image.new("RGB", (WIDTH, _HEAD + _ROW * len(bars) + _MARGIN), _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(16)
    draw.text((_MARGIN, _MARGIN), title, _INK, font)
    greatest = max((value for _, value in bars), default=Decimal(0)) or Decimal(1)
    left, room = _MARGIN + _LABEL, WIDTH - 2 * (_MARGIN + _LABEL)
    for index, (label, value) in enumerate(bars):
        top, length = _HEAD + index * _ROW, float(value / greatest) * room
        draw.text((_MARGIN, top), " ".join(label.split())[:_LONGEST_LABEL], _INK, font)
        draw.rectangle((left, top, left + length, top + _BAR), _BLUE)
        draw.text((left + length + 8, top), number_text(value), _INK, font)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
