"""Downloads: a worker's file, from wherever it lies, to a folder of the person.

Every request is judged anew (`addresses`), at most five redirects are followed, a
cut file goes on where it stopped (`resume`), and only a whole one stays (`landing`).
"""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from handinger_tui.api import errors as faults
from handinger_tui.api import response as body
from handinger_tui.api.client import WorkerClient
from handinger_tui.api.files.atomic_file import AtomicFile, landing
from handinger_tui.api.files.headers import content_disposition_filename, content_length, decode_data_url
from handinger_tui.api.files.range_resume import (
    RESTARTS,
    Step,
    Tries,
    Version,
    judged,
    part_of,
    rest_of,
    size_told,
    version_of,
)
from handinger_tui.api.files.urls import as_link_error, checked, next_hop
from handinger_tui.core.errors import (
    ApiError,
    Doubtful,
    LinkExpired,
    Refused,
    ServerFault,
    StreamLost,
    Unreachable,
)
from handinger_tui.core.turns.turn import Kind

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS: Final = 5

Progress = Callable[[int, int | None], None]
"""Told the bytes so far and in all (None: nobody knows), ten times a second at most, and at the end.

The bytes so far shrink where a file has to begin again."""
Refresh = Callable[[], Awaitable[str | None]]
"""Reads the worker again and gives the file's address of now; None when it has none."""


async def save(  # noqa: PLR0913 - what the caller knows of the file, and its two ways of taking part
    client: WorkerClient,
    url: str,
    folder: Path,
    name: str | None = None,
    *,
    wanted: int | None = None,
    progress: Progress | None = None,
    refresh: Refresh | None = None,
) -> Path:
    """Fetch `url` (absolute, relative to the base URL, or `data:`) into `folder`; returns the new file.

    `name`: what to call it, else the server's word, else the address's last
    step; always made safe. `wanted`: the size in bytes, where the worker told it.
    `refresh` is asked once, when the address is refused and may have expired; its
    address is tried once, whatever size the old listing told.

    Raises:
        LinkExpired: the address may be stale, and there is no fresh one.
        ApiError: kinds unsafe_url, redirect, too_large, incomplete, network, idle_timeout,
            disk, not_found and the other refusals; no file stays behind.
    """
    meter = _Meter(progress)
    try:
        return await _save(client, url, folder, name, wanted, meter)
    except LinkExpired:
        fresh = await refresh() if refresh is not None else None
        if fresh is None:
            raise
    return await _save(client, fresh, folder, name, None, meter)


async def _save(
    client: WorkerClient, url: str, folder: Path, name: str | None, wanted: int | None, meter: _Meter
) -> Path:
    if url[:5].lower() == "data:":
        # Percent signs by the million take a second.
        content, media_type = await asyncio.to_thread(decode_data_url, url, client.limits.max_file_bytes)
        with landing(folder) as part:
            await part.write(content)
            meter.show(part.got, part.got, now=True)
            return await part.settle(name or f"file{mimetypes.guess_extension(media_type) or ''}", wanted)
    absolute = checked(client, url)
    download = _Download(client, absolute, wanted, meter)
    with landing(folder) as part:
        told = await download.into(part)
        return await part.settle(name or told or unquote(urlsplit(absolute).path.rpartition("/")[2]), wanted)


class _Meter:
    """Tells how far it is, seldom enough for a screen."""

    _SECONDS: Final = 0.1

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._next = 0.0

    def show(self, got: int, total: int | None, *, now: bool = False) -> None:
        """`now`: whether or not it is time."""
        if self._progress is None or (not now and time.monotonic() < self._next):
            return
        self._next = time.monotonic() + self._SECONDS
        self._progress(got, total)


class _Anew(Exception):
    """The answer does not fit what we have: everything is asked for again."""


