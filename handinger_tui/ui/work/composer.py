"""The message being written: its text, attachments and pasted texts, and how it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from handinger_tui.core.errors import AttachmentProblem, HandingerError, LedgerError, NoHistory, NoSuchFile
from handinger_tui.core.money.limits import LimitReached
from handinger_tui.core.prompts.attachments import composed, folds_in, mentioned, typing_at, without
from handinger_tui.core.prompts.drafts import Draft, draft_from, in_history
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import Attachment, TurnStatus
from handinger_tui.ui.ports import LocalFiles
from handinger_tui.ui.widgets.chips import Chip, Chips, Kind, file_chip, text_chip, wrong_chip
from handinger_tui.ui.widgets.pane import SessionPane
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.work.command_host import CommandHost
from handinger_tui.ui.work.session_controller import Outgoing, SessionController

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


@dataclass(frozen=True, slots=True)
class PromptSnapshot:
    """A snapshot of the prompt: its text, the files on chips and the pasted texts."""

    text: str
    files: tuple[Attachment, ...] = ()
    pasted: tuple[str, ...] = ()
    mentions: Mapping[str, FileCheck] = field(default_factory=dict)
    """The files that the text mentions, by path, as they were when their chips were made."""
    drops: tuple[Drop, ...] = ()
    """Pasted texts whose paths are still being checked."""

    @property
    def draft(self) -> Draft:
        """The snapshot in the form in which it is saved to disk."""
        return draft_from(self.text, self.files, self.pasted)


@dataclass(frozen=True, slots=True)
class Message:
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
        do: Callable[[Coroutine[Any, Any, None]], object],
        changed: Callable[[], None],
    ) -> None:
        """`do` runs a coroutine in the background; `changed` is called when the attachments change."""
        self._files = files
        self._prompt = prompt
        self._chips = chips
        self._do = do
        self._changed = changed
        self._chosen: dict[str, Attachment] = {}
        """Attached files that the text does not mention, by path."""
        self._problems: dict[str, AttachmentProblem] = {}
        """The reason for each file of `_chosen` that could not be sent at its last check, by path."""
        self._mentions = MentionLookup(self._check_file, prompt, do, lambda: self.choose(()))
        self._drops: list[Drop] = []

    async def _check_file(self, path: str) -> FileCheck:
        try:
            return await asyncio.to_thread(self._files.attachment, path)
        except AttachmentProblem as problem:
            return problem

    def typed(self) -> None:
        """Update mentions and chips after the text or the cursor changed."""
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
        for check in checks:
            if isinstance(check, AttachmentProblem):
                raise check

    def remove(self, chip: Chip) -> None:
        """Remove what a chip stands for: an attachment, a mention or a pasted text."""
        match chip.kind:
            case Kind.FILE:
                self._chosen.pop(chip.key, None)
            case Kind.NAMED:
                self._prompt.put(without(self._prompt.text, chip.key))
            case Kind.TEXT:
                self._prompt.drop(int(chip.key))
        self.choose(())

    def unfold(self, chip: Chip) -> None:
        """Put a folded pasted text into the prompt as text."""
        self._prompt.unfold(int(chip.key))
        self._prompt.focus()

    # -- files dropped on the terminal ---------------------------------------------------------
    def dropped(self, paths: tuple[str, ...], text: str) -> None:
        """Check a pasted `text` that may be a list of files; if it is, chips replace it."""
        drop = Drop(text, asyncio.Event())
        self._drops.append(drop)
        self._do(self._resolve_drop(drop, paths))

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
            elif is_current and (len(problems) < len(checks) or not _all_missing(problems)):
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
            self._prompt.text,
            self.chosen,
            tuple(self._prompt.pasted),
            self._mentions.checks,
            tuple(self._drops),
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
        checks = [await self._check_file(path) for path in paths]
        for check in checks:
            if isinstance(check, AttachmentProblem):
                raise check
        files = [*mentioned_files, *(check for check in checks if isinstance(check, Attachment))]
        return Message(resolved, tuple({file.path: file for file in files}.values()))

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
        """Remove a stored message from the prompt; what was typed and attached after it stays."""
        self._chosen = {file.path: file for file in self.chosen if file not in sent}
        text = self._prompt.text
        if not text.startswith(snapshot.text) and text.endswith(snapshot.text):
            # A message submitted earlier and refused is still in front of this one.
            self._prompt.put(text[: len(text) - len(snapshot.text)])
        else:
            self._prompt.clear_sent(snapshot.text)
        self._show()

    def remember(self, snapshot: PromptSnapshot) -> None:
        """Add the message to the prompt history."""
        self._prompt.remember(in_history(snapshot.text, snapshot.files))

    # -- drafts ----------------------------------------------------------------------------------
    def draft(self) -> Draft:
        """The text and the attachments of the prompt as a draft to save."""
        return draft_from(self._prompt.text, self.chosen, self._prompt.pasted)

    def restore(self, draft: Draft) -> None:
        """Replace the contents of the prompt with a saved draft."""
        self._drops.clear()
        self._chosen = {file.path: file for file in draft.files}
        self._problems.clear()
        self._prompt.put(self._prompt.import_draft(draft))
        self._show()

    def return_drafts(self, drafts: Sequence[Draft]) -> None:
        """Return possibly undelivered messages: all to the history, the oldest also to an empty prompt."""
        texts = [self._prompt.import_draft(draft) for draft in drafts]
        entries = [in_history(text, draft.files) for text, draft in zip(texts, drafts, strict=True)]
        self._prompt.remember(*reversed(entries))
        if drafts and not self._prompt.text.strip():
            self._prompt.put(texts[0])
            self.choose(drafts[0].files)

    # -- chips -------------------------------------------------------------------------------------
    def _show(self) -> None:
        self._chips.show([*self._mentions.chips(), *map(self._file_chip, self.chosen), *self._text_chips()])

    def _file_chip(self, file: Attachment) -> Chip:
        if file.path in self._problems:
            return wrong_chip(Kind.FILE, file.path, file.name, self._problems[file.path])
        return file_chip(Kind.FILE, file.path, file)

    def _text_chips(self) -> list[Chip]:
        pasted = self._prompt.pasted
        numbers = dict.fromkeys(fold.number for fold in folds_in(self._prompt.text, pasted))
        return [text_chip(number, pasted[number - 1]) for number in numbers]


def _all_missing(problems: Sequence[AttachmentProblem]) -> bool:
    return all(isinstance(problem, NoSuchFile) for problem in problems)


MAX_LOOKUP_CHARS: Final = 20_000
"""In a longer text, mentioned files are checked only when the message is sent."""
AS_TEXT: Final = r"Check the path; \@ sends it as text."

FileCheck = Attachment | AttachmentProblem
"""The result of checking a file: the attachment, or the reason why it cannot be sent."""


class MentionLookup:
    """Checks the files that the text mentions, for their chips. Sending checks every file again."""

    def __init__(
        self,
        check_file: Callable[[str], Awaitable[FileCheck]],
        prompt: PromptBox,
        do: Callable[[Coroutine[Any, Any, None]], object],
        checked: Callable[[], None],
    ) -> None:
        """`do` runs a coroutine in the background; `checked` is called when the chips may have changed."""
        self._check_file = check_file
        self._prompt = prompt
        self._do = do
        self._notify_checked = checked
        self._checks: dict[str, FileCheck] = {}
        self._is_checking = False

    def typed(self) -> None:
        """Check files newly mentioned, after the text or the cursor changed."""
        paths = self._mentioned_paths()
        self._checks = {path: check for path, check in self._checks.items() if path in paths}
        if not self._is_checking and self._unchecked_paths():
            self._is_checking = True
            self._do(self._check_all())

    def _mentioned_paths(self) -> tuple[str, ...]:
        text = self._prompt.text
        return mentioned(text).paths if "@" in text and len(text) <= MAX_LOOKUP_CHARS else ()

    def _unchecked_paths(self) -> list[str]:
        """Mentioned paths without a check. The one at the cursor is still being typed and is left out."""
        paths = self._mentioned_paths()
        if not paths:
            return []
        row, column = self._prompt.cursor_location
        at_cursor = typing_at(self._prompt.document.get_line(row), column)
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
        for path in mentioned(self._prompt.text, existing.__contains__).paths:
            check = self._checks.get(path)
            if isinstance(check, Attachment):
                chips.append(file_chip(Kind.NAMED, path, check))
            elif check is not None:
                chips.append(wrong_chip(Kind.NAMED, path, path, check))
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
        now = {path: await self._check_file(path) for path in mentioned(text).paths}
        self._checks.update((path, check) for path, check in now.items() if path in self._checks)
        sent = composed(text, pasted, lambda path: not isinstance(now[path], NoSuchFile))
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
        sizes = "" if before.size == now.size else f" ({before.size:,} bytes then, {now.size:,} now)"
        raise AttachmentProblem(
            f"{clean_line(now.name, 120)} changed since it was attached{sizes}. Nothing was sent.",
            "Enter sends it as it is now.",
        )


TEXT_KEPT: Final = "Your text is still in the prompt."
NO_HISTORY: Final = (
    "Nothing will be kept of this conversation: not the answer, not what it cost. "
    "Limits cannot be checked, and after a crash nobody can tell whether a message was sent."
)


def not_sent(problem: HandingerError) -> str:
    """The reason why a message was not sent, and the hint, on one line."""
    return f"{problem.summary} {problem.hint}".strip()


@dataclass(frozen=True, slots=True)
class Submission:
    """A message as it was when Enter was pressed; later changes on the screen do not affect it."""

    session_id: str
    draft_name: str
    budget: str
    text: str
    """The text to send, before its mentions are resolved to files."""
    snapshot: PromptSnapshot
    """The snapshot of the prompt at Enter."""
    replaces: str | None = None
    """The id of the queued turn that it replaces."""


class SendFlow:
    """Sends the messages of each session one at a time, in the order in which Enter was pressed."""

    def __init__(
        self, pane: SessionPane, stage: CommandHost, composer: Composer, on_screen: Callable[[], str]
    ) -> None:
        """`on_screen` returns the id of the session on the screen, "" before there is one."""
        self._pane = pane
        self._composer = composer
        self._stage = stage
        self._on_screen = on_screen
        self._locks: dict[str, asyncio.Lock] = {}
        self._under_way: dict[str, list[Submission]] = {}

    # -- at Enter ------------------------------------------------------------------------
    def sending(self, session_id: str) -> bool:
        """Whether a message of the session is accepted but not yet stored on disk."""
        return bool(self._under_way.get(session_id))

    def beyond(self, session_id: str, snapshot: PromptSnapshot) -> PromptSnapshot | None:
        """The snapshot without the messages that are being sent but are still in the prompt.

        None when nothing remains, as when Enter is pressed twice.
        """
        text, files = snapshot.text, snapshot.files
        for earlier in self._under_way.get(session_id, []):
            text = text.removeprefix(earlier.snapshot.text)
            files = tuple(file for file in files if file not in earlier.snapshot.files)
        if text == snapshot.text:
            return replace(snapshot, files=files)
        return replace(snapshot, text=text, files=files) if text.strip() or files else None

    def accept(self, submission: Submission) -> None:
        """Register a message when Enter is pressed; the caller must call `send` afterwards."""
        self._under_way.setdefault(submission.session_id, []).append(submission)

    async def send(self, desk: SessionController, submission: Submission) -> bool:
        """Send an accepted message; the prompt is cleared only after the turn is on disk.

        False: it was not sent.

        Raises:
            Elsewhere: the session belongs to another service.
        """
        session_id = submission.session_id
        try:
            async with self._locks.setdefault(session_id, asyncio.Lock()):
                return await self._send(desk, submission)
        finally:
            self._finish(submission)

    def _finish(self, submission: Submission) -> None:
        """Unregister a message that left the prompt or was not sent: the same text may be submitted again."""
        under_way = self._under_way[submission.session_id]
        if submission in under_way:
            under_way.remove(submission)

    def _is_on_screen(self, submission: Submission) -> bool:
        return self._on_screen() == submission.session_id

    async def _send(self, desk: SessionController, submission: Submission) -> bool:
        try:
            message = await self._composer.message(replace(submission.snapshot, text=submission.text))
            sent = await self._confirm_resend(desk, submission, message) and await self._hand_over(
                desk, submission, message
            )
        except AttachmentProblem as problem:
            self._report_refusal(desk, submission, not_sent(problem))
        except LedgerError as problem:
            self._report_refusal(desk, submission, f"Not sent: {not_sent(problem)}", TEXT_KEPT)
        except HandingerError:
            self._keep_unsent(desk, submission)
            raise
        else:
            if sent:
                await self._clear(desk, submission, message)
                return True
            self._keep_unsent(desk, submission)
        return False

    async def _hand_over(self, desk: SessionController, submission: Submission, message: Message) -> bool:
        """Store and start the turn. False when a limit blocks it and the person does not raise it."""
        outgoing = Outgoing(
            submission.session_id, submission.budget, message.text, message.files, submission.replaces
        )
        has_agreed = False
        while True:
            try:
                await desk.send(outgoing)
            except LimitReached as stop:
                from handinger_tui.ui.dialogs.limits import raise_limit  # noqa: PLC0415 - few limits are reached

                # Several limits may be reached: each is asked for, and nothing is sent
                # before the last one is raised.
                about = self._about(desk, submission)
                if not await raise_limit(
                    desk, self._stage, submission.session_id, stop.gauge, sending=True, about=about
                ):
                    return False
                # A queue that this limit held is sent first.
                await desk.limits_changed(submission.session_id)
            except NoHistory:
                if has_agreed or not await self._agree_to_no_history(desk, submission):
                    raise
                has_agreed = True
            else:
                return True

    async def _agree_to_no_history(self, desk: SessionController, submission: Submission) -> bool:
        agree = desk.connection.without_history
        if agree is None:
            return False
        from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - few histories are missing

        about = self._about(desk, submission)
        body = f"Session: “{about}”\n\n{NO_HISTORY}" if about else NO_HISTORY
        question = Confirm("Send without a history?", body, yes="Send without it", no="Do not send")
        if not await self._stage.ask(question):
            return False
        agree()
        return True

    async def _confirm_resend(
        self, desk: SessionController, submission: Submission, message: Message
    ) -> bool:
        """Whether to send the message.

        If the previous turn has the same text and its delivery is unknown, ask first.
        """
        session = desk.session_of(submission.session_id)
        turn = session.sent
        if (
            turn is None
            or turn.status is not TurnStatus.UNKNOWN
            or turn.order.prompt.strip() != message.text.strip()
        ):
            return True
        from handinger_tui.ui.dialogs.confirm import ResendChoice, SendAgain  # noqa: PLC0415 - few are in doubt

        question = SendAgain(watchable=session.worker_id is not None, about=self._about(desk, submission))
        choice = await self._stage.ask(question)
        if choice is ResendChoice.WATCH:
            # Clear the prompt, so that another Enter cannot send it again. If it never arrived,
            # the text comes back.
            await self._clear(desk, submission, message)
            await desk.engine.actor(submission.session_id).watch(turn.turn_id)
        return choice is ResendChoice.SEND

    def _about(self, desk: SessionController, submission: Submission) -> str:
        """The title of the session; "" when it is the one on the screen."""
        return "" if self._is_on_screen(submission) else desk.title(submission.session_id)

    # -- after sending -------------------------------------------------------------------
    async def _clear(self, desk: SessionController, submission: Submission, message: Message) -> None:
        """Remove a stored message, and nothing else, from its prompt and its draft."""
        snapshot = submission.snapshot
        self._composer.remember(snapshot)
        if not self._is_on_screen(submission):
            await desk.remove_from_draft(submission.session_id, replace(snapshot.draft, files=message.files))
        if not self._is_on_screen(submission):
            return
        self._pane.trouble(None)
        self._composer.clear_sent(snapshot, message.files)
        if submission.replaces is None:
            # An edit stays registered until `send` returns: else its turn would look as if it
            # had left the queue.
            self._finish(submission)
        session_id = submission.session_id
        # The first message of a session changes the name under which its draft is saved.
        if submission.draft_name != desk.draft_name(session_id):
            await desk.save_draft(submission.draft_name, Draft())
        if self._is_on_screen(submission):
            await desk.save_draft(desk.draft_name(session_id), self._composer.draft())

    def _report_refusal(
        self, desk: SessionController, submission: Submission, why: str, note: str = ""
    ) -> None:
        """Report why a message was not sent: on the card of the open session, else with the session title."""
        if self._is_on_screen(submission):
            self._pane.trouble(f"{why} {note}".strip())
        else:
            title = desk.title(submission.session_id)
            self._stage.say(f"Your message to “{title}” was not sent. {why}", "error")
        self._keep_unsent(desk, submission)

    def _keep_unsent(self, desk: SessionController, submission: Submission) -> None:
        """Keep a message that was not sent: in the prompt, else in the prompt history."""
        snapshot = submission.snapshot
        if self._is_on_screen(submission):
            if snapshot.text not in self._composer.snapshot().text:
                self._composer.remember(snapshot)
        elif not desk.session_of(submission.session_id).turns:
            # A session without turns cannot be opened again, so its text goes to the present prompt.
            self._composer.return_drafts([snapshot.draft])
        else:
            self._composer.remember(snapshot)
