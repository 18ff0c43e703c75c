"""Help: made from the tables of keys and commands, so that it cannot lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from handinger_tui.ui.keys import KEYS, Where, in_words
from handinger_tui.ui.screens.dialogs import CLOSE

MONEY = (
    "Every message that is sent may cost money, and none is ever sent twice by itself. "
    "Esc only stops watching: the worker keeps running and may keep charging. "
    "Figures are the service's own; “not reported” is not zero."
)
ACCOUNT = (
    "The key comes from HANDINGER_API_KEY, a profile of the configuration file, or the system's key store. "
    "Without one the badge says LOCAL: a small worker on this machine answers, and nothing costs."
)


class Row(Protocol):
    """A command as the help needs it."""

    @property
    def name(self) -> str:
        """Its name, without the slash."""
        ...

    @property
    def aliases(self) -> Sequence[str]:
        """Other names."""
        ...

    @property
    def takes(self) -> str:
        """Its argument."""
        ...

    @property
    def summary(self) -> str:
        """What it does."""
        ...


class HelpScreen(ModalScreen[None]):
    """Scrolls; Esc, F1, q or ? close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *CLOSE,
        Binding(
            "f1,q,question_mark", "close", "Close", show=False, id="help.close", tooltip="Close the help"
        ),
    ]

    def __init__(self, commands: Iterable[Row], remapped: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._commands = tuple(commands)
        self._remapped = tuple(remapped)

    def compose(self) -> ComposeResult:
        """One text to scroll."""
        with Vertical(id="help"):
            yield Static(Content.styled("Help", "bold"), classes="dialog-title")
            with VerticalScroll(id="help-text"):
                yield Static(self._text())
            yield Static(
                Content.styled("↑ ↓ PgUp PgDn scroll · Esc closes", "$text-muted"), classes="dialog-hint"
            )

    def on_mount(self) -> None:
        """Arrow keys scroll at once."""
        self.query_one("#help-text").focus()

    def _text(self) -> Content:
        lines = [Content.styled("Commands", "bold $primary")]
        for command in self._commands:
            names = ", ".join(f"/{name}" for name in (command.name, *command.aliases))
            spelled = f"{names} {command.takes}".strip()
            lines.append(_pair(spelled, command.summary, 31))
        lines.append(_pair("//text", "Send a text that begins with a slash", 31))
        for where in Where:
            lines += [Content(""), Content.styled(where.value, "bold $primary")]
            lines += [
                _pair(in_words(key, self._remapped), key.tooltip, 31) for key in KEYS if key.where is where
            ]
        for title, text in (("Money", MONEY), ("Account", ACCOUNT)):
            lines += [Content(""), Content.styled(title, "bold $primary"), Content(text)]
        return Content("\n").join(lines)

    def action_close(self) -> None:
        """Back to work."""
        self.dismiss()


def _pair(left: str, right: str, width: int) -> Content:
    gap = "\n" + " " * width if len(left) >= width else ""
    return Content.assemble((f"{left:<{width}}", "$foreground"), (f"{gap}{right}", "$text-muted"))
