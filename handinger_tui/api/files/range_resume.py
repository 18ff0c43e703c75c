"""What the headers of a file say, and resuming it with range requests (RFC 9110, sections 13 and 14).

The rest is requested only if the first response named a strong validator (a strong ETag,
or a Last-Modified date at least one second before Date), and accepted only if the second
response is provably the rest of that version. Everything else restarts from the first
byte: parts of two versions are never combined.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from handinger_tui.api import errors
from handinger_tui.api.endpoint import Origin, origin_of
from handinger_tui.core.errors import ApiError

_PARAMETER: Final = re.compile(
    r"""(?:^|;)\s*(?P<name>[^\s=;"]{1,60})\s*=\s*
        (?:"(?P<quoted>(?:[^"\\]|\\.)*+)"? | (?P<bare>[^;",]*+))""",
    re.VERBOSE | re.DOTALL,
)
"""Matches one parameter after the other, so that quoted text is never taken for a parameter."""
_EXTENDED: Final = re.compile(r"([A-Za-z0-9-]{1,20})'[^']{0,20}'(.+)", re.DOTALL)
_CHARSETS: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1", "windows-1252"})
"""Accepted charsets. Python knows many more, and some of its codecs raise in spite of errors="replace"."""
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]{1,1000}"')
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_UNSATISFIED_RANGE: Final = re.compile(r"bytes \*/([0-9]{1,18})", re.IGNORECASE)

Headers = Mapping[str, str]
"""Response headers; their names are lower case."""


def content_disposition_filename(headers: Headers) -> str | None:
    """The file name in Content-Disposition (RFC 6266). It is untrusted: the caller must make it safe."""
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(headers.get("content-disposition", "")):
        quoted, bare = match["quoted"], match["bare"]
        value = bare.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        parameters.setdefault(match["name"].lower(), value)
    return _decode_extended(parameters.get("filename*", "")) or parameters.get("filename")


def _decode_extended(value: str) -> str | None:
    """Decode a value with a charset (RFC 8187); None when it is malformed or its charset is not accepted."""
    match = _EXTENDED.fullmatch(value)
    if match is None or match[1].lower() not in _CHARSETS:
        return None
    return unquote(match[2], encoding=match[1], errors="replace")


def content_length(headers: Headers) -> int | None:
    """The body's length in bytes as sent; None when the headers do not say."""
    if "transfer-encoding" in headers:
        # With transfer-encoding, the length must be ignored.
        return None
    length = headers.get("content-length", "").strip()
    return int(length) if _LENGTH.fullmatch(length) else None


def is_unencoded(headers: Headers) -> bool:
    """Whether the body is the file itself, without content encoding."""
    return headers.get("content-encoding", "").strip().lower() in ("", "identity")


# -- versions and ranges --------------------------------------------------------------------
class Version(Struct, frozen=True):
    """The version of a file that is being received, and its place. `total` in bytes, where it is known."""

    validator: str
    place: tuple[Origin | None, str]
    total: int | None


class RangeResult(Enum):
    """What the response to a range request is for the file."""

    FULL_FILE = auto()
    """The body is the whole file from its first byte."""
    CONTINUES = auto()
    """The body continues the bytes we have."""
    ALREADY_COMPLETE = auto()
    """There is no more: we have the whole file."""
    UNUSABLE = auto()
    """The body does not fit: request the whole file."""


def version_of(url: str, headers: Headers, total: int | None) -> Version | None:
    """The version of a response with the whole file; None when it cannot be resumed."""
    if not is_unencoded(headers) or headers.get("accept-ranges", "").strip().lower() == "none":
        return None
    validator = _validator(headers)
    return Version(validator, _place(url), total) if validator else None


def _validator(headers: Headers) -> str | None:
    tag = headers.get("etag", "").strip()
    if tag:
        # A weak tag may stand for different bytes, and rules out the date as well.
        return tag if _STRONG.fullmatch(tag) else None
    modified, response_date = _date(headers.get("last-modified", "")), _date(headers.get("date", ""))
    if modified is None or response_date is None or response_date - modified < timedelta(seconds=1):
        # A file may change twice within one second and keep the same date.
        return None
    return headers["last-modified"].strip()


def _date(text: str) -> datetime | None:
    """The time in a header, None where it names no zone."""
    date = errors.http_date(text)
    return date if date is not None and date.tzinfo is not None else None


def _place(url: str) -> tuple[Origin | None, str]:
    """Origin and path, without the query: a signed URL gets a new signature for every request."""
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
    """The file's size, if known, from a response that must begin with the first byte.

    Raises:
        ApiError: the response does not begin with the first byte.
    """
    if status == 416:
        raise errors.refusal(status, {}, b"")
    if status == 206:
        # A part, although we did not request one; it is accepted if it begins with the first byte.
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
        # Some servers check the range before the version: without the tag, the size proves nothing.
        return (
            RangeResult.ALREADY_COMPLETE
            if has_all_bytes and is_same and _has_tag(headers, version)
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
    """Whether the response is from the same place and does not name another version."""
    if _place(url) != version.place:
        return False
    name = "etag" if version.validator.startswith('"') else "last-modified"
    return headers.get(name, version.validator).strip() == version.validator


def _has_tag(headers: Headers, version: Version) -> bool:
    return headers.get("etag", "").strip() == version.validator


# -- retries ------------------------------------------------------------------------------
MAX_FRUITLESS: Final = 5
"""Requests in a row with little progress, after which a file is given up."""
MIN_PROGRESS: Final = 64 << 10
"""Bytes per request that count as progress."""
RESTARTS: Final = 2
"""Restarts from the first byte, after which a file is given up."""
LONGEST_PAUSE: Final = 60.0
"""Seconds."""


class RetryBudget:
    """Limits the retries of a download: they go on while it makes progress, but restarts are limited."""

    def __init__(self, pause: Callable[[float], Awaitable[None]]) -> None:
        self.restarts = 0
        self._pause = pause
        self._fruitless = 0
        self._last_size = 0

    async def again(self, error: ApiError, got: int) -> bool:
        """Wait, then return True; return False at once when the retries are used up."""
        self._fruitless = 0 if got - self._last_size >= MIN_PROGRESS else self._fruitless + 1
        self._last_size = got
        if self._fruitless > MAX_FRUITLESS or self.restarts > RESTARTS:
            return False
        pause = min(1.5 ** max(self._fruitless - 1, 0), LONGEST_PAUSE)
        pause_with_jitter = pause * random.uniform(0.75, 1.0)  # noqa: S311 - jitter, no secret
        await self._pause(max(pause_with_jitter, min(error.retry_after_s or 0.0, LONGEST_PAUSE)))
        return True
