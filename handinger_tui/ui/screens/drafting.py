"""Drafting: the message being written: its text, the files that go along, the big texts folded in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
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


@dataclass(slots=True)
class Drop:
    """`text` was pasted and may be a list of files. `files`: what it turned out to be, None for a text."""

    text: str
    looked: asyncio.Event
    files: list[Attachment] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The text of the prompt, the files on chips and the pasted texts, all of one moment."""

    text: str
    files: tuple[Attachment, ...] = ()
    pasted: tuple[str, ...] = ()
    looked: Mapping[str, Looked] = field(default_factory=dict)
    """Files that the text names, as they were when their chips were made."""
    drops: tuple[Drop, ...] = ()
    """Pasted texts that may still turn out to be files."""

    @property
    def draft(self) -> Draft:
        """As it is kept on disk."""
        return draft_from(self.text, self.files, self.pasted)


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
        self._drops: list[Drop] = []

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
        drop = Drop(text, asyncio.Event())
        self._drops.append(drop)
        self._do(self._land(drop, paths))

    async def _land(self, drop: Drop, paths: tuple[str, ...]) -> None:
        try:
            seen = [await self._look_at(path) for path in paths]
            problems = [one for one in seen if isinstance(one, AttachmentProblem)]
            # The prompt may hold the draft of another session by now.
            here = drop in self._drops
            if not problems:
                drop.files = [one for one in seen if isinstance(one, Attachment)]
                if here:
                    self._prompt.take_out(drop.text)
                    self.choose(drop.files)
            elif here and (len(problems) < len(seen) or not _all_missing(problems)):
                raise problems[0]
        finally:
            drop.looked.set()
            if drop in self._drops:
                self._drops.remove(drop)

    async def landed(self, written: Written) -> Written:
        """The same with its pasted texts resolved to files; a slow disk is not waited for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LANDS_WITHIN_S):
                for drop in written.drops:
                    await drop.looked.wait()
        text, files = written.text, list(written.files)
        for drop in written.drops:
            at = text.rfind(drop.text)
            if drop.files is not None and at >= 0:
                text = text[:at] + text[at + len(drop.text) :]
                files += [file for file in drop.files if file not in files]
        return replace(written, text=text, files=tuple(files), drops=())

    # -- sending ---------------------------------------------------------------------------------
    def written(self) -> Written:
        """What stands here now. Nothing that happens later changes it."""
        return Written(
            self._prompt.text,
            self.chosen,
            tuple(self._prompt.pasted),
            self._naming.looked,
            tuple(self._drops),
        )

    async def message(self, written: Written) -> Message:
        """What that comes to, every file looked at once more.

        Raises:
            AttachmentProblem: a file cannot be sent, or is not what was chosen; nothing goes, all stays.
        """
        try:
            text, named = await self._naming.resolve(written.text, written.pasted, written.looked)
            files = [*named, *[await self._checked(file) for file in written.files]]
        finally:
            self._show()
        return Message(text, tuple({file.path: file for file in files}.values()))

    async def message_with(self, text: str, paths: Sequence[str]) -> Message:
        """What `text` and these files come to, whatever is being written.

        Raises:
            AttachmentProblem
        """
        resolved, named = await self._naming.resolve(text, (), {})
        seen = [await self._look_at(path) for path in paths]
        for one in seen:
            if isinstance(one, AttachmentProblem):
                raise one
        files = [*named, *(one for one in seen if isinstance(one, Attachment))]
        return Message(resolved, tuple({file.path: file for file in files}.values()))

    async def _checked(self, file: Attachment) -> Attachment:
        now = await self._look_at(file.path)
        # The very chip: another session may have chosen the same path.
        here = self._chosen.get(file.path) is file
        if isinstance(now, AttachmentProblem):
            if here:
                self._wrong[file.path] = now
            raise now
        now = replace(now, path=file.path, name=file.name, media_type=file.media_type)
        if here:
            self._wrong.pop(file.path, None)
            self._chosen[file.path] = now
        same(file, now)
        return now

    def clear_sent(self, written: Written, sent: Sequence[Attachment]) -> None:
        """A message is safe elsewhere: what was written and chosen after it stays."""
        gone = [file for file in self.chosen if file in sent]
        self._chosen = {file.path: file for file in self.chosen if file not in gone}
        text = self._prompt.text
        if not text.startswith(written.text) and text.endswith(written.text):
            # One that was pressed behind it and was refused still stands before it.
            self._prompt.put(text[: len(text) - len(written.text)])
        else:
            self._prompt.let_go(written.text)
        self._show()

    def remember(self, written: Written) -> None:
        """The message can be called back from the history of the prompt."""
        self._prompt.remember(in_history(written.text, written.files))

    # -- coming back ------------------------------------------------------------------------------
    def draft(self) -> Draft:
        """All of it, to be kept."""
        return draft_from(self._prompt.text, self.chosen, self._prompt.pasted)

    def restore(self, draft: Draft) -> None:
        """Go on with a kept one, in place of what is there."""
        self._drops.clear()
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


def _all_missing(problems: Sequence[AttachmentProblem]) -> bool:
    return all(isinstance(problem, NoSuchFile) for problem in problems)
