"""One life: a person made from a number uses the whole app against a service on loopback.

Keys are bytes through the real parser. Before each Enter the person reads the line below the prompt, or the
question. Every request that starts a turn must have been announced there; every text typed must be sent,
queued, in a draft, in the prompt or in its history; every limit typed must be set, or still stand somewhere.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Final

import pytest
from msgspec.structs import replace
from textual.widgets import Input

from handinger_tui.cli.app import EarlyTexts, app_options
from handinger_tui.cli.args import parse
from handinger_tui.cli.early_text import EarlyText
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.core.amounts import Unit
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.prompts import expand_chips
from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.dialogs import Modal, Question
from handinger_tui.ui.ports import Connection
from tests.e2e.runner import KEY
from tests.lives.words import Promise, mark_of, marks, promised
from tests.money.paid_service import PaidService
from tests.ui.fakes import type_bytes, typed_only, unpainted
from tests.ui.pilot import IdlePilot, running, text_of

SIZES: Final = ((60, 20), (80, 24), (120, 40))
TIMES: Final = {
    "HANDINGER_POLL_INTERVAL": "0.05",
    "HANDINGER_RECOVERY_WINDOW": "3",
    "HANDINGER_FIRST_BYTE_TIMEOUT": "30",
    "HANDINGER_IDLE_TIMEOUT": "30",
    "TEXTUAL_ANIMATIONS": "none",
}
LONG_S: Final = 600.0
"""Seconds after which a history opens that another program has locked for good."""
QUIET_S: Final = 8.0
"""Within this time the program has handled what was typed, on a busy machine, too."""
UP, DOWN, RIGHT, CTRL_UP = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[1;5A"
ALT_UP, ALT_DOWN, CTRL_S, DELETE = "\x1b[1;3A", "\x1b[1;3B", "\x13", "\x1b[3~"
ENTER, TAB, ESC, CTRL_N, CTRL_X, CTRL_U, SHIFT_TAB = "\r", "\t", "\x1b", "\x0e", "\x18", "\x15", "\x1b[Z"
SENTENCES: Final = ("find more sources", "explain it shortly", "run it", "summarize it", "just do it")
COMMANDS: Final = ("/attach", "/detach", "/budget high", "/budget standard", "/runs", "/queue", "/nonsense")


class Broken(AssertionError):
    """A promise was broken; the text has the diary and the screen."""


@dataclass
class Act:
    """One announced permission: these marks may leave once each."""

    why: str
    marks: Counter[str]
    at: float = field(default_factory=time.monotonic)


@dataclass
class Ledger:
    """What the person was told and has agreed to, over all programs of the life."""

    acts: list[Act] = field(default_factory=list)
    posts: int = 0
    """How many of the service's requests were explained."""
    typed: list[str] = field(default_factory=list)
    """Marks of texts that were typed and must be somewhere."""
    commands: list[str] = field(default_factory=list)
    """Amounts of limits that were typed and must be set, or stand somewhere."""
    amounts: int = 0
    """How many amounts were typed; each is another one."""

    def new_amount(self, dollars: int) -> str:
        """Another amount of a limit, which must be set or stand somewhere."""
        self.amounts += 1
        self.commands.append(f"{dollars}.{self.amounts:03d}")
        return self.commands[-1]

    def permit(self, why: str, *which: str) -> None:
        """The screen said that these messages leave by the key that is pressed now."""
        if which:
            self.acts.append(Act(why, Counter(which)))

    def take(self, mark: str) -> bool:
        """Use one permission for a message; False where there is none."""
        for act in self.acts:
            if act.marks[mark]:
                act.marks[mark] -= 1
                return True
        return False

    def revoke(self, which: set[str], before: float) -> None:
        """These messages are held in sight: what was permitted before has ended."""
        for act in self.acts:
            if act.at < before:
                for mark in which:
                    act.marks[mark] = 0


