"""Emits the chunks of a turn: steps, parts and deltas. It also counts characters for the price table."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handinger_tui.local import ids, prices, stream

if TYPE_CHECKING:
    from handinger_tui.local.turns import Turn

TOKENS_PER_SECOND = 60
"""The speed of text output at pace 1."""
THINKING_SECONDS = 0.4
"""The pause in seconds before each part and in each tool call at pace 1."""


class ChunkEmitter:
    """Emits the chunks of one turn. If `tool_used` is set, the next part opens a new step."""

    def __init__(self, turn: Turn, pace: float) -> None:
        """Create the emitter of one turn; `pace` is the factor of all pauses."""
        self.turn = turn
        self.pace = pace
        self.tool_used = False
        self._characters = {
            "input": len(turn.instruction.text),
            "output": 0,
            "reasoning": 0,
            "read": 0,
            "write": 0,
        }
        self._parts = 0
        self._step_open = False

    def open_step(self) -> None:
        """Begin a step unless one is open; the first step counts the tokens of the instruction."""
        if not self._step_open:
            self.turn.emit({"type": "start-step"})
            self.turn.counts.steps += 1
            self.count("input", 0)
            self._step_open, self.tool_used = True, False

    def close_step(self) -> None:
        """End the open step, if any."""
        if self._step_open:
            self.turn.emit({"type": "finish-step"})
            self._step_open = False

    async def stream_part(self, kind: str, text: str) -> None:
        """Stream one complete part; `kind` is `text` or `reasoning`."""
        # A part after a tool output belongs to a new step.
        if self.tool_used:
            self.close_step()
        await asyncio.sleep(THINKING_SECONDS * self.pace)
        part_id = self.start_part(kind)
        await self.stream_deltas(kind, part_id, text)
        self.turn.emit({"type": f"{kind}-end", "id": part_id})

    def start_part(self, kind: str) -> str:
        """Open a part and return its id."""
        self.open_step()
        self._parts += 1
        part_id = f"{kind}-{self._parts}"
        self.turn.emit({"type": f"{kind}-start", "id": part_id})
        return part_id

    async def stream_deltas(self, kind: str, part_id: str, text: str) -> None:
        """Stream text into an open part."""
        counter = "reasoning" if kind == "reasoning" else "output"
        for piece in stream.pieces(text):
            self.count(counter, len(piece))
            self.turn.emit({"type": f"{kind}-delta", "id": part_id, "delta": piece})
            await self._pause(len(piece))

    async def stream_input(self, tool: str, call_id: str, tool_input: dict[str, object]) -> None:
        """Stream the input of a tool call as deltas of JSON text, then as one chunk."""
        self.open_step()
        self.turn.emit({"type": "tool-input-start", "toolCallId": call_id, "toolName": tool})
        for piece in stream.pieces(ids.dumps(tool_input)):
            self.count("output", len(piece))
            self.turn.emit({"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": piece})
            await self._pause(len(piece))
        self.turn.emit(
            {"type": "tool-input-available", "toolCallId": call_id, "toolName": tool, "input": tool_input}
        )

    def count(self, kind: str, characters: int) -> None:
        """Add characters of one kind and update the token counts of the turn."""
        self._characters[kind] += characters
        counts, characters_by_kind = self.turn.counts, self._characters
        counts.input_tokens = prices.tokens(characters_by_kind["input"])
        counts.output_tokens = prices.tokens(characters_by_kind["output"])
        counts.reasoning_tokens = prices.tokens(characters_by_kind["reasoning"])
        counts.cache_read_tokens = prices.tokens(characters_by_kind["read"])
        counts.cache_write_tokens = prices.tokens(characters_by_kind["write"])

    async def _pause(self, characters: int) -> None:
        await asyncio.sleep(characters / prices.CHARACTERS_PER_TOKEN / TOKENS_PER_SECOND * self.pace)
