"""Headless: one turn without a screen. Imports no Textual, ever."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress

from handinger_tui.cli import signals
from handinger_tui.cli.answer_file import check_answer_file, save_text
from handinger_tui.cli.attachments import attachment
from handinger_tui.cli.error_report import Progress, progress_of
from handinger_tui.cli.exit_codes import Exit, exit_of
from handinger_tui.cli.limit_messages import LimitMessages, refusal
from handinger_tui.cli.output import Printer, encodable, printer, say, sentence
from handinger_tui.cli.paths import default_paths, expanded
from handinger_tui.cli.standard_input import read_input
from handinger_tui.cli.wiring import Services, wired
from handinger_tui.core.errors import HandingerError, LedgerError, NoHistory, SettingsError
from handinger_tui.core.money.limits import LimitReached
from handinger_tui.core.receipts.line import receipt_line
from handinger_tui.core.safety.cleaning import clean, clean_line, one_word
from handinger_tui.core.stream.events import StreamEvent
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Attachment, Fault, Kind, Turn, TurnStatus
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.settings import Settings

PAINTS_A_SECOND = 30
SETTLING_S = 5.0
"""Seconds that a run spends at most on turns which an earlier one left open."""
LEAVING_S = 2.0
"""Seconds between a signal and the result."""


def prompt_of(told: argparse.Namespace, max_input_bytes: int) -> str:
    """The prompt: flag or argument, and standard input appended when it is no terminal.

    Raises:
        SettingsError: there is nothing to send, or it cannot be read.
    """
    typed = told.headless or told.prompt or ""
    piped = read_input(max_input_bytes, raw=told.raw)
    prompt = "\n\n".join(piece for piece in (typed, piped) if piece.strip())
    if not prompt.strip():
        raise SettingsError("The prompt is empty; nothing was sent.", 'Try: handinger-tui -p "…"')
    return prompt


class Headless:
    """One headless command under way: a turn or a watch.

    A signal cancels the main task: a message that has not left is withdrawn, one that has is left
    running, and either way the result is printed.
    """

    def __init__(self, told: argparse.Namespace, settings: Settings) -> None:
        self._told = told
        self._settings = settings
        self._printer: Printer = printer(told.output_format or "text", sys.stdout, raw=told.raw)
        self._signal: Exit | None = None
        self._session_id = self._turn_id = ""
        self._earlier: set[str] = set()
        """Turns of the session before this run."""
        self._due = False
        self._over = False
        self._stdout_gone = False
        self._ceilings = LimitMessages()
        # Known before anything is sent.
        self._output = expanded(told.output) if told.output else None

    async def turn(self, prompt: str, attachments: tuple[Attachment, ...]) -> int:
        """Send a turn and print its answer.

        Raises:
            CancelledError: a signal came before the message was stored; nothing was sent.
        """
        self._obey_signals()
        async with self._wired() as parts:
            if parts.warning and parts.no_history is None:
                say(parts.warning)
            session = await self._choose(parts)
            self._session_id = session.session_id
            self._earlier = {turn.turn_id for turn in session.turns}
            self._listen(parts)
            with self._leaving(parts):
                self._turn_id = await self._send(parts, prompt, attachments)
                await self._watch_to_end(parts)
            return await self._report(parts)

    async def attach(self, worker_id: str) -> int:
        """Watch a worker to the end of its newest turn and print the result.

        Raises:
            CancelledError: a signal came before the worker was read.
        """
        self._obey_signals()
        async with self._wired() as parts:
            session = await session_of_worker(parts, worker_id)
            session = await parts.engine.adopt(session.session_id, retry=True)
            self._session_id = session.session_id
            turn = session.sent
            if turn is None:
                raise HandingerError(f"{worker_id} has no turn yet.", "Send one: handinger-tui -w ID -p …")
            self._turn_id = turn.turn_id
            self._listen(parts)
            with self._leaving(parts):
                # What the run already took counts from the first moment.
                await parts.engine.recount(session.session_id)
                if turn.live or turn.status in (TurnStatus.RUNNING, TurnStatus.UNKNOWN):
                    await parts.engine.watch(session.session_id, turn.turn_id)
                else:
                    await parts.engine.refresh(session.session_id)
                await parts.engine.settled(session.session_id)
            return await self._report(parts)

    # -- inside ------------------------------------------------------------------------
    def _wired(self) -> AbstractAsyncContextManager[Services]:
        # Without a limit nobody acts on figures before the end: no GETs beside the stream.
        tap = self._event if self._printer.hears else None
        keep_history = not getattr(self._told, "no_history", False)
        return wired(self._settings, default_paths(), watch_money=False, tap=tap, keep_history=keep_history)

    async def _choose(self, parts: Services) -> Session:
        told = self._told
        if parts.no_history is not None:
            # Nothing can be continued, and nothing will be sent.
            return parts.engine.new_session(parts.base_url, told.worker, self._settings.generation)
        if told.worker:
            return await session_of_worker(parts, told.worker)
        if told.last or told.resume is not None:
            return await chosen_session(parts, None if told.last else told.resume)
        return parts.engine.new_session(parts.base_url, generation=self._settings.generation)

    async def _send(self, parts: Services, prompt: str, attachments: tuple[Attachment, ...]) -> str:
        what = (self._session_id, prompt, self._settings.budget, attachments)
        try:
            return await parts.engine.send(*what)
        except NoHistory as problem:
            return await parts.engine.store_unsent(*what, without_history(problem))
        except LimitReached as reached:
            self._ceilings.refused(reached.gauge)
            return await parts.engine.store_unsent(*what, refusal(reached))

    async def _watch_to_end(self, parts: Services) -> None:
        """To the end of the turn; with `--detach` until the worker is known or the response has ended."""
        settling = asyncio.create_task(parts.engine.settle_left_open(SETTLING_S))
        try:
            if self._told.detach:
                await self._until_the_worker_is_known(parts)
                parts.engine.detach(self._session_id)
            await parts.engine.settled(self._session_id)
            await asyncio.wait({settling}, timeout=SETTLING_S)
        finally:
            settling.cancel()
            await asyncio.wait({settling})
            if not settling.cancelled() and (problem := settling.exception()) is not None:
                # What an earlier run left open is a courtesy: it stays open for the next program.
                say(str(problem))

    async def _until_the_worker_is_known(self, parts: Services) -> None:
        engine, changed = parts.engine, asyncio.Event()
        unsubscribe = engine.subscribe(lambda _session_id: changed.set())
        try:
            while not _can_be_left(_turn(engine.session(self._session_id), self._turn_id)):
                changed.clear()
                await changed.wait()
        finally:
            unsubscribe()

    # -- signals -----------------------------------------------------------------------
    def _obey_signals(self) -> None:
        """A signal cancels the main task.

        Raises:
            CancelledError: one came before.
        """
        main = asyncio.current_task()

        def stop(code: int) -> None:
            self._signal = self._signal or Exit(code)
            if main is not None:
                main.cancel()

        signals.hand_over(asyncio.get_running_loop(), stop)

    @contextmanager
    def _leaving(self, parts: Services) -> Iterator[None]:
        """A signal inside stops the turn: withdrawn before its first byte, else left running."""
        try:
            yield
        except asyncio.CancelledError:
            self._signal = self._signal or Exit.INTERRUPTED
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            parts.ledger.give_up_waiting()
            parts.engine.stop(self._session_id)

    def note(self, progress: Progress) -> None:
        """Record how far this has come, for whoever reports an early end."""
        progress.session_id = self._session_id or None
        progress.turn_id = self._turn_id or None
        progress.reported = self._over

    # -- printing ----------------------------------------------------------------------
    def _listen(self, parts: Services) -> None:
        loop = asyncio.get_running_loop()

        def changed(_session_id: str) -> None:
            if not self._due:
                self._due = True
                loop.call_later(1 / PAINTS_A_SECOND, self._paint, parts)

        parts.engine.subscribe(changed)

    def _event(self, event: StreamEvent) -> None:
        self._guard(lambda: self._printer.event(event))

    def _paint(self, parts: Services) -> None:
        self._due = False
        if self._over:
            return
        # None: it is being written to the disk, and older ones are not what was asked for.
        turn = _turn_or_none(parts.engine.session(self._session_id), self._turn_id)
        if turn is not None:
            self._guard(lambda: self._printer.turn(turn))
            self._ceilings.hear(parts.engine.gauges(self._session_id), running=turn.live)

    def _guard(self, write: Callable[[], None]) -> None:
        """A reader that went away ends the printing, not the turn."""
        if self._stdout_gone:
            return
        try:
            write()
        except (BrokenPipeError, OSError):
            self._stdout_gone = True
            # Without this the interpreter complains again when it flushes at exit.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    async def _report(self, parts: Services) -> int:
        """Print the result of the turn; a signal has two seconds to become one.

        Raises:
            CancelledError: a signal came before the message was stored.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._signal is None else LEAVING_S):
                await parts.engine.settled(self._session_id)
        session = parts.engine.session(self._session_id)
        turn = _turn_or_none(session, self._turn_id)
        if turn is None:
            # Stored, but a signal came before its id was returned?
            turn = next((new for new in session.turns if new.turn_id not in self._earlier), None)
        if turn is None:
            raise asyncio.CancelledError
        # What is due is printed now: the result is the last line, whatever is still to be painted.
        self._paint(parts)
        self._over = True
        self._guard(lambda: self._printer.result(session, turn))
        code = self._save(turn, self._say_outcome(session, turn))
        if self._signal is not None:
            return code
        with suppress(LedgerError):
            gauges = await parts.engine.recount(self._session_id)
            runs_on = turn.status is TurnStatus.RUNNING
            self._ceilings.hear(gauges, running=runs_on)
            if self._ceilings.over(gauges) and code == Exit.OK:
                return Exit.PAYMENT
        return code

    def _say_outcome(self, session: Session, turn: Turn) -> int:
        """Say on stderr how it went; returns the exit code."""
        worker_id = turn.worker_id or turn.order.worker_id
        line = receipt_line(session, turn)
        if line:
            say(line)
        for warning in _remarks(session, turn):
            say(warning)
        where = f"session {session.session_id}" + (f" · worker {clean_line(worker_id)}" if worker_id else "")
        say(where)
        if turn.status is TurnStatus.RUNNING and worker_id:
            say("Still running on the server, and it may keep charging.")
            say(f"Watch it: handinger-tui attach {one_word(worker_id)}")
        if self._signal is not None:
            return self._signal
        if self._detaches and turn.status in (TurnStatus.RUNNING, TurnStatus.COMPLETED):
            return Exit.OK
        return Exit.LOCAL_IO if self._stdout_gone else exit_of(turn)

    @property
    def _detaches(self) -> bool:
        return bool(getattr(self._told, "detach", False))

    def _save(self, turn: Turn, code: int) -> int:
        target = self._output
        if target is None or not turn.text:
            return code
        text = encodable(turn.text) if self._told.raw else clean(turn.text)
        try:
            save_text(target, text if text.endswith("\n") else text + "\n")
        except OSError as problem:
            say(f"The answer could not be saved to {target}: {os.strerror(problem.errno or 0)}.")
            return code or Exit.LOCAL_IO
        return code


