"""One journey of a typist, generated from a number: the same number types, clicks and resizes the same.

Two sessions stream 1,000 tokens a second each. The typist types, pastes and corrects; between and amid
the letters panels open and close, the window changes its size, the mouse clicks, selects and scrolls,
dialogs come and go, and sessions change. What is in the prompt is compared with what was typed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from textual.geometry import Region
from textual.pilot import Pilot

from handinger_tui.core.stream import RawFrame
from handinger_tui.ui.terminal.input import InputParser
from tests.engine.fakes import FakeApi, FakeReply, says, worker
from tests.ui.fakes import PRICED, Desktop, type_bytes, typed_only
from tests.wire.recordings import sse

TOKENS_PER_S: Final = 1_000
AT_ONCE: Final = 50
"""Tokens in one go at most, where the machine is slow."""
LETTERS: Final = "jkymsdnNMxopSaeqgrf!#?/@ 1ü漢"
SIZES: Final = ((60, 20), (80, 24), (100, 30), (120, 40), (200, 60))
FILES: Final = [
    {"url": f"https://x.test/{name}", "filename": name, "mediaType": "text/csv"}
    for name in ("a.csv", "b.csv")
]
KEYS: Final = {
    "panels": "\x1b[17~",
    "panels by ^B": "\x02",
    "page up": "\x1b[5~",
    "page down": "\x1b[6~",
    "top": "\x1b[1;5H",
    "end": "\x1b[1;5F",
    "details": "\x0f",
    "redraw": "\x0c",
    "focus lost": "\x1b[O",
    "focus back": "\x1b[I",
    "flow control": "\x11",
}
"""Keys and reports that leave the focus and the text as they are, wherever they come among the letters."""
BROWSING: Final = {"usage": "\x1bOQ", "sources": "\x1bOR", "files": "\x1bOS", "answers": "\x1b[1;5A"}
PAGES: Final = {
    "help": "\x1bOP",
    "sessions": "\x13",
    "runs": "\x1b[18~",
    "commands": "\x10",
    "ledger": "\x1b[20~",
    "receipt": "\x14",
    "history": "\x12",
}


class Flood(FakeReply):
    """An answer that grows by `TOKENS_PER_S` until it is stopped."""

    def __init__(self, name: str) -> None:
        super().__init__([])
        self.name = name
        self.worker_id = f"w_{name}"
        self.over = asyncio.Event()
        self.tokens = 0

    async def pieces(self) -> AsyncGenerator[RawFrame, None]:
        begin, end = says(f"{self.name}: ", message_id=f"msg_{self.name}", end=False), says()[3:]
        for piece in begin:
            assert isinstance(piece, RawFrame)
            yield piece
        began = time.monotonic()
        while not self.over.is_set():
            due = min(int((time.monotonic() - began) * TOKENS_PER_S), self.tokens + AT_ONCE)
            while self.tokens < due:
                self.tokens += 1
                space = "\n\n" if self.tokens % 40 == 0 else " "
                yield sse(type="text-delta", id="t", delta=f"token{self.tokens}{space}")
            await asyncio.sleep(0.002)
        for piece in end:
            assert isinstance(piece, RawFrame)
            yield piece


@dataclass
class Typist:
    """Types into the prompt, and tracks its expected text."""

    desktop: Desktop
    pilot: Pilot[None]
    random: Random
    typed: dict[str, str] = field(default_factory=dict)
    """The text of each session's prompt."""
    diary: list[str] = field(default_factory=list)
    _parser: InputParser = field(default_factory=typed_only)

    @property
    def session_id(self) -> str:
        return self.desktop.work.controller.session_id

    # -- the terminal --------------------------------------------------------------------
    async def press(self, data: str) -> None:
        """Bytes of one read of the terminal. A lone ESC at its end is a key only after a delay."""
        driver = self.desktop.app._driver
        assert driver is not None
        await type_bytes(driver, self._parser, data)

    def mouse(self, button: int, x: int, y: int, *, up: bool = False) -> str:
        """A report of the mouse."""
        return f"\x1b[<{button};{x + 1};{y + 1}{'m' if up else 'M'}"

    async def until(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + 60
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(self.account())
            await asyncio.sleep(0.005)

    def account(self) -> str:
        """The text of the prompt, the expected text, and the steps before."""
        prompt = self.desktop.work.prompt.text
        wanted = self.typed.get(self.session_id, "")
        diary = "\n".join(self.diary[-30:])
        return f"typed  {wanted!r}\nprompt {prompt!r}\n{diary}\n{self.desktop.text()}"

    async def arrived(self) -> None:
        """Wait until the prompt has the typed text."""
        await self.until(lambda: self.desktop.work.prompt.text == self.typed[self.session_id])

    # -- typing --------------------------------------------------------------------------
    async def letters(self) -> None:
        """A burst of letters and keys that edit, in one read or in several."""
        text, data = self.typed.setdefault(self.session_id, ""), ""
        if not text:
            # The first letter of a message may be a command or a sign of another program.
            text = data = "w"
        for _ in range(self.random.randint(1, 10)):
            kind = self.random.random()
            if kind < 0.8:
                letter = self.random.choice(LETTERS)
                text, data = text + letter, data + letter
            elif kind < 0.86 and len(text) > 1:
                text, data = text[:-1], data + "\x7f"
            elif kind < 0.92:
                text, data = text + "\n", data + self.random.choice(("\n", "\x1b\r", "\x1b[13;2u"))
            elif kind < 0.96:
                text, data = text + "pasted\ntwice", data + "\x1b[200~pasted\ntwice\x1b[201~"
            else:
                text, data = text + "k", data + "k" + self.random.choice([*KEYS.values()])
        self.typed[self.session_id] = text
        self.diary.append(f"type {data!r}")
        await self.press(data)
        if self.random.random() < 0.4:
            await self.arrived()

    # -- what else happens ---------------------------------------------------------------
    async def key(self) -> None:
        name, data = self.random.choice([*KEYS.items()])
        self.diary.append(name)
        await self.press(data)

    async def resize(self) -> None:
        size = self.random.choice(SIZES)
        self.diary.append(f"resize {size}")
        await self.pilot.resize_terminal(*size)

    def place(self) -> tuple[int, int] | None:
        """A position without an effect: not on the prompt, its suggestions or the footer."""
        work, size = self.desktop.work, self.desktop.app.size
        x, y = self.random.randrange(size.width), self.random.randrange(size.height - 1)
        covered = [work.prompt.region, work.query_one("#offers").region]
        return None if any(region.contains(x, y) for region in covered) else (x, y)

    async def click(self) -> None:
        await self.arrived()
        place = self.place()
        if place is not None:
            self.diary.append(f"click {place}")
            await self.press(self.mouse(0, *place) + self.mouse(0, *place, up=True))
            await self.back_to_the_end()

    async def back_to_the_end(self) -> None:
        """The mouse may have moved the cursor: the prompt may have grown to where it was clicked."""
        await self.pilot.pause()
        self.desktop.work.prompt.move_cursor(self.desktop.work.prompt.document.end)

    async def click_prompt(self) -> None:
        await self.arrived()
        region = self.desktop.work.prompt.region
        x = self.random.randrange(region.x, max(region.right, region.x + 1))
        self.diary.append(f"click the prompt at {x}, {region.y}")
        await self.press(self.mouse(0, x, region.y) + self.mouse(0, x, region.y, up=True))
        await self.back_to_the_end()

    async def select(self) -> None:
        await self.arrived()
        region = self.desktop.work.transcript.region
        if region.area:
            first, last = self._inside(region), self._inside(region)
            self.diary.append(f"select {first} to {last}")
            await self.press(self.mouse(0, *first) + self.mouse(32, *last) + self.mouse(0, *last, up=True))
            await self.back_to_the_end()

    def _inside(self, region: Region) -> tuple[int, int]:
        return self.random.randrange(region.x, region.right), self.random.randrange(region.y, region.bottom)

    async def wheel(self) -> None:
        place = self.place()
        if place is not None:
            self.diary.append(f"wheel {place}")
            await self.press(self.mouse(self.random.choice((64, 65)), *place) * self.random.randint(1, 4))

    async def browse(self) -> None:
        """A panel or the answers, and back with Esc."""
        await self.arrived()
        name, data = self.random.choice([*BROWSING.items()])
        self.diary.append(f"browse {name}")
        await self.press(data)
        await self.pilot.pause()
        await self.close_all()

    async def close_all(self) -> None:
        """Esc as often as something is open; once more would offer to stop watching."""
        await self.until(lambda: self.desktop.app.screen is self.desktop.work)
        for _ in range(8):
            if self.desktop.work.browsing.something_open:
                await self.press("\x1b")
                await self.pilot.pause()
        assert not self.desktop.work.browsing.something_open, self.account()
        assert self.desktop.app.screen is self.desktop.work, self.account()

    async def page(self) -> None:
        """Open and close a page or dialog."""
        await self.arrived()
        name, data = self.random.choice([*PAGES.items()])
        self.diary.append(name)
        await self.press(data)
        await self.until(lambda: self.desktop.app.screen is not self.desktop.work)
        await self.pilot.pause()
        await self.press("\x1b")
        await self.until(lambda: self.desktop.app.screen is self.desktop.work)

    async def switch(self) -> None:
        """Another open session, with its own text in the prompt."""
        await self.arrived()
        before = self.session_id
        self.diary.append("another session")
        await self.press(self.random.choice(("\x1b[1;3A", "\x1b[1;3B")))
        await self.until(lambda: self.session_id != before)
        self.typed.setdefault(self.session_id, "")
        await self.arrived()

    async def go(self, steps: int) -> None:
        """Perform this many steps, mostly letters."""
        actions: dict[Callable[[], Awaitable[None]], int] = {
            self.letters: 40,
            self.key: 14,
            self.resize: 6,
            self.click: 10,
            self.click_prompt: 3,
            self.select: 6,
            self.wheel: 5,
            self.browse: 5,
            self.page: 3,
            self.switch: 4,
        }
        self.typed.setdefault(self.session_id, "")
        for action in self.random.choices([*actions], [*actions.values()], k=steps):
            await action()
        await self.press(KEYS["focus back"])
        await self.close_all()
        await self.arrived()


async def journey(seed: int, steps: int) -> str:
    """One journey; a line about it. Fails where a letter is lost or something happens by accident."""
    random = Random(seed)
    floods = [Flood("one"), Flood("two")]
    body = worker("", messages=None, files=FILES, **PRICED)
    desktop = Desktop(api=FakeApi(starts=[says("Idle."), *floods], workers=[body]))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "idle")
        await desktop.shows(pilot, "✓ completed")
        for flood in floods:
            await pilot.press("ctrl+n")
            await desktop.until(pilot, lambda: not desktop.session.turns)
            await desktop.send(pilot, flood.name)
            await desktop.until(pilot, lambda: flood.tokens)  # noqa: B023 - awaited here
        typist = Typist(desktop, pilot, random)
        began, before = time.monotonic(), sum(flood.tokens for flood in floods)
        await typist.go(steps)
        seconds = time.monotonic() - began
        tokens = sum(flood.tokens for flood in floods) - before
        assert [request.prompt for request in desktop.api.posts] == ["idle", "one", "two"], typist.account()
        assert not any((desktop.files.saved, desktop.files.opened, desktop.opened, desktop.written))
        assert (desktop.work.controller.budget, desktop.app.clipboard) == ("standard", ""), typist.account()
        for session_id in typist.typed:
            assert not desktop.work.controller.actor(session_id).queued
        for flood in floods:
            flood.over.set()
        await desktop.until(pilot, lambda: not desktop.session.busy)
    letters = sum(map(len, typist.typed.values()))
    return f"{letters} letters, {tokens / max(seconds, 0.001):,.0f} tokens/s in two sessions, {seconds:.1f} s"
