"""Expired links, a key that stays with its origin, and folders and names that change during a download."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from handinger_tui.api import atomic_file
from handinger_tui.api.atomic_file import write_atomically
from handinger_tui.api.download import save
from handinger_tui.core.errors import ApiError, LinkExpired
from handinger_tui.core.turns.turn import ErrorKind
from tests.api.conftest import KEY, Clients, listing
from tests.api.server import Server, respond

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from handinger_tui.api.client import WorkerClient

ROUTE = "/api/workers/w1/files/report.txt"
BODY = b"file body\n"
PRECIOUS = "mine\n"


# -- expired links ------------------------------------------------------------------------
STALE = (401, 403, 404, 410)


@pytest.mark.parametrize("status", STALE)
@pytest.mark.parametrize("query", ["", "?sig=abc"])
async def test_a_refusal_from_elsewhere_may_be_an_expired_link(
    other: Server, client: WorkerClient, folder: Path, status: int, query: str
) -> None:
    other.answer(respond(status, b"<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(LinkExpired) as caught:
        await save(client, f"{other.url}/x.txt{query}", folder)
    assert f"127.0.0.1 refused the link to the file ({status})" in caught.value.summary
    assert "free" in caught.value.hint
    assert caught.value.http_status == status
    assert not caught.value.chargeable
    assert listing(folder) == []


@pytest.mark.parametrize(
    "query", ["?X-Amz-Signature=a", "?Expires=1&Signature=b", "?se=2026&sig=c", "?token=d"]
)
@pytest.mark.parametrize("status", [400, *STALE])
async def test_a_signed_link_to_any_host_may_be_expired(
    server: Server, client: WorkerClient, folder: Path, query: str, status: int
) -> None:
    server.answer(respond(status, b"expired"))
    with pytest.raises(LinkExpired):
        await save(client, ROUTE + query, folder)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, ErrorKind.AUTH), (403, ErrorKind.FORBIDDEN), (404, ErrorKind.NOT_FOUND)]
)
async def test_a_refusal_of_the_service_itself_is_not_an_expired_link(
    server: Server, client: WorkerClient, folder: Path, status: int, kind: ErrorKind
) -> None:
    server.answer(respond(status, b""))

    async def fresh() -> str:
        raise AssertionError("nobody should ask")

    with pytest.raises(ApiError) as caught:
        await save(client, f"{ROUTE}?page=2", folder, refresh=fresh)
    assert caught.value.kind is kind
    assert not isinstance(caught.value, LinkExpired)


@pytest.mark.parametrize("status", [400, 409, 500, 503])
async def test_other_errors_of_another_origin_are_not_an_expired_link(
    other: Server, client: WorkerClient, folder: Path, status: int
) -> None:
    other.answer(respond(status, b""))
    with pytest.raises(ApiError) as caught:
        await save(client, f"{other.url}/x.txt", folder)
    assert not isinstance(caught.value, LinkExpired)


async def test_a_link_is_renewed_once(other: Server, client: WorkerClient, folder: Path) -> None:
    renewals = 0

    async def fresh() -> str:
        nonlocal renewals
        renewals += 1
        return f"{other.url}/x.txt?sig=new"

    other.answer(respond(403, b""), respond(200, BODY))
    path = await save(client, f"{other.url}/x.txt?sig=old", folder, wanted=3, refresh=fresh)
    assert path.read_bytes() == BODY, "the size in the old listing says nothing of the file of now"
    other.requests.clear()
    other.answer(respond(403, b""))
    with pytest.raises(LinkExpired):
        await save(client, f"{other.url}/x.txt?sig=old", folder, refresh=fresh)
    assert renewals == 2
    assert [request.target for request in other.requests] == ["/x.txt?sig=old", "/x.txt?sig=new"]
    assert listing(folder) == ["x.txt"]


async def test_a_redirect_to_an_expired_link_is_followed_again(
    server: Server, other: Server, client: WorkerClient, folder: Path
) -> None:
    async def fresh() -> str:
        return ROUTE

    server.answer(*(respond(302, b"", {"Location": f"{other.url}/x?sig={n}"}) for n in (1, 2)))
    other.answer(respond(410, b""), respond(200, BODY))
    assert (await save(client, ROUTE, folder, refresh=fresh)).read_bytes() == BODY


async def test_a_file_that_is_no_longer_there(other: Server, client: WorkerClient, folder: Path) -> None:
    async def missing() -> None:
        return None

    other.answer(respond(404, b""))
    with pytest.raises(LinkExpired):
        await save(client, f"{other.url}/x.txt", folder, refresh=missing)
    assert len(other.requests) == 1


async def test_a_renewed_link_is_checked_too(other: Server, client: WorkerClient, folder: Path) -> None:
    async def hostile() -> str:
        return "file:///etc/passwd"

    other.answer(respond(404, b""))
    with pytest.raises(ApiError) as caught:
        await save(client, f"{other.url}/x.txt", folder, refresh=hostile)
    assert caught.value.kind is ErrorKind.UNSAFE_URL


async def test_another_origin_receives_no_header_of_ours(
    server: Server, other: Server, connect: Clients, folder: Path
) -> None:
    client = await connect(server.url, headers={"X-Team": "secret-team"})
    server.answer(respond(307, b"", {"Location": f"{other.url}/a"}))
    other.answer(respond(302, b"", {"Location": "/b"}), respond(200, BODY))
    await save(client, ROUTE, folder)
    assert server.requests[0].header("x-team") == "secret-team"
    assert server.requests[0].header("authorization") == f"Bearer {KEY}"
    assert [request.target for request in other.requests] == ["/a", "/b"]
    for request in other.requests:
        names = {name.lower() for name, _ in request.headers}
        assert names == {"host", "accept", "accept-encoding", "connection", "user-agent"}
        assert "secret" not in repr(request)
        assert KEY not in repr(request)


# -- changes during a download -----------------------------------------------------------------
async def blocks(*steps: Callable[[], object]) -> AsyncIterator[bytes]:
    """Three blocks that are written immediately, with a callback after each."""
    for number in range(3):
        yield b"x" * atomic_file.BLOCK
        if number < len(steps):
            steps[number]()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder into which nothing may be written."""
    elsewhere = tmp_path / "outside"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text(PRECIOUS)
    return elsewhere


