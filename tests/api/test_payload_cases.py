"""Hostile links and files, each with its expected outcome: verdict and reason, or name and folder.

Real HTTP on loopback and a real folder. `data/payload_ends.json` has the ends: for a
link the verdict and words of its reason, for a file the saved name, or the kind of the
refusal and words of it.
"""

from __future__ import annotations

import json
import os
import stat
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.api.atomic_file import write_atomically
from handinger_tui.api.download import save
from handinger_tui.api.file_urls import check_file_url
from handinger_tui.core.errors import ApiError
from handinger_tui.core.safety import Verdict, clean, judge_link
from tests.api.conftest import KEY
from tests.api.server import Server, respond
from tests.chaos.data import loaded, read
from tests.chaos.hostile import FILE_PAYLOADS, wrong_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from handinger_tui.api.client import WorkerClient

LINKS: Final = {payload["id"]: payload for payload in loaded("links", "payloads")}
ENDS: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "payload_ends.json").read_text())
ROUTE = "/api/workers/w1/files/report.txt"
BODY = b"payload file body\n"
PRECIOUS = "precious\n"


def test_every_case_has_an_expected_end() -> None:
    assert (len(LINKS), len(FILE_PAYLOADS)) == (20, 81)
    assert ENDS["links"].keys() == LINKS.keys()
    assert ENDS["files"].keys() == FILE_PAYLOADS.keys()
    assert read(Path(__file__).parents[1] / "chaos" / "data" / "links.json", "payloads")


# -- links ---------------------------------------------------------------------------------
ALLOWED: Final = {
    True: {Verdict.OPEN, Verdict.ASK},
    "ask": {Verdict.ASK},
    False: {Verdict.REFUSE},
}


@pytest.mark.parametrize("name", LINKS)
def test_a_link_gets_its_expected_verdict(name: str) -> None:
    link = judge_link(LINKS[name]["url"])
    verdict, reason = ENDS["links"][name]
    assert link.verdict in ALLOWED[LINKS[name]["may_open"]]
    assert link.verdict == verdict
    assert (reason in link.reason) if reason else not link.reason
    for shown in (link.url, link.reason, link.host):
        assert clean(shown) == shown
    assert link.host.isascii()


