"""A new start: what the program does with the history of a killed process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handinger_tui.cli.local_files import Paths
from handinger_tui.cli.wiring import open_services
from handinger_tui.settings import Flags, load
from tests.chaos.data import SHORT
from tests.e2e.runner import KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from handinger_tui.core.turns.session import Session


def start_again(database: Path, base_url: str, limits: Mapping[str, str] = SHORT) -> list[Session]:
    """Settle the open turns, as at every start of the program; returns their sessions."""
    environ = {"HANDINGER_API_KEY": KEY, "HANDINGER_BASE_URL": base_url, **limits}
    folder = database.parent
    places = Paths(folder / "config.toml", database, folder)

    async def start() -> list[Session]:
        async with open_services(load(Flags(), environ), places) as parts:
            assert parts.warning is None
            session_ids = await parts.engine.recover()
            return [await parts.engine.actor(session_id).settled() for session_id in session_ids]

    return asyncio.run(start())
