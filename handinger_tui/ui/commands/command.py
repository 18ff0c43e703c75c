"""What a command is, and what it may do: the desk for the work, the stage for what is seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from textual.notifications import SeverityLevel
from textual.screen import Screen

from handinger_tui.core.record import dataclass
from handinger_tui.core.turns.turn import FilePart
from handinger_tui.ui.panels.sources.panel import SourcesPanel
from handinger_tui.ui.work.composer import Composer
from handinger_tui.ui.work.session_controller import SessionController

Answer = TypeVar("Answer")


class Painted(Protocol):
    """What commands may change of the whole terminal."""

    def redraw(self) -> None:
        """Write the whole screen anew."""
        ...


class Stage(Painted, Protocol):
    """The screen, as commands know it."""

    drafting: Composer
    """The message being written."""

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """One passing line."""
        ...

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer."""
        ...

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Keep the draft, wait for the session whose id `opening` returns, then show it in one step.

        `doing` is shown while that takes time. Of several, the last one asked for wins: returns the id
        of the session shown, "" when it was not this one.

        Raises:
            HandingerError: it cannot be opened; the screen stays as it is.
        """
        ...

    async def leave(self) -> None:
        """Leave the program."""
        ...

    def put(self, text: str) -> None:
        """Replace the text of the prompt."""
        ...

    def typed(self) -> str:
        """The text of the prompt."""
        ...

    def past(self) -> list[str]:
        """The messages sent before, oldest first."""
        ...

    def copy(self, text: str, what: str) -> None:
        """Put `text` on the clipboard and say so."""
        ...

    def show_panel(self, name: str) -> None:
        """Bring a panel into sight and give it the focus."""
        ...

    def toggle_panels(self) -> None:
        """Show or hide the panels."""
        ...

    def widen_panels(self, by: int) -> None:
        """Give the panels more cells, or fewer."""
        ...

    def toggle_details(self) -> None:
        """Fold or unfold thoughts and tool calls."""
        ...

    def find(self, text: str) -> None:
        """Find in the transcript, and say how often."""
        ...

    def show_palette(self) -> None:
        """Open the palette of commands."""
        ...

    def show_help(self) -> None:
        """Open the help."""
        ...

    def use_theme(self, name: str) -> str | None:
        """Switch to a theme, "" for the other one; returns its name, None when there is none."""
        ...

    async def edit(self, text: str) -> str | None:
        """Let the person's own editor change `text`; None when there is none."""
        ...

    async def save(self, parts: Sequence[FilePart]) -> None:
        """Download files, one after the other, and say where they lie."""
        ...

    def preview(self, part: FilePart) -> None:
        """Show a file inside the program."""
        ...

    def sources(self) -> SourcesPanel:
        """The panel of sources, up to date though it may be out of sight: it gives them their numbers."""
        ...

    def now_ms(self) -> int:
        """The time."""
        ...

    def refresh(self) -> None:
        """Paint the session again: something of it changed that the engine does not tell."""
        ...

    def refresh_budget(self) -> None:
        """The budget has changed."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a running command is given. `rest`: what was typed behind its name."""

    find_desk: Callable[[], SessionController]
    stage: Stage
    rest: str = ""

    @property
    def desk(self) -> SessionController:
        """The desk.

        Raises:
            HandingerError: there is none before we are connected.
        """
        return self.find_desk()


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command. `takes`: its argument as the help writes it."""

    name: str
    summary: str
    run: Callable[[Context], Awaitable[None]]
    aliases: tuple[str, ...] = ()
    takes: str = ""