# -- files ---------------------------------------------------------------------------------
class Place:
    """A download folder with the files of a case, and an outside that nothing may reach."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "a" / "b" / "downloads"
        self.escape = root / "escape"
        self.before: dict[str, str] = {}
        self.folder.mkdir(parents=True)
        self.escape.mkdir()

    def prepare(self, setup: dict[str, Any]) -> None:
        if "make_file" in setup:
            name, content = setup["make_file"]
            (self.folder / name).write_text(content)
            self.before[name] = content
        if "make_symlink" in setup:
            target = self.folder.parents[1] / "target"
            target.write_text(PRECIOUS)
            (self.folder / setup["make_symlink"][0]).symlink_to(target)
            self.before[setup["make_symlink"][0]] = PRECIOUS
        if "chmod" in setup:
            self.folder.chmod(int(setup["chmod"], 8))

    def added(self) -> list[Path]:
        """The new files of the folder; everything else must be unchanged."""
        assert list(self.escape.iterdir()) == []
        for name, content in self.before.items():
            assert (self.folder / name).read_text() == content
        around = {path for path in self.folder.parents[1].rglob("*") if self.folder not in path.parents}
        assert {path.name for path in around} <= {"b", "downloads", "target"}
        return [path for path in self.folder.iterdir() if path.name not in self.before]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def check_saved(path: Path, folder: Path) -> None:
    status = path.lstat()
    assert stat.S_ISREG(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_nlink == 1
    assert path.resolve().parent == folder.resolve()
    assert not wrong_name(path.name)
    assert path.name.isprintable()


@pytest.mark.parametrize("name", FILE_PAYLOADS)
async def test_a_file_has_its_expected_end(
    name: str, server: Server, other: Server, client: WorkerClient, place: Place
) -> None:
    payload = FILE_PAYLOADS[name]
    headers = {"Content-Disposition": payload["disposition"]} if "disposition" in payload else {}
    for host in (server, other):
        host.answer(respond(200, BODY, headers))
    filled = {
        "{ESCAPE}": str(place.escape), "{OTHERHOST}": urlsplit(other.url).netloc, "{OTHER}": other.url,
        "{id}": "w1",
    }  # fmt: skip
    url, called = payload.get("url", ROUTE), payload.get("name")
    for sign, text in filled.items():
        url = url.replace(sign, text)
        called = called.replace(sign, text) if called else called
    place.prepare(payload["must"].get("setup", {}))
    end = ENDS["files"][name]
    if name == "fs-readonly-dir" and os.geteuid():
        # Permissions do not bind the superuser: here the table is for every other user.
        end = ["disk", "Permission denied"]
    if isinstance(end, str):
        path = await save(client, url, place.folder, called)
        assert path.name == end
        assert place.added() == [path]
        assert path.read_bytes() == (b"CANARY" if url.startswith("data:") else BODY)
        check_saved(path, place.folder)
    else:
        with pytest.raises(ApiError) as caught:
            await save(client, url, place.folder, called)
        kind, reason = end
        assert (str(caught.value.kind), reason in caught.value.summary) == (kind, True)
        assert clean(caught.value.summary) == caught.value.summary
        assert place.added() == []
        # That a folder has no room or no rights shows only when the answer is there.
        assert (server.requests, other.requests) == ([], []) or kind == "disk"
    for request in other.requests:
        assert KEY not in repr(request)
        assert request.header("authorization") is None


@pytest.mark.parametrize("name", [name for name, link in LINKS.items() if link["may_open"] is False])
def test_a_refused_link_is_not_fetched(name: str, client: WorkerClient) -> None:
    url = LINKS[name]["url"]
    if name in ("open-dash", "open-dash-browser"):
        # For files these are paths below the service's own address, where they do no harm.
        assert urlsplit(check_file_url(client, url)).netloc == urlsplit(client.base_url).netloc
        return
    with pytest.raises(ApiError):
        check_file_url(client, url)


# -- random names --------------------------------------------------------------------------------
ODD = st.sampled_from(
    [
        "/", "\\", "..", ".", " ", ":", "\0", "\x1b", "\x9b", "\u202e", "\u2066", "\u200b", "\u0301",
        "\u1160", "\ud800", "\U000e0041", "\ufe0f", "~", "-", "*", "\u2028", "\ufeff", "\ue000", "\u202f",
        "%2f", "con", "NUL", "com1", "lpt²", ".txt", ".tar.gz", "é", "漢", "📊", "x" * 200,
        "漢" * 80, "e" + "\u0301" * 100,
    ]
)  # fmt: skip
NAMES = st.one_of(
    st.text(st.characters(), max_size=400), st.lists(ODD | st.text(max_size=3), max_size=12).map("".join)
)


async def one(content: bytes) -> AsyncIterator[bytes]:
    yield content


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=100, deadline=None)
@given(names=st.lists(NAMES, min_size=2, max_size=4))
async def test_any_name_becomes_a_regular_file_in_the_folder(names: list[str]) -> None:
    with TemporaryDirectory() as root:
        folder = Path(root, "downloads")
        saved: dict[Path, bytes] = {}
        for number, name in enumerate([*names, names[0], unicodedata.normalize("NFD", names[0])]):
            content = str(number).encode()
            path = await write_atomically(one(content), folder, name)
            check_saved(path, folder)
            assert path not in saved
            saved[path] = content
        assert contents(folder) == saved
        assert os.listdir(root) == ["downloads"]


@settings(max_examples=100, deadline=None)
@given(name=NAMES)
async def test_any_name_leaves_existing_files_alone(name: str) -> None:
    with TemporaryDirectory() as root:
        folder, outside = Path(root, "downloads"), Path(root, "outside")
        first = await write_atomically(one(b"1"), folder, name)
        first.unlink()
        first.symlink_to(outside)
        second = await write_atomically(one(b"2"), folder, name)
        assert second != first
        assert second.read_bytes() == b"2"
        check_saved(second, folder)
        assert os.listdir(root) == ["downloads"]
