"""The message being written: text, attachments, pasted texts; and how it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import Any, Final

from handinger_tui.core.errors import AttachmentProblem, HandingerError, LedgerError, NoHistory, NoSuchFile
from handinger_tui.core.money.limits import LimitReached
from handinger_tui.core.prompts.attachments import composed, folds_in, mentioned, typing_at, without
from handinger_tui.core.prompts.drafts import Draft, draft_from, in_history
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import Attachment, TurnStatus
from handinger_tui.ui.ports import LocalFiles
from handinger_tui.ui.widgets.chips import Chip, Chips, Kind, file_chip, text_chip, wrong_chip
from handinger_tui.ui.widgets.pane import SessionPane
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.work.command_host import CommandHost
from handinger_tui.ui.work.session_controller import Outgoing, SessionController

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


class Composer:
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
        self._naming = MentionLookup(self._look_at, prompt, do, lambda: self.choose(()))
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
                    self._prompt.remove_pasted(drop.text)
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
            self._prompt.clear_sent(written.text)
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
        self._prompt.put(self._prompt.import_draft(draft))
        self._show()

    def give_back(self, drafts: Sequence[Draft]) -> None:
        """Messages not surely delivered: all into the history, the oldest into an empty prompt."""
        texts = [self._prompt.import_draft(draft) for draft in drafts]
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


LOOKED_AT: Final = 20_000
"""In longer texts the files are looked for only when the message is sent."""
AS_TEXT: Final = r"Check the path; \@ sends it as text."

Looked = Attachment | AttachmentProblem


class MentionLookup:
    """Nothing is decided here: a name is looked at again when the message is sent."""

    def __init__(
        self,
        look_at: Callable[[str], Awaitable[Looked]],
        prompt: PromptBox,
        do: Callable[[Coroutine[Any, Any, None]], object],
        shown: Callable[[], None],
    ) -> None:
        """`do`: has work done meanwhile; `shown`: hears that the chips are others."""
        self._look_at = look_at
        self._prompt = prompt
        self._do = do
        self._shown = shown
        self._found: dict[str, Looked] = {}
        self._looking = False

    def typed(self) -> None:
        """The text, or the place in it, has changed: look at names that are new in it."""
        names = self._names()
        self._found = {path: one for path, one in self._found.items() if path in names}
        if not self._looking and self._unknown():
            self._looking = True
            self._do(self._look())

    def _names(self) -> tuple[str, ...]:
        text = self._prompt.text
        return mentioned(text).paths if "@" in text and len(text) <= LOOKED_AT else ()

    def _unknown(self) -> list[str]:
        """Names that were not looked at; the one being typed is looked at once it is written."""
        names = self._names()
        if not names:
            return []
        row, column = self._prompt.cursor_location
        here = typing_at(self._prompt.document.get_line(row), column)
        return [path for path in names if path not in self._found and (here is None or path != here.path)]

    async def _look(self) -> None:
        try:
            while unknown := self._unknown():
                for path in unknown:
                    self._found[path] = await self._look_at(path)
        finally:
            self._looking = False
        self.typed()
        self._shown()

    def chips(self) -> list[Chip]:
        """One for each file that is named; what is a word only, and nothing on the disk, has none."""
        if not self._found:
            return []
        there = [path for path, one in self._found.items() if not isinstance(one, NoSuchFile)]
        chips = []
        for path in mentioned(self._prompt.text, there.__contains__).paths:
            one = self._found.get(path)
            if isinstance(one, Attachment):
                chips.append(file_chip(Kind.NAMED, path, one))
            elif one is not None:
                chips.append(wrong_chip(Kind.NAMED, path, path, one))
        return chips

    @property
    def looked(self) -> dict[str, Looked]:
        """The named files, as they were when their chips were made."""
        return dict(self._found)

    async def resolve(
        self, text: str, pasted: Sequence[str], looked: Mapping[str, Looked]
    ) -> tuple[str, list[Attachment]]:
        """What is sent for `text`, and the files it names, each looked at anew.

        Raises:
            AttachmentProblem: one cannot be sent, or is not what it was when it was `looked` at.
        """
        now = {path: await self._look_at(path) for path in mentioned(text).paths}
        self._found.update((path, one) for path, one in now.items() if path in self._found)
        sent = composed(text, pasted, lambda path: not isinstance(now[path], NoSuchFile))
        return sent.text, [_checked(now[path], looked.get(path)) for path in sent.paths]


def _checked(now: Looked, before: Looked | None) -> Attachment:
    if isinstance(now, AttachmentProblem):
        raise AttachmentProblem(now.summary, AS_TEXT if isinstance(now, NoSuchFile) else now.hint)
    if isinstance(before, Attachment):
        same(before, now)
    return now


def same(before: Attachment, now: Attachment) -> None:
    """Refuse a file that is another one by now.

    Raises:
        AttachmentProblem
    """
    if before.sha256 and (before.size, before.sha256) != (now.size, now.sha256):
        sizes = "" if before.size == now.size else f" ({before.size:,} bytes then, {now.size:,} now)"
        raise AttachmentProblem(
            f"{clean_line(now.name, 120)} changed since it was attached{sizes}. Nothing was sent.",
            "Enter sends it as it is now.",
        )


KEPT: Final = "Your text is still in the prompt."
NO_HISTORY: Final = (
    "Nothing will be kept of this conversation: not the answer, not what it cost. "
    "Limits cannot be checked, and after a crash nobody can tell whether a message was sent."
)


def not_sent(problem: HandingerError) -> str:
    """What was wrong, and what helps."""
    return f"{problem.summary} {problem.hint}".strip()


@dataclass(frozen=True, slots=True)
class Submission:
    """A message as it stood when Enter was pressed: what happens on the screen later changes none of it."""

    session_id: str
    draft_name: str
    budget: str
    text: str
    """What is sent, before its files are resolved."""
    written: Written
    """As it stands in the prompt."""
    replaces: str | None = None
    """The queued turn that it was taken from."""


class SendFlow:
    """Sends the messages of each session one after the other, in the order in which Enter was pressed."""

    def __init__(
        self, pane: SessionPane, stage: CommandHost, drafting: Composer, on_screen: Callable[[], str]
    ) -> None:
        """`on_screen`: the id of the session that is on the screen, "" before there is one."""
        self._pane = pane
        self._drafting = drafting
        self._stage = stage
        self._on_screen = on_screen
        self._turns: dict[str, asyncio.Lock] = {}
        self._under_way: dict[str, list[Submission]] = {}

    # -- at Enter ------------------------------------------------------------------------
    def sending(self, session_id: str) -> bool:
        """A message of the session is on its way to the disk."""
        return bool(self._under_way.get(session_id))

    def beyond(self, session_id: str, written: Written) -> Written | None:
        """What was written beyond messages that still stand in the prompt, on their way already.

        None: nothing was, as when Enter is pressed twice.
        """
        text, files = written.text, written.files
        for earlier in self._under_way.get(session_id, []):
            text = text.removeprefix(earlier.written.text)
            files = tuple(file for file in files if file not in earlier.written.files)
        if text == written.text:
            return replace(written, files=files)
        return replace(written, text=text, files=files) if text.strip() or files else None

    def accept(self, submission: Submission) -> None:
        """Take a message at the very moment Enter was pressed; `send` has to follow."""
        self._under_way.setdefault(submission.session_id, []).append(submission)

    async def send(self, desk: SessionController, submission: Submission) -> bool:
        """Send an accepted one; the box is emptied only once the order is on disk. False: it was not sent.

        Raises:
            Elsewhere: the session belongs to another service.
        """
        session_id = submission.session_id
        try:
            async with self._turns.setdefault(session_id, asyncio.Lock()):
                return await self._send(desk, submission)
        finally:
            self._finish(submission)

    def _finish(self, submission: Submission) -> None:
        """It stands in the prompt no more, or is not on its way: the same text may be entered again."""
        under_way = self._under_way[submission.session_id]
        if submission in under_way:
            under_way.remove(submission)

    def _here(self, submission: Submission) -> bool:
        return self._on_screen() == submission.session_id

    async def _send(self, desk: SessionController, submission: Submission) -> bool:
        try:
            message = await self._drafting.message(replace(submission.written, text=submission.text))
            sent = await self._is_meant(desk, submission, message) and await self._hand_over(
                desk, submission, message
            )
        except AttachmentProblem as problem:
            self._refused(desk, submission, not_sent(problem))
        except LedgerError as problem:
            self._refused(desk, submission, f"Not sent: {not_sent(problem)}", KEPT)
        except HandingerError:
            self._bring_back(desk, submission)
            raise
        else:
            if sent:
                await self._clear(desk, submission, message)
                return True
            self._bring_back(desk, submission)
        return False

    async def _hand_over(self, desk: SessionController, submission: Submission, message: Message) -> bool:
        """False when something stands in the way and the person leaves it so."""
        outgoing = Outgoing(
            submission.session_id, submission.budget, message.text, message.files, submission.replaces
        )
        asked = False
        while True:
            try:
                await desk.send(outgoing)
            except LimitReached as stop:
                from handinger_tui.ui.dialogs.limits import raise_limit  # noqa: PLC0415 - few limits are reached

                # Several may be used up: each is asked for, and nothing leaves before the last one is raised.
                about = self._about(desk, submission)
                if not await raise_limit(
                    desk, self._stage, submission.session_id, stop.gauge, sending=True, about=about
                ):
                    return False
                # A queue that this limit held goes first.
                await desk.limits_changed(submission.session_id)
            except NoHistory:
                if asked or not await self._agree_to_no_history(desk, submission):
                    raise
                asked = True
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

    async def _is_meant(self, desk: SessionController, submission: Submission, message: Message) -> bool:
        """A message whose fate is unknown is sent again only by a person who knows that and spells it out."""
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
            # If it arrived, the text must not wait in the box for another Enter; if not, it comes back.
            await self._clear(desk, submission, message)
            await desk.engine.watch(submission.session_id, turn.turn_id)
        return choice is ResendChoice.SEND

    def _about(self, desk: SessionController, submission: Submission) -> str:
        """The title of the session, where another one is on the screen."""
        return "" if self._here(submission) else desk.title(submission.session_id)

    # -- afterwards ----------------------------------------------------------------------
    async def _clear(self, desk: SessionController, submission: Submission, message: Message) -> None:
        """The message is safe elsewhere: take it, and nothing else, out of its prompt and its draft."""
        written = submission.written
        self._drafting.remember(written)
        if not self._here(submission):
            await desk.cut_draft(submission.session_id, replace(written.draft, files=message.files))
        if not self._here(submission):
            return
        self._pane.trouble(None)
        self._drafting.clear_sent(written, message.files)
        if submission.replaces is None:
            # An edit ends with its `send`: until then nobody may think that its turn just left the queue.
            self._finish(submission)
        session_id = submission.session_id
        # The first message gives the session, and so its draft, another name.
        if submission.draft_name != desk.draft_name(session_id):
            await desk.keep_draft(submission.draft_name, Draft())
        if self._here(submission):
            await desk.keep_draft(desk.draft_name(session_id), self._drafting.draft())

    def _refused(self, desk: SessionController, submission: Submission, why: str, kept: str = "") -> None:
        """Say why it was not sent: on the card of its session, else by name."""
        if self._here(submission):
            self._pane.trouble(f"{why} {kept}".strip())
        else:
            title = desk.title(submission.session_id)
            self._stage.say(f"Your message to “{title}” was not sent. {why}", "error")
        self._bring_back(desk, submission)

    def _bring_back(self, desk: SessionController, submission: Submission) -> None:
        """A message that was not sent stays where it was written, or can be called back."""
        written = submission.written
        if self._here(submission):
            if written.text not in self._drafting.written().text:
                self._drafting.remember(written)
        elif not desk.session_of(submission.session_id).turns:
            # Nothing leads back to a session without turns.
            self._drafting.give_back([written.draft])
        else:
            self._drafting.remember(written)
