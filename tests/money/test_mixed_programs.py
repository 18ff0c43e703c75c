"""The app and scripts at work on one history: each counts what the other has reserved."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pytest

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.local_files import Paths
from handinger_tui.cli.wiring import Services, open_services
from handinger_tui.core.amounts import Unit
from handinger_tui.core.money.limits import Limit, LimitUnmeasured, Scope
from handinger_tui.core.safety import Secret
from handinger_tui.core.turns.turn import StartPolicy, Trigger, TurnStatus
from handinger_tui.ledger.turns import load_turn
from handinger_tui.settings import Settings
from tests.chaos.processes import ended
from tests.e2e.runner import KEY
from tests.money.cases import ScriptedService, Step, usd
from tests.money.paid_service import PaidService, serving
from tests.money.programs import Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DAY: Final = Limit(Scope.DAY, Unit.USD, Decimal(5))
SCRIPT: Final = {"HANDINGER_LIMIT_DAY_USD": "5"}


@asynccontextmanager
async def app_on(person: Person) -> AsyncIterator[Services]:
    """The services of the app, without its screen."""
    settings = Settings(person.service.url, Secret(KEY), spending=(DAY,))
    paths = Paths(person.home / "config.toml", person.home / "history.db", person.home)
    async with open_services(settings, paths, trigger=Trigger.APP) as services:
        yield services


async def test_a_script_does_not_spend_the_reservation_of_the_app(
    service: PaidService, tmp_path: Path
) -> None:
    service.late = None
    person = Person(service, tmp_path)
    async with app_on(person) as app:
        session_id = app.engine.new_session(app.settings.base_url).session_id
        await app.engine.actor(session_id).send("from the app", "standard")
        assert await asyncio.to_thread(service.wait_for_posts, 1)
        # The settling of earlier runs leaves the turn alone: its program is alive.
        refused = await asyncio.to_thread(lambda: ended(person.start("-p", "script", "--json", **SCRIPT)))
        assert (refused.code, refused.result["error"]["kind"]) == (5, "cost_limit")
        assert "1 running turn has no cost history" in refused.err
        service.late = 0.0
        service.finish()
        session = await app.engine.actor(session_id).settled()
        assert session.turns[-1].status is TurnStatus.COMPLETED
        sent = await asyncio.to_thread(lambda: ended(person.start("-p", "script", "--json", **SCRIPT)))
        assert sent.code == 0
    assert service.posts == ["from the app", "script"]


async def test_the_app_asks_before_it_spends_the_reservation_of_a_script(
    service: PaidService, tmp_path: Path
) -> None:
    service.late = None
    person = Person(service, tmp_path)
    script = person.start("-p", "script", "--json", **SCRIPT)
    assert await asyncio.to_thread(service.wait_for_posts, 1)
    async with app_on(person) as app:
        actor = app.engine.actor(app.engine.new_session(app.settings.base_url).session_id)
        with pytest.raises(LimitUnmeasured):
            await actor.send("from the app", "standard")
        assert service.posts == ["script"]
        await actor.send("from the app", "standard", start=StartPolicy.UNMEASURED)
        assert await asyncio.to_thread(service.wait_for_posts, 2)
        service.late = 0.0
        service.finish()
        await actor.settled()
    assert (await asyncio.to_thread(ended, script)).code == 0


async def test_a_script_on_the_same_worker_leaves_the_turn_of_the_app_to_the_app(tmp_path: Path) -> None:
    """It reads the worker, which is at work, and sends nothing."""
    with serving(ScriptedService()) as scripted:
        person = Person(scripted, tmp_path)
        async with app_on(person) as app:
            actor = app.engine.actor(app.engine.new_session(app.settings.base_url).session_id)
            scripted.expect(Step(usd(1)))
            await actor.send("first")
            await actor.settled()
            scripted.expect(Step(usd(3), inside=Step(usd(2))))
            turn_id = await actor.send("ours")
            await asyncio.to_thread(scripted.until_held)
            script = person.start("-p", "script", "-w", "wrk_1", "--allow-unmeasured")
            assert (await asyncio.to_thread(ended, script)).code == Exit.NOT_SENT
            stored = await app.ledger.load(actor.session.session_id)
            assert stored is not None
            assert [turn.status for turn in stored.turns if turn.turn_id == turn_id] == [TurnStatus.ACCEPTED]
            scripted.go_on()
            session = await actor.settled()
            assert [turn.request.prompt for turn in session.turns] == ["first", "ours"]
            assert session.turns[1] == await app.ledger.database.run(
                lambda connection: load_turn(connection, turn_id, ())
            )
