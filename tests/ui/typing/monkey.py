"""A monkey at the whole screen, made from a number: the same number presses, clicks and resizes the same.

Unlike a journey it does not wait for what it has opened, and presses every key in every place. After each
step the program runs, the keys go somewhere visible, nothing was sent without an Enter on its text, and no
word that was typed is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import pytest
from textual.events import MouseScrollDown, MouseScrollUp, Paste
from textual.pilot import Pilot

from handinger_tui.core.errors import ApiError, LedgerError, Refused
from handinger_tui.core.prompts import expand_chips
from handinger_tui.core.schedules import Cron, Schedule, ScheduleList
from handinger_tui.core.stream import RawFrame
from handinger_tui.core.turns.turn import ErrorKind, TurnRequest
from handinger_tui.core.webhooks import DeliveryPage
from handinger_tui.engine.stored_workers import StoredWorkerCatalog
from handinger_tui.ui.keys import KEYS as KEY_TABLE
from handinger_tui.ui.ports import Opening
from tests.chaos.hostile import CONTROL
from tests.engine.fakes import PLACE, FakeApi, FakeIds, FakeReply, Script, says, worker
from tests.ui.fakes import PRICED, Desktop, FakeWebhooks, launch, summary
from tests.ui.screens.test_workers import USED, WATCH, FakeTemplates
from tests.ui.typing.journey import FILES
from tests.wire.recordings import sse

SIZES: Final = ((20, 6), (30, 8), (40, 10), (60, 15), (60, 20), (80, 24), (120, 40), (200, 60))
COMMANDS: Final = (
    "new", "sessions", "runs", "attach", "detach", "rename", "export", "find", "copy", "details", "history",
    "theme", "help", "palette", "files", "preview", "data", "costs", "limit", "limit day 5", "ledger",
    "budgets", "receipt", "reading", "schedule", "webhook", "email", "workers", "archive", "retry", "edit",
    "fork", "tag x", "untag x", "panels", "settings",
    "budget", "budget high", "sources", "sources export", "download all",
    "queue", "limits", "nonsense", "theme light", "export html", "redraw",
)  # fmt: skip
TEXT: Final = "a **bold** claim\n\n| a | b |\n|---|---|\n| 1 | 漢字 |\n\n```py\nx = 1\n```\n\n[here](https://x.test/a)\n\n"
LEAVING: Final = frozenset({"ctrl+c", "ctrl+d", "ctrl+z", "ctrl+g", "ctrl+x"})
"""Keys that end or stop the program, or leave it for an editor."""
REMOVING: Final = (
    "alt+z",
    "ctrl+underscore",
    "ctrl+minus",
    "backspace",
    "delete",
    "ctrl+u",
    "ctrl+w",
    "ctrl+k",
    "alt+d",
    "x",
    "up",
    "down",
    "ctrl+y",
)


class Slow(FakeReply):
    """An answer that grows until it is told to end, in one of several ways."""

    def __init__(self, number: int, ends: Exception | None) -> None:
        super().__init__([])
        self.worker_id = f"w{number}"
        self.message_id = f"msg_{number}"
        self.over = asyncio.Event()
        self.ends = ends

    async def pieces(self) -> AsyncGenerator[RawFrame, None]:
        begin, end = says("One. ", message_id=self.message_id, end=False), says()[3:]
        for piece in begin:
            assert isinstance(piece, RawFrame)
            yield piece
        while not self.over.is_set():
            yield sse(type="text-delta", id="t", delta=TEXT)
            await asyncio.sleep(0.02)
        if self.ends is not None:
            raise self.ends
        for piece in end:
            assert isinstance(piece, RawFrame)
            yield piece


class MonkeyApi(FakeApi):
    """Answers in a random way, for ever."""

    def __init__(self, random: Random) -> None:
        super().__init__(workers=[worker("", messages=None, files=FILES, **PRICED)])
        self.random = random
        self.replies: list[Slow] = []

    @asynccontextmanager
    async def start_turn(
        self, request: TurnRequest, departed: Callable[[], None] = lambda: None
    ) -> AsyncIterator[FakeReply]:
        kind, step = self.random.random(), None
        self.posts.append(request)
        departed()
        if kind < 0.2:
            raise Refused(ErrorKind.INVALID, "No.", http_status=422)
        if kind < 0.3:
            raise ApiError(ErrorKind.NETWORK, "The line was cut.")
        if kind < 0.5:
            script: Script = says("Short \x1b[31m answer. ", TEXT, message_id=f"msg_{len(self.posts)}")
            yield FakeReply(script, worker_id=request.target_id or f"w{len(self.posts)}")
            return
        ends = ApiError(ErrorKind.NETWORK, "cut") if kind < 0.6 else None
        step = Slow(len(self.posts), ends)
        step.worker_id = request.target_id or step.worker_id
        self.replies.append(step)
        yield step


class Monkey:
    """One program, and the promises that it keeps after each step."""

    def __init__(self, desktop: Desktop, api: MonkeyApi, pilot: Pilot[None], random: Random) -> None:
        self.desktop, self.api, self.pilot, self.random = desktop, api, pilot, random
        self.diary: list[str] = []
        self.words: set[str] = set()
        self.submitted: list[str] = []
        self.number = 0
        self.is_over = False

    # -- promises ------------------------------------------------------------------------
    def account(self, what: str) -> str:
        diary = "\n".join(self.diary[-25:])
        notices = "\n".join(self.desktop.lines[-5:])
        return f"{what}\n{diary}\n{notices}\n{self.desktop.text()}"

    def places(self) -> str:
        """All texts that a person can bring back."""
        desktop = self.desktop
        prompt = desktop.work.prompt
        edit = desktop.work.composer.queue_edit
        queued = [
            turn.request.prompt
            for session in desktop.work.controller.opened_sessions
            for turn in session.turns
        ]
        aside = [] if edit is None else [edit.aside.text]
        return "\n".join(
            [prompt.text, *prompt.message_history.texts, *desktop.history.drafts.values(), *queued, *aside]
        )

    async def look(self) -> None:
        desktop, app = self.desktop, self.desktop.app
        await self.pilot.pause()
        if app._exception is not None:
            raise app._exception
        if app._exit:
            # By the command of the palette.
            self.is_over = True
            return
        assert app.is_running, self.account("ended")
        focused = app.focused
        if app.screen is desktop.work:
            allowed = {desktop.work.prompt, desktop.work.browsing.browsed} - {None}
            assert focused in allowed, self.account(f"focus {focused!r}")
            placed = app.screen._compositor.visible_widgets.get(desktop.work.prompt)
            rows = 0 if placed is None else placed[0].intersection(placed[1]).height
            assert rows or not desktop.work.scheduler.is_idle, self.account("no prompt")
        text = desktop.text()
        assert not CONTROL.search(text.replace("\n", "")), ascii(text)
        for post in desktop.api.posts:
            assert any(post.prompt.strip() in one for one in self.submitted), self.account(post.prompt)
        places = self.places()
        for word in self.words:
            if word not in places:
                try:
                    await desktop.until(self.pilot, lambda: word in self.places())  # noqa: B023 - awaited here
                except AssertionError:
                    raise AssertionError(self.account(f"lost {word}")) from None

    # -- steps ---------------------------------------------------------------------------
    async def key(self) -> None:
        names = [name for key in KEY_TABLE for name in key.keys.split(",")]
        name = self.random.choice(names)
        if name in LEAVING:
            return
        await self.press(name)

    async def press(self, name: str) -> None:
        if name in REMOVING or self.desktop.work.prompt.selection.is_empty is False:
            self.words.clear()
        self.diary.append(f"{type(self.desktop.app.screen).__name__} {name}")
        await self.pilot.press(name)

    async def word(self) -> None:
        prompt = self.desktop.work.prompt
        if self.desktop.app.focused is not prompt:
            return
        self.number += 1
        word = f"word{self.number}q"
        self.diary.append(word)
        await self.pilot.press(*word, "space")
        if word in prompt.text:
            self.words.add(word)

    async def escape(self) -> None:
        await self.press("escape")

    async def enter(self) -> None:
        await self.press("enter")

    async def command(self) -> None:
        name = self.random.choice(COMMANDS)
        self.diary.append("/" + name)
        self.desktop.work.run_command(*name.split(" ", 1))

    async def resize(self) -> None:
        size = self.random.choice(SIZES)
        self.diary.append(f"resize {size}")
        await self.pilot.resize_terminal(*size)

    async def mouse(self) -> None:
        size = self.desktop.app.size
        x, y = self.random.randrange(size.width), self.random.randrange(size.height)
        to = self.random.randrange(size.width), self.random.randrange(size.height)
        kind = self.random.choice(("click", "double", "drag", "hover", "wheel"))
        self.diary.append(f"{kind} {x},{y} {to}")
        if y >= self.desktop.app.size.height - 1:
            # The line of keys presses keys, Enter among them.
            return
        self.words.clear()
        if kind == "click":
            await self.pilot.click(offset=(x, y))
        elif kind == "double":
            await self.pilot.click(offset=(x, y), times=2)
        elif kind == "drag":
            await self.pilot.mouse_down(offset=(x, y))
            await self.pilot.hover(offset=to)
            await self.pilot.mouse_up(offset=to)
        elif kind == "hover":
            await self.pilot.hover(offset=to)
        else:
            event = self.random.choice((MouseScrollDown, MouseScrollUp))
            self.desktop.app.post_message(event(None, x, y, 0, 0, 0, False, False, False, x, y, None))

    async def paste(self) -> None:
        text = self.random.choice(
            ("pasted\ntext", "long line\n" * 400, "\x1b[31mred\x07", "/etc/hostname", "漢字 \u202e")
        )
        self.diary.append(f"paste {text[:20]!r}")
        if not self.desktop.work.prompt.selection.is_empty:
            self.words.clear()
        self.desktop.app.post_message(Paste(text))

    async def end(self) -> None:
        replies = self.api.replies
        if replies:
            self.diary.append("a turn ends")
            replies.pop(self.random.randrange(len(replies))).over.set()

    async def wait(self) -> None:
        await self.pilot.pause(self.random.choice((0.0, 0.02, 0.1)))

    async def go(self, steps: int) -> None:
        actions = {
            self.key: 30, self.word: 12, self.escape: 10, self.enter: 8, self.command: 14, self.resize: 5,
            self.mouse: 10, self.paste: 2, self.end: 5, self.wait: 6,
        }  # fmt: skip
        for action in self.random.choices([*actions], [*actions.values()], k=steps):
            if self.is_over:
                return
            await action()
            if self.random.random() < 0.8:
                await self.look()
        for reply in self.api.replies:
            reply.over.set()
        await self.look()


async def monkey(seed: int, steps: int) -> str:
    """One monkey; a line about it. Fails where a promise is broken."""
    random = Random(seed)
    templates = FakeTemplates({one.worker_id: one for one in (WATCH, USED)})
    templates.kept = dict(templates.there)
    api = MonkeyApi(random)
    desktop = Desktop(api=api, launch=launch(Opening.FRESH, compact=random.random() < 0.2))
    if random.random() < 0.5:
        desktop.webhooks = FakeWebhooks(pages=[DeliveryPage()] * 9)
        desktop.stored_workers = StoredWorkerCatalog(templates, templates, desktop.history, FakeIds(), PLACE)
    if random.random() < 0.5:
        desktop.schedules.listed = ScheduleList(
            (Schedule("sch_1", "Do", "low", None, Cron("0 9 * * 1")),), "UTC"
        )
    if random.random() < 0.3:
        desktop.disk_trouble = LedgerError("The disk is full.", "Free some space.")
    desktop.history.rows = [summary(f"row{number}") for number in range(random.choice((0, 3, 60)))]
    desktop.files.bodies = {f["url"]: b"a,b\n1,2\n" for f in FILES}
    began = time.monotonic()
    async with desktop.running(*random.choice(SIZES)) as pilot:
        one = Monkey(desktop, api, pilot, random)
        box = desktop.work.prompt
        enter = box.entered

        def record() -> None:
            one.submitted.append(expand_chips(box.text, box.pasted.texts))
            enter()

        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(box, "entered", record)
                await one.go(steps)
        except AssertionError:
            raise
        except Exception as problem:
            raise AssertionError(one.account(repr(problem))) from problem
        finally:
            for reply in api.replies:
                reply.over.set()
    return f"{steps} steps, {len(api.posts)} posts, {one.number} words, {time.monotonic() - began:.1f} s"
