"""Addresses of files: they come from outside and are judged before every request.

https only, but for this machine, never from https to http, nothing of a private network unless the
service itself is on this machine. The key is no matter here: `Connection` adds
it for our own origin alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

from handinger_tui.api import errors as faults
from handinger_tui.api.origin import Origin, origin_of
from handinger_tui.core.errors import ApiError, Refused
from handinger_tui.core.safety.cleaning import Verdict, judge_link

if TYPE_CHECKING:
    from handinger_tui.api.client import WorkerClient

_DOTS: Final = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_ODD_IP: Final = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|\d+)", re.IGNORECASE)
_HOME_NAMES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SIGNATURES: Final = frozenset(
    {"signature", "sig", "token", "x-amz-signature", "x-goog-signature", "x-oss-signature", "q-signature"}
)
"""Parameters by which storage hosts sign an address that ends some day."""
_STALE: Final = frozenset({401, 403, 404, 410})


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


def next_hop(client: WorkerClient, url: str, location: str) -> str:
    """Where a redirect of `url` leads, if it may be followed.

    Raises:
        Refused: kind UNSAFE_URL.
    """
    try:
        target = urljoin(url, location)
    except ValueError:
        raise faults.unsafe_url("the redirect leads to no valid address") from None
    _judged(client.origin, target)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise faults.unsafe_url("the redirect leads from https to http")
    return target


def _judged(ours: Origin, url: str) -> None:
    link = judge_link(url)
    if link.verdict is Verdict.REFUSE:
        raise faults.unsafe_url(link.reason)
    origin = origin_of(url)
    if origin is None:
        raise faults.unsafe_url("only http(s) addresses without a user part are fetched")
    both_here = ours.loopback and origin.loopback and _plainly_spelled(origin.host)
    if origin.host != ours.host and not both_here and private(origin.host):
        raise faults.unsafe_url(f"{origin.host[:120]} is an address of a private network")
    if origin.scheme == "http" and not origin.loopback:
        raise faults.unsafe_url(f"plain http to {origin.host[:120]} can be read and changed on the way")


def _plainly_spelled(host: str) -> bool:
    """Whether this machine is named as usual: not by a name under localhost, nor by IPv4 inside IPv6."""
    try:
        return getattr(ipaddress.ip_address(host), "ipv4_mapped", None) is None
    except ValueError:
        return host == "localhost"


def private(host: str) -> bool:
    """Whether a host is, by its name or number, not one of the public internet."""
    try:
        return any(address.is_multicast or not address.is_global for address in _within(host))
    except ValueError:
        pass
    # 2130706433, 0x7f.1 and 127.1 are numbers too, for those who resolve names; no public name ends in one.
    name = host.rstrip(".")
    return bool(_ODD_IP.fullmatch(name)) or "." not in name or name.endswith(_HOME_NAMES)


def _within(host: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """An address of numbers, and those of the old kind that it holds, to which gateways lead.

    Raises:
        ValueError: it is a name.
    """
    address = ipaddress.ip_address(host)
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        held = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        held += [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)] if address in _NAT64 else []
        yield from (one for one in held if one is not None)


def signed(url: str) -> bool:
    """Whether an address carries a signature, as those of storage hosts do that end some day."""
    return any(name.lower() in _SIGNATURES for name, _value in parse_qsl(urlsplit(url).query))


def as_link_error(client: WorkerClient, url: str, refusal: Refused) -> ApiError:
    """The refusal of `url`; where the address itself may be stale, an error that says so.

    That is so where another host than the service refuses, or where the address was
    signed: storage hosts answer a signature that ended with 400, 401 or 403.
    """
    origin = origin_of(url)
    if origin is None:
        return refusal
    elsewhere, with_signature = origin != client.origin, signed(url)
    stale = refusal.http_status in _STALE and (elsewhere or with_signature)
    if stale or (refusal.http_status == 400 and with_signature):
        return faults.link_expired(refusal, origin.host)
    return refusal
