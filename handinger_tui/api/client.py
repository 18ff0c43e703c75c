"""The client of the Handinger API, workers generation."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, Self

from handinger_tui.api import errors
from handinger_tui.api import response as body
from handinger_tui.api.endpoint import Origin, segment
from handinger_tui.api.request_body import StartTurn, TurnBody, upload
from handinger_tui.api.response import HttpReply, ResponseLimits, error_in, is_json, media_type, parsed_answer
from handinger_tui.api.transport import Content, Transport
from handinger_tui.core.errors import Refused
from handinger_tui.core.jsontext import Json, JsonObject, NotJson, as_text, parse, parse_exact
from handinger_tui.core.safety import Secret, clean_line
from handinger_tui.core.stream.frames import StreamRoute
from handinger_tui.core.stream.worker_snapshot import WorkerBody, body_of, names_another

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from types import TracebackType

    import httpx

    from handinger_tui.core.turns.turn import TurnRequest

JSON: Final = "application/json"
STREAM_OR_JSON: Final = "text/event-stream, application/json"
NO_CONTENT: Final = 204
NO_SUCH_METHOD: Final = 405
SMALL_BODY: Final = 4 << 20
"""Bytes of a response that is not a Worker: a list of schedules, an e-mail address."""


class WorkerClient:
    """Implements `engine.ports.WorkerApi`. Enter it before use; leaving it closes every connection."""

    def __init__(  # noqa: PLR0913 - every option of a client
        self,
        base_url: str,
        key: Secret,
        limits: ResponseLimits | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        stream: bool = True,
        late: bool = False,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Check the settings. `headers`: custom headers for our origin only. `stream`: request event streams.

        `late`: httpx is loaded with the first request.

        Raises:
            SettingsError: unusable base URL, key or header.
        """
        self.limits = limits or ResponseLimits()
        self.connection = Transport(base_url, key, self.limits, headers, pause)
        self._stream, self._late = stream, late

    @property
    def base_url(self) -> str:
        """The base URL without a trailing slash."""
        return self.connection.base_url

    @property
    def origin(self) -> Origin:
        """The only origin that receives the key."""
        return self.connection.origin

    async def __aenter__(self) -> Self:
        """Build the connection pools, or check that they can be built later.

        Raises:
            SettingsError: a proxy or certificate setting of the machine is unusable.
        """
        await self.connection.open(late=self._late)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.aclose()

    # -- turns ---------------------------------------------------------------------------
    def new_target(self, _turn_id: str, /) -> str | None:
        """None: the service names a new worker in its answer."""
        return None

    async def worker_of(self, target: str) -> str:
        """The worker of a target: that is what it names."""
        return target

    @asynccontextmanager
    async def start_turn(
        self, order: TurnRequest, departed: Callable[[], None] = lambda: None
    ) -> AsyncIterator[HttpReply]:
        """POST the turn: one request, never repeated once a byte may have left.

        `departed()` is called when the first byte may leave.

        Raises:
            AttachmentProblem: a file is not what was chosen; nothing was sent.
            Unreachable, Refused, Doubtful, ServerFault, BrokenContract
        """
        url, request = self.turn_request(order)
        wait = self.limits.first_byte_timeout if self._stream else self.limits.first_byte_timeout_no_stream
        async with AsyncExitStack() as stack:
            content, headers = await turn_content(stack, request, order)
            headers["Accept"] = STREAM_OR_JSON
            sending = self.connection.send("POST", url, headers, content, wait, departed)
            try:
                response = await stack.enter_async_context(sending)
            except Refused as refusal:
                if refusal.http_status == NO_SUCH_METHOD:
                    raise errors.other_generation(
                        refusal.summary, "tasks", refusal.http_status, refusal.retry_after_s
                    ) from None
                raise
            yield HttpReply(response, StreamRoute.POST, self.limits)

    def turn_request(self, order: TurnRequest) -> tuple[str, StartTurn]:
        """The URL and the body of a turn's request, without its attachments.

        Raises:
            Refused: the worker's id cannot be used in a path.
        """
        url = f"{self.base_url}/api/workers" if order.worker_id is None else self.worker_url(order.worker_id)
        return url, StartTurn(input=order.prompt, budget=order.budget, stream=self._stream)

    @asynccontextmanager
    async def follow(self, worker_id: str, via: StreamRoute) -> AsyncIterator[HttpReply]:
        """Watch a worker: the replay and then live events (REPLAY), or only live events (SUBSCRIBE).

        Raises:
            ApiError
        """
        url = self.worker_url(worker_id)
        url = f"{url}?stream=true" if via is StreamRoute.REPLAY else f"{url}/stream"
        async with self.connection.get(url, STREAM_OR_JSON) as response:
            yield HttpReply(response, via, self.limits)

    async def read_worker(self, worker_id: str) -> WorkerBody:
        """GET the worker: a JSON object. One attempt.

        Raises:
            ApiError: also where the answer is another worker (BrokenContract); one without an id is accepted.
        """
        async with self.connection.get(self.worker_url(worker_id), JSON) as response:
            text = await self.json_text(response, self.limits.max_json_bytes)
            worker = body_of(text, parsed_answer(text, response.status_code, parse_exact))
        if names_another(worker.snapshot.worker_id, worker_id):
            raise errors.another_worker()
        return worker

    # -- e-mail --------------------------------------------------------------------------
    async def email(self, worker_id: str) -> str:
        """The worker's e-mail address; the service may send text, a JSON string or an object.

        Raises:
            ApiError
        """
        url = f"{self.worker_url(worker_id)}/email"
        async with self.connection.get(url, "application/json, text/plain") as response:
            kind = media_type(response)
            if not (is_json(kind) or kind == "text/plain"):
                raise errors.unexpected_content(kind)
            raw = await body.read_all(response, self.limits.idle_timeout, SMALL_BODY)
        text = raw.decode("utf-8", "replace").strip()
        value = _email_of(text)
        if value is None or "@" not in value or clean_line(value, 320) != value or " " in value:
            raise errors.undecodable("The worker's email address")
        return value

    # -- files ---------------------------------------------------------------------------
    def file_url(self, worker_id: str, path: str) -> str:
        """The URL of a file in the worker's workspace; inner slashes are encoded.

        Raises:
            Refused: a path with empty, `.` or `..` segments.
        """
        segments = [segment(part, "file path") for part in path.split("/")]
        return f"{self.worker_url(worker_id)}/files/{'%2F'.join(segments)}"

    @asynccontextmanager
    async def file(self, worker_id: str, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of a file, in pieces, at most `limits.max_file_bytes`. Raises ApiError."""
        url = self.file_url(worker_id, path)
        async with self.connection.get(url, "application/octet-stream") as response:
            yield body.chunks(response, self.limits.idle_timeout, self.limits.max_file_bytes)

    # -- common --------------------------------------------------------------------------
    def worker_url(self, worker_id: str) -> str:
        """The URL of a worker.

        Raises:
            Refused: the id cannot be used in a path.
        """
        return f"{self.base_url}/api/workers/{segment(worker_id, 'worker id')}"

    async def json_text(self, response: httpx.Response, cap: int) -> str:
        """The text of a JSON body of at most `cap` bytes. Raises ApiError."""
        if not is_json(media_type(response)):
            raise errors.unexpected_content(media_type(response))
        # A read is quick; without an overall limit, a slow sender could keep it open without end.
        seconds = self.limits.first_byte_timeout + self.limits.idle_timeout
        try:
            async with asyncio.timeout(seconds):
                raw = await body.read_all(response, self.limits.idle_timeout, cap)
        except TimeoutError:
            raise errors.read_timeout(seconds) from None
        return raw.decode("utf-8", "replace").removeprefix("\ufeff")

    async def json_object(
        self, response: httpx.Response, cap: int = SMALL_BODY, read: Callable[[str], Json] = parse
    ) -> JsonObject:
        """The JSON object in a body of at most `cap` bytes, see `parsed_answer`. Raises ApiError."""
        return parsed_answer(await self.json_text(response, cap), response.status_code, read)

    async def get_object(
        self, url: str, cap: int = SMALL_BODY, read: Callable[[str], Json] = parse
    ) -> JsonObject:
        """GET a JSON object of at most `cap` bytes. One attempt. Raises ApiError."""
        async with self.connection.get(url, JSON) as response:
            return await self.json_object(response, cap, read)

    async def delete(self, url: str, member: str) -> bool | None:
        """DELETE; returns the member of the answer that says whether it was done, None where none does.

        Raises:
            ApiError
        """
        async with self.connection.send("DELETE", url, {"Accept": JSON}) as response:
            if response.status_code == NO_CONTENT:
                return None
            outcome = (await self.json_object(response)).get(member)
        return outcome if isinstance(outcome, bool) else None


async def turn_content(
    stack: AsyncExitStack, request: TurnBody, order: TurnRequest
) -> tuple[bytes | Content, dict[str, str]]:
    """The content of a turn's request, and the headers that belong to it. Files stay open until `stack` ends.

    Raises:
        AttachmentProblem: a file is not what was chosen.
    """
    headers = {"Content-Type": JSON, "Idempotency-Key": order.turn_id}
    if not order.attachments:
        return request.body(), headers
    opening = upload(request.fields(), order.attachments)
    # Reads every file once to compare its digest.
    multipart = await asyncio.to_thread(stack.enter_context, opening)
    headers |= {"Content-Type": multipart.content_type, "Content-Length": str(multipart.length)}
    return multipart.stream, headers


def _email_of(text: str) -> str | None:
    try:
        value: Json = parse(text)
    except NotJson:
        return text
    if isinstance(value, dict):
        why = error_in(value)
        if why is not None:
            raise errors.error_object(200, why)
        return as_text(value.get("email"))
    return value.strip() if isinstance(value, str) else None
