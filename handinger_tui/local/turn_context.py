"""The context of a turn: the operations that rules use to stream text and call tools. All usage is counted.

Rules use only this interface. All text is streamed in small uneven deltas at a natural pace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar, runtime_checkable

from handinger_tui.local import ids, prices
from handinger_tui.local.delimited import DecodedFile, read_text
from handinger_tui.local.emitter import THINKING_SECONDS, ChunkEmitter
from handinger_tui.local.words import names_path
from handinger_tui.local.workspace import StoredFile, WorkspaceFullError

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.local.turns import Turn
    from handinger_tui.local.worker_record import WorkerRecord

T = TypeVar("T")
Work: TypeAlias = Coroutine[object, object, None]

_TENTHS_NS = 100_000_000


@runtime_checkable
class ToolOutput(Protocol):
    """A tool result that provides its own output for the stream."""

    def as_output(self) -> object:
        """Return a JSON value."""
        ...


class ToolError(Exception):
    """A tool failed; the message is the reason, for the user."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the repertoire.

    Rules are matched in the order of the table; `example` is a prompt to type.
    """

    name: str
    when: str
    does: str
    example: str
    matches: Callable[[TurnContext], bool]
    perform: Callable[[TurnContext], Work]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all turns of a server share: pace (0 is without pauses), data folder of the program, rules."""

    pace: float
    home: Path | None
    rules: tuple[Rule, ...]


class TurnContext:
    """The context of one turn. Rules only read its attributes; `left_out` and `troubles` grow."""

    def __init__(self, record: WorkerRecord, turn: Turn, setting: Setting) -> None:
        """Create the context of one turn of one worker."""
        self.record = record
        self.turn = turn
        self.setting = setting
        self.left_out: list[str] = []
        """Names of the tool calls that the budget did not allow."""
        self.troubles: list[str] = []
        """Errors of tools."""
        self._emitter = ChunkEmitter(turn, setting.pace)

    @property
    def text(self) -> str:
        """The text of the instruction."""
        return self.turn.instruction.text

    def requested_files(self) -> list[StoredFile]:
        """Return the attachments of this turn, else the workspace files that the instruction names."""
        if self.turn.attachments:
            return list(self.turn.attachments)
        return [file for file in self.record.workspace.files() if names_path(self.text, file.path)]

    async def think(self, text: str) -> None:
        """Stream a short reasoning part."""
        await self._emitter.stream_part("reasoning", text)

    async def say(self, markdown: str) -> None:
        """Stream a text part; every part but the first begins with a blank line."""
        has_text = bool(self.turn.builder.texts())
        await self._emitter.stream_part("text", f"\n\n{markdown}" if has_text else markdown)

    async def break_off(self, markdown: str, error_text: str) -> None:
        """Stream a text part without its end, then an error."""
        part_id = self._emitter.start_part("text")
        await self._emitter.stream_deltas("text", part_id, markdown)
        self.turn.emit({"type": "error", "errorText": error_text})

    async def use(
        self, tool: str, tool_input: dict[str, object], work: Callable[[], Awaitable[T]]
    ) -> T | None:
        """Call a tool: stream its input, await `work`, stream its output.

        Returns None if the budget allows no further call or the tool failed; both are
        recorded for the closing note.
        """
        max_calls = prices.TOOL_CALLS[self.turn.instruction.budget]
        if max_calls is not None and self.turn.counts.tool_calls >= max_calls:
            self.left_out.append(tool)
            return None
        self._emitter.open_step()
        call_id = ids.new_id("call_")
        await self._emitter.stream_input(tool, call_id, tool_input)
        self.turn.counts.tool_calls += 1
        started = time.monotonic_ns()
        await asyncio.sleep(THINKING_SECONDS * self.setting.pace)
        try:
            result = await work()
        except ToolError as error:
            self.troubles.append(f"{tool}: {error}")
            self.turn.emit({"type": "tool-output-error", "toolCallId": call_id, "errorText": str(error)})
            return None
        finally:
            self._emitter.tool_used = True
            self.turn.counts.sandbox_tenths += -(-(time.monotonic_ns() - started) // _TENTHS_NS)
        output = result.as_output() if isinstance(result, ToolOutput) else result
        self._emitter.count("input", len(ids.dumps(output)))
        self.turn.emit({"type": "tool-output-available", "toolCallId": call_id, "output": output})
        return result

    async def compute(self, tool: str, tool_input: dict[str, object], work: Callable[[], T]) -> T | None:
        """Call a tool with blocking work in a thread, so that other requests are not delayed."""
        return await self.use(tool, tool_input, lambda: asyncio.to_thread(work))

    async def read(self, file: StoredFile) -> DecodedFile | None:
        """Read a text file with the tool `read_file`; it counts as cache write, then as cache read."""
        decoded = await self.use(
            "read_file", {"path": file.path}, lambda: asyncio.to_thread(read_text, file.path, file.content)
        )
        if decoded is not None:
            was_read_before = file.digest in self.record.read_digests
            self.record.read_digests.add(file.digest)
            self._emitter.count("read" if was_read_before else "write", len(decoded.text))
        return decoded

    async def write(self, path: str, media_type: str, content: bytes) -> StoredFile | None:
        """Publish a file with the tool `write_file` and emit it as a file part."""
        published: list[StoredFile] = []

        async def work() -> dict[str, object]:
            try:
                file = self.record.workspace.publish(path, media_type, content)
            except WorkspaceFullError as full:
                raise ToolError(f"the workspace has no room left for {path}") from full
            published.append(file)
            return {"path": file.path, "bytes": len(content), "sha256": file.digest}

        await self.use("write_file", {"path": path, "mediaType": media_type, "bytes": len(content)}, work)
        for file in published:
            self.turn.emit(
                {
                    "type": "file",
                    "url": self.record.url_of(file),
                    "mediaType": media_type,
                    "filename": file.path,
                }
            )
        return published[0] if published else None

    def cite(self, title: str, url: str) -> None:
        """Emit a source and add it to the worker."""
        self._emitter.open_step()
        chunk = {"type": "source-url", "sourceId": ids.new_id("src_"), "url": url, "title": title}
        self.turn.emit(chunk)
        self.record.cite(chunk)

    def show(self, kind: str, name: str, value: object) -> None:
        """Emit a value as a persistent data part."""
        self._emitter.open_step()
        self.turn.emit({"type": f"data-{kind}", "id": name, "data": value})

    def progress(self, doing: str, done: int, total: int) -> None:
        """Emit the progress of the work as one data part, replaced in place."""
        self._emitter.open_step()
        self.turn.emit(
            {
                "type": "data-progress",
                "id": "progress",
                "data": {"doing": doing, "done": done, "total": total},
            }
        )

    def close(self) -> None:
        """End the open step."""
        self._emitter.close_step()
