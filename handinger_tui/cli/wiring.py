"""Wiring: settings → local worker, client, ledger, engine. The only place that knows them all."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf
from typing import Final
from urllib.parse import urlsplit

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.limits import Limits as ApiLimits
from handinger_tui.cli.output import say
from handinger_tui.cli.paths import Paths
from handinger_tui.core.errors import LedgerError, NoHistory
from handinger_tui.core.money.limits import Origin
from handinger_tui.core.record import dataclass
from handinger_tui.core.secret import Secret
from handinger_tui.core.stream.events import StreamEvent
from handinger_tui.core.turns.turn import Trigger
from handinger_tui.engine.engine import Engine, ServiceContext
from handinger_tui.engine.retry_policy import RetryPolicy
from handinger_tui.ledger.ledger import FileAccess, Ledger
from handinger_tui.ledger.limit_service import LimitService
from handinger_tui.settings import Settings

APP_WAIT_S: Final = 5.0
"""How long the app waits for another process that holds the history: a person looks at it meanwhile."""
WAITING: Final = "Waiting for the history: another process holds it…"
WITHOUT_HISTORY: Final = (
    "No history is kept (--no-history). Limits count what this command spends, not what was spent before;"
    " those set with /limit are not known."
)


class SystemClock:
    """The real time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class RandomIds:
    """Ids that sort by time and that nobody else makes."""

    def new(self, prefix: str) -> str:
        """`prefix_` and 26 signs, the first ten by time."""
        return f"{prefix}_{time.time_ns() // 1_000_000:011x}{os.urandom(8).hex()}"


@dataclass(frozen=True, slots=True)
class Services:
    """Everything wired together."""

    settings: Settings
    client: WorkerClient
    ledger: Ledger
    engine: Engine
    purse: LimitService
    base_url: str
    """As stored with a session: `local` for the local worker."""
    host: str
    warning: str | None = None
    """To be said once: no durable history, a damaged one set aside."""

    @property
    def no_history(self) -> NoHistory | None:
        """Why nothing may be sent; None where turns are recorded, or the person chose to go without."""
        return self.ledger.no_history


@asynccontextmanager
async def wired(
    settings: Settings,
    places: Paths,
    *,
    trigger: Trigger = Trigger.HEADLESS,
    watch_money: bool,
    tap: Callable[[StreamEvent], None] | None = None,
    keep_history: bool = True,
) -> AsyncIterator[Services]:
    """Open everything, close it in reverse order.

    `keep_history` False: the person chose to go without a history.

    Raises:
        SettingsError
    """
    async with AsyncExitStack() as stack:
        in_app = trigger is Trigger.APP
        ledger, warning = await opened_ledger(settings, places, in_app=in_app, keep_history=keep_history)
        stack.push_async_callback(ledger.aclose)
        address, key = settings.base_url, settings.key.reveal()
        if settings.local:
            address, key = await _local_worker(stack, settings.local_pace)
        client = await stack.enter_async_context(client_of(settings, address, key, late=in_app))
        home = ServiceContext(settings.base_url, forgetful=settings.local, trigger=trigger)
        waits = patience(settings, watch_money=watch_money)
        clock, purse = SystemClock(), purse_of(settings, ledger)
        engine = Engine(client, ledger, clock, RandomIds(), waits, tap, home, purse)
        stack.push_async_callback(engine.aclose)
        host = urlsplit(address).netloc
        yield Services(settings, client, ledger, engine, purse, settings.base_url, host, warning)


def purse_of(settings: Settings, ledger: Ledger) -> LimitService:
    """The limits of the settings and of the history, over what the history knows was spent."""
    flags = [limit for limit in settings.spending if limit.origin is Origin.FLAG]
    configured = [limit for limit in settings.spending if limit.origin is not Origin.FLAG]
    return LimitService(ledger, configured, flags, simulated=settings.local, now_ms=SystemClock().now_ms)


async def opened_ledger(
    settings: Settings, places: Paths, *, in_app: bool = False, keep_history: bool = True
) -> tuple[Ledger, str | None]:
    """The history, and a warning where there is one: the program always starts.

    Where the file cannot be used it is one in memory, and `Ledger.no_history` says why nothing may
    be sent. Only the app sets a damaged file aside: there a person sees it.
    """
    if not keep_history:
        return await _in_memory(None), WITHOUT_HISTORY
    if in_app:
        ledger = Ledger(places.database, patience_s=min(settings.limits.history_wait, APP_WAIT_S))
    else:
        ledger = Ledger(
            places.database,
            patience_s=min(settings.limits.history_wait, settings.limits.max_wait or inf),
            access=FileAccess.WRITE,
            on_wait=_say_once(WAITING),
        )
    try:
        await ledger.start()
    except asyncio.CancelledError:
        # Its thread must not keep a program that leaves waiting for another process.
        ledger.give_up_waiting()
        raise
    except LedgerError as problem:
        return (
            await _in_memory(problem),
            f"No history: {problem.summary} This session is kept in memory only. {problem.hint}".strip(),
        )
    return ledger, ledger.problem


async def _in_memory(instead_of: LedgerError | None) -> Ledger:
    ledger = Ledger(None, instead_of=instead_of)
    await ledger.start()
    return ledger


def _say_once(line: str) -> Callable[[], None]:
    """A function that says `line` on stderr when it is called first."""
    lines = [line]

    def tell() -> None:
        if lines:
            say(lines.pop())

    return tell


async def _local_worker(stack: AsyncExitStack, pace: float) -> tuple[str, str]:
    # 160 ms of imports, needed only without a key.
    from handinger_tui.local.serving import LocalServer  # noqa: PLC0415

    server = await asyncio.to_thread(LocalServer.start, pace=pace)
    stack.push_async_callback(asyncio.to_thread, server.stop)
    return server.base_url, server.api_key


def client_of(settings: Settings, address: str, key: str, *, late: bool = False) -> WorkerClient:
    """The client of a service; it opens nothing before it is entered. `late`: httpx comes when it sends."""
    limits = settings.limits
    return WorkerClient(
        address,
        Secret(key),
        ApiLimits(
            connect_timeout=limits.connect_timeout,
            first_byte_timeout=limits.first_byte_timeout,
            idle_timeout=limits.idle_timeout,
            max_event_bytes=limits.max_event_bytes,
            max_turn_bytes=limits.max_turn_bytes,
            max_json_bytes=limits.max_json_bytes,
            max_file_bytes=limits.max_file_bytes,
        ),
        headers=dict(settings.headers),
        late=late,
    )


def patience(settings: Settings, *, watch_money: bool) -> RetryPolicy:
    """The engine's waits from the settings."""
    limits = settings.limits
    return RetryPolicy(
        poll_interval=limits.poll_interval,
        poll_interval_max=max(5 * limits.poll_interval, limits.poll_interval),
        recovery_window=limits.recovery_window,
        max_wait=limits.max_wait,
        money_interval=limits.poll_interval if watch_money else None,
    )
