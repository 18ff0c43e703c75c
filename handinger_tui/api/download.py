"""Downloads of a worker's file from any host: the complete file into a folder, or its beginning into memory.

Every URL is checked (`file_urls`), at most five redirects are followed, and only a complete file is kept
(`atomic_file`). An interrupted download is resumed with a range request (RFC 9110, sections 13 and 14) if the
first response named a strong validator: a strong ETag, or a Last-Modified date at least one second before
Date. The second response is used only if it provably continues that version; otherwise the download restarts
from the first byte. Parts of two versions are never combined.
"""

from __future__ import annotations

import asyncio
import mimetypes
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from handinger_tui.api import errors
from handinger_tui.api.atomic_file import AtomicFile, atomic_file
from handinger_tui.api.file_urls import as_link_error, check_file_url, decode_data_url, next_hop
from handinger_tui.api.response import body_chunks, location_of
from handinger_tui.api.transport import Origin, origin_of
from handinger_tui.core.errors import (
    ApiError,
    Doubtful,
    LinkExpired,
    Refused,
    ServerFault,
    StreamLost,
    Unreachable,
)
from handinger_tui.core.turns.turn import ErrorKind

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from handinger_tui.api.client import WorkerClient


_PARAMETER: Final = re.compile(
    r"""(?:^|;)\s*(?P<name>[^\s=;"]{1,60})\s*=\s*
        (?:"(?P<quoted>(?:[^"\\]|\\.)*+)"? | (?P<bare>[^;",]*+))""",
    re.VERBOSE | re.DOTALL,
)
"""One parameter of a header. Matched in order, so that text inside quotes is never read as a parameter."""
_EXTENDED: Final = re.compile(r"([A-Za-z0-9-]{1,20})'[^']{0,20}'(.+)", re.DOTALL)
_CHARSETS: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1", "windows-1252"})
"""Accepted charsets. Python has many more, and some of its codecs raise in spite of errors="replace"."""
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]{1,1000}"')
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_UNSATISFIED_RANGE: Final = re.compile(r"bytes \*/([0-9]{1,18})", re.IGNORECASE)

Headers = Mapping[str, str]
"""Response headers, with names in lower case."""


def content_disposition_filename(headers: Headers) -> str | None:
    """The file name in Content-Disposition (RFC 6266). It is untrusted: the caller must make it safe."""
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(headers.get("content-disposition", "")):
        quoted, bare = match["quoted"], match["bare"]
        value = bare.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        parameters.setdefault(match["name"].lower(), value)
    return _decode_extended(parameters.get("filename*", "")) or parameters.get("filename")


def _decode_extended(value: str) -> str | None:
    """Decode a value with a charset (RFC 8187); None if it is malformed, or its charset is not accepted."""
    match = _EXTENDED.fullmatch(value)
    if match is None or match[1].lower() not in _CHARSETS:
        return None
    return unquote(match[2], encoding=match[1], errors="replace")


def content_length(headers: Headers) -> int | None:
    """The number of bytes of the body on the wire; None if the headers do not say."""
    if "transfer-encoding" in headers:
        # RFC 9112: then the length must be ignored.
        return None
    length = headers.get("content-length", "").strip()
    return int(length) if _LENGTH.fullmatch(length) else None


def is_unencoded(headers: Headers) -> bool:
    """Whether the body is the file itself, without content encoding."""
    return headers.get("content-encoding", "").strip().lower() in ("", "identity")


# -- versions and ranges --------------------------------------------------------------------
class Version(Struct, frozen=True):
    """The version of a file that is being received. `place`: see `_place`; `total`: its size if known."""

    validator: str
    place: tuple[Origin | None, str]
    total: int | None


class RangeResult(Enum):
    """What the response to a range request contains."""

    FULL_FILE = auto()
    """The complete file, from its first byte."""
    CONTINUES = auto()
    """The bytes that follow those we have."""
    ALREADY_COMPLETE = auto()
    """Nothing: we have the complete file."""
    UNUSABLE = auto()
    """Bytes that do not fit: the complete file must be requested."""


