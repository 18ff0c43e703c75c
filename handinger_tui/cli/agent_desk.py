"""What editors and other agents do with workers, whatever protocol they speak: send to an idle worker, wait.

A front for such a client is started by `serve`. It is a program for the history like any other: it finishes
what killed programs have begun, and the next one finishes what this one leaves running.
"""

from __future__ import annotations

import asyncio
import importlib.util
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from handinger_tui.api.download import save
from handinger_tui.api.file_urls import refresher
from handinger_tui.cli import signals
from handinger_tui.cli.args import NOTHING_SENT
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.load_settings import service_settings
from handinger_tui.cli.local_files import default_paths, expand_path
from handinger_tui.cli.session_choice import is_worker_busy
from handinger_tui.cli.wiring import SETTLE_S, RandomIds, open_services
from handinger_tui.core.documents import members
from handinger_tui.core.errors import (
    ApiError,
    HandingerError,
    LedgerError,
    LimitStop,
    NoHistory,
    SettingsError,
)
from handinger_tui.core.evidence import files_of_turn
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import StartPolicy
from handinger_tui.engine.inbox import Busy

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator
    from pathlib import Path

    from handinger_tui.cli.wiring import Services
    from handinger_tui.core.jsontext import JsonObject
    from handinger_tui.core.stream import FilePart
    from handinger_tui.core.turns.session import Session, SessionSummary
    from handinger_tui.core.turns.turn import Attachment, Turn, TurnStatus
    from handinger_tui.engine.session_actor import SessionActor

LATE_COSTS_EVERY_S: Final = 30.0
"""Seconds between readings of workers whose costs may come late."""