class Person:
    """One program on the screen, and the person who uses it."""

    def __init__(self, app: HandingerApp, pilot: IdlePilot[None], random: Random, life: Life) -> None:
        self.app, self.pilot, self.random = app, pilot, random
        self.ledger, self.diary = life.ledger, life.diary
        self.unit = Unit.CREDITS if life.service.tasks else Unit.USD
        self._parser = typed_only()

    # -- the terminal ------------------------------------------------------------------
    async def press(self, data: str) -> None:
        """Bytes of one read of the terminal."""
        self.diary.append(f"{type(self.app.screen).__name__} {data!r}")
        driver = self.app._driver
        assert driver is not None
        await type_bytes(driver, self._parser, data)

    @property
    def text(self) -> str:
        """The screen."""
        return text_of(self.app)

    @property
    def hint(self) -> str:
        """The line below the prompt, as it stands on the screen; "" behind another screen."""
        return text_of(self.app, "#hint").strip() if self.app.screen is self.app.work else ""

    @property
    def in_prompt(self) -> str:
        """The text in the prompt, with what is folded."""
        prompt = self.app.work.prompt
        return expand_chips(prompt.text, prompt.pasted.texts)

    @property
    def queued(self) -> list[str]:
        """The marks of the queue of the session on the screen."""
        controller = self.app.work.controller
        if not (controller.connected and controller.session_id):
            return []
        return [mark_of(turn.request.prompt) for turn in controller.shown.queued]

    def says(self) -> tuple[bool, set[str]]:
        """Whether nothing is under way, and the messages that are held in sight of the person."""
        controller = self.app.work.controller
        held: set[str] = set()
        if not controller.connected:
            return False, held
        quiet = not self.app.work.interaction.is_opening
        for session in controller.opened_sessions:
            actor = controller.engine.actor(session.session_id)
            quiet = quiet and actor.inbox.idle.is_set()
            if actor.hold is not None:
                held.update(mark_of(one.request.prompt) for one in actor.queued)
        return quiet, held

    # -- what a person does ------------------------------------------------------------
    async def enter(self, key: str = ENTER) -> None:
        """Read what the screen promises, then press the key."""
        await self.settle(0.3)
        why = ""
        if self.app.screen is self.app.work:
            why = self.hint
            promise = promised(why)
            text = self.in_prompt.strip()
            if promise is Promise.THIS and text:
                self.ledger.permit(why, mark_of(text))
            elif promise is Promise.QUEUE:
                # During an edit what leaves is the queue with the text in the prompt in its place.
                self.ledger.permit(why, *self.queued, *([mark_of(text)] if text else []))
        elif isinstance(self.app.screen, Modal):
            why = self.text
            # A question names the message, or the session whose newest message it is about.
            self.ledger.permit(why, *set(marks(why)), *self._behind_question())
        self.diary.append(f"reads {why.strip()[:150]!r}")
        await self.press(key)

    def _behind_question(self) -> set[str]:
        """The message that stands in the prompt behind a question."""
        return set(marks(self.in_prompt)[-1:])

    async def settle(self, seconds: float = QUIET_S) -> None:
        """Wait until what was typed is handled."""
        end = time.monotonic() + seconds
        await self.pilot.pause()
        # No event tells that nothing is under way.
        while time.monotonic() < end and not self.says()[0]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await self.pilot.pause()

    def new_mark(self) -> str:
        """The mark of a new message."""
        mark = f"m{len(self.ledger.typed)}q"
        self.ledger.typed.append(mark)
        return mark

    async def say(self) -> None:
        """Type a message and press Enter, after a look or in one go."""
        if not self.can_type:
            return
        mark = self.new_mark()
        if self.random.random() < 0.75:
            await self.press(f"echo {mark}")
            await self.enter(self.random.choice((ENTER, ENTER, ENTER, TAB)))
            return
        # Without a look between letters and Enter: what the screen said before must still be so.
        await self.settle(0.3)
        if not marks(self.in_prompt):
            self.ledger.permit("typed in one go", mark)
        await self.press(f"echo {mark}\r")

    @property
    def can_type(self) -> bool:
        """Whether letters go to an empty prompt."""
        work = self.app.work
        return self.app.screen is work and self.app.focused is work.prompt and not work.prompt.text

    async def empty_enter(self) -> None:
        if not self.app.work.prompt.text:
            await self.enter()

    async def escape(self) -> None:
        await self.press(ESC)

    async def detach(self) -> None:
        await self.press(ESC)
        await self.settle(0.5)
        if "Stop watching?" in self.text:
            await self.press(RIGHT)
            await self.enter()

    async def switch(self) -> None:
        await self.press(self.random.choice((CTRL_N, ALT_UP, ALT_DOWN, "\x0e", ALT_UP)))
        await self.settle(0.5)

    async def command(self) -> None:
        if self.can_type:
            await self.press(self.random.choice(COMMANDS))
            await self.enter()

    async def limit(self) -> None:
        """Set a limit by a command, an amount of its own each time."""
        if not self.can_type:
            return
        scope = self.random.choice(("session", "day"))
        # The small one is reached by the first turn that costs anything.
        amount = self.ledger.new_amount(self.random.choice((0, 2, 5, 9)))
        await self.press(f"/limit {scope} {amount}")
        await self.enter()
        await self.settle()

    async def edit_queue(self) -> None:
        """Edit a queued message, and put it back, keep it, or leave it open."""
        if not self.queued or not self.can_type:
            return
        await self.press(UP)
        await self.settle(0.5)
        if self.app.focused is self.app.work.prompt:
            return
        await self.press(self.random.choice((ENTER, ENTER, "x", "s", ALT_UP, ESC)))
        await self.settle(0.5)
        if self.app.focused is self.app.work.prompt and self.random.random() < 0.8:
            await self.press(" more")
        if self.random.random() < 0.5:
            await self.enter()

    async def browse(self) -> None:
        """Browse the answers; type a sentence there, or choose an action of a message."""
        if not self.can_type:
            return
        await self.press(CTRL_UP)
        await self.settle(0.5)
        if self.app.focused is not self.app.work.transcript:
            await self.press(ESC)
            return
        if self.random.random() < 0.4:
            await self.press(self.random.choice(SENTENCES))
            await self.settle(1.0)
            await self.take_away()
            return
        await self.press(self.random.choice(("k", "j", "")) + ENTER)
        await self.settle(0.5)
        for _ in range(self.random.randint(0, 4)):
            await self.press(DOWN)
        await self.enter()

    async def sentence(self) -> None:
        """The reflex: Esc, then a sentence."""
        if self.can_type:
            await self.press(ESC)
            await self.settle(0.5)
            if self.can_type:
                await self.press(self.random.choice(SENTENCES))
                await self.settle(0.5)
                await self.take_away()

    async def take_away(self) -> None:
        """Cut the line in the prompt, which is no message of the life any more."""
        if self.app.screen is self.app.work and self.app.focused is self.app.work.prompt:
            self.forget({*marks(self.in_prompt)})
            await self.press(CTRL_U)

    async def again(self) -> None:
        """Retry, edit or fork by a command."""
        if self.can_type:
            await self.press(
                self.random.choice(("/retry", "/edit last", "/fork", "/retry 1", "/edit 1", "/fork 1"))
            )
            await self.enter()
            await self.settle(0.5)
            if isinstance(self.app.screen, Modal):
                if self.random.random() < 0.6:
                    await self.press(RIGHT)
                await self.enter()

    async def delete(self) -> None:
        """Delete a session of the list; one that runs and has a queue is named with both."""
        await self.press(CTRL_S)
        await self.settle(0.5)
        await self.press(self.random.choice(("", "", DOWN)))
        await self.press(CTRL_X)
        await self.settle(0.5)
        if isinstance(self.app.screen, Question) and "Delete" in self.text:
            words = " ".join(self.text.replace("│", " ").split())
            queued, runs = self._deleted(words)
            if queued is not None and (
                bool(queued) != ("queued message" in words) or (runs and "still running" not in words)
            ):
                raise Broken(f"the question does not name {queued} or the run: {words}")
            if self.random.random() < 0.6:
                began = time.monotonic()
                await self.press(RIGHT)
                await self.press(ENTER)
                await self.settle(0.5)
                if queued is not None:
                    # Withdrawn: none of them may leave any more.
                    self.ledger.revoke(set(queued), began)
                # What belonged to a session that was deleted may be gone.
                self.forget(set(), everything=True)
        await self.settle(0.5)
        await self.press(ESC)
        await self.press(ESC)

    def _deleted(self, words: str) -> tuple[list[str] | None, bool]:
        """What is queued and whether a turn runs in the session that a question is about.

        None where it is not the only opened one of its title.
        """
        controller = self.app.work.controller
        named = [one for one in controller.opened_sessions if one.turns and f"“{one.title}”" in words]
        if len(named) != 1:
            return None, False
        actor = controller.actor(named[0].session_id)
        return [mark_of(turn.request.prompt) for turn in actor.queued], actor.running

    async def answer(self) -> None:
        """Answer a question with an amount, or with its default."""
        if isinstance(self.app.screen, Modal):
            if isinstance(self.app.focused, Input):
                await self.press("90")
            await self.enter()
            await self.settle(0.5)

    async def limit_elsewhere(self) -> None:
        """Another program sets the limit of the day: what it holds, or no longer holds, waits for Enter."""
        controller = self.app.work.controller
        amount = Decimal(self.random.choice(("0.010", "95")))
        self.diary.append(f"elsewhere: day {amount}")
        store = controller.connection.limits
        await store.set_limit(controller.session, Scope.DAY, self.unit, amount)
        # The person set other ones before.
        self.ledger.commands.clear()

    def forget(self, which: set[str], *, everything: bool = False) -> None:
        self.ledger.typed = ["" if everything or mark in which else mark for mark in self.ledger.typed]

    async def click(self) -> None:
        """A click somewhere above the prompt."""
        size = self.app.size
        x, y = self.random.randrange(size.width), self.random.randrange(max(1, size.height - 8))
        self.diary.append(f"click {x},{y}")
        if self.app.screen is self.app.work:
            await self.pilot.click(offset=(x, y))

    async def resize(self) -> None:
        await self.pilot.resize_terminal(*self.random.choice(SIZES))

    async def budget(self) -> None:
        await self.press(SHIFT_TAB)

    async def tidy(self) -> None:
        """Most people close what is open before they go on, and send or clear what they typed."""
        if self.app.screen is not self.app.work:
            if self.random.random() < 0.7:
                await self.press(ESC)
                await self.settle(0.3)
        elif self.in_prompt and self.random.random() < 0.5:
            await self.enter()

    async def wait(self) -> None:
        await asyncio.sleep(self.random.choice((0.0, 0.05, 0.3, 1.0)))


