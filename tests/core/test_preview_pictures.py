"""Pictures: checked before they are decoded, drawn as a grid of pixels, and refused with a message."""

from __future__ import annotations

import io
import struct
import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from handinger_tui.core.previews.files import (
    NotDrawn,
    Picture,
    Pixel,
    bomb,
    check_picture,
    fitting,
    half_blocks,
)
from handinger_tui.local import formats
from tests.core.picture_samples import SIGNATURE, chunk, header, pixels

PICTURE_FORMATS = ("png", "jpeg", "gif", "webp", "bmp")


def png(width: int, height: int, *chunks: bytes, depth: int = 8, color: int = 2) -> bytes:
    return header(width, height, depth=depth, color=color) + b"".join(chunks)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def picture(data: bytes, name: str = "png") -> Picture:
    checked = check_picture(data, name, complete=True)
    assert checked.picture is not None, checked.why
    return checked.picture


# -- checked by the header ----------------------------------------------------------
@pytest.mark.parametrize("name", PICTURE_FORMATS)
def test_the_header_gives_format_and_size(name: str) -> None:
    data = encoded(Image.new("RGB", (64, 48), (255, 0, 0)), name)
    checked = check_picture(data, name, complete=True)
    assert (checked.what, checked.counted) == (f"{name.upper()} image", "64 × 48 pixels")
    red, green, blue = picture(data, name).grid(10, 5, (0, 0, 0))[4][4]
    assert (red > 240, green < 15, blue < 15) == (True, True, True)
    assert check_picture(data, name, complete=False).why.startswith("too large to show here")


@pytest.mark.parametrize("name", PICTURE_FORMATS)
def test_a_picture_cut_at_any_byte_is_refused_with_a_message(name: str) -> None:
    data = encoded(Image.effect_noise((64, 48), 90).convert("RGB"), name)
    for end in range(0, len(data) // 2, max(1, len(data) // 60)):
        for complete in (True, False):
            checked = check_picture(data[:end], name, complete=complete)
            assert checked.what == f"{name.upper()} image"
            if checked.picture is None:
                assert checked.why
            else:
                with pytest.raises(NotDrawn, match=f"the {name.upper()} is damaged"):
                    checked.picture.grid(10, 5, (0, 0, 0))


@pytest.mark.parametrize("name", PICTURE_FORMATS)
def test_only_the_format_that_was_recognized_is_opened(name: str) -> None:
    for other in {*PICTURE_FORMATS, "tiff"} - {name}:
        data = encoded(Image.new("RGB", (4, 4)), other)
        assert "header is damaged" in check_picture(data, name, complete=True).why


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(PICTURE_FORMATS),
    st.sampled_from([b"", SIGNATURE, b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP"]),
    st.binary(max_size=80),
)
def test_any_bytes_are_drawn_or_refused(name: str, start: bytes, remainder: bytes) -> None:
    checked = check_picture(start + remainder, name, complete=True)
    if checked.picture is None:
        assert checked.why
        return
    try:
        checked.picture.grid(10, 5, (0, 0, 0))
    except NotDrawn:
        return


def test_bombs_are_recognized_by_their_header() -> None:
    assert bomb(100_000, 100_000, 10_000) == "100,000 × 100,000 pixels is more than 50 million"
    assert bomb(6000, 6000, 40_000) == ("6,000 × 6,000 pixels from 40,000 bytes is suspicious")
    assert bomb(6000, 6000, 5_000_000) is None
    assert bomb(1200, 800, 4000) is None
    assert bomb(6000, 6000, None) is None
    for complete in (True, False):
        checked = check_picture(png(60_000, 60_000, pixels(b"")), "png", complete=complete)
        assert checked.why == "not decoded: 60,000 × 60,000 pixels is more than 50 million"


def test_a_gif_whose_frame_is_larger_than_its_screen_counts_by_its_frame() -> None:
    data = encoded(Image.new("RGB", (1, 1)), "GIF")
    at = data.index(b",")
    huge = data[: at + 1] + struct.pack("<HHHH", 0, 0, 65_535, 65_535) + data[at + 9 :]
    assert "more than 50 million" in check_picture(huge, "gif", complete=True).why


def test_a_bomb_is_unpacked_no_further_than_its_header_promises() -> None:
    data = png(10, 10, pixels(bytes(200_000_000)))
    assert len(data) < 300_000
    tracemalloc.start()
    drawn = picture(data).grid(10, 10, (0, 0, 0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(drawn) == 10
    assert peak < 2_000_000


# -- drawn -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "drawn"),
    [
        pytest.param(
            png(
                8,
                1,
                chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0])),
                chunk(b"tRNS", bytes([0])),
                pixels(b"\0\x55"),
                depth=1,
                color=3,
            ),
            [(1, 2, 3), (0, 255, 0)] * 4,
            id="a palette with a transparent color",
        ),
        pytest.param(
            png(4, 1, pixels(b"\0\x1b"), depth=2, color=0), [(n * 85,) * 3 for n in range(4)], id="two bits"
        ),
        pytest.param(png(1, 1, pixels(b"\0\x80\xff"), depth=16, color=0), [(128,) * 3], id="sixteen bits"),
        pytest.param(png(1, 1, pixels(b"\0\xff\0"), color=4), [(1, 2, 3)], id="transparent"),
        pytest.param(encoded(Image.new("1", (1, 1), 1)), [(255,) * 3], id="black and white"),
    ],
)
def test_pixels_of_every_kind_are_drawn_over_the_background(data: bytes, drawn: list[Pixel]) -> None:
    assert list(picture(data).grid(80, 40, (1, 2, 3))[0]) == drawn


