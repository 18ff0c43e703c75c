"""Files that we write: in the download folder, never over another file, and at the path of `-o`."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli.connection import text_saver
from handinger_tui.cli.local_files import save_text
from handinger_tui.core.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator


def text_of(path: Path) -> str:
    return path.read_text("utf-8")


async def test_a_file_is_written_and_the_next_one_gets_another_name(tmp_path: Path) -> None:
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


async def test_a_folder_that_cannot_be_created_is_an_error_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ApiError):
        await text_saver(tmp_path / "file" / "folder")("receipt.md", "x")


# -- the file that -o names ----------------------------------------------------------------------
def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    save_text(tmp_path / "answer.md", "new\n")
    assert (text_of(tmp_path / "answer.md"), mode(tmp_path / "answer.md")) == ("new\n", 0o640)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("kept", [0o600, 0o644, 0o664, 0o700])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, kept: int) -> None:
    target = tmp_path / "answer.md"
    target.write_text("old", "utf-8")
    target.chmod(kept)
    save_text(target, "new\n")
    assert (text_of(target), mode(target)) == ("new\n", kept)


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("far", [True, False])
def test_a_link_stays_a_link_and_its_file_is_written(tmp_path: Path, there: bool, far: bool) -> None:
    target, link = tmp_path / "notes" / "real.md", tmp_path / "answer.md"
    target.parent.mkdir()
    if there:
        target.write_text("old", "utf-8")
        target.chmod(0o600)
    first = tmp_path / "middle.md"
    first.symlink_to(Path("notes") / "real.md")
    link.symlink_to(first if far else Path("notes") / "real.md")
    save_text(link, "new\n")
    assert link.is_symlink()
    assert text_of(target) == "new\n"
    assert not there or mode(target) == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["real.md"]


def test_a_circular_link_is_an_error(tmp_path: Path) -> None:
    link = tmp_path / "loop"
    link.symlink_to(link)
    with pytest.raises(OSError, match="loop"):
        save_text(link, "new\n")
    assert link.is_symlink()


def test_only_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "pipe")
    for target in (tmp_path / "pipe", link, tmp_path):
        with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
            save_text(target, "new\n")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_name_of_the_greatest_length_is_written(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 255)
    save_text(target, "new\n")
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "answer.md"
    target.write_text("old", "utf-8")

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_text(target, "new\n")
    assert text_of(target) == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["answer.md"]
