"""Requests within size limits, routes that list their methods, and the responses of both generations."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from handinger_tui.local import formats, prices, stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Message


MIB = 1024 * 1024


class RequestLimits(Struct, frozen=True):
    """Limits in bytes, counts and seconds; the defaults are those of `handinger-tui local`."""

    body_bytes: int = 64 * MIB
    """A larger request body is answered with 413."""
    input_characters: int = 200_000
    """A longer instruction is answered with 422."""
    uploads: int = 32
    """Maximum file parts of one request."""
    workspace_bytes: int = 128 * MIB
    """Maximum total size of the files of one worker."""
    workers: int = 200
    """Maximum workers; beyond that the oldest idle one is deleted."""
    turns: int = 1000
    """Maximum turns of one worker; another one is answered with 409."""
    templates: int = 1000
    """Maximum stored workers; another one is answered with 429."""
    schedules: int = 100
    """Maximum pending schedules of one worker."""
    remembered_keys: int = 256
    """Maximum idempotency keys; the newest are kept."""
    delivery_seconds: float = 10.0
    """Maximum seconds of one delivery to a webhook."""
    keep_alive_seconds: float = 10.0
    """Seconds without an event after which a stream sends a comment."""


class Instruction(Struct, frozen=True):
    """The instruction of a request to a worker."""

    text: str
    budget: str
    uploads: tuple[tuple[str, bytes], ...] = ()
    """File names as sent, and bytes."""


class RefusedError(Exception):
    """A refused request: nothing was started. The response is `status` with `sentence` in its body."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})


def no_such(what: str) -> RefusedError:
    """404: this server has none with the id; an earlier one may have had it."""
    return RefusedError(404, f"No {what} has this id. The local worker's data is lost when it stops.")


_JSON = "application/json"
_FORM = "multipart/form-data"
_LONGEST_KEY = 255
_DEEPEST = 100
"""Maximum nesting of a JSON body: encoding it again for a response is recursive."""
_BOOLEANS = {"true": True, "false": False}


class ParsedRequest(Struct, frozen=True):
    """The parsed body of create and continue; `streamed` is None if the body has no `stream` member."""

    instruction: Instruction
    streamed: bool | None
    members: Mapping[str, object]


async def parse_turn_request(request: Request, limits: RequestLimits) -> ParsedRequest:
    """Parse the body of create and continue, JSON or multipart.

    Raises:
        RefusedError: 400 malformed, 413 too large, 415 another type, 422 a wrong or missing member.
    """
    kind = _media_type(request)
    if kind not in {_JSON, _FORM}:
        raise RefusedError(415, f"The body must be {_JSON} or {_FORM}.")
    body = await _read_body(request, limits.body_bytes)
    uploads: tuple[tuple[str, bytes], ...] = ()
    if kind == _JSON:
        members = _parse_json_object(body)
    else:
        members, uploads = await _parse_form(request, body, limits)
    streamed = members.get("stream")
    if kind == _FORM and isinstance(streamed, str):
        streamed = _BOOLEANS.get(streamed, streamed)
    if "stream" in members and not isinstance(streamed, bool):
        raise RefusedError(422, "stream must be true or false.")
    instruction = Instruction(text_member(members, limits), budget_member(members), uploads)
    return ParsedRequest(instruction, streamed if isinstance(streamed, bool) else None, members)


async def parse_object(request: Request, limits: RequestLimits) -> Mapping[str, object]:
    """Parse a body that is a JSON object.

    Raises:
        RefusedError: 400 malformed, 413 too large, 415 another type.
    """
    if _media_type(request) != _JSON:
        raise RefusedError(415, f"The body must be {_JSON}.")
    return _parse_json_object(await _read_body(request, limits.body_bytes))


def text_member(members: Mapping[str, object], limits: RequestLimits) -> str:
    """Return the member `input`, with lone surrogates replaced.

    Raises:
        RefusedError: 422 if it is missing, not a string, empty or too long.
    """
    text = members.get("input")
    if text is None:
        raise RefusedError(422, "input is missing.")
    if not isinstance(text, str):
        raise RefusedError(422, "input must be a string.")
    if not text:
        raise RefusedError(422, "input is empty.")
    if len(text) > limits.input_characters:
        raise RefusedError(422, f"input is longer than {limits.input_characters:,} characters.")
    return formats.well_formed(text)


def budget_member(members: Mapping[str, object]) -> str:
    """Return the member `budget`, `standard` by default.

    Raises:
        RefusedError: 422 if it is none of the four levels.
    """
    if "budget" not in members:
        return prices.STANDARD
    level = members["budget"]
    if not isinstance(level, str) or level not in prices.TOOL_CALLS:
        raise RefusedError(422, f"budget must be one of {', '.join(prices.TOOL_CALLS)}.")
    return level


def id_member(members: Mapping[str, object], name: str) -> str | None:
    """Return an id of the caller, None if it is absent.

    Raises:
        RefusedError: 422 if it is not a string of at least one character.
    """
    if name not in members:
        return None
    value = members[name]
    if not isinstance(value, str) or not value:
        raise RefusedError(422, f"{name} must be a string of at least one character.")
    return formats.well_formed(value)


def wants_stream(request: Request, in_body: bool | None = None) -> bool:
    """Return whether the response should be an event stream.

    The body takes precedence over the query; without either, `text/event-stream` anywhere in Accept
    asks for a stream.

    Raises:
        RefusedError: 422 if the query has a value other than true or false.
    """
    if in_body is not None:
        return in_body
    in_query = request.query_params.get("stream")
    if in_query is not None:
        if in_query not in _BOOLEANS:
            raise RefusedError(422, "stream must be true or false.")
        return _BOOLEANS[in_query]
    return stream.MEDIA_TYPE in request.headers.get("accept", "").lower()


def idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key header, None if there is none.

    Raises:
        RefusedError: 400 if it is empty or too long.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= _LONGEST_KEY:
        raise RefusedError(400, f"Idempotency-Key must have 1 to {_LONGEST_KEY} characters.")
    return key


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read_body(request: Request, limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            # `server.DrainBody` reads the rest.
            raise RefusedError(413, f"The body is larger than {limit:,} bytes.")
        pieces.append(piece)
    return b"".join(pieces)


def _parse_json_object(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise RefusedError(422, "The body must be a JSON object.")
    if _is_deep(value, _DEEPEST):
        raise RefusedError(422, f"The body has more than {_DEEPEST} levels.")
    return value


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number


def _is_deep(value: object, levels: int) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_is_deep(item, levels - 1) for item in items if isinstance(item, dict | list))


async def _parse_form(
    request: Request, body: bytes, limits: RequestLimits
) -> tuple[Mapping[str, object], tuple[tuple[str, bytes], ...]]:
    """Parse a multipart body: text parts by name (the last one wins), and all file parts."""

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    members: dict[str, object] = {}
    uploads: list[tuple[str, bytes]] = []
    try:
        # Fields may be as long as the body: a long input has an error message of its own.
        parsed = Request(request.scope, replay).form(
            max_files=limits.uploads, max_part_size=limits.body_bytes
        )
        async with parsed as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    uploads.append((value.filename or "", await value.read()))
                else:
                    members[name] = value
    except HTTPException as error:
        raise RefusedError(
            400, "The multipart body cannot be read: it is malformed or has too many parts."
        ) from error
    return members, tuple(uploads)


# -- routes and responses ----------------------------------------------------------------------
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
MESSAGES = {404: "Nothing at this address.", 405: "This address does not support this method."}


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
