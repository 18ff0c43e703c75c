"""The body of a turn's request (facts sheet, section 3).

Without a validation model, as everything on the way of a turn: pydantic takes 10 MB, and what
a turn says is ours. It serves the bodies of `api.wire`, loaded by the few who use them.
"""

from __future__ import annotations

import json

from handinger_tui.core.jsontext import Json
from handinger_tui.core.record import dataclass


@dataclass(frozen=True, slots=True)
class StartTurn:
    """Create a worker, or continue one: the same body."""

    input: str
    budget: str | None = None
    stream: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "input", encodable(self.input))

    def body(self) -> bytes:
        """Compact JSON, members in their order, unset ones left out."""
        told: dict[str, Json] = {"input": self.input}
        if self.budget is not None:
            told["budget"] = self.budget
        told["stream"] = self.stream
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def encodable(text: str) -> str:
    """Half a surrogate pair cannot travel as UTF-8; it becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
