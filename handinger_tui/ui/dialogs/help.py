"""The help screen, generated from the tables of keys and commands so that it matches them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from handinger_tui.ui.commands.command import Command
from handinger_tui.ui.keys import KEYS, Where, bindings, format_keys
from handinger_tui.ui.widgets.static_reflow import StaticReflow

MONEY = (
    "Every message may cost money. A message is never sent twice unless you resend it. "
    "Esc only stops watching: the worker keeps running and may keep charging. "
    "Figures come from the service; “not reported” does not mean zero."
)
ACCOUNT = (
    "Set your API key in HANDINGER_API_KEY or in a profile of the config file. "
    "Without a key, the badge says LOCAL: a demo worker on this computer answers, and nothing costs money."
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
                yield StaticReflow(id="help-lines")
            yield Static(
                Content.styled("↑ ↓ PgUp PgDn to scroll · Esc to close", "$text-muted"), classes="dialog-hint"
            )

    def on_mount(self) -> None:
        """Show the text, and focus it, so that arrow keys scroll it."""
        text = self.query_one("#help-lines", StaticReflow)
        text.put(lambda width: help_lines(self._commands, self._remapped, width))
        self.query_one("#help-text").focus()

    def action_close(self) -> None:
        """Close the help."""
        self.dismiss()


def help_lines(commands: Iterable[Command], remapped: Sequence[tuple[str, str]], width: int) -> list[Content]:
    """The help in two columns at a width in cells: commands, then the keys of each place."""
    sections = [
        (
            "Commands",
            [*map(_describe_command, commands), ("//text", "Send a message that starts with a slash")],
        )
    ]
    for where in Where:
        rows = [(format_keys(key, remapped), key.tooltip) for key in KEYS if key.where is where]
        sections.append((where.value, rows))
    sections += [("Money", [("", MONEY)]), ("Account", [("", ACCOUNT)])]
    lines: list[Content] = []
    for title, rows in sections:
        lines.append(Content.styled(title, "bold $primary"))
        lines += [line for left, right in rows for line in _two_columns(left, right, width)]
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
