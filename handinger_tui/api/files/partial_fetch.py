"""Peek: the beginning of a worker's file, into memory, judged and followed exactly as a download is."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from handinger_tui.api import response as body
from handinger_tui.api.client import WorkerClient
from handinger_tui.api.files.download import Progress, Refresh, followed
from handinger_tui.api.files.headers import decode_data_url
from handinger_tui.api.files.range_resume import size_told
from handinger_tui.api.files.urls import checked
from handinger_tui.core.errors import ApiError, LinkExpired
from handinger_tui.core.turns.turn import Kind

_SLACK: Final = 1 << 20
"""Bytes that may come beyond what is wanted before the body's own limit speaks: a packed body is bigger."""


@dataclass(frozen=True, slots=True)
class FileBeginning:
    """The first bytes of a file. `whole`: that is all of it; `total`: its size where it was told."""

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
    """At most `most` bytes of the file at `url`; what comes behind them is not read.

    `refresh` is asked once when the address may have expired, as `downloads.save` does.

    Raises:
        LinkExpired: the address may be stale, and there is no fresh one.
        ApiError: as `downloads.save`, but for the disk.
    """
    try:
        return await _peek(client, url, most, progress)
    except LinkExpired:
        fresh = await refresh() if refresh is not None else None
        if fresh is None:
            raise
    return await _peek(client, fresh, most, progress)


async def _peek(client: WorkerClient, url: str, most: int, progress: Progress | None) -> FileBeginning:
    if url[:5].lower() == "data:":
        content, _ = await asyncio.to_thread(decode_data_url, url, client.limits.max_file_bytes)
        return FileBeginning(content[:most], len(content) <= most, len(content))
    async with followed(client, checked(client, url), {}) as (response, _):
        total = size_told(response.status_code, response.headers)
        found = bytearray()
        chunks = body.chunks(response, client.limits.idle_timeout, most + _SLACK)
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    found += chunk
                    if progress is not None:
                        progress(min(len(found), most), total)
                    if len(found) > most:
                        break
        except ApiError as trouble:
            # A packed body may pass its limit before it gives as much as is wanted.
            if trouble.kind is not Kind.TOO_LARGE or not found:
                raise
            return FileBeginning(bytes(found[:most]), whole=False, total=total)
    # A part that nobody asked for may be shorter than the file.
    missing = total is not None and len(found) < total
    return FileBeginning(bytes(found[:most]), whole=len(found) <= most and not missing, total=total)
