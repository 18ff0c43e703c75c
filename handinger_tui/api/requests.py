"""The request body of a turn.

It is not a pydantic model, since pydantic takes 10 MB and our own values need no validation.
Only `api.schedules` uses pydantic; it is loaded when needed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from handinger_tui.core.jsontext import Json


@dataclass(frozen=True, slots=True)
class StartTurn:
    """The body that creates a worker or continues one."""

    input: str
    budget: str | None = None
    stream: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "input", encodable(self.input))

    def body(self) -> bytes:
        """Compact JSON, with members in order and without unset ones."""
        fields: dict[str, Json] = {"input": self.input}
        if self.budget is not None:
            fields["budget"] = self.budget
        fields["stream"] = self.stream
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def encodable(text: str) -> str:
    """Replace half a surrogate pair by U+FFFD, since UTF-8 cannot encode it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
