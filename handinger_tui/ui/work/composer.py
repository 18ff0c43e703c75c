"""The message being written: its text, attachments and pasted texts; or a queued message, edited."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from handinger_tui.core.errors import AttachmentProblem, HandingerError, NoSuchFile
from handinger_tui.core.prompts import (
    Draft,
    chips_in,
    compose,
    draft_as_typed,
    draft_of_request,
    expand_chips,
    file_mentions,
    history_entry,
    partial_mention_at,
    without_mention,
)
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import Attachment, Lineage, LineageKind, Turn, TurnRequest
from handinger_tui.ui.widgets.strips import Chip, ChipKind, Chips, file_chip, text_chip, wrong_chip

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence

    from handinger_tui.ui.ports import LocalFiles, StoredSessions
    from handinger_tui.ui.terminal.diff_app import DiffApp
    from handinger_tui.ui.widgets.prompt import PromptBox
    from handinger_tui.ui.work.interaction import Interaction
    from handinger_tui.ui.work.session_controller import SessionController

SEEN_AFTER_S: Final = 0.7
"""Seconds after which a person has seen that a draft came into the prompt."""
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


class Message(Struct, frozen=True):
    """What is sent. Files mentioned in the text appear in it by their plain names."""

    text: str
    files: tuple[Attachment, ...] = ()


class Composer:
    """Holds the attachments of the message being written and shows each on a chip. Reads files in threads."""

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
        self.prompt = prompt
        self._chips = chips
        self._run = run
        self._changed = changed
        self._chosen: dict[str, Attachment] = {}
        """Attached files that the text does not mention, by path."""
        self._problems: dict[str, AttachmentProblem] = {}
        """The reason for each file of `_chosen` that could not be sent at its last check, by path."""
        self._mentions = MentionLookup(self._check_file, prompt, run, lambda: self.choose(()))
        self._drops: list[Drop] = []
        self._lineage: Lineage | None = None
        """The earlier message that the text is made from; None once the prompt is empty."""
        self._is_editing = False
        """Whether the person's own editor is open."""
        self._aside: Draft | None = None
        self._unseen_until = 0.0
        """The monotonic time until which the draft of the first session may not have been seen."""
        self._before: Draft | None = None
        """The draft that was in the prompt before an earlier message was put there."""
        self._restored_text = ""
        """The text of the draft that was put into the prompt last."""

    async def _check_file(self, path: str) -> FileCheck:
        try:
            return await asyncio.to_thread(self._files.attachment, path)
        except AttachmentProblem as problem:
            return problem

    def typed(self) -> None:
        """Update mentions and chips after the text or the cursor changed."""
        if not self.prompt.text:
            self._lineage = self._before = None
        self._mentions.typed()
        self._show()

    # -- attachments ---------------------------------------------------------------------
    @property
    def chosen(self) -> tuple[Attachment, ...]:
        """The attached files that the text does not mention."""
        return tuple(self._chosen.values())

    def choose(self, files: Iterable[Attachment]) -> None:
        """Attach these files too."""
        self._chosen.update((file.path, file) for file in files)
        self._show()
        self._changed()

    def clear_files(self) -> None:
        """Remove all attachments that the text does not mention."""
        self._chosen.clear()
        self.choose(())

    async def add(self, paths: Sequence[str]) -> None:
        """Attach files. Those that can be sent are attached even if another one cannot be sent.

        Raises:
            AttachmentProblem: the reason for the first file that cannot be sent.
        """
        checks = [await self._check_file(path) for path in paths]
        self.choose(check for check in checks if isinstance(check, Attachment))
        _attachments(checks)

    def remove(self, chip: Chip) -> None:
        """Remove what a chip stands for: an attachment, a mention or a pasted text."""
        match chip.kind:
            case ChipKind.FILE:
                self._chosen.pop(chip.key, None)
            case ChipKind.NAMED:
                self.prompt.put(without_mention(self.prompt.text, chip.key))
            case ChipKind.TEXT:
                self.prompt.replace_chip(int(chip.key), "")
        self.choose(())

    def unfold(self, chip: Chip) -> None:
        """Put a folded pasted text into the prompt as text."""
        self.prompt.replace_chip(int(chip.key), self.prompt.pasted.texts[int(chip.key) - 1])
        self.prompt.focus()

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
                    self.prompt.remove_pasted(drop.text)
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

    # -- sending ---------------------------------------------------------------------------------
    def snapshot(self) -> PromptSnapshot:
        """A snapshot of what is in the prompt now."""
        return PromptSnapshot(
            self.prompt.text,
            self.chosen,
            tuple(self.prompt.pasted.texts),
            self._mentions.checks,
            tuple(self._drops),
            self._lineage,
        )

    async def message(self, snapshot: PromptSnapshot) -> Message:
        """The message for a snapshot, after every file was checked again.

        Raises:
            AttachmentProblem: a file cannot be sent or has changed since it was attached. Nothing is changed.
        """
        try:
            text, mentioned_files = await self._mentions.resolve(
                snapshot.text, snapshot.pasted, snapshot.mentions
            )
            files = [*mentioned_files, *[await self._recheck(file) for file in snapshot.files]]
        finally:
            self._show()
        return Message(text, tuple({file.path: file for file in files}.values()))

    async def message_with(self, text: str, paths: Sequence[str]) -> Message:
        """The message for `text` and these files, independent of the prompt.

        Raises:
            AttachmentProblem: a file cannot be sent.
        """
        resolved, mentioned_files = await self._mentions.resolve(text, (), {})
        files = [*mentioned_files, *_attachments([await self._check_file(path) for path in paths])]
        return Message(resolved, tuple({file.path: file for file in files}.values()))

    async def message_again(self, request: TurnRequest) -> Message:
        """An earlier message as it was, independent of the prompt.

        Raises:
            AttachmentProblem: a file cannot be sent or has changed since then.
        """
        return Message(request.prompt, tuple([await self._recheck(file) for file in request.attachments]))

    async def _recheck(self, file: Attachment) -> Attachment:
        now = await self._check_file(file.path)
        # Compared by identity: another session may have attached the same path.
        is_current = self._chosen.get(file.path) is file
        if isinstance(now, AttachmentProblem):
            if is_current:
                self._problems[file.path] = now
            raise now
        now = replace(now, path=file.path, name=file.name, media_type=file.media_type)
        if is_current:
            self._problems.pop(file.path, None)
            self._chosen[file.path] = now
        require_same(file, now)
        return now

    def clear_sent(self, snapshot: PromptSnapshot, sent: Sequence[Attachment]) -> None:
        """Remove a stored message from the prompt; what was typed and attached after it stays.

        Behind an earlier message that was edited, the draft from before it comes back.
        """
        before, self._lineage, self._before = self._before, None, None
        self._chosen = {file.path: file for file in self.chosen if file not in sent}
        text = self.prompt.text
        if not text.startswith(snapshot.text) and text.endswith(snapshot.text):
            # A message submitted earlier and refused is still in front of this one.
            self.prompt.put(text[: len(text) - len(snapshot.text)])
        else:
            self.prompt.clear_sent(snapshot.text)
        if before is not None and not self.prompt.text and not self._chosen:
            self.restore(before)
        self._show()

    def replace_text(self, text: str) -> None:
        """Replace the text of the prompt and focus it; the old text goes to the prompt history."""
        if self.prompt.text != text:
            self.prompt.message_history.add(self.prompt.text)
        self._lineage = None
        self.prompt.put(text)
        self.prompt.focus()

    def start_from(self, draft: Draft, lineage: Lineage) -> None:
        """Replace the contents of the prompt with an earlier message; the old text goes to the history."""
        before = self.draft() if self.origin is None else self._before
        if self.prompt.text.strip():
            self.remember(self.snapshot())
        self.restore(replace(draft, lineage=lineage))
        self._before = before
        self.prompt.focus()

    @property
    def origin(self) -> Lineage | None:
        """The earlier message that is being edited in the prompt; None for none."""
        return self._lineage if self._lineage is not None and self._lineage.kind is LineageKind.EDIT else None

    def cancel_edit(self) -> None:
        """Put the draft from before an earlier message back; what was made of it goes to the history."""
        before = self._before or Draft()
        self.remember(self.snapshot())
        self.restore(before)
        self.prompt.focus()

    def carry(self, text: str, lineage: Lineage) -> None:
        """Put a folded text before what is in the prompt."""
        self.prompt.put(f"{self.prompt.pasted.add(text)}\n\n{self.prompt.text}")
        self._lineage = lineage
        self.prompt.focus()

    async def edit_externally(self, app: DiffApp) -> None:
        """Edit the text in the person's own editor; does nothing while that is open already.

        Raises:
            EditorProblem: the editor failed; the text is unchanged.
        """
        from handinger_tui.ui.work.external_editor import edit  # tempfile, and few use an editor

        if self._is_editing:
            return
        self._is_editing = True
        try:
            self.replace_text(await edit(app, self.prompt.text))
        finally:
            self._is_editing = False

    def restore_unseen(self, draft: Draft) -> None:
        """Restore a draft that nobody asked for now: keys may be under way that were not meant for it."""
        self.restore(draft)
        self._unseen_until = monotonic() + SEEN_AFTER_S

    @property
    def is_unseen(self) -> bool:
        """Whether the draft in the prompt came so short a time ago that it may not have been seen."""
        return monotonic() < self._unseen_until and self.is_restored

    def give_way(self) -> None:
        """Something is typed that was not meant to continue the draft: keep it until that is sent."""
        draft = self.draft()
        self.restore(Draft())
        self.set_aside(draft)

    def set_aside(self, draft: Draft) -> None:
        """Keep the draft of the first session, in whose place something was typed, until that is sent."""
        if not draft.text.strip() and not draft.files:
            return
        self._aside = draft
        self.prompt.message_history.add(history_entry(self.prompt.pasted.add_draft(draft), draft.files))

    def restore_aside(self) -> None:
        """Put that draft into the prompt, if it is empty."""
        if self._aside is not None and not self.prompt.text and not self._chosen:
            self.restore(self._aside)

    def remember(self, snapshot: PromptSnapshot, *, sent: bool = False) -> None:
        """Add the message to the prompt history; `sent`: it is stored as a turn."""
        self.prompt.message_history.add(history_entry(snapshot.text, snapshot.files), sent=sent)

    async def save_unsent(self, history: StoredSessions) -> None:
        """Save the texts of the prompt history that are not sent and not on disk yet. Raises LedgerError."""
        shown = self.prompt.message_history
        texts, shown.unsaved = shown.unsaved, []
        try:
            if texts:
                await history.keep_unsent([expand_chips(text, self.prompt.pasted.texts) for text in texts])
        except HandingerError:
            shown.unsaved = [*texts, *shown.unsaved]
            raise

    # -- drafts ----------------------------------------------------------------------------------
    def draft(self) -> Draft:
        """The text and the attachments of the prompt as a draft to save."""
        return self.snapshot().draft

    def restore(self, draft: Draft) -> None:
        """Replace the contents of the prompt with a saved draft."""
        self._drops.clear()
        self._chosen = {file.path: file for file in draft.files}
        self._problems.clear()
        self._aside = self._before = None
        self._unseen_until = 0.0
        self.prompt.message_history.add(*draft.others)
        self._restored_text = self.prompt.pasted.add_draft(draft)
        self.prompt.put(self._restored_text)
        self._lineage = draft.lineage
        self._show()

    @property
    def is_restored(self) -> bool:
        """Whether a saved draft is in the prompt, unchanged."""
        return bool(self.prompt.text) and self.prompt.text == self._restored_text

    def return_drafts(self, drafts: Sequence[Draft]) -> None:
        """Return possibly undelivered messages: all to the history, the oldest also to an empty prompt."""
        texts = [self.prompt.pasted.add_draft(draft) for draft in drafts]
        entries = [history_entry(text, draft.files) for text, draft in zip(texts, drafts, strict=True)]
        self.prompt.message_history.add(*reversed(entries))
        if drafts and not self.prompt.text.strip():
            self._restored_text = texts[0]
            self._unseen_until = monotonic() + SEEN_AFTER_S
            self.prompt.put(texts[0])
            self._lineage = drafts[0].lineage
            self.choose(drafts[0].files)

    # -- chips -------------------------------------------------------------------------------------
    def _show(self) -> None:
        self._chips.show([*self._mentions.chips(), *map(self._file_chip, self.chosen), *self._text_chips()])

    def _file_chip(self, file: Attachment) -> Chip:
        if file.path in self._problems:
            return wrong_chip(ChipKind.FILE, file.path, file.name, self._problems[file.path])
        return file_chip(ChipKind.FILE, file.path, file)

    def _text_chips(self) -> list[Chip]:
        pasted = self.prompt.pasted.texts
        numbers = dict.fromkeys(fold.number for fold in chips_in(self.prompt.text, pasted))
        return [text_chip(number, pasted[number - 1]) for number in numbers]


