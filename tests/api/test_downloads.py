"""Files from outside: saved in the folder, under a safe and free name, completely or not at all."""

from __future__ import annotations

import asyncio
import base64
import errno
import gzip
import os
import re
import socket
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.api import atomic_file
from handinger_tui.api.client import WorkerClient
from handinger_tui.api.download import save
from handinger_tui.api.file_urls import check_file_url, is_private_host, next_hop
from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import ApiError
from handinger_tui.core.safety import Secret
from handinger_tui.core.turns.turn import ErrorKind
from tests.api.conftest import KEY, Clients, listing
from tests.api.server import Script, Server, head, raw, respond

if TYPE_CHECKING:
    from pathlib import Path

ROUTE = "/api/workers/w1/files/report.txt"


def occupied(folder: Path, *files: str) -> None:
    folder.mkdir()
    for name in files:
        (folder / name).write_text("mine")


def content(body: bytes = b"file body\n", headers: dict[str, str] | None = None) -> Script:
    return respond(200, body, {"Content-Type": "application/octet-stream", **(headers or {})})


async def refused(client: WorkerClient, url: str, folder: Path, name: str | None = None) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await save(client, url, folder, name)
    assert not [name for name in listing(folder) if name.endswith(".part")]
    return caught.value


async def test_what_a_killed_download_left_is_removed_a_week_later(
    server: Server, client: WorkerClient, folder: Path
) -> None:
    old = f".handinger-{'a' * 16}.part"
    kept = (f".handinger-{'b' * 16}.part", f".handinger-{'c' * 15}.part", "x.part", f"x{old}")
    occupied(folder, old, *kept)
    for name in (old, *kept):
        if name != kept[0]:
            os.utime(folder / name, (0, 0))
    target = folder.parent / "elsewhere"
    target.write_text("mine")
    os.utime(target, (0, 0))
    link, subfolder = (folder / f".handinger-{letter * 16}.part" for letter in "de")
    link.symlink_to(target)
    os.utime(link, (0, 0), follow_symlinks=False)
    subfolder.mkdir()
    os.utime(subfolder, (0, 0))
    server.answer(content())
    await save(client, ROUTE, folder, wanted=10)
    assert listing(folder) == sorted([*kept, link.name, subfolder.name, "report.txt"])
    assert target.read_text() == "mine"


async def test_a_file_is_saved(server: Server, client: WorkerClient, folder: Path) -> None:
    server.answer(content())
    path = await save(client, ROUTE, folder, wanted=10)
    assert path == folder / "report.txt"
    assert path.read_bytes() == b"file body\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1
    assert listing(folder) == ["report.txt"]
    assert server.requests[0].header("authorization") == f"Bearer {KEY}"


async def test_nothing_is_overwritten(
    server: Server, client: WorkerClient, folder: Path, tmp_path: Path
) -> None:
    server.answer(content())
    occupied(folder, "report (2).txt")
    outside = tmp_path / "precious"
    os.symlink(outside, folder / "report.txt")
    path = await save(client, ROUTE, folder)
    assert path.name == "report (3).txt"
    assert not outside.exists()
    assert (folder / "report (2).txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("../../evil.sh", "evil.sh"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\evil.exe", "evil.exe"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("..", "file"),
        ("a\0b\n\x1b[31m.txt", "a_b__[31m.txt"),
        ("no-extension", "no-extension"),
    ],
)
async def test_names_are_sanitized(
    server: Server, client: WorkerClient, folder: Path, name: str, saved: str
) -> None:
    server.answer(content())
    first = await save(client, ROUTE, folder, name)
    second = await save(client, ROUTE, folder, name)
    assert first == folder / saved
    assert second.parent == folder
    assert second != first
    assert len(listing(folder)) == 2


