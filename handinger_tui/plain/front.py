"""How plain mode tells and asks: a line for each thing, and questions with numbered answers.

No question has yes as its default: Enter alone never spends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.core.acts import Moot
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.read_aloud import line
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.command import NEEDS_SCREEN

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from handinger_tui.plain.terminal import Output
    from handinger_tui.ui.front import Severity

_KEYS: Final = re.compile(r"(?:^|(?<=[.!?…:]) )(?:Press|Click) [^.]*\.| in the app(?=\.)")
"""Sentences about keys, which plain mode does not have; and a command "in the app" is one here, too."""
_LABELS: Final = {"information": "note", "warning": "warning", "error": "error"}


def in_lines(text: str) -> str:
    """A text of the app without what only a screen has."""
    return _KEYS.sub("", text).strip()


class PlainFront:
    """Implements `ui.front.Front`."""

    def __init__(
        self,
        out: Output,
        ask_line: Callable[[str], Awaitable[str | None]],
        run: Callable[[Coroutine[Any, Any, object]], object],
    ) -> None:
        """`ask_line` shows a prompt and returns the next line, None at the end of the input or at Ctrl+C."""
        self._out = out
        self._ask_line = ask_line
        self._run = run

    # -- telling -------------------------------------------------------------------------
    def run(self, coroutine: Coroutine[Any, Any, object], doing: str = "") -> None:
        """Await a coroutine in the background and show its error."""
        self._run(self.finish(coroutine))

    open = run

    async def finish(self, coroutine: Awaitable[object]) -> None:
        """Await something and show its error."""
        try:
            await coroutine
        except HandingerError as problem:
            self.say(problem.text, "error")

    def hold_keys(self) -> None:
        """Lines that come now wait anyway."""

    def say(self, text: str, severity: Severity = "information") -> None:
        """Say a text in one line, without the sentences about keys."""
        if words := in_lines(text):
            self._out.tell(_LABELS[severity], words)

    def copy(self, text: str, what: str, why: str = "") -> None:
        """Say a text: what is read out can be copied from the terminal."""
        self._out.tell("note", f"{why} To copy, {what}:")
        self._out.put(*(line("text", row) for row in text.splitlines() if row.strip()))

    async def notice(self, title: str, body: str) -> None:
        """Say a text."""
        for row in (title, *in_lines(body).splitlines()):
            self.say(row)

    # -- asking --------------------------------------------------------------------------
    async def ask(self, screen: Any) -> Any:
        """There is no screen to show. Raises HandingerError."""
        raise HandingerError(NEEDS_SCREEN)

    async def choose(self, title: str, rows: Sequence[tuple[str, str]]) -> str | None:
        """Ask to choose one of `rows`; Enter alone chooses none."""
        at = await self._number(title, "", [text for _, text in rows], default=0)
        if not at:
            self._out.tell("answer", "none")
            return None
        return rows[at - 1][0]

    async def confirm(
        self, title: str, body: str | Callable[[], str | Moot], *, yes: str, no: str, typed: str = ""
    ) -> bool:
        """Ask a yes-or-no question; Enter alone is a no."""
        words = body if isinstance(body, str) else body()
        if isinstance(words, Moot):
            self.say(words.why)
            return False
        if typed:
            self._question(title, words)
            answer = await self._ask_line(f"type {typed} for: {yes}; Enter for: {no}")
            agreed = answer is not None and answer.strip().lower() == typed
        else:
            agreed = await self._number(title, words, [yes, no], default=2) == 1
        if agreed and not isinstance(body, str) and isinstance(words := body(), Moot):
            self.say(words.why)
            return False
        if not agreed:
            # A yes has an effect.
            self._out.tell("answer", no)
        return agreed

    async def ask_text(self, title: str, value: str, placeholder: str = "") -> str | None:
        """Ask for one line of text; Enter alone keeps the value."""
        self._question(title, placeholder)
        answer = await self._ask_line(f"Enter for: {clean_line(value, 200)}" if value else "text")
        return None if answer is None else answer.strip() or value

    async def _number(self, title: str, body: str, answers: Sequence[str], *, default: int) -> int:
        """The number of the answer. `default`: that of Enter alone, and at the end of the input."""
        self._question(title, body)
        for number, answer in enumerate(answers, 1):
            self._out.tell(str(number), answer)
        nothing = "none" if not default else f"{default}"
        while True:
            text = await self._ask_line(f"1 to {len(answers)}, Enter for {nothing}")
            if text is None or not text.strip():
                return default
            if text.strip().isdecimal() and text.isascii() and 1 <= int(text[:9]) <= len(answers):
                return int(text)
            self._out.tell("note", f"That is none of the answers. Type a number from 1 to {len(answers)}.")

    def _question(self, title: str, body: str) -> None:
        stop = "" if title.endswith(("?", ".", "!")) else "."
        self._out.tell("question", f"{title}{stop} {in_lines(body)}")
