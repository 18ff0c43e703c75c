"""Completion of the text before the cursor: commands, their arguments, and files after `@` or `/file`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.prompts import PartialMention, as_mention, complete, partial_mention_at
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.widgets.strips import max_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from handinger_tui.ui.ports import LocalFiles
    from handinger_tui.ui.widgets.prompt import PromptBox

MANY: Final = 200
"""A listing with so many names may be truncated: a longer prefix needs a new listing."""
COMMAND: Final = "/file "
"""The argument of this command is a plain path, spaces included."""


class Listing(Struct, frozen=True):
    """The names in a folder that begin with `prefix`."""

    folder: str
    prefix: str
    hidden: bool
    names: tuple[str, ...]

    def may_match(self, typing: PartialMention) -> bool:
        """Whether these names contain matches for what is typed now."""
        extends = typing.prefix.casefold().startswith(self.prefix.casefold())
        return (self.folder, self.hidden) == (typing.folder, typing.hidden) and extends

    def is_complete_for(self, typing: PartialMention) -> bool:
        """Whether these names contain all matches for what is typed now."""
        return self.may_match(typing) and (len(self.names) < MANY or self.prefix == typing.prefix)


class Suggestions(Static):
    """Commands or files that match the typed text; Tab accepts the marked one."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False
        self.rows: Sequence[tuple[str, str]] = ()
        """Names and summaries."""
        self.at = 0
        """The position of the marked row."""

    def show(self, rows: Sequence[tuple[str, str]]) -> None:
        """Show (name, summary) rows; an empty sequence hides the list."""
        if list(rows) == list(self.rows):
            # Called for every letter; drawing would lay out the screen.
            return
        self.rows, self.at = list(rows), 0
        self.display = bool(self.rows)
        self._draw()

    def move(self, by: int) -> None:
        """Move the mark by `by` rows, in a cycle."""
        if self.rows:
            self.at = (self.at + by) % len(self.rows)
            self._draw()

    def notify_style_update(self) -> None:
        """Show fewer rows on a low screen."""
        super().notify_style_update()
        if self.display:
            self._draw()

    def _draw(self) -> None:
        count = max_rows(self)
        # Where there is room, the row after the marked one is visible.
        first = max(0, min(self.at - count + min(count, 2), len(self.rows) - count))
        lines = []
        for at, (name, summary) in enumerate(self.rows[first : first + count], first):
            mark, style = ("›", "bold $primary") if at == self.at else (" ", "$foreground")
            title = (f"{mark} {clean_line(name):<12} ", style)
            lines.append(Content.assemble(title, (clean_line(summary), "$text-muted")))
        self.update(Content("\n").join(lines))