@pytest.mark.parametrize(
    ("disposition", "saved"),
    [
        ('attachment; filename="plan.pdf"', "plan.pdf"),
        ("attachment; filename=plan.pdf", "plan.pdf"),
        ("attachment; filename=\"a.txt\"; filename*=UTF-8''caf%C3%A9.txt", "café.txt"),
        ("attachment; filename*=ISO-8859-1''caf%E9.txt", "café.txt"),
        ("attachment; filename*=UTF-8''..%2F..%2Fevil.sh", "evil.sh"),
        ('attachment; filename="../../../evil.sh"', "evil.sh"),
        ('attachment; filename="a\\"b.txt"', "a_b.txt"),
        ("attachment; filename*=klingon''%FFx.txt", "report.txt"),
        (';;;=;"', "report.txt"),
        # Charsets of Python that raise an error even with errors="replace".
        ("attachment; filename*=idna''%41.txt", "report.txt"),
        ("attachment; filename*=undefined''x.txt; filename=b.txt", "b.txt"),
        ("attachment; filename*=punycode''%ff.txt; filename=b.txt", "b.txt"),
        ("attachment; filename*=unicode_escape''%5cN; filename=b.txt", "b.txt"),
        # Text that only looks like the parameter, or is inside another one.
        ('attachment; notfilename="x.exe"; filename="y.txt"', "y.txt"),
        ("attachment; filename=\"a; filename*=UTF-8''evil.exe\"", "a; filename_=UTF-8''evil.exe"),
        ('attachment; x="; filename=evil.exe"; filename=b.txt', "b.txt"),
        ("attachment; filename*=\"UTF-8''b%20c.txt\"", "b c.txt"),
        ("attachment; filename=my plan.pdf ; size=3", "my plan.pdf"),
        ("attachment; filename=b.txt, attachment; filename=c.txt", "b.txt"),
        ('attachment; filename="cut', "cut"),
        ("attachment; filename*=UTF-8''; filename=b.txt", "b.txt"),
        ('filename="b.txt"', "b.txt"),
    ],
)
async def test_the_name_in_content_disposition(
    server: Server, client: WorkerClient, folder: Path, disposition: str, saved: str
) -> None:
    server.answer(content(headers={"Content-Disposition": disposition}))
    assert (await save(client, ROUTE, folder)).name == saved


# -- addresses ------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ftp://e.example/x",
        "blob:https://e.example/uuid",
        "mailto:a@b.example",
        "http:\\\\e.example\\x",
        "/api/workers/w1/files/../../../admin",
        "/api/workers/w1/files/%2e%2E/x",
        "http://127.0.0.1@e.example/x",
        "https://e.example/a\r\nX-Evil: 1",
        "/api/workers/w1/files/a\r\nX-Evil: 1",
        "https://[bad",
        "https:///x",
        "http://192.0.2.1/latest/meta-data/",
        "http://169.254.169.254/",
        "http://[::ffff:169.254.169.254]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://e.example/x",
        "HTTP://1.1.1.1/x",
        "https://[64:ff9b::169.254.169.254]/",
        "https://[2002:7f00:1::]/",
        "https://[ff02::1]/",
        "https://224.0.0.1/",
        "https://intranet/x",
        "https://printer.local/x",
        "data:no comma",
        "data:text/plain;base64,a",
        "data:text/plain;base64,****",
    ],
)
async def test_addresses_that_are_not_fetched(
    server: Server, client: WorkerClient, folder: Path, url: str
) -> None:
    assert (await refused(client, url, folder)).kind is ErrorKind.UNSAFE_URL
    assert server.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.8", "[::1]"])
def test_a_public_service_cannot_redirect_into_the_local_network(host: str) -> None:
    client = WorkerClient("https://v3.handinger.example", Secret(KEY))
    with pytest.raises(ApiError) as caught:
        check_file_url(client, f"http://{host}:9/x")
    assert caught.value.kind is ErrorKind.UNSAFE_URL


@pytest.mark.parametrize(
    ("scheme", "kind", "first"),
    [("http", ErrorKind.UNSAFE_URL, []), ("https", ErrorKind.CONNECT, [b"\x16\x03"])],
)
async def test_a_public_name_of_a_private_address_needs_a_certificate(
    folder: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, kind: ErrorKind, first: list[bytes]
) -> None:
    """Only the name is judged. What answers there has to prove it with TLS before it is asked."""
    received, resolve = list[bytes](), socket.getaddrinfo

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(2))
        writer.close()

    def here(_: object, *others: Any, **more: Any) -> Any:
        return resolve("127.0.0.1", *others, **more)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    async with (
        await asyncio.start_server(take, "127.0.0.1") as inside,
        WorkerClient("https://v3.handinger.example", Secret(KEY)) as client,
    ):
        port = inside.sockets[0].getsockname()[1]
        assert (await refused(client, f"{scheme}://files.example:{port}/x", folder)).kind is kind
    assert received[:1] == first


