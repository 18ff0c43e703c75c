"""How the work screen talks to the person: notifications, questions, the clipboard and links."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from time import monotonic
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from textual.notifications import SeverityLevel
from textual.screen import Screen

from handinger_tui.core.acts import Moot
from handinger_tui.core.attention import TYPING_S
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.terminal.diff_app import DiffApp, copy_report

Answer = TypeVar("Answer")
MAX_HOLD_S: Final = 1.0
"""Most seconds for which keys wait: what opens may be read from a slow disk or service."""
BUSY_AFTER_S: Final = 0.9
"""Seconds after which the person is told that what a key asked for is still being done."""
LOOK_AGAIN_S: Final = 0.02
"""Seconds between two looks at whether the person types."""


class _Nested:
    """Coroutines each of which awaits the one before; to await them is to await the last."""

    def __init__(self, *coroutines: Coroutine[Any, Any, object]) -> None:
        self._coroutines = coroutines

    def __await__(self) -> Generator[Any, None, object]:
        return self._coroutines[-1].__await__()

    def close(self) -> None:
        """They are never begun."""
        for coroutine in reversed(self._coroutines):
            coroutine.close()


class Interaction:
    """Shows notifications and questions over a screen, and runs the work that may ask or fail."""

    def __init__(
        self,
        screen: Screen[None],
        acknowledge: Callable[[str, SeverityLevel], bool],
    ) -> None:
        """`acknowledge` shows a short line near the prompt; False: it cannot."""
        self._screen = screen
        self._acknowledge = acknowledge
        self._announced: dict[str, float] = {}
        """When each notification that may still be shown appeared, by its text."""
        self._asking: set[asyncio.Task[Any] | None] = set()
        """The tasks that wait for an answer of the person."""
        self._not_begun: set[_Nested] | None = set()
        """What a worker of the screen will begin; None once the screen has ended."""
        self._hold_until = 0.0
        """The monotonic time until which keys wait for what opens."""
        self.openings = 0
        """How often `hold_keys` was called."""
        self.asked_at = 0.0
        """When the newest dialog or page came up (monotonic)."""
        self.opened_at = 0.0
        """When what opened last was there, or was found not to open (monotonic)."""
        self.pressed_at = 0.0
        """When the key that is handled was pressed (monotonic)."""
        self._typed, self._typed_at = 0, 0.0
        """How many keys were typed into the prompt, letters or Enter, and when the last one (monotonic)."""
        self._typed_before: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()
        """How many were when a task began."""
        self.keys_wait: Callable[[], bool] = lambda: False
        """Whether keys that were typed are not handled yet."""

    @property
    def app(self) -> DiffApp:
        """The app of the screen."""
        app = self._screen.app
        if not isinstance(app, DiffApp):
            raise TypeError(f"{type(app).__name__} is not a DiffApp")
        return app

    @property
    def is_in_sight(self) -> bool:
        """Whether anything of the work screen can be seen: a dialog leaves some of it, a page nothing."""
        return self.app.shows(self._screen)

    def run(
        self, coroutine: Coroutine[Any, Any, object], doing: str = "", *, is_for_key: bool = True
    ) -> None:
        """Await a coroutine in the background and show its error.

        `doing`: what it does for the person, who is told where that takes long; "" for what runs by itself.
        `is_for_key`: the last key asked for it; else that key may be one of many that are being typed.
        """
        self._begin(doing, coroutine, typed=self._typed if is_for_key else -1)

    def open(self, coroutine: Coroutine[Any, Any, object], doing: str) -> None:
        """As `run`, of what shows a screen or a session: keys pressed before it is there wait for it."""
        self.hold_keys()
        self._begin(doing, coroutine, self._open(coroutine, self.openings), typed=self._typed)

    def _begin(self, doing: str, *nested: Coroutine[Any, Any, object], typed: int) -> None:
        if doing:
            nested = *nested, self._tell_if_long(nested[-1], doing)
        work = _Nested(*nested)
        if self._not_begun is None:
            work.close()
            return
        self._not_begun.add(work)

        # A function: a worker that is cancelled before its first step would leave a coroutine that never ran.
        async def run() -> None:
            if self._not_begun is not None and (task := asyncio.current_task()) is not None:
                self._not_begun.discard(work)
                self._typed_before[task] = typed
                await self._show_error(work)

        self._screen.run_worker(run, group="do")  # type: ignore[arg-type] # mypy finds none of its three forms

    def close(self) -> None:
        """The screen ends: close what its workers have not begun."""
        waiting, self._not_begun = self._not_begun or (), None
        for work in waiting:
            work.close()

    async def _tell_if_long(self, coroutine: Coroutine[Any, Any, object], doing: str) -> None:
        """Await a coroutine; say so where it has not ended soon, unless it waits for an answer."""
        task = asyncio.current_task()

        def tell() -> None:
            if task not in self._asking:
                self.say(f"Still busy: {doing}…", "warning")

        timer = self._screen.set_timer(BUSY_AFTER_S, tell)
        try:
            await coroutine
        finally:
            timer.stop()

    async def finish(self, coroutine: Coroutine[Any, Any, object], doing: str, *, opens: bool) -> None:
        """As `run`, or as `open`, and wait for the end."""
        if opens:
            self.hold_keys()
            coroutine = self._open(coroutine, self.openings)
        await self._show_error(self._tell_if_long(coroutine, doing))

    async def _open(self, coroutine: Coroutine[Any, Any, object], opening: int) -> None:
        try:
            await coroutine
        finally:
            self.release_keys(opening)

    def hold_keys(self) -> None:
        """Make keys wait until `release_keys`, because a screen or a session opens; `MAX_HOLD_S` at most."""
        self._hold_until = monotonic() + MAX_HOLD_S
        self.openings += 1

    def release_keys(self, opening: int | None = None) -> None:
        """Let the waiting keys go to what is on the screen now.

        `opening`: the number that `openings` had; where something else opens by now, the keys wait for that.
        """
        if opening in (None, self.openings):
            self._hold_until, self.opened_at = 0.0, monotonic()

    @property
    def is_opening(self) -> bool:
        """Whether keys wait for a screen or a session that is not there yet."""
        return monotonic() < self._hold_until

    def note_key(self, pressed_at: float, *, is_typed: bool) -> None:
        """A key is handled. `is_typed`: it is a letter or Enter in the prompt."""
        self.pressed_at = pressed_at
        if is_typed:
            self._typed, self._typed_at = self._typed + 1, monotonic()

    @property
    def is_typing(self) -> bool:
        """Whether the person types on, behind the key that began this task."""
        if self.keys_wait() and not self.is_opening:
            return True
        task = asyncio.current_task()
        before = None if task is None else self._typed_before.get(task)
        return before != self._typed and monotonic() < self._typed_at + TYPING_S

    async def pause_in_typing(self) -> None:
        """Wait until the person does not type on: what shows something else would tear the text apart."""
        # Each key that is typed makes it later.
        while self.is_typing:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _show_error(self, coroutine: Awaitable[object]) -> None:
        """Await a coroutine. The only place where the work screen catches every `HandingerError`."""
        try:
            await coroutine
        except HandingerError as problem:
            self.say(problem.text, "error")

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Answer an action of the person: near the prompt if it fits there, else as a notification."""
        line = clean_line(text, 400)
        is_covered = self._screen.app.screen is not self._screen
        if severity == "error" or is_covered or not self._acknowledge(line, severity):
            self.announce(line, severity)

    def announce(self, text: str, severity: SeverityLevel = "information") -> None:
        """Show a notification, once while it is on the screen. The text is never parsed as markup."""
        line, now = clean_line(text, 400), monotonic()
        timeout = self._screen.app.NOTIFICATION_TIMEOUT
        self._announced = {shown: at for shown, at in self._announced.items() if now - at < timeout}
        if line not in self._announced:
            self._announced[line] = now
            self._screen.notify(line, severity=severity, timeout=timeout, markup=False)

    # -- questions: to be awaited within `run` -----------------------------------------------------
    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog or page and wait for its result. Notifications that would cover it are removed.

        What answers the last key is shown at once. What comes up while the person types on, as that of a
        message sent before, waits for a pause.
        """
        await self.pause_in_typing()
        self.app.clear_notifications()
        self._announced.clear()
        answer = self._screen.app.push_screen(screen, wait_for_dismiss=True)
        self.asked_at = monotonic()
        self.release_keys()
        task = asyncio.current_task()
        self._asking.add(task)
        try:
            # The end of this task must not end the future of the screen.
            return await asyncio.shield(answer)
        finally:
            self._asking.discard(task)

    async def confirm(
        self, title: str, body: str | Callable[[], str | Moot], *, yes: str, no: str, typed: str = ""
    ) -> bool:
        """Ask a yes-or-no question; with `typed`, that word must be typed for a yes.

        A function says what the words are by now, of what runs, is queued or is held: a yes is one to those.
        """
        from handinger_tui.ui.dialogs import yes_or_no  # 4 ms, at the first question

        answer = await self.ask(yes_or_no(title, body, yes=yes, no=no, typed=typed))
        return bool(answer)

    async def ask_text(self, title: str, value: str, placeholder: str = "") -> str | None:
        """Ask for one line of text."""
        from handinger_tui.ui.dialogs import TextQuestion  # 4 ms, at the first question

        return await self.ask(TextQuestion(title, value, placeholder))

    async def choose(self, title: str, rows: Sequence[tuple[str, str]]) -> str | None:
        """Ask to choose one of `rows`, each a name and its text; returns the name."""
        from handinger_tui.ui.dialogs import Choice  # 4 ms, at the first question

        return await self.ask(Choice(title, rows))

    async def notice(self, title: str, body: str) -> None:
        """Show a text until it is closed."""
        from handinger_tui.ui.dialogs import Question  # 4 ms, at the first question

        await self.ask(Question(title, body, [("Close", None)]))

    # -- out of the program ------------------------------------------------------------------------
    def copy(self, text: str, what: str, why: str = "") -> None:
        """Copy `text` to the clipboard.

        The line that says so describes it with `what`, after the sentence `why`, and names the way it took.
        """

        def report(way: str) -> None:
            words, severity = copy_report(text, what, way)
            self.say(f"{why} {words}".lstrip(), severity)

        self.app.copy_to_clipboard(text, report)
