"""URLs of files: they are untrusted and checked before every request, and replaced when they have expired.

https is allowed, http only to this machine; no redirect from https to http; no private address unless the
service is on this machine, too. `Transport` handles the key, and adds it only for our own origin.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote_to_bytes, urljoin, urlsplit

from handinger_tui.api import errors
from handinger_tui.api.transport import Origin, origin_of
from handinger_tui.core.safety import Verdict, judge_link

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from handinger_tui.api.client import WorkerClient
    from handinger_tui.api.generations import TurnClient
    from handinger_tui.core.errors import ApiError, Refused
    from handinger_tui.core.stream import FilePart

_DOTS: Final = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_ODD_IP: Final = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|\d+)", re.IGNORECASE)
_PRIVATE_SUFFIXES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SIGNATURES: Final = frozenset(
    {"signature", "sig", "token", "x-amz-signature", "x-goog-signature", "x-oss-signature", "q-signature"}
)
"""Query parameters in which storage hosts put the signature of a URL that expires."""
_FROM_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_STALE_STATUSES: Final = frozenset({401, 403, 404, 410})


def check_file_url(client: WorkerClient, url: str) -> str:
    """Return `url` as an absolute URL, if it may be fetched.

    Raises:
        Refused: kind UNSAFE_URL.
    """
    # urljoin silently drops line breaks and tabs.
    if not url or "\\" in url or not url.isprintable():
        raise errors.unsafe_url("not an address")
    try:
        absolute = urljoin(f"{client.base_url}/", url)
        path = urlsplit(url).path
    except ValueError:
        raise errors.unsafe_url("not a valid address") from None
    if _DOTS.search(path):
        # httpx resolves dot segments, so the request would go to another path than the one shown.
        raise errors.unsafe_url("its path leaves its folder")
    _check_target(client.origin, absolute)
    return absolute


def next_hop(client: WorkerClient, url: str, location: str) -> str:
    """Return the target of a redirect from `url` as an absolute URL, if it may be followed.

    Raises:
        Refused: kind UNSAFE_URL.
    """
    try:
        target = urljoin(url, location)
    except ValueError:
        raise errors.unsafe_url("the redirect leads to an invalid address") from None
    _check_target(client.origin, target)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise errors.unsafe_url("the redirect leads from https to http")
    return target


def _check_target(ours: Origin, url: str) -> None:
    link = judge_link(url)
    if link.verdict is Verdict.REFUSE:
        raise errors.unsafe_url(link.reason)
    origin = origin_of(url)
    if origin is None:
        raise errors.unsafe_url("only http(s) addresses without a user name are allowed")
    both_here = ours.loopback and origin.loopback and _is_usual_spelling(origin.host)
    if origin.host != ours.host and not both_here and is_private_host(origin.host):
        raise errors.unsafe_url(f"{origin.host[:120]} is an address of a private network")
    if origin.scheme == "http" and not origin.loopback:
        raise errors.unsafe_url(f"plain http to {origin.host[:120]} is not secure")


def _is_usual_spelling(host: str) -> bool:
    """Whether a loopback host is localhost or a plain IP address, not a subdomain or IPv4 in IPv6."""
    try:
        return getattr(ipaddress.ip_address(host), "ipv4_mapped", None) is None
    except ValueError:
        return host == "localhost"


def is_private_host(host: str) -> bool:
    """Whether a host is not on the public internet, judged by its name or IP address."""
    try:
        return any(address.is_multicast or not address.is_global for address in _embedded_addresses(host))
    except ValueError:
        pass
    # Resolvers also read 2130706433, 0x7f.1 and 127.1 as addresses; no public name ends in a number.
    name = host.rstrip(".")
    return bool(_ODD_IP.fullmatch(name)) or "." not in name or name.endswith(_PRIVATE_SUFFIXES)


def _embedded_addresses(host: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """An IP address and the IPv4 addresses embedded in it, to which gateways may route.

    Raises:
        ValueError: not an IP address.
    """
    address = ipaddress.ip_address(host)
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        embedded += [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)] if address in _NAT64 else []
        yield from (candidate for candidate in embedded if candidate is not None)


def is_signed(url: str) -> bool:
    """Whether a URL has a signature, and so may expire."""
    return any(name.lower() in _SIGNATURES for name, _value in parse_qsl(urlsplit(url).query))


def as_link_error(client: WorkerClient, url: str, refusal: Refused) -> ApiError:
    """`refusal`, or `LinkExpired` if the URL may have expired.

    It may have expired if it is signed, or if another host than the service refuses it. Storage hosts answer
    400, 401 or 403 to an expired signature.
    """
    origin = origin_of(url)
    if origin is None:
        return refusal
    status, has_signature = refusal.http_status, is_signed(url)
    is_stale = status in _STALE_STATUSES and (has_signature or origin != client.origin)
    if is_stale or (status == 400 and has_signature):
        return errors.link_expired(refusal, origin.host)
    return refusal


def decode_data_url(url: str, limit: int) -> tuple[bytes, str]:
    """The bytes and the media type of a `data:` URL.

    Raises:
        ApiError: kind UNSAFE_URL for a malformed URL, TOO_LARGE for more than `limit` bytes.
    """
    head, comma, raw = url[5:].partition(",")
    if not comma:
        raise errors.unsafe_url("not a valid data address")
    if len(raw) // 4 * 3 > limit and len(raw) > 3 * limit:
        raise errors.file_too_large(limit)
    media_type, *parameters = head.split(";")
    content = unquote_to_bytes(raw.encode("utf-8", "replace"))
    if "base64" in (parameter.strip().lower() for parameter in parameters):
        encoded = content.translate(None, b" \t\r\n").rstrip(b"=")
        encoded += b"=" * (-len(encoded) % 4)
        try:
            content = base64.b64decode(encoded.translate(_FROM_URL_SAFE), validate=True)
        except (binascii.Error, ValueError):
            raise errors.unsafe_url("not valid base64") from None
    if len(content) > limit:
        raise errors.file_too_large(limit)
    return content, media_type.strip().lower() or "text/plain"


def refresher(client: TurnClient, worker_id: str, file: FilePart) -> Callable[[], Awaitable[str | None]]:
    """The `refresh` of `download.save` for `file`: it reads the worker, which is free, and finds the file."""

    async def refresh() -> str | None:
        return find_current_url(file, (await client.read_worker(worker_id)).snapshot.files)

    return refresh


def find_current_url(file: FilePart, files: Sequence[FilePart]) -> str | None:
    """The current URL of `file`, found by name and path, else by path, else by name.

    None if no file matches, or several with different URLs.
    """
    path = _url_path(file.url)
    rules: list[Callable[[FilePart], bool]] = [
        lambda candidate: candidate.filename == file.filename and _url_path(candidate.url) == path,
        lambda candidate: _url_path(candidate.url) == path,
        lambda candidate: file.filename is not None and candidate.filename == file.filename,
    ]
    for rule in rules:
        urls = {candidate.url for candidate in files if rule(candidate)}
        if urls:
            return urls.pop() if len(urls) == 1 else None
    return None


def _url_path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return url
