"""The transport: requests to one origin with one key, each sent at most once.

Base URL, key, custom headers and proxy settings are checked before the first request.

httpx (60 ms, 7 MB) is loaded with the first request. TLS takes 20 ms and 4 MB more, so a client for plain
http (the local worker) is built without it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from msgspec import Struct

from handinger_tui import __version__
from handinger_tui.api import errors
from handinger_tui.api.deadline import Deadline
from handinger_tui.api.response import read_refusal
from handinger_tui.core.errors import ApiError, SettingsError, StreamLost
from handinger_tui.core.safety import Secret, is_loopback

if TYPE_CHECKING:
    import httpx

    from handinger_tui.api.response import ResponseLimits

# -- addresses, key and settings ---------------------------------------------------------
_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_FORM: Final = "Use a form like https://host.example."


def segment(text: str, what: str = "id") -> str:
    """Encode `text` as exactly one path segment; `what` names it in an error.

    Without this, a pasted `../../admin` would reach another route, since httpx resolves dot segments.

    Raises:
        Refused: empty, `.`, `..`, or not encodable.
    """
    if text in {"", ".", ".."}:
        raise errors.bad_segment(what)
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise errors.bad_segment(what) from None


class Origin(Struct, frozen=True):
    """Scheme, host and port of a URL. The key is sent to one origin only."""

    scheme: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine."""
        return is_loopback(self.host)


def origin_of(url: str) -> Origin | None:
    """The origin of an absolute http(s) URL without a user part; None for anything else."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    default = _DEFAULT_PORT.get(parts.scheme)
    if default is None or not host or "@" in parts.netloc:
        return None
    return Origin(parts.scheme, host.lower(), default if port is None else port)


def base_origin(base_url: str) -> Origin:
    """The origin of the base URL.

    Raises:
        SettingsError: not an http(s) URL, a user part, a query, or plain http to another machine.
    """
    is_usable = base_url.isascii() and base_url.isprintable() and not set(base_url) & set(" \\?#")
    origin = origin_of(base_url) if is_usable else None
    if origin is None:
        raise SettingsError("The base URL must be an http(s) address without a user name or query.", _FORM)
    if origin.scheme == "http" and not origin.loopback:
        raise SettingsError("The base URL is plain http, which would send the key unprotected.", "Use https.")
    return origin


_KEY: Final = re.compile(r"[!-~]{8,512}")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE: Final = re.compile(r"[ -~]{0,4000}")
_RESERVED_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "idempotency-key",
        "transfer-encoding",
    }
)
"""Headers that only the program itself may set."""

_PROXY_VARIABLES: Final = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
_TRUST_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def check_key(key: Secret) -> None:
    """Refuse a malformed key: the error message of httpx would quote it in full. Raises SettingsError."""
    if not _KEY.fullmatch(key.reveal().strip()):
        raise SettingsError(
            "The API key is empty, too short, too long, or contains an invalid character.",
            "Set HANDINGER_API_KEY to the key alone, without quotes, spaces or line breaks.",
        )


def usable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the custom headers if all of them can be sent.

    Raises:
        SettingsError: a header is set by the program itself, or has an invalid character.
    """
    for name, value in headers.items():
        if name.lower() in _RESERVED_HEADERS:
            raise SettingsError(
                f"The header {name} cannot be overridden.", "Remove it from the custom headers."
            )
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            # Neither is shown: the value may be a secret, and the name may contain it by mistake.
            raise SettingsError(
                "A custom header contains an invalid character.",
                "Fix HANDINGER_CUSTOM_HEADERS, or headers in the config file.",
            )
    return dict(headers)


def has_risky_transport_settings() -> bool:
    """Whether proxy or certificate settings of the machine may make it impossible to build a client."""
    # On these systems the proxy may come from the system settings.
    may_have_proxy = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for proxy in _PROXY_VARIABLES for name in (proxy, proxy.lower())
    )
    trust_paths = [path for name in _TRUST_VARIABLES if (path := os.environ.get(name))]
    return may_have_proxy or not all(map(os.path.exists, trust_paths))


def bad_proxy(problem: Exception) -> SettingsError:
    """The error for a proxy setting that httpx cannot use. It shows no value, which may have a password."""
    variables = [
        variable
        for name in _PROXY_VARIABLES
        for variable in (name, name.lower())
        if os.environ.get(variable)
        and (not isinstance(problem, ImportError) or os.environ[variable].lower().startswith("socks"))
    ]
    shown = " or ".join(variables) or "The proxy setting of the system"
    if isinstance(problem, ImportError):
        return SettingsError(
            f"{shown} is a SOCKS proxy, which is not supported.", "Use an http proxy, or unset it."
        )
    return SettingsError(f"{shown} is not a valid proxy address.", "Fix or unset it.")