def test_public_hosts_are_public() -> None:
    assert not is_private_host("files.example.com")
    assert not is_private_host("1.1.1.1")
    assert not is_private_host("2606:4700::1111")
    assert not is_private_host("64:ff9b::1.1.1.1")


async def test_the_key_goes_only_to_its_own_origin(
    server: Server, other: Server, client: WorkerClient, folder: Path
) -> None:
    server.answer(respond(302, b"", {"Location": f"{other.url}/signed/x.bin?sig=abc"}))
    other.answer(content(headers={"Set-Cookie": "a=b"}))
    path = await save(client, ROUTE, folder)
    assert path.name == "report.txt"
    await save(client, f"{other.url}/y.bin", folder)
    assert [request.target for request in other.requests] == ["/signed/x.bin?sig=abc", "/y.bin"]
    for request in other.requests:
        assert KEY not in repr(request)
        assert request.header("cookie") is None


async def test_redirects_end(server: Server, client: WorkerClient, folder: Path) -> None:
    server.answer(respond(302, b"", {"Location": ROUTE}))
    assert (await refused(client, ROUTE, folder)).kind is ErrorKind.REDIRECT
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("file:///etc/passwd", ErrorKind.UNSAFE_URL),
        ("http://169.254.169.254/", ErrorKind.UNSAFE_URL),
        ("http://[bad", ErrorKind.UNSAFE_URL),
        ("http://files.example.com/x", ErrorKind.UNSAFE_URL),
        ("data:text/plain,x", ErrorKind.UNSAFE_URL),
        ("", ErrorKind.REDIRECT),
    ],
)
async def test_redirects_are_checked_too(
    server: Server, client: WorkerClient, folder: Path, location: str, kind: ErrorKind
) -> None:
    server.answer(respond(302, b"", {"Location": location}))
    assert (await refused(client, ROUTE, folder)).kind is kind
    assert len(server.requests) == 1


def test_https_never_becomes_http() -> None:
    client = WorkerClient("https://v3.handinger.example", Secret(KEY))
    with pytest.raises(ApiError) as caught:
        next_hop(client, "https://a.example/x", "http://a.example/x")
    assert caught.value.kind is ErrorKind.UNSAFE_URL
    assert next_hop(client, "https://a.example/x", "//b.example/y") == "https://b.example/y"


async def test_data_urls(client: WorkerClient, folder: Path) -> None:
    packed = base64.b64encode(b"\x89PNG\xff\xfe").decode()
    assert (await save(client, f"data:image/png;base64,{packed}", folder)).read_bytes() == b"\x89PNG\xff\xfe"
    url_safe = packed.replace("+", "-").replace("/", "_").rstrip("=")
    path = await save(client, f"DATA:image/png;base64,{url_safe}", folder, "../x.png")
    assert (path.name, path.read_bytes()) == ("x.png", b"\x89PNG\xff\xfe")
    text = await save(client, "data:,a%20b", folder)
    assert (text.name, text.read_bytes()) == ("file.txt", b"a b")


# -- completely or not at all -------------------------------------------------------------
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (raw(head(200, {"Content-Length": "1000"}) + b"half"), ErrorKind.INCOMPLETE),
        (raw(head(200, {"Transfer-Encoding": "chunked"}) + b"4\r\nhalf\r\n"), ErrorKind.INCOMPLETE),
        (respond(200, gzip.compress(b"x" * 100)[:-6], {"Content-Encoding": "gzip"}), ErrorKind.INCOMPLETE),
        (respond(200, b"x", {"Content-Encoding": "br"}), ErrorKind.ENCODING),
        (respond(404, b'{"error":"gone"}', {"Content-Type": "application/json"}), ErrorKind.NOT_FOUND),
        (respond(403, b""), ErrorKind.FORBIDDEN),
        (respond(200, b"x" * 20_001), ErrorKind.TOO_LARGE),
        (respond(200, gzip.compress(b"x" * 20_001), {"Content-Encoding": "gzip"}), ErrorKind.TOO_LARGE),
        (raw(b""), ErrorKind.NETWORK),
    ],
)
async def test_an_incomplete_file_is_not_saved(
    server: Server, connect: Clients, folder: Path, script: Script, kind: ErrorKind
) -> None:
    client = await connect(server.url, ResponseLimits(max_file_bytes=20_000))
    server.answer(script)
    assert (await refused(client, ROUTE, folder)).kind is kind
    assert listing(folder) == []