def _attachments(checks: Sequence[FileCheck]) -> list[Attachment]:
    """The checked files. Raises the first AttachmentProblem among them."""
    for check in checks:
        if isinstance(check, AttachmentProblem):
            raise check
    return [check for check in checks if isinstance(check, Attachment)]


MAX_LOOKUP_CHARS: Final = 20_000
"""In a longer text, mentioned files are checked only when the message is sent."""
AS_TEXT: Final = r"Check the path, or type \@ to send it as text."

FileCheck = Attachment | AttachmentProblem
"""The result of checking a file: the attachment, or the reason why it cannot be sent."""


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

    async def resolve(
        self, text: str, pasted: Sequence[str], earlier: Mapping[str, FileCheck]
    ) -> tuple[str, list[Attachment]]:
        """What is sent for `text`, and the files it mentions, each checked again.

        Raises:
            AttachmentProblem: a file cannot be sent, or has changed since its `earlier` check.
        """
        now = {path: await self._check_file(path) for path in file_mentions(text).paths}
        self._checks.update((path, check) for path, check in now.items() if path in self._checks)
        sent = compose(text, pasted, lambda path: not isinstance(now[path], NoSuchFile))
        return sent.text, [_require_sendable(now[path], earlier.get(path)) for path in sent.paths]


