"""PNG pictures, taken apart by hand."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.local.charts import WIDTH, bar_chart

if TYPE_CHECKING:
    import httpx

Run = Callable[..., tuple[dict[str, Any], list[Any]]]


def decode(png: bytes) -> tuple[int, int, list[bytes], list[tuple[int, ...]]]:
    """Check signature, checksums and lengths; return width, height, rows of indexes, palette."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at < len(png):
        length = struct.unpack(">I", png[at : at + 4])[0]
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour, rest) == (8, 3, [0, 0, 0])
    raw = zlib.decompress(chunks[b"IDAT"])
    assert len(raw) == (width + 1) * height
    rows = [raw[start : start + width + 1] for start in range(0, len(raw), width + 1)]
    assert all(row[0] == 0 for row in rows)
    palette = list(struct.iter_unpack("BBB", chunks[b"PLTE"]))
    assert max(map(max, rows)) < len(palette)
    return width, height, [row[1:] for row in rows], palette


def longest_runs(rows: list[bytes], ink: int) -> list[int]:
    """Return the longest run of one colour in each row."""
    return [max(map(len, bytes(sign == ink for sign in row).split(b"\x00"))) for row in rows]


def test_bars_are_as_long_as_their_values() -> None:
    width, height, rows, _ = decode(
        bar_chart("Title", [("a", Decimal(100)), ("b", Decimal(50)), ("c", Decimal(-25))])
    )
    assert width == WIDTH
    assert 100 < height < 400
    blue = sorted(set(longest_runs(rows, 2)))
    red = max(longest_runs(rows, 3))
    assert blue[-1] == pytest.approx(2 * blue[-2], abs=1)
    assert blue[-1] == pytest.approx(4 * red, abs=3)


@pytest.mark.parametrize(
    "bars",
    [[], [("zero", Decimal(0))], [("é" * 50 + "漢字\n\x1b", Decimal("1e30"))], [("x", Decimal(1))] * 100],
)
def test_odd_charts_are_still_pictures_of_sane_size(bars: list[tuple[str, Decimal]]) -> None:
    width, height, rows, _ = decode(bar_chart("t" * 500, bars))
    assert (width, len(rows)) == (WIDTH, height)
    assert height < 700
    assert any(1 in row for row in rows)


def test_the_published_chart_is_a_picture(client: httpx.Client, run_turn: Run) -> None:
    worker, _ = run_turn("make a chart file")
    url = next(file["url"] for file in worker["files"] if file["mediaType"] == "image/png")
    width, height, _, palette = decode(client.get(url).content)
    assert (width, height, palette[0]) == (WIDTH, 434, (255, 255, 255))


def test_letters_differ() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,-+/:_()%='#*<>&$@"
    assert len({bar_chart(letter, []) for letter in letters}) == len(letters)
