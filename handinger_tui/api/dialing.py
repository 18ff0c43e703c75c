"""Dialing: a request leaves at most once, and what a failure proves is known.

Only while no connection came about may a request be dialled again. From the
first byte on, whatever happens is final here: the engine finds out by reading.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.api import faults
from handinger_tui.core.record import dataclass

if TYPE_CHECKING:
    import httpx

REDIALS: Final = 2
PAUSE_S: Final = 0.3

Content = Callable[[Callable[[], None]], AsyncIterator[bytes]]
"""Makes a body anew for each dial; gets what it must call whenever a block leaves."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds for one connection (TCP and TLS each) and for all headers; how to pause between dials."""

    connect: float
    first_byte: float
    pause: Callable[[float], Awaitable[None]]


class Departure:
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


MakeRequest = Callable[[Departure], "httpx.Request"]


async def dialled(
    client: httpx.AsyncClient, request: MakeRequest, waits: Waits, dials: int
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


async def _sent(client: httpx.AsyncClient, request: MakeRequest, waits: Waits) -> httpx.Response:
    departure: Departure | None = None
    try:
        # TCP and TLS have one wait each until the request leaves.
        async with asyncio.timeout(2 * waits.connect) as deadline:
            departure = Departure(deadline, waits.first_byte)
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
