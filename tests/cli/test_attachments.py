"""A file is checked before anything is sent, and a folder is listed while a name is typed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from handinger_tui.api.client import upload
from handinger_tui.cli import local_files
from handinger_tui.cli.local_files import attachment, list_directory
from handinger_tui.core.errors import AttachmentProblem


def problem(path: object) -> str:
    with pytest.raises(AttachmentProblem) as caught:
        attachment(str(path))
    assert caught.value.summary.endswith("Nothing was sent.")
    assert caught.value.hint
    assert caught.value.summary.isprintable()
    return caught.value.summary


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("data.csv", b"a,b\n", "text/csv"),
        ("notes.md", b"# x", "text/markdown"),
        ("rows.jsonl", b"{}\n", "application/x-ndjson"),
        ("empty.txt", b"", "text/plain"),
        ("no-extension", b"x", "application/octet-stream"),
        ("naïve 漢 (2)'\".csv", b"x", "text/csv"),
        ("big.bin", b"x" * ((2 << 20) + 1), "application/octet-stream"),
    ],
)
def test_an_attachment_has_name_type_size_and_digest(
    tmp_path: Path, name: str, content: bytes, media_type: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    attached = attachment(str(path))
    assert (attached.path, attached.name, attached.size, attached.media_type) == (
        str(path),
        name,
        len(content),
        media_type,
    )
    assert attached.sha256 == hashlib.sha256(content).hexdigest()
    with upload({}, (attached,)) as sent:
        assert sent.length > len(content)


def test_a_link_is_followed_and_keeps_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "real.bin").write_bytes(b"abc")
    (tmp_path / "link.csv").symlink_to("real.bin")
    attached = attachment(str(tmp_path / "link.csv"))
    assert (attached.path, attached.name, attached.size) == (str(tmp_path / "real.bin"), "link.csv", 3)


def test_a_tilde_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.csv").write_text("x")
    assert attachment("~/a.csv").path == str(tmp_path / "a.csv")


def test_files_that_cannot_be_attached_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "File not found" in problem(tmp_path / "missing.csv")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert "is a link to a missing file" in problem(tmp_path / "dangling")
    assert "is a folder" in problem(tmp_path)
    assert "No file given" in problem("")
    assert "not a usable path" in problem("a\0b")
    assert "not a usable path" in problem("~nobody-of-this-name/x")
    (tmp_path / "loop").symlink_to("loop")
    assert "Cannot read" in problem(tmp_path / "loop")
    assert "Cannot read" in problem(tmp_path / ("x" * 300))
    assert "a[2J b" in problem(tmp_path / "a\x1b[2J\nb")
    (tmp_path / "large").write_bytes(b"12345")
    monkeypatch.setattr(local_files, "MAX_ATTACHMENT_BYTES", 4)
    assert "is 5 bytes; the maximum is 4." in problem(tmp_path / "large")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipes_and_devices_are_refused_immediately(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in problem(tmp_path / "pipe")
    assert "not a regular file" in problem("/dev/null")
    assert "not a regular file" in problem("/dev/zero")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="rights do not bind the superuser"
)
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_text("x")
    path.chmod(0)
    assert "Permission denied" in problem(path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no such files here")
def test_a_file_of_changing_size_is_refused() -> None:
    assert "is changing or is not a regular file" in problem("/proc/self/status")


def test_a_file_that_changed_since_it_was_chosen(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b\n")
    chosen = attachment(str(path))
    path.write_text("a,c\n")
    with pytest.raises(AttachmentProblem) as caught, upload({}, (chosen,)):
        raise AssertionError("it was taken for the file that was chosen")
    assert caught.value.summary == "data.csv changed since it was attached. Nothing was sent."
    path.unlink()
    with pytest.raises(AttachmentProblem) as caught, upload({}, (chosen,)):
        raise AssertionError("it was read though it is gone")
    assert "Cannot read data.csv" in caught.value.summary
    assert caught.value.summary.endswith("Nothing was sent.")


# -- completion ------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "A.csv", "a b.csv", ".hidden", "esc\x1b[2J", "line\nend"):
        (tmp_path / name).touch()
    (tmp_path / "Sub").mkdir()
    (tmp_path / "link").symlink_to("Sub")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkdir(os.fsencode(tmp_path) + b"/broken\xff")
    return tmp_path


def test_names_of_a_folder(folder: Path) -> None:
    names = ("a b.csv", "A.csv", "b.csv", "dangling", "link/", "Sub/")
    assert list_directory(str(folder)) == names
    assert list_directory(str(folder), hidden=True) == (".hidden", *names)
    assert list_directory(str(folder), 2) == names[:2]
    assert list_directory(str(folder), prefix="S") == ("Sub/",)
    assert list_directory(str(folder), prefix="a") == ("a b.csv", "A.csv")


def test_names_with_unprintable_characters(tmp_path: Path) -> None:
    names = ("Shot at 3.04\u202fPM.png", "a\xa0b.csv", "👩\u200d👧.png")
    for name in (*names, "x\u202egpj.exe", "x\u200b.csv", "x\ty.csv"):
        (tmp_path / name).touch()
    assert set(list_directory(str(tmp_path))) == set(names)


def test_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert list_directory("") == list_directory(str(folder))


@pytest.mark.parametrize("path", ["missing", "b.csv", "a\0b", "~nobody-of-this-name"])
def test_a_missing_folder_is_empty(folder: Path, path: str) -> None:
    assert list_directory(path if path.startswith("~") else f"{folder}/{path}") == ()
