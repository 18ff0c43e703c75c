"""Messages for another program: exactly one of the two sends each, whoever is quicker or is killed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tests.ledger.samples import opened, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path

RUNNING, MESSAGE = turn_request("turn_1"), turn_request("turn_2")


async def test_an_offer_is_accepted_once_or_withdrawn_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as app, opened(tmp_path / "h.db") as shell:
        for number in range(20):
            turn_id, running = f"turn_{number}", replace(RUNNING, turn_id=f"run_{number}")
            its_session = session(f"ses_{number}")
            await app.open_turn(its_session, running)
            await shell.open_turn(its_session, replace(MESSAGE, turn_id=turn_id))
            assert await shell.offers.offer(turn_id)
            assert await shell.offers.is_open(turn_id)
            offered, is_back = await asyncio.gather(app.offers.take(), shell.offers.take_back(turn_id))
            assert bool(offered) is not is_back
            assert not await shell.offers.is_open(turn_id)
            assert await app.offers.take() == []
            assert not await shell.offers.take_back(turn_id)
            # Whoever has it owns the turn.
            left = {one.turn_id for _, one in await shell.unsettled()}
            assert (turn_id in left) is is_back
            if offered:
                ((session_id, request),) = offered
                assert (session_id, request.turn_id) == (f"ses_{number}", turn_id)


async def test_without_a_running_program_nothing_is_offered(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as shell:
        async with opened(tmp_path / "h.db") as app:
            await app.open_turn(session(), RUNNING)
        # It has ended, and so has its offer to take anything.
        await shell.open_turn(session(), MESSAGE)
        assert not await shell.offers.offer("turn_2")
        assert not await shell.offers.take_back("turn_2")


async def test_the_offer_of_a_killed_program_has_one_heir(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as app:
        await app.open_turn(session(), RUNNING)
        async with opened(tmp_path / "h.db") as shell:
            await shell.open_turn(session(), MESSAGE)
            assert await shell.offers.offer("turn_2")
        async with opened(tmp_path / "h.db") as next_app:
            assert [one.turn_id for _, one in await next_app.unsettled()] == ["turn_2"]
            is_claimed, offered = await asyncio.gather(next_app.claim("turn_2"), app.offers.take())
            assert is_claimed is not bool(offered)


async def test_what_a_killed_program_took_is_left_for_the_next_one(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as shell:
        async with opened(tmp_path / "h.db") as app:
            await app.open_turn(session(), RUNNING)
            await shell.open_turn(session(), MESSAGE)
            assert await shell.offers.offer("turn_2")
            assert [request.turn_id for _, request in await app.offers.take()] == ["turn_2"]
            assert [one.turn_id for _, one in await shell.unsettled()] == []
        assert {one.turn_id for _, one in await shell.unsettled()} == {"turn_1", "turn_2"}
