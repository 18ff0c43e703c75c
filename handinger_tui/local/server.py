"""The server of the local worker, in a thread or in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Self

import uvicorn

from handinger_tui.local.connections import TimedProtocol, handler_of_failures, only_from_here
from handinger_tui.local.http import RequestLimits
from handinger_tui.local.registry import Registry
from handinger_tui.local.repertoire import REPERTOIRE
from handinger_tui.local.routes import PREFIX, build_app
from handinger_tui.local.turn_context import Rule, TurnConfig

HOST = "127.0.0.1"
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.25
_BACKLOG = 128


class _QuietServer(uvicorn.Server):
    """A uvicorn server that does not handle signals, signals readiness, and cancels turns before shutdown."""

    def __init__(
        self, config: uvicorn.Config, registries: tuple[Registry, ...], listening: threading.Event
    ) -> None:
        super().__init__(config)
        self._registries = registries
        self._listening = listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Keep the signal handlers of the program."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then set the event that the starting thread waits for."""
        await super().startup(sockets)
        self._listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cancel the turns, which ends the open streams, then shut down."""
        for registry in self._registries:
            await registry.close()
        await super().shutdown(sockets)


class LocalServer:
    """A running server. `base_url` has no trailing slash; each server has a new `api_key`.

    `tasks_url` is the base URL of the tasks generation.

    State is in memory only and is lost when the server stops. `stop` may be called repeatedly and from
    any thread except the server's own.
    """

    def __init__(
        self,
        listener: socket.socket,
        config: TurnConfig,
        limits: RequestLimits,
        report: Callable[[str], None],
    ) -> None:
        self.api_key = f"hdg_local_{secrets.token_urlsafe(24)}"
        self.base_url = f"http://{HOST}:{listener.getsockname()[1]}"
        self._socket = listener
        self.tasks_url = f"{self.base_url}{PREFIX}"
        workers = Registry(self.base_url, config, limits, has_tasks=False)
        tasks = Registry(self.tasks_url, config, limits, has_tasks=True)
        self._listening = threading.Event()
        uvicorn_config = uvicorn.Config(
            only_from_here(build_app(workers, tasks, self.api_key)),
            # uvicorn calls it as it would call the class.
            http=partial(TimedProtocol, request_seconds=limits.request_seconds),  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._report = report
        self._server = _QuietServer(uvicorn_config, (workers, tasks), self._listening)
        self._thread = threading.Thread(target=self._run, name="local-worker", daemon=True)

    @classmethod
    def start(
        cls,
        port: int = 0,
        pace: float = 1.0,
        limits: RequestLimits | None = None,
        report: Callable[[str], None] = lambda _line: None,
        rules: tuple[Rule, ...] = REPERTOIRE,
    ) -> Self:
        """Start a server and return when it accepts requests.

        Args:
            port: the port on 127.0.0.1; 0 lets the system choose.
            pace: factor of all pauses; 1 is natural, 0 as fast as possible.
            limits: limits other than the defaults.
            report: called in the thread of the server with a line for the person who runs it.
            rules: what the workers do.

        Raises:
            OSError: the port is in use or not allowed.
            TimeoutError: the server did not start in time.
        """
        # asyncio disables Nagle's algorithm only if the protocol is given. Otherwise each response of
        # two writes would wait 40 ms for an acknowledgement.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
            listener.listen(_BACKLOG)
        except (OSError, OverflowError):
            listener.close()
            raise
        server = cls(listener, TurnConfig(pace, rules), limits or RequestLimits(), report)
        server._thread.start()
        if not server._listening.wait(_START_SECONDS):
            server.stop()
            raise TimeoutError("the local worker did not start")
        return server

    def stop(self) -> None:
        """Cancel all turns and streams and end the thread; further calls do nothing."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS)

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self, seconds: float) -> bool:
        """Wait at most that many seconds for the server to end; return whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with self._socket:
            asyncio.run(self._serve_reporting())

    async def _serve_reporting(self) -> None:
        handler = handler_of_failures(self._report, lambda: self._server.should_exit)
        asyncio.get_running_loop().set_exception_handler(handler)
        await self._server.serve(sockets=[self._socket])


def serve_foreground(
    port: int, announce: Callable[[str, str, str], None], pace: float, report: Callable[[str], None]
) -> int:
    """Serve until SIGINT or SIGTERM, then stop and return 0; return 1 if the server ended on its own.

    `pace` and `report`: as for `LocalServer.start`. `announce` is called with the base URLs of both
    generations and the key once requests are accepted. It must run in the main thread, the only one in
    which Python allows signal handlers.

    Raises:
        OSError: the port is in use or not allowed.
    """
    received: list[int] = []

    # A plain list, polled four times a second: setting a threading.Event from a signal handler
    # can deadlock if the signal arrives while the main thread holds the lock of that event.
    def record_signal(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    former_handlers = {
        number: signal.signal(number, record_signal) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with LocalServer.start(port, pace, report=report) as server:
            announce(server.base_url, server.tasks_url, server.api_key)
            has_ended = False
            while not received and not has_ended:
                has_ended = server.wait(_POLL_SECONDS)
    finally:
        for number, handler in former_handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
    return 1 if has_ended else 0
