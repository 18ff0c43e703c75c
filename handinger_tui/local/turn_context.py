"""Where the local worker works: thinking, speaking and using tools, each counted and streamed.

The repertoire sees only this. All text goes out in small uneven deltas at a natural pace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar, runtime_checkable

from handinger_tui.local import ids, prices
from handinger_tui.local import ids as exact_json
from handinger_tui.local.delimited import Reading, read_text
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
class Shown(Protocol):
    """A result that says itself what the stream shows of it."""

    def as_output(self) -> object:
        """Return a JSON value."""
        ...


class ToolError(Exception):
    """A tool cannot do what it was asked; the text says why, for the person."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the repertoire.

    `matches` is asked in the order of the table; `example` is something to type.
    """

    name: str
    when: str
    does: str
    example: str
    matches: Callable[[TurnContext], bool]
    perform: Callable[[TurnContext], Work]


@dataclass(frozen=True, slots=True)
class Setting:
    """What every turn of a server shares: pace (0 is at once), data folder of the program, rules."""

    pace: float
    home: Path | None
    rules: tuple[Rule, ...]


class TurnContext:
    """One turn's desk. Attributes are for reading only; `left_out` and `troubles` fill as it works."""

    def __init__(self, record: WorkerRecord, turn: Turn, setting: Setting) -> None:
        """Sit down to one turn of one worker."""
        self.record = record
        self.turn = turn
        self.setting = setting
        self.left_out: list[str] = []
        """What the budget did not allow."""
        self.troubles: list[str] = []
        """What a tool could not do."""
        self._voice = ChunkEmitter(turn, setting.pace)

    @property
    def text(self) -> str:
        """The instruction."""
        return self.turn.instruction.text

    def files_meant(self) -> list[StoredFile]:
        """Return the files of this turn, else those in the workspace that the instruction names."""
        if self.turn.attachments:
            return list(self.turn.attachments)
        return [file for file in self.record.workspace.files() if names_path(self.text, file.path)]

    async def think(self, text: str) -> None:
        """Stream a short reasoning part."""
        await self._voice.talk("reasoning", text)

    async def say(self, markdown: str) -> None:
        """Stream a text part; from the second on it begins with a blank line."""
        spoken = bool(self.turn.builder.texts())
        await self._voice.talk("text", f"\n\n{markdown}" if spoken else markdown)

    async def break_off(self, markdown: str, error_text: str) -> None:
        """Stream text that never ends properly, then an error."""
        part_id = self._voice.start_part("text")
        await self._voice.stream_deltas("text", part_id, markdown)
        self.turn.emit({"type": "error", "errorText": error_text})

    async def use(self, tool: str, given: dict[str, object], work: Callable[[], Awaitable[T]]) -> T | None:
        """Call a tool: stream its input, await `work`, stream its output.

        Returns None when the budget allows no further call or when the tool had trouble; both
        are remembered for the closing note.
        """
        allowed = prices.TOOL_CALLS[self.turn.instruction.budget]
        if allowed is not None and self.turn.counts.tool_calls >= allowed:
            self.left_out.append(tool)
            return None
        self._voice.open_step()
        call_id = ids.fresh("call_")
        await self._voice.stream_input(tool, call_id, given)
        self.turn.counts.tool_calls += 1
        started = time.monotonic_ns()
        await asyncio.sleep(THINKING_SECONDS * self.setting.pace)
        try:
            result = await work()
        except ToolError as trouble:
            self.troubles.append(f"{tool}: {trouble}")
            self.turn.emit({"type": "tool-output-error", "toolCallId": call_id, "errorText": str(trouble)})
            return None
        finally:
            self._voice.tool_used = True
            self.turn.counts.sandbox_tenths += -(-(time.monotonic_ns() - started) // _TENTHS_NS)
        output = result.as_output() if isinstance(result, Shown) else result
        self._voice.count("input", len(exact_json.dumps(output)))
        self.turn.emit({"type": "tool-output-available", "toolCallId": call_id, "output": output})
        return result

    async def compute(self, tool: str, given: dict[str, object], work: Callable[[], T]) -> T | None:
        """Call a tool whose work takes a while: in a thread, so that other readers are not held up."""
        return await self.use(tool, given, lambda: asyncio.to_thread(work))

    async def read(self, file: StoredFile) -> Reading | None:
        """Read a text file with the tool `read_file`; the text counts as cache write, later as cache read."""
        reading = await self.use(
            "read_file", {"path": file.path}, lambda: asyncio.to_thread(read_text, file.path, file.content)
        )
        if reading is not None:
            known = file.digest in self.record.read_digests
            self.record.read_digests.add(file.digest)
            self._voice.count("read" if known else "write", len(reading.text))
        return reading

    async def write(self, path: str, media_type: str, content: bytes) -> StoredFile | None:
        """Publish a file with the tool `write_file` and show it in the stream."""
        made: list[StoredFile] = []

        async def work() -> dict[str, object]:
            try:
                file = self.record.workspace.publish(path, media_type, content)
            except WorkspaceFullError as full:
                raise ToolError(f"the workspace has no room left for {path}") from full
            made.append(file)
            return {"path": file.path, "bytes": len(content), "sha256": file.digest}

        await self.use("write_file", {"path": path, "mediaType": media_type, "bytes": len(content)}, work)
        for file in made:
            self.turn.emit(
                {
                    "type": "file",
                    "url": self.record.url_of(file),
                    "mediaType": media_type,
                    "filename": file.path,
                }
            )
        return made[0] if made else None

    def cite(self, title: str, url: str) -> None:
        """Show a source."""
        self._voice.open_step()
        chunk = {"type": "source-url", "sourceId": ids.fresh("src_"), "url": url, "title": title}
        self.turn.emit(chunk)
        self.record.cite(chunk)

    def show(self, kind: str, name: str, value: object) -> None:
        """Give a value beside the text, as a data part that stays."""
        self._voice.open_step()
        self.turn.emit({"type": f"data-{kind}", "id": name, "data": value})

    def progress(self, doing: str, done: int, total: int) -> None:
        """Show how far the work is; one data part, replaced in place."""
        self._voice.open_step()
        self.turn.emit(
            {
                "type": "data-progress",
                "id": "progress",
                "data": {"doing": doing, "done": done, "total": total},
            }
        )

    def close(self) -> None:
        """End the open step."""
        self._voice.close_step()
