"""One worker in memory: its files, its turns, and its `Worker` object for responses."""

from __future__ import annotations

import asyncio
import mimetypes
import re
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct
from starlette.responses import Response

from handinger_tui.local import formats, prices, stream
from handinger_tui.local.http import Instruction, RefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from handinger_tui.local.stream import Chunk
    from handinger_tui.local.triggers import StoredSchedule


# -- files -------------------------------------------------------------------------------------
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_LONGEST_NAME = 200
_FALLBACK_TYPE = "application/octet-stream"
_TYPES = {
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".log": "text/plain",
}
_NAMELESS = "attachment"


class WorkspaceFullError(Exception):
    """The file does not fit into the size limit of the workspace."""


def clean_name(name: str) -> str:
    """Return the last component of a file name, without control and direction characters; never empty."""
    last = _CONTROL.sub("", re.split(r"[\\/]", name)[-1]).strip()[:_LONGEST_NAME]
    return _NAMELESS if last.strip(".") == "" else last


def media_type_of(name: str) -> str:
    """Return the media type for the suffix of a name."""
    for suffix, media_type in _TYPES.items():
        if name.lower().endswith(suffix):
            return media_type
    return mimetypes.guess_type(name)[0] or _FALLBACK_TYPE


class StoredFile(Struct, frozen=True):
    """A file: path inside the workspace, media type, bytes, and whether the worker created it."""

    path: str
    media_type: str
    content: bytes
    published: bool

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the bytes."""
        return sha256(self.content).hexdigest()


@dataclass(slots=True)
class Workspace:
    """The files of one worker, at most `limit` bytes; a file is never overwritten."""

    limit: int
    files: dict[str, StoredFile] = field(default_factory=dict)
    """By path, oldest first."""

    def attach(self, name: str, content: bytes) -> StoredFile:
        """Store an attachment of the user under its cleaned name.

        Raises:
            WorkspaceFullError: the bytes do not fit.
        """
        path = clean_name(name)
        return self.store(path, media_type_of(path), content, published=False)

    def store(self, path: str, media_type: str, content: bytes, *, published: bool) -> StoredFile:
        """Store a file. `published`: the worker created it, so it is listed in `Worker.files`.

        Raises:
            WorkspaceFullError: the bytes do not fit.
        """
        if not self.has_room_for(len(content)):
            raise WorkspaceFullError(path)
        path = self._free_path(path)
        file = self.files[path] = StoredFile(path, media_type, content, published)
        return file

    def has_room_for(self, size: int) -> bool:
        """Return whether that many bytes still fit."""
        return size + sum(len(file.content) for file in self.files.values()) <= self.limit

    def _free_path(self, requested_path: str) -> str:
        """Return the path, with a number (as in `name-2.txt`) if it exists."""
        if requested_path not in self.files:
            return requested_path
        folder, slash, name = requested_path.rpartition("/")
        stem, dot, suffix = name.rpartition(".") if "." in name.lstrip(".") else (name, "", "")
        number = 2
        while (path := f"{folder}{slash}{stem}-{number}{dot}{suffix}") in self.files:
            number += 1
        return path


# -- turns -------------------------------------------------------------------------------------
_NANOSECONDS_PER_MS = 1_000_000


class LocalTurn:
    """The log, the growing message and the usage counts of one turn. Used only on the server's event loop.

    Chunks are added only with `emit`. It wakes readers by replacing an event, so a slow or disconnected
    reader neither delays the turn nor loses a chunk.
    """

    def __init__(self, instruction: Instruction, attachments: tuple[StoredFile, ...]) -> None:
        self.id = formats.new_id("trn_")
        self.started_at = formats.now()
        self.instruction = instruction
        self.attachments = attachments
        self.builder = stream.MessageBuilder(formats.new_id("msg_"))
        self.counts = prices.Counts()
        self.running = True
        self.is_complete = False
        """True once the turn has ended on its own; False if the server stopped it."""
        self.ended = asyncio.Event()
        self._frames: list[str] = []
        self._changed = asyncio.Event()
        self._started_ns = time.monotonic_ns()

    def emit(self, chunk: stream.Chunk) -> None:
        """Log one chunk, apply it to the message, and wake the readers."""
        self.builder.fold(chunk)
        self._frames.append(stream.frame(chunk))
        self._wake()

    def close(self, *, is_complete: bool) -> None:
        """End the log; a second call changes nothing."""
        if self.running:
            self.counts.duration_ms = self._elapsed_ms()
            self.running = False
            self.is_complete = is_complete
            self.ended.set()
            self._wake()

    @property
    def status(self) -> str:
        """The status as the tasks generation names it."""
        if self.running:
            return "running"
        if not self.is_complete:
            return "aborted"
        return "completed" if self.builder.error_text is None else "error"

    @property
    def completed_at(self) -> str | None:
        """The time of the end in the form of the API, None while the turn runs."""
        if self.running:
            return None
        return formats.iso(self.started_at + timedelta(milliseconds=self.counts.duration_ms))

    def counts_now(self) -> prices.Counts:
        """Return a copy of the counts, with the duration so far."""
        return replace(self.counts, duration_ms=self._elapsed_ms()) if self.running else replace(self.counts)

    async def follow(self, keep_alive_seconds: float) -> AsyncIterator[str]:
        """Yield all logged events and then new ones, until the turn ends.

        A comment is yielded after each `keep_alive_seconds` without an event. `[DONE]` is yielded only
        if the turn ended on its own: a stream without it was cut.
        """
        sent = 0
        while True:
            # Read before the check: a change between check and wait sets this same event.
            changed = self._changed
            if sent < len(self._frames):
                new_frames = self._frames[sent:]
                sent += len(new_frames)
                yield "".join(new_frames)
            elif not self.running:
                break
            else:
                try:
                    await asyncio.wait_for(changed.wait(), keep_alive_seconds)
                except TimeoutError:
                    yield stream.KEEP_ALIVE
        if self.is_complete:
            yield stream.DONE

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _elapsed_ms(self) -> int:
        return (time.monotonic_ns() - self._started_ns) // _NANOSECONDS_PER_MS


# -- the worker --------------------------------------------------------------------------------
MONEY_NOTE = "Simulated: the local worker does not charge real money. Its prices are in the tour."


@dataclass(slots=True)
class WorkerRecord:
    """One worker: its messages, files, sources and totals, in memory only.

    `turn` is the last turn, running or not. Counts of ended turns are in `spent`; those of a
    running turn are added when the worker is read, so the totals never decrease.
    """

    base_url: str
    workspace: Workspace
    id: str = field(default_factory=lambda: formats.new_id("t_local_w_"))
    created_at: int = field(default_factory=lambda: int(time.time()))
    messages: list[dict[str, object]] = field(default_factory=list)
    sources: list[dict[str, object]] = field(default_factory=list)
    schedules: dict[str, StoredSchedule] = field(default_factory=dict)
    read_digests: set[str] = field(default_factory=set)
    spent: prices.Counts = field(default_factory=prices.Counts)
    turns_begun: int = 0
    turn: LocalTurn | None = None

    @property
    def running_turn(self) -> LocalTurn | None:
        """The turn that is running, None while the worker is idle."""
        return self.turn if self.turn is not None and self.turn.running else None

    @property
    def running(self) -> bool:
        """Whether a turn is running."""
        return self.running_turn is not None

    def begin(self, turn: LocalTurn) -> None:
        """Make `turn` the current turn and store its prompt as a message."""
        parts: list[dict[str, object]] = [{"type": "text", "text": turn.instruction.text}]
        parts += [
            {"type": "file", "mediaType": file.media_type, "filename": file.path, "url": self.url_of(file)}
            for file in turn.attachments
        ]
        self.messages.append({"id": formats.new_id("usr_"), "role": "user", "parts": parts})
        self.turns_begun += 1
        self.turn = turn

    def settle(self, turn: LocalTurn) -> None:
        """Store the answer of an ended turn and add its counts to the totals."""
        self.messages.append(turn.builder.message())
        self.spent = self.spent.plus(turn.counts)

    def cite(self, chunk: Chunk) -> None:
        """Add a `source-url` chunk to the sources of the worker, once per URL."""
        if all(source["url"] != chunk["url"] for source in self.sources):
            self.sources.append(
                {"id": chunk["sourceId"], "title": chunk["title"], "type": "url", "url": chunk["url"]}
            )

    def counts_now(self) -> prices.Counts:
        """Return the totals including a running turn."""
        running = self.running_turn
        return self.spent.plus(running.counts_now()) if running is not None else self.spent

    def url_of(self, file: StoredFile) -> str:
        """Return the absolute URL of a file on this server."""
        return f"{self.base_url}/api/workers/{self.id}/files/{quote(file.path)}"

    def as_worker(self) -> dict[str, object]:
        """Return the `Worker` object.

        Decisions where the published API description is silent: usage and costs are totals of the
        worker; output, output_text and error belong to the last turn; while a turn runs, output is
        empty (its items are always `completed`) and output_text grows; files lists what the worker
        created, not its attachments; a failed turn has `error` as `{code, message}` with status
        `completed`; the status `pending` is not used, since a turn starts at once.
        """
        counts, turn, running = self.counts_now(), self.turn, self.running_turn
        texts = turn.builder.texts() if turn is not None else []
        error_text = turn.builder.error_text if turn is not None else None
        return {
            "id": self.id,
            "created_at": self.created_at,
            "error": None if error_text is None else {"code": "turn_failed", "message": error_text},
            "files": [
                {"filename": file.path, "mediaType": file.media_type, "url": self.url_of(file)}
                for file in self.workspace.files.values()
                if file.published
            ],
            "incomplete_details": None,
            "messages": [*self.messages, *([] if running is None else [running.builder.message()])],
            "metadata": {
                "local": True,
                "money": MONEY_NOTE,
                "turns": self.turns_begun,
                "turnId": turn.id if turn else None,
                "budget": turn.instruction.budget if turn else None,
                "finishReason": turn.builder.finish_reason if turn else None,
                "toolCalls": counts.tool_calls,
                "sandboxTenths": counts.sandbox_tenths,
            },
            "object": "worker",
            "output": [_message_item(turn.builder.message_id, texts)] if turn and not running else [],
            "output_text": "".join(texts),
            "running": running is not None,
            "sources": list(self.sources),
            "status": "completed" if running is None else "running",
            "costs": prices.costs_members(counts),
            "usage": prices.usage_members(counts),
        }


def _message_item(message_id: str, texts: list[str]) -> dict[str, object]:
    """Return the answer as an item of `Worker.output`."""
    content = [{"text": text, "type": "output_text"} for text in texts]
    return {
        "id": message_id,
        "content": content,
        "role": "assistant",
        "status": "completed",
        "type": "message",
    }


# -- responses -----------------------------------------------------------------------------
def file_response(record: WorkerRecord, path: str) -> Response:
    """Return a response with the bytes of a file. Raises RefusedError: 404 if there is none at this path."""
    file = record.workspace.files.get(path)
    if file is None:
        raise RefusedError(404, "There is no file at this path.")
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
    messages, live = list(record.messages), record.running_turn
    if messages:
        yield "".join(map(stream.frame, messages))
    if live is None:
        yield stream.DONE
        return
    async for text in live.follow(keep_alive_seconds):
        yield text
