"""The one model of both generations: stored workers, their conversations, the turns of these, and files.

In the workers generation a worker is a stored worker with one conversation of the same id; in the tasks
generation it has any number of them, each of which is a task.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from msgspec import UNSET, Struct

from handinger_tui.local import formats, prices, stream
from handinger_tui.local.http import Instruction, StoredWorkerBody
from handinger_tui.local.triggers import LocalWebhook, StoredSchedule

Json = dict[str, Any]


# -- files -------------------------------------------------------------------------------------
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_LONGEST_NAME = 200
_TYPES = {
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".log": "text/plain",
}


def clean_name(name: str) -> str:
    """Return the last component of a file name, without control and direction characters; never empty."""
    last = _CONTROL.sub("", re.split(r"[\\/]", name)[-1]).strip()[:_LONGEST_NAME]
    return "attachment" if last.strip(".") == "" else last


def media_type_of(name: str) -> str:
    """Return the media type for the suffix of a name."""
    suffix = f".{name.lower().rpartition('.')[2]}"
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


class StoredFile(Struct, frozen=True):
    """A file: its path in the conversation, media type, bytes, and whether the worker created it."""

    path: str
    media_type: str
    content: bytes
    published: bool

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the bytes."""
        return sha256(self.content).hexdigest()


# -- turns -------------------------------------------------------------------------------------
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
        self.counts = self.counts_now()
        self.running, self.is_complete = False, is_complete
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
        """Return the counts, with the duration so far while the turn runs."""
        elapsed_ms = (time.monotonic_ns() - self._started_ns) // 1_000_000
        return replace(self.counts, duration_ms=elapsed_ms) if self.running else self.counts

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


# -- stored workers ----------------------------------------------------------------------------
TITLE = "Local worker"
ORGANIZATION = "org_local"
USER = "usr_local"


@dataclass(slots=True)
class LocalWorker:
    """A definition with schedules and a webhook. A deleted one keeps its conversations."""

    id: str
    title: str = TITLE
    summary: str = ""
    instructions: str = ""
    output_schema: Json | None = None
    visibility: str = "public"
    created_at: datetime = field(default_factory=formats.now)
    updated_at: datetime = field(default_factory=formats.now)
    is_deleted: bool = False
    schedules: dict[str, StoredSchedule] = field(default_factory=dict)
    webhook: LocalWebhook = field(default_factory=LocalWebhook)

    def change(self, body: StoredWorkerBody) -> None:
        """Set what a request sets."""
        for name in StoredWorkerBody.__struct_fields__:
            if (value := getattr(body, name)) is not UNSET:
                setattr(self, name, value)
        self.updated_at = formats.now()

    def as_members(self, base_url: str) -> Json:
        """Return the `WorkerTemplate` object."""
        return {
            "id": self.id,
            "createdAt": formats.iso(self.created_at),
            "instructions": self.instructions,
            "organizationId": ORGANIZATION,
            "outputSchema": self.output_schema,
            "summary": self.summary,
            "title": self.title,
            "updatedAt": formats.iso(self.updated_at),
            "url": f"{base_url}/worker/{self.id}",
            "userId": USER,
            "visibility": self.visibility,
        }


# -- conversations -----------------------------------------------------------------------------
MONEY_NOTE = "Simulated: the local worker does not charge real money. Its prices are in the tour."


