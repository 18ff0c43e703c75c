"""Serving the local worker on loopback: in a thread of the program, or in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import threading
from typing import TYPE_CHECKING, Self

import uvicorn

from handinger_tui.local.registry import WorkerRegistry
from handinger_tui.local.repertoire import REPERTOIRE
from handinger_tui.local.requests import Limits
from handinger_tui.local.server import build_app
from handinger_tui.local.turn_context import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

HOST = "127.0.0.1"
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_LOOK_SECONDS = 0.25
_BACKLOG = 128


class _QuietServer(uvicorn.Server):
    """uvicorn that leaves signals alone, says when it listens, and cuts turns before it waits for readers."""

    def __init__(self, config: uvicorn.Config, office: WorkerRegistry, listening: threading.Event) -> None:
        super().__init__(config)
        self._office = office
        self._listening = listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the program's signal handlers alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell who waits."""
        await super().startup(sockets)
        self._listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the turns, which ends the open streams, then close."""
        await self._office.close()
        await super().shutdown(sockets)


class LocalServer:
    """One running server. `base_url` has no closing slash; `api_key` is new for each server.

    State is in memory only and ends with the server. `stop` may be called often and from any thread
    but the server's own.
    """

    def __init__(self, taken: socket.socket, setting: Setting, limits: Limits) -> None:
        """Prepare a server on a listening socket; use `start`."""
        self.api_key = f"hdg_local_{secrets.token_urlsafe(24)}"
        self.base_url = f"http://{HOST}:{taken.getsockname()[1]}"
        self._socket = taken
        self._office = WorkerRegistry(self.base_url, setting, limits)
        self._listening = threading.Event()
        config = uvicorn.Config(
            build_app(self._office, self.api_key),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _QuietServer(config, self._office, self._listening)
        self._thread = threading.Thread(target=self._run, name="local-worker", daemon=True)

    @classmethod
    def start(
        cls, port: int = 0, pace: float = 1.0, home: Path | None = None, limits: Limits | None = None
    ) -> Self:
        """Start a server and return when it takes requests.

        Args:
            port: the port on 127.0.0.1; 0 lets the system choose.
            pace: factor of all pauses; 1 is natural, 0 as fast as possible.
            home: the program's data folder, which the tour names; nothing is read or written there.
            limits: other bounds than the usual.

        Raises:
            OSError: when the port is taken or not allowed.
            TimeoutError: when the server does not come up.
        """
        # With the protocol named: asyncio switches Nagle's delay off only then, and each answer of
        # two writes would otherwise wait 40 ms for an acknowledgement.
        taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((HOST, port))
            taken.listen(_BACKLOG)
        except (OSError, OverflowError):
            taken.close()
            raise
        server = cls(taken, Setting(pace, home, REPERTOIRE), limits or Limits())
        server._thread.start()
        if not server._listening.wait(_START_SECONDS):
            server.stop()
            raise TimeoutError("the local worker did not start")
        return server

    def stop(self) -> None:
        """Cut all turns and streams and end the thread; a second call does nothing."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long for the server to end; tell whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with self._socket:
            asyncio.run(self._server.serve(sockets=[self._socket]))


def serve_foreground(port: int, announce: Callable[[str, str], None]) -> int:
    """Serve until SIGINT or SIGTERM, then end cleanly and return 0; 1 if the server ended by itself.

    `announce` is called with base URL and key once requests are taken. Must run in the main thread,
    the only one Python lets take signals.

    Raises:
        OSError: when the port is taken or not allowed.
    """
    asked: list[int] = []

    # A plain list and a look four times a second: setting a threading.Event from a signal handler
    # can deadlock when the signal arrives while the main thread is inside that event's lock.
    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with LocalServer.start(port) as server:
            announce(server.base_url, server.api_key)
            ended = False
            while not asked and not ended:
                ended = server.wait(_LOOK_SECONDS)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler or signal.SIG_DFL)
    return 1 if ended else 0
