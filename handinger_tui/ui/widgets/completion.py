"""Offering: what Tab would make of the text before the cursor: commands, and files behind an `@`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from handinger_tui.core.commands import CommandLine, classify
from handinger_tui.core.prompts.attachments import Typing, as_token, complete, typing_at
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.ui.ports import LocalFiles
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.widgets.prompt_lines import Suggestions

MANY: Final = 200
"""So many names at once may be a cut list: then a longer beginning is looked up anew."""
COMMAND: Final = "/file "
"""Behind this command a name stands bare, spaces included."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in a folder that begin with `prefix`."""

    folder: str
    prefix: str
    hidden: bool
    names: tuple[str, ...]

    def answers(self, typing: Typing) -> bool:
        """What is typed now may be found among these names."""
        begins = typing.prefix.casefold().startswith(self.prefix.casefold())
        return (self.folder, self.hidden) == (typing.folder, typing.hidden) and begins

    def settles(self, typing: Typing) -> bool:
        """All that begin so are among them."""
        return self.answers(typing) and (len(self.names) < MANY or self.prefix == typing.prefix)


class Completion:
    """Keeps the list below the prompt to what is typed. Folders are read in a thread, one at a time."""

    def __init__(
        self,
        prompt: PromptBox,
        listed: Suggestions,
        commands: Callable[[str], list[tuple[str, str]]],
        files: LocalFiles,
        run: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """`commands`: those that begin as typed behind the slash; `run`: has work done meanwhile."""
        self._prompt = prompt
        self._listed = listed
        self._commands = commands
        self._files = files
        self._run = run
        self._typing: Typing | None = None
        self._paths: tuple[str, ...] = ()
        self._listing: Listing | None = None
        self._reading = False
        self._closed_at: tuple[int, int] | None = None
        """Row and column of the token whose list was closed: it stays so."""

    @property
    def open(self) -> bool:
        """Something is offered."""
        return self._listed.display

    def changed(self) -> None:
        """The text, or the place in it, has changed."""
        text = self._prompt.text
        self._typing = None
        if text.startswith("/") and len(text) < 40 and " " not in text and "\n" not in text:
            typed = classify(text)
            rows = self._commands(typed.name) if isinstance(typed, CommandLine) else []
            self._show([] if [name for name, _ in rows] == [text] else rows)
            return
        row, self._typing = self._prompt.cursor_location[0], self._token()
        if self._typing is None:
            self._listing = self._closed_at = None
            self._show([])
        elif self._closed_at == (row, self._typing.start):
            self._show([])
        elif not self._prompt.walking:
            self._closed_at = None
            self._offer_files(self._typing)
        else:
            self._show([])

    def moved(self) -> None:
        """The cursor may have left the word: then nothing is offered for it."""
        if self.open and self._typing is not None and self._token() != self._typing:
            self._show([])

    def _token(self) -> Typing | None:
        """The name that is being typed; none goes beyond its line."""
        row, column = self._prompt.cursor_location
        line = self._prompt.document.get_line(row)
        if row == 0 and line.startswith(COMMAND) and column >= len(COMMAND):
            return Typing(len(COMMAND), column, line[len(COMMAND) : column])
        return typing_at(line, column)

    def _offer_files(self, typing: Typing) -> None:
        listing = self._listing if self._listing is not None and self._listing.answers(typing) else None
        paths = complete(typing.path, listing.names) if listing is not None else ()
        self._paths = () if paths == (typing.path,) else paths
        self._show([_row(path) for path in self._paths])
        if not self._settled(typing) and not self._reading:
            self._reading = True
            self._run(self._read())

    def _settled(self, typing: Typing) -> bool:
        return self._listing is not None and self._listing.settles(typing)

    async def _read(self) -> None:
        """Read the folder that is wanted, until what is typed meanwhile has its answer too."""
        try:
            while (typing := self._typing) is not None and not self._settled(typing):
                folder, prefix, hidden = typing.folder, typing.prefix, typing.hidden
                names = await asyncio.to_thread(self._files.listing, folder, prefix, hidden=hidden)
                self._listing = Listing(folder, prefix, hidden, names)
        finally:
            self._reading = False
        self.changed()

    def _show(self, rows: list[tuple[str, str]]) -> None:
        self._listed.show(rows)
        self._prompt.offering, self._prompt.choosing = bool(rows), self.chooses

    # -- taking ------------------------------------------------------------------------------
    def close(self) -> None:
        """Offer nothing until another word begins."""
        if self._typing is not None:
            self._closed_at = (self._prompt.cursor_location[0], self._typing.start)
        self._show([])

    def move(self, by: int) -> None:
        """Mark another one."""
        self._listed.move(by)
        self._prompt.choosing = self.chooses

    @property
    def chooses(self) -> bool:
        """Enter takes a file that is offered, unless it stands there already."""
        return self.open and self._typing is not None and self._chosen_path != self._typing.path

    @property
    def _chosen_path(self) -> str:
        return self._paths[self._listed.at]

    def take(self) -> bool:
        """Put the marked one into the prompt; False when nothing is offered."""
        if not self.open:
            return False
        if self._typing is None:
            self._prompt.put(f"{self._listed.chosen} ")
        else:
            self._put_path(self._typing, self._chosen_path)
        return True

    def _put_path(self, typing: Typing, path: str) -> None:
        row, column = self._prompt.cursor_location
        line = self._prompt.document.get_line(row)
        if line.startswith(COMMAND) and row == 0:
            put = path
        else:
            # A folder is gone on with; behind a file the sentence goes on.
            space = "" if path.endswith("/") or line[column : column + 1].isspace() else " "
            put = as_token(path) + space
        done = self._prompt.replace(put, (row, typing.start), (row, column), maintain_selection_offset=False)
        self._prompt.move_cursor(done.end_location)


def _row(path: str) -> tuple[str, str]:
    name = path.rstrip("/").rpartition("/")[2]
    folder = path.endswith("/")
    return clean_line(name, 60) + ("/" if folder else ""), "folder" if folder else ""