@dataclass(slots=True)
class Conversation:
    """The turns and files of one conversation, in memory only; all else is computed from them."""

    id: str
    worker: LocalWorker
    base_url: str
    triggered_by: str = "api"
    created_at: datetime = field(default_factory=formats.now)
    turns: list[LocalTurn] = field(default_factory=list)
    files: dict[str, StoredFile] = field(default_factory=dict)
    """By path, oldest first; none is ever overwritten."""
    read_digests: set[str] = field(default_factory=set)
    """Of the files that were read: a second time they come from the cache."""

    @property
    def running_turn(self) -> LocalTurn | None:
        """The turn that is running, None while the worker is idle."""
        return self.turns[-1] if self.turns and self.turns[-1].running else None

    def begin(self, instruction: Instruction) -> LocalTurn:
        """Add a turn, with its attachments."""
        attachments = []
        for sent_name, content in instruction.uploads:
            name = clean_name(sent_name)
            file = self.new_file(name, media_type_of(name), content, published=False)
            self.files[file.path] = file
            attachments.append(file)
        turn = LocalTurn(instruction, tuple(attachments))
        self.turns.append(turn)
        return turn

    def new_file(self, path: str, media_type: str, content: bytes, *, published: bool) -> StoredFile:
        """A file that is not stored yet, with a number (as in `name-2.txt`) if its path is taken."""
        folder, slash, name = path.rpartition("/")
        stem, dot, suffix = name.rpartition(".") if "." in name.lstrip(".") else (name, "", "")
        number = 2
        while path in self.files:
            path = f"{folder}{slash}{stem}-{number}{dot}{suffix}"
            number += 1
        return StoredFile(path, media_type, content, published)

    def url_of(self, file: StoredFile) -> str:
        """Return the absolute URL of a file on this server."""
        return f"{self.base_url}/api/workers/{self.id}/files/{quote(file.path)}"

    def messages(self) -> list[Json]:
        """Return the messages: of each turn its prompt and its answer, which may still grow."""
        return [message for turn in self.turns for message in (self._prompt(turn), turn.builder.message())]

    def counts_now(self) -> prices.Counts:
        """Return the totals of all turns, including a running one."""
        return sum((turn.counts_now() for turn in self.turns), prices.Counts())

    def as_worker(self) -> Json:
        """Return the `Worker` object of the workers generation.

        Decisions where the published API description is silent: usage and costs are totals of the
        worker; output, output_text and error belong to the last turn; while a turn runs, output is
        empty (its items are always `completed`) and output_text grows; files lists what the worker
        created, not its attachments; a failed turn has `error` as `{code, message}` with status
        `completed`; the status `pending` is not used, since a turn starts at once.
        """
        counts, running = self.counts_now(), self.running_turn is not None
        newest = self.turns[-1] if self.turns else None
        return {
            "id": self.worker.id,
            "created_at": int(self.created_at.timestamp()),
            "files": [
                {name: file[name] for name in ("filename", "mediaType", "url")}
                for file in self._published().values()
            ],
            "incomplete_details": None,
            "messages": self.messages(),
            "metadata": {
                "local": True,
                "money": MONEY_NOTE,
                "turns": len(self.turns),
                "turnId": newest.id if newest else None,
                "budget": newest.instruction.budget if newest else None,
                "toolCalls": counts.tool_calls,
                "sandboxTenths": counts.sandbox_tenths,
            },
            "object": "worker",
            "running": running,
            "sources": self._sources(),
            "status": "running" if running else "completed",
            "costs": prices.costs_members(counts),
            "usage": prices.usage_members(counts),
            **_answer_members(newest),
        }

    def as_worker_of_task(self) -> Json:
        """Return the `Worker` object of the tasks generation.

        It has the id of the stored worker, no costs, and the time of the newest turn as its usage.
        """
        worker = self.as_worker()
        del worker["costs"]
        newest = self.turns[-1] if self.turns else None
        usage = {} if newest is None else {"usage": {"durationMs": newest.counts_now().duration_ms}}
        return (
            worker
            | usage
            | {
                "files": list(self._published().values()),
                "structured_output": None if newest is None else self._structured(newest),
                "url": f"{self.base_url}/worker/{self.worker.id}",
            }
        )

    def as_task(self) -> Json:
        """Return the `Task` object."""
        counts, newest = [turn.counts_now() for turn in self.turns], self.turns[-1]
        return {
            "id": self.id,
            "completedAt": newest.completed_at,
            "createdAt": formats.iso(self.created_at),
            "createdByUserId": USER,
            "organizationId": ORGANIZATION,
            "status": newest.status,
            "title": self.worker.title,
            "totals": {
                "credits": sum(prices.credits_of(count) for count in counts),
                "durationMs": sum(count.duration_ms for count in counts),
                "turnCount": len(counts),
            },
            "triggeredBy": self.triggered_by,
            "url": f"{self.base_url}/worker/{self.worker.id}/task/{self.id}",
            "workerId": self.worker.id,
        }

    def turn_members(self) -> list[Json]:
        """Return the `Turn` objects."""
        files = self._published()
        return [self._turn(seq, turn, files) for seq, turn in enumerate(self.turns)]

    def _turn(self, seq: int, turn: LocalTurn, files: Mapping[object, Json]) -> Json:
        counts = turn.counts_now()
        return {
            "id": turn.id,
            "completedAt": turn.completed_at,
            "credits": prices.credits_of(counts),
            "durationMs": counts.duration_ms,
            "files": [files[part["url"]] for part in turn.builder.parts if part["type"] == "file"],
            "input": turn.instruction.text,
            "inputTokens": counts.input_tokens,
            "outputText": "".join(turn.builder.texts()),
            "outputTokens": counts.output_tokens,
            "role": "user",
            "seq": seq,
            "startedAt": formats.iso(turn.started_at),
            "status": turn.status,
            "structuredOutput": self._structured(turn),
            "taskId": self.id,
        }

    def _prompt(self, turn: LocalTurn) -> Json:
        files = [
            {"type": "file", "mediaType": file.media_type, "filename": file.path, "url": self.url_of(file)}
            for file in turn.attachments
        ]
        parts = [{"type": "text", "text": turn.instruction.text}, *files]
        return {"id": f"usr_{turn.id}", "role": "user", "parts": parts}

    def _sources(self) -> list[Json]:
        """What all turns cited, once per URL."""
        cited = [part for turn in self.turns for part in turn.builder.parts if part["type"] == "source-url"]
        return list(
            {
                part["url"]: {
                    "id": part["sourceId"],
                    "title": part["title"],
                    "type": "url",
                    "url": part["url"],
                }
                for part in reversed(cited)
            }.values()
        )[::-1]

    def _published(self) -> dict[object, Json]:
        """Return the `File` objects of what the worker created, by URL."""
        return {
            (url := self.url_of(file)): {
                "filename": file.path,
                "mediaType": file.media_type,
                "size": len(file.content),
                "url": url,
            }
            for file in self.files.values()
            if file.published
        }

    def _structured(self, turn: LocalTurn) -> Json | None:
        """The answer by the JSON schema of the worker: texts are the answer, numbers its length."""
        schema = self.worker.output_schema
        if schema is None or turn.status != "completed":
            return None
        text = "".join(turn.builder.texts())
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return {"text": text}
        values = {"string": text, "number": len(text), "integer": len(text), "boolean": bool(text)}
        return {
            name: values.get(str(kind.get("type"))) if isinstance(kind, dict) else None
            for name, kind in properties.items()
        }


def _answer_members(turn: LocalTurn | None) -> Json:
    """Return the members of `Worker` that belong to its last turn."""
    if turn is None:
        return {"error": None, "output": [], "output_text": ""}
    builder, texts = turn.builder, turn.builder.texts()
    item = {
        "id": builder.message_id,
        "content": [{"text": text, "type": "output_text"} for text in texts],
        "role": "assistant",
        "status": "completed",
        "type": "message",
    }
    error = {"code": "turn_failed", "message": builder.error_text}
    return {
        "error": None if builder.error_text is None else error,
        "output": [] if turn.running else [item],
        "output_text": "".join(texts),
    }