@dataclass
class Life:
    """A service, a history, and the programs of one person on them, one after the other."""

    seed: int
    home: Path
    service: PaidService
    patch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.ledger = Ledger()
        self.diary: list[str] = []
        self.argv: tuple[str, ...] = ()

    async def live(self, steps: int) -> str:
        """All of it; a line about it. Raises Broken."""
        environ = {
            "HANDINGER_TUI_HOME": str(self.home),
            "HANDINGER_BASE_URL": self.service.url,
            "HANDINGER_API_KEY": KEY,
            "HANDINGER_GENERATION": self.service.generation,
            **TIMES,
        }
        for name, value in environ.items():
            self.patch.setenv(name, value)
        programs = self.random.randint(1, 3)
        for number in range(programs):
            await self._program(steps // programs)
            self.argv = self._command_line()
            self.diary.append(f"-- program {number + 2}: {self.argv}")
        return f"seed {self.seed}: {len(self.service.posts)} POSTs, {len(self.ledger.typed)} texts"

    def _command_line(self) -> tuple[str, ...]:
        """How the next program begins: by default, on the last session, on a worker, or with a message."""
        choices: list[tuple[str, ...]] = [(), (), ("-c",), ("-c",)]
        choices += [("attach", worker) for worker in self.service.workers][-1:]
        if not self.service.tasks:
            choices += [("-w", worker) for worker in self.service.workers][:1]
        if self.random.random() < 0.15:
            mark = f"m{len(self.ledger.typed)}q"
            self.ledger.typed.append(mark)
            self.ledger.permit("the command line", mark)
            return (f"echo {mark}",)
        return self.random.choice(choices)

    async def _program(self, steps: int) -> None:
        args = parse([*self.argv])
        delay = self.random.choice((0.0, 0.0, 0.1, 0.6, 0.6, LONG_S))
        async with AsyncExitStack() as stack:
            options = app_options(args, settings_for(args), stack)

            async def connect() -> Connection:
                await asyncio.sleep(delay)
                return await options.connect()

            file = EarlyText(str(self.home))
            stack.callback(file.close)
            app = HandingerApp(replace(options, connect=connect, early_texts=EarlyTexts(file)))
            stack.enter_context(unpainted())
            async with running(app, size=self.random.choice(SIZES)) as pilot:
                person = Person(app, pilot, self.random, self)
                await self._early(person)
                if delay == LONG_S:
                    await self._end_early(person)
                    return
                await self._first_session(person)
                await self._acts(person, steps)
                if app._exit:
                    return
                await self._leave(person)

    async def _early(self, person: Person) -> None:
        """What a person types before the connection stands."""
        for _ in range(self.random.choice((0, 0, 1, 2))):
            if self.random.random() < 0.5:
                mark = person.new_mark()
                self.ledger.permit("typed early", mark)
                await person.press(f"echo {mark}\r")
            else:
                await person.press(f"/limit day {self.ledger.new_amount(7)}\r")
            await asyncio.sleep(self.random.choice((0.0, 0.35)))

    async def _end_early(self, person: Person) -> None:
        """A program whose history does not open ends: what was typed is on the disk by itself."""
        # That of the command line is in the history of the shell.
        person.forget({*marks(" ".join(self.argv))})
        if self.random.random() < 0.8:
            await person.press(f"echo {person.new_mark()}")
        if self.random.random() < 0.5:
            self.diary.append("SIGHUP before the first session")
            person.app.leave(129)
            await self._until(person, lambda: person.app._exit, "the end")
        await self._check_texts(person, on_disk=True)
        self.diary.append("killed before the first session")
        person.app.exit(return_code=137)

    async def _first_session(self, person: Person) -> None:
        controller = person.app.work.controller
        await self._until(person, lambda: controller.connected and bool(controller.session_id), "a session")
        await self._look(person)

    async def _acts(self, person: Person, steps: int) -> None:
        actions: dict[Callable[[], Awaitable[None]], int] = {
            person.say: 30, person.empty_enter: 10, person.escape: 4, person.detach: 6, person.switch: 8,
            person.command: 5, person.limit: 4, person.edit_queue: 10, person.browse: 5, person.sentence: 3,
            person.again: 5, person.delete: 4, person.answer: 4, person.limit_elsewhere: 2, person.click: 3,
            person.resize: 2, person.budget: 2, person.wait: 8, self._finish: 25, self._refuse: 1,
        }  # fmt: skip
        for action in self.random.choices([*actions], [*actions.values()], k=steps):
            if person.app._exit:
                return
            self.diary.append(f"-- {action.__name__}")
            await person.tidy()
            await action()
            await self._look(person)

    async def _finish(self) -> None:
        """Some or all turns end at the service."""
        workers = list(self.service.workers.values())
        if workers:
            self.service.finish(self.random.choice((None, self.random.choice(workers))))
        await asyncio.sleep(0.15)

    async def _refuse(self) -> None:
        """From now on the service refuses what would start a turn, or no longer does."""
        self.service.refusal = None if self.service.refusal else self.random.choice((402, 409, 429, 422))

    async def _leave(self, person: Person) -> None:
        """The end of a program: as a person does, or as a terminal that is closed."""
        await person.settle()
        way = self.random.random()
        if way < 0.4:
            self.diary.append("SIGHUP")
            person.app.leave(129)
        elif way < 0.55:
            # Nothing more is saved at the end: what was typed is on the disk by itself.
            await self._check_texts(person, on_disk=True)
            self.diary.append("killed")
            person.app.exit(return_code=137)
        else:
            for _ in range(3):
                await person.press(ESC)
                await person.settle(0.2)
            await person.take_away()
            await person.press("\x04")
            await person.settle(1.0)
            if not person.app._exit:
                person.app.leave(129)
        await self._until(person, lambda: person.app._exit, "the end")

    # -- promises ----------------------------------------------------------------------
    async def _until(self, person: Person, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 60
        while not holds():
            if time.monotonic() > end:
                self._fail(person, f"never: {what}")
            await asyncio.sleep(0.01)

    def _fail(self, person: Person, what: str) -> None:
        acts = "\n".join(f"  {dict(+act.marks)} by {act.why.strip()[:100]!r}" for act in self.ledger.acts)
        diary = "\n".join(self.diary[-60:])
        raise Broken(f"seed {self.seed}: {what}\nPermitted:\n{acts}\n{diary}\n{person.text}")

    async def _look(self, person: Person) -> None:
        began = time.monotonic()
        await person.settle(1.5)
        if person.app._exception is not None:
            raise person.app._exception
        quiet, held = person.says()
        self._check_posts(person)
        if quiet:
            self.ledger.revoke(held, began)
        await self._check_texts(person)

    def _check_posts(self, person: Person) -> None:
        posts = list(self.service.posts)
        for prompt in posts[self.ledger.posts :]:
            self.ledger.posts += 1
            mark = mark_of(prompt)
            if not self.ledger.take(mark):
                self._fail(person, f"sent without a word: {prompt!r}")
            own = marks(prompt.rpartition("conversation")[2] or prompt)
            if len(set(own)) > 1 and "conversation" not in prompt:
                self._fail(person, f"two messages in one: {prompt!r}")

    def _places(self, person: Person, *, on_disk: bool) -> str:
        """All texts that a person can bring back, on the screen and on the disk, or on the disk alone."""
        work = person.app.work
        edit = work.composer.queue_edit
        held = [*self.service.posts, *(file.read_text("utf-8") for file in self.home.glob("early-*"))]
        if not on_disk:
            held += [person.in_prompt, *work.prompt.message_history.texts]
            # What was typed as a question came up stands in its field.
            held += [field.value for field in person.app.screen.query(Input)]
            held += [] if edit is None else [edit.aside.text, *edit.aside.pasted]
        if not (self.home / "history.db").exists():
            return "\n".join(held)
        with closing(sqlite3.connect(f"file:{self.home / 'history.db'}?mode=ro", uri=True)) as database:
            for query in ("SELECT text FROM drafts", "SELECT prompt FROM turns"):
                held += [row[0] for row in database.execute(query)]
        return "\n".join(held)

    async def _check_texts(self, person: Person, *, on_disk: bool = False) -> None:
        end = time.monotonic() + QUIET_S
        while True:
            places = self._places(person, on_disk=on_disk)
            lost = [mark for mark in self.ledger.typed if mark and mark not in places]
            unset = self._unset_limits(places)
            if not lost and not unset:
                return
            if time.monotonic() > end:
                self._fail(person, f"lost: {lost}; without an effect: {unset}")
            await asyncio.sleep(0.05)

    def _unset_limits(self, places: str) -> list[str]:
        """The newest limit of each life is set, or its command still stands somewhere."""
        if not self.ledger.commands:
            return []
        newest = self.ledger.commands[-1]
        if newest in places or not (self.home / "history.db").exists():
            return [newest] * (newest not in places)
        with closing(sqlite3.connect(f"file:{self.home / 'history.db'}?mode=ro", uri=True)) as database:
            stored = " ".join(str(row) for row in database.execute("SELECT * FROM limits"))
        digits = newest.replace(".", "")
        return [] if digits in stored or newest in stored else [newest]