def without_history(problem: NoHistory) -> Fault:
    """Why a message was not sent, and how to send it all the same."""
    hint = "Nothing was sent. With --no-history it is sent without a record, and limits count that run only."
    return Fault(Kind.DISK, f"{problem.summary} {hint}", may_have_been_charged=False)


def _turn(session: Session, turn_id: str) -> Turn:
    return next(turn for turn in session.turns if turn.turn_id == turn_id)


def _turn_or_none(session: Session, turn_id: str) -> Turn | None:
    return next((turn for turn in session.turns if turn.turn_id == turn_id), None)


def _can_be_left(turn: Turn) -> bool:
    """The worker is known and has taken the turn, or the turn has ended: nothing is lost by leaving."""
    if not turn.live:
        return True
    taken = turn.status not in (TurnStatus.QUEUED, TurnStatus.SENDING)
    return taken and (turn.worker_id or turn.order.worker_id) is not None


def _remarks(session: Session, turn: Turn) -> list[str]:
    remarks = []
    fault = turn.fault
    if fault is not None:
        remarks.append(sentence(fault.message))
        remarks += _advice(fault.kind, session, turn)
        if fault.retry_after_s is not None:
            remarks.append(f"The service asks to wait {fault.retry_after_s:.0f} s.")
        remarks.append(
            "This may have been charged."
            if fault.may_have_been_charged
            else "Nothing was charged; the message can be sent again."
        )
    if turn.skipped:
        remarks.append(f"{turn.skipped} damaged events of the stream were left out.")
    return remarks


