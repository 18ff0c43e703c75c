"""Headless commands: send or watch one turn without a screen. This module never imports Textual."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.cli import dry_run, signals
from handinger_tui.cli.args import NOTHING_SENT, STANDARD_STREAM
from handinger_tui.cli.exit_codes import Exit, exit_of
from handinger_tui.cli.load_settings import service_settings
from handinger_tui.cli.local_files import (
    attachment,
    check_answer_file,
    default_paths,
    expand_path,
    piped_file,
    save_text,
)
from handinger_tui.cli.output import discard, note, say, sentence
from handinger_tui.cli.run_output import PRINTERS, LimitMessages, Printer, progress_of, refusal
from handinger_tui.cli.session_choice import chosen_session_id, destination_of, is_worker_busy
from handinger_tui.cli.wiring import (
    Services,
    generation_of,
    new_clock,
    open_services,
    open_target,
    opened_replay,
)
from handinger_tui.core.acts import LOCAL_ENDS, MAY_HAVE_COST, RUNS_ON, HoldReason
from handinger_tui.core.errors import (
    HandingerError,
    LedgerError,
    NoHistory,
    SettingsError,
    SharedUnreachable,
)
from handinger_tui.core.formatting import plural
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.limits import LimitReached
from handinger_tui.core.money.reconciliation import Restatement
from handinger_tui.core.receipts import receipt_line
from handinger_tui.core.safety import clean, clean_line, encodable, one_word
from handinger_tui.core.turns.session import LOCAL, Session
from handinger_tui.core.turns.turn import (
    FREE,
    UNDECIDED,
    Attachment,
    ErrorKind,
    Fault,
    StartPolicy,
    Turn,
    TurnStatus,
)
from handinger_tui.ledger.database import UNWRITTEN

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from handinger_tui.core.dialects.events import StreamEvent
    from handinger_tui.engine.replay import Replay
    from handinger_tui.settings import Settings

PAINTS_A_SECOND = 30
OFFER_S, OFFER_LOOK_S = 5.0, 0.1
"""Seconds in which the app takes a message that it is to send (it looks once each), and between our looks."""
HELD: Final = "The earlier message did not complete, so yours was not sent."
RECOVERY_S = 5.0
"""Maximum seconds a run spends on recovering turns that an earlier run left open."""
SIGNAL_GRACE_S = 2.0
"""Maximum seconds between a signal and the printed result."""
NO_HISTORY_HINT: Final = (
    "Nothing was sent. See: handinger-tui doctor. "
    "Use --no-history to send without a record; limits then count that run only."
)


def prompt_of(args: argparse.Namespace, max_input_bytes: int) -> str:
    """Return the prompt: the flag or argument, followed by standard input when that is not a terminal.

    Raises:
        SettingsError: the prompt is empty, or standard input cannot be read.
    """
    typed = args.headless or args.prompt or ""
    piped = "" if STANDARD_STREAM in args.file else read_input(max_input_bytes, raw=args.raw)
    prompt = "\n\n".join(piece for piece in (typed, piped) if piece.strip())
    if not prompt.strip():
        raise SettingsError("The prompt is empty. Nothing was sent.", 'Try: handinger-tui -p "…"')
    return prompt


STILL_BUSY: Final = Fault(
    ErrorKind.CONFLICT,
    "The worker is still running an earlier message of this session. Nothing was sent.",
    may_have_been_charged=False,
)


class Headless:
    """One headless command: a turn, or the watch of a worker.

    A signal cancels the main task. A message that was not sent yet is withdrawn; one that was sent keeps
    running on the server. The result is printed in both cases.
    """

    def __init__(self, args: argparse.Namespace, settings: Settings) -> None:
        self._args = args
        self._settings = settings
        self._printer: Printer = PRINTERS[args.output_format or "text"](sys.stdout, args.raw)
        self._progress = progress_of(args)
        self._signal: Exit | None = None
        self._session_id = self._turn_id = ""
        self._earlier_turn_ids: set[str] = set()
        """Ids of the turns that the session had before this run."""
        self._is_stdout_closed = False
        self._is_handed_over = False
        """Another program sends the message."""
        self._limit_messages = LimitMessages()
        # Expanded here so that an error comes before anything is sent.
        self._output = expand_path(args.output) if args.output else None

    async def turn(self, prompt: str, attachments: tuple[Attachment, ...]) -> int:
        """Send a turn and print its answer.

        Raises:
            CancelledError: a signal arrived before the message was stored; nothing was sent.
            NoHistory: the message cannot be recorded, so it is not sent.
        """
        self._install_signal_handlers()
        async with self._services() as services:
            if services.ledger.no_history is not None:
                raise NoHistory(services.ledger.no_history.summary, NO_HISTORY_HINT)
            if services.warning:
                say(services.warning)
            session = await self._choose_session(services)
            self._session_id = session.session_id
            self._earlier_turn_ids = {turn.turn_id for turn in session.turns}
            self._subscribe(services)
            await self._mark_restatements(services)
            with self._stop_on_signal(services):
                turn_id = await self._send_or_store(services, prompt, attachments)
                self._set_turn(services, turn_id)
                await self._wait_for_end(services)
            return await self._report(services)

    async def attach(self, worker_id: str) -> int:
        """Watch a worker to the end of its newest turn and print the result.

        Raises:
            CancelledError: a signal arrived before the worker was read.
        """
        self._install_signal_handlers()
        async with self._services() as services:
            target = generation_of(self._settings).target_in(worker_id)
            session = await open_target(services, target)
            session = await services.engine.adopt(session.session_id, retry=True)
            self._session_id = session.session_id
            turn = session.sent
            if turn is None:
                raise HandingerError(f"{worker_id} has no turns yet.", "Send one: handinger-tui -w ID -p …")
            self._set_turn(services, turn.turn_id)
            self._subscribe(services)
            await self._mark_restatements(services)
            with self._stop_on_signal(services):
                # Limits count what the run has already cost, from the start.
                await services.engine.actor(session.session_id).recount()
                if turn.live or turn.status in UNDECIDED:
                    await services.engine.actor(session.session_id).watch(turn.turn_id)
                else:
                    await services.engine.actor(session.session_id).refresh()
                await services.engine.actor(session.session_id).settled()
            return await self._report(services)

    # -- inside ------------------------------------------------------------------------
    def _set_turn(self, services: Services, turn_id: str) -> None:
        self._turn_id = self._progress.turn_id = turn_id
        self._progress.session_id = self._session_id if self._is_recorded(services) else None

    def _is_recorded(self, services: Services) -> bool:
        """Return whether the session is in a history; else its id would lead nowhere."""
        return services.ledger.no_history is None and not self._args.no_history

    def _services(self) -> AbstractAsyncContextManager[Services]:
        # Without a limit nothing depends on costs before the end: no GETs run during the stream.
        tap = self._print_event if self._printer.prints_events else None
        keep_history = not self._args.no_history
        return open_services(self._settings, default_paths(), tap=tap, keep_history=keep_history)

    async def _choose_session(self, services: Services) -> Session:
        args, destination = self._args, destination_of(self._args, self._settings)
        if destination is not None and destination.target is None:
            return services.engine.new_session(
                self._settings.base_url, stored_worker_id=destination.stored_worker_id
            )
        if destination is not None and destination.target is not None:
            return await open_target(services, destination.target)
        if args.last or args.resume is not None:
            prefix = None if args.last else args.resume
            session = await services.engine.open(await chosen_session_id(services.ledger, prefix))
            if not self._settings.local:
                _refuse_second_worker(session)
            return session
        return services.engine.new_session(self._settings.base_url)

    async def _send_or_store(
        self, services: Services, prompt: str, attachments: tuple[Attachment, ...]
    ) -> str:
        actor = services.engine.actor(self._session_id)
        message = (prompt, self._settings.budget, attachments)
        is_busy = await is_worker_busy(actor)
        if self._args.command == "send" and (is_busy or actor.session.has_other_at_work("")):
            return await self._send_behind(services, *message)
        if is_busy:
            return await actor.store_unsent(*message, STILL_BUSY)
        start = StartPolicy.UNMEASURED if self._args.allow_unmeasured else StartPolicy.MEASURED
        try:
            try:
                return await actor.send(*message, start=start)
            except LimitReached as reached:
                if not reached.may_lift:
                    raise
                # The reservation may belong to a turn of a program that crashed, or of an earlier detach.
                await self._settle_earlier(services)
                return await actor.send(*message, start=start)
        except LimitReached as reached:
            self._limit_messages.mark_reached(reached.gauge)
            return await actor.store_unsent(*message, refusal(reached))
        except (NoHistory, SharedUnreachable):
            raise
        except LedgerError as problem:
            raise NoHistory(problem.summary, NO_HISTORY_HINT) from None

    async def _send_behind(
        self, services: Services, prompt: str, budget: str, attachments: tuple[Attachment, ...]
    ) -> str:
        """Leave a message to the program that watches the session, else send it when the running turn ends.

        Exactly one of the two programs sends it.
        """
        actor, offers = services.engine.actor(self._session_id), services.ledger.offers
        offering = asyncio.ensure_future(actor.offer(prompt, budget, attachments))
        try:
            turn_id, is_offered = await asyncio.shield(offering)
            for _ in range(round(OFFER_S / OFFER_LOOK_S) if is_offered else 0):
                await asyncio.sleep(OFFER_LOOK_S)
                if not await offers.is_open(turn_id):
                    break
        finally:
            # Also after a signal, and if it came while the message was stored: what is in the queue here is
            # withdrawn then.
            turn_id, is_offered = await offering
            self._is_handed_over = is_offered and not await actor.take_back(turn_id)
        if self._is_handed_over:
            return turn_id
        say("The worker still runs an earlier message. This one is sent when it has ended; ^C withdraws it.")
        await actor.watch()
        await actor.resume()
        return turn_id

    async def _settle_earlier(self, services: Services) -> None:
        """Settle turns of earlier runs by GETs for a limited time; the next run settles what stays open."""
        try:
            await services.engine.settle_open_turns(RECOVERY_S)
        except LedgerError as problem:
            say(str(problem))

    async def _mark_restatements(self, services: Services) -> None:
        """Count earlier restatements as reported: `_report` names only those of this run."""
        with suppress(LedgerError):
            await services.ledger.charges.news()

    async def _wait_for_end(self, services: Services) -> None:
        """Wait for the end of the turn; with `--detach` only until the worker id is known."""
        if self._is_handed_over:
            return
        recovery = asyncio.create_task(self._settle_earlier(services))
        try:
            if self._args.detach:
                await self._wait_for_worker_id(services)
                services.engine.actor(self._session_id).detach()
            await services.engine.actor(self._session_id).settled()
            await asyncio.wait({recovery}, timeout=RECOVERY_S)
        finally:
            recovery.cancel()
            await asyncio.wait({recovery})

    async def _wait_for_worker_id(self, services: Services) -> None:
        engine, changed = services.engine, asyncio.Event()
        unsubscribe = engine.subscribe(lambda _session_id: changed.set())
        actor = engine.actor(self._session_id)
        try:
            while (turn := engine.session(self._session_id).find(self._turn_id)) and not _can_detach(turn):
                if (hold := actor.queue.hold) is not None and self._turn_id in actor.queue.ids:
                    # The turn before it did not complete, or a limit is reached.
                    say(hold.gauge.blocked_text if hold.gauge is not None else HELD)
                    await actor.withdraw(self._turn_id)
                    return
                changed.clear()
                await changed.wait()
        finally:
            unsubscribe()

    # -- signals -----------------------------------------------------------------------
    def _install_signal_handlers(self) -> None:
        """Make a signal cancel the main task. Raises CancelledError: one had already arrived."""
        main = asyncio.current_task()

        def stop(code: int) -> None:
            self._signal = Exit(code)
            if main is not None:
                main.cancel()

        signals.hand_over(asyncio.get_running_loop(), stop)

    @contextmanager
    def _stop_on_signal(self, services: Services) -> Iterator[None]:
        """Stop the turn if a signal arrives inside the block.

        The turn is withdrawn before its first byte is sent; after that it keeps running on the server.
        """
        try:
            yield
        except asyncio.CancelledError:
            self._signal = self._signal or Exit.INTERRUPTED
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            services.ledger.give_up_waiting()
            services.engine.actor(self._session_id).stop()

    # -- printing ----------------------------------------------------------------------
    def _subscribe(self, services: Services) -> None:
        services.engine.subscribe_gathered(lambda _ids: self._paint(services), 1 / PAINTS_A_SECOND)

    def _print_event(self, event: StreamEvent) -> None:
        self._print(lambda: self._printer.event(event))

    def _paint(self, services: Services) -> None:
        if self._progress.reported:
            return
        # None: the turn is still being stored. Earlier turns of the session are not printed.
        turn = services.engine.session(self._session_id).find(self._turn_id)
        if turn is not None:
            self._print(lambda: self._printer.turn(turn))
            self._limit_messages.update(services.engine.actor(self._session_id).gauges, running=turn.live)

    def _print(self, write: Callable[[], None]) -> None:
        """Run `write`; when stdout is closed, stop printing but let the turn continue."""
        if self._is_stdout_closed:
            return
        try:
            write()
        except OSError as problem:
            self._is_stdout_closed = True
            discard(sys.stdout)
            if not isinstance(problem, BrokenPipeError):
                say(f"Cannot write the output: {problem.strerror or problem}.")
                if not getattr(self._args, "no_history", False):
                    say(f"The answer goes to the history: handinger-tui export {self._session_id}")

    async def _report(self, services: Services) -> int:
        """Print the result of the turn and return the exit code.

        After a signal it waits at most `SIGNAL_GRACE_S` for the turn to settle.

        Raises:
            CancelledError: a signal arrived before the message was stored.
        """
        actor = services.engine.actor(self._session_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._signal is None else SIGNAL_GRACE_S):
                # What waits was not sent, and never will be: a signal came.
                for turn_id in actor.queue.ids:
                    await actor.withdraw(turn_id)
                await actor.settled()
        session = services.engine.session(self._session_id)
        turn = session.find(self._turn_id)
        if turn is None:
            # A signal may have arrived after the turn was stored and before its id was returned.
            turn = next((new for new in session.turns if new.turn_id not in self._earlier_turn_ids), None)
        if turn is None:
            raise asyncio.CancelledError
        if self._signal is None:
            with suppress(LedgerError):
                restated = await services.ledger.charges.restated(self._session_id)
                session = replace(session, restated=restated)
        if not self._is_recorded(services):
            session = replace(session, session_id="")
        # Pending output is printed first: the result must be the last line.
        self._paint(services)
        self._progress.reported = True
        self._print(lambda: self._printer.result(session, turn))
        code = self._save_answer(turn, self._print_outcome(session, turn))
        hold = services.engine.actor(self._session_id).queue.stopped_by
        # What the database could not write itself is reported when it is closed.
        if (
            hold is not None
            and hold.reason is HoldReason.UNREADABLE
            and turn.may_spend
            and services.ledger.database.problem is None
        ):
            say(f"{hold.detail} {UNWRITTEN}")
            code = code or Exit.LOCAL_IO
        if self._signal is not None:
            return code
        with suppress(LedgerError):
            if news := await services.ledger.charges.news():
                say(Restatement.text(news))
            gauges = await services.engine.actor(self._session_id).recount()
            is_running = turn.status is TurnStatus.RUNNING
            self._limit_messages.update(gauges, running=is_running)
            if self._limit_messages.is_flag_limit_reached(gauges) and code == Exit.OK:
                return Exit.PAYMENT
        return code

    def _print_outcome(self, session: Session, turn: Turn) -> int:
        """Print receipt, remarks and ids to stderr and return the exit code."""
        worker_id = turn.target
        line = receipt_line(session, turn)
        if line:
            note(self._args, line)
        for warning in _outcome_remarks(session, turn):
            say(warning)
        ids = {"session": session.session_id, session.kind: clean_line(worker_id or "")}
        if where := " · ".join(f"{kind} {one}" for kind, one in ids.items() if one):
            note(self._args, where)
        if turn.status is TurnStatus.RUNNING and self._settings.local:
            say(LOCAL_ENDS)
        elif turn.status is TurnStatus.RUNNING and worker_id:
            say(RUNS_ON)
            say(f"Watch it: handinger-tui attach {one_word(worker_id)}")
        if self._is_handed_over:
            say("Queued: the program that watches this session sends it when the running message has ended.")
        if self._signal is not None:
            return self._signal
        runs_on = self._args.detach and turn.status is TurnStatus.RUNNING
        code = Exit.OK if self._is_handed_over or runs_on else exit_of(turn)
        # The outcome of the message takes precedence over output that could not be written.
        return code or (Exit.LOCAL_IO if self._is_stdout_closed else Exit.OK)

    def _save_answer(self, turn: Turn, code: int) -> int:
        target = self._output
        if target is None or not turn.text:
            return code
        text = encodable(turn.text) if self._args.raw else clean(turn.text)
        try:
            save_text(target, text if text.endswith("\n") else text + "\n")
        except OSError as problem:
            say(f"Cannot save the answer to {target}: {problem.strerror or problem}.")
            return code or Exit.LOCAL_IO
        return code


def _refuse_second_worker(session: Session) -> None:
    """Refuse to start a worker in a session that has one already whose id never arrived.

    Raises:
        SettingsError: the newest message of the session may have started it.
    """
    turn = session.sent
    if session.worker_id is None and turn is not None and turn.status not in FREE:
        raise SettingsError(
            "The last message of this session may have started a worker whose id is unknown. "
            "A second worker would cost extra. Nothing was sent.",
            "Omit -c or -r to start a new session.",
        )


def _can_detach(turn: Turn) -> bool:
    """Return whether detaching loses nothing.

    True if the turn has ended, or the worker id is known and the worker has accepted the turn.
    """
    if not turn.live:
        return True
    is_accepted = turn.status not in (TurnStatus.QUEUED, TurnStatus.SENDING)
    return is_accepted and turn.target is not None


def _outcome_remarks(session: Session, turn: Turn) -> list[str]:
    remarks = []
    fault = turn.fault
    if fault is not None:
        remarks.append(sentence(fault.message))
        remarks += _advice(fault.kind, session, turn)
        if fault.retry_after_s is not None:
            remarks.append(f"The service asks to wait {fault.retry_after_s:.0f} s.")
        remarks.append(
            _charge_remark(turn, fault.may_have_been_charged or MoneyIndex().of(session, turn).grew)
        )
    if turn.skipped:
        remarks.append(f"{plural(turn.skipped, 'damaged event')} skipped.")
    return [*filter(None, remarks)]


def _charge_remark(turn: Turn, may_have_been_charged: bool) -> str:
    if may_have_been_charged:
        return MAY_HAVE_COST
    # The message of one that was not sent says so.
    free = "" if turn.status is TurnStatus.NOT_SENT else "Nothing was charged. "
    return f"{free}It is safe to send again." if exit_of(turn) is Exit.NOT_SENT else free.rstrip()


_FIRST: Final = {
    ErrorKind.INVALID: "Change the message, then send it again.",
    ErrorKind.AUTH: "Store a valid key: handinger-tui login. See: handinger-tui doctor",
    ErrorKind.PAYMENT: "Add credits in the dashboard, then send it again.",
    ErrorKind.FORBIDDEN: "Use another key or another worker.",
    ErrorKind.TOO_LARGE: "Shorten the message or attach less, then send it again.",
    ErrorKind.RATE_LIMITED: "Wait, then send it again.",
    ErrorKind.REDIRECT: "If that is the new address of the service, set it as the base URL.",
}
"""What to do first, by the kind of the failure; see also `_advice`."""


def _advice(kind: ErrorKind, session: Session, turn: Turn) -> list[str]:
    """Return what to do or check first."""
    base, worker_id = session.base_url, turn.target
    if turn.status is TurnStatus.UNKNOWN:
        if worker_id is None:
            return ["Check the dashboard before you send again."]
        return [f"Check its state before you send again (free): handinger-tui attach {one_word(worker_id)}"]
    if kind is ErrorKind.NOT_FOUND and base != LOCAL:
        # The first message of a task names only the worker.
        named = session.kind if turn.request.target_id else "worker" if session.stored_worker_id else None
        if named is None:
            return [f"Check the base URL {base}. See: handinger-tui doctor"]
        return [f"Check the {named} id and the base URL {base}."]
    if kind is ErrorKind.CONNECT:
        return ["Check the network, the base URL and the proxy. See: handinger-tui doctor"]
    is_not_free = session.unwatched is not None or session.has_other_at_work(turn.turn_id)
    may_be_busy = turn.status is TurnStatus.REJECTED or is_not_free
    if kind is ErrorKind.CONFLICT and may_be_busy and worker_id is not None:
        return [f"Watch its running turn, or send later: handinger-tui attach {one_word(worker_id)}"]
    return [_FIRST[kind]] if kind in _FIRST and turn.status is TurnStatus.REJECTED else []


def run_turn(args: argparse.Namespace) -> int:
    """Run `handinger-tui -p` and return the exit code. Raises HandingerError or KeyboardInterrupt."""
    settings = service_settings(args)
    # Free checks come before the wait for standard input.
    if args.output:
        check_answer_file(args.output, force=args.force)
    with piped_file(args.file) as paths:
        attachments = signals.wait_for(lambda: tuple(attachment(path) for path in paths))
        prompt = signals.wait_for(lambda: prompt_of(args, settings.limits.max_input_bytes))
        progress_of(args).draft = prompt
        if args.dry_run:
            return dry_run.run(args, settings, prompt, attachments)
        if settings.local:
            note(args, "This is the local worker, not a Handinger worker.")
        headless = Headless(args, settings)
        return signals.run(lambda: headless.turn(prompt, attachments))


def run_attach(args: argparse.Namespace) -> int:
    """Run `handinger-tui attach ID -p` and return the exit code. Raises HandingerError, KeyboardInterrupt."""
    settings = service_settings(args)
    if args.output:
        check_answer_file(args.output, force=args.force)
    headless = Headless(args, settings)
    return signals.run(lambda: headless.attach(args.worker))


WAITING_S: Final = 3.0
"""Seconds after which a message says that the program waits for standard input."""
_ATTACH: Final = "Attach it with -f FILE instead. Nothing was sent."


def read_input(max_bytes: int, *, raw: bool) -> str:
    """Return all of standard input, "" if it is a terminal.

    `raw` replaces bytes that are not text instead of refusing them. The call waits for the end of the
    input, and reports that on stderr after three seconds.

    Raises:
        SettingsError: the input cannot be read, is not UTF-8 text, or has more than `max_bytes` bytes.
    """
    if sys.stdin.isatty():
        return ""
    timer = threading.Timer(WAITING_S, say, ("Reading standard input…",))
    timer.daemon = True
    timer.start()
    try:
        data = sys.stdin.buffer.read(max_bytes + 1)
    except OSError as problem:
        raise SettingsError(
            f"Cannot read standard input: {problem.strerror or problem}.", NOTHING_SENT
        ) from None
    finally:
        timer.cancel()
    if len(data) > max_bytes:
        raise SettingsError(
            f"Standard input is too long for a prompt (over {max_bytes:,} bytes).",
            f"{_ATTACH} The limit is HANDINGER_MAX_INPUT_BYTES.",
        )
    if raw:
        return data.decode("utf-8", "replace")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError("Standard input is not UTF-8 text.", _ATTACH) from None
    if "\0" in text:
        raise SettingsError("Standard input is binary data, not text.", _ATTACH)
    return text


# -- replays -------------------------------------------------------------------------
PRINT_AFTER_MS: Final = 1000 // PAINTS_A_SECOND


def print_replay(args: argparse.Namespace) -> int:
    """Print every turn as a headless run of it does, and return the exit code.

    Raises:
        SettingsError, LedgerError
    """
    return asyncio.run(_print(args))


async def _print(args: argparse.Namespace) -> int:
    index = MoneyIndex()

    def new_printer() -> Printer:
        printer = PRINTERS[args.output_format or "text"](sys.stdout, args.raw)
        printer.index = index
        return printer

    def tap(event: StreamEvent) -> None:
        output.print_event(event)

    taps = tap if new_printer().prints_events else None
    async with opened_replay(args, new_clock(), taps) as replay:
        output = TurnOutput(replay, new_printer)
        output.say_notice()
        await replay.run(output.end)
    return Exit.OK


class TurnOutput:
    """Prints the turns of a replay, each with a printer of its own."""

    def __init__(self, replay: Replay, new_printer: Callable[[], Printer]) -> None:
        self._replay = replay
        self._new_printer = new_printer
        self._printer = new_printer()
        self._due_ms: int | None = None
        replay.engine.subscribe(self._note_change)

    def print_event(self, event: StreamEvent) -> None:
        """Print an event of the stream, and before it the turn if that is due."""
        self._print_due()
        self._printer.event(event)

    def _note_change(self, _session_id: str) -> None:
        if self._due_ms is None:
            self._due_ms = self._replay.clock.now_ms() + PRINT_AFTER_MS
        self._print_due()

    def _print_due(self) -> None:
        if self._due_ms is not None and self._replay.clock.now_ms() >= self._due_ms:
            self._print_turn()

    def _print_turn(self) -> None:
        self._due_ms = None
        turns = self._replay.engine.session(self._replay.session_id).turns
        if turns:
            self._printer.turn(turns[-1])

    def end(self, turn: Turn) -> None:
        """Print the result of a turn."""
        self._print_turn()
        self._printer.result(self._replay.engine.session(self._replay.session_id), turn)
        self._printer = self._new_printer()
        self.say_notice()

    def say_notice(self) -> None:
        """Print what is to be noted about the history and the turn that was played."""
        if notice := self._replay.pop_notice():
            say(notice)