def _check_proxy_ports() -> None:
    """Refuse a port that no computer has: httpx would try it, and crash.

    Raises:
        ValueError
    """
    from urllib.request import getproxies  # 10 ms: not at startup

    for scheme, address in getproxies().items():
        if scheme != "no":
            _ = urlsplit(address if "://" in address else f"http://{address}").port


# -- requests ----------------------------------------------------------------------------
MAX_ATTEMPTS: Final = 3
"""Attempts to connect, for requests that change something."""
PAUSE_S: Final = 0.3
"""Seconds between two attempts to connect, multiplied by the number of the attempt."""

Content = Callable[[Callable[[], None]], AsyncIterator[bytes]]
"""Makes a new body for each attempt to connect. It calls its argument before each block."""


class ConnectPolicy(Struct, frozen=True):
    """How a request connects.

    `connect`: timeout in seconds for TCP and for TLS; `first_byte`: for all response headers. `pause`: waits
    between two attempts. `origin`: the destination, for error messages.
    """

    connect: float
    first_byte: float
    pause: Callable[[float], Awaitable[None]]
    origin: str = "the service"


def _ignore() -> None:
    """The default of `departed`."""


class SendTrace:
    """Records when the first byte of a request may have left; the deadline for headers starts then.

    httpcore calls it (extension `trace`). A CONNECT to a proxy is not our request.
    """

    def __init__(self, deadline: Deadline, seconds: float) -> None:
        self.sent = False
        self.departed: Callable[[], None] = _ignore
        """Is called once, when the first byte may leave."""
        self._deadline = deadline
        self._seconds = seconds

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Handle one trace event of httpcore."""
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self.sent = True
            # httpx leaves each response in a reference cycle, which must not keep the turn alive.
            departed, self.departed = self.departed, _ignore
            departed()
            self.progress()

    def progress(self) -> None:
        """Restart the deadline: a block of the body is being sent."""
        self._deadline.restart(self._seconds)


MakeRequest = Callable[[SendTrace], "httpx.Request"]


async def send_with_connect_retry(
    client: httpx.AsyncClient, request: MakeRequest, policy: ConnectPolicy, attempts: int
) -> httpx.Response:
    """Try to connect up to `attempts` times. Any failure after a connection exists is final.

    Raises:
        Unreachable: nothing was sent.
        Doubtful: the request may have arrived.
    """
    for attempt in range(1, attempts):
        try:
            return await _send_once(client, request, policy)
        except errors.transport_errors().nothing_sent:
            await policy.pause(PAUSE_S * attempt * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
    try:
        return await _send_once(client, request, policy)
    except errors.transport_errors().nothing_sent as problem:
        raise errors.translate(problem, errors.Phase.CONNECTING, policy.origin) from problem


async def _send_once(
    client: httpx.AsyncClient, request: MakeRequest, policy: ConnectPolicy
) -> httpx.Response:
    trace: SendTrace | None = None
    try:
        # Until the request leaves: one connect timeout for TCP, one for TLS.
        async with Deadline(2 * policy.connect) as deadline:
            trace = SendTrace(deadline, policy.first_byte)
            return await client.send(request(trace), stream=True)
    except TimeoutError as problem:
        if trace is not None and trace.sent:
            raise errors.response_timeout(policy.first_byte) from None
        raise errors.translate(problem, errors.Phase.CONNECTING, policy.origin) from None
    except errors.transport_errors().nothing_sent:
        raise
    except errors.transport_errors().all as problem:
        is_sent = trace is not None and trace.sent
        phase = errors.Phase.SENT if is_sent else errors.Phase.CONNECTING
        raise errors.translate(problem, phase, policy.origin) from problem


_FILE_STATUSES: Final = frozenset({*range(300, 400), 416})
"""Statuses outside 2xx that `download` handles."""


class Clients(Struct, frozen=True):
    """Two clients: `keeping` keeps its connections for later requests, `closing` none.

    What changes something has a new connection: a kept one may be dead, and a POST lost on it in doubt. So
    have streams: httpcore keeps no idle connection while more than four of a client are open, so that each
    reading beside five streams would need a new one, with its TLS.
    """

    keeping: httpx.AsyncClient
    closing: httpx.AsyncClient

    async def aclose(self) -> None:
        """Close every connection."""
        try:
            await self.keeping.aclose()
        finally:
            await self.closing.aclose()


class Transport:
    """The connections to the service. Call `open` before use; `aclose` closes every connection."""

    def __init__(
        self,
        base_url: str,
        key: Secret,
        limits: ResponseLimits,
        headers: Mapping[str, str] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Check the settings. `pause` waits between two attempts to connect.

        Raises:
            SettingsError: unusable base URL, key or custom header; it never shows the key.
        """
        self.origin = base_origin(base_url)
        self.base_url = base_url.rstrip("/")
        self.limits = limits
        self._key = key
        check_key(key)
        self._headers = usable_headers(headers or {})
        self.pause = pause
        self._opened = False
        self._clients: dict[tuple[bool, bool], Clients] = {}
        """Clients by (secure, direct). Secure ones support http as well; direct ones bypass proxies."""
        self._build_lock = asyncio.Lock()

    async def open(self, *, late: bool = False) -> None:
        """Build the clients. `late`: with the first request, unless a setting of the machine needs a check.

        Raises:
            SettingsError: a proxy or certificate setting of the machine is unusable.
        """
        self._opened = True
        needs_check = has_risky_transport_settings()
        if needs_check or not late:
            secure = needs_check or not self.base_url.startswith("http://")
            self._clients[secure, False] = _build_clients(
                self.limits.connect_timeout, secure=secure, direct=False
            )

    async def aclose(self) -> None:
        """Close every connection."""
        self._opened = False
        async with self._build_lock:
            clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def _clients_for(self, url: str) -> Clients:
        """The clients for a URL, built if needed: in a thread, so that the screen stays responsive.

        Raises:
            Unreachable: they cannot be built; nothing was sent.
        """
        origin = origin_of(url)
        # Loopback requests bypass every proxy, which would see the key in plain text.
        direct = origin is not None and origin.loopback
        async with self._build_lock:
            secure = (True, direct) in self._clients or not url.startswith("http://")
            key = secure, direct
            if key not in self._clients:
                if not self._opened:
                    raise RuntimeError("the client is used outside of its context")
                try:
                    self._clients[key] = await asyncio.to_thread(
                        _build_clients, self.limits.connect_timeout, secure=secure, direct=direct
                    )
                except SettingsError as problem:
                    raise errors.unusable_client(problem) from None
            return self._clients[key]

    # -- requests ------------------------------------------------------------------------
    def authorized(self, url: str) -> bool:
        """Whether the key may be sent to this URL: it has our origin and no user part."""
        return origin_of(url) == self.origin

    def request_headers(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a request. Key and custom headers are added only for our own origin."""
        if not self.authorized(url):
            return dict(headers)
        key = self._key.reveal().strip()
        return {**self._headers, **headers, "Authorization": f"Bearer {key}"}

    @asynccontextmanager
    async def get(self, url: str, accept: str, *, streams: bool = False) -> AsyncIterator[httpx.Response]:
        """One GET, one attempt. `streams`: the answer may be a stream.

        Raises:
            ApiError: also for every status outside 2xx.
        """
        clients = await self._clients_for(url)
        client = clients.closing if streams else clients.keeping
        with _as_read_errors():
            async with self._exchange(client, "GET", url, {"Accept": accept}) as response:
                yield response

    @asynccontextmanager
    async def fetch(
        self, url: str, headers: Mapping[str, str], *, keyed: bool = True
    ) -> AsyncIterator[httpx.Response]:
        """One GET of a file from any host; a redirect is returned, not followed.

        `keyed` False: the key is not sent, even to our own origin.

        Raises:
            ApiError: for every status but 2xx, 3xx and 416.
        """
        client = (await self._clients_for(url)).keeping
        # A byte range of an encoded file cannot be decoded, so the download could not be resumed.
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", **headers}
        try:
            with _as_read_errors():
                async with self._exchange(
                    client, "GET", url, headers, accepted_statuses=_FILE_STATUSES, keyed=keyed
                ) as response:
                    yield response
        except ApiError as problem:
            origin = origin_of(url)
            is_local = origin is not None and origin.loopback and origin != self.origin
            errors.reword_for_file(problem, of_local_worker=is_local)
            raise

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Content = b"",
        first_byte: float | None = None,
        departed: Callable[[], None] = _ignore,
    ) -> AsyncIterator[httpx.Response]:
        """One request that changes something, on a new connection.

        It tries to connect at most `MAX_ATTEMPTS` times; a request that may have left is never repeated.
        `first_byte`: see `ConnectPolicy`, None: the default. `departed()` is called when the first byte may
        leave.

        Raises:
            ApiError: also for every status outside 2xx.
        """
        client = (await self._clients_for(url)).closing
        headers = {"Connection": "close", **headers}
        async with self._exchange(
            client, method, url, headers, content, first_byte, attempts=MAX_ATTEMPTS, departed=departed
        ) as response:
            yield response

    @asynccontextmanager
    async def _exchange(  # noqa: PLR0913 - every option of a request
        self,
        client: httpx.AsyncClient,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Content = b"",
        first_byte: float | None = None,
        *,
        attempts: int = 1,
        accepted_statuses: Container[int] = (),
        keyed: bool = True,
        departed: Callable[[], None] = _ignore,
    ) -> AsyncIterator[httpx.Response]:
        first_byte = first_byte or self.limits.first_byte_timeout

        def request(trace: SendTrace) -> httpx.Request:
            trace.departed = departed
            return client.build_request(
                method,
                url,
                headers=self.request_headers(url, headers) if keyed else headers,
                content=content(trace.progress) if callable(content) else content,
                extensions={"trace": trace},
            )

        address = urlsplit(url)
        origin = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
        policy = ConnectPolicy(self.limits.connect_timeout, first_byte, self.pause, origin)
        # Of other hosts no path, and never a query: they may hold names and signatures.
        shown = f"{origin}{address.path}" if self.authorized(url) else origin
        begun = time.monotonic()
        try:
            response = await send_with_connect_retry(client, request, policy, attempts)
        except ApiError as problem:
            REQUESTS.debug("%s %s %s, %d ms", method, shown, type(problem).__name__, _ms_since(begun))
            raise
        REQUESTS.debug("%s %s %d, %d ms", method, shown, response.status_code, _ms_since(begun))
        try:
            is_success = 200 <= response.status_code < 300
            if not is_success and response.status_code not in accepted_statuses:
                raise await read_refusal(response, self.limits.idle_timeout)
            yield response
        finally:
            with suppress(*errors.transport_errors().all):
                await response.aclose()


REQUESTS: Final = logging.getLogger("handinger_tui.requests")
"""A line for each request, without content, headers and keys; `cli.request_log` shows or keeps them."""
REQUESTS.propagate = False


def _ms_since(begun: float) -> int:
    return round(1000 * (time.monotonic() - begun))


class _NoTls:
    """A placeholder for the TLS context: any attempt to use TLS with it fails."""


def _build_clients(connect_timeout: float, *, secure: bool, direct: bool) -> Clients:
    """Build the clients. `connect_timeout` in seconds; `secure` False: only plain http; `direct`: no proxy.

    Raises:
        SettingsError: a proxy or certificate setting of the machine is unusable.
    """
    from http.cookiejar import CookieJar, DefaultCookiePolicy  # not at startup

    import httpx  # 60 ms and 7 MB: not at startup

    # Their INFO messages contain complete URLs, including signatures.
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    try:
        context: Any = httpx.create_ssl_context() if secure else _NoTls()
    except OSError:
        raise SettingsError(
            "Cannot load the certificates.", "Check or unset SSL_CERT_FILE and SSL_CERT_DIR."
        ) from None

    def client(pool: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=context,
            limits=pool,
            follow_redirects=False,
            # The only encoding that `response` decodes.
            headers={"Accept-Encoding": "gzip", "User-Agent": f"handinger-tui/{__version__}"},
            # No read timeout: it would apply to each read, and a slow sender never exceeds it.
            timeout=httpx.Timeout(None, connect=connect_timeout),
            # No cookies: httpx would send them to every port of the host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            event_hooks={"response": [_hide_location]},
            # Proxies come from the environment; certificates are set by `verify`.
            trust_env=not direct,
        )

    try:
        if not direct:
            _check_proxy_ports()
        closing = client(httpx.Limits(max_keepalive_connections=0))
        keeping = client(httpx.Limits(max_keepalive_connections=4, keepalive_expiry=15))
    except (ImportError, httpx.InvalidURL, ValueError) as problem:
        raise bad_proxy(problem) from None
    return Clients(keeping, closing)


async def _hide_location(response: httpx.Response) -> None:
    """Move the target of a redirect to an extension: httpx would parse it even unfollowed, and may fail."""
    if response.has_redirect_location:
        response.extensions["location"] = response.headers.pop("location")


@contextmanager
def _as_read_errors() -> Iterator[None]:
    try:
        yield
    except ApiError as problem:
        # Those of an answer that is cut speak of a message: that its part is saved, and its worker goes on.
        if problem.hint == errors.MAY_COST or isinstance(problem, StreamLost):
            problem.hint = errors.ONLY_READ
        raise
