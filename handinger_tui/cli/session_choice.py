"""Which stored session a command means (the last, by its id, of a worker), and whether its worker is busy."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.api.generations import GENERATIONS, last_id_in
from handinger_tui.core.errors import HandingerError, SettingsError
from handinger_tui.core.safety import clean
from handinger_tui.core.turns.session import Destination, Service, Session
from handinger_tui.ledger.ledger import Ledger

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.settings import Settings

_HINT = "See: handinger-tui sessions"


async def session_ids(ledger: Ledger, prefix: str) -> list[str]:
    """Return the ids of the sessions whose session, worker or task id starts with `prefix`, newest first.

    Raises:
        SettingsError: there is none; "" matches none.
    """
    if not prefix.strip():
        raise SettingsError("The id is empty.", _HINT)
    matches = await ledger.history.find(last_id_in(prefix))
    if not matches:
        raise SettingsError(f"No session or worker id starts with {clean(prefix)}.", _HINT)
    return matches


async def unique_session_id(ledger: Ledger, prefix: str) -> str:
    """Return the id of the only session whose session, worker or task id starts with `prefix`.

    Raises:
        SettingsError: no session matches, or several do; "" matches none.
    """
    matches = await session_ids(ledger, prefix)
    if len(matches) > 1:
        raise SettingsError(f"{len(matches)} sessions start with {clean(prefix)}.", "Type more of the id.")
    return matches[0]


async def chosen_session_id(ledger: Ledger, prefix: str | None) -> str:
    """Return the id of the last session (prefix None or "") or of the one that starts with `prefix`.

    Raises:
        SettingsError
    """
    if prefix:
        return await unique_session_id(ledger, prefix)
    session_id = await ledger.history.last()
    if session_id is None:
        raise SettingsError("No session to continue yet; imported ones are left out.", _HINT)
    return session_id


async def load_unique(ledger: Ledger, prefix: str) -> Session:
    """Load the only session whose id starts with `prefix` from an open history, see `unique_session_id`."""
    session = await ledger.load(await unique_session_id(ledger, prefix))
    if session is None:
        # Another process has deleted it in between.
        raise SettingsError(f"Session not found: {clean(prefix)}.", _HINT)
    restated = await ledger.charges.restated(session.session_id)
    return replace(session, restated=restated)


async def find_target_session(
    ledger: Ledger, load: Callable[[str], Awaitable[Session | None]], target: str, service: Service
) -> Session | None:
    """Return the newest stored session of a target of that service, by `load`; None if there is none."""
    session_id = await ledger.history.of_worker(target, service)
    return None if session_id is None else await load(session_id)


async def is_worker_busy(actor: SessionActor) -> bool:
    """Whether an earlier turn of the session still runs, by a GET: a message would be refused."""
    if actor.gate.state.busy:
        # A worker that cannot be read counts as busy.
        with suppress(HandingerError):
            await actor.refresh()
    return actor.gate.state.busy


def destination_of(args: argparse.Namespace, settings: Settings) -> Destination | None:
    """Return where -w or --task sends messages; None where neither is given.

    Raises:
        SettingsError: --task in a generation without tasks, or an address of another thing.
    """
    generation = GENERATIONS[settings.generation]
    if args.task:
        if not generation.has_tasks:
            raise SettingsError(
                "--task needs the tasks generation of the API. Nothing was sent.", "Add --generation tasks."
            )
        return Destination(generation.target_in(args.task))
    return generation.destination_of(args.worker) if args.worker else None
