"""A download that is cut resumes where it stopped: with the same version, from the start, or not at all."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import pytest

from handinger_tui.api.download import (
    MAX_FRUITLESS,
    MAX_RESTARTS,
    MIN_PROGRESS,
    RangeResult,
    Version,
    judge_range_response,
    save,
    version_of,
)
from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import ApiError, LinkExpired
from handinger_tui.core.turns.turn import ErrorKind
from tests.api.conftest import KEY, Clients, Pauses, listing
from tests.api.server import Peer, Script, Server, chunk, head, raw, respond

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.api.client import WorkerClient

ROUTE = "/api/workers/w1/files/report.bin"
BODY = bytes(range(250)) * 8
TAG = '"v1"'
RANGES = {"Accept-Ranges": "bytes", "ETag": TAG}
CHANGED = {"Last-Modified": "Tue, 01 Sep 2026 10:00:00 GMT"}
LATER = {"Date": "Tue, 01 Sep 2026 10:00:01 GMT"}


def cut(at: int, headers: dict[str, str] | None = None, body: bytes = BODY) -> Script:
    """The beginning of the file, then the end of the connection."""
    fields = {"Content-Length": str(len(body)), **(RANGES if headers is None else headers)}
    return raw(head(200, fields) + body[:at])


def remainder(
    start: int, headers: dict[str, str] | None = None, body: bytes = BODY, end: int | None = None
) -> Script:
    """The part from `start` on."""
    end = len(body) if end is None else end
    fields = {"Content-Range": f"bytes {start}-{end - 1}/{len(body)}", "ETag": TAG, **(headers or {})}
    return respond(206, body[start:end], fields)


def range_requests(server: Server) -> list[tuple[str | None, str | None]]:
    return [(request.header("range"), request.header("if-range")) for request in server.requests]


async def failed(client: WorkerClient, folder: Path, url: str = ROUTE) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await save(client, url, folder)
    assert listing(folder) == []
    return caught.value


async def test_the_remainder_is_requested(
    server: Server, client: WorkerClient, folder: Path, pauses: Pauses
) -> None:
    server.answer(cut(700), remainder(700))
    path = await save(client, ROUTE, folder, wanted=len(BODY))
    assert path.read_bytes() == BODY
    assert range_requests(server) == [(None, None), ("bytes=700-", TAG)]
    assert [request.header("accept-encoding") for request in server.requests] == ["identity", "identity"]
    assert [request.header("authorization") for request in server.requests] == [f"Bearer {KEY}"] * 2
    assert [0.7 < pause <= 1.0 for pause in pauses.seconds] == [True]
    assert listing(folder) == ["report.bin"]


async def test_a_date_names_a_version_too(server: Server, client: WorkerClient, folder: Path) -> None:
    server.answer(cut(1, {**CHANGED, **LATER}), remainder(1, {"ETag": "", **CHANGED}))
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY
    assert range_requests(server)[1] == ("bytes=1-", CHANGED["Last-Modified"])


async def test_a_cut_before_the_first_byte_requests_the_complete_file(
    server: Server, client: WorkerClient, folder: Path
) -> None:
    server.answer(cut(0), respond(200, BODY, RANGES))
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY
    assert range_requests(server) == [(None, None)] * 2


async def test_many_cuts_and_short_parts(server: Server, client: WorkerClient, folder: Path) -> None:
    server.answer(cut(100), remainder(100, end=400), remainder(400, end=401), remainder(401))
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY
    assert [range_ for range_, _ in range_requests(server)] == [
        None,
        "bytes=100-",
        "bytes=400-",
        "bytes=401-",
    ]


async def test_a_silence_is_a_cut(server: Server, connect: Clients, folder: Path) -> None:
    async def silent(peer: Peer) -> None:
        await peer.send(head(200, {"Content-Length": str(len(BODY)), **RANGES}) + BODY[:9])
        await peer.wait_for_close()

    client = await connect(server.url, ResponseLimits(idle_timeout=0.1))
    server.answer(silent, remainder(9))
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY


# -- another version, or none --------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept-Ranges": "bytes"},
        {"Accept-Ranges": "none", "ETag": TAG},
        {"ETag": 'W/"v1"'},
        {"ETag": 'W/"v1"', **CHANGED, **LATER},
        {"ETag": "v1"},
        {"ETag": '"a"b"'},
        CHANGED,
        {**CHANGED, "Date": "Tue, 01 Sep 2026 10:00:00 GMT"},
        {"Last-Modified": "yesterday", **LATER},
    ],
)
async def test_without_a_strong_version_nothing_is_joined(
    server: Server, client: WorkerClient, folder: Path, headers: dict[str, str]
) -> None:
    server.answer(cut(700, headers))
    trouble = await failed(client, folder)
    assert trouble.kind is ErrorKind.INCOMPLETE
    assert "700" in trouble.summary
    assert len(server.requests) == 1


async def test_a_compressed_file_is_not_resumed(server: Server, client: WorkerClient, folder: Path) -> None:
    packed = gzip.compress(BODY)
    server.answer(raw(head(200, {"Content-Encoding": "gzip", "Content-Length": "999", **RANGES}) + packed))
    assert (await failed(client, folder)).kind is ErrorKind.INCOMPLETE
    assert len(server.requests) == 1


async def test_a_complete_answer_replaces_the_beginning(
    server: Server, client: WorkerClient, folder: Path
) -> None:
    server.answer(cut(700), respond(200, b"another version", {"ETag": '"v2"'}))
    assert (await save(client, ROUTE, folder)).read_bytes() == b"another version"


OTHER = b"x" * len(BODY)


@pytest.mark.parametrize(
    "second",
    [
        remainder(699),
        remainder(701),
        remainder(0),
        remainder(700, body=OTHER + b"!"),
        remainder(700, {"ETag": '"v2"'}, OTHER),
        remainder(700, {"ETag": 'W/"v1"'}, OTHER),
        remainder(700, {"Content-Encoding": "gzip"}),
        remainder(700, {"Content-Range": "bytes 700-"}),
        remainder(700, {"Content-Range": "bytes 700-650/2000"}),
        remainder(700, {"Content-Range": "bytes 700-2000/2000"}),
        respond(206, BODY[700:], {"ETag": TAG}),
        respond(206, b"--x", {"Content-Type": "multipart/byteranges; boundary=x", "ETag": TAG}),
        respond(416, b"", {"Content-Range": "bytes */700"}),
        respond(416, b"", {"Content-Range": "bytes */5", "ETag": TAG}),
        respond(416, b"", {}),
    ],
)
async def test_a_remainder_that_does_not_fit_is_dropped(
    server: Server, client: WorkerClient, folder: Path, second: Script
) -> None:
    server.answer(cut(700), second, respond(200, BODY, RANGES))
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY
    assert range_requests(server) == [(None, None), ("bytes=700-", TAG), (None, None)]


async def test_416_for_the_same_version_means_complete(
    server: Server, client: WorkerClient, folder: Path
) -> None:
    all_but_the_end = head(200, {"Transfer-Encoding": "chunked", **RANGES}) + chunk(BODY)
    beyond = respond(416, b"", {"Content-Range": f"bytes */{len(BODY)}", "ETag": TAG})
    server.answer(raw(all_but_the_end), beyond)
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY


async def test_an_unrequested_part_is_refused(server: Server, client: WorkerClient, folder: Path) -> None:
    server.answer(remainder(5))
    assert (await failed(client, folder)).kind is ErrorKind.INCOMPLETE
    server.answer(remainder(0, RANGES, end=10), remainder(10))
    server.requests.clear()
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY


async def test_an_unrequested_416_is_refused(server: Server, client: WorkerClient, folder: Path) -> None:
    server.answer(respond(416, b""))
    assert (await failed(client, folder)).http_status == 416


# -- giving up -----------------------------------------------------------------------------
async def test_a_file_that_does_not_grow_is_given_up(
    server: Server, client: WorkerClient, folder: Path, pauses: Pauses
) -> None:
    server.answer(cut(700), remainder(700, end=701), raw(b""))
    trouble = await failed(client, folder)
    assert trouble.kind is ErrorKind.NETWORK
    assert len(server.requests) == 1 + MAX_FRUITLESS
    assert pauses.seconds == sorted(pauses.seconds)
    server.answer(cut(700))
    assert (await failed(client, folder)).kind is ErrorKind.INCOMPLETE


async def test_a_file_that_grows_is_not_given_up(server: Server, client: WorkerClient, folder: Path) -> None:
    steps = 3 * MAX_FRUITLESS
    body = b"y" * (MIN_PROGRESS * steps)
    parts = [
        remainder(MIN_PROGRESS * n, {"Connection": "close"}, body, MIN_PROGRESS * (n + 1))
        for n in range(1, steps)
    ]
    server.answer(cut(MIN_PROGRESS, body=body), *parts)
    assert (await save(client, ROUTE, folder)).read_bytes() == body
    assert len(server.requests) == steps


async def test_a_file_that_always_restarts_is_given_up(
    server: Server, client: WorkerClient, folder: Path
) -> None:
    body = b"z" * (4 * MIN_PROGRESS)
    server.answer(cut(2 * MIN_PROGRESS, body=body))
    trouble = await failed(client, folder)
    assert "changed during" in trouble.summary
    assert len(server.requests) == MAX_RESTARTS + 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_server_error_between_two_parts_is_retried(
    server: Server, client: WorkerClient, folder: Path, pauses: Pauses, status: int
) -> None:
    server.answer(cut(700), respond(status, b"", {"Retry-After": "7"}), remainder(700))
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY
    assert pauses.seconds[-1] == 7


async def test_a_refusal_between_two_parts_is_final(
    server: Server, client: WorkerClient, folder: Path
) -> None:
    server.answer(cut(700), respond(404, b""))
    assert (await failed(client, folder)).kind is ErrorKind.NOT_FOUND
    assert len(server.requests) == 2


async def test_the_first_request_is_sent_once(server: Server, client: WorkerClient, folder: Path) -> None:
    server.answer(respond(503, b""))
    assert (await failed(client, folder)).kind is ErrorKind.GATEWAY
    assert len(server.requests) == 1


async def test_a_download_that_is_cancelled_leaves_nothing(
    server: Server, client: WorkerClient, folder: Path
) -> None:
    under_way = asyncio.Event()

    async def endless(peer: Peer) -> None:
        await peer.send(head(200, {"Content-Length": "9000000", **RANGES}) + b"x" * 600_000)
        while not under_way.is_set():
            # The progress is reported with what comes, ten times a second at most.
            await asyncio.sleep(0.02)
            await peer.send(b"x")
        await peer.wait_for_close()

    server.answer(endless)
    saving = asyncio.create_task(
        save(client, ROUTE, folder, progress=lambda got, _total: under_way.set() if got else None)
    )
    async with asyncio.timeout(60):
        await under_way.wait()
    assert [name.endswith(".part") for name in listing(folder)] == [True]
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert listing(folder) == []


# -- other origins --------------------------------------------------------------------------
async def test_every_request_is_checked_and_the_key_goes_only_to_its_origin(
    server: Server, other: Server, client: WorkerClient, folder: Path
) -> None:
    signed = [respond(302, b"", {"Location": f"{other.url}/x.bin?sig={n}"}) for n in (1, 2)]
    server.answer(*signed)
    other.answer(cut(700), remainder(700))
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY
    assert [request.target for request in other.requests] == ["/x.bin?sig=1", "/x.bin?sig=2"]
    assert [bool(request.header("authorization")) for request in server.requests] == [True, True]
    assert all(KEY not in repr(request) for request in other.requests)


async def test_a_remainder_from_another_origin_is_dropped(
    server: Server, other: Server, client: WorkerClient, folder: Path
) -> None:
    server.answer(cut(700), respond(302, b"", {"Location": f"{other.url}/x.bin"}), respond(200, BODY))
    other.answer(remainder(700, body=OTHER))
    assert (await save(client, ROUTE, folder)).read_bytes() == BODY
    assert range_requests(server)[2] == (None, None)


async def test_a_redirect_of_a_later_request_is_checked(
    server: Server, client: WorkerClient, folder: Path
) -> None:
    server.answer(cut(700), respond(302, b"", {"Location": "http://169.254.169.254/"}))
    assert (await failed(client, folder)).kind is ErrorKind.UNSAFE_URL


async def test_a_link_that_expires_between_two_parts(
    server: Server, other: Server, client: WorkerClient, folder: Path
) -> None:
    other.answer(cut(700), respond(403, b""))
    server.answer(respond(200, BODY))

    async def fresh() -> str:
        return ROUTE

    assert isinstance(await failed(client, folder, f"{other.url}/x.bin"), LinkExpired)
    other.requests.clear()
    path = await save(client, f"{other.url}/x.bin", folder, refresh=fresh)
    assert path.read_bytes() == BODY
    assert range_requests(server) == [(None, None)]


# -- the check alone ---------------------------------------------------------------------------
def test_a_version_without_a_size_accepts_a_remainder_without_one() -> None:
    version = version_of("https://a.example/x?sig=1", {"etag": TAG}, None)
    assert version is not None
    answer = {"content-range": "bytes 5-9/*", "etag": TAG}
    assert judge_range_response(206, answer, "https://a.example/x?sig=2", version, 5) is RangeResult.CONTINUES
    assert judge_range_response(206, answer, "https://b.example/x", version, 5) is RangeResult.UNUSABLE
    assert judge_range_response(206, answer, "https://a.example/y", version, 5) is RangeResult.UNUSABLE
    assert judge_range_response(200, answer, "https://b.example/x", version, 5) is RangeResult.FULL_FILE
    dated = Version(CHANGED["Last-Modified"], version.place, None)
    assert (
        judge_range_response(206, {"content-range": "bytes 5-9/10"}, "https://a.example/x", dated, 5)
        is RangeResult.CONTINUES
    )
    newer = {"content-range": "bytes 5-9/10", "last-modified": "Tue, 01 Sep 2026 11:00:00 GMT"}
    assert judge_range_response(206, newer, "https://a.example/x", dated, 5) is RangeResult.UNUSABLE
