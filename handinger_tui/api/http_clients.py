"""The two httpx clients of a transport, and their settings.

Importing this module loads httpx (60 ms, 7 MB), so it is imported only when a connection is needed.
TLS takes 20 ms and 4 MB more; a client for plain http, as for the local worker, is built without it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from handinger_tui import __version__
from handinger_tui.api.validation import bad_proxy
from handinger_tui.core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Clients:
    """Two clients: `reading` for GETs, `posting` for requests that change something."""

    reading: httpx.AsyncClient
    posting: httpx.AsyncClient

    async def aclose(self) -> None:
        """Close every connection."""
        try:
            await self.reading.aclose()
        finally:
            await self.posting.aclose()


class _NoTls:
    """A placeholder for the TLS context: any attempt to use TLS with it fails."""


def build(connect_timeout: float, *, secure: bool, direct: bool) -> Clients:
    """Build the clients. `connect_timeout` in seconds; `secure` False: only plain http; `direct`: no proxy.

    Raises:
        SettingsError: a proxy or certificate setting of the machine is unusable; it is named.
    """
    # Their INFO lines contain whole URLs, with the signatures of signed ones.
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    context = _ssl_context() if secure else _NoTls()
    try:
        # A kept-alive connection may be dead already, and a POST lost on it would be in doubt:
        # every POST opens a new connection.
        posting = _client(context, httpx.Limits(max_keepalive_connections=0), connect_timeout, direct=direct)
        keepalive = httpx.Limits(max_keepalive_connections=4, keepalive_expiry=15)
        reading = _client(context, keepalive, connect_timeout, direct=direct)
    except (ImportError, httpx.InvalidURL, ValueError) as problem:
        raise bad_proxy(problem) from None
    return Clients(reading, posting)


def _ssl_context() -> Any:
    try:
        return httpx.create_ssl_context()
    except OSError:
        raise SettingsError(
            "The certificates cannot be loaded.", "Check or unset SSL_CERT_FILE and SSL_CERT_DIR."
        ) from None


def _client(context: Any, pool: httpx.Limits, connect_timeout: float, *, direct: bool) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=context,
        limits=pool,
        follow_redirects=False,
        # Only gzip: it is the only encoding that `response` decodes.
        headers={"Accept-Encoding": "gzip", "User-Agent": f"handinger-tui/{__version__}"},
        # No read timeout: httpx's applies to each read, so a slow sender never exceeds it. We have our own.
        timeout=httpx.Timeout(None, connect=connect_timeout),
        # No cookies: they would be stored, and sent to every port of the host.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        event_hooks={"response": [_hide_location]},
        # Proxies come from the environment; certificates are set by `verify`.
        trust_env=not direct,
    )


async def _hide_location(response: httpx.Response) -> None:
    """Move the target of a redirect to an extension: httpx would parse it without following, and may fail."""
    if response.has_redirect_location:
        response.extensions["location"] = response.headers.pop("location")
