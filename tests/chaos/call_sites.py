"""Where a program calls the operating system, as the library of `failing_calls.c` tells it.

A *site* is the call, its file, the lines of Python that lead to it, and the place within SQLite. Thousands
of calls have one site: the pages of a table that is read. They are alike as long as the program is in one
*phase*: no call that changes something came from a place that had not changed anything before.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import re
import sys
from collections import defaultdict
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from types import FrameType

RANDOM: Final = re.compile(r"(?<=tmp)\w{8}|[0-9a-f]{8,}|[0-9]+")
"""What differs from run to run in the name of a file."""
TOLD: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p
)
DIGITS: Final = 8
KEPT: Final = list[Any]()
"""What the library calls."""
UNKNOWN: Final = ""
"""The site of a call that is made when Python has ended."""


class Call(NamedTuple):
    """One call: the kind, its number among these, its site, and the same without the place in SQLite."""

    kind: int
    number: int
    site: str
    step: str


def tell(library: ctypes.CDLL, path: str) -> None:
    """Write each call that the library tells as a line of a file, from now on."""
    sink = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(kind: int, number: int, name: bytes, file: bytes, size: int, within: bytes) -> None:
        # Its last name: the folders of two runs differ.
        lines = [f"{name.decode()} {RANDOM.sub('#', os.path.basename(file.decode()))} {size}"]
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
            frame = frame.f_back
        step = "\n".join(lines).encode()
        os.write(sink, f"{kind} {number} {_digest(step + within)} {_digest(step)}\n".encode())

    # The library has only its address.
    KEPT.append(TOLD(add))
    library.fail_tell(KEPT[-1])
    atexit.register(library.fail_tell, None)


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=DIGITS // 2).hexdigest()


def calls_in(path: Path) -> list[Call]:
    """What was written there, in that order."""
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text().splitlines())
    return [Call(int(kind), int(number), site, step) for kind, number, site, step in lines]


def groups(calls: Iterable[Call], changing: Collection[int]) -> dict[tuple[int, str, int], list[int]]:
    """The numbers of the calls of each kind, site and phase; `changing`: the kinds that change something."""
    passed, grouped = set[str](), defaultdict[tuple[int, str, int], list[int]](list)
    for call in calls:
        if call.kind in changing:
            passed.add(call.step)
        grouped[call.kind, call.site, len(passed)].append(call.number)
    return grouped