def version_of(url: str, headers: Headers, total: int | None) -> Version | None:
    """The version in a response with the complete file; None when it cannot be resumed."""
    if not is_unencoded(headers) or headers.get("accept-ranges", "").strip().lower() == "none":
        return None
    validator = _validator(headers)
    return Version(validator, _place(url), total) if validator else None


def _validator(headers: Headers) -> str | None:
    tag = headers.get("etag", "").strip()
    if tag:
        # Different bytes may have the same weak tag. It rules out the date as well.
        return tag if _STRONG.fullmatch(tag) else None
    modified, response_date = _date(headers.get("last-modified", "")), _date(headers.get("date", ""))
    if modified is None or response_date is None or response_date - modified < timedelta(seconds=1):
        # A file may change twice within a second and keep its date.
        return None
    return headers["last-modified"].strip()


def _date(text: str) -> datetime | None:
    """The time in a header; None without a time zone."""
    date = errors.http_date(text)
    return date if date is not None and date.tzinfo is not None else None


def _place(url: str) -> tuple[Origin | None, str]:
    """Origin and path of a URL. Not its query: the signature in it changes with every request."""
    return origin_of(url), urlsplit(url).path


def range_headers(version: Version, got: int) -> dict[str, str]:
    """Request headers for everything after the first `got` bytes, of this version only."""
    return {"Range": f"bytes={got}-", "If-Range": version.validator}


def content_range(headers: Headers) -> tuple[int, int | None] | None:
    """Position of the first byte and total size, from the Content-Range of a 206."""
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if not match or int(match[2]) < int(match[1]):
        return None
    total = None if match[3] == "*" else int(match[3])
    return None if total is not None and int(match[2]) >= total else (int(match[1]), total)


_FULL_STATUSES: Final = frozenset({200, 203})


def first_response_size(status: int, headers: Headers) -> int | None:
    """The size of the file, None if not announced, from a response that must begin with the first byte.

    Raises:
        ApiError: the response does not begin with the first byte.
    """
    if status == 416:
        raise errors.refusal(status, {}, b"")
    if status == 206:
        # A part that we did not request is accepted if it begins with the first byte.
        first_byte, total = content_range(headers) or (-1, None)
        if first_byte != 0:
            raise errors.file_incomplete(0, total)
        return total
    if status not in _FULL_STATUSES:
        raise errors.not_a_file(status)
    return content_length(headers) if is_unencoded(headers) else None


def judge_range_response(status: int, headers: Headers, url: str, version: Version, got: int) -> RangeResult:
    """Judge the response to a range request."""
    is_same = _is_same_version(headers, url, version)
    if status == 416:
        unsatisfied = _UNSATISFIED_RANGE.fullmatch(headers.get("content-range", "").strip())
        has_all_bytes = unsatisfied is not None and int(unsatisfied[1]) == got
        # Some servers check the range before the version, so the size alone proves nothing.
        return (
            RangeResult.ALREADY_COMPLETE
            if has_all_bytes and is_same and headers.get("etag", "").strip() == version.validator
            else RangeResult.UNUSABLE
        )
    if status != 206:
        return RangeResult.FULL_FILE
    received = content_range(headers)
    if received is None or not is_same or not is_unencoded(headers) or received[0] != got:
        return RangeResult.UNUSABLE
    sizes = {received[1], version.total} - {None}
    return RangeResult.CONTINUES if len(sizes) < 2 else RangeResult.UNUSABLE


def _is_same_version(headers: Headers, url: str, version: Version) -> bool:
    """Whether a response comes from the same place, and names no other version."""
    if _place(url) != version.place:
        return False
    name = "etag" if version.validator.startswith('"') else "last-modified"
    return headers.get(name, version.validator).strip() == version.validator


# -- retries ------------------------------------------------------------------------------
MAX_FRUITLESS: Final = 5
"""Consecutive requests with little progress after which the download fails."""
MIN_PROGRESS: Final = 64 << 10
"""Bytes per request that count as progress."""
MAX_RESTARTS: Final = 2
"""Restarts from the first byte after which the download fails."""
LONGEST_RETRY_PAUSE: Final = 60.0
"""Seconds."""


