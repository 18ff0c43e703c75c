"""Resume: a file that was cut goes on where it stopped, and only as the same file (RFC 9110, 13 and 14).

A rest is asked for only where the first answer named its version by something that
changes with every byte (a strong ETag, or a date that its clock makes one), and taken
only where the second answer is provably the rest of that version. Everything else
begins again from the first byte: parts of two versions are never put together.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Final
from urllib.parse import urlsplit

from handinger_tui.api import errors as faults
from handinger_tui.api.files.headers import content_length, plain
from handinger_tui.api.origin import Origin, origin_of
from handinger_tui.core.errors import ApiError

_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]{1,1000}"')
_PART: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_BEYOND: Final = re.compile(r"bytes \*/([0-9]{1,18})", re.IGNORECASE)

Headers = Mapping[str, str]
"""Looked up in lower case."""


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of a file is on its way, and from where. `total` in bytes, where it was told."""

    validator: str
    place: tuple[Origin | None, str]
    total: int | None


class Step(Enum):
    """What an answer's body is for the file."""

    ANEW = auto()
    """The whole file, from its first byte."""
    GOES_ON = auto()
    """The rest of what we have."""
    WHOLE_ALREADY = auto()
    """Nothing: we have it all."""
    UNUSABLE = auto()
    """Nothing that fits: ask for the whole file."""


def version_of(url: str, headers: Headers, total: int | None) -> Version | None:
    """The version that a whole answer brings; None when its rest could never be asked for."""
    if not plain(headers) or headers.get("accept-ranges", "").strip().lower() == "none":
        return None
    validator = _validator(headers)
    return Version(validator, _place(url), total) if validator else None


def _validator(headers: Headers) -> str | None:
    tag = headers.get("etag", "").strip()
    if tag:
        # A weak tag may stand for different bytes, and forbids to go by the date.
        return tag if _STRONG.fullmatch(tag) else None
    changed, now = _date(headers.get("last-modified", "")), _date(headers.get("date", ""))
    if changed is None or now is None or now - changed < timedelta(seconds=1):
        # Within one second a file may change twice and bear the same date.
        return None
    return headers["last-modified"].strip()


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else None


def _place(url: str) -> tuple[Origin | None, str]:
    """Without the query: a signed address is signed anew for every request."""
    return origin_of(url), urlsplit(url).path


def rest_of(version: Version, got: int) -> dict[str, str]:
    """Headers that ask for everything after the first `got` bytes, of this version only."""
    return {"Range": f"bytes={got}-", "If-Range": version.validator}


def part_of(headers: Headers) -> tuple[int, int | None] | None:
    """First byte and size of the whole, as a 206 tells them."""
    found = _PART.fullmatch(headers.get("content-range", "").strip())
    if not found or int(found[2]) < int(found[1]):
        return None
    total = None if found[3] == "*" else int(found[3])
    return None if total is not None and int(found[2]) >= total else (int(found[1]), total)


_WHOLE: Final = frozenset({200, 203})


def size_told(status: int, headers: Headers) -> int | None:
    """The bytes of a file, where they are told, out of an answer that has to begin with its first one.

    Raises:
        ApiError: it does not.
    """
    if status == 416:
        raise faults.refusal(status, {}, b"")
    if status == 206:
        # Nobody asked for a part; one that begins at the beginning will do.
        begins, total = part_of(headers) or (-1, None)
        if begins != 0:
            raise faults.file_incomplete(0, total)
        return total
    if status not in _WHOLE:
        raise faults.no_file(status)
    return content_length(headers) if plain(headers) else None


def judged(status: int, headers: Headers, url: str, version: Version, got: int) -> Step:
    """What the answer to a request for the rest is."""
    same = _same(headers, url, version)
    if status == 416:
        beyond = _BEYOND.fullmatch(headers.get("content-range", "").strip())
        whole = beyond is not None and int(beyond[1]) == got
        # Some servers look at the range before the version: without their tag it proves nothing.
        return Step.WHOLE_ALREADY if whole and same and _tagged(headers, version) else Step.UNUSABLE
    if status != 206:
        return Step.ANEW
    part = part_of(headers)
    if part is None or not same or not plain(headers) or part[0] != got:
        return Step.UNUSABLE
    sizes = {part[1], version.total} - {None}
    return Step.GOES_ON if len(sizes) < 2 else Step.UNUSABLE


def _same(headers: Headers, url: str, version: Version) -> bool:
    """Whether nothing in the answer speaks against its being the same version from the same place."""
    if _place(url) != version.place:
        return False
    name = "etag" if version.validator.startswith('"') else "last-modified"
    return headers.get(name, version.validator).strip() == version.validator


def _tagged(headers: Headers, version: Version) -> bool:
    return headers.get("etag", "").strip() == version.validator


# -- patience -----------------------------------------------------------------------------
FRUITLESS: Final = 5
"""Requests in a row that brought next to nothing, until a file is given up."""
FRUIT: Final = 64 << 10
"""Bytes that count as something."""
RESTARTS: Final = 2
LONGEST_PAUSE: Final = 60.0


class Tries:
    """How often a cut file is asked for again: as long as it grows, but not from the start for ever."""

    def __init__(self, pause: Callable[[float], Awaitable[None]]) -> None:
        self.restarts = 0
        self._pause = pause
        self._fruitless = 0
        self._had = 0

    async def again(self, trouble: ApiError, got: int) -> bool:
        """Wait, then True; False at once when it was tried often enough."""
        self._fruitless = 0 if got - self._had >= FRUIT else self._fruitless + 1
        self._had = got
        if self._fruitless > FRUITLESS or self.restarts > RESTARTS:
            return False
        grown = min(1.5 ** max(self._fruitless - 1, 0), LONGEST_PAUSE)
        jittered = grown * random.uniform(0.75, 1.0)  # noqa: S311 - jitter, no secret
        await self._pause(max(jittered, min(trouble.retry_after_s or 0.0, LONGEST_PAUSE)))
        return True
