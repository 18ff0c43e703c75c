"""Images: sizes out of headers, bombs before decoding, PNG into a grid, a grid into half blocks."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.core.preview.pictures import ImageSize, Pixel, bomb, fitting, half_blocks, image_size
from handinger_tui.core.preview.png import NotDrawn, decode_png
from handinger_tui.local.charts import Picture

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(width: int, height: int, raw: bytes, depth: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    packed = zlib.compress(raw)
    half = len(packed) // 2
    body = chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:])
    return header(width, height, depth, colour) + extra + body + chunk(b"IEND", b"")


# -- sizes -----------------------------------------------------------------------
def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments)


APP = b"\xff\xe1" + struct.pack(">H", 4002) + bytes(4000)
FRAME = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, 480, 640) + bytes(10)


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (header(640, 480), ImageSize("png", 640, 480)),
        (b"GIF89a" + struct.pack("<HH", 640, 480), ImageSize("gif", 640, 480)),
        (b"BM" + bytes(12) + struct.pack("<Iii", 40, 640, -480), ImageSize("bmp", 640, 480)),
        (b"BM" + bytes(12) + struct.pack("<IHH", 12, 640, 480), ImageSize("bmp", 640, 480)),
        (jpeg(APP, b"\xff\xff\xfe\0\4ab", FRAME), ImageSize("jpeg", 640, 480)),
        (b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\x7f\2\0\xdf\1\0", ImageSize("webp", 640, 480)),
        (
            b"RIFF\0\0\0\0WEBPVP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 639 | 479 << 14),
            ImageSize("webp", 640, 480),
        ),
        (
            b"RIFF\0\0\0\0WEBPVP8 " + bytes(7) + b"\x9d\1\x2a" + struct.pack("<HH", 640, 480),
            ImageSize("webp", 640, 480),
        ),
    ],
)
def test_the_header_tells_the_size(head: bytes, size: ImageSize) -> None:
    assert image_size(head) == size
    for end in range(len(head)):
        assert image_size(head[:end]) in (None, size)
    assert image_size(head[:9]) is None


@pytest.mark.parametrize(
    "head", [b"", b"text", header(0, 5), jpeg(b"\xff\xd9", FRAME), jpeg(b"xx", FRAME), jpeg(b"\xff\xe0\0\0")]
)
def test_a_broken_header_tells_nothing(head: bytes) -> None:
    assert image_size(head) is None


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"", SIGNATURE, b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP"]),
    st.binary(max_size=60),
)
def test_any_bytes_have_a_size_or_none(start: bytes, rest: bytes) -> None:
    size = image_size(start + rest)
    assert size is None or size.pixels > 0
    with pytest.raises(NotDrawn):
        decode_png(start + rest, 10, 5)


def test_bombs_are_known_by_their_header() -> None:
    assert (
        bomb(ImageSize("png", 100_000, 100_000), 10_000)
        == "100,000 × 100,000 pixels are more than 50 million"
    )
    assert bomb(ImageSize("png", 6000, 6000), 40_000) == (
        "6,000 × 6,000 pixels out of 40,000 bytes: no honest picture packs that well"
    )
    assert bomb(ImageSize("jpeg", 6000, 6000), 5_000_000) is None
    assert bomb(ImageSize("png", 1200, 800), 4000) is None
    assert bomb(ImageSize("png", 6000, 6000), None) is None


# -- PNG -------------------------------------------------------------------------
def filtered(kind: int, rows: list[bytes], step: int) -> bytes:
    """Rows packed with one filter, the textbook way."""
    packed, above = b"", bytes(len(rows[0]))
    for row in rows:
        line = []
        for at, value in enumerate(row):
            a, b, c = (
                (row[at - step] if at >= step else 0),
                above[at],
                (above[at - step] if at >= step else 0),
            )
            near = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line.append((value - (0, a, b, (a + b) // 2, near)[kind]) & 255)
        packed += bytes([kind, *line])
        above = row
    return packed


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("colour", [0, 2, 4, 6])
def test_every_filter_and_colour_is_undone(kind: int, colour: int) -> None:
    chance, channels = random.Random(kind), CHANNELS[colour]
    rows = [chance.randbytes(6 * channels) for _ in range(5)]
    grid = decode_png(png(6, 5, filtered(kind, rows, channels), colour=colour), 80, 40, ground=(0, 0, 0))
    for row, pixels in zip(rows, grid, strict=True):
        for at, pixel in enumerate(pixels):
            values = row[at * channels : (at + 1) * channels]
            alpha = values[-1] if colour in (4, 6) else 255
            wanted = values[:3] if colour in (2, 6) else values[:1] * 3
            assert pixel == tuple(value * alpha // 255 for value in wanted)


def test_palettes_and_small_depths_are_drawn() -> None:
    extra = chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0])) + chunk(b"tRNS", bytes([0]))
    data = png(8, 1, b"\0\x55", depth=1, colour=3, extra=extra)
    assert decode_png(data, 80, 40, ground=(1, 2, 3)) == [[(1, 2, 3), (0, 255, 0)] * 4]
    assert decode_png(png(4, 1, b"\0\x1b", depth=2, colour=0), 80, 40) == [[(n * 85,) * 3 for n in range(4)]]
    assert decode_png(png(1, 1, b"\0\x80\xff", depth=16, colour=0), 80, 40) == [[(128, 128, 128)]]


def test_the_local_workers_charts_are_drawn() -> None:
    picture = Picture(320, 200, ((255, 255, 255), (200, 0, 0)))
    picture.fill((0, 0), (160, 200), 1)
    grid = decode_png(picture.encode(), 40, 20)
    assert (len(grid), len(grid[0])) == (25, 40)
    assert all(row == [(200, 0, 0)] * 20 + [(255, 255, 255)] * 20 for row in grid)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"text", "this is no PNG"),
        (header(4, 4, interlaced=1), "interlaced PNGs are not drawn"),
        (header(4, 4, depth=3), "the PNG's header is broken"),
        (header(5000, 5000), "5,000 × 5,000 pixels are too many to draw here"),
        (header(4, 4) + chunk(b"IDAT", b"garbage"), "the PNG is broken"),
        (png(4, 4, b"\7" + bytes(12)), "the PNG is broken"),
        (png(4, 4, bytes(20), colour=3), "the PNG has no palette"),
        (header(4, 4), "the PNG is broken"),
    ],
)
def test_what_is_not_drawn_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(NotDrawn, match=reason):
        decode_png(data, 10, 5)


def test_a_picture_that_breaks_off_is_shown_as_far_as_it_goes() -> None:
    whole = png(4, 8, (b"\0" + bytes(12)) * 3)
    assert len(decode_png(whole, 80, 40)) == 3


def test_a_bomb_is_unpacked_no_further_than_its_header_promises() -> None:
    data = png(10, 10, bytes(200_000_000))
    assert len(data) < 300_000
    tracemalloc.start()
    start = time.thread_time()
    grid = decode_png(data, 10, 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(grid) == 10
    assert peak < 2_000_000
    assert time.thread_time() - start < 2


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=80), st.sampled_from([0, 2, 3, 4, 6]), st.sampled_from([1, 2, 4, 8, 16]), st.booleans()
)
def test_any_pixels_are_drawn_or_refused(raw: bytes, colour: int, depth: int, compressed: bool) -> None:
    body = zlib.compress(raw) if compressed else raw
    data = (
        header(3, 4, depth, colour) + chunk(b"PLTE", raw[:7]) + chunk(b"tRNS", raw[:3]) + chunk(b"IDAT", body)
    )
    try:
        grid = decode_png(data, 2, 2)
    except NotDrawn:
        return
    assert all(0 <= value <= 255 for row in grid for pixel in row for value in pixel)


# -- half blocks -----------------------------------------------------------------
@pytest.mark.parametrize(
    ("size", "room", "fitted"),
    [
        ((800, 400), (80, 24), (80, 40)),
        ((400, 800), (80, 24), (24, 48)),
        ((10, 10), (80, 24), (10, 10)),
        ((10_000, 1), (80, 24), (80, 1)),
        ((5, 5), (0, 0), (1, 1)),
    ],
)
def test_a_picture_keeps_its_shape(
    size: tuple[int, int], room: tuple[int, int], fitted: tuple[int, int]
) -> None:
    assert fitting(*size, *room) == fitted


def test_two_rows_of_pixels_are_one_line() -> None:
    red, blue, white = (255, 0, 0), (0, 0, 255), (255, 255, 255)
    pixels: list[list[Pixel]] = [[red, blue], [blue, white], [white, red]]
    assert half_blocks(pixels) == [
        [("▀", red, blue), ("▀", blue, white)],
        [("▀", white, None), ("▀", red, None)],
    ]
    assert half_blocks([]) == []
