"""Connections that neither idle nor dripping clients can hold, and requests for this computer only."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from handinger_tui.local.http import RefusedError
from handinger_tui.local.routes import answer_error

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HOSTS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""A web page reaches this server only under the name of its own site, which it can make lead here."""
NO_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
REPORT_EVERY_S: Final = 60.0


class TimedProtocol(H11Protocol):
    """Closes a connection on which a whole request does not arrive within `request_seconds`."""

    def __init__(self, *args: Any, request_seconds: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._request_seconds = request_seconds
        self._deadline: asyncio.TimerHandle | None = None

    # asyncio declares a wider type; uvicorn narrows it as here.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """Go on to wait for the rest of a request; a complete one takes as long as it takes."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        super().connection_lost(exc)
        self._cancel()

    def _is_incomplete(self) -> bool:
        return self.conn.their_state.__name__ in ("IDLE", "SEND_BODY")

    def _look(self) -> None:
        if not self._is_incomplete():
            self._cancel()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._request_seconds, self._expire)

    def _expire(self) -> None:
        self._deadline = None
        if self._is_incomplete():
            self.transport.close()

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def only_from_here(app: ASGIApp) -> ASGIApp:
    """The application for requests whose Host is this computer; 421 for others."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"]
        if scope["type"] == "http" and not (len(hosts) == 1 and _name_of(hosts[0]) in HOSTS):
            refused = RefusedError(421, "This server answers requests of this computer only.")
            answer = await answer_error(Request(scope, receive), refused)
            await answer(scope, receive, send)
        else:
            await app(scope, receive, send)

    return guarded


def _name_of(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def handler_of_failures(
    report: Callable[[str], None], is_ending: Callable[[], bool]
) -> Callable[[asyncio.AbstractEventLoop, Any], None]:
    """An exception handler for a loop: that no connection can be accepted is reported once a minute.

    asyncio tries again after a second, also on a socket that has been closed by then.
    """
    reported_at = -REPORT_EVERY_S

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal reported_at
        problem = context.get("exception")
        if isinstance(problem, ValueError) and is_ending():
            return
        if not (isinstance(problem, OSError) and problem.errno in NO_DESCRIPTORS):
            loop.default_exception_handler(context)
        elif loop.time() - reported_at >= REPORT_EVERY_S:
            reported_at = loop.time()
            report("Too many open connections: new ones wait until others are closed.")

    return handle
