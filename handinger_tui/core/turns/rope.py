"""A rope for growing text: appending stays cheap, and deltas join as in JavaScript."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Final

SEAL: Final = 8192
"""Length at which the tail is sealed: one append never copies more characters than this."""


def join(first: str, second: str) -> str:
    """Concatenate as JavaScript does: two halves of a surrogate pair become one character.

    `JSON.stringify` writes half an emoji as an escape when a delta ends inside
    it (tests/wire/README.md); Python concatenation would keep the halves apart.
    """
    if _ends_in_half_pair(first) and "\udc00" <= second[:1] <= "\udfff":
        pair = (first[-1] + second[0]).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        return first[:-1] + pair + second[1:]
    return first + second


def _ends_in_half_pair(text: str) -> bool:
    return "\ud800" <= text[-1:] <= "\udbff"


def join_all(pieces: list[str]) -> str:
    """`join` over many pieces."""
    if any(map(_ends_in_half_pair, pieces)):
        return reduce(join, pieces, "")
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class Rope:
    """An immutable text made of sealed blocks and a short tail.

    Appending copies at most `SEAL` characters, whatever the length of the text.
    """

    sealed: tuple[str, ...] = ()
    tail: str = ""

    def __add__(self, delta: str) -> Rope:
        grown = join(self.tail, delta)
        if len(grown) < SEAL or _ends_in_half_pair(grown):
            return Rope(self.sealed, grown)
        return Rope((*self.sealed, grown), "")

    def __str__(self) -> str:
        return "".join(self.sealed) + self.tail if self.sealed else self.tail

    def __bool__(self) -> bool:
        return bool(self.sealed or self.tail)

    def __len__(self) -> int:
        return sum(map(len, self.sealed)) + len(self.tail)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rope) and (self is other or str(self) == str(other))

    def __hash__(self) -> int:
        return hash(str(self))
