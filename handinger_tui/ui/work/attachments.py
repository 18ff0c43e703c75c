"""What is attached to the message that is being written, each on a chip: files, mentions, pasted texts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from handinger_tui.core.errors import AttachmentProblem, NoSuchFile
from handinger_tui.core.prompts import (
    Draft,
    chips_in,
    draft_as_typed,
    file_mentions,
    partial_mention_at,
    without_mention,
)
from handinger_tui.core.turns.turn import Attachment, Lineage
from handinger_tui.ui.widgets.strips import Chip, ChipKind, Chips, file_chip, text_chip, wrong_chip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence

    from handinger_tui.ui.ports import LocalFiles
    from handinger_tui.ui.sessions.message_files import FileCheck, Message
    from handinger_tui.ui.widgets.prompt import PromptBox

DROP_TIMEOUT_S: Final = 10.0
"""Enter waits at most this many seconds for files that were just dropped: a disk may hang."""


@dataclass(slots=True)
class Drop:
    """A pasted text that may be a list of file paths.

    `files` is set once the paths were checked (`is_checked`); None means that the text is only text.
    """

    text: str
    is_checked: asyncio.Event
    files: list[Attachment] | None = None


class PromptSnapshot(Struct, frozen=True):
    """A snapshot of the prompt: its text, the files on chips and the pasted texts."""

    text: str
    files: tuple[Attachment, ...] = ()
    pasted: tuple[str, ...] = ()
    mentions: Mapping[str, FileCheck] = field(default_factory=dict)
    """The files that the text mentions, by path, as they were when their chips were made."""
    drops: tuple[Drop, ...] = ()
    """Pasted texts whose paths are still being checked."""
    lineage: Lineage | None = None

    @property
    def draft(self) -> Draft:
        """The snapshot in the form in which it is saved to disk."""
        return draft_as_typed(self.text, self.files, self.pasted, self.lineage)


class Attachments:
    """The files of the message being written. Reads files in threads; sending checks each again."""

    def __init__(
        self,
        files: LocalFiles,
        prompt: PromptBox,
        chips: Chips,
        run: Callable[[Coroutine[Any, Any, None]], object],
        changed: Callable[[], None],
    ) -> None:
        """`run` runs a coroutine in the background; `changed` is called when the attachments change."""
        self._files = files
        self._prompt = prompt
        self._chips = chips
        self._run = run
        self._changed = changed
        self._chosen: dict[str, Attachment] = {}
        """Attached files that the text does not mention, by path."""
        self._problems: dict[str, AttachmentProblem] = {}
        """The reason for each file of `_chosen` that could not be sent at its last check, by path."""
        self._mentions = MentionLookup(self._check_file, prompt, run, lambda: self.choose(()))
        self._drops: list[Drop] = []

    async def _check_file(self, path: str) -> FileCheck:
        from handinger_tui.ui.sessions.message_files import check_file  # with the first file

        return await check_file(self._files.attachment, path)

    def typed(self) -> None:
        """Update mentions and chips after the text or the cursor changed."""
        self._mentions.typed()
        self.show()

    @property
    def chosen(self) -> tuple[Attachment, ...]:
        """The attached files that the text does not mention."""
        return tuple(self._chosen.values())

    def choose(self, files: Iterable[Attachment]) -> None:
        """Attach these files too."""
        self._chosen.update((file.path, file) for file in files)
        self.show()
        self._changed()

    def clear(self) -> None:
        """Remove all attachments that the text does not mention."""
        self._chosen.clear()
        self.choose(())

    async def add(self, paths: Sequence[str]) -> None:
        """Attach files. Those that can be sent are attached even if another one cannot be sent.

        Raises:
            AttachmentProblem: the reason for the first file that cannot be sent.
        """
        from handinger_tui.ui.sessions.message_files import sendable  # with the first file

        checks = [await self._check_file(path) for path in paths]
        self.choose(check for check in checks if isinstance(check, Attachment))
        sendable(checks)

    def remove(self, chip: Chip) -> None:
        """Remove what a chip stands for: an attachment, a mention or a pasted text."""
        match chip.kind:
            case ChipKind.FILE:
                self._chosen.pop(chip.key, None)
            case ChipKind.NAMED:
                self._prompt.put(without_mention(self._prompt.text, chip.key))
            case ChipKind.TEXT:
                self._prompt.replace_chip(int(chip.key), "")
        self.choose(())

    def unfold(self, chip: Chip) -> None:
        """Put a folded pasted text into the prompt as text."""
        self._prompt.replace_chip(int(chip.key), self._prompt.pasted.texts[int(chip.key) - 1])
        self._prompt.focus()

    # -- files dropped on the terminal ---------------------------------------------------------
    def dropped(self, paths: tuple[str, ...], text: str) -> None:
        """Check a pasted `text` that may be a list of files; if it is, chips replace it."""
        drop = Drop(text, asyncio.Event())
        self._drops.append(drop)
        self._run(self._resolve_drop(drop, paths))

    async def _resolve_drop(self, drop: Drop, paths: tuple[str, ...]) -> None:
        try:
            checks = [await self._check_file(path) for path in paths]
            problems = [check for check in checks if isinstance(check, AttachmentProblem)]
            # The prompt may hold the draft of another session by now.
            is_current = drop in self._drops
            if not problems:
                drop.files = [check for check in checks if isinstance(check, Attachment)]
                if is_current:
                    self._prompt.remove_pasted(drop.text)
                    self.choose(drop.files)
            elif is_current and (
                len(problems) < len(checks)
                or not all(isinstance(problem, NoSuchFile) for problem in problems)
            ):
                raise problems[0]
        finally:
            drop.is_checked.set()
            if drop in self._drops:
                self._drops.remove(drop)

    async def with_drops(self, snapshot: PromptSnapshot) -> PromptSnapshot:
        """The snapshot with its drops resolved to files.

        After `DROP_TIMEOUT_S` an unchecked drop stays text.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(DROP_TIMEOUT_S):
                for drop in snapshot.drops:
                    await drop.is_checked.wait()
        text, files = snapshot.text, list(snapshot.files)
        for drop in snapshot.drops:
            at = text.rfind(drop.text)
            if drop.files is not None and at >= 0:
                text = text[:at] + text[at + len(drop.text) :]
                files += [file for file in drop.files if file not in files]
        return replace(snapshot, text=text, files=tuple(files), drops=())

    # -- the message -----------------------------------------------------------------------------
    @property
    def mentioned(self) -> Mapping[str, FileCheck]:
        """The files that the text mentions, by path, as they were when their chips were made."""
        return self._mentions.checks

    @property
    def drops(self) -> tuple[Drop, ...]:
        """Pasted texts whose paths are still being checked."""
        return tuple(self._drops)

    def restore(self, files: Iterable[Attachment]) -> None:
        """The prompt holds another draft, with these files."""
        self._drops.clear()
        self._chosen = {file.path: file for file in files}
        self._problems.clear()

    def clear_sent(self, sent: Sequence[Attachment]) -> None:
        """Remove what was sent."""
        self._chosen = {file.path: file for file in self.chosen if file not in sent}

    async def message_with(self, text: str, paths: Sequence[str]) -> Message:
        """The message for `text` and these files, independent of the prompt.

        Raises:
            AttachmentProblem: a file cannot be sent.
        """
        from handinger_tui.ui.sessions.message_files import Message, sendable, with_mentions  # as above

        resolved, mentioned = await with_mentions(text, self._check_file)
        return Message.of(resolved, [*mentioned, *sendable([await self._check_file(path) for path in paths])])

    async def check_mention(self, path: str) -> FileCheck:
        """Check a file that a text mentions, before that is sent. Its chip shows what was found."""
        now = await self._mentions.check_again(path)
        self.show()
        return now

    async def check_again(self, file: Attachment) -> Attachment:
        """Check an attached file, before it is sent. Its chip shows what was found.

        Raises:
            AttachmentProblem: it cannot be sent or has changed since it was attached.
        """
        from handinger_tui.ui.sessions.message_files import require_same  # with the first file

        now = await self._check_file(file.path)
        # Compared by identity: another session may have attached the same path.
        is_current = self._chosen.get(file.path) is file
        if isinstance(now, AttachmentProblem):
            if is_current:
                self._problems[file.path] = now
                self.show()
            raise now
        now = replace(now, path=file.path, name=file.name, media_type=file.media_type)
        if is_current:
            self._problems.pop(file.path, None)
            self._chosen[file.path] = now
            self.show()
        require_same(file, now)
        return now

    # -- chips -------------------------------------------------------------------------------------
    def show(self) -> None:
        """Show the chips."""
        self._chips.show([*self._mentions.chips(), *map(self._file_chip, self.chosen), *self._text_chips()])

    def _file_chip(self, file: Attachment) -> Chip:
        if file.path in self._problems:
            return wrong_chip(ChipKind.FILE, file.path, file.name, self._problems[file.path])
        return file_chip(ChipKind.FILE, file.path, file)

    def _text_chips(self) -> list[Chip]:
        pasted = self._prompt.pasted.texts
        numbers = dict.fromkeys(fold.number for fold in chips_in(self._prompt.text, pasted))
        return [text_chip(number, pasted[number - 1]) for number in numbers]


