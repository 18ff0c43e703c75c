"""Charts, decoded again and measured."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from handinger_tui.local.formats import WIDTH, bar_chart

if TYPE_CHECKING:
    import httpx

Run = Callable[..., tuple[dict[str, Any], list[Any]]]
BLUE = (46, 110, 190)


def decoded(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return image.convert("RGB")


def lengths(image: Image.Image, color: tuple[int, int, int]) -> list[int]:
    """How many pixels of a row have a color, each number once."""
    pixels = image.tobytes()
    rows = [pixels[start : start + image.width * 3] for start in range(0, len(pixels), image.width * 3)]
    counts = {sum(row[at : at + 3] == bytes(color) for at in range(0, len(row), 3)) for row in rows}
    return sorted(counts - {0})


def test_bars_are_as_long_as_their_values() -> None:
    image = decoded(bar_chart("Title", [("a", Decimal(100)), ("b", Decimal(50))]))
    assert image.width == WIDTH
    half, full = lengths(image, BLUE)
    assert full == pytest.approx(2 * half, abs=2)
    assert full > WIDTH / 3


@pytest.mark.parametrize(
    "bars",
    [[], [("zero", Decimal(0))], [("é" * 50 + "漢字\n\x1b", Decimal("1e30"))], [("x", Decimal(1))] * 100],
)
def test_odd_charts_are_still_pictures_of_sane_size(bars: list[tuple[str, Decimal]]) -> None:
    image = decoded(bar_chart("t" * 500, bars))
    assert image.width == WIDTH
    assert 50 < image.height < 700


def test_the_published_chart_is_a_picture(client: httpx.Client, run_turn: Run) -> None:
    worker, _ = run_turn("make a chart file")
    url = next(file["url"] for file in worker["files"] if file["mediaType"] == "image/png")
    image = decoded(client.get(url).content)
    assert (image.width, image.height) == (WIDTH, 434)
    assert image.getpixel((0, 0)) == (255, 255, 255)
