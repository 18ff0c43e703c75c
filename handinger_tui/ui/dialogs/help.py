"""Help: made from the tables of keys and commands, so that it cannot lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from handinger_tui.ui.dialogs.confirm import CLOSE
from handinger_tui.ui.keys import KEYS, Where, in_words

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
                yield HelpText(self._commands, self._remapped)
            yield Static(
                Content.styled("↑ ↓ PgUp PgDn scroll · Esc closes", "$text-muted"), classes="dialog-hint"
            )

    def on_mount(self) -> None:
        """Arrow keys scroll at once."""
        self.query_one("#help-text").focus()

    def action_close(self) -> None:
        """Back to work."""
        self.dismiss()


class HelpText(Static):
    """The text in two columns, wrapped for its width."""

    def __init__(self, commands: Sequence[Row], remapped: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._sections: list[tuple[str, list[tuple[str, str]]]] = [
            ("Commands", [*map(_command, commands), ("//text", "Send a text that begins with a slash")])
        ]
        for where in Where:
            rows = [(in_words(key, remapped), key.tooltip) for key in KEYS if key.where is where]
            self._sections.append((where.value, rows))
        self._sections += [("Money", [("", MONEY)]), ("Account", [("", ACCOUNT)])]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's shape
        """As many lines as the text takes at `width`."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The text for the present width."""
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        for title, rows in self._sections:
            lines += [
                Content.styled(title, "bold $primary"),
                *(line for row in rows for line in _pair(*row, width)),
            ]
            lines.append(Content(""))
        return lines


def _command(command: Row) -> tuple[str, str]:
    also = f" (also {', '.join(f'/{name}' for name in command.aliases)})" if command.aliases else ""
    return f"/{command.name} {command.takes}".strip(), f"{command.summary}{also}"


def _pair(left: str, right: str, width: int) -> list[Content]:
    """A row of two columns; the right one hangs."""
    column = 28 if left else 0
    right_lines = wrap(right, max(20, width - column - 1)) or [""]
    if len(left) >= column > 0:
        right_lines.insert(0, "")
    first = Content.assemble((f"{left:<{column}}", "$foreground"), (right_lines[0], "$text-muted"))
    return [first, *(Content.styled(" " * column + line, "$text-muted") for line in right_lines[1:])]