def _require_sendable(now: FileCheck, before: FileCheck | None) -> Attachment:
    if isinstance(now, AttachmentProblem):
        raise AttachmentProblem(now.summary, AS_TEXT if isinstance(now, NoSuchFile) else now.hint)
    if isinstance(before, Attachment):
        require_same(before, now)
    return now


def require_same(before: Attachment, now: Attachment) -> None:
    """Refuse a file whose contents changed.

    Raises:
        AttachmentProblem: size or hash differ.
    """
    if before.sha256 and (before.size, before.sha256) != (now.size, now.sha256):
        sizes = "" if before.size == now.size else f" (from {before.size:,} to {now.size:,} bytes)"
        raise AttachmentProblem(
            f"{clean_line(now.name, 120)} changed since it was attached{sizes}. Nothing was sent.",
            "Press Enter to send the current version.",
        )


class QueueEdit(Struct, frozen=True):
    """A queued turn being edited.

    `aside`: the draft that was in the prompt before; it is restored afterwards.
    """

    session_id: str
    turn: Turn
    aside: Draft


class QueueEditor:
    """Tracks the edit of a queued message.

    The queue keeps the old message until the changed one is stored; it and all behind it wait meanwhile.
    """

    def __init__(self, controller: SessionController, interaction: Interaction, composer: Composer) -> None:
        self._controller = controller
        self._interaction = interaction
        self._composer = composer
        self.edit: QueueEdit | None = None
        """The present edit, always of a message of the session on the screen; None when there is none."""

    @property
    def turn_id(self) -> str | None:
        """The id of the queued turn that is being edited."""
        return None if self.edit is None else self.edit.turn.turn_id

    def begin(self, session_id: str, turn: Turn) -> None:
        """Put a queued message into the prompt for editing.

        Raises:
            Busy: it is being sent already.
        """
        self._controller.engine.actor(session_id).gate.begin_edit(turn.turn_id)
        if self.turn_id == turn.turn_id:
            self._composer.prompt.focus()
            return
        self._put_aside()
        self.edit = QueueEdit(session_id, turn, self._composer.draft())
        self._composer.restore(draft_of_request(turn.request))
        self._composer.prompt.focus()

    def cancel(self) -> None:
        """Cancel the edit: the queued message stays, and a changed text goes to the prompt history.

        A queue that waited for the edit is held: nothing is sent by that.
        """
        if self.edit is not None:
            self._controller.engine.actor(self.edit.session_id).gate.end_edit()
        self._put_aside()

    def _put_aside(self) -> None:
        """Take the edited message out of the prompt, which gets the earlier draft back."""
        if self.edit is not None:
            edit, self.edit = self.edit, None
            snapshot = self._composer.snapshot()
            if snapshot.text != edit.turn.request.prompt:
                self._composer.remember(snapshot)
            self._composer.restore(edit.aside)

    def stored(self, turn_id: str) -> None:
        """End the edit after the changed message replaced the queued one."""
        if self.edit is not None and self.edit.turn.turn_id == turn_id:
            edit, self.edit = self.edit, None
            typed_after = self._composer.draft()
            if not typed_after.text.strip() and not typed_after.files:
                self._composer.restore(edit.aside)

    def draft(self) -> Draft:
        """The draft to save: during an edit the one set aside, with what was made of the queued message."""
        if self.edit is not None and (self.edit.aside.text or self.edit.aside.files):
            snapshot = self._composer.snapshot()
            text = history_entry(expand_chips(snapshot.text, snapshot.pasted), snapshot.files)
            return replace(self.edit.aside, others=(text,))
        return self._composer.draft()

    async def withdraw(self, session_id: str, turn: Turn) -> None:
        """Remove a message from the queue; its text goes to the prompt history. Raises LedgerError."""
        await self._controller.engine.actor(session_id).withdraw(turn.turn_id)
        if self.turn_id == turn.turn_id:
            self.cancel()
        self._composer.remember(PromptSnapshot(turn.request.prompt, turn.request.attachments))
        self._interaction.say("Withdrawn. Press ↑ to bring the text back.")