MAX_LOOKUP_CHARS: Final = 20_000
"""In a longer text, mentioned files are checked only when the message is sent."""


class MentionLookup:
    """Checks the files that the text mentions, for their chips. Sending checks every file again."""

    def __init__(
        self,
        check_file: Callable[[str], Awaitable[FileCheck]],
        prompt: PromptBox,
        run: Callable[[Coroutine[Any, Any, None]], object],
        checked: Callable[[], None],
    ) -> None:
        """`run` runs a coroutine in the background; `checked` is called when the chips may have changed."""
        self._check_file = check_file
        self._prompt = prompt
        self._run = run
        self._notify_checked = checked
        self._checks: dict[str, FileCheck] = {}
        self._is_checking = False

    def typed(self) -> None:
        """Check files newly mentioned, after the text or the cursor changed."""
        paths = self._mentioned_paths()
        self._checks = {path: check for path, check in self._checks.items() if path in paths}
        if not self._is_checking and self._unchecked_paths():
            self._is_checking = True
            self._run(self._check_all())

    def _mentioned_paths(self) -> tuple[str, ...]:
        text = self._prompt.text
        return file_mentions(text).paths if "@" in text and len(text) <= MAX_LOOKUP_CHARS else ()

    def _unchecked_paths(self) -> list[str]:
        """Mentioned paths without a check. The one at the cursor is still being typed and is omitted."""
        paths = self._mentioned_paths()
        if not paths:
            return []
        row, column = self._prompt.cursor_location
        at_cursor = partial_mention_at(self._prompt.document.get_line(row), column)
        return [
            path
            for path in paths
            if path not in self._checks and (at_cursor is None or path != at_cursor.path)
        ]

    async def _check_all(self) -> None:
        try:
            while unchecked := self._unchecked_paths():
                for path in unchecked:
                    self._checks[path] = await self._check_file(path)
        finally:
            self._is_checking = False
        self.typed()
        self._notify_checked()

    def chips(self) -> list[Chip]:
        """One chip for each mentioned file.

        A mention that matches no file on disk is a plain word without chip.
        """
        if not self._checks:
            return []
        existing = [path for path, check in self._checks.items() if not isinstance(check, NoSuchFile)]
        chips = []
        for path in file_mentions(self._prompt.text, existing.__contains__).paths:
            check = self._checks.get(path)
            if isinstance(check, Attachment):
                chips.append(file_chip(ChipKind.NAMED, path, check))
            elif check is not None:
                chips.append(wrong_chip(ChipKind.NAMED, path, path, check))
        return chips

    @property
    def checks(self) -> dict[str, FileCheck]:
        """The mentioned files by path, as they were when their chips were made."""
        return dict(self._checks)

    async def check_again(self, path: str) -> FileCheck:
        """Check a file once more, whatever is known of it."""
        now = await self._check_file(path)
        if path in self._checks:
            self._checks[path] = now
        return now
