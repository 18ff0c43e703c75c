"""The help screen, generated from the tables of keys and commands so that it matches them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from msgspec import Struct
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from handinger_tui.core.formatting import wrapped_text
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.dialogs import Modal
from handinger_tui.ui.keys import KEYS, Where, bindings, format_keys
from handinger_tui.ui.widgets.frame import StaticReflow

MONEY = (
    "Every message may cost money. A message is never sent twice unless you resend it. "
    "Esc only stops watching: the worker keeps running and may keep charging. "
    "Figures come from the service; “unknown” does not mean zero. "
    "A limit, as by /limit day 5, refuses new messages once so much is spent."
)
ACCOUNT = (
    "Make an API key at handinger.com, then run handinger-tui login, or set HANDINGER_API_KEY. "
    "Without a key, the badge says LOCAL: the local worker on this computer answers; it costs nothing."
)

WIDE: Final = 64
"""Width in cells from which the left column has room for the longest commands."""


class HelpRow(Struct, frozen=True):
    """A key with what it does, a command with its summary, or a paragraph (`left` is empty)."""

    left: str
    right: str
    words: str = ""
    """Further words by which the search finds the row."""

    def matches(self, query: str, title: str) -> bool:
        """Whether each word of the query is in the row or in the title of its section."""
        text = f"{self.left} {self.right} {self.words} {title}".casefold()
        return all(word in text for word in query.casefold().split())


class HelpScreen(Modal[None]):
    """Shows the keys that work now, all other keys and the commands; typing filters them."""

    BINDINGS = bindings(Where.DIALOG, Where.HELP)

    def __init__(
        self,
        commands: Iterable[tuple[str, ...]],
        remapped: Iterable[tuple[str, str]] = (),
        active: Collection[Where] = (),
    ) -> None:
        """`commands`: the syntax of each, what it does, and what else finds it.

        `active`: the places whose keys work now.
        """
        super().__init__()
        self._sections = help_sections(commands, tuple(remapped), active)

    def compose(self) -> ComposeResult:
        """Lay out the search field, the scrollable text and a hint."""
        with Vertical(id="help", classes="page -flat"):
            field = Input(placeholder="Search keys and commands")
            field.border_title = "Help"
            yield field
            with VerticalScroll(id="help-text", can_focus=False):
                yield StaticReflow(id="help-lines")
            yield Static(id="help-hint", classes="dialog-hint")

    def on_mount(self) -> None:
        self._show()

    @on(Input.Changed)
    def _show(self) -> None:
        """Show what matches the search, from its beginning."""
        query = self.query_one(Input).value
        text = self.query_one("#help-lines", StaticReflow)
        text.put(lambda width: help_lines(self._sections, query, width))
        self.query_one("#help-text").scroll_home(animate=False)
        escape = "Esc to clear the search" if query else "Esc to close"
        hint = Content.styled(f"↑ ↓ PgUp PgDn to scroll · {escape}", "$text-muted")
        self.query_one("#help-hint", Static).update(hint)

    def action_scroll(self, lines: int) -> None:
        """Scroll by a number of lines; the focus stays in the search field."""
        self.query_one("#help-text").scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """Scroll by a number of pages."""
        self.action_scroll(pages * max(1, self.query_one("#help-text").size.height - 1))

    def action_close(self) -> None:
        """Clear the search; without one, close the help."""
        field = self.query_one(Input)
        if field.value:
            field.value = ""
        else:
            self.dismiss()

    def action_leave(self) -> None:
        self.dismiss()


def active_places(screen: Screen[object]) -> frozenset[Where]:
    """The places whose keys work on a screen now, which depends on its focus."""
    active = {entry.binding.id for entry in screen.active_bindings.values()}
    return frozenset(key.where for key in KEYS if key.id in active)


def help_sections(
    commands: Iterable[tuple[str, ...]], remapped: Sequence[tuple[str, str]], active: Collection[Where]
) -> list[tuple[str, list[HelpRow]]]:
    """Titles and rows: keys that work now, those of the focus first; then other keys, commands, notes."""
    by_nearness = sorted(Where, key=lambda where: (where not in active, where is Where.ANYWHERE))
    sections = []
    for where in by_nearness:
        rows = [
            HelpRow(
                format_keys(key, remapped), key.tooltip, f"{key.label} {dict(remapped).get(key.id, key.keys)}"
            )
            for key in KEYS
            if key.where is where
        ]
        sections.append((f"{where.value} (now)" if where in active else where.value, rows))
    slash = HelpRow("//text", "Send a message that starts with a slash")
    sections.append(("Commands", [*(HelpRow(*command) for command in commands), slash]))
    money = HelpRow("", MONEY, "costs price limit")
    return [*sections, ("Money", [money]), ("Account", [HelpRow("", ACCOUNT, "login")])]


def help_lines(sections: Iterable[tuple[str, Iterable[HelpRow]]], query: str, width: int) -> list[Content]:
    """The rows that match the query, in two columns at a width in cells."""
    lines: list[Content] = []
    for title, rows in sections:
        matching = [row for row in rows if row.matches(query, title)]
        if matching:
            lines.append(Content.styled(title, "bold $markdown-h1-color"))
            lines += [line for row in matching for line in _two_columns(row.left, row.right, width)]
            lines.append(Content(""))
    return lines or [Content.styled(f"No key or command matches “{clean_line(query, 30)}”.", "$text-muted")]


def _two_columns(left: str, right: str, width: int) -> list[Content]:
    """The lines of a row of two columns; only the right one wraps, on a narrow screen below the left one."""
    column = (28 if width >= WIDE else 20 if width >= 2 * 20 else 2) if left else 0
    right_lines = wrapped_text(right, max(10, width - column - 1)) or [""]
    if len(left) >= column > 0:
        right_lines.insert(0, "")
    first = Content.assemble((f"{left:<{column}}", "$foreground"), (right_lines[0], "$text-muted"))
    return [first, *(Content.styled(" " * column + line, "$text-muted") for line in right_lines[1:])]