def _advice(kind: Kind, session: Session, turn: Turn) -> list[str]:
    """What to look at first, where that is known."""
    base = session.base_url
    if kind is Kind.NOT_FOUND and turn.order.worker_id is None:
        return [f"A new worker was asked for, so the base URL is wrong: {base}. See: handinger-tui doctor"]
    if kind is Kind.NOT_FOUND:
        return [f"Check the id of the worker, and the base URL {base}."]
    if kind is Kind.AUTH:
        return ["Set HANDINGER_API_KEY to a valid key. See: handinger-tui doctor"]
    if kind is Kind.CONNECT:
        return [f"Check the network, and the base URL {base}."]
    return []


async def session_of_worker(parts: Services, worker_id: str) -> Session:
    """The session that holds a worker, else a new one for it."""
    for found in await parts.ledger.find(worker_id):
        session = await parts.engine.open(found)
        if session.worker_id == worker_id and session.base_url == parts.base_url:
            return session
    return parts.engine.new_session(parts.base_url, worker_id, parts.settings.generation)


async def chosen_session(parts: Services, prefix: str | None) -> Session:
    """The last session (None) or the one a prefix names.

    Raises:
        SettingsError: there is none, or the prefix names several.
    """
    return await parts.engine.open(await chosen_id(parts.ledger, prefix))


