"""Identifiers that sort by time, in the manner of ULIDs."""

from __future__ import annotations

import secrets
import time

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_RANDOM_BITS = 80


def fresh(prefix: str) -> str:
    """Return `prefix` and 26 signs: 48 bits of Unix milliseconds, then 80 random bits."""
    number = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    signs = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        signs.append(_DIGITS[digit])
    return prefix + "".join(reversed(signs))
