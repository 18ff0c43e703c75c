"""File operations of the screen, over real HTTP and a real disk: preview, save, read back, open."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handinger_tui.api.download import fetch_beginning, save
from handinger_tui.api.response import ResponseLimits
from handinger_tui.cli.connection import WorkerFiles, open_link, open_path
from handinger_tui.core.errors import ApiError, LinkExpired
from handinger_tui.core.stream import FilePart
from handinger_tui.core.turns.turn import ErrorKind
from tests.api.conftest import KEY, Clients
from tests.api.server import Peer, Server, chunk, head, raw, respond

if TYPE_CHECKING:
    from handinger_tui.api.client import WorkerClient

ROUTE = "/api/workers/w1/files/report.txt"
BODY = b"0123456789" * 1000


def part(url: str, name: str = "report.txt") -> FilePart:
    return FilePart(url, "text/plain", name)


def content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def authorizations(server: Server) -> list[str | None]:
    """The Authorization header of every request."""
    return [request.header("authorization") for request in server.requests]


# -- previews --------------------------------------------------------------------------------
@pytest.mark.parametrize(("most", "complete"), [(10_001, True), (10_000, True), (9_999, False), (1, False)])
async def test_only_the_requested_bytes_are_kept(
    server: Server, client: WorkerClient, most: int, complete: bool
) -> None:
    server.answer(respond(200, BODY))
    beginning = await fetch_beginning(client, ROUTE, most)
    assert (beginning.data, beginning.complete, beginning.total) == (BODY[:most], complete, len(BODY))
    assert authorizations(server) == [f"Bearer {KEY}"]


async def test_bytes_after_the_beginning_are_not_awaited(server: Server, client: WorkerClient) -> None:
    async def endless(peer: Peer) -> None:
        await peer.send(head(200, {"Transfer-Encoding": "chunked"}) + chunk(BODY))
        await peer.wait_for_close()

    server.answer(endless)
    beginning = await fetch_beginning(client, ROUTE, 100)
    assert (beginning.data, beginning.complete, beginning.total) == (BODY[:100], False, None)


async def test_a_file_in_its_address_needs_no_network(server: Server, client: WorkerClient) -> None:
    url = "data:text/plain;base64," + base64.b64encode(BODY).decode()
    beginning = await fetch_beginning(client, url, 20)
    assert (beginning.data, beginning.complete, beginning.total) == (BODY[:20], False, len(BODY))
    assert server.requests == []


async def test_progress_is_reported(server: Server, client: WorkerClient) -> None:
    reports: list[tuple[int, int | None]] = []
    server.answer(respond(200, BODY))
    await fetch_beginning(client, ROUTE, 1 << 20, progress=lambda got, total: reports.append((got, total)))
    assert reports[-1] == (len(BODY), len(BODY))


async def test_another_origin_never_sees_the_key(server: Server, other: Server, client: WorkerClient) -> None:
    other.answer(respond(200, BODY))
    await fetch_beginning(client, f"{other.url}/file?sig=1", 100)
    server.answer(raw(head(302, {"Location": f"{other.url}/moved", "Content-Length": "0"})))
    await fetch_beginning(client, ROUTE, 100)
    assert len(other.requests) == 2
    assert authorizations(other) == [None, None]
    assert authorizations(server) == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x.test/a", "http://user:pw@x.test/a", "javascript:1"]
)
async def test_other_addresses_are_refused_without_a_request(
    server: Server, client: WorkerClient, url: str
) -> None:
    with pytest.raises(ApiError) as caught:
        await fetch_beginning(client, url, 100)
    assert caught.value.kind is ErrorKind.UNSAFE_URL
    assert server.requests == []


async def test_an_error_body_is_not_content(server: Server, client: WorkerClient) -> None:
    server.answer(respond(404, b"no such file"))
    with pytest.raises(ApiError) as caught:
        await fetch_beginning(client, ROUTE, 100)
    assert caught.value.kind is ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (416, {"Content-Range": "bytes */9"}, ErrorKind.INVALID),
        (206, {"Content-Range": "bytes 3-8/9"}, ErrorKind.INCOMPLETE),
        (206, {}, ErrorKind.INCOMPLETE),
        (202, {}, ErrorKind.UNEXPECTED_CONTENT),
        (226, {}, ErrorKind.UNEXPECTED_CONTENT),
    ],
)
async def test_a_reply_that_is_not_the_beginning_is_neither_shown_nor_saved(
    server: Server,
    client: WorkerClient,
    tmp_path: Path,
    status: int,
    headers: dict[str, str],
    kind: ErrorKind,
) -> None:
    server.answer(respond(status, b"no file", headers))
    with pytest.raises(ApiError) as caught:
        await fetch_beginning(client, ROUTE, 100)
    assert caught.value.kind is kind
    with pytest.raises(ApiError) as caught:
        await save(client, ROUTE, tmp_path / "folder", "x.txt")
    assert caught.value.kind is kind
    assert os.listdir(tmp_path) == []


async def test_an_unrequested_part_is_not_the_complete_file(server: Server, client: WorkerClient) -> None:
    server.answer(respond(206, b"beg", {"Content-Range": "bytes 0-2/9"}))
    beginning = await fetch_beginning(client, ROUTE, 100)
    assert (beginning.data, beginning.complete, beginning.total) == (b"beg", False, 9)


# -- access ----------------------------------------------------------------------------------
def listing(url: str) -> bytes:
    file = {"filename": "report.txt", "mediaType": "text/plain", "url": url}
    return json.dumps({"object": "worker", "id": "w1", "status": "completed", "files": [file]}).encode()


async def test_an_expired_link_is_renewed_only_on_request(
    server: Server, other: Server, client: WorkerClient, tmp_path: Path
) -> None:
    access = WorkerFiles(client, tmp_path / "dl")
    stale = part(f"{other.url}/f/report.txt?sig=old")
    other.answer(respond(403, b"expired"))
    with pytest.raises(LinkExpired):
        await access.fetch(stale, 100)
    assert server.requests == []
    server.answer(
        respond(200, listing(f"{other.url}/f/report.txt?sig=new"), {"Content-Type": "application/json"})
    )
    other.requests.clear()
    other.answer(respond(403, b"expired"), respond(200, BODY), respond(403, b"expired"), respond(200, BODY))
    assert (await access.fetch(stale, 100, reread="w1")).data == BODY[:100]
    path = await access.save(stale, reread="w1")
    assert content(path) == BODY
    assert [request.method for request in server.requests] == ["GET", "GET"]
    assert authorizations(other) == [None] * 4


async def test_a_second_file_of_the_same_name_gets_a_new_name(
    server: Server, client: WorkerClient, tmp_path: Path
) -> None:
    folder = tmp_path / "dl"
    access = WorkerFiles(client, folder)
    server.answer(respond(200, BODY))
    first = await access.save(part(ROUTE, "../../evil/re\x1b[31mport.txt"))
    second = await access.save(part(ROUTE, "../../evil/re\x1b[31mport.txt"))
    assert first != second
    assert sorted(folder.iterdir()) == sorted([Path(first), Path(second)])
    assert all(content(one) == BODY and "\x1b" not in one for one in (first, second))


async def test_a_typed_folder_is_used_for_one_file(
    server: Server, client: WorkerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = WorkerFiles(client, tmp_path / "dl")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    server.answer(respond(200, BODY))
    for typed, folder in ((str(tmp_path / "new" / "deep"), "new/deep"), ("~/here", "home/here")):
        path = Path(await access.save(part(ROUTE, "../../../evil/report.txt"), typed))
        assert path.parent == tmp_path / folder
        assert content(str(path)) == BODY
    assert not (tmp_path / "dl").exists()
    (tmp_path / "file").write_text("x")
    for bad in (str(tmp_path / "file"), "~nobody-of-this-name/x", f"{tmp_path}/a\0b"):
        with pytest.raises(ApiError) as caught:
            await access.save(part(ROUTE), bad)
        assert caught.value.kind is ErrorKind.DISK
        assert "not a" in caught.value.summary or "Folder not found" in caught.value.summary
    assert access.folder == str(tmp_path / "dl")


async def test_a_file_beyond_the_limit_is_not_kept(server: Server, connect: Clients, tmp_path: Path) -> None:
    access = WorkerFiles(await connect(server.url, ResponseLimits(max_file_bytes=100)), tmp_path / "dl")
    server.answer(respond(200, BODY))
    with pytest.raises(ApiError) as caught:
        await access.save(part(ROUTE))
    assert caught.value.kind is ErrorKind.TOO_LARGE
    assert not (tmp_path / "dl").exists()


async def test_a_saved_file_is_read_back(client: WorkerClient, tmp_path: Path) -> None:
    access = WorkerFiles(client, tmp_path)
    kept = tmp_path / "kept.txt"
    kept.write_bytes(BODY)
    beginning = await access.read(str(kept), 5)
    assert beginning is not None
    assert (beginning.data, beginning.complete, beginning.total, beginning.saved) == (
        BODY[:5],
        False,
        len(BODY),
        True,
    )
    assert await access.read(str(tmp_path / "gone.txt"), 5) is None
    assert await access.read(str(tmp_path), 5) is None
    os.mkfifo(tmp_path / "pipe")
    assert await access.read(str(tmp_path / "pipe"), 5) is None


# -- opening ---------------------------------------------------------------------------------
@pytest.fixture
def opener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system opener that records its arguments; its exit code is read from `code`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "xdg-open"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$#" "$1" > "{tmp_path}/given"\nexit $(cat "{tmp_path}/code")\n'
    )
    program.chmod(0o755)
    (tmp_path / "code").write_text("0")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("handinger_tui.cli.connection.sys.platform", "linux")
    return tmp_path


async def test_a_file_is_passed_to_the_opener_as_one_argument(opener: Path) -> None:
    file = opener / "a $(touch pwned); 'b'.txt"
    file.write_text("x")
    assert await open_path(str(file))
    assert (opener / "given").read_text() == f"1\n{file}\n"
    assert not any("pwned" in name for name in os.listdir())


async def test_an_address_is_passed_to_the_opener_as_one_argument(
    opener: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BROWSER", raising=False)
    url = "https://e.example/$(touch pwned)`touch pwned`?a=b&c;d|e"
    assert await open_link(url)
    assert (opener / "given").read_text() == f"1\n{url}\n"
    assert not any("pwned" in name for name in os.listdir())
    (opener / "given").unlink()
    for refused in ("javascript:alert(1)", "--new-window=https://e.example", "file:///etc/passwd", "-x", ""):
        assert not await open_link(refused)
    (opener / "code").write_text("3")
    monkeypatch.setenv("BROWSER", "no-such-browser-here")
    assert not await open_link(url)
    assert (opener / "given").exists()


@pytest.mark.parametrize(("named", "given"), [("seen", "1\nURL\n"), ("seen --new '%s'", "2\n--new\n")])
async def test_the_configured_browser_is_used_even_without_a_display(
    opener: Path, monkeypatch: pytest.MonkeyPatch, named: str, given: str
) -> None:
    (opener / "bin" / "xdg-open").rename(opener / "bin" / "seen")
    monkeypatch.setenv("BROWSER", f"{opener}/bin/{named}")
    monkeypatch.delenv("DISPLAY")
    assert await open_link("https://e.example/x")
    assert (opener / "given").read_text() == given.replace("URL", "https://e.example/x")


async def test_the_output_of_an_opener_is_discarded(opener: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (opener / "bin" / "xdg-open").write_text("#!/bin/sh\necho CANARY; echo CANARY >&2; cat; tty && exit 1\n")
    await open_link("https://e.example/")
    assert capfd.readouterr() == ("", "")


def test_an_opened_program_outlives_us(opener: Path) -> None:
    (opener / "bin" / "xdg-open").write_text(f'#!/bin/sh\necho $$ > "{opener}/pid"\nexec sleep 60\n')
    assert asyncio.run(open_link("https://e.example/"))
    end = time.monotonic() + 60
    while not (opener / "pid").exists() or not (opener / "pid").read_text().strip():
        assert time.monotonic() < end, "it never began"
    process = int((opener / "pid").read_text())
    assert os.waitpid(process, os.WNOHANG) == (0, 0)
    os.kill(process, signal.SIGKILL)


async def test_a_failure_to_open_is_reported(opener: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opener / "a.txt"
    file.write_text("x")
    (opener / "code").write_text("3")
    assert not await open_path(str(file))
    assert not await open_path("a.txt")
    assert not await open_path(str(opener / "gone.txt"))
    (opener / "given").unlink()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not await open_path(str(file))
    assert not (opener / "given").exists()
