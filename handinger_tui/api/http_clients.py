"""Clients: the two httpx clients of a connection, built as our rules ask.

The module comes with httpx (60 ms, 7 MB): whoever may do without a connection imports it late. What
TLS needs takes 20 ms and 4 MB more: whoever speaks plain http, as with the local worker, does without.
"""

from __future__ import annotations

import logging
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from handinger_tui import __version__
from handinger_tui.api.lean import httpx
from handinger_tui.api.validation import bad_proxy
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.record import dataclass


@dataclass(frozen=True, slots=True)
class Clients:
    """One client that reads, one that starts things."""

    reading: httpx.AsyncClient
    posting: httpx.AsyncClient

    async def aclose(self) -> None:
        """Close every connection."""
        try:
            await self.reading.aclose()
        finally:
            await self.posting.aclose()


class _NoTls:
    """Stands where the certificates would: it has nothing that a secure connection can be made with."""


def build(connect_timeout: float, *, secure: bool, direct: bool) -> Clients:
    """Seconds for a connection; `secure` False: for plain http alone; `direct`: past every proxy.

    Raises:
        SettingsError: a proxy or certificate setting of the machine is unusable; it is named.
    """
    # Their INFO lines hold whole URLs, with the signatures of signed ones.
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    trust = _trust() if secure else _NoTls()
    try:
        # A kept-alive connection may be dead already, and a POST lost on it would be in doubt:
        # POSTs dial anew.
        posting = _client(trust, httpx.Limits(max_keepalive_connections=0), connect_timeout, direct=direct)
        kept = httpx.Limits(max_keepalive_connections=4, keepalive_expiry=15)
        reading = _client(trust, kept, connect_timeout, direct=direct)
    except (ImportError, httpx.InvalidURL, ValueError) as problem:
        raise bad_proxy(problem) from None
    return Clients(reading, posting)


def _trust() -> Any:
    try:
        return httpx.create_ssl_context()
    except OSError:
        raise SettingsError(
            "The certificates cannot be loaded.", "Check or unset SSL_CERT_FILE and SSL_CERT_DIR."
        ) from None


def _client(trust: Any, pool: httpx.Limits, connect_timeout: float, *, direct: bool) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=trust,
        limits=pool,
        follow_redirects=False,
        # Gzip alone: it is the only encoding that `inflate` undoes.
        headers={"Accept-Encoding": "gzip", "User-Agent": f"handinger-tui/{__version__}"},
        # Reads have deadlines of our own: httpx's is per read, and a slow drip passes it for ever.
        timeout=httpx.Timeout(None, connect=connect_timeout),
        # Cookies would be kept, and sent to every port of the host.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        event_hooks={"response": [_hide_location]},
        # What the environment says of proxies. Certificates are settled by `verify`.
        trust_env=not direct,
    )


async def _hide_location(response: httpx.Response) -> None:
    """Put the target of a redirect aside: httpx would parse it, though not following, and may fail."""
    if response.has_redirect_location:
        response.extensions["location"] = response.headers.pop("location")
