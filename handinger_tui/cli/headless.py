"""Headless: one turn without a screen. Imports no Textual, ever."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from pathlib import Path

from handinger_tui.cli.attachments import attachment
from handinger_tui.cli.ceilings import Ceilings, refusal
from handinger_tui.cli.exits import Exit, exit_of, exit_of_kind
from handinger_tui.cli.output import Printer, encodable, printer, say
from handinger_tui.cli.places import expanded, places
from handinger_tui.cli.wiring import Parts, wired
from handinger_tui.core.errors import ApiError, HandingerError, LedgerError, NoHistory, SettingsError
from handinger_tui.core.events import StreamEvent
from handinger_tui.core.limits import LimitReached
from handinger_tui.core.receipt import receipt_line
from handinger_tui.core.safety import clean, clean_line, one_word
from handinger_tui.core.session import Session
from handinger_tui.core.turn import Attachment, Fault, Kind, Order, Turn, TurnStatus
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.settings import Settings

PAINTS_A_SECOND = 30
SETTLING_S = 5.0
"""Seconds that a run spends at most on turns which an earlier one left open."""
LEAVING_S = 2.0
"""Seconds between a signal and the result."""


def prompt_of(told: argparse.Namespace) -> str:
    """The prompt: flag or argument, and standard input appended when it is no terminal.

    Raises:
        SettingsError: there is nothing to send, or it cannot be read.
    """
    typed = told.headless or told.prompt or ""
    piped = ""
    if sys.stdin is not None and not sys.stdin.isatty():
        try:
            piped = sys.stdin.buffer.read().decode("utf-8", "replace")
        except OSError as problem:
            raise SettingsError(f"Standard input cannot be read: {problem}.", "Nothing was sent.") from None
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
        self._due = False
        self._over = False
        self._stdout_gone = False
        self._ceilings = Ceilings()
        # Known before anything is sent.
        self._output = expanded(told.output) if told.output else None

    async def turn(self, prompt: str, attachments: tuple[Attachment, ...]) -> int:
        """Send a turn and print its answer."""
        self._listen_for_signals()
        order = Order("", prompt, 0, self._told.worker, self._settings.budget, attachments)
        try:
            async with self._wired() as parts:
                if parts.warning and parts.no_history is None:
                    say(parts.warning)
                session = await self._choose(parts)
                self._session_id = session.session_id
                self._listen(parts)
                with self._leaving(parts):
                    self._turn_id = await self._send(parts, prompt, attachments)
                    await self._watch_to_end(parts)
                return await self._report(parts, order)
        except asyncio.CancelledError:
            self._interrupted()
            return self._never_sent(order)

    async def attach(self, worker_id: str) -> int:
        """Watch a worker to the end of its newest turn and print the result."""
        self._listen_for_signals()
        order = Order("", "", 0, worker_id)
        try:
            async with self._wired() as parts:
                session = await session_of_worker(parts, worker_id)
                session = await parts.engine.adopt(session.session_id, insist=True)
                self._session_id = session.session_id
                turn = session.sent
                if turn is None:
                    raise HandingerError(
                        f"{worker_id} has no turn yet.", "Send one: handinger-tui -w ID -p …"
                    )
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
                return await self._report(parts, order)
        except asyncio.CancelledError:
            self._interrupted()
            return self._never_sent(order)

    # -- inside ------------------------------------------------------------------------
    def _wired(self) -> AbstractAsyncContextManager[Parts]:
        # Without a limit nobody acts on figures before the end: no GETs beside the stream.
        tap = self._event if self._printer.hears else None
        keep_history = not getattr(self._told, "no_history", False)
        return wired(self._settings, places(), watch_money=False, tap=tap, keep_history=keep_history)

    async def _choose(self, parts: Parts) -> Session:
        told = self._told
        if parts.no_history is not None:
            # Nothing can be continued, and nothing will be sent.
            return parts.engine.new_session(parts.base_url, told.worker, self._settings.generation)
        if told.worker:
            return await session_of_worker(parts, told.worker)
        if told.last or told.resume is not None:
            return await chosen_session(parts, None if told.last else told.resume)
        return parts.engine.new_session(parts.base_url, generation=self._settings.generation)

    async def _send(self, parts: Parts, prompt: str, attachments: tuple[Attachment, ...]) -> str:
        what = (self._session_id, prompt, self._settings.budget, attachments)
        try:
            return await parts.engine.send(*what)
        except NoHistory as problem:
            return await parts.engine.put_aside(*what, without_history(problem))
        except LimitReached as reached:
            self._ceilings.refused(reached.gauge)
            return await parts.engine.put_aside(*what, refusal(reached))

    async def _watch_to_end(self, parts: Parts) -> None:
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

    async def _until_the_worker_is_known(self, parts: Parts) -> None:
        engine, changed = parts.engine, asyncio.Event()
        unsubscribe = engine.subscribe(lambda _session_id: changed.set())
        try:
            while not _can_be_left(_turn(engine.session(self._session_id), self._turn_id)):
                changed.clear()
                await changed.wait()
        finally:
            unsubscribe()

    # -- signals -----------------------------------------------------------------------
    def _listen_for_signals(self) -> None:
        """Where the loop cannot do it (Windows), Ctrl+C cancels the main task by itself."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        codes = {
            "SIGINT": Exit.INTERRUPTED,
            "SIGTERM": Exit.TERMINATED,
            "SIGHUP": Exit.TERMINATED,
        }

        def stop(code: Exit) -> None:
            self._signal = self._signal or code
            if main is not None:
                main.cancel()

        for name, code in codes.items():
            with suppress(NotImplementedError, AttributeError):
                loop.add_signal_handler(getattr(signal, name), stop, code)

    def _interrupted(self) -> None:
        """The main task was cancelled: that was a signal, and it has been obeyed."""
        self._signal = self._signal or Exit.INTERRUPTED
        if (task := asyncio.current_task()) is not None:
            task.uncancel()

    @contextmanager
    def _leaving(self, parts: Parts) -> Iterator[None]:
        """A signal inside stops the turn: withdrawn before its first byte, else left running."""
        try:
            yield
        except asyncio.CancelledError:
            self._interrupted()
            parts.engine.stop(self._session_id)

    # -- printing ----------------------------------------------------------------------
    def _listen(self, parts: Parts) -> None:
        loop = asyncio.get_running_loop()

        def changed(_session_id: str) -> None:
            if not self._due:
                self._due = True
                loop.call_later(1 / PAINTS_A_SECOND, self._paint, parts)

        parts.engine.subscribe(changed)

    def _event(self, event: StreamEvent) -> None:
        self._guard(lambda: self._printer.event(event))

    def _paint(self, parts: Parts) -> None:
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

    async def _report(self, parts: Parts, order: Order) -> int:
        """Print the result of the turn; a signal has two seconds to become one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVING_S if self._signal is not None else None):
                await parts.engine.settled(self._session_id)
        session = parts.engine.session(self._session_id)
        # Interrupted while it was being stored: it has no id that we were given.
        turn = _turn_or_none(session, self._turn_id) or (session.current if self._signal else None)
        if turn is None:
            return self._never_sent(order)
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

    def _never_sent(self, order: Order) -> int:
        """Interrupted before the message was stored: nothing was sent."""
        fault = Fault(Kind.CONNECT, "Stopped before it was sent.", may_have_been_charged=False)
        turn = Turn(order, TurnStatus.NOT_SENT, fault=fault)
        session = Session(self._session_id, 0, order.worker_id, generation=self._settings.generation)
        self._over = True
        self._guard(lambda: self._printer.result(session, turn))
        for remark in _remarks(turn):
            say(remark)
        return self._signal or Exit.INTERRUPTED

    def _say_outcome(self, session: Session, turn: Turn) -> int:
        """Say on stderr how it went; returns the exit code."""
        worker_id = turn.worker_id or turn.order.worker_id
        line = receipt_line(session, turn)
        if line:
            say(line)
        for warning in _remarks(turn):
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


def save_text(target: Path, text: str) -> None:
    """Write a file that the person named, whole or not at all.

    A link stays a link: the file that it names is written. A file that was there keeps its mode,
    a new one gets that of the umask.

    Raises:
        OSError: also for a link that leads to itself, and for what is no file.
    """
    # A device or a pipe must not be replaced by a file; and a terminal is no place for --raw.
    place = Path(os.path.realpath(target))
    try:
        before = place.stat()
    except FileNotFoundError:
        before = None
    if before is not None and not stat.S_ISREG(before.st_mode):
        raise OSError(errno.EINVAL, "not a file")
    # Of its own name: one made of a long one may be too long.
    part = place.with_name(f".{os.getpid()}-{os.urandom(4).hex()}.part")
    made = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if before is None else 0o600)
    try:
        with open(made, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            part.chmod(stat.S_IMODE(before.st_mode))
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


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


def _remarks(turn: Turn) -> list[str]:
    remarks = []
    fault = turn.fault
    if fault is not None:
        remarks.append(fault.message)
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


async def session_of_worker(parts: Parts, worker_id: str) -> Session:
    """The session that holds a worker, else a new one for it."""
    for found in await parts.ledger.find(worker_id):
        session = await parts.engine.open(found)
        if session.worker_id == worker_id and session.base_url == parts.base_url:
            return session
    return parts.engine.new_session(parts.base_url, worker_id, parts.settings.generation)


async def chosen_session(parts: Parts, prefix: str | None) -> Session:
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
    """`handinger-tui -p`: from the parsed command line to the exit code."""
    prompt = prompt_of(told)
    attachments = tuple(attachment(path) for path in told.file)
    if told.dry_run:
        from handinger_tui.cli.dry_run import run as show  # noqa: PLC0415 - needed by few commands

        return show(told, settings, prompt, attachments)
    if settings.local:
        say("No key is set: the local worker answers (a demonstration, not a Handinger worker).")
    return asyncio.run(Headless(told, settings).turn(prompt, attachments))


def run_attach(told: argparse.Namespace, settings: Settings) -> int:
    """`handinger-tui attach ID -p`."""
    return asyncio.run(Headless(told, settings).attach(told.worker))


def report(problem: HandingerError) -> int:
    """Print an error that is no turn's, and give its exit code."""
    say(problem.summary)
    if problem.hint:
        say(problem.hint)
    if isinstance(problem, SettingsError):
        return Exit.USAGE
    if isinstance(problem, ApiError):
        return exit_of_kind(problem.kind)
    if isinstance(problem, LedgerError):
        return Exit.LOCAL_IO
    return Exit.USAGE
