"""The client of the workers generation of the API, and the request of a turn.

A turn with attachments is sent as multipart/form-data, streamed from disk: the text fields, then a part
`files` for a single file, or one part `files[]` per file, with base name and media type. Every file is opened
and compared with the attachment before anything is sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from msgspec import Struct

from handinger_tui.api import errors
from handinger_tui.api.deadline import Deadline
from handinger_tui.api.errors import ChangedWhileSending
from handinger_tui.api.frame_readers import error_in, is_json, parsed_answer
from handinger_tui.api.response import HttpReply, ResponseLimits, media_type, read_all
from handinger_tui.api.transport import Content, Origin, Transport, segment
from handinger_tui.core.errors import AttachmentProblem, Refused
from handinger_tui.core.jsontext import Json, JsonObject, NotJson, parse, parse_exact, text_at
from handinger_tui.core.safety import Secret, clean_line, encodable
from handinger_tui.core.stream import StreamRoute, WorkerBody, body_of, names_another

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from types import TracebackType

    import httpx

    from handinger_tui.core.turns.turn import Attachment, TurnRequest

UPLOAD_BLOCK: Final = 256 << 10
_MEDIA_TYPE: Final = re.compile(
    r"[a-zA-Z0-9!#$&^_.+-]{1,64}/[a-zA-Z0-9!#$&^_.+-]{1,64}(; ?[a-z]+=[a-zA-Z0-9-]+)?"
)
_ESCAPES: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}


Members = dict[str, str | bool]
"""The members of a request body, in order."""


def turn_members(request: TurnRequest, **others: str | bool | None) -> Members:
    """The members of the request of a turn, without those that are None.

    This is not a pydantic model: our own values need no validation, and pydantic takes 10 MB.
    """
    members = {"input": encodable(request.prompt), "budget": request.budget, **others}
    return {name: value for name, value in members.items() if value is not None}


class _OpenFile(Struct, frozen=True):
    """An open attachment: the header of its part, and its size and modification time when it was opened."""

    head: bytes
    file: BinaryIO
    size: int
    mtime_ns: int


class Upload(Struct, frozen=True):
    """A multipart body of known length that can be streamed more than once."""

    content_type: str
    length: int
    _text: bytes
    _files: tuple[_OpenFile, ...]
    _end: bytes

    async def stream(self, progress: Callable[[], None]) -> AsyncIterator[bytes]:
        """The body in blocks. `progress` is called before each block of a file.

        Raises:
            ChangedWhileSending: a file has changed since it was opened.
        """
        yield self._text
        for part in self._files:
            progress()
            yield part.head
            await asyncio.to_thread(part.file.seek, 0)
            remaining = part.size
            while remaining:
                block = await asyncio.to_thread(part.file.read, min(UPLOAD_BLOCK, remaining))
                remaining -= len(block)
                status = os.fstat(part.file.fileno())
                if not block or (status.st_size, status.st_mtime_ns) != (part.size, part.mtime_ns):
                    raise ChangedWhileSending
                progress()
                yield block
            yield b"\r\n"
        yield self._end


@contextmanager
def upload(members: Members, attachments: tuple[Attachment, ...]) -> Iterator[Upload]:
    """Open and check all files of a request. Call it in a thread, since it reads every file.

    Raises:
        AttachmentProblem: unreadable, not a regular file, or changed since it was chosen.
    """
    boundary = f"handinger-{os.urandom(16).hex()}"
    text = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{field}\r\n'
        for name, value in members.items()
        for field in [str(value).lower() if isinstance(value, bool) else value]
    ).encode()
    end = f"--{boundary}--\r\n".encode()
    part = "files" if len(attachments) == 1 else "files[]"
    with ExitStack() as stack:
        files = tuple(_open(stack, attachment, boundary, part) for attachment in attachments)
        length = len(text) + sum(len(file.head) + file.size + 2 for file in files) + len(end)
        yield Upload(f"multipart/form-data; boundary={boundary}", length, text, files, end)


def _open(stack: ExitStack, attachment: Attachment, boundary: str, part: str) -> _OpenFile:
    shown = clean_line(attachment.name, 120)
    try:
        # Without O_NONBLOCK, opening a pipe that replaced the file would block forever.
        descriptor = os.open(
            attachment.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        file = stack.enter_context(os.fdopen(descriptor, "rb"))
        status = os.fstat(file.fileno())
        is_unchanged = stat.S_ISREG(status.st_mode) and status.st_size == attachment.size
        if is_unchanged and attachment.sha256:
            import hashlib  # loads OpenSSL (2 MB), so not at startup

            is_unchanged = hashlib.file_digest(file, "sha256").hexdigest() == attachment.sha256
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "not a usable path"
        raise AttachmentProblem(
            f"Cannot read {shown}: {why}. Nothing was sent.", "Attach it again."
        ) from None
    if not is_unchanged:
        raise AttachmentProblem(
            f"{shown} changed since it was attached. Nothing was sent.", "Attach it again."
        )
    file_name = _file_name(attachment.name)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{file_name}"\r\n'
        f"Content-Type: {_media_type(attachment.media_type)}\r\n\r\n"
    )
    return _OpenFile(head.encode("utf-8", "replace"), file, status.st_size, status.st_mtime_ns)


def _file_name(name: str) -> str:
    """The base name, escaped as browsers do. The folders of this machine are never sent."""
    base = PurePath(name.replace("\\", "/")).name or "file"
    return "".join(_ESCAPES.get(character, character) for character in base)


def _media_type(name: str) -> str:
    return name if _MEDIA_TYPE.fullmatch(name) else "application/octet-stream"


# -- the client --------------------------------------------------------------------------
JSON: Final = "application/json"
STREAM_OR_JSON: Final = "text/event-stream, application/json"
NO_CONTENT: Final = 204
NO_SUCH_METHOD: Final = 405
SMALL_BODY: Final = 4 << 20
"""Maximum bytes of a response that is not a Worker: a list of schedules, an e-mail address."""


class WorkerClient:
    """Implements `engine.ports.WorkerApi`. Use it as a context manager, which closes every connection."""

    def __init__(
        self,
        base_url: str,
        key: Secret,
        limits: ResponseLimits | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        late: bool = False,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Check the settings. `headers`: custom headers, sent only to our origin.

        `late`: load httpx with the first request. `pause`: waits between two connection attempts.

        Raises:
            SettingsError: unusable base URL, key or header.
        """
        self.limits = limits or ResponseLimits()
        self.transport = Transport(base_url, key, self.limits, headers, pause)
        self._late = late

    @property
    def base_url(self) -> str:
        """The base URL without a trailing slash."""
        return self.transport.base_url

    @property
    def origin(self) -> Origin:
        """The only origin that receives the key."""
        return self.transport.origin

    async def __aenter__(self) -> Self:
        """Build the connection pools; with `late` only if a setting of the machine needs a check.

        Raises:
            SettingsError: a proxy or certificate setting of the machine is unusable.
        """
        await self.transport.open(late=self._late)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.transport.aclose()

    # -- turns ---------------------------------------------------------------------------
    def new_target(self, _turn_id: str, /) -> str | None:
        """None: the service assigns the id of a new worker."""
        return None

    async def worker_of_target(self, target: str) -> str:
        """The worker of a target: the target itself."""
        return target

    @asynccontextmanager
    async def start_turn(
        self, request: TurnRequest, departed: Callable[[], None] = lambda: None
    ) -> AsyncIterator[HttpReply]:
        """POST the turn once; it is never repeated after a byte may have left.

        `departed()` is called when the first byte may leave.

        Raises:
            AttachmentProblem: a file has changed or cannot be read; nothing was sent.
            Unreachable, Refused, Doubtful, ServerFault, BrokenContract
        """
        url, members = self.turn_request(request)
        async with AsyncExitStack() as stack:
            content, headers = await turn_content(stack, members, request)
            headers["Accept"] = STREAM_OR_JSON
            sending = self.transport.send("POST", url, headers, content, departed=departed)
            try:
                response = await stack.enter_async_context(sending)
            except Refused as refusal:
                if refusal.http_status == NO_SUCH_METHOD:
                    raise errors.other_generation(
                        refusal.summary, "tasks", refusal.http_status, refusal.retry_after_s
                    ) from None
                raise
            yield HttpReply(response, StreamRoute.POST, self.limits, names_worker=request.target_id is None)

    def turn_request(self, request: TurnRequest) -> tuple[str, Members]:
        """The URL and the members of the request of a turn, without its attachments.

        Raises:
            Refused: the worker's id cannot be used in a path.
        """
        url = (
            f"{self.base_url}/api/workers"
            if request.target_id is None
            else self.worker_url(request.target_id)
        )
        return url, turn_members(request, stream=True)

    @asynccontextmanager
    async def follow(self, worker_id: str, via: StreamRoute) -> AsyncIterator[HttpReply]:
        """Watch a worker: earlier events, then live ones (REPLAY), or live events only (SUBSCRIBE).

        Raises:
            ApiError
        """
        url = self.worker_url(worker_id)
        url = f"{url}?stream=true" if via is StreamRoute.REPLAY else f"{url}/stream"
        async with self.transport.get(url, STREAM_OR_JSON, streams=True) as response:
            yield HttpReply(response, via, self.limits)

    async def read_worker(self, worker_id: str) -> WorkerBody:
        """GET the worker. One attempt.

        Raises:
            ApiError: BrokenContract if the answer is another worker. One without an id is accepted.
        """
        async with self.transport.get(self.worker_url(worker_id), JSON) as response:
            text = await self.json_text(response, self.limits.max_json_bytes)
            worker = body_of(text, parsed_answer(text, response.status_code, parse_exact))
        if names_another(worker.snapshot.worker_id, worker_id):
            raise errors.another_worker()
        return worker

    # -- e-mail --------------------------------------------------------------------------
    async def email(self, worker_id: str) -> str:
        """The worker's e-mail address. The service may send it as text, as a JSON string or in an object.

        Raises:
            ApiError
        """
        url = f"{self.worker_url(worker_id)}/email"
        async with self.transport.get(url, "application/json, text/plain") as response:
            kind = media_type(response)
            if not (is_json(kind) or kind == "text/plain"):
                raise errors.unexpected_content(kind)
            raw = await read_all(response, self.limits.idle_timeout, SMALL_BODY)
        text = raw.decode("utf-8", "replace").strip()
        value = _email_of(text)
        if value is None or "@" not in value or clean_line(value, 320) != value or " " in value:
            raise errors.undecodable("The worker's email address", errors.ONLY_READ)
        return value

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
        # The idle timeout alone would let a slow sender keep the request open forever.
        seconds = self.limits.first_byte_timeout + self.limits.idle_timeout
        try:
            async with Deadline(seconds):
                raw = await read_all(response, self.limits.idle_timeout, cap)
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
        async with self.transport.get(url, JSON) as response:
            return await self.json_object(response, cap, read)

    async def delete(self, url: str, member: str) -> bool | None:
        """DELETE. Returns the boolean `member` of the answer; None if it has none. Raises ApiError."""
        async with self.transport.send("DELETE", url, {"Accept": JSON}) as response:
            if response.status_code == NO_CONTENT:
                return None
            outcome = (await self.json_object(response)).get(member)
        return outcome if isinstance(outcome, bool) else None


async def turn_content(
    stack: AsyncExitStack, members: Members, request: TurnRequest
) -> tuple[bytes | Content, dict[str, str]]:
    """The content of the request of a turn, and its headers. Files stay open until `stack` is closed.

    Raises:
        AttachmentProblem: a file has changed or cannot be read.
    """
    headers = {"Content-Type": JSON, "Idempotency-Key": request.turn_id}
    if not request.attachments:
        return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode(), headers
    multipart = await asyncio.to_thread(stack.enter_context, upload(members, request.attachments))
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
        return text_at(value, "email")
    return value.strip() if isinstance(value, str) else None
