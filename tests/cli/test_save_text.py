"""Files of our own making land in the download folder, and never over another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from handinger_tui.cli.app import text_saver
from handinger_tui.core.errors import ApiError


def text_of(path: Path) -> str:
    return path.read_text("utf-8")


async def test_a_file_is_written_and_the_next_one_stands_beside_it(tmp_path: Path) -> None:
    save = text_saver(tmp_path / "made" / "when needed")
    first = Path(await save("receipt-turn_1.md", "# Receipt: ½ €\n"))
    second = Path(await save("receipt-turn_1.md", "another\n"))
    assert first.parent == tmp_path / "made" / "when needed"
    assert first.name == "receipt-turn_1.md"
    assert second != first
    assert [text_of(path) for path in (first, second)] == ["# Receipt: ½ €\n", "another\n"]


async def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    saved = Path(await text_saver(tmp_path)("../../x/..\\receipt\x1b[2J.json", "{}"))
    assert saved.parent == tmp_path
    assert saved.name.isprintable()


async def test_a_folder_that_cannot_be_made_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ApiError):
        await text_saver(tmp_path / "file" / "folder")("receipt.md", "x")
