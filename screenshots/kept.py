"""The pictures that the repository keeps: what somebody new to the program wants to see, with few colors.

All others are made for the eye, into a folder that is not tracked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple, cast

from PIL import Image

FOLDER: Final = Path(__file__).resolve().parent
COLORS: Final = 64
RARE: Final = 16
"""How many of them stand for colors of few pixels, such as the buttons of the window."""
MOST_BYTES: Final = 60_000


class Shot(NamedTuple):
    """One picture: what is on the screen, its size in cells, and its theme."""

    scene: str
    columns: int
    rows: int
    theme: str


KEPT: Final = {
    "answer": Shot("summary", 120, 30, "dark"),
    "welcome": Shot("welcome", 80, 24, "dark"),
    "streaming": Shot("streaming", 80, 24, "dark"),
    "sources": Shot("sources", 80, 24, "light"),
    "preview": Shot("preview-table", 80, 24, "dark"),
    "attachments": Shot("journey-1-completion", 80, 24, "dark"),
    "sessions": Shot("sessions", 80, 24, "light"),
    "ledger": Shot("ledger", 80, 24, "dark"),
    "receipt": Shot("receipt", 80, 24, "light"),
    "limit": Shot("raise", 80, 24, "dark"),
    "schedule": Shot("schedule-price", 80, 24, "dark"),
    "workers": Shot("gallery", 120, 32, "dark"),
}
"""Each by the name of its file, without `.png`. `make.py --keep` makes them."""


def reduce(picture: Path) -> None:
    """Fewer colors, in place: each pixel takes the nearest of those that are frequent or like no other."""
    with Image.open(picture) as opened:
        image = opened.convert("RGB")
    counted = cast("list[tuple[int, tuple[int, int, int]]]", image.getcolors(image.width * image.height))
    colors = [color for _, color in sorted(counted, reverse=True)]
    frequent, others = colors[: COLORS - RARE], colors[COLORS - RARE :]
    strip = Image.new("RGB", (max(1, len(others)), 1))
    strip.putdata(others)
    rare = strip.quantize(RARE, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for color in frequent for channel in color] + rare[: 3 * RARE])
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(picture, "PNG", optimize=True)
