"""Routes that know their methods, and the responses of both generations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from handinger_tui.local import formats, stream
from handinger_tui.local.requests import RefusedError

if TYPE_CHECKING:
    from handinger_tui.local.worker_record import WorkerRecord
    from handinger_tui.local.workspace import StoredFile

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
MESSAGES = {404: "Nothing at this address.", 405: "This address does not take this method."}


def route(path: str, **endpoints: Endpoint) -> Route:
    """Return one route for all methods of a path, so that its 405 lists exactly the allowed ones."""

    async def endpoint(request: Request) -> Response:
        handler = endpoints.get(request.method)
        if handler is None:
            raise RefusedError(405, MESSAGES[405], {"allow": ", ".join(endpoints)})
        return await handler(request)

    return Route(path, endpoint, methods=_METHODS)


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response with exact numbers."""
    text = formats.well_formed(formats.dumps(value))
    return Response(text, status, {"content-type": "application/json", **(headers or {})})


def error_response(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """Return an error response in the common format."""
    return json_response({"error": sentence}, status, headers)


def event_stream(source: AsyncIterator[str], headers: dict[str, str] | None = None) -> Response:
    """Return a streaming response with the headers of an event stream."""
    return StreamingResponse(source, headers={**stream.HEADERS, **(headers or {})})


def file_response(file: StoredFile) -> Response:
    """Return a response with the bytes of a file."""
    name = quote(file.path.rpartition("/")[2], safe="")
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "content-type": file.media_type,
        "x-content-type-options": "nosniff",
        "etag": f'"{file.digest}"',
    }
    return Response(file.content, headers=headers)


async def history_and_live(record: WorkerRecord, keep_alive_seconds: float) -> AsyncIterator[str]:
    """Yield the stored messages, then the running turn from its start, then `[DONE]`."""
    # Both are read before the first await, so that they are consistent.
    messages, turn = list(record.messages), record.turn
    live = turn if turn is not None and turn.running else None
    if messages:
        yield "".join(f"data: {formats.dumps(message)}\n\n" for message in messages)
    if live is None:
        yield stream.DONE
        return
    async for text in live.follow(keep_alive_seconds):
        yield text