class Completion:
    """Updates the list of suggestions while text is typed. Folders are read in a thread, one at a time."""

    def __init__(
        self,
        prompt: PromptBox,
        suggestions: Suggestions,
        commands: Callable[[str], list[tuple[str, str]]],
        files: LocalFiles,
        run: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """`commands`: (text, summary) of what may complete a line that begins with a slash.

        `run` starts a background task.
        """
        self._prompt = prompt
        self._suggestions = suggestions
        self._commands = commands
        self._files = files
        self._run = run
        self._typing: PartialMention | None = None
        self._paths: tuple[str, ...] = ()
        self._listing: Listing | None = None
        self._is_reading = False
        self._closed_at: tuple[int, int] | None = None
        """Row and column of the token whose list the user closed; it stays closed."""

    @property
    def open(self) -> bool:
        """Whether suggestions are shown."""
        return self._suggestions.display

    def changed(self) -> None:
        """Update the suggestions after a change of the text."""
        text = self._prompt.text
        self._typing = None
        if text.startswith("/") and len(text) < 40 and "\n" not in text:
            rows = self._commands(text)
            # An argument that matches nothing may be the name of a file.
            if rows or " " not in text:
                self._show([] if [name for name, _ in rows] == [text] else rows)
                return
        row, self._typing = self._prompt.cursor_location[0], self._token_at_cursor()
        if self._typing is None:
            self._listing = self._closed_at = None
            self._show([])
        elif self._closed_at == (row, self._typing.start) or self._prompt.walking:
            self._show([])
        else:
            self._closed_at = None
            self._offer_files(self._typing)

    def moved(self) -> None:
        """Close the suggestions when the cursor left the word that they complete."""
        if self.open and self._typing is not None and self._token_at_cursor() != self._typing:
            self._show([])

    def _token_at_cursor(self) -> PartialMention | None:
        """The file name being typed at the cursor; a name never extends over lines."""
        row, column = self._prompt.cursor_location
        line = self._prompt.document.get_line(row)
        if row == 0 and line.startswith(COMMAND) and column >= len(COMMAND):
            return PartialMention(len(COMMAND), line[len(COMMAND) : column])
        return partial_mention_at(line, column)

    def _offer_files(self, typing: PartialMention) -> None:
        listing = self._listing if self._listing is not None and self._listing.may_match(typing) else None
        paths = complete(typing.path, listing.names) if listing is not None else ()
        self._paths = () if paths == (typing.path,) else paths
        self._show([_row(path) for path in self._paths])
        if not self._is_settled(typing) and not self._is_reading:
            self._is_reading = True
            self._run(self._read_folders())

    def _is_settled(self, typing: PartialMention) -> bool:
        return self._listing is not None and self._listing.is_complete_for(typing)

    async def _read_folders(self) -> None:
        """Read the folder of the typed name, and again while the name changes during a read."""
        try:
            while (typing := self._typing) is not None and not self._is_settled(typing):
                folder, prefix, hidden = typing.folder, typing.prefix, typing.hidden
                names = await asyncio.to_thread(self._files.listing, folder, prefix, hidden=hidden)
                self._listing = Listing(folder, prefix, hidden, names)
        finally:
            self._is_reading = False
        self.changed()

    def _show(self, rows: list[tuple[str, str]]) -> None:
        self._suggestions.show(rows)
        self._prompt.offering, self._prompt.choosing = bool(rows), self.enter_accepts

    # -- accepting ---------------------------------------------------------------------------
    def close(self) -> None:
        """Close the suggestions until another word begins."""
        if self._typing is not None:
            self._closed_at = (self._prompt.cursor_location[0], self._typing.start)
        self._show([])

    def move(self, by: int) -> None:
        """Move the mark by `by` suggestions."""
        self._suggestions.move(by)
        self._prompt.choosing = self.enter_accepts

    @property
    def enter_accepts(self) -> bool:
        """Whether Enter accepts the marked file, which it does unless that file is typed already."""
        return self.open and self._typing is not None and self._chosen_path != self._typing.path

    @property
    def _chosen_path(self) -> str:
        return self._paths[self._suggestions.at]

    def accept(self) -> bool:
        """Put the marked suggestion into the prompt; False when none is shown."""
        if not self.open:
            return False
        if self._typing is None:
            self._prompt.put(f"{self._suggestions.rows[self._suggestions.at][0]} ")
        else:
            self._put_path(self._typing, self._chosen_path)
        return True

    def _put_path(self, typing: PartialMention, path: str) -> None:
        row, column = self._prompt.cursor_location
        line = self._prompt.document.get_line(row)
        if line.startswith(COMMAND) and row == 0:
            text = path
        else:
            # A folder needs a name after it; a file ends the token, so a space follows.
            space = "" if path.endswith("/") or line[column : column + 1].isspace() else " "
            text = as_mention(path) + space
        self._prompt.put_between(text, (row, typing.start), (row, column))


def _row(path: str) -> tuple[str, str]:
    name = path.rstrip("/").rpartition("/")[2]
    folder = path.endswith("/")
    return clean_line(name, 60) + ("/" if folder else ""), "folder" if folder else ""