class Desk:
    """The workers of a person, for one client. Every method raises HandingerError."""

    def __init__(self, services: Services, folder: Path | None) -> None:
        """`folder`: where files are saved; None: they are not."""
        self.services = services
        self.folder = folder

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Continue to watch turns of programs that were killed, and read late costs until the end."""
        await self.services.engine.recover()
        reading = asyncio.create_task(self._read_late_costs())
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _read_late_costs(self) -> None:
        while True:
            with suppress(LedgerError):
                await self.services.engine.settle_open_turns(SETTLE_S)
            await asyncio.sleep(LATE_COSTS_EVERY_S)

    async def send(
        self,
        actor: SessionActor,
        text: str,
        budget: str,
        files: tuple[Attachment, ...] = (),
        agrees: Callable[[str], Awaitable[bool]] | None = None,
        turn_id: str = "",
    ) -> str:
        """Send one message to an idle worker; returns the id of its turn. It never waits in a queue.

        `agrees`: asks the person about a turn whose limit cannot be enforced; None: such a turn is not sent.
        `turn_id`: the id that the turn gets; "": a new one.

        Raises:
            LimitStop
        """
        if not text.strip():
            raise SettingsError("The message is empty.", NOTHING_SENT)
        await _check_idle(actor)
        sent_id = ""
        start = StartPolicy.MEASURED
        while not sent_id:
            try:
                sent_id = await actor.send(text, budget, files, start=start, turn_id=turn_id)
            except LimitStop as stop:
                if agrees is None or not (stop.may_be_agreed and await agrees(stop.reason)):
                    raise
                start = StartPolicy.UNMEASURED
        if sent_id in actor.queue.ids:
            # Something was sent to the worker since it was found idle. If the message has left by now, it is
            # a turn like any other.
            with suppress(Busy):
                await actor.withdraw(sent_id)
                raise HandingerError("The worker runs another message by now.", NOTHING_SENT)
        return sent_id

    async def wait_while(
        self, actor: SessionActor, turn_id: str, statuses: Collection[TurnStatus], seconds: float | None
    ) -> None:
        """Wait until a turn has none of `statuses`, at most so many seconds."""
        changed = asyncio.Event()
        unsubscribe = self.services.engine.subscribe(lambda _session_id: changed.set())
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while (turn := actor.session.find(turn_id)) is not None and turn.status in statuses:
                        changed.clear()
                        await changed.wait()
        finally:
            unsubscribe()

    async def now(self, actor: SessionActor, turn_id: str) -> Turn:
        """A turn as it is by now; the gauges of its session are read again.

        Its costs are written first: until then a turn that has ended reserves room under the limits.
        """
        await actor.recount()
        turn = actor.session.find(turn_id)
        if turn is None:
            raise HandingerError("The turn was deleted.")
        return turn

    async def usual(self, session: Session, budget: str) -> JsonObject:
        """What a turn of the worker of a session usually costs: in words (`usual`), and by unit."""
        settings, worker_id = self.services.settings, session.worker_id or session.stored_worker_id
        cost = await self.services.ledger.charges.typical_cost(
            worker_id, budget, simulated=settings.local, prices=settings.prices
        )
        return {"usual": cost.text, "usd": members(cost.usd.part), "credits": members(cost.credits.part)}

    async def sessions(self) -> list[SessionSummary]:
        """The sessions of this service, newest first."""
        settings = self.services.settings
        rows = await self.services.ledger.history.sessions(base_urls=[settings.base_url])
        return [row for row in rows if row.generation == settings.generation]

    @staticmethod
    def new_turn_id() -> str:
        """An id for a turn, see `send`."""
        return RandomIds().new("turn")

    async def save(self, target: str, file: FilePart) -> Path:
        """Save a file of a worker, under a name that is free; returns where."""
        if self.folder is None:
            raise SettingsError("No folder for files.", "Start the server with --dir FOLDER.")
        renewed = refresher(self.services.turns, target, file)
        return await save(
            self.services.client, file.url, self.folder, file.filename, wanted=file.size, refresh=renewed
        )

    async def save_all(self, turn: Turn) -> dict[str, Path]:
        """Save the files of a turn where there is a folder for them: where each is, by its address.

        What cannot be saved is left out.
        """
        saved: dict[str, Path] = {}
        for file in files_of_turn(turn) if self.folder is not None else ():
            with suppress(ApiError):
                saved[file.url] = await self.save(turn.target or "", file)
        return saved


async def _check_idle(actor: SessionActor) -> None:
    is_busy = actor.running or await is_worker_busy(actor) or actor.session.has_other_at_work("")
    sent = actor.session.sent
    if is_busy:
        newest = f" Its newest turn is {clean_line(sent.turn_id)}." if sent is not None else ""
        raise HandingerError(f"The worker still runs an earlier message.{newest}", NOTHING_SENT)
    if actor.queue.ids:
        raise HandingerError(
            f"Earlier messages wait in the queue of this session. {NOTHING_SENT}",
            "Send or withdraw them in the app first.",
        )


def limit_words(stop: LimitStop) -> str:
    """Why a limit stops a turn. A turn that may be agreed to was asked for: no option does that here."""
    return stop.summary if stop.may_be_agreed else stop.text


@contextmanager
def in_words(error: Callable[[str], Exception]) -> Iterator[None]:
    """Raise a problem as an error of a protocol, in words, with what to do next."""
    try:
        yield
    except LimitStop as stop:
        raise error(limit_words(stop)) from None
    except HandingerError as problem:
        raise error(problem.text) from None


async def until_end(work: Coroutine[None, None, object], let_go: Callable[[], object] | None = None) -> None:
    """Await what a package does for its client, in a task of its own.

    Packages take a cancellation for the end of their input, or wait for a line before they notice it: when a
    signal cancels this, `let_go` is called, then the task is cancelled and its end awaited.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if let_go is not None:
            let_go()
        task.cancel()
        await asyncio.wait({task})
        raise


def serve(args: argparse.Namespace, package: str, work: Callable[[Desk], Awaitable[None]]) -> int:
    """Run a front for a client until `work` ends; returns the exit code.

    `package`: what it needs; an extra has the same name.

    Raises:
        SettingsError: the package is not installed.
        HandingerError
    """
    if importlib.util.find_spec(package) is None:
        raise SettingsError(
            f"The package {package} is not installed.", f'Install it: pip install "handinger-tui[{package}]"'
        )
    # Expanded here so that an error comes before the first call.
    folder = expand_path(args.dir) if args.dir else None
    settings = service_settings(args)

    async def run() -> int:
        async with open_services(settings, default_paths()) as services:
            if services.ledger.no_history is not None:
                raise NoHistory(services.ledger.no_history.summary, "Nothing can be sent without a history.")
            desk = Desk(services, folder)
            async with desk.open():
                await work(desk)
        return Exit.OK

    return signals.run(run)
