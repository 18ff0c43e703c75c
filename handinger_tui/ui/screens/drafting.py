"""Drafting: the message being written: its text, the files that go along, the big texts folded in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from handinger_tui.core.attaching import folds_in, without
from handinger_tui.core.drafts import Draft, draft_from, in_history
from handinger_tui.core.errors import AttachmentProblem, NoSuchFile
from handinger_tui.core.record import dataclass
from handinger_tui.core.turn import Attachment
from handinger_tui.ui.launch import LocalFiles
from handinger_tui.ui.screens.naming import Looked, Naming, same
from handinger_tui.ui.widgets.chips import Chip, Chips, Kind, file_chip, text_chip, wrong_chip
from handinger_tui.ui.widgets.prompt import PromptBox

LANDS_WITHIN_S: Final = 10.0
"""Enter waits so long for files that were just dropped: a disk may hang."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: files that were named in the text stand in it by their plain names."""

    text: str
    files: tuple[Attachment, ...] = ()


class Drafting:
    """The disk is looked at in threads; every outcome is on the chips."""

    def __init__(
        self,
        files: LocalFiles,
        prompt: PromptBox,
        chips: Chips,
        do: Callable[[Coroutine[Any, Any, None]], object],
        changed: Callable[[], None],
    ) -> None:
        """`do`: has work done meanwhile; `changed`: hears that other files go along."""
        self._files = files
        self._prompt = prompt
        self._chips = chips
        self._do = do
        self._changed = changed
        self._chosen: dict[str, Attachment] = {}
        """Files that were attached by other means than the text, by path."""
        self._wrong: dict[str, AttachmentProblem] = {}
        """Those of them that could not be sent at the last look."""
        self._naming = Naming(self._look_at, prompt, do, lambda: self.choose(()))
        self._falling = 0
        self._landed = asyncio.Event()
        self._landed.set()

    async def _look_at(self, path: str) -> Looked:
        try:
            return await asyncio.to_thread(self._files.attachment, path)
        except AttachmentProblem as problem:
            return problem

    def typed(self) -> None:
        """The text, or the place in it, has changed."""
        self._naming.typed()
        self._show()

    # -- what goes along -----------------------------------------------------------------
    @property
    def chosen(self) -> tuple[Attachment, ...]:
        """The files that no word of the text stands for."""
        return tuple(self._chosen.values())

    def choose(self, files: Iterable[Attachment]) -> None:
        """These go along too."""
        self._chosen.update((file.path, file) for file in files)
        self._show()
        self._changed()

    def clear_files(self) -> None:
        """None of the chosen ones goes along."""
        self._chosen.clear()
        self.choose(())

    async def add(self, paths: Sequence[str]) -> None:
        """Attach files; those that can be sent go along also when another one cannot.

        Raises:
            AttachmentProblem: the first of those that cannot.
        """
        found = [await self._look_at(path) for path in paths]
        self.choose(one for one in found if isinstance(one, Attachment))
        for one in found:
            if isinstance(one, AttachmentProblem):
                raise one

    def remove(self, chip: Chip) -> None:
        """A chip was taken away."""
        match chip.kind:
            case Kind.FILE:
                self._chosen.pop(chip.key, None)
            case Kind.NAMED:
                self._prompt.put(without(self._prompt.text, chip.key))
            case Kind.TEXT:
                self._prompt.drop(int(chip.key))
        self.choose(())

    def unfold(self, chip: Chip) -> None:
        """A folded text is wanted as text."""
        self._prompt.unfold(int(chip.key))
        self._prompt.focus()

    # -- files dropped on the terminal ---------------------------------------------------------
    def dropped(self, paths: tuple[str, ...], text: str) -> None:
        """`text` was pasted and may be a list of files: then chips take its place."""
        self._falling += 1
        self._landed.clear()
        self._do(self._land(paths, text))

    async def _land(self, paths: tuple[str, ...], text: str) -> None:
        try:
            found = [await self._look_at(path) for path in paths]
            problems = [one for one in found if isinstance(one, AttachmentProblem)]
            if not problems:
                self._prompt.take_out(text)
                self.choose(one for one in found if isinstance(one, Attachment))
            elif len(problems) < len(found) or not all(isinstance(one, NoSuchFile) for one in problems):
                raise problems[0]
        finally:
            self._falling -= 1
            if not self._falling:
                self._landed.set()

    @property
    def falling(self) -> bool:
        """It is not known yet whether a pasted text is files."""
        return self._falling > 0

    async def landed(self) -> None:
        """Wait until that is known, but not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LANDS_WITHIN_S):
                await self._landed.wait()

    # -- sending ---------------------------------------------------------------------------------
    async def message(self, text: str) -> Message:
        """What `text` and the chips come to, every file looked at once more.

        Raises:
            AttachmentProblem: a file cannot be sent, or is not what was chosen; nothing goes, all stays.
        """
        try:
            told, named = await self._naming.told(text)
            files = [*named, *[await self._checked(file) for file in self.chosen]]
        finally:
            self._show()
        return Message(told, tuple({file.path: file for file in files}.values()))

    async def message_with(self, text: str, paths: Sequence[str]) -> Message:
        """What `text` and these files come to, whatever is being written.

        Raises:
            AttachmentProblem
        """
        told, named = await self._naming.told(text)
        looked = [await self._look_at(path) for path in paths]
        for one in looked:
            if isinstance(one, AttachmentProblem):
                raise one
        files = [*named, *(one for one in looked if isinstance(one, Attachment))]
        return Message(told, tuple({file.path: file for file in files}.values()))

    async def _checked(self, file: Attachment) -> Attachment:
        now = await self._look_at(file.path)
        if isinstance(now, AttachmentProblem):
            self._wrong[file.path] = now
            raise now
        self._wrong.pop(file.path, None)
        now = replace(now, path=file.path, name=file.name, media_type=file.media_type)
        if file.path in self._chosen:
            self._chosen[file.path] = now
        same(file, now)
        return now

    def let_go(self, message: Message, typed: str) -> None:
        """The message is safe elsewhere: what was written and chosen meanwhile stays."""
        gone = [file for file in self.chosen if file in message.files]
        self._chosen = {file.path: file for file in self.chosen if file not in gone}
        self._prompt.let_go(typed)
        self._prompt.remember(in_history(typed, gone))
        self._show()

    # -- coming back ------------------------------------------------------------------------------
    def draft(self) -> Draft:
        """All of it, to be kept."""
        return draft_from(self._prompt.text, self.chosen, self._prompt.pasted)

    def restore(self, draft: Draft) -> None:
        """Go on with a kept one, in place of what is there."""
        self._chosen = {file.path: file for file in draft.files}
        self._wrong.clear()
        self._prompt.put(self._prompt.taken_in(draft))
        self._show()

    def give_back(self, drafts: Sequence[Draft]) -> None:
        """Messages not surely delivered: all into the history, the oldest into an empty prompt."""
        texts = [self._prompt.taken_in(draft) for draft in drafts]
        told = [in_history(text, draft.files) for text, draft in zip(texts, drafts, strict=True)]
        self._prompt.remember(*reversed(told))
        if drafts and not self._prompt.text.strip():
            self._prompt.put(texts[0])
            self.choose(drafts[0].files)

    # -- chips -------------------------------------------------------------------------------------
    def _show(self) -> None:
        self._chips.show([*self._naming.chips(), *map(self._file_chip, self.chosen), *self._text_chips()])

    def _file_chip(self, file: Attachment) -> Chip:
        if file.path in self._wrong:
            return wrong_chip(Kind.FILE, file.path, file.name, self._wrong[file.path])
        return file_chip(Kind.FILE, file.path, file)

    def _text_chips(self) -> list[Chip]:
        pasted = self._prompt.pasted
        numbers = dict.fromkeys(one.number for one in folds_in(self._prompt.text, pasted))
        return [text_chip(number, pasted[number - 1]) for number in numbers]