def untouched(outside: Path) -> bool:
    return listing(outside) == ["precious"] and (outside / "precious").read_text() == PRECIOUS


async def test_a_folder_swapped_for_a_link(folder: Path, outside: Path) -> None:
    moved = folder.with_name("moved")

    def swap() -> None:
        folder.rename(moved)
        folder.symlink_to(outside)

    with pytest.raises(ApiError) as caught:
        await write_atomically(blocks(swap), folder, "report.txt")
    assert caught.value.kind is ErrorKind.DISK
    assert "replaced" in caught.value.summary
    assert untouched(outside)
    assert listing(moved) == []


def link_to_new(real: Path, link: Path) -> None:
    real.mkdir()
    link.symlink_to(real)


async def test_a_folder_that_is_a_link_from_the_start_is_used(folder: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    link_to_new(real, folder)
    path = await write_atomically(blocks(), folder, "report.txt")
    assert path == folder / "report.txt"
    assert listing(real) == ["report.txt"]


async def test_a_folder_that_is_deleted_during_the_download(folder: Path) -> None:
    moved = folder.with_name("moved")
    with pytest.raises(ApiError) as caught:
        await write_atomically(blocks(lambda: folder.rename(moved)), folder, "report.txt")
    assert caught.value.kind is ErrorKind.DISK
    assert listing(moved) == []


async def test_a_link_created_under_the_name_during_the_download(folder: Path, outside: Path) -> None:
    occupied = folder / "report.txt"
    path = await write_atomically(
        blocks(lambda: occupied.symlink_to(outside / "precious")), folder, "report.txt"
    )
    assert path.name == "report (2).txt"
    assert untouched(outside)
    assert occupied.is_symlink()


@pytest.mark.parametrize("links", [True, False])
async def test_our_temporary_file_swapped_for_a_link(
    folder: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def swap() -> None:
        [part] = folder.iterdir()
        part.unlink()
        part.symlink_to(outside / "precious")

    def none(*_args: object, **_named: object) -> None:
        raise OSError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", none)
    with pytest.raises(ApiError) as caught:
        await write_atomically(blocks(swap), folder, "report.txt")
    assert caught.value.kind is ErrorKind.DISK
    assert untouched(outside)
    assert links == (listing(folder) == [])


class Swapper:
    """A thread that creates and removes a link to the outside under a name, until it is stopped."""

    def __init__(self, name: Path, target: Path) -> None:
        self._name = name
        self._target = target
        self._stop = threading.Event()
        self.swaps = 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Swapper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.0005):
            try:
                self._name.symlink_to(self._target)
            except FileExistsError:
                # Only a link is removed: a saved file is kept.
                if not self._name.is_symlink():
                    return
                self._name.unlink()
            self.swaps += 1


@pytest.mark.parametrize("links", [True, False])
async def test_a_name_that_is_repeatedly_replaced_by_a_link(
    server: Server,
    client: WorkerClient,
    folder: Path,
    outside: Path,
    monkeypatch: pytest.MonkeyPatch,
    links: bool,
) -> None:
    def none(*_args: object, **_named: object) -> None:
        raise OSError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", none)
    os.mkdir(folder)
    server.answer(respond(200, BODY))
    swaps = 0
    for number in range(30):
        name = f"report-{number}.txt"
        with Swapper(folder / name, outside / "precious") as swapper:
            path = await save(client, ROUTE, folder, name)
        swaps += swapper.swaps
        assert path.parent == folder
        assert path.read_bytes() == BODY
        assert not path.is_symlink()
    assert swaps
    assert untouched(outside)
    assert not [name for name in listing(folder) if name.endswith(".part")]
