"""Plan: what the paced service is to answer. The prompt itself says it, so nothing else need be agreed on."""

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
        """What is typed. It does not hold the mark."""
        return f"bench {self.shape} {self.tokens} {self.rate} {self.key}"

    @property
    def mark(self) -> str:
        """What stands at the end of the answer, and nowhere before."""
        return f"END{self.key}END"

    @property
    def seconds(self) -> float:
        """How long the sending takes; 0 when it is not paced."""
        return self.tokens / self.rate if self.rate else 0.0


def read_plan(prompt: str) -> Plan:
    """The plan that a prompt tells.

    Raises:
        ValueError: it tells none.
    """
    word, shape, tokens, rate, key = prompt.split()
    if word != "bench":
        raise ValueError(prompt)
    return Plan(shape, int(tokens), int(rate), key)
