"""A partial fetch: the beginning of a worker's file in memory, with the same checks as a download."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from handinger_tui.api import response as body
from handinger_tui.api.client import WorkerClient
from handinger_tui.api.files.download import Progress, Refresh, follow_redirects
from handinger_tui.api.files.headers import decode_data_url
from handinger_tui.api.files.range_resume import first_response_size
from handinger_tui.api.files.urls import check_file_url
from handinger_tui.core.errors import ApiError, LinkExpired
from handinger_tui.core.turns.turn import Kind

_SLACK: Final = 1 << 20
"""Bytes above `most` that a body may have before its limit applies, since encoding may enlarge it."""


@dataclass(frozen=True, slots=True)
class FileBeginning:
    """The first bytes of a file. `whole`: `data` is the whole file; `total`: its size, where known."""

    data: bytes
    whole: bool
    total: int | None


async def fetch_beginning(
    client: WorkerClient,
    url: str,
    most: int,
    *,
    progress: Progress | None = None,
    refresh: Refresh | None = None,
) -> FileBeginning:
    """Fetch at most `most` bytes of the file at `url`; the rest is not read.

    `refresh` is called once when the URL may have expired, as in `download.save`.

    Raises:
        LinkExpired: the URL may be stale, and there is no fresh one.
        ApiError: see `download.save`; the kind DISK does not occur.
    """
    try:
        return await _fetch(client, url, most, progress)
    except LinkExpired:
        fresh = await refresh() if refresh is not None else None
        if fresh is None:
            raise
    return await _fetch(client, fresh, most, progress)


async def _fetch(client: WorkerClient, url: str, most: int, progress: Progress | None) -> FileBeginning:
    if url[:5].lower() == "data:":
        content, _ = await asyncio.to_thread(decode_data_url, url, client.limits.max_file_bytes)
        return FileBeginning(content[:most], len(content) <= most, len(content))
    async with follow_redirects(client, check_file_url(client, url), {}) as (response, _):
        total = first_response_size(response.status_code, response.headers)
        data = bytearray()
        chunks = body.chunks(response, client.limits.idle_timeout, most + _SLACK)
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    data += chunk
                    if progress is not None:
                        progress(min(len(data), most), total)
                    if len(data) > most:
                        break
        except ApiError as error:
            # An encoded body may exceed its limit before it yields `most` bytes.
            if error.kind is not Kind.TOO_LARGE or not data:
                raise
            return FileBeginning(bytes(data[:most]), whole=False, total=total)
    # A partial response that we did not request may be shorter than the file.
    is_partial = total is not None and len(data) < total
    return FileBeginning(bytes(data[:most]), whole=len(data) <= most and not is_partial, total=total)
