"""Plan: the answer of the paced service. The prompt itself contains it, so no other agreement is needed."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field

_NUMBERS = itertools.count(1)


def _fresh_key() -> str:
    return f"q{os.getpid() % 1000}x{next(_NUMBERS)}"


@dataclass(frozen=True)
class Plan:
    """`tokens` of a shape at `rate` tokens a second, one per event; rate 0: as fast as they are taken."""

    shape: str
    tokens: int
    rate: int = 0
    key: str = field(default_factory=_fresh_key)

    @property
    def prompt(self) -> str:
        """The typed prompt, which lacks the mark."""
        return f"bench {self.shape} {self.tokens} {self.rate} {self.key}"

    @property
    def mark(self) -> str:
        """The text at the end of the answer, and nowhere before."""
        return f"END{self.key}END"

    @property
    def seconds(self) -> float:
        """The duration of the sending; 0 when it is not paced."""
        return self.tokens / self.rate if self.rate else 0.0


def read_plan(prompt: str) -> Plan:
    """The plan in a prompt.

    Raises:
        ValueError: it has none.
    """
    word, shape, tokens, rate, key = prompt.split()
    if word != "bench":
        raise ValueError(prompt)
    return Plan(shape, int(tokens), int(rate), key)
