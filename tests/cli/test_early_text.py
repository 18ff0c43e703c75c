"""What is typed before the history is open: one file for each program, and its lock."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import pytest

from handinger_tui.cli.early_text import EarlyText, as_read, folder_of
from handinger_tui.cli.local_files import default_paths

ROOT = Path(__file__).resolve().parents[2]
KEEPS = """
import sys
from handinger_tui.cli.early_text import EarlyText
program = EarlyText(sys.argv[1])
taken = program.take()
for text in sys.argv[2:]:
    program.keep(text)
print(taken, flush=True)
sys.stdin.read()
"""


@contextmanager
def living(folder: Path, *texts: str) -> Iterator[str]:
    """A program that keeps these texts, and is killed at the end of the block; yields what it has taken."""
    command = [sys.executable, "-c", KEEPS, str(folder), *texts]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        yield one.stdout.readline().strip()
        one.kill()


def test_the_next_program_takes_the_newest_text_of_one_that_was_killed(tmp_path: Path) -> None:
    other = EarlyText(str(tmp_path))
    with living(tmp_path, "h", "half a", "half a thought 漢"):
        # One that lives keeps its text.
        assert other.take() == []
    with living(tmp_path, "mine") as its_texts:
        assert its_texts == "['half a thought 漢']"
        # Another one that begins in that moment does not have it as well.
        assert other.take() == []
    # It is gone once the history has it, not before: the one that took it may be killed, too.
    assert other.take() == ["half a thought 漢", "mine"]
    other.forget()
    assert list(tmp_path.iterdir()) == []


def test_what_was_typed_before_the_app_does_not_follow_its_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both write from threads of their own; the app has all that was typed before it."""

    class Held:
        """A lock; just before it is taken for the first time, the app keeps its draft."""

        def __init__(self) -> None:
            self.lock, self.is_new = Lock(), True

        def __enter__(self) -> None:
            if self.is_new:
                self.is_new = False
                program.keep("half a thought")
            self.lock.acquire()

        def __exit__(self, *_error: object) -> None:
            self.lock.release()

    monkeypatch.setattr("threading.Lock", Held)
    program = EarlyText(str(tmp_path))
    program.keep_early("half")
    program.close()
    monkeypatch.undo()
    assert EarlyText(str(tmp_path)).take() == ["half a thought"]


def test_a_text_that_a_kill_has_cut_off_leaves_the_one_before(tmp_path: Path) -> None:
    with living(tmp_path, "whole"):
        (file,) = tmp_path.iterdir()
        with file.open("ab") as more:
            more.write(b"whole and mo")
    assert EarlyText(str(tmp_path)).take() == ["whole"]


def test_a_text_that_a_full_disk_has_cut_off_is_no_part_of_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, write, room = EarlyText(str(tmp_path)), os.write, [3, 0]

    def full(descriptor: int, data: bytes) -> int:
        if not (bytes_left := room.pop(0)):
            raise OSError(errno.ENOSPC, "full")
        return write(descriptor, data[:bytes_left])

    program.keep("one")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        program.keep("one and more")
    program.keep("whole")
    program.close()
    assert EarlyText(str(tmp_path)).take() == ["whole"]


def test_the_file_of_a_long_session_stays_small(tmp_path: Path) -> None:
    program = EarlyText(str(tmp_path))
    for number in range(6):
        program.keep(f"{number}" * 700_000)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size < 2_000_000
    program.close()
    assert EarlyText(str(tmp_path)).take() == ["5" * 700_000]


def test_other_files_links_and_a_missing_folder_are_left_alone(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not typed\0")
    (tmp_path / "early-1-2").symlink_to(secret)
    (tmp_path / "early-theme").write_bytes(b"not typed\0")
    os.mkfifo(tmp_path / "early-3-4")
    program = EarlyText(str(tmp_path))
    assert program.take() == []
    program.forget()
    assert secret.exists()
    assert EarlyText(str(tmp_path / "none")).take() == []
    nowhere = EarlyText("")
    nowhere.keep("text")
    assert nowhere.take() == []


def test_what_the_early_prompt_reads_gives_way_to_the_draft_of_the_app(tmp_path: Path) -> None:
    program = EarlyText(str(tmp_path))
    assert program.keep_early("raw")
    program.keep("draft")
    assert not program.keep_early("raw and more")
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == b"raw\0draft\0"
    program.forget()
    assert not program.keep_early("later")


@pytest.mark.parametrize("text", ["text", ""])
def test_a_program_that_ends_leaves_its_text_and_no_file_without_one(tmp_path: Path, text: str) -> None:
    program = EarlyText(str(tmp_path))
    program.keep("more than that")
    program.keep(text)
    program.close()
    assert len([*tmp_path.iterdir()]) == bool(text)
    assert EarlyText(str(tmp_path)).take() == [text] * bool(text)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (b"\xc3\xa4ber\x7f\x7fn", "äbn"),
        (b"\rnext \x1b[Dline\r", "\nnext line\n"),
        (b"\x1b[200~one\rtwo\x1b[201~", "one\ntwo"),
        (b"\x1bOPa\x1bfb\x1b[<35;1;2Mc", "abc"),
        (b"\x1b]11;rgb:0/0/0\x1b\\a\x1b]11;rgb:0/0/0\x07b\x1bP>|tmux\x1b\\c", "abc"),
        (b"cut \xe6\xbc", "cut "),
        (b"cut \x1b[", "cut "),
    ],
)
def test_what_a_person_reads_in_bytes(typed: bytes, read: str) -> None:
    assert as_read(typed) == read


@pytest.mark.parametrize(
    "environ", [{"HANDINGER_TUI_HOME": "/a/b"}, {"HANDINGER_TUI_HOME": "~/x"}, {"XDG_DATA_HOME": "/data"}, {}]
)
def test_the_folder_is_that_of_the_history(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HANDINGER_TUI_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert Path(folder_of(environ)) == default_paths().database.parent
