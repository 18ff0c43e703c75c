"""The state of one worker, and its `Worker` object for responses."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from handinger_tui.local import formats, prices

if TYPE_CHECKING:
    from handinger_tui.local.schedules import StoredSchedule
    from handinger_tui.local.stream import Chunk
    from handinger_tui.local.turns import LocalTurn
    from handinger_tui.local.workspace import StoredFile, Workspace

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
    def running(self) -> bool:
        """Whether a turn is running."""
        return self.turn is not None and self.turn.running

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
        return (
            self.spent.plus(self.turn.counts_now())
            if self.turn is not None and self.turn.running
            else self.spent
        )

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
        counts = self.counts_now()
        return {
            "id": self.id,
            "created_at": self.created_at,
            "error": self._error(),
            "files": [
                {"filename": file.path, "mediaType": file.media_type, "url": self.url_of(file)}
                for file in self.workspace.files()
                if file.published
            ],
            "incomplete_details": None,
            "messages": self._messages_now(),
            "metadata": self._metadata(counts),
            "object": "worker",
            "output": self._output(),
            "output_text": "".join(self.turn.builder.texts()) if self.turn else "",
            "running": self.running,
            "sources": list(self.sources),
            "status": "running" if self.running else "completed",
            "costs": prices.costs_members(counts),
            "usage": prices.usage_members(counts),
        }

    def _messages_now(self) -> list[dict[str, object]]:
        if self.turn is not None and self.turn.running:
            return [*self.messages, self.turn.builder.message()]
        return list(self.messages)

    def _error(self) -> dict[str, object] | None:
        text = self.turn.builder.error_text if self.turn is not None else None
        return None if text is None else {"code": "turn_failed", "message": text}

    def _output(self) -> list[dict[str, object]]:
        if self.turn is None or self.turn.running:
            return []
        content = [{"text": text, "type": "output_text"} for text in self.turn.builder.texts()]
        return [
            {
                "id": self.turn.builder.message_id,
                "content": content,
                "role": "assistant",
                "status": "completed",
                "type": "message",
            }
        ]

    def _metadata(self, counts: prices.Counts) -> dict[str, object]:
        return {
            "local": True,
            "money": MONEY_NOTE,
            "turns": self.turns_begun,
            "turnId": self.turn.id if self.turn else None,
            "budget": self.turn.instruction.budget if self.turn else None,
            "finishReason": self.turn.builder.finish_reason if self.turn else None,
            "toolCalls": counts.tool_calls,
            "sandboxTenths": counts.sandbox_tenths,
        }
