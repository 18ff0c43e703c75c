"""Requests, read into the models of their bodies within limits, and the responses of both generations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from handinger_tui.local import formats, stream

MIB = 1024 * 1024
_JSON = "application/json"
_FORM = "multipart/form-data"
_MOST_UPLOADS = 32
_BOOLEANS = {"true": True, "false": False}

Body = TypeVar("Body")
Budget: TypeAlias = Literal["low", "standard", "high", "unlimited"]
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200_000)]
Id: TypeAlias = Annotated[str, Meta(min_length=1)]


class RequestLimits(Struct, frozen=True):
    """Bytes and seconds; the defaults are those of `handinger-tui local`."""

    body_bytes: int = 64 * MIB
    """A larger request body is answered with 413."""
    request_seconds: float = 30.0
    """Seconds within which a request, with its body, has to arrive; the connection is closed then."""
    keep_alive_seconds: float = 10.0
    """Seconds without an event after which a stream sends a comment."""


class Instruction(Struct, frozen=True):
    """The instruction of a request to a worker."""

    text: str
    budget: str = "standard"
    uploads: tuple[tuple[str, bytes], ...] = ()
    """File names as sent, and bytes."""


class TurnBody(Struct, frozen=True, rename="camel"):
    """The body of a request that starts a turn; the ids are of the tasks generation."""

    input: Text
    budget: Budget = "standard"
    stream: bool | UnsetType = UNSET
    task_id: Id | UnsetType = UNSET
    worker_id: Id | UnsetType = UNSET


class StoredWorkerBody(Struct, frozen=True, rename="camel"):
    """The body of a request that changes a stored worker; what is unset stays as it is."""

    title: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    summary: Annotated[str, Meta(max_length=80)] | UnsetType = UNSET
    instructions: Annotated[str, Meta(max_length=20_000)] | UnsetType = UNSET
    output_schema: dict[str, Any] | UnsetType | None = UNSET
    visibility: Literal["public", "private"] | UnsetType = UNSET


class NewWorkerBody(StoredWorkerBody, frozen=True, rename="camel"):
    """The body of a request that stores a worker; without instructions its prompt takes their place."""

    output_schema: dict[str, Any] | UnsetType = UNSET
    prompt: Annotated[str, Meta(max_length=10_000)] = ""


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


async def body_of(request: Request, model: type[Body], limits: RequestLimits) -> Body:
    """Read a JSON body into its model. Raises RefusedError: 400 malformed, 413, 415, 422 a wrong member."""
    if _media_type(request) != _JSON:
        raise RefusedError(415, f"The body must be {_JSON}.")
    try:
        return msgspec.json.decode(await _read_body(request, limits.body_bytes), type=model)
    except msgspec.ValidationError as error:
        raise RefusedError(422, f"{error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, "The body is not valid JSON.") from error


async def turn_body_of(request: Request, limits: RequestLimits) -> tuple[TurnBody, Instruction]:
    """Read the body of a request that starts a turn, JSON or multipart. Raises RefusedError, as `body_of`."""
    uploads: tuple[tuple[str, bytes], ...] = ()
    if _media_type(request) == _FORM:
        fields, uploads = await _form_of(request, limits)
        try:
            body = msgspec.convert(fields, TurnBody, strict=False)
        except msgspec.ValidationError as error:
            raise RefusedError(422, f"{error}.") from error
    else:
        body = await body_of(request, TurnBody, limits)
    return body, Instruction(body.input, body.budget, uploads)


def wants_stream(request: Request, in_body: bool | UnsetType = UNSET) -> bool:
    """Return whether the response should be an event stream.

    The body takes precedence over the query; without either, `text/event-stream` anywhere in Accept
    asks for a stream.

    Raises:
        RefusedError: 422 if the query has a value other than true or false.
    """
    if in_body is not UNSET:
        return in_body
    in_query = request.query_params.get("stream")
    if in_query is None:
        return stream.MEDIA_TYPE in request.headers.get("accept", "").lower()
    if in_query not in _BOOLEANS:
        raise RefusedError(422, "stream must be true or false.")
    return _BOOLEANS[in_query]


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read_body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise RefusedError(413, f"The body is larger than {limit:,} bytes.")
    return bytes(body)


async def _form_of(
    request: Request, limits: RequestLimits
) -> tuple[dict[str, object], tuple[tuple[str, bytes], ...]]:
    """Return the text parts of a multipart body by name (the last one wins), and all file parts."""
    body = await _read_body(request, limits.body_bytes)

    async def replay() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    fields: dict[str, object] = {}
    uploads: list[tuple[str, bytes]] = []
    try:
        # A field may be as long as the body: a long input has an error message of its own.
        form = Request(request.scope, replay).form(max_files=_MOST_UPLOADS, max_part_size=limits.body_bytes)
        async with form as parts:
            for name, value in parts.multi_items():
                if isinstance(value, UploadFile):
                    uploads.append((value.filename or "", await value.read()))
                else:
                    fields[name] = value
    except HTTPException as error:
        raise RefusedError(
            400, "The multipart body cannot be read: it is malformed or has too many parts."
        ) from error
    return fields, tuple(uploads)


# -- responses ---------------------------------------------------------------------------------
def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response with exact numbers."""
    return Response(formats.dumps(value), status, {"content-type": _JSON, **(headers or {})})


def event_stream(source: AsyncIterator[str], headers: Mapping[str, str] | None = None) -> Response:
    """Return a streaming response with the headers of an event stream."""
    return StreamingResponse(source, headers={**stream.HEADERS, **(headers or {})})
