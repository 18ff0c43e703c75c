"""The help screen, generated from the tables of keys and commands so that it matches them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from handinger_tui.ui.commands.command import Command
from handinger_tui.ui.keys import KEYS, Where, bindings, format_keys

MONEY = (
    "Every message that is sent may cost money, and none is ever sent twice by itself. "
    "Esc only stops watching: the worker keeps running and may keep charging. "
    "Figures are the service's own; “not reported” is not zero."
)
ACCOUNT = (
    "The key comes from HANDINGER_API_KEY, a profile of the configuration file, or the system's key store. "
    "Without one the badge says LOCAL: a small worker on this machine answers, and nothing costs."
)


class HelpScreen(ModalScreen[None]):
    """Shows the help in a scrollable dialog that Esc, F1, q or ? close."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG, Where.HELP)

    def __init__(self, commands: Iterable[Command], remapped: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._commands = tuple(commands)
        self._remapped = tuple(remapped)

    def compose(self) -> ComposeResult:
        """Lay out the title, the scrollable text and a hint."""
        with Vertical(id="help"):
            yield Static(Content.styled("Help", "bold"), classes="dialog-title")
            with VerticalScroll(id="help-text"):
                yield HelpText(self._commands, self._remapped)
            yield Static(
                Content.styled("↑ ↓ PgUp PgDn scroll · Esc closes", "$text-muted"), classes="dialog-hint"
            )

    def on_mount(self) -> None:
        """Focus the text, so that arrow keys scroll it."""
        self.query_one("#help-text").focus()

    def action_close(self) -> None:
        """Close the help."""
        self.dismiss()


class HelpText(Static):
    """The help text in two columns, wrapped to the width of the widget."""

    def __init__(self, commands: Sequence[Command], remapped: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._sections: list[tuple[str, list[tuple[str, str]]]] = [
            (
                "Commands",
                [*map(_describe_command, commands), ("//text", "Send a text that begins with a slash")],
            )
        ]
        for where in Where:
            rows = [(format_keys(key, remapped), key.tooltip) for key in KEYS if key.where is where]
            self._sections.append((where.value, rows))
        self._sections += [("Money", [("", MONEY)]), ("Account", [("", ACCOUNT)])]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - signature set by Textual
        """The number of lines that the text takes at `width`."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The text wrapped to the present width."""
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        for title, rows in self._sections:
            lines += [
                Content.styled(title, "bold $primary"),
                *(line for row in rows for line in _two_columns(*row, width)),
            ]
            lines.append(Content(""))
        return lines


def _describe_command(command: Command) -> tuple[str, str]:
    also = f" (also {', '.join(f'/{name}' for name in command.aliases)})" if command.aliases else ""
    return f"/{command.name} {command.takes}".strip(), f"{command.summary}{also}"


def _two_columns(left: str, right: str, width: int) -> list[Content]:
    """The lines of a row of two columns; only the right one wraps."""
    column = 28 if left else 0
    right_lines = wrap(right, max(20, width - column - 1)) or [""]
    if len(left) >= column > 0:
        right_lines.insert(0, "")
    first = Content.assemble((f"{left:<{column}}", "$foreground"), (right_lines[0], "$text-muted"))
    return [first, *(Content.styled(" " * column + line, "$text-muted") for line in right_lines[1:])]