def test_pictures_for_print_are_drawn() -> None:
    data = encoded(Image.new("CMYK", (400, 400), (0, 255, 255, 0)), "JPEG")
    red, green, blue = picture(data, "jpeg").grid(10, 5, (0, 0, 0))[0][0]
    assert (red > 200, green < 60, blue < 60) == (True, True, True)


@pytest.mark.parametrize("name", ["gif", "webp", "png"])
def test_of_an_animation_the_first_frame_is_drawn(name: str) -> None:
    second = Image.new("RGB", (8, 8), (0, 0, 255))
    data = encoded(Image.new("RGB", (8, 8), (255, 0, 0)), name, save_all=True, append_images=[second] * 20)
    red, _, blue = picture(data, name).grid(8, 4, (0, 0, 0))[4][4]
    assert (red > 200, blue < 60) == (True, True)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_a_large_picture_is_averaged(mode: str) -> None:
    image = Image.new("RGB", (2000, 1600), (0, 0, 0))
    image.paste((255, 255, 255), (1000, 0, 2000, 1600))
    drawn = picture(encoded(image.convert(mode))).grid(20, 8, (9, 9, 9))
    assert (drawn[0][0], drawn[-1][-1]) == ((0, 0, 0), (255, 255, 255))


def test_the_local_workers_charts_are_drawn() -> None:
    chart = formats.bar_chart("Title", [("a", Decimal(2)), ("b", Decimal(1))])
    colors = {color for row in picture(chart).grid(80, 40, (0, 0, 0)) for color in row}
    assert (255, 255, 255) in colors
    assert (46, 110, 190) in colors


@pytest.mark.parametrize(
    "data",
    [
        png(4, 4, chunk(b"IDAT", b"garbage")),
        png(4, 4, pixels(b"\7" + bytes(12))),
        png(4, 4, chunk(b"IEND", b"")),
    ],
)
def test_a_broken_picture_is_refused_with_a_message(data: bytes) -> None:
    checked = check_picture(data, "png", complete=True)
    assert checked.picture is not None
    with pytest.raises(NotDrawn, match="the PNG is damaged"):
        checked.picture.grid(10, 5, (0, 0, 0))


# -- half blocks -----------------------------------------------------------------------
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
