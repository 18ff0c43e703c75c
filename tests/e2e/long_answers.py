"""Long answers in plain mode: what 10,000 and 20,000 lines of each kind take. 1 when that is not linear.

python -m tests.e2e.long_answers [--lines N]

Needs Linux. A line that is missing or comes twice, or a byte that is none of plain mode, is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final

from handinger_tui.local.repertoire import REPERTOIRE
from handinger_tui.local.server import LocalServer
from handinger_tui.local.turn_context import Rule, TurnContext
from tests.e2e.test_plain import READY, plain

LOOK_S = 0.01
MOST: Final = 2.3
"""The greatest factor of CPU time and memory for twice the lines."""
CLOCK_S: Final = 0.15
"""How exactly CPU time is known on a busy machine."""
ROOM_KB: Final = 16_384
"""How exactly memory is known: the start leaves free room, and what is not written yet waits."""
KINDS: Final = {
    "paragraphs": ("", "Line {} of it costs ${}.\n\n", ""),
    "items": ("", "- Line {} of it costs **${}**.\n", ""),
    "text": ("", "Line {} of it costs ${}.\n", ""),
    "code": ("```py\n", "    print('Line {} of it costs ${}')\n", "```\n"),
    "table": ("| A | B |\n|---|---|\n", "| Line {} | ${} |\n", ""),
}
"""What stands before the lines of an answer, each line with its number, and what stands behind them."""


def numbers_in(text: str) -> list[int]:
    """The numbers of the lines of an answer that were read out."""
    return [int(number) for number in re.findall(r"Line (\d+) ", text.replace(". B:", " "))]


@contextmanager
def writing_worker() -> Iterator[tuple[LocalServer, Event]]:
    """A local worker for "write KIND COUNT", and for "hold KIND COUNT", where it waits in the middle.

    The event lets it go on.
    """
    may_go_on = Event()

    async def write(context: TurnContext) -> None:
        verb, kind, count = context.text.split()
        before, line, behind = KINDS[kind]
        rows = [line.format(number, number) for number in range(int(count))]
        half = "".join([before, *rows[: len(rows) // 2]]), "".join([*rows[len(rows) // 2 :], behind])
        context.turn.emit({"type": "text-start", "id": "t"})
        for text in half:
            for at in range(0, len(text), 1000):
                context.turn.emit({"type": "text-delta", "id": "t", "delta": text[at : at + 1000]})
                await asyncio.sleep(0)
            # The event belongs to another thread.
            while verb == "hold" and not may_go_on.is_set():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
        context.turn.emit({"type": "text-end", "id": "t"})

    def is_ours(context: TurnContext) -> bool:
        return context.text.startswith(("write ", "hold "))

    rule = Rule("write", "", "", "", is_ours, write)
    with LocalServer.start(pace=0, rules=(rule, *REPERTOIRE)) as server:
        yield server, may_go_on


def used(kind: str, count: int) -> tuple[float, int]:
    """CPU seconds, and kB of memory at most, that plain mode takes for an answer."""
    with (
        TemporaryDirectory() as home,
        writing_worker() as (server, _),
        plain(Path(home), "--plain", server=server) as it,
    ):
        it.reads(READY)
        start_s, start_kb = it.used
        it.type(f"write {kind} {count}\n")
        assert numbers_in(it.reads("done: turn 1, ")) == [*range(count)]
        it.reads(READY)
        end_s, end_kb = it.used
        it.type("/quit\n")
        assert it.ends() == 0
        return end_s - start_s, end_kb - start_kb


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.long_answers", description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000)
    count = parser.parse_args().lines
    failures = 0
    print(f"{'lines':<12}{80:>21,}{count:>21,}{2 * count:>21,}")
    for kind in KINDS:
        figures = [used(kind, lines) for lines in (80, count, 2 * count)]
        (least_s, least_kb), (once_s, once_kb), (twice_s, twice_kb) = figures
        is_linear = (
            twice_s - least_s <= MOST * (once_s - least_s) + CLOCK_S
            and twice_kb - least_kb <= MOST * (once_kb - least_kb) + ROOM_KB
        )
        failures += not is_linear
        shown = "".join(f"{cpu_s:7.2f} s{kb:>9,} kB" for cpu_s, kb in figures)
        print(f"{kind:<12}{shown}{'' if is_linear else '  NOT LINEAR'}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