async def test_a_wrong_size_is_refused(server: Server, client: WorkerClient, folder: Path) -> None:
    server.answer(content(b"1234"))
    with pytest.raises(ApiError) as caught:
        await save(client, ROUTE, folder, wanted=5)
    assert caught.value.kind is ErrorKind.INCOMPLETE
    assert listing(folder) == []


async def test_a_large_data_url(connect: Clients, server: Server, folder: Path) -> None:
    client = await connect(server.url, ResponseLimits(max_file_bytes=100))
    assert (await refused(client, "data:," + "x" * 101, folder)).kind is ErrorKind.TOO_LARGE
    assert (await refused(client, "data:," + "x" * 1000, folder)).kind is ErrorKind.TOO_LARGE


async def test_packed_files_are_unpacked(server: Server, client: WorkerClient, folder: Path) -> None:
    server.answer(content(gzip.compress(b"hello\n"), {"Content-Encoding": "gzip"}))
    assert (await save(client, ROUTE, folder)).read_bytes() == b"hello\n"


async def test_a_folder_that_is_a_file(server: Server, client: WorkerClient, tmp_path: Path) -> None:
    server.answer(content())
    (tmp_path / "file").write_text("x")
    assert (await refused(client, ROUTE, tmp_path / "file" / "below")).kind is ErrorKind.DISK


async def test_a_full_disk(
    server: Server, client: WorkerClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    server.answer(content())
    trouble = await refused(client, ROUTE, folder)
    assert trouble.kind is ErrorKind.DISK
    assert "No space left" in trouble.summary
    assert listing(folder) == []


async def test_a_download_that_is_cancelled_while_it_gets_its_name_leaves_no_file(
    server: Server, client: WorkerClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_naming, go_on = threading.Event(), threading.Event()
    link = os.link

    def slow_link(*args: Any, **named: Any) -> None:
        link(*args, **named)
        is_naming.set()
        go_on.wait()

    monkeypatch.setattr(os, "link", slow_link)
    server.answer(content())
    download = asyncio.create_task(save(client, ROUTE, folder))
    await asyncio.to_thread(is_naming.wait)
    download.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await download
    assert listing(folder) == []


async def test_a_file_system_without_links(
    server: Server, client: WorkerClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_args: object, **_named: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    server.answer(content())
    occupied(folder, "report.txt")
    path = await save(client, ROUTE, folder)
    assert path.name == "report (2).txt"
    assert path.read_bytes() == b"file body\n"
    assert (folder / "report.txt").read_text() == "mine"
    assert len(listing(folder)) == 2


def test_free_names() -> None:
    def first(name: str) -> list[str]:
        names = atomic_file.candidate_names(name)
        return [next(names), next(names)]

    assert first("a.tar.gz") == ["a.tar.gz", "a (2).tar.gz"]
    assert first("a") == ["a", "a (2)"]


@pytest.mark.parametrize("status", [402, 403, 404, 409, 429, 500, 503])
async def test_the_error_of_a_file_does_not_mention_a_message(
    status: int, server: Server, client: WorkerClient, folder: Path
) -> None:
    server.answer(respond(status, b"{}", {"Content-Type": "application/json"}))
    problem = await refused(client, ROUTE, folder)
    words = f"{problem.summary} {problem.hint}"
    assert not re.search(r"send again|was sent|charged|may cost|generation", words), words


async def test_a_file_of_a_local_worker_that_has_ended_is_reported(
    client: WorkerClient, folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    problem = await refused(client, f"http://127.0.0.1:{port}/api/workers/w/files/a.txt", folder)
    assert "Nothing was sent" not in problem.summary
    assert problem.hint == "The local worker that made it has ended, and its files with it."
