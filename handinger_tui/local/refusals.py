"""How the server says no: a status and one sentence, sent as `{"error": sentence}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class RefusedError(Exception):
    """Nothing was started; the answer is `status` with the sentence as its body."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        """Take the status, the sentence for a person, and headers that belong to the status."""
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})