class _Download:
    """One file, over as many requests as it takes."""

    def __init__(self, client: WorkerClient, url: str, wanted: int | None, meter: _Meter) -> None:
        self._client = client
        self._url = url
        self._wanted = wanted
        self._meter = meter
        self._tries = Tries(client.connection.pause)
        self._version: Version | None = None
        self._total: int | None = None
        self._name: str | None = None
        self._begun = False

    async def into(self, part: AtomicFile) -> str | None:
        """Fetch all of it; returns the name that the server told.

        Raises:
            ApiError
        """
        while (trouble := await self._attempt(part)) is not None:
            if not await self._tries.again(trouble, part.got):
                raise self._in_terms_of_files(trouble, part.got)
        self._meter.show(part.got, part.got, now=True)
        return self._name

    async def _attempt(self, part: AtomicFile) -> ApiError | None:
        """One request and its body; what went wrong, where asking again may help."""
        asked = rest_of(self._version, part.got) if self._version and part.got else {}
        try:
            async with followed(self._client, self._url, asked) as (response, here):
                if await self._prepared(response, here, part, asked=bool(asked)):
                    await self._take(response, part)
        except _Anew:
            await self._restart(part)
            return faults.file_changed()
        except ApiError as trouble:
            if not self._passing(trouble):
                said = self._in_terms_of_files(trouble, part.got)
                raise said from trouble.__cause__
            return trouble
        return None

    async def _restart(self, part: AtomicFile) -> None:
        self._tries.restarts += 1
        self._version = None
        await part.restart()

    async def _prepared(self, response: httpx.Response, here: str, part: AtomicFile, *, asked: bool) -> bool:
        """Make ready for a body; False when there is nothing left to take."""
        headers, status = response.headers, response.status_code
        if asked and self._version is not None:
            step = judged(status, headers, here, self._version, part.got)
            if step is Step.UNUSABLE:
                raise _Anew
            if step is Step.GOES_ON:
                self._total = self._total or (part_of(headers) or (0, None))[1]
                self._within_limit(part.got, content_length(headers))
            if step is not Step.ANEW:
                return step is Step.GOES_ON
            await self._restart(part)
            if self._tries.restarts > RESTARTS:
                raise faults.file_changed()
        self._first(status, headers, here)
        return True

    def _first(self, status: int, headers: httpx.Headers, here: str) -> None:
        """An answer that begins with the first byte: what it says of the file."""
        total = size_told(status, headers)
        self._begun = True
        self._total = total
        self._within_limit(0, content_length(headers))
        self._version = version_of(here, headers, total)
        self._name = content_disposition_filename(headers) or self._name

    def _within_limit(self, got: int, coming: int | None) -> None:
        limit = self._client.limits.max_file_bytes
        if max(got + (coming or 0), self._total or 0) > limit:
            raise faults.file_too_large(limit)

    async def _take(self, response: httpx.Response, part: AtomicFile) -> None:
        limits, total = self._client.limits, self._total
        shown = total if total is not None else self._wanted
        self._meter.show(part.got, shown)
        chunks = body.chunks(response, limits.idle_timeout, limits.max_file_bytes - part.got)
        async with aclosing(chunks):
            async for chunk in chunks:
                await part.write(chunk)
                self._meter.show(part.got, shown)
                if self._wanted is not None and part.got > self._wanted:
                    # It would not be kept, however much more there is.
                    raise faults.file_incomplete(part.got, self._wanted)
        if total is not None and part.got < total:
            raise faults.cut_short("a part of the file is missing")
        if total is not None and part.got > total:
            raise faults.file_incomplete(part.got, total)

    def _passing(self, trouble: ApiError) -> bool:
        """Whether asking again may help, and cannot harm."""
        if isinstance(trouble, StreamLost):
            return self._version is not None and trouble.kind in (Kind.NETWORK, Kind.IDLE_TIMEOUT)
        stumbled = isinstance(trouble, Unreachable | Doubtful | ServerFault)
        return self._begun and (stumbled or trouble.kind is Kind.RATE_LIMITED)

    def _in_terms_of_files(self, trouble: ApiError, got: int) -> ApiError:
        if not isinstance(trouble, StreamLost):
            return trouble
        if trouble.kind is Kind.NETWORK:
            return faults.file_incomplete(got, self._total)
        if trouble.kind is Kind.IDLE_TIMEOUT:
            return faults.file_stalled(got)
        if trouble.kind is Kind.TOO_LARGE:
            return faults.file_too_large(self._client.limits.max_file_bytes)
        return trouble


@asynccontextmanager
async def followed(
    client: WorkerClient, url: str, headers: dict[str, str]
) -> AsyncIterator[tuple[httpx.Response, str]]:
    """The answer at the end of all redirects, and its address.

    The key goes along until a redirect has left our origin, and does not come back with one
    that returns: another host must not choose what is read in our name.

    Raises:
        LinkExpired, ApiError
    """
    keyed = True
    for _ in range(MAX_REDIRECTS + 1):
        keyed = keyed and client.connection.authorized(url)
        try:
            async with client.connection.fetch(url, headers, keyed=keyed) as response:
                if not 300 <= response.status_code < 400:
                    yield response, url
                    return
                location = body.location_of(response)
                if not location:
                    raise faults.redirected(response.status_code, "")
        except Refused as refusal:
            raise as_link_error(client, url, refusal) from refusal.__cause__
        url = next_hop(client, url, location)
    raise faults.too_many_redirects(MAX_REDIRECTS)
