"""Keys that come before the screen or session they are meant for is visible."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from textual.app import App
from textual.events import Event, Key, Paste
from textual.message_pump import MessagePump
from textual.screen import Screen

from handinger_tui.ui.letter_run import WORD_S, LetterRun
from handinger_tui.ui.work.screen import WorkScreen, sends

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

LINE_BREAK: Final = "\n"
ENTER_TOO_EARLY: Final = "This opened as you pressed Enter. Press it again if you meant this."
LOOK_AGAIN_S: Final = 0.01
"""Seconds between two looks at whether a screen is open."""


async def read_keys_posted() -> None:
    """Wait until the app has in its queue what the thread has read by now, by the way that keys take."""
    nothing = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), asyncio.get_running_loop())
    await asyncio.wrap_future(nothing)


def _in_lines(keys: Sequence[Key | Paste], sends: Callable[[Key | Paste], bool]) -> Iterator[Key | Paste]:
    """The keys with a line break in place of each one that would send and stands between others.

    What was typed before and after it must not become one line.
    """
    last = max((at for at, key in enumerate(keys) if not sends(key)), default=-1)
    has_text = False
    for at, key in enumerate(keys):
        if not sends(key):
            has_text = has_text or isinstance(key, Paste) or key.is_printable
            yield key
        elif has_text and at < last:
            yield Paste(LINE_BREAK)


class TypeAhead:
    """Holds keys back while one before them is processed that may change where they go.

    So until the prompt has the focus, after Enter or a paste, after a key outside the prompt, and while a
    screen or session opens: several keys may come in one piece, and all would go to the same screen.
    """

    def __init__(self, app: App[None], work: WorkScreen, pass_on: Callable[[Event], Awaitable[None]]) -> None:
        self._app = app
        self._work = work
        self._pass_on = pass_on
        self._held: list[Key | Paste] | None = []
        """None: nothing is held back."""
        self._screen: Screen[object] | None = None
        """The screen that the key before may have closed or covered."""
        self._openings = 0
        """How often something has opened, as of the last key that was passed on."""
        self._shown_count = 0
        """How often a session was put on the screen by that time."""
        self._has_sent = self._has_typed = False
        """Whether the key that was passed on last could send, or typed a text into the prompt."""
        self._owes_answer = False
        """Whether an Enter was dropped. It is said behind the letters that wait: each of them would remove
        the line that says so."""
        self._letters = LetterRun()
        work.interaction.keys_wait = lambda: bool(self._held)
        self._decided: set[int] = set()
        """Letters (by `id`) that are commands: no word followed."""

    async def take(self, event: Event) -> None:
        """Pass an event on, or hold it back."""
        if not isinstance(event, Key | Paste):
            await self._pass_on(event)
        elif event.is_forwarded:
            await self._pass_to_bindings(event)
        elif self._held is not None:
            self._held.append(event)
        elif self._came_while_opening(event):
            self._held = [event]
            # Behind the keys that came with it.
            self._app.call_later(self.pass_next)
        else:
            self._note_screen()
            await self._pass(event)

    def _came_while_opening(self, event: Key | Paste) -> bool:
        """Whether a key was pressed before something was there: a busy machine handles it behind that."""
        opens = self._work.interaction
        return opens.is_opening or (self._openings != opens.openings and event.time < opens.opened_at)

    async def _pass_to_bindings(self, event: Key | Paste) -> None:
        # No widget has handled it: what applies now are the bindings of the screen on top, which may have no
        # widgets yet.
        screen = self._app.screen
        if screen.is_mounted or not screen.call_later(self._app.call_later, self._pass_on, event):
            await self._pass_on(event)

    async def pass_next(self) -> None:
        """Pass on the next key and, behind it, all others."""
        work = self._work
        if work.interaction.is_opening:
            self._app.set_timer(LOOK_AGAIN_S, self.pass_next)
            return
        if self._openings != work.interaction.openings:
            self._screen, held = None, self._held or []
            # An Enter must not answer a question that was not seen yet, nor send a draft: that of a session
            # that was not seen yet, or the one in the prompt where nothing has opened. In the empty prompt of
            # the session that was shown it sends the letters before it, and nothing else: if they are all.
            others = [one for one in held if not self._sends(one)]
            is_typed = all(isinstance(one, Paste) or one.is_printable for one in others)
            is_typed = is_typed and held[:1] == others[:1] and not self._has_typed
            is_shown = self._app.screen is work and self._shown_count != work.switcher.shown_count
            if not (is_shown and is_typed and not work.prompt.text):
                self._owes_answer |= self._has_other_enter(held)
                self._held = [*_in_lines(held, self._sends)] if self._app.screen is work else others
            self._note_screen()
            if self._app.screen is not work:
                # Behind what gives the new screen its focus.
                self._continue_behind(self._app.screen.ancestors_with_self)
                return
        held, screen, self._screen = self._held or [], self._screen, None
        has_changed = screen is not None and self._app.screen is not screen
        if has_changed and held and isinstance(held[0], Key) and held[0].key == "enter":
            # It must not send the draft in the prompt.
            self._owes_answer |= self._has_other_enter(held[:1])
            del held[0]
        if held:
            await self._pass(held.pop(0))
        else:
            self._held = None
            work.begin_saving()
            if self._owes_answer:
                self._owes_answer = False
                work.interaction.say(ENTER_TOO_EARLY)

    def _has_other_enter(self, keys: Sequence[Key | Paste]) -> bool:
        """Whether a key may send, and is not the one before it pressed twice."""
        sent = [self._has_sent, *map(self._sends, keys)]
        return any(now and not before for before, now in pairwise(sent))

    def _note_screen(self) -> None:
        work = self._work
        self._openings, self._shown_count = work.interaction.openings, work.switcher.shown_count

    def _sends(self, event: Key | Paste) -> bool:
        """Whether a key may send, or answer a question."""
        return isinstance(event, Key) and (
            event.key == "enter" or sends(self._work.active_bindings, event.key)
        )

    def _is_too_early(self, event: Key | Paste) -> bool:
        """Whether an Enter was pressed before the screen on top was there, and is handled late."""
        is_covered = self._app.screen is not self._work
        return is_covered and self._sends(event) and event.time < self._work.interaction.asked_at

    async def _pass(self, event: Key | Paste) -> None:
        is_too_early = self._is_too_early(event)
        if is_too_early:
            self._work.interaction.say(ENTER_TOO_EARLY)
        if is_too_early or (self._app.screen is self._work and await self._waits_for_word(event)):
            if self._held is not None:
                self._app.call_later(self.pass_next)
            return
        is_text, self._has_sent = isinstance(event, Paste) or event.is_printable, self._sends(event)
        in_prompt = self._app.focused is self._work.prompt
        self._has_typed = is_text and in_prompt
        self._work.interaction.note_key(event.time, is_typed=in_prompt and (is_text or self._has_sent))
        screen, queues = self._app.screen, (self._app.focused or self._app.screen).ancestors_with_self
        # A text area takes the focus, later, when something is pasted into it.
        is_last = isinstance(event, Paste) or self._may_move(event)
        await self._pass_on(event)
        if is_last:
            self._screen, self._held = screen, self._held or []
            # Once for the key, and once for what a widget made of it.
            queues = queues * 2
        if self._held is not None:
            self._continue_behind(queues)

    # -- letters while something is browsed ----------------------------------------------------
    async def _waits_for_word(self, event: Key | Paste) -> bool:
        """Whether an event waits: letters that may be the beginning of a word, or what comes behind them."""
        work, letters = self._work, self._letters
        if id(event) in self._decided:
            self._decided.discard(id(event))
            return False
        letter = event if isinstance(event, Key) and event.is_printable and work.is_browsing else None
        if commands := letters.take_commands() if letter is None else letters.end_before(letter):
            self._carry_out(commands, event)
            return True
        if letter is None:
            return False
        active = work.active_bindings.get(letter.key)
        if active is None or not active.enabled:
            work.type_from_browsing(letters.take_word())
            return False
        waits = letters.waits(letter, active.binding.id)
        if waits:
            self._app.set_timer(WORD_S, partial(self._end_run_behind_keys, letters.letters))
        return waits

    async def _end_run_behind_keys(self, letters: int) -> None:
        """End a run behind the keys that were read until now: one of them may go on with it."""
        await read_keys_posted()
        # The timer itself comes before the queue.
        self._app.call_later(self._end_run, letters)

    async def _end_run(self, letters: int) -> None:
        """Carry out the letters of a run, unless another one has come since, or a key waits that may."""
        if self._letters.letters != letters:
            return
        if self._held:
            self._app.set_timer(LOOK_AGAIN_S, partial(self._end_run, letters))
        elif commands := self._letters.take_commands():
            is_idle = self._held is None
            self._carry_out(commands)
            if is_idle:
                await self.pass_next()

    def _carry_out(self, commands: Sequence[Key], *behind: Key | Paste) -> None:
        """Put letters, which were decided to be commands, before all that is held; `behind` comes next."""
        self._decided.update(map(id, commands))
        self._held = [*commands, *behind, *(self._held or [])]

    def _may_move(self, event: Key) -> bool:
        """Whether the keys behind this one may be meant for another screen or widget."""
        work = self._work
        if self._app.screen is not work or event.key == "enter" or self._app.focused is not work.prompt:
            return True
        # A key of the screen that the prompt comes before takes effect once the prompt has not used it.
        active = None if event.is_printable else work.active_bindings.get(event.key)
        return active is not None and active.node is work and not active.binding.priority

    def _continue_behind(self, queues: Sequence[MessagePump]) -> None:
        # An unhandled key bubbles from widget to widget before its binding is looked up: wait for each queue.
        if not queues:
            self._app.call_later(self.pass_next)
        elif not queues[0].call_later(self._continue_behind, queues[1:]):
            self._continue_behind(queues[1:])
