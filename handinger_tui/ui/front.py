"""How the program talks to the person, whichever front does: the screen, or plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeVar

from handinger_tui.core.safety import Verdict, clean_line, judge_link

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from textual.screen import Screen

    from handinger_tui.core.acts import Moot

Answer = TypeVar("Answer")
Severity = Literal["information", "warning", "error"]
OPENING_SESSION: Final = "opening the session"
"""What `Front.open` does for the person where a session is to be shown."""
SUSPICIOUS_LINK: Final = "This link may be misleading"


class Front(Protocol):
    """What a command or a page may tell and ask. Questions are awaited within `run` or `open`."""

    def run(self, coroutine: Coroutine[Any, Any, object], doing: str = "") -> None:
        """Await a coroutine in the background and show its error; say `doing` where it takes long."""

    def open(self, coroutine: Coroutine[Any, Any, object], doing: str) -> None:
        """As `run`, of what shows a page or a session: keys pressed before it is there wait for it."""

    def hold_keys(self) -> None:
        """Make keys wait for what opens."""

    def say(self, text: str, severity: Severity = "information") -> None:
        """Answer an action of the person."""

    def copy(self, text: str, what: str, why: str = "") -> None:
        """Copy a text to the clipboard and say so; `what` describes it."""

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog or page and wait for its result; None when it is closed."""

    async def confirm(
        self, title: str, body: str | Callable[[], str | Moot], *, yes: str, no: str, typed: str = ""
    ) -> bool:
        """Ask a yes-or-no question; with `typed`, that word must be typed for a yes.

        A function says what the words are by now.
        """

    async def ask_text(self, title: str, value: str, placeholder: str = "") -> str | None:
        """Ask for one line of text."""

    async def choose(self, title: str, rows: Sequence[tuple[str, str]]) -> str | None:
        """Ask to choose one of `rows`, each a name and its text; returns the name."""

    async def notice(self, title: str, body: str) -> None:
        """Show a text until it is closed."""


def copy_line(front: Front, text: str, what: str) -> None:
    """Copy an address in one line: pasted into a shell, a line break in it would be Enter."""
    front.copy(clean_line(text, len(text) + 1), what)


async def open_judged(
    front: Front, url: str, shown: str | None, open_in_browser: Callable[[str], Awaitable[bool]]
) -> None:
    """Judge an untrusted link, then open it, ask first, or refuse. `open_in_browser`: False: it cannot."""
    link = judge_link(url, shown)
    if link.verdict is Verdict.REFUSE:
        front.say(f"Not opened: {link.reason}.", "warning")
        return
    if link.verdict is Verdict.ASK:
        host = f"It leads to {link.host}.\n" if link.host else ""
        body = f"{host}Check first: {link.reason}.\n\n{clean_line(link.url, len(link.url) + 1)}"
        if not await front.confirm(SUSPICIOUS_LINK, body, yes="Open", no="Cancel"):
            return
    if not await open_in_browser(link.url):
        front.copy(link.url, "the link", "No browser here.")