class RetryBudget:
    """Allows retries as long as a download makes progress, and a limited number of restarts."""

    def __init__(self, pause: Callable[[float], Awaitable[None]]) -> None:
        self.restarts = 0
        self._pause = pause
        self._fruitless = 0
        self._last_size = 0

    async def again(self, error: ApiError, got: int) -> bool:
        """Wait, then return True; return False at once when no retry is allowed. `got`: bytes so far."""
        self._fruitless = 0 if got - self._last_size >= MIN_PROGRESS else self._fruitless + 1
        self._last_size = got
        if self._fruitless > MAX_FRUITLESS or self.restarts > MAX_RESTARTS:
            return False
        pause = min(1.5 ** max(self._fruitless - 1, 0), LONGEST_RETRY_PAUSE)
        pause_with_jitter = pause * random.uniform(0.75, 1.0)  # noqa: S311 - jitter, no secret
        await self._pause(max(pause_with_jitter, min(error.retry_after_s or 0.0, LONGEST_RETRY_PAUSE)))
        return True


MAX_REDIRECTS: Final = 5

_T = TypeVar("_T")

Progress = Callable[[int, int | None], None]
"""Called with the bytes so far, which decrease on a restart, and the total (None if unknown).

It is called at most ten times a second, and at the end."""
Refresh = Callable[[], Awaitable[str | None]]
"""Reads the worker again and returns the current URL of the file; None when it has none."""


async def save(  # noqa: PLR0913 - the facts about the file, and two callbacks
    client: WorkerClient,
    url: str,
    folder: Path,
    name: str | None = None,
    *,
    wanted: int | None = None,
    progress: Progress | None = None,
    refresh: Refresh | None = None,
) -> Path:
    """Download `url` (absolute, relative to the base URL, or `data:`) into `folder`; return the new file.

    `name`: the name of the file, which is always made safe; without it, the name in the response or the last
    segment of the URL is used. `wanted`: the size in bytes that the worker reported.
    `refresh` is called when the URL may have expired; the URL that it returns is tried once. A different URL
    may have another size than `wanted`.

    Raises:
        LinkExpired: the URL may have expired, and there is no other one.
        ApiError: kinds unsafe_url, redirect, too_large, incomplete, network, idle_timeout,
            disk, not_found and the other refusals; no file remains.
    """
    reporter = _ProgressReporter(progress)
    return await _renewed(
        lambda now: _save(client, now, folder, name, wanted if now == url else None, reporter), url, refresh
    )


async def _renewed(fetch: Callable[[str], Awaitable[_T]], url: str, refresh: Refresh | None) -> _T:
    """Fetch a URL; if it has expired, fetch the one that `refresh` returns."""
    try:
        return await fetch(url)
    except LinkExpired:
        current = await refresh() if refresh is not None else None
        if current is None:
            raise
    return await fetch(current)


async def _save(
    client: WorkerClient,
    url: str,
    folder: Path,
    name: str | None,
    wanted: int | None,
    reporter: _ProgressReporter,
) -> Path:
    if url[:5].lower() == "data:":
        # In a thread: decoding millions of percent escapes takes a second.
        content, media_type = await asyncio.to_thread(decode_data_url, url, client.limits.max_file_bytes)
        with atomic_file(folder) as part:
            await part.write(content)
            reporter.show(part.got, part.got, now=True)
            return await part.commit(name or f"file{mimetypes.guess_extension(media_type) or ''}", wanted)
    absolute = check_file_url(client, url)
    download = _Download(client, absolute, wanted, reporter)
    with atomic_file(folder) as part:
        server_name = await download.fetch_into(part)
        return await part.commit(
            name or server_name or unquote(urlsplit(absolute).path.rpartition("/")[2]), wanted
        )


