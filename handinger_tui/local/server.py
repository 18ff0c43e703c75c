"""The routes of the `workers` generation, with bearer auth and one error shape.

Decisions where the published description is silent:

- POST answers at once, with `running: true`; with a stream it answers with that turn's stream.
- POST to a worker at work: 409, nothing started.
- `Idempotency-Key`: the same key with the same instruction, on the same route, is the same turn
  and is charged once (header `idempotency-replayed: true`); with another instruction 422.
- A stream of a GET holds one event per stored message, then the running turn's chunks from its
  beginning, then `[DONE]` (not on /stream, whose clients know no such event).
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

from handinger_tui.local import ids, schedules, stream
from handinger_tui.local import requests as intake
from handinger_tui.local.requests import RefusedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from handinger_tui.local.registry import Begun, WorkerRegistry
    from handinger_tui.local.worker_record import WorkerRecord

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_DRAIN_SECONDS = 5.0
_SENTENCES = {404: "There is nothing at this address.", 405: "This address does not take this method."}


class BearerAuth:
    """Lets only requests with the server's key through; everything under `/api` needs it."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        """Guard `app` with `api_key`."""
        self.app = app
        self._expected = f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 without reading the body, or pass on."""
        if scope["type"] == "http" and scope["path"].startswith("/api") and not self._admits(scope):
            refused = error_answer(
                401, "The Authorization header must be Bearer and the key this local worker named."
            )
            refused.headers["www-authenticate"] = "Bearer"
            await refused(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _admits(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, key = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        return hmac.compare_digest(scheme.title() + b" " + key.strip(), self._expected)


class Drained:
    """Reads on, within bounds, when a request is refused before its body was read.

    Closing the connection under a client that is still sending would show it a reset in place of
    the refusal.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and watch both directions."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        over = False

        async def heard() -> Message:
            nonlocal over
            message = await receive()
            over = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def said(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                size = 0
                with suppress(TimeoutError):
                    async with asyncio.timeout(_DRAIN_SECONDS):
                        while not over and size <= intake.DRAINED:
                            size += len((await heard()).get("body", b""))
            await send(message)

        await self.app(scope, heard, said)


def build_app(office: WorkerRegistry, api_key: str) -> Starlette:
    """Return the application for one office, open to one key."""
    routes = Routes(office)
    worker = "/api/workers/{worker_id}"
    app = Starlette(
        routes=[
            _address("/api/workers", POST=routes.create),
            _address(worker, GET=routes.retrieve, POST=routes.resume),
            _address(f"{worker}/stream", GET=routes.follow),
            _address(f"{worker}/email", GET=routes.email),
            _address(f"{worker}/files/{{file_path:path}}", GET=routes.file),
            _address(f"{worker}/schedules", GET=routes.list_schedules, POST=routes.add_schedule),
            _address(f"{worker}/schedules/{{schedule_id}}", DELETE=routes.cancel_schedule),
        ],
        middleware=[Middleware(Drained), Middleware(BearerAuth, api_key=api_key)],
        exception_handlers={
            RefusedError: _say_no,
            HTTPException: _say_no_such_thing,
            Exception: _admit_fault,
        },
    )
    # A redirect would lead a client to send its key and its body a second time.
    app.router.redirect_slashes = False
    return app


def _address(path: str, **endpoints: Endpoint) -> Route:
    """Return one route for all methods of an address, so that its 405 names exactly those it takes."""

    async def endpoint(request: Request) -> Response:
        chosen = endpoints.get(request.method)
        if chosen is None:
            raise RefusedError(405, _SENTENCES[405], {"allow": ", ".join(endpoints)})
        return await chosen(request)

    return Route(path, endpoint, methods=_METHODS)


class Routes:
    """One method per operation of the description."""

    def __init__(self, office: WorkerRegistry) -> None:
        """Serve one office."""
        self.office = office
        self.limits = office.limits

    async def create(self, request: Request) -> Response:
        """Make a worker and start it with a first instruction."""
        key = intake.idempotency_key(request)
        asked = await intake.read_asked(request, self.limits)
        streamed = intake.wants_stream(request, asked.streamed)
        return self._begun(self.office.create(asked.instruction, key), streamed=streamed)

    async def resume(self, request: Request) -> Response:
        """Continue a worker with a further instruction."""
        worker_id = self._record(request).id
        key = intake.idempotency_key(request)
        asked = await intake.read_asked(request, self.limits)
        streamed = intake.wants_stream(request, asked.streamed)
        return self._begun(self.office.resume(worker_id, asked.instruction, key), streamed=streamed)

    async def retrieve(self, request: Request) -> Response:
        """Show a worker, or follow it."""
        record = self._record(request)
        if intake.wants_stream(request):
            return event_stream(self._history_and_live(record))
        return json_answer(record.as_worker())

    async def follow(self, request: Request) -> Response:
        """Follow a worker, whatever Accept says.

        No `[DONE]` here: the clients that know this route (official Python 0.0.2 to 0.3.0) decode
        every event as JSON and break on it.
        """
        events = self._history_and_live(self._record(request))
        return event_stream(text async for text in events if text != stream.DONE)

    async def email(self, request: Request) -> Response:
        """Give an address that says of itself, by its reserved domain, that no mail can reach it."""
        return json_answer(f"{self._record(request).id.lower()}@local.invalid")

    async def file(self, request: Request) -> Response:
        """Send the bytes of a file."""
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
        return json_answer(
            {
                "schedules": [schedule.as_members() for schedule in record.schedules.values()],
                "workerId": record.id,
            }
        )

    async def add_schedule(self, request: Request) -> Response:
        """Store a schedule."""
        record = self._record(request)
        members = await intake.read_object(request, self.limits)
        text, budget = intake.text_member(members, self.limits), intake.budget_member(members)
        schedule = schedules.from_when(members.get("when"), text, budget, ids.now())
        self.office.add_schedule(record, schedule)
        return json_answer(schedule.as_members())

    async def cancel_schedule(self, request: Request) -> Response:
        """Cancel a schedule."""
        self.office.cancel_schedule(self._record(request), request.path_params["schedule_id"])
        return json_answer({"cancelled": True})

    def _record(self, request: Request) -> WorkerRecord:
        return self.office.record(request.path_params["worker_id"])

    def _begun(self, begun: Begun, *, streamed: bool) -> Response:
        headers = {"location": f"/api/workers/{begun.record.id}", "x-worker-id": begun.record.id}
        if begun.repeated:
            headers["idempotency-replayed"] = "true"
        if streamed:
            return event_stream(begun.turn.follow(self.limits.keep_alive_seconds), headers)
        return json_answer(begun.record.as_worker(), headers=headers)

    async def _history_and_live(self, record: WorkerRecord) -> AsyncIterator[str]:
        # The messages and the running turn belong together: taken before the first wait.
        messages, turn = list(record.messages), record.turn
        live = turn if turn is not None and turn.running else None
        if messages:
            yield "".join(f"data: {ids.dumps(message)}\n\n" for message in messages)
        if live is None:
            yield stream.DONE
            return
        async for text in live.follow(self.limits.keep_alive_seconds):
            yield text


def json_answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer with exact numbers."""
    return Response(ids.dumps(value), status, {"content-type": "application/json", **(headers or {})})


def error_answer(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """Return a failure in the one shape all failures have."""
    return json_answer({"error": sentence}, status, headers)


def event_stream(source: AsyncIterator[str], headers: dict[str, str] | None = None) -> Response:
    """Return a streamed answer with the stream's headers."""
    return StreamingResponse(source, headers={**stream.HEADERS, **(headers or {})})


async def _say_no(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, RefusedError):
        raise refusal
    return error_answer(refusal.status, refusal.sentence, refusal.headers)


async def _say_no_such_thing(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    sentence = _SENTENCES.get(error.status_code, "The request cannot be served.")
    return error_answer(error.status_code, sentence, dict(error.headers or {}))


async def _admit_fault(_request: Request, _error: Exception) -> Response:
    return error_answer(500, "The local worker has a fault of its own.")
