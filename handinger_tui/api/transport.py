"""Transport: one origin, one key, and requests that leave at most once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.api import errors as faults
from handinger_tui.api import response as body
from handinger_tui.api.limits import Limits
from handinger_tui.api.origin import base_origin, origin_of
from handinger_tui.api.validation import check_key, transport_settings, usable_headers
from handinger_tui.core.errors import ApiError, SettingsError
from handinger_tui.core.record import dataclass
from handinger_tui.core.secret import Secret

if TYPE_CHECKING:
    import httpx

    from handinger_tui.api.http_clients import Clients


REDIALS: Final = 2
PAUSE_S: Final = 0.3

Content = Callable[[Callable[[], None]], AsyncIterator[bytes]]
"""Makes a body anew for each dial; gets what it must call whenever a block leaves."""


@dataclass(frozen=True, slots=True)
class ConnectPolicy:
    """Seconds for one connection (TCP and TLS each) and for all headers; how to pause between dials."""

    connect: float
    first_byte: float
    pause: Callable[[float], Awaitable[None]]


class SendTrace:
    """Notes when the first byte of a request may have left; the deadline for headers counts from then.

    Called by httpcore (extension `trace`). A CONNECT to a proxy is not our request.
    """

    def __init__(self, deadline: asyncio.Timeout, seconds: float) -> None:
        self.sent = False
        self.departed: Callable[[], None] = lambda: None
        """Called when the first byte may be leaving."""
        self._deadline = deadline
        self._seconds = seconds

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Hear one event of httpcore."""
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self.sent = True
            self.departed()
            self.progress()

    def progress(self) -> None:
        """A block leaves: count anew."""
        if not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._seconds)


MakeRequest = Callable[[SendTrace], "httpx.Request"]


async def send_with_connect_retry(
    client: httpx.AsyncClient, request: MakeRequest, waits: ConnectPolicy, dials: int
) -> httpx.Response:
    """Dial until a connection came about; whatever happens after that is final.

    Raises:
        Unreachable: nothing was sent.
        Doubtful: it may have arrived.
    """
    for attempt in range(1, dials):
        try:
            return await _sent(client, request, waits)
        except faults.dial_errors():
            await waits.pause(PAUSE_S * attempt * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
    try:
        return await _sent(client, request, waits)
    except faults.dial_errors() as problem:
        raise faults.translate(problem, faults.Phase.CONNECTING) from problem


async def _sent(client: httpx.AsyncClient, request: MakeRequest, waits: ConnectPolicy) -> httpx.Response:
    departure: SendTrace | None = None
    try:
        # TCP and TLS have one wait each until the request leaves.
        async with asyncio.timeout(2 * waits.connect) as deadline:
            departure = SendTrace(deadline, waits.first_byte)
            return await client.send(request(departure), stream=True)
    except TimeoutError as problem:
        if departure is not None and departure.sent:
            raise faults.late(waits.first_byte) from None
        raise faults.translate(problem, faults.Phase.CONNECTING) from None
    except faults.dial_errors():
        raise
    except faults.transport_errors() as problem:
        sent = departure is not None and departure.sent
        phase = faults.Phase.SENT if sent else faults.Phase.CONNECTING
        raise faults.translate(problem, phase) from problem


_FILE_ANSWERS: Final = frozenset({*range(300, 400), 416})
"""Statuses outside 2xx that whoever fetches a file judges itself."""


class Transport:
    """Open it before use; closing it closes every connection."""

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
        self._opened = False
        self._clients: dict[tuple[bool, bool], Clients] = {}
        """By whether they are secure (those speak plain http too), and go past every proxy."""
        self._building = asyncio.Lock()

    async def open(self, *, late: bool = False) -> None:
        """Build the clients; `late`: with the first request, if no setting of the machine can be unusable.

        Raises:
            SettingsError: a proxy or certificate setting of the machine is unusable; it is named.
        """
        self._opened = True
        told = transport_settings()
        if told or not late:
            secure = told or not self.base_url.startswith("http://")
            self._clients[secure, False] = _built(self.limits.connect_timeout, secure=secure, direct=False)

    async def aclose(self) -> None:
        """Close every connection."""
        self._opened = False
        async with self._building:
            clients, self._clients = self._clients, {}
        for one in clients.values():
            await one.aclose()

    async def _ready(self, url: str) -> Clients:
        """The clients, built now when nobody needed them yet: in a thread, for keys are answered meanwhile.

        Raises:
            Unreachable: they cannot be built; nothing was sent.
        """
        origin = origin_of(url)
        # A proxy of the machine has no business with loopback, nor with the key sent there in plain text.
        direct = origin is not None and origin.loopback
        async with self._building:
            secure = (True, direct) in self._clients or not url.startswith("http://")
            which = secure, direct
            if which not in self._clients:
                if not self._opened:
                    raise RuntimeError("the client is used before it is entered, or after it is left")
                try:
                    self._clients[which] = await asyncio.to_thread(
                        _built, self.limits.connect_timeout, secure=secure, direct=direct
                    )
                except SettingsError as problem:
                    raise faults.unusable(problem) from None
            return self._clients[which]

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
        client = (await self._ready(url)).reading
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
        client = (await self._ready(url)).reading
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
        departed: Callable[[], None] = lambda: None,
    ) -> AsyncIterator[httpx.Response]:
        """One request that changes something, on a connection of its own.

        It is dialled again, twice at most, only when no connection came about. `departed()` is called
        when the first byte may be leaving.

        Raises:
            ApiError: also for every status outside 2xx.
        """
        client = (await self._ready(url)).posting
        headers = {"Connection": "close", **headers}
        async with self._exchange(
            client, method, url, headers, content, first_byte, dials=1 + REDIALS, departed=departed
        ) as response:
            yield response

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
        departed: Callable[[], None] = lambda: None,
    ) -> AsyncIterator[httpx.Response]:
        first_byte = first_byte or self.limits.first_byte_timeout

        def request(departure: SendTrace) -> httpx.Request:
            departure.departed = departed
            return client.build_request(
                method,
                url,
                headers=self._prepared(url, headers) if keyed else headers,
                content=content(departure.progress) if callable(content) else content,
                extensions={"trace": departure},
            )

        waits = ConnectPolicy(self.limits.connect_timeout, first_byte, self.pause)
        response = await send_with_connect_retry(client, request, waits, dials)
        try:
            good = 200 <= response.status_code < 300
            if not good and response.status_code not in handed:
                raise await body.refused(response, self.limits.idle_timeout)
            yield response
        finally:
            with suppress(*faults.transport_errors()):
                await response.aclose()

    def _prepared(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        if not self.authorized(url):
            return dict(headers)
        key = self._key.reveal().strip()
        return {**self._headers, **headers, "Authorization": f"Bearer {key}"}


def _built(connect_timeout: float, *, secure: bool, direct: bool) -> Clients:
    from handinger_tui.api.http_clients import build  # noqa: PLC0415 - httpx, 60 ms and 7 MB

    return build(connect_timeout, secure=secure, direct=direct)


@contextmanager
def _only_reading() -> Iterator[None]:
    try:
        yield
    except ApiError as problem:
        if problem.hint == faults.MAY_COST:
            problem.hint = faults.ONLY_READ
        raise
