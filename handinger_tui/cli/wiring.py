"""Wiring: client, ledger, engine and local worker, made from the settings."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from math import inf
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.generations import GENERATIONS, Generation
from handinger_tui.api.response import ResponseLimits
from handinger_tui.api.stored_workers import TemplateClient
from handinger_tui.api.tasks import TaskClient
from handinger_tui.cli import signals
from handinger_tui.cli.load_settings import by_settings, service_settings
from handinger_tui.cli.local_files import Paths, default_paths
from handinger_tui.cli.output import say
from handinger_tui.cli.session_choice import find_target_session, load_unique
from handinger_tui.core.errors import LedgerError, NoRoom, SettingsError
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import Secret
from handinger_tui.core.turns.session import Service, Session
from handinger_tui.core.turns.turn import SETTLE_MS, Trigger, TurnStatus
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.replay import Pace, Replay, ReplayClock
from handinger_tui.engine.session_actor import ServiceContext
from handinger_tui.engine.stored_workers import StoredWorkerCatalog
from handinger_tui.ledger.ledger import FileAccess, Ledger

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Callable, Coroutine

    from handinger_tui.api.generations import TurnClient
    from handinger_tui.api.schedules import ScheduleClient
    from handinger_tui.core.dialects.events import StreamEvent
    from handinger_tui.ledger.charges.shared_report import SharedReport
    from handinger_tui.ledger.charges.shared_server import SharedServer
    from handinger_tui.settings import Settings

APP_WAIT_S: Final = 5.0
"""Maximum seconds the app waits for another process that has locked the history."""
WAITING: Final = "Waiting for the history (in use by another process)…"
UNSHARED: Final = "Messages are sent even while the shared limits cannot be checked (--allow-unshared)."
WITHOUT_HISTORY: Final = (
    "No history is kept (--no-history). Limits count only what this command spends. "
    "Limits set with /limit do not apply."
)


SLOW_PACE: Final = 0.9
"""The pace of our clock while the machine's clock is behind it."""
MOST_SET_BACK_MS: Final = 86_400_000


