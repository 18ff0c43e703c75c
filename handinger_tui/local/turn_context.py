"""The course of a turn: a rule is chosen, and streams text and calls tools through a `TurnContext`.

Rules use only this interface. All text is streamed in small uneven deltas at a natural pace, and all usage
is counted.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from msgspec import Struct

from handinger_tui.local import formats, prices, stream

if TYPE_CHECKING:
    from decimal import Decimal

    from handinger_tui.local.worker import Conversation, LocalTurn, StoredFile


T = TypeVar("T")
Work: TypeAlias = Coroutine[object, object, None]

_TENTHS_NS = 100_000_000

TOKENS_PER_SECOND = 60
"""The speed of text output at pace 1."""
THINKING_SECONDS = 0.4
"""The pause in seconds before each part and in each tool call at pace 1."""


class Rule(Struct, frozen=True):
    """One entry of the repertoire.

    Rules are matched in the order of the table; `example` is a prompt to type, empty if none is suggested.
    """

    name: str
    when: str
    does: str
    example: str
    matches: Callable[[TurnContext], bool]
    perform: Callable[[TurnContext], Work]


class TurnConfig(Struct, frozen=True):
    """What all turns of a server share: pace (0 is without pauses), and rules."""

    pace: float
    rules: tuple[Rule, ...]


class TurnContext:
    """The context of one turn: what rules read, say and use."""

    def __init__(self, conversation: Conversation, turn: LocalTurn, config: TurnConfig) -> None:
        self.conversation = conversation
        self.turn = turn
        self.config = config
        self.refused_tools: list[str] = []
        """Names of the tool calls that the budget did not allow."""
        self._characters = Counter({"input": len(turn.instruction.text)})
        """Characters by the kinds of `prices.Counts`."""
        self._parts = 0
        self._is_step_open = False
        self._is_tool_used = False
        """A tool was called in the open step: the next part belongs to a new one."""

    @property
    def text(self) -> str:
        """The text of the instruction."""
        return self.turn.instruction.text

    def requested_files(self) -> list[StoredFile]:
        """Return the attachments of this turn, else the files of the conversation that the text names."""
        named = (
            file for file in self.conversation.files.values() if formats.names_path(self.text, file.path)
        )
        return list(self.turn.attachments or named)

    # -- chunks --------------------------------------------------------------------------------
    def _open_step(self) -> None:
        """Start a step unless one is open; the first step counts the tokens of the instruction."""
        if not self._is_step_open:
            self.turn.emit({"type": "start-step"})
            self.turn.counts.steps += 1
            self._count("input", 0)
            self._is_step_open, self._is_tool_used = True, False

    def close_step(self) -> None:
        """End the open step, if any."""
        if self._is_step_open:
            self.turn.emit({"type": "finish-step"})
            self._is_step_open = False

    async def _stream_part(self, kind: str, text: str) -> None:
        """Stream one complete part; `kind` is `text` or `reasoning`."""
        if self._is_tool_used:
            self.close_step()
        await self.wait(THINKING_SECONDS)
        part_id = await self._stream_open_part(kind, text)
        self.turn.emit({"type": f"{kind}-end", "id": part_id})

    async def _stream_open_part(self, kind: str, text: str) -> str:
        """Stream a part without its end; return its id."""
        self._open_step()
        self._parts += 1
        part_id = f"{kind}-{self._parts}"
        self.turn.emit({"type": f"{kind}-start", "id": part_id})
        for piece in stream.pieces(text):
            self._count("reasoning" if kind == "reasoning" else "output", len(piece))
            self.turn.emit({"type": f"{kind}-delta", "id": part_id, "delta": piece})
            await self._pause(len(piece))
        return part_id

    async def _stream_input(self, tool: str, call_id: str, tool_input: dict[str, object]) -> None:
        """Stream the input of a tool call as deltas of JSON text, then as one chunk."""
        self.turn.emit({"type": "tool-input-start", "toolCallId": call_id, "toolName": tool})
        for piece in stream.pieces(formats.dumps(tool_input)):
            self._count("output", len(piece))
            self.turn.emit({"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": piece})
            await self._pause(len(piece))
        self.turn.emit(
            {"type": "tool-input-available", "toolCallId": call_id, "toolName": tool, "input": tool_input}
        )

    def _count(self, kind: str, characters: int) -> None:
        """Add characters of one kind and update the token count of the turn."""
        self._characters[kind] += characters
        setattr(self.turn.counts, f"{kind}_tokens", prices.tokens(self._characters[kind]))

    async def _pause(self, characters: int) -> None:
        await self.wait(characters / prices.CHARACTERS_PER_TOKEN / TOKENS_PER_SECOND)

    # -- what rules do -------------------------------------------------------------------------
    async def think(self, text: str) -> None:
        """Stream a short reasoning part."""
        await self._stream_part("reasoning", text)

    async def wait(self, seconds: float) -> None:
        """Do nothing for that many seconds at pace 1."""
        await asyncio.sleep(seconds * self.config.pace)

    async def say(self, markdown: str) -> None:
        """Stream a text part; every part but the first begins with a blank line."""
        has_text = bool(self.turn.builder.texts())
        await self._stream_part("text", f"\n\n{markdown}" if has_text else markdown)

    async def break_off(self, markdown: str, error_text: str) -> None:
        """Stream a text part without its end, then an error."""
        await self._stream_open_part("text", markdown)
        self.turn.emit({"type": "error", "errorText": error_text})

    async def call_tool(
        self, tool: str, tool_input: dict[str, object], work: Callable[[], T], output: Callable[[T], object]
    ) -> T | None:
        """Call a tool: stream its input, do `work` in a thread, stream what `output` makes of the result.

        Returns None if the budget allows no further call, which the closing note says.
        """
        max_calls = prices.TOOL_CALLS[self.turn.instruction.budget]
        if max_calls is not None and self.turn.counts.tool_calls >= max_calls:
            self.refused_tools.append(tool)
            return None
        self._open_step()
        call_id = formats.new_id("call_")
        await self._stream_input(tool, call_id, tool_input)
        self.turn.counts.tool_calls += 1
        started = time.monotonic_ns()
        await self.wait(THINKING_SECONDS)
        result = await asyncio.to_thread(work)
        self._is_tool_used = True
        self.turn.counts.sandbox_tenths += -(-(time.monotonic_ns() - started) // _TENTHS_NS)
        shown = output(result)
        self._count("input", len(formats.dumps(shown)))
        self.turn.emit({"type": "tool-output-available", "toolCallId": call_id, "output": shown})
        return result

    def count_reading(self, file: StoredFile, characters: int) -> None:
        """Count what was read from a file: as cache write, and as cache read when it was read before."""
        digests = self.conversation.read_digests
        self._count("cache_read" if file.digest in digests else "cache_write", characters)
        digests.add(file.digest)

    async def write(self, path: str, media_type: str, content: bytes) -> StoredFile | None:
        """Publish a file with the tool `write_file` and emit it as a file part."""
        file = await self.call_tool(
            "write_file",
            {"path": path, "mediaType": media_type, "bytes": len(content)},
            lambda: self.conversation.new_file(path, media_type, content, published=True),
            lambda file: {"path": file.path, "sha256": file.digest},
        )
        if file is not None:
            self.conversation.files[file.path] = file
            url = self.conversation.url_of(file)
            self.turn.emit({"type": "file", "url": url, "mediaType": media_type, "filename": file.path})
        return file

    async def write_chart(
        self, path: str, title: str, bars: Sequence[tuple[str, Decimal]]
    ) -> StoredFile | None:
        """Draw a bar chart with the tool `draw_chart` and publish it as a PNG image."""
        picture = await self.call_tool(
            "draw_chart",
            {"title": title},
            lambda: formats.bar_chart(title, bars),
            lambda png: {"title": title, "bars": bars, "bytes": len(png)},
        )
        return None if picture is None else await self.write(path, "image/png", picture)

    def cite(self, title: str, url: str) -> None:
        self._open_step()
        source_id = formats.new_id("src_")
        self.turn.emit({"type": "source-url", "sourceId": source_id, "url": url, "title": title})

    def show(self, kind: str, name: str, value: object) -> None:
        """Emit a value as a persistent data part."""
        self._open_step()
        self.turn.emit({"type": f"data-{kind}", "id": name, "data": value})


async def perform(conversation: Conversation, turn: LocalTurn, config: TurnConfig) -> None:
    """Run one turn from `start` to `finish`.

    An exception of a rule is emitted as an error chunk and then raised.
    """
    context = TurnContext(conversation, turn, config)
    metadata = {
        "workerId": conversation.id,
        "turnId": turn.id,
        "budget": turn.instruction.budget,
        "local": True,
    }
    turn.emit({"type": "start", "messageId": turn.builder.message_id, "messageMetadata": metadata})
    # A cancelled turn (the server stops) gets no final chunks: its readers must see that it was cut.
    try:
        # The last rule always matches.
        rule = next(rule for rule in config.rules if rule.matches(context))
        await context.think(f'The rule "{rule.name}" applies: {rule.when}. {rule.does}.')
        await rule.perform(context)
        if context.refused_tools:
            await context.say(_closing_note(context))
    except Exception as error:
        turn.emit({"type": "error", "errorText": f"The local worker failed ({type(error).__name__})."})
        _finish(context)
        raise
    _finish(context)


def _finish(context: TurnContext) -> None:
    context.close_step()
    counts = context.turn.counts
    usage = {
        "inputTokens": counts.input_tokens,
        "outputTokens": counts.output_tokens,
        "reasoningTokens": counts.reasoning_tokens,
        "cachedInputTokens": counts.cache_read_tokens,
        "totalTokens": counts.total_tokens,
    }
    reason = "stop" if context.turn.builder.error_text is None else "error"
    metadata = {"totalUsage": usage}
    context.turn.emit({"type": "finish", "finishReason": reason, "messageMetadata": metadata})


def _closing_note(context: TurnContext) -> str:
    calls = ", ".join(f"`{tool}`" for tool in context.refused_tools)
    budget, count = context.turn.instruction.budget, context.turn.counts.tool_calls
    allowance = f"`{budget}` allowed {formats.counted(count, 'tool call')}"
    return f"> **Limited by the budget.** {allowance}; not made: {calls}. A higher budget allows more."
