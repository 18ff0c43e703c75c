"""The server of the local worker: routes with bearer authentication, in a thread or in the foreground.

Decisions where the published API description is silent:

- POST responds at once, with `running: true`; with streaming it responds with the stream of the turn.
- POST to a worker with a running turn: 409, nothing is started.
- `Idempotency-Key`: the same key with the same instruction, on the same route, is the same turn
  and is charged once (header `idempotency-replayed: true`); with another instruction 422.
- The stream of a GET has one event per stored message, then the chunks of the running turn from its
  start, then `[DONE]` (not on /stream, whose clients do not know that event).
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from handinger_tui.local import http, stream, triggers
from handinger_tui.local.http import (
    MESSAGES,
    RefusedError,
    RequestLimits,
    error_response,
    event_stream,
    json_response,
    route,
)
from handinger_tui.local.registry import StartedTurn, WorkerRegistry
from handinger_tui.local.repertoire import REPERTOIRE
from handinger_tui.local.tasks import PREFIX, TaskRegistry, task_routes
from handinger_tui.local.turn_context import TurnConfig
from handinger_tui.local.worker import WorkerRecord, file_response, history_and_live

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


_DRAIN_SECONDS = 5.0
_MAX_DRAINED_BYTES = 256 << 20


class BearerAuth:
    """ASGI middleware that admits only requests with the server's key to paths under `/api`."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self.app = app
        self._expected = f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond with 401 without reading the body, or call the app."""
        is_api = scope["type"] == "http" and scope["path"].removeprefix(PREFIX).startswith("/api")
        if is_api and not self._is_authorized(scope):
            response = error_response(
                401, "The Authorization header must be Bearer and the key this local worker named."
            )
            response.headers["www-authenticate"] = "Bearer"
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_authorized(self, scope: Scope) -> bool:
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, key = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
        return hmac.compare_digest(scheme.title() + b" " + key.strip(), self._expected)


class DrainBody:
    """ASGI middleware that reads and discards the remainder of a body before an error response is sent.

    It stops after `_DRAIN_SECONDS` or `_MAX_DRAINED_BYTES`. If the connection were closed while the client
    is still sending, the client would see a reset instead of the error.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app with wrapped `receive` and `send`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_body_read = False

        async def receive_and_track() -> Message:
            nonlocal is_body_read
            message = await receive()
            is_body_read = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def drain_and_send(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                size = 0
                with suppress(TimeoutError):
                    async with asyncio.timeout(_DRAIN_SECONDS):
                        while not is_body_read and size <= _MAX_DRAINED_BYTES:
                            size += len((await receive_and_track()).get("body", b""))
            await send(message)

        await self.app(scope, receive_and_track, drain_and_send)


def build_app(registry: WorkerRegistry, tasks: TaskRegistry, api_key: str) -> Starlette:
    """Return the ASGI application: the workers generation, the tasks generation under `PREFIX`."""
    routes = Routes(registry)
    worker = "/api/workers/{worker_id}"
    app = Starlette(
        routes=[
            route("/api/workers", POST=routes.create),
            route(worker, GET=routes.retrieve, POST=routes.resume),
            route(f"{worker}/stream", GET=routes.follow),
            route(f"{worker}/email", GET=routes.email),
            route(f"{worker}/files/{{file_path:path}}", GET=routes.file),
            route(f"{worker}/schedules", GET=routes.list_schedules, POST=routes.add_schedule),
            route(f"{worker}/schedules/{{schedule_id}}", DELETE=routes.cancel_schedule),
            *task_routes(tasks),
        ],
        middleware=[Middleware(DrainBody), Middleware(BearerAuth, api_key=api_key)],
        exception_handlers=dict.fromkeys((RefusedError, HTTPException, Exception), _answer_error),
    )
    # After a redirect a client would send its key and its body a second time.
    app.router.redirect_slashes = False
    return app


class Routes:
    """The endpoints, one method per operation of the API description."""

    def __init__(self, registry: WorkerRegistry) -> None:
        self.registry = registry
        self.limits = registry.limits

    async def create(self, request: Request) -> Response:
        """Create a worker and start its first turn."""
        key = http.idempotency_key(request)
        parsed = await http.parse_turn_request(request, self.limits)
        streamed = http.wants_stream(request, parsed.streamed)
        return self._turn_response(self.registry.start("", parsed.instruction, key), streamed=streamed)

    async def resume(self, request: Request) -> Response:
        """Start another turn of a worker."""
        self._record(request)
        key = http.idempotency_key(request)
        parsed = await http.parse_turn_request(request, self.limits)
        streamed = http.wants_stream(request, parsed.streamed)
        # Read again: while the body came, the worker may have been deleted.
        started = self.registry.start(self._record(request).id, parsed.instruction, key)
        return self._turn_response(started, streamed=streamed)

    async def retrieve(self, request: Request) -> Response:
        """Return a worker, or stream its messages and its running turn."""
        record = self._record(request)
        if http.wants_stream(request):
            return event_stream(history_and_live(record, self.limits.keep_alive_seconds))
        return json_response(record.as_worker())

    async def follow(self, request: Request) -> Response:
        """Stream the messages and the running turn of a worker, whatever Accept says.

        Without `[DONE]`: the clients that use this route (official Python 0.0.2 to 0.3.0) decode
        every event as JSON and fail on it.
        """
        events = history_and_live(self._record(request), self.limits.keep_alive_seconds)
        return event_stream(text async for text in events if text != stream.DONE)

    async def email(self, request: Request) -> Response:
        """Return an email address of a reserved domain, which shows that no mail can reach it."""
        return json_response(f"{self._record(request).id.lower()}@local.invalid")

    async def file(self, request: Request) -> Response:
        """Return the bytes of a file."""
        return file_response(self._record(request), request.path_params["file_path"])

    async def list_schedules(self, request: Request) -> Response:
        """List the pending schedules."""
        record = self._record(request)
        return json_response(
            {
                "schedules": [schedule.as_members() for schedule in record.schedules.values()],
                "workerId": record.id,
            }
        )

    async def add_schedule(self, request: Request) -> Response:
        """Store a schedule."""
        record = self._record(request)
        schedule = await triggers.parse_schedule(request, self.limits)
        self.registry.add_schedule(record, schedule)
        return json_response(schedule.as_members())

    async def cancel_schedule(self, request: Request) -> Response:
        """Cancel a schedule."""
        self.registry.cancel_schedule(self._record(request), request.path_params["schedule_id"])
        return json_response({"cancelled": True})

    def _record(self, request: Request) -> WorkerRecord:
        return self.registry.record(request.path_params["worker_id"])

    def _turn_response(self, started: StartedTurn, *, streamed: bool) -> Response:
        headers = {"location": f"/api/workers/{started.record.id}", "x-worker-id": started.record.id}
        if started.repeated:
            headers["idempotency-replayed"] = "true"
        if streamed:
            return event_stream(started.turn.follow(self.limits.keep_alive_seconds), headers)
        return json_response(started.record.as_worker(), headers=headers)


async def _answer_error(_request: Request, error: Exception) -> Response:
    if isinstance(error, RefusedError):
        return error_response(error.status, error.sentence, error.headers)
    if isinstance(error, HTTPException):
        sentence = MESSAGES.get(error.status_code, "The request cannot be served.")
        return error_response(error.status_code, sentence, dict(error.headers or {}))
    return error_response(500, "The local worker failed.")


HOST = "127.0.0.1"
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.25
_BACKLOG = 128


class _QuietServer(uvicorn.Server):
    """A uvicorn server that does not handle signals, signals readiness, and cancels turns before shutdown."""

    def __init__(
        self, config: uvicorn.Config, registries: tuple[WorkerRegistry, ...], listening: threading.Event
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

    def __init__(self, listener: socket.socket, config: TurnConfig, limits: RequestLimits) -> None:
        self.api_key = f"hdg_local_{secrets.token_urlsafe(24)}"
        self.base_url = f"http://{HOST}:{listener.getsockname()[1]}"
        self._socket = listener
        self.tasks_url = f"{self.base_url}{PREFIX}"
        workers = WorkerRegistry(self.base_url, config, limits)
        tasks = TaskRegistry(WorkerRegistry(self.tasks_url, config, limits))
        self._listening = threading.Event()
        uvicorn_config = uvicorn.Config(
            build_app(workers, tasks, self.api_key),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _QuietServer(uvicorn_config, (workers, tasks.runs), self._listening)
        self._thread = threading.Thread(target=self._run, name="local-worker", daemon=True)

    @classmethod
    def start(cls, port: int = 0, pace: float = 1.0, limits: RequestLimits | None = None) -> Self:
        """Start a server and return when it accepts requests.

        Args:
            port: the port on 127.0.0.1; 0 lets the system choose.
            pace: factor of all pauses; 1 is natural, 0 as fast as possible.
            limits: limits other than the defaults.

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
        server = cls(listener, TurnConfig(pace, REPERTOIRE), limits or RequestLimits())
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
        """Stop the server."""
        self.stop()

    def wait(self, seconds: float) -> bool:
        """Wait at most that many seconds for the server to end; return whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with self._socket:
            asyncio.run(self._server.serve(sockets=[self._socket]))


def serve_foreground(port: int, announce: Callable[[str, str, str], None], pace: float) -> int:
    """Serve until SIGINT or SIGTERM, then stop and return 0; return 1 if the server ended on its own.

    `pace`: as for `LocalServer.start`. `announce` is called with the base URLs of both generations and the
    key once requests are accepted. It must run in the main thread, the only one in which Python allows
    signal handlers.

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
        with LocalServer.start(port, pace) as server:
            announce(server.base_url, server.tasks_url, server.api_key)
            has_ended = False
            while not received and not has_ended:
                has_ended = server.wait(_POLL_SECONDS)
    finally:
        for number, handler in former_handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
    return 1 if has_ended else 0
