"""Bodies: the bytes of a response, undone, bounded in size, and never silent for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, cast

from handinger_tui.api import faults
from handinger_tui.api.drain import Drain
from handinger_tui.api.inflate import BadGzip, Gunzip
from handinger_tui.core.errors import ApiError

if TYPE_CHECKING:
    import httpx

_PLAIN: Final = frozenset({"", "identity"})
_GZIPPED: Final = frozenset({"gzip", "x-gzip"})


def unpacker(response: httpx.Response) -> Gunzip | None:
    """What undoes the body's encoding; None when there is none.

    Raises:
        BrokenContract: an encoding that we never asked for.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in _PLAIN:
        return None
    if encoding in _GZIPPED:
        return Gunzip()
    raise faults.unusable_encoding(encoding)


async def chunks(response: httpx.Response, idle: float, cap: int) -> AsyncGenerator[bytes, None]:
    """The body in pieces of at most 64 KiB or so; at most `cap` bytes, before and after unpacking.

    Raises:
        StreamLost: cut, silent for `idle` seconds, larger than `cap`, gzip without its end.
        BrokenContract: an encoding that cannot be undone.
    """
    gunzip = unpacker(response)
    arrived = 0
    given = 0
    # aiter_raw: aiter_bytes would unpack without bound and pass unknown encodings on.
    raw = cast("AsyncGenerator[bytes, None]", response.aiter_raw())
    async with aclosing(raw), aclosing(Drain(raw, idle)) as drain:
        while (chunk := await drain.next()) is not None:
            arrived += len(chunk)
            for number, piece in enumerate(_unpacked(gunzip, chunk)):
                given += len(piece)
                if max(arrived, given) > cap:
                    raise faults.too_much(cap)
                if number:
                    # One small chunk may unpack to thousands of pieces; let others run in between.
                    await asyncio.sleep(0)
                yield piece
            if arrived > cap:
                raise faults.too_much(cap)
    if gunzip is not None and not gunzip.complete:
        raise faults.cut_short("the packed answer ended before its end")


def _unpacked(gunzip: Gunzip | None, chunk: bytes) -> Iterable[bytes]:
    if gunzip is None:
        yield chunk
        return
    try:
        yield from gunzip.feed(chunk)
    except BadGzip as problem:
        raise faults.bad_gzip(started=problem.started) from None


async def whole(response: httpx.Response, idle: float, cap: int) -> bytes:
    """The whole body.

    Raises:
        StreamLost, BrokenContract: as `chunks`.
    """
    async with aclosing(chunks(response, idle, cap)) as pieces:
        return b"".join([piece async for piece in pieces])


_ERROR_BODY: Final = 2 << 20
_ERROR_SECONDS: Final = 10.0


async def refused(response: httpx.Response, idle: float) -> ApiError:
    """The error that a response outside 2xx stands for; its body is read as far as it is sensible."""
    found = bytearray()
    try:
        async with asyncio.timeout(min(idle, _ERROR_SECONDS)):
            async with aclosing(chunks(response, idle, _ERROR_BODY)) as pieces:
                async for piece in pieces:
                    found += piece
    except (ApiError, TimeoutError):
        pass  # The status alone decides; the text is a courtesy.
    headers = {**response.headers, "location": location_of(response)}
    return faults.refusal(response.status_code, headers, bytes(found))


def location_of(response: httpx.Response) -> str:
    """Where a redirect points to; "" for nowhere. `Connection` keeps it out of httpx's sight."""
    return str(response.extensions.get("location") or response.headers.get("location", ""))