class _ProgressReporter:
    """Throttles the calls of `progress`."""

    _SECONDS: Final = 0.1

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._next = 0.0

    def show(self, got: int, total: int | None, *, now: bool = False) -> None:
        """Report the progress if a report is due, or `now`."""
        if self._progress is None or (not now and time.monotonic() < self._next):
            return
        self._next = time.monotonic() + self._SECONDS
        self._progress(got, total)


class _RestartNeeded(Exception):
    """The response does not continue the bytes we have: the download must restart."""


class _Download:
    """The download of one file, with as many requests as needed."""

    def __init__(
        self, client: WorkerClient, url: str, wanted: int | None, reporter: _ProgressReporter
    ) -> None:
        self._client = client
        self._url = url
        self._wanted = wanted
        self._reporter = reporter
        self._retries = RetryBudget(client.transport.pause)
        self._version: Version | None = None
        self._total: int | None = None
        self._name: str | None = None
        self._has_started = False

    async def fetch_into(self, part: AtomicFile) -> str | None:
        """Fetch the complete file; return the name in the response. Raises ApiError."""
        while (error := await self._attempt(part)) is not None:
            if not await self._retries.again(error, part.got):
                raise self._as_file_error(error, part.got)
        self._reporter.show(part.got, part.got, now=True)
        return self._name

    async def _attempt(self, part: AtomicFile) -> ApiError | None:
        """Send one request, receive its body. Returns an error that a retry may solve; raises others."""
        range_header = range_headers(self._version, part.got) if self._version and part.got else {}
        try:
            async with follow_redirects(self._client, self._url, range_header) as (response, final_url):
                if await self._prepare(response, final_url, part, is_range=bool(range_header)):
                    await self._receive(response, part)
        except _RestartNeeded:
            await self._restart(part)
            return errors.file_changed()
        except ApiError as error:
            if not self._may_retry(error):
                file_error = self._as_file_error(error, part.got)
                raise file_error from error.__cause__
            return error
        return None

    async def _restart(self, part: AtomicFile) -> None:
        self._retries.restarts += 1
        self._version = None
        await part.restart()

    async def _prepare(self, response: httpx.Response, url: str, part: AtomicFile, *, is_range: bool) -> bool:
        """Prepare for the body of a response; False when the file is complete already."""
        headers, status = response.headers, response.status_code
        if is_range and self._version is not None:
            result = judge_range_response(status, headers, url, self._version, part.got)
            if result is RangeResult.UNUSABLE:
                raise _RestartNeeded
            if result is RangeResult.CONTINUES:
                self._total = self._total or (content_range(headers) or (0, None))[1]
                self._check_limit(part.got, content_length(headers))
            if result is not RangeResult.FULL_FILE:
                return result is RangeResult.CONTINUES
            await self._restart(part)
            if self._retries.restarts > MAX_RESTARTS:
                raise errors.file_changed()
        self._start(status, headers, url)
        return True

    def _start(self, status: int, headers: httpx.Headers, url: str) -> None:
        """Take size, version and name of the file from a response that begins with the first byte."""
        total = first_response_size(status, headers)
        self._has_started = True
        self._total = total
        self._check_limit(0, content_length(headers))
        self._version = version_of(url, headers, total)
        self._name = content_disposition_filename(headers) or self._name

    def _check_limit(self, got: int, incoming: int | None) -> None:
        limit = self._client.limits.max_file_bytes
        if max(got + (incoming or 0), self._total or 0) > limit:
            raise errors.file_too_large(limit)

    async def _receive(self, response: httpx.Response, part: AtomicFile) -> None:
        limits, total = self._client.limits, self._total
        shown_total = total if total is not None else self._wanted
        self._reporter.show(part.got, shown_total)
        chunks = body_chunks(response, limits.idle_timeout, limits.max_file_bytes - part.got)
        async with aclosing(chunks):
            async for chunk in chunks:
                await part.write(chunk)
                self._reporter.show(part.got, shown_total)
                if self._wanted is not None and part.got > self._wanted:
                    # A file of the wrong size will not be kept, so stop here.
                    raise errors.file_incomplete(part.got, self._wanted)
        if total is not None and part.got < total:
            raise errors.broken_off("a part of the file is missing")
        if total is not None and part.got > total:
            raise errors.file_incomplete(part.got, total)

    def _may_retry(self, error: ApiError) -> bool:
        """Whether a retry may help and is safe."""
        if isinstance(error, StreamLost):
            return self._version is not None and error.kind in (ErrorKind.NETWORK, ErrorKind.IDLE_TIMEOUT)
        is_temporary = isinstance(error, Unreachable | Doubtful | ServerFault)
        return self._has_started and (is_temporary or error.kind is ErrorKind.RATE_LIMITED)

    def _as_file_error(self, error: ApiError, got: int) -> ApiError:
        if not isinstance(error, StreamLost):
            return error
        if error.kind is ErrorKind.NETWORK:
            return errors.file_incomplete(got, self._total)
        if error.kind is ErrorKind.IDLE_TIMEOUT:
            return errors.file_stalled(got)
        if error.kind is ErrorKind.TOO_LARGE:
            return errors.file_too_large(self._client.limits.max_file_bytes)
        return error


