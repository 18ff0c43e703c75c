"""The type of a slash command, and its context: the session controller and the screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from textual.notifications import SeverityLevel
from textual.screen import Screen

from handinger_tui.core.turns.turn import FilePart
from handinger_tui.ui.panels.sources.panel import SourcesPanel
from handinger_tui.ui.work.composer import Composer
from handinger_tui.ui.work.session_controller import SessionController

Answer = TypeVar("Answer")


class Painted(Protocol):
    """Operations on the whole terminal."""

    def redraw(self) -> None:
        """Repaint the whole screen."""
        ...


class Stage(Painted, Protocol):
    """The operations on the work screen that commands use."""

    composer: Composer
    """The message being written."""

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """Show a notification."""
        ...

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer."""
        ...

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        """Save the draft, await `opening` for the id of a session, then show that session in one step.

        `doing` is shown while that takes time. Returns the id of the session, "" when a later call
        superseded this one.

        Raises:
            HandingerError: the session cannot be opened; the screen stays as it is.
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
        """The prompt history, oldest first."""
        ...

    def copy(self, text: str, what: str) -> None:
        """Copy `text` to the clipboard and show that. `what` describes the text."""
        ...

    def show_panel(self, name: str) -> None:
        """Show a panel and focus it."""
        ...

    def toggle_panels(self) -> None:
        """Show or hide the panels."""
        ...

    def widen_panels(self, by: int) -> None:
        """Widen the panels by `by` cells; a negative number narrows them."""
        ...

    def toggle_details(self) -> None:
        """Fold or unfold thoughts and tool calls."""
        ...

    def find(self, text: str) -> None:
        """Find text in the transcript and show the number of matches."""
        ...

    def show_palette(self) -> None:
        """Open the command palette."""
        ...

    def show_help(self) -> None:
        """Show the help screen."""
        ...

    def use_theme(self, name: str) -> str | None:
        """Switch to a theme, "" for the other one; returns its full name, None for an unknown name."""
        ...

    async def edit(self, text: str) -> str | None:
        """Edit `text` in the person's own editor; None when it could not be opened."""
        ...

    async def save(self, parts: Sequence[FilePart]) -> None:
        """Download files one after the other and show their paths."""
        ...

    def preview(self, part: FilePart) -> None:
        """Preview a file in the program."""
        ...

    def sources(self) -> SourcesPanel:
        """The sources panel, which numbers the sources. It is updated even if it is hidden."""
        ...

    def now_ms(self) -> int:
        """The present time in milliseconds since 1970."""
        ...

    def refresh(self) -> None:
        """Repaint the session after a change that the engine does not report."""
        ...

    def refresh_budget(self) -> None:
        """Show the budget after it changed."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a running command. `rest`: the text typed after its name."""

    find_desk: Callable[[], SessionController]
    stage: Stage
    rest: str = ""

    @property
    def desk(self) -> SessionController:
        """The session controller.

        Raises:
            HandingerError: the app is still connecting.
        """
        return self.find_desk()


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command. `takes`: the syntax of its argument for the help."""

    name: str
    summary: str
    run: Callable[[Context], Awaitable[None]]
    aliases: tuple[str, ...] = ()
    takes: str = ""
