"""Connection: one origin, one key, and requests that leave at most once.

Every rule about sending lives here: the key is added per request and only for
our own origin; no redirect is followed; a request is dialled again only on
proof that nothing was sent; headers have one deadline for all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

from handinger_tui import __version__
from handinger_tui.api import body, faults
from handinger_tui.api.checks import bad_proxy, check_key, usable_headers
from handinger_tui.api.dialing import REDIALS, Content, Departure, Waits, dialled
from handinger_tui.api.lean import httpx
from handinger_tui.api.limits import Limits
from handinger_tui.api.routes import base_origin, origin_of
from handinger_tui.core.errors import ApiError, SettingsError
from handinger_tui.core.secret import Secret

_FILE_ANSWERS: Final = frozenset({*range(300, 400), 416})
"""Statuses outside 2xx that whoever fetches a file judges itself."""


class Connection:
    """Enter it before use; leaving it closes every connection."""

    def __init__(
        self,
        base_url: str,
        key: Secret,
        limits: Limits,
        headers: Mapping[str, str] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`pause` waits between two dials.

        Raises:
            SettingsError: unusable base URL, key or custom header; the key is never shown.
        """
        self.origin = base_origin(base_url)
        self.base_url = base_url.rstrip("/")
        self.limits = limits
        self._key = key
        check_key(key)
        self._headers = usable_headers(headers or {})
        self.pause = pause
        self._stack = AsyncExitStack()
        self._reading: httpx.AsyncClient | None = None
        self._posting: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Build the clients.

        Raises:
            SettingsError: a proxy or certificate setting of the machine is unusable; it is named.
        """
        # Their INFO lines hold whole URLs, with the signatures of signed ones.
        for name in ("httpx", "httpcore"):
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.WARNING))
        try:
            trust = httpx.create_ssl_context()
        except OSError:
            raise SettingsError(
                "The certificates cannot be loaded.", "Check or unset SSL_CERT_FILE and SSL_CERT_DIR."
            ) from None
        try:
            # A kept-alive connection may be dead already, and a POST lost on it would be in doubt:
            # POSTs dial anew.
            self._posting = self._client(trust, httpx.Limits(max_keepalive_connections=0))
            self._reading = self._client(
                trust, httpx.Limits(max_keepalive_connections=4, keepalive_expiry=15)
            )
        except (ImportError, *faults.URL_ERRORS) as problem:
            raise bad_proxy(problem) from None
        await self._stack.enter_async_context(self._posting)
        await self._stack.enter_async_context(self._reading)

    async def aclose(self) -> None:
        """Close every connection."""
        self._reading = self._posting = None
        await self._stack.aclose()

    def _client(self, trust: Any, pool: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=trust,
            limits=pool,
            follow_redirects=False,
            # Gzip alone: it is the only encoding that `inflate` undoes.
            headers={"Accept-Encoding": "gzip", "User-Agent": f"handinger-tui/{__version__}"},
            # Reads have deadlines of our own: httpx's is per read, and a slow drip passes it for ever.
            timeout=httpx.Timeout(None, connect=self.limits.connect_timeout),
            # Cookies would be kept, and sent to every port of the host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            # A proxy of the machine has no business with loopback, nor with the key sent there in plain text.
            event_hooks={"response": [_hide_location]},
            mounts={"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None},
        )

    # -- requests ------------------------------------------------------------------------
    def authorized(self, url: str) -> bool:
        """Whether the key may go there: our scheme, host and port, and no user part."""
        return origin_of(url) == self.origin

    @asynccontextmanager
    async def get(self, url: str, accept: str) -> AsyncIterator[httpx.Response]:
        """One GET, one attempt.

        Raises:
            ApiError: also for every status outside 2xx.
        """
        client = self._open(self._reading)
        with _only_reading():
            async with self._exchange(client, "GET", url, {"Accept": accept}) as response:
                yield response

    @asynccontextmanager
    async def fetch(
        self, url: str, headers: Mapping[str, str], *, keyed: bool = True
    ) -> AsyncIterator[httpx.Response]:
        """One GET of a file from anywhere; a redirect is handed over, not followed.

        `keyed` False: without the key, even to our own origin.

        Raises:
            ApiError: for every status but 2xx, 3xx and 416.
        """
        client = self._open(self._reading)
        # Parts of a packed file cannot be told apart: only a plain one can be continued.
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", **headers}
        with _only_reading():
            async with self._exchange(
                client, "GET", url, headers, handed=_FILE_ANSWERS, keyed=keyed
            ) as response:
                yield response

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Content = b"",
        first_byte: float | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """One request that changes something, on a connection of its own.

        It is dialled again, twice at most, only when no connection came about.

        Raises:
            ApiError: also for every status outside 2xx.
        """
        client = self._open(self._posting)
        headers = {"Connection": "close", **headers}
        async with self._exchange(
            client, method, url, headers, content, first_byte, dials=1 + REDIALS
        ) as response:
            yield response

    def _open(self, client: httpx.AsyncClient | None) -> httpx.AsyncClient:
        if client is None:
            raise RuntimeError("the client is used before it is entered, or after it is left")
        return client

    @asynccontextmanager
    async def _exchange(  # noqa: PLR0913 - the one place where everything about a request meets
        self,
        client: httpx.AsyncClient,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Content = b"",
        first_byte: float | None = None,
        *,
        dials: int = 1,
        handed: Container[int] = (),
        keyed: bool = True,
    ) -> AsyncIterator[httpx.Response]:
        first_byte = first_byte or self.limits.first_byte_timeout

        def request(departure: Departure) -> httpx.Request:
            return client.build_request(
                method,
                url,
                headers=self._prepared(url, headers) if keyed else headers,
                content=content(departure.progress) if callable(content) else content,
                extensions={"trace": departure},
            )

        waits = Waits(self.limits.connect_timeout, first_byte, self.pause)
        response = await dialled(client, request, waits, dials)
        try:
            good = 200 <= response.status_code < 300
            if not good and response.status_code not in handed:
                raise await body.refused(response, self.limits.idle_timeout)
            yield response
        finally:
            with suppress(*faults.TRANSPORT_ERRORS):
                await response.aclose()

    def _prepared(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        if not self.authorized(url):
            return dict(headers)
        key = self._key.reveal().strip()
        return {**self._headers, **headers, "Authorization": f"Bearer {key}"}


async def _hide_location(response: httpx.Response) -> None:
    """Put the target of a redirect aside: httpx would parse it, though not following, and may fail."""
    if response.has_redirect_location:
        response.extensions["location"] = response.headers.pop("location")


@contextmanager
def _only_reading() -> Iterator[None]:
    try:
        yield
    except ApiError as problem:
        if problem.hint == faults.MAY_COST:
            problem.hint = faults.ONLY_READ
        raise