@asynccontextmanager
async def follow_redirects(
    client: WorkerClient, url: str, headers: dict[str, str]
) -> AsyncIterator[tuple[httpx.Response, str]]:
    """The response after all redirects, and its URL.

    The key is sent until a redirect leaves our origin, and never after that: another host must not choose
    what is read with our key.

    Raises:
        LinkExpired, ApiError
    """
    keyed = True
    for _ in range(MAX_REDIRECTS + 1):
        keyed = keyed and client.transport.authorized(url)
        try:
            async with client.transport.fetch(url, headers, keyed=keyed) as response:
                if not 300 <= response.status_code < 400:
                    yield response, url
                    return
                location = location_of(response)
                if not location:
                    raise errors.redirect_refused(response.status_code, "")
        except Refused as refusal:
            raise as_link_error(client, url, refusal) from refusal.__cause__
        url = next_hop(client, url, location)
    raise errors.too_many_redirects(MAX_REDIRECTS)


# -- the beginning of a file, in memory --------------------------------------------------
_SLACK: Final = 1 << 20
"""Bytes above `most` that a body may have, since a content encoding may enlarge it."""


class FileBeginning(Struct, frozen=True):
    """The first bytes of a file. `complete`: `data` is all of it. `total`: its size, None if unknown."""

    data: bytes
    complete: bool
    total: int | None


async def fetch_beginning(
    client: WorkerClient,
    url: str,
    most: int,
    *,
    progress: Progress | None = None,
    refresh: Refresh | None = None,
) -> FileBeginning:
    """Fetch at most `most` bytes of the file at `url`; no more is read.

    Raises:
        LinkExpired, ApiError: see `save`; the kind DISK does not occur.
    """
    return await _renewed(lambda now: _fetch_beginning(client, now, most, progress), url, refresh)


async def _fetch_beginning(
    client: WorkerClient, url: str, most: int, progress: Progress | None
) -> FileBeginning:
    if url[:5].lower() == "data:":
        content, _ = await asyncio.to_thread(decode_data_url, url, client.limits.max_file_bytes)
        return FileBeginning(content[:most], len(content) <= most, len(content))
    async with follow_redirects(client, check_file_url(client, url), {}) as (response, _):
        total = first_response_size(response.status_code, response.headers)
        data = bytearray()
        chunks = body_chunks(response, client.limits.idle_timeout, most + _SLACK)
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    data += chunk
                    if progress is not None:
                        progress(min(len(data), most), total)
                    if len(data) > most:
                        break
        except ApiError as error:
            # An encoded body may exceed the limit before it yields `most` bytes.
            if error.kind is not ErrorKind.TOO_LARGE or not data:
                raise
            return FileBeginning(bytes(data[:most]), complete=False, total=total)
    # A server may send a part of the file although we requested all of it.
    is_partial = total is not None and len(data) < total
    return FileBeginning(bytes(data[:most]), complete=len(data) <= most and not is_partial, total=total)
