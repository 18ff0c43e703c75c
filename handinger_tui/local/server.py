"""The routes of the `workers` generation, with bearer authentication and one format of errors.

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
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from handinger_tui.local import formats, requests, schedules, stream
from handinger_tui.local.requests import RefusedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from handinger_tui.local.registry import StartedTurn, WorkerRegistry
    from handinger_tui.local.worker_record import WorkerRecord

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_DRAIN_SECONDS = 5.0
_MAX_DRAINED_BYTES = 256 << 20
_MESSAGES = {404: "Nothing at this address.", 405: "This address does not take this method."}


class BearerAuth:
    """ASGI middleware that admits only requests with the server's key to paths under `/api`."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self.app = app
        self._expected = f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond with 401 without reading the body, or call the app."""
        if scope["type"] == "http" and scope["path"].startswith("/api") and not self._is_authorized(scope):
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
    """ASGI middleware that reads and discards the rest of a body before an error response is sent.

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


def build_app(registry: WorkerRegistry, api_key: str) -> Starlette:
    """Return the ASGI application for a registry and an API key."""
    routes = Routes(registry)
    worker = "/api/workers/{worker_id}"
    app = Starlette(
        routes=[
            _route("/api/workers", POST=routes.create),
            _route(worker, GET=routes.retrieve, POST=routes.resume),
            _route(f"{worker}/stream", GET=routes.follow),
            _route(f"{worker}/email", GET=routes.email),
            _route(f"{worker}/files/{{file_path:path}}", GET=routes.file),
            _route(f"{worker}/schedules", GET=routes.list_schedules, POST=routes.add_schedule),
            _route(f"{worker}/schedules/{{schedule_id}}", DELETE=routes.cancel_schedule),
        ],
        middleware=[Middleware(DrainBody), Middleware(BearerAuth, api_key=api_key)],
        exception_handlers={
            RefusedError: _handle_refusal,
            HTTPException: _handle_http_exception,
            Exception: _handle_exception,
        },
    )
    # After a redirect a client would send its key and its body a second time.
    app.router.redirect_slashes = False
    return app


def _route(path: str, **endpoints: Endpoint) -> Route:
    """Return one route for all methods of a path, so that its 405 lists exactly the allowed ones."""

    async def endpoint(request: Request) -> Response:
        handler = endpoints.get(request.method)
        if handler is None:
            raise RefusedError(405, _MESSAGES[405], {"allow": ", ".join(endpoints)})
        return await handler(request)

    return Route(path, endpoint, methods=_METHODS)


class Routes:
    """The endpoints, one method per operation of the API description."""

    def __init__(self, registry: WorkerRegistry) -> None:
        self.registry = registry
        self.limits = registry.limits

    async def create(self, request: Request) -> Response:
        """Create a worker and start its first turn."""
        key = requests.idempotency_key(request)
        parsed = await requests.parse_turn_request(request, self.limits)
        streamed = requests.wants_stream(request, parsed.streamed)
        return self._turn_response(self.registry.create(parsed.instruction, key), streamed=streamed)

    async def resume(self, request: Request) -> Response:
        """Start another turn of a worker."""
        worker_id = self._record(request).id
        key = requests.idempotency_key(request)
        parsed = await requests.parse_turn_request(request, self.limits)
        streamed = requests.wants_stream(request, parsed.streamed)
        return self._turn_response(
            self.registry.resume(worker_id, parsed.instruction, key), streamed=streamed
        )

    async def retrieve(self, request: Request) -> Response:
        """Return a worker, or stream its messages and its running turn."""
        record = self._record(request)
        if requests.wants_stream(request):
            return event_stream(self._history_and_live(record))
        return json_response(record.as_worker())

    async def follow(self, request: Request) -> Response:
        """Stream the messages and the running turn of a worker, whatever Accept says.

        Without `[DONE]`: the clients that use this route (official Python 0.0.2 to 0.3.0) decode
        every event as JSON and fail on it.
        """
        events = self._history_and_live(self._record(request))
        return event_stream(text async for text in events if text != stream.DONE)

    async def email(self, request: Request) -> Response:
        """Return an email address of a reserved domain, which shows that no mail can reach it."""
        return json_response(f"{self._record(request).id.lower()}@local.invalid")

    async def file(self, request: Request) -> Response:
        """Return the bytes of a file."""
        file = self._record(request).workspace.get(request.path_params["file_path"])
        if file is None:
            raise RefusedError(404, "This worker has no file at this path.")
        name = quote(file.path.rpartition("/")[2], safe="")
        headers = {
            "content-disposition": f"attachment; filename*=UTF-8''{name}",
            "content-type": file.media_type,
            "x-content-type-options": "nosniff",
            "etag": f'"{file.digest}"',
        }
        return Response(file.content, headers=headers)

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
        members = await requests.parse_object(request, self.limits)
        text, budget = requests.text_member(members, self.limits), requests.budget_member(members)
        schedule = schedules.from_when(members.get("when"), text, budget, formats.now())
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

    async def _history_and_live(self, record: WorkerRecord) -> AsyncIterator[str]:
        # Both are read before the first await, so that they are consistent.
        messages, turn = list(record.messages), record.turn
        live = turn if turn is not None and turn.running else None
        if messages:
            yield "".join(f"data: {formats.dumps(message)}\n\n" for message in messages)
        if live is None:
            yield stream.DONE
            return
        async for text in live.follow(self.limits.keep_alive_seconds):
            yield text


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response with exact numbers."""
    return Response(formats.dumps(value), status, {"content-type": "application/json", **(headers or {})})


def error_response(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """Return an error response in the common format."""
    return json_response({"error": sentence}, status, headers)


def event_stream(source: AsyncIterator[str], headers: dict[str, str] | None = None) -> Response:
    """Return a streaming response with the headers of an event stream."""
    return StreamingResponse(source, headers={**stream.HEADERS, **(headers or {})})


async def _handle_refusal(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, RefusedError):
        raise refusal
    return error_response(refusal.status, refusal.sentence, refusal.headers)


async def _handle_http_exception(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    sentence = _MESSAGES.get(error.status_code, "The request cannot be served.")
    return error_response(error.status_code, sentence, dict(error.headers or {}))


async def _handle_exception(_request: Request, _error: Exception) -> Response:
    return error_response(500, "The local worker failed.")