class SystemClock:
    """The system clock; implements `engine.ports.Clock`.

    Its time does not go back, since events are put in order by it: where the machine's clock is set back by
    up to a day, it runs slower until that has caught up. After a larger step it follows: the time before
    was wrong.
    """

    def __init__(
        self,
        newest_ms: int = 0,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`newest_ms`: a time that has passed, by the history."""
        self._wall_ns, self._monotonic = wall_ns, monotonic
        self._newest_ms, self._newest_s = newest_ms, monotonic()

    def now_ms(self) -> int:
        """Return Unix time in milliseconds."""
        wall_ms, now_s = self._wall_ns() // 1_000_000, self._monotonic()
        earliest_ms = self._newest_ms + int((now_s - self._newest_s) * 1000 * SLOW_PACE)
        if wall_ms < earliest_ms <= wall_ms + MOST_SET_BACK_MS:
            return earliest_ms
        self._newest_ms, self._newest_s = wall_ms, now_s
        return wall_ms

    def monotonic(self) -> float:
        """Return monotonic time in seconds."""
        return self._monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep for that many seconds."""
        await asyncio.sleep(seconds)


class RandomIds:
    """Creates unique ids that sort by creation time."""

    def new(self, prefix: str) -> str:
        """Return `prefix_`, 11 hexadecimal digits of Unix milliseconds and 16 random ones."""
        return f"{prefix}_{time.time_ns() // 1_000_000:011x}{os.urandom(8).hex()}"


class Services(Struct, frozen=True):
    """The services of one run, connected to each other."""

    settings: Settings
    client: WorkerClient
    turns: WorkerClient | TaskClient
    """The client of the generation in the settings, over the connections of `client`."""
    ledger: Ledger
    engine: Engine
    host: str
    warning: str | None = None
    """A message to show once: the history is not durable, or a damaged one was set aside."""


LATE_READS: Final = (5.0, 25.0)
"""Pauses in seconds after the end of a turn, after each of which the app reads the worker for late costs."""


READS_PER_S: Final = 1.0
"""Readings of the service, all together, that the app makes in the long run."""
FASTEST_S: Final = 0.05
"""The shortest interval between two readings that is counted with."""
MOST_STREAMS: Final = 200
SPARE_FILES: Final = 64
"""Descriptors for everything that is no stream."""


def most_streams() -> int:
    """How many runs the app watches at once: each takes a descriptor."""
    if sys.platform == "win32":
        return MOST_STREAMS
    import resource  # not on Windows

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_STREAMS if files < 0 else max(1, min(MOST_STREAMS, files - SPARE_FILES))


@asynccontextmanager
async def open_services(
    settings: Settings,
    paths: Paths,
    *,
    trigger: Trigger = Trigger.HEADLESS,
    tap: Callable[[StreamEvent], None] | None = None,
    keep_history: bool = True,
) -> AsyncIterator[Services]:
    """Open all services; close them in reverse order at the end of the block.

    `keep_history` is False with `--no-history`. Only the app polls costs while a turn runs.

    Raises:
        SettingsError
    """
    async with AsyncExitStack() as stack:
        in_app = trigger is Trigger.APP
        ledger, warning = await open_ledger(settings, paths, in_app=in_app, keep_history=keep_history)
        stack.push_async_callback(ledger.aclose)
        address, key = settings.base_url, settings.key.reveal()
        if settings.local:
            address, key = await _local_worker(stack, settings)
        client = await stack.enter_async_context(client_of(settings, address, key, late=in_app))
        turns = turn_client_of(settings, client)
        context = ServiceContext(
            settings.base_url, settings.local, trigger, settings.generation, settings.prices
        )
        poll_interval = settings.limits.poll_interval
        retry_policy = RetryPolicy(
            poll_interval=poll_interval,
            poll_interval_max=5 * poll_interval,
            recovery_window=settings.limits.recovery_window,
            max_wait=settings.limits.max_wait,
            money_interval=poll_interval if in_app else None,
            late_reads=LATE_READS if in_app else (),
            # Who reads one worker more often than that asked for it.
            reads_per_s=max(READS_PER_S, 1 / max(poll_interval, FASTEST_S)) if in_app else None,
            most_watched=most_streams(),
        )
        clock = SystemClock(ledger.newest_ms)
        limits, offers = ledger.limits, ledger.offers
        engine = Engine(turns, ledger, clock, RandomIds(), retry_policy, tap, context, limits, offers)
        stack.push_async_callback(engine.aclose)
        yield Services(settings, client, turns, ledger, engine, urlsplit(address).netloc, warning)


@asynccontextmanager
async def opened_replay(
    args: argparse.Namespace, clock: ReplayClock, tap: Callable[[StreamEvent], None] | None = None
) -> AsyncIterator[Replay]:
    """The replay that a command line asks for.

    Raises:
        SettingsError: no session, or more than one, matches the id.
        LedgerError
    """
    ledger = Ledger(default_paths().database, access=FileAccess.READ)
    await ledger.start()
    try:
        session = await load_unique(ledger, args.id)
        # Pauses of hours are played only where the original speed was asked for.
        pace = Pace() if args.speed is None else Pace(args.speed, full_pauses=args.speed == 1)
        replay = Replay(session, ledger.frames, pace, clock, RandomIds(), tap)
        replay.problem = lambda: ledger.problem
        yield replay
    finally:
        await ledger.aclose()


def new_clock() -> ReplayClock:
    """A clock that shows the time of a replay."""
    return ReplayClock(SystemClock())


def run_with_services(
    args: argparse.Namespace | None, work: Callable[[Services], Coroutine[None, None, int]]
) -> int:
    """Run `work` of a command without a screen with the services of its settings; return the exit code.

    Raises:
        HandingerError
    """
    settings = service_settings(args)

    async def run() -> int:
        async with open_services(settings, default_paths()) as services:
            return await work(services)

    return signals.run(run)


async def open_ledger(
    settings: Settings, paths: Paths, *, in_app: bool = False, keep_history: bool = True
) -> tuple[Ledger, str | None]:
    """Open the history; return it with a warning or None. It never fails: the program always starts.

    If the file cannot be used, the history is in memory, and `Ledger.no_history` says why nothing may
    be sent. Only the app sets a damaged file aside: there the user sees it.
    """
    unshared = UNSHARED if settings.allow_unshared and settings.shared_url else ""
    if not keep_history:
        return await _started(Ledger(None), settings), f"{WITHOUT_HISTORY} {unshared}".rstrip()
    if in_app:
        lock_wait_s = min(settings.limits.history_wait, APP_WAIT_S)
        ledger = Ledger(paths.database, lock_wait_s=lock_wait_s)
    else:
        ledger = Ledger(
            paths.database,
            lock_wait_s=min(settings.limits.history_wait, settings.limits.max_wait or inf),
            access=FileAccess.WRITE,
            # The cache prints it once.
            on_wait=cache(partial(say, WAITING)),
        )
    try:
        await _started(ledger, settings)
    except asyncio.CancelledError:
        # The ledger's thread must not delay the exit by waiting for another process.
        ledger.give_up_waiting()
        raise
    except LedgerError as problem:
        shown = await _copy_of_history(problem, paths, settings) if isinstance(problem, NoRoom) else None
        earlier = "" if shown is None else " Earlier sessions can be read."
        return (
            shown or await _started(Ledger(None, instead_of=problem), settings),
            f"No history: {problem.summary}{earlier} This session is kept in memory only. "
            f"{problem.hint}".strip(),
        )
    return ledger, " ".join(filter(None, (ledger.problem, ledger.recomputed, unshared))) or None


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        # It was deleted.
        return None


async def _started(ledger: Ledger, settings: Settings) -> Ledger:
    """Apply the settings to the ledger, and start it. Raises LedgerError."""
    folder = _working_folder()
    ledger.limits.rules = replace(by_settings(ledger.limits.rules, settings), folder=folder or "")
    ledger.apply(settings.tag_rules)
    tail = None if settings.local else settings.key.tail()
    ledger.run = ledger.run._replace(profile=settings.profile, folder=folder, key_tail=tail)
    # A team does not count simulated money.
    if settings.shared_url and not settings.local:
        ledger.join(shared_server(settings), is_required=not settings.allow_unshared)
    await ledger.start()
    return ledger


def shared_server(settings: Settings) -> SharedServer:
    """Return the database with the limits of a team; it opens no connection yet."""
    from handinger_tui.ledger.charges.shared_server import SharedServer  # few have one

    return SharedServer(settings.shared_url, settings.shared_host or socket.gethostname())


def shared_report(server: SharedServer) -> SharedReport:
    """Return what is left of the limits of a team now. Raises SharedUnreachable."""
    from handinger_tui.ledger.charges.shared_report import SharedReport  # few have one

    return SharedReport(server, time.time_ns() // 1_000_000)


async def _copy_of_history(problem: NoRoom, paths: Paths, settings: Settings) -> Ledger | None:
    """The history that cannot be written, in memory; None where it cannot be read either."""
    if not paths.database.exists():
        return None
    ledger = Ledger(paths.database, instead_of=problem, access=FileAccess.COPY)
    try:
        return await _started(ledger, settings)
    except LedgerError:
        await ledger.aclose()
        return None


async def _local_worker(stack: AsyncExitStack, settings: Settings) -> tuple[str, str]:
    from handinger_tui.local.server import LocalServer  # 160 ms, only for the local worker

    server = await asyncio.to_thread(LocalServer.start, pace=settings.local_pace)
    stack.push_async_callback(asyncio.to_thread, server.stop)
    return server.tasks_url if generation_of(settings).has_tasks else server.base_url, server.api_key


def generation_of(settings: Settings) -> Generation:
    """Return the generation in the settings."""
    return GENERATIONS[settings.generation]


async def open_target(services: Services, target: str) -> Session:
    """Open the stored session of a target of the service; start one if there is none."""
    settings, engine = services.settings, services.engine
    service = Service(settings.base_url, settings.generation)
    stored = await find_target_session(services.ledger, engine.open, target, service)
    return stored or engine.new_session(settings.base_url, target)


def require_tasks(settings: Settings, what: str) -> None:
    """Raise SettingsError where the generation in the settings has no tasks, which `what` is a part of."""
    if not generation_of(settings).has_tasks:
        raise SettingsError(
            f"{what} are part of the tasks generation of the API; this account is set to workers.",
            "Use --generation tasks if your account has it: doctor shows that.",
        )


def turn_client_of(settings: Settings, client: WorkerClient) -> TurnClient:
    """Return the client of the generation in the settings."""
    has_tasks = generation_of(settings).has_tasks
    return TaskClient(client, settings.limits.poll_interval) if has_tasks else client


def client_of(settings: Settings, address: str, key: str, *, late: bool = False) -> WorkerClient:
    """Return the client of a service; it opens no connection before it is entered.

    `late` imports httpx at the first request.
    """
    limits = settings.limits
    return WorkerClient(
        address,
        Secret(key),
        ResponseLimits(
            connect_timeout=limits.connect_timeout,
            first_byte_timeout=limits.first_byte_timeout,
            turn_timeout=5 * limits.first_byte_timeout,
            idle_timeout=limits.idle_timeout,
            max_event_bytes=limits.max_event_bytes,
            max_turn_bytes=limits.max_turn_bytes,
            max_json_bytes=limits.max_json_bytes,
            max_file_bytes=limits.max_file_bytes,
        ),
        headers=dict(settings.headers),
        late=late,
    )


def schedule_client(client: WorkerClient) -> ScheduleClient:
    """Return the schedules of a service. What they need is loaded with the first call."""
    from handinger_tui.api.schedules import ScheduleClient  # few sessions have schedules

    return ScheduleClient(client, partial(RandomIds().new, "sch"))


def stored_workers_of(services: Services) -> StoredWorkerCatalog:
    """Return the stored workers of the service. Raises SettingsError: it has none."""
    settings, clock = services.settings, SystemClock()
    require_tasks(settings, "Stored workers")
    return StoredWorkerCatalog(
        TemplateClient(services.client, clock.now_ms),
        services.ledger.stored_workers,
        services.ledger.history,
        RandomIds(),
        settings.base_url,
        # Those of the local worker end with it.
        since_ms=clock.now_ms() if settings.local else 0,
    )


SETTLE_S: Final = 30.0
"""Maximum seconds for the readings of all workers."""


def settle_open_turns() -> None:
    """Read the workers of the service in the settings, and report on stderr which turns are still open.

    Raises:
        SettingsError: no key is set.
        LedgerError
    """
    run_with_services(None, _settle)


async def _settle(services: Services) -> int:
    sessions = await services.engine.settle_open_turns(SETTLE_S, everything=True)
    turns = [turn for session in sessions for turn in session.turns]
    unended = sum(turn.may_spend and (turn.live or turn.status is TurnStatus.RUNNING) for turn in turns)
    unknown = sum(turn.status is TurnStatus.UNKNOWN for turn in turns)
    if not sessions:
        say("No open turns and nothing to read.")
    else:
        counts = ((unended, "still open"), (unknown, "with unknown outcome"))
        summary = ", ".join(f"{plural(count, 'turn')} {what}" for count, what in counts if count)
        summary = summary or "all turns are finished"
        due = await services.ledger.sessions_to_read(SystemClock().now_ms() + SETTLE_MS)
        is_due = {one.session_id for one in due} & {one.session_id for one in sessions}
        late = " Some amounts may still grow: run this again after 30 seconds." if is_due else ""
        say(f"Read {plural(len(sessions), 'worker')}: {summary}.{late}")
    return 0
