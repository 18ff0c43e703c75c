"""The delay of a key while very large content streams, ends and is laid out for another width.

python -m tests.ui.typing.stalls [--scale 0.1] [--stacks] [WORDS]

Each line is an app of its own; WORDS choose lines by their names. A thread asks the event loop every few
milliseconds to answer: how long that takes is how long a typed key waits. It is measured in CPU time of the
thread of the event loop, which other programs do not make longer. `--stacks` shows what ran meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import os
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from handinger_tui.core.stream import RawFrame
from handinger_tui.ui.background import THRESHOLDS
from tests.core.scaling import references, table
from tests.core.test_reducer import KINDS
from tests.engine.fakes import FakeApi, FakeReply, Script, worker
from tests.ui.fakes import Desktop
from tests.wire.recordings import DONE, sse

MOST_S: Final = 0.1
"""The longest that a key may wait."""
EVERY_S: Final = 0.005
LOOK_S: Final = 0.03
FRAMES: Final = 12
"""The innermost calls that are shown of a stack."""
TOGETHER: Final = 200
"""Events that come between two turns of the event loop."""


@dataclass
class Watch:
    """The waits for the event loop in seconds, and what ran during the long ones."""

    waits: list[float] = field(default_factory=list)
    stacks: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def watching(self) -> Iterator[None]:
        loop, main, over = asyncio.get_running_loop(), threading.get_ident(), threading.Event()
        thread = threading.Thread(target=self._watch, args=(loop, main, over))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self, loop: asyncio.AbstractEventLoop, main: int, over: threading.Event) -> None:
        clock = time.pthread_getcpuclockid(main)
        while not over.is_set():
            answered, began = threading.Event(), time.clock_gettime(clock)
            loop.call_soon_threadsafe(answered.set)
            while not answered.wait(LOOK_S) and not over.is_set():
                if time.clock_gettime(clock) - began > MOST_S:
                    self.stacks[stack_of(main)] += 1
            self.waits.append(time.clock_gettime(clock) - began)
            over.wait(EVERY_S)

    def __str__(self) -> str:
        waits = sorted(self.waits)
        return f"{waits[-1] * 1000:6.0f} {sum(wait > MOST_S for wait in waits):4}"


def stack_of(thread: int) -> str:
    calls = traceback.extract_stack(sys._current_frames()[thread])[-FRAMES:]
    return " > ".join(f"{Path(call.filename).name}:{call.name}:{call.lineno}" for call in calls)


class Large(FakeReply):
    """An answer of very many events, sent as fast as they are read."""

    async def pieces(self) -> AsyncGenerator[RawFrame, None]:
        for at, step in enumerate(self.script):
            assert isinstance(step, RawFrame)
            yield step
            if at % TOGETHER == 0:
                await asyncio.sleep(0.001)


def deltas(text: str, size: int = 40) -> list[RawFrame]:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return [
        sse(type="text-start", id="t"),
        *(sse(type="text-delta", id="t", delta=piece) for piece in pieces),
        sse(type="text-end", id="t"),
    ]


def parts(kind: str, number: int) -> list[RawFrame]:
    return [sse(**event) for event in itertools.chain.from_iterable(map(KINDS[kind], range(number)))]


CONTENTS: Final[dict[str, tuple[int, Callable[[int], list[RawFrame]]]]] = {
    "prose": (2_000, lambda number: deltas("Some words of an answer.\n\n" * number)),
    "references": (20_000, lambda number: deltas(references(number))),
    "table rows": (50_000, lambda number: deltas(table(number))),
    "texts": (100_000, lambda number: parts("texts", number)),
    "data": (100_000, lambda number: parts("data", number)),
    "calls": (10_000, lambda number: parts("calls", number)),
}


def text_of(stream: list[RawFrame]) -> str:
    return "".join(json.loads(frame.data).get("delta", "") for frame in stream if "text-delta" in frame.data)


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - nobody reports it
        await asyncio.sleep(0.01)


async def measure(name: str, scale: float) -> list[Watch]:
    """The delays during the stream, during the layout to its end, and for another width."""
    number, make = CONTENTS[name]
    stream = make(int(number * scale))
    script: Script = [
        sse(type="start", messageId="msg_1"),
        *stream,
        sse(type="finish", finishReason="stop"),
        DONE,
    ]
    api = FakeApi(starts=[Large(script)], workers=[worker(text_of(stream), prompt="go")])
    # The frames belong to the test: a connection keeps none of them.
    gc.freeze()
    desktop, watches = Desktop(api=api), [Watch(), Watch(), Watch()]
    async with desktop.running(120, 40) as pilot:
        layout = desktop.work.transcript.transcript_layout
        with watches[0].watching():
            await desktop.send(pilot, "go")
            await until(lambda: desktop.session.turns and not desktop.session.busy)
        with watches[1].watching():
            await asyncio.sleep(0.5)
            await until(lambda: not layout.unfinished)
        with watches[2].watching():
            await pilot.resize_terminal(100, 40)
            await asyncio.sleep(0.5)
            await until(lambda: not layout.unfinished)
    return watches


def main() -> int:
    """Print the table; 1 where a key had to wait for too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.ui.typing.stalls")
    parser.add_argument("--scale", type=float, default=1.0, help="of the full size")
    parser.add_argument("--stacks", action="store_true", help="what ran while a key had to wait")
    parser.add_argument("words", nargs="*", help="only lines with all these words")
    given = parser.parse_args()
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    gc.set_threshold(*THRESHOLDS)
    print(f"the longest wait in ms, and the number of those above {MOST_S * 1000:.0f} ms")
    print(f"{'':12}{'':10}   streams      ends        width")
    failed = False
    for name, (number, _) in CONTENTS.items():
        if not all(word in name for word in given.words):
            continue
        gc.collect()
        gc.freeze()
        watches = asyncio.run(measure(name, given.scale))
        print(f"{name:12}{int(number * given.scale):10,} {' '.join(map(str, watches))}", flush=True)
        failed |= any(max(watch.waits) > MOST_S for watch in watches)
        for watch in watches if given.stacks else ():
            for stack, count in watch.stacks.most_common(6):
                print(f"  {count:4} {stack}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