async def chosen_id(ledger: Ledger, prefix: str | None) -> str:
    """The id of the last session (None) or of the one a prefix names.

    Raises:
        SettingsError: there is none, or the prefix names several.
    """
    if prefix is None or prefix == "":
        found = [summary.session_id for summary in await ledger.sessions(1)]
    else:
        found = list(await ledger.find(prefix))
    if not found:
        what = f"No session starts with {prefix!r}." if prefix else "There is no session yet."
        raise SettingsError(what, "See: handinger-tui sessions")
    if len(found) > 1:
        raise SettingsError(f"{prefix!r} is the beginning of {len(found)} sessions.", "Give more of the id.")
    return found[0]


def run(told: argparse.Namespace, settings: Settings) -> int:
    """`handinger-tui -p`: from the parsed command line to the exit code.

    Raises:
        HandingerError
        KeyboardInterrupt
    """
    # All that is free to check, before standard input is waited for.
    if told.output:
        check_answer_file(told.output)
    attachments = signals.wait_for(lambda: tuple(attachment(path) for path in told.file))
    prompt = signals.wait_for(lambda: prompt_of(told, settings.limits.max_input_bytes))
    progress = progress_of(told)
    progress.draft = prompt
    if told.dry_run:
        from handinger_tui.cli.commands.dry_run import run as show  # noqa: PLC0415 - needed by few commands

        return show(told, settings, prompt, attachments)
    if settings.local:
        say("The local worker answers: a demonstration, not a Handinger worker.")
    headless = Headless(told, settings)
    return _run(headless, progress, lambda: headless.turn(prompt, attachments))


def run_attach(told: argparse.Namespace, settings: Settings) -> int:
    """`handinger-tui attach ID -p`.

    Raises:
        HandingerError
        KeyboardInterrupt
    """
    headless = Headless(told, settings)
    return _run(headless, progress_of(told), lambda: headless.attach(told.worker))


def _run(headless: Headless, progress: Progress, work: Callable[[], Coroutine[None, None, int]]) -> int:
    try:
        return signals.run(work)
    finally:
        headless.note(progress)
