"""Downloads: a worker's file, from wherever it lies, to a folder of the person.

Addresses come from outside and are judged before every request: http(s) only,
at most five redirects, never from https to http, no key but to our own origin,
and nothing of a private network unless the service itself is on this machine.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import mimetypes
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final
from urllib.parse import unquote, unquote_to_bytes, urljoin, urlsplit

from handinger_tui.api import body, faults
from handinger_tui.api.client import WorkerClient
from handinger_tui.api.landing import BLOCK, land
from handinger_tui.api.routes import Origin, origin_of
from handinger_tui.core.errors import StreamLost
from handinger_tui.core.safety import Verdict, judge_link
from handinger_tui.core.turn import Kind

MAX_REDIRECTS: Final = 5

_DOTS: Final = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_ODD_IP: Final = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*\.?", re.IGNORECASE)
_FROM_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_HOME_NAMES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


async def save(
    client: WorkerClient, url: str, folder: Path, name: str | None = None, *, wanted: int | None = None
) -> Path:
    """Fetch `url` (absolute, relative to the base URL, or `data:`) into `folder`; returns the new file.

    `name`: what to call it, else the server's word, else the address's last
    step; always made safe. `wanted`: the size in bytes, where the worker told it.

    Raises:
        ApiError: kinds unsafe_url, redirect, too_large, incomplete, network,
            disk, not_found and the other refusals; no file stays behind.
    """
    if url[:5].lower() == "data:":
        content, media_type = decoded(url, client.limits.max_file_bytes)
        named = name or f"file{mimetypes.guess_extension(media_type) or ''}"
        return await land(_blocks(content), folder, named, wanted)
    return await _follow(client, checked(client, url), folder, name, wanted)


async def _follow(client: WorkerClient, url: str, folder: Path, name: str | None, wanted: int | None) -> Path:
    last_step = unquote(urlsplit(url).path.rpartition("/")[2])
    for _ in range(MAX_REDIRECTS + 1):
        async with client.connection.fetch(url) as response:
            if response.status_code < 300:
                named = name or _told_name(response.headers) or last_step
                chunks = body.chunks(response, client.limits.idle_timeout, client.limits.max_file_bytes)
                pieces = _pieces(chunks)
                async with aclosing(pieces):
                    return await land(pieces, folder, named, wanted)
            location = body.location_of(response)
            if not location:
                raise faults.redirected(response.status_code, "")
        url = _next_hop(client, url, location)
    raise faults.too_many_redirects(MAX_REDIRECTS)


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes; what cuts them short is said in terms of a file."""
    got = 0
    try:
        async for chunk in chunks:
            got += len(chunk)
            yield chunk
    except StreamLost as lost:
        if lost.kind is Kind.NETWORK:
            raise faults.file_incomplete(got) from lost
        raise


async def _blocks(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), BLOCK):
        yield content[at : at + BLOCK]


# -- addresses --------------------------------------------------------------------------
def checked(client: WorkerClient, url: str) -> str:
    """`url` made absolute, if it may be fetched.

    Raises:
        Refused: kind UNSAFE_URL.
    """
    # urljoin would quietly drop line breaks and tabs.
    if not url or "\\" in url or not url.isprintable():
        raise faults.unsafe_url("it is no address")
    try:
        absolute = urljoin(f"{client.base_url}/", url)
        path = urlsplit(url).path
    except ValueError:
        raise faults.unsafe_url("it is no valid address") from None
    if _DOTS.search(path):
        # They would be resolved on the way, and reach another route than the one shown.
        raise faults.unsafe_url("its path climbs")
    _judged(client.origin, absolute)
    return absolute


def _judged(ours: Origin, url: str) -> None:
    link = judge_link(url)
    if link.verdict is Verdict.REFUSE:
        raise faults.unsafe_url(link.reason)
    origin = origin_of(url)
    if origin is None:
        raise faults.unsafe_url("only http(s) addresses without a user part are fetched")
    if origin.host != ours.host and not (ours.loopback and origin.loopback) and private(origin.host):
        raise faults.unsafe_url(f"{origin.host[:120]} is an address of a private network")


def private(host: str) -> bool:
    """Whether a host is, by its name or number, not one of the public internet."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    # 2130706433, 0x7f.1 and 127.1 are numbers too, for those who resolve names.
    name = host.rstrip(".")
    return bool(_ODD_IP.fullmatch(name)) or "." not in name or name.endswith(_HOME_NAMES)


def _next_hop(client: WorkerClient, url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
    except ValueError:
        raise faults.unsafe_url("the redirect leads to no valid address") from None
    _judged(client.origin, target)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise faults.unsafe_url("the redirect leads from https to http")
    return target


def decoded(url: str, limit: int) -> tuple[bytes, str]:
    """The bytes and the media type of a `data:` URL.

    Raises:
        ApiError: kind UNSAFE_URL for a broken one, TOO_LARGE.
    """
    head, comma, raw = url[5:].partition(",")
    if not comma:
        raise faults.unsafe_url("it is no valid data address")
    if len(raw) // 4 * 3 > limit and len(raw) > 3 * limit:
        raise faults.file_too_large(limit)
    media_type, *parameters = head.split(";")
    content = unquote_to_bytes(raw.encode("utf-8", "replace"))
    if "base64" in (parameter.strip().lower() for parameter in parameters):
        packed = content.translate(None, b" \t\r\n").rstrip(b"=")
        packed += b"=" * (-len(packed) % 4)
        try:
            content = base64.b64decode(packed.translate(_FROM_URL_SAFE), validate=True)
        except (binascii.Error, ValueError):
            raise faults.unsafe_url("its data is no valid base64") from None
    if len(content) > limit:
        raise faults.file_too_large(limit)
    return content, media_type.strip().lower() or "text/plain"


# -- names ----------------------------------------------------------------------------------
_EXTENDED: Final = re.compile(
    r"filename\*\s*=\s*([A-Za-z0-9-]{1,20})'[^']{0,20}'([^;\s]{1,2000})", re.IGNORECASE
)
_QUOTED: Final = re.compile(r'filename\s*=\s*"((?:[^"\\]|\\.){0,2000})"', re.IGNORECASE)
_BARE: Final = re.compile(r"filename\s*=\s*([^;\"\s]{1,2000})", re.IGNORECASE)


def _told_name(headers: Mapping[str, str]) -> str | None:
    """The name in Content-Disposition (RFC 6266); whoever uses it makes it safe."""
    told = headers.get("content-disposition", "")
    if extended := _EXTENDED.search(told):
        try:
            return unquote(extended.group(2), encoding=extended.group(1), errors="replace")
        except LookupError:
            pass
    if quoted := _QUOTED.search(told):
        return re.sub(r"\\(.)", r"\1", quoted.group(1))
    bare = _BARE.search(told)
    return bare.group(1) if bare else None
