"""A clone is light: few pictures, small, and no other binaries."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.house.project import HAS_PICTURES, ROOT, project_files, where

if not HAS_PICTURES:
    pytest.skip("a source archive has no pictures", allow_module_level=True)

from screenshots.kept import COLORS, FOLDER, KEPT, MOST_BYTES, reduce
from screenshots.make import SCENES

MOST_BINARY_BYTES = 1_500_000
PICTURES = sorted(FOLDER.glob("*.png"))


def is_binary(path: Path) -> bool:
    try:
        path.read_text("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def test_binaries_are_few_and_small() -> None:
    sizes = {where(path): path.stat().st_size for path in project_files() if is_binary(path)}
    assert sum(sizes.values()) <= MOST_BINARY_BYTES, sizes


def test_the_kept_pictures_are_those_of_the_table() -> None:
    assert len(KEPT) == 12
    assert {path.stem for path in PICTURES} == set(KEPT), "run: .venv/bin/python screenshots/make.py --keep"
    assert {shot.scene for shot in KEPT.values()} <= SCENES.keys()


def test_each_kept_picture_is_shown() -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    assert not [path.name for path in PICTURES if f"screenshots/{path.name})" not in text]


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_a_kept_picture_is_small(path: Path) -> None:
    assert path.stat().st_size <= MOST_BYTES
    with Image.open(path) as picture:
        assert picture.mode == "P"
        assert len(picture.getcolors() or ()) <= COLORS


def test_a_reduced_picture_keeps_its_plain_colors(tmp_path: Path) -> None:
    """A background that changes its tint from picture to picture would show."""
    path = tmp_path / "gradient.png"
    background = (16, 18, 25)
    gradient = Image.new("RGB", (200, 100), background)
    for x in range(100):
        gradient.putpixel((x, x), (x, 200 - x, 255 - 2 * x))
    gradient.save(path)
    assert len(gradient.getcolors() or ()) > COLORS
    reduce(path)
    with Image.open(path) as picture:
        assert len(picture.getcolors() or ()) <= COLORS
        assert picture.convert("RGB").getpixel((199, 0)) == background
